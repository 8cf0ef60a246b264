//go:build !linux

package atomicfile

// Reserve takes space on the disk for a file of n bytes where the system has a call for that. This one has none, or none
// that the standard library knows.
func (f *File) Reserve(n int64) error { return nil }
