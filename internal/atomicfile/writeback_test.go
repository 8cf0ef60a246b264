package atomicfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// TestWriteBack: the disk is asked for whole pages, each once, in order, up to less than a step behind what is written,
// and never for a short file. The contents are what was written.
func TestWriteBack(t *testing.T) {
	const step, align = atomicfile.WriteBackStep, atomicfile.WriteBackAlign
	for _, tt := range []struct {
		name    string
		size, n int // length of the file and of the calls
	}{
		{"short", step - 1, 100_000},
		{"a step", step, 1 << 20},
		{"a step in one call", step, step},
		{"many", 5*step + 1000, 1<<20 + 256},
		{"one call", 3*step + 5, 3*step + 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			f, err := atomicfile.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Discard()
			var written, begun int64
			atomicfile.SetWriteBack(t, func(off, n int64, err error) {
				if err != nil && !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("writeBack of %d bytes at %d = %v", n, off, err)
				}
				if off != begun || off%align != 0 || n%align != 0 || n < step || off+n > written {
					t.Errorf("the disk is asked for %d bytes at %d, want whole pages from %d to at most %d", n, off, begun, written)
				}
				begun = off + n
			})
			content := make([]byte, tt.size)
			for i := range content {
				content[i] = byte(i ^ i>>8)
			}
			for p := content; len(p) > 0; {
				n := min(tt.n, len(p))
				written += int64(n)
				if k, err := f.Write(p[:n]); k != n || err != nil {
					t.Fatalf("Write = %d, %v", k, err)
				}
				if written-begun >= step+align {
					t.Errorf("of %d bytes written the disk is asked for %d", written, begun)
				}
				p = p[n:]
			}
			if err := f.Commit(atomicfile.Attributes{Mode: 0o600}, true); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("the file has %d bytes, %v, want the %d written", len(got), err, len(content))
			}
		})
	}
}

// TestWriteBackOfNoFile: what the disk says early is not what Write says; a file that is closed is an error of Write itself.
func TestWriteBackOfNoFile(t *testing.T) {
	f := create(t, filepath.Join(t.TempDir(), "x"), "")
	f.Discard()
	if n, err := f.Write(make([]byte, atomicfile.WriteBackStep)); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write to a closed file = %d, %v, want 0, os.ErrClosed", n, err)
	}
}
