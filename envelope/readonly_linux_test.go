package envelope_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// asNobody calls f as somebody who owns the directory and what is in it, if we are root, who may write to every file.
func asNobody(t *testing.T, dir string, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		const nobody = 65534
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := os.Chown(filepath.Join(dir, e.Name()), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
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

// A message that may only be read is rewrapped where it is not written to: with detached keys, and by a new file. Slots
// say what they lack, before anybody is asked.
func TestRewrapFileReadOnly(t *testing.T) {
	for _, kind := range kinds {
		dir, err := os.MkdirTemp("", "xinfeng-test-") // t.TempDir lies in a directory that only we enter
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		store := envelope.KeyDir(filepath.Join(dir, "keys"))
		if err := os.Mkdir(string(store), 0o777); err != nil {
			t.Fatal(err)
		}
		p := newRenewing(t, "a", 1)
		m := encrypt(t, newClient(t, p, options(t, kind, store)), text(10), rewrapContext)
		path := filepath.Join(dir, "m")
		writeFile(t, path, m, 0o400)
		want := error(nil)
		if kind == format.Slots {
			want = fs.ErrPermission
		}
		if kind == format.Detached {
			ref := header(t, m).Reference
			if err := os.Chmod(filepath.Join(string(store), ref.String()+".xfk"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(string(store), 0o777); err != nil { // whatever the umask
				t.Fatal(err)
			}
		}
		asNobody(t, dir, func() {
			if _, err := newClient(t, p, &envelope.Options{KeyStore: store}).RewrapFile(t.Context(), path, rewrapContext, nil); !errors.Is(err, want) {
				t.Errorf("%v: RewrapFile = %v, want %v", kind, err, want)
			}
		})
		if p.renewed != 1 && want == nil || p.renewed+p.opened != 0 && want != nil {
			t.Errorf("%v: %d renewed, %d opened", kind, p.renewed, p.opened)
		}
		now, err := os.ReadFile(path)
		if err != nil || bytes.Equal(now, m) != (kind != format.Attached) {
			t.Errorf("%v: the message is as it was: %v, %v", kind, bytes.Equal(now, m), err)
		}
		checkOpens(t, p.RawAES, store, now, text(10))
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o400 {
			t.Errorf("%v: mode %v, %v, want 0400", kind, info.Mode(), err)
		}
	}
}
