package atomicfile_test

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"syscall"
	"testing"
)

// What is reserved changes neither contents nor size; a disk that has not so much says so.
func TestReserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f := create(t, path, "content")
	defer f.Discard()
	if err := f.Reserve(1 << 20); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil || info.Size() != int64(len("content")) {
		t.Errorf("size %d, %v, want that of the contents", info.Size(), err)
	}
	var pathErr *fs.PathError
	if err := f.Reserve(math.MaxInt64); !errors.As(err, &pathErr) || !errors.Is(err, syscall.EFBIG) && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Reserve of more than there is = %v, want EFBIG or ENOSPC", err)
	}
}
