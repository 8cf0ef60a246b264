//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package boltstore

import (
	"os"
	"syscall"
)

// abandon closes a file that bbolt has locked and mapped, and knows no more of. The map keeps the lock as well, so the
// lock is given up first.
func abandon(f *os.File) {
	syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	f.Close()
}
