package atomicfile

import (
	"context"
	"os"
	"time"
)

// poll is how long a wait for a lock goes on before it is tried again. Waiting in the system call instead could not be
// ended by a context.
const poll = 5 * time.Millisecond

// Lock takes the exclusive lock of an open file among the processes and opened files that ask for it, and waits for it
// as long as ctx is not done. It ends with unlock, or when the file is closed. It keeps nobody from reading, writing or
// renaming who does not ask. Where the system has no such lock, the error matches errors.ErrUnsupported.
func Lock(ctx context.Context, f *os.File) (unlock func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ok, err := tryLock(f)
		if err != nil {
			return nil, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		if ok {
			return func() { unlockFile(f) }, nil
		}
		t := time.NewTimer(poll)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}
