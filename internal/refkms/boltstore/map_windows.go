package boltstore

// initialMap returns how much of a file is mapped ahead, 0 for what it needs.
func initialMap() int { return 0 }
