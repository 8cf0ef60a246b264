package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// asOwner gives dir to somebody and calls f as him, since root may do everything to every directory.
func asOwner(t *testing.T, dir string, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		const nobody = 65534
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		runtime.LockOSThread() // the identity is of the thread
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	f()
}

// A directory in which one may write but not read, as a drop box has, cannot be synced. That is found before anything
// has the name.
func TestCommitIntoUnreadableDirectory(t *testing.T) {
	dir, err := os.MkdirTemp("", "xinfeng-test-") // t.TempDir lies in a directory that only we enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "x")
	for _, replace := range []bool{true, false} {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o300); err != nil {
			t.Fatal(err)
		}
		asOwner(t, dir, func() {
			f := create(t, path, "new")
			defer f.Discard()
			if err := f.Commit(atomicfile.Attributes{Mode: 0o600}, replace); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("Commit, replace=%v, = %v, want fs.ErrPermission", replace, err)
			}
		})
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "old" || len(names(t, dir)) != 1 {
			t.Errorf("content = %q, %v, want the old one; directory holds %v", got, err, names(t, dir))
		}
	}
}
