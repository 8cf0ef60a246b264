//go:build unix

package atomicfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// A file gets owner and group of another as far as the process may give it away. What it may not is no error.
func TestCommitOwner(t *testing.T) {
	like, err := os.Stat("/") // of root
	if err != nil {
		t.Fatal(err)
	}
	root := os.Getuid() == 0
	path := filepath.Join(t.TempDir(), "x")
	if root { // which can make it somebody else's
		other := filepath.Join(t.TempDir(), "other")
		if err := os.WriteFile(other, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(other, 12345, 23456); err != nil {
			t.Fatal(err)
		}
		if like, err = os.Stat(other); err != nil {
			t.Fatal(err)
		}
	}
	f := create(t, path, "content")
	defer f.Discard()
	if err := f.Commit(atomicfile.Attributes{Mode: 0o640, Owner: like}, true); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if is, want := info.Sys().(*syscall.Stat_t), like.Sys().(*syscall.Stat_t); info.Mode() != 0o640 || root && (is.Uid != want.Uid || is.Gid != want.Gid) {
		t.Errorf("mode %v of %d:%d, want 0640 of %d:%d", info.Mode(), is.Uid, is.Gid, want.Uid, want.Gid)
	}
}
