package atomicfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	create(t, path, "").Commit(atomicfile.Attributes{Mode: 0o600}, true)
	open := func() *os.File {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	unlock, err := atomicfile.Lock(t.Context(), open())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no file locks on this system")
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := atomicfile.Lock(ctx, open())
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("Lock of a locked file, cancelled = %v, want context.Canceled", err)
	}
	go func() {
		_, err := atomicfile.Lock(t.Context(), open())
		waiting <- err
	}()
	unlock()
	if err := <-waiting; err != nil {
		t.Errorf("Lock after unlock = %v", err)
	}
}
