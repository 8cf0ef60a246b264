package atomicfile

import (
	"os"
	"testing"
)

// SetWriteBack has writeBack tell see what it is asked for and what it answers, for the length of a test, which is not to
// run in parallel with others.
func SetWriteBack(t *testing.T, see func(off, n int64, err error)) {
	old := writeBack
	writeBack = func(f *os.File, off, n int64) error {
		err := old(f, off, n)
		see(off, n, err)
		return err
	}
	t.Cleanup(func() { writeBack = old })
}

const (
	WriteBackStep  = writeBackStep
	WriteBackAlign = writeBackAlign
)
