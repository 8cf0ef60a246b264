//go:build !windows

package boltstore

import "math/bits"

// initialMap returns how much of a file is mapped ahead, 0 for what it needs.
func initialMap() int {
	if bits.UintSize < 64 {
		return 0
	}
	size := int64(mapSize)
	return int(size)
}
