//go:build unix

package envelope_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// Who rewraps the files of others, as a worker of root does, takes them away from nobody: they keep mode, owner and group.
func TestRewrapKeepsOwner(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	provider, err := keyring.NewRawAES("test", text(32)) // a key for tests only
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 12345, 23456
	}
	for _, kind := range []format.Kind{format.Attached, format.Slots, format.Detached} {
		c := newClient(t, provider, &envelope.Options{Keys: kind, KeyStore: envelope.KeyDir(keys)})
		path := filepath.Join(dir, kind.String())
		writeFile(t, path, encrypt(t, c, text(100), nil), 0o640)
		files := []string{path}
		if kind == format.Detached {
			if files, err = filepath.Glob(filepath.Join(keys, "*.xfk")); err != nil || len(files) != 1 {
				t.Fatalf("key files: %q, %v", files, err)
			}
		}
		for _, f := range files {
			if err := os.Chown(f, uid, gid); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(f, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.RewrapFile(t.Context(), path, nil, nil); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			wantOwner(t, f, 0o640, uid, gid)
		}
	}
}

func wantOwner(t *testing.T, path string, mode fs.FileMode, uid, gid int) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); info.Mode() != mode || int(s.Uid) != uid || int(s.Gid) != gid {
		t.Errorf("%s: mode %v of %d:%d, want %v of %d:%d", filepath.Base(path), info.Mode(), s.Uid, s.Gid, mode, uid, gid)
	}
}
