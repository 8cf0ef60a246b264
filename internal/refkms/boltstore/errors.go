package boltstore

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// The causes for which a file is not opened, and for which it fails once it is open.
var (
	ErrInUse    = errors.New("boltstore: file is in use by another process")
	ErrWrongKey = errors.New("boltstore: key or passphrase is not that of the file")
	ErrNewer    = errors.New("boltstore: file is of a newer version of this program")
	ErrNotStore = errors.New("boltstore: not a file of this program")
	ErrMode     = errors.New("boltstore: file can be read by others than its owner")
	// ErrDamaged is that of a record that does not authenticate or does not decode, and of a file whose pages make no
	// sense.
	ErrDamaged = errors.New("boltstore: file is damaged")
	// ErrNotWritten is that of an Update which could not be written: a disk that is full, a limit on files. Nothing of it
	// is kept. The cause is wrapped where bbolt passes it on.
	ErrNotWritten = errors.New("boltstore: not written")
	// ErrInDoubt is that of every Update after a write of which nobody can say whether it is on disk.
	ErrInDoubt = errors.New("boltstore: a write failed and left the file in doubt; close it and open it again")
)

// guard calls fn and returns as an ErrDamaged what it panics with. bbolt takes its pages as it finds them, and a file is
// mapped into memory: where it ends too early, reading faults.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return fn()
}
