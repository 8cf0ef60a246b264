//go:build !arm

package atomicfile

import (
	"os"
	"syscall"
)

// syncFileRangeWrite is SYNC_FILE_RANGE_WRITE: begin with the pages of the range that are not under way already. It
// promises nothing about what is on disk afterwards, and takes no error away that Sync would report.
const syncFileRangeWrite = 2

// writeBack has the system begin to write n bytes of f from off to the disk.
var writeBack = func(f *os.File, off, n int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = syscall.SyncFileRange(int(fd), off, n, syncFileRangeWrite) }); err != nil {
		return err
	}
	return failed
}
