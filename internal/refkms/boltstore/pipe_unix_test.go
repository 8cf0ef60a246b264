//go:build unix

package boltstore_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
)

// A pipe that nobody writes to keeps nobody waiting, in the place of the key file or of the store. Where it does, the
// test hangs.
func TestPipes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if s, err := boltstore.Open(filepath.Join(dir, "store"), boltstore.KeyFile(pipe, false), boltstore.Options{}); !errors.Is(err, boltstore.ErrNotStore) {
		t.Errorf("Open with a pipe as the key file = %v, %v, want ErrNotStore", s, err)
	}
	if s, err := boltstore.Open(pipe, key(t, 1), boltstore.Options{}); !errors.Is(err, boltstore.ErrNotStore) {
		t.Errorf("Open of a pipe = %v, %v, want ErrNotStore", s, err)
	}
}
