//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package boltstore

import "os"

// abandon closes a file that bbolt has locked and mapped, and knows no more of.
func abandon(f *os.File) { f.Close() }
