//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"syscall"
)

// own gives the file the owner and group of another. What the process may not give stays as it is.
func (f *File) own(of fs.FileInfo) error {
	want, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return nil // it is not of this system
	}
	is, err := f.Stat()
	if err != nil {
		return err
	}
	if have, ok := is.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	err = f.Chown(int(want.Uid), int(want.Gid))
	if errors.Is(err, fs.ErrPermission) {
		err = f.Chown(-1, int(want.Gid)) // a group of its own it may give
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
