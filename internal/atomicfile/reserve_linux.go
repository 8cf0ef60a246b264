package atomicfile

import (
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE: the file is not longer than what is written to it, whatever is reserved.
const keepSize = 1

// Reserve takes space on the disk for a file of n bytes, without changing its contents or its size. It returns an error if
// there is not so much; one that the system or the file system does not know how to reserve is not reserved, and no error.
func (f *File) Reserve(n int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) {
		for failed = syscall.EINTR; failed == syscall.EINTR; {
			failed = syscall.Fallocate(int(fd), keepSize, 0, n)
		}
	}); err != nil {
		return err
	}
	switch failed {
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return &os.PathError{Op: "reserve", Path: f.Name(), Err: failed}
	}
	return nil
}
