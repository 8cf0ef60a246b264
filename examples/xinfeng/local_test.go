package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// newLocalWorld returns a world whose default is a local key service that is not there yet.
func newLocalWorld(t *testing.T) *world {
	w := newWorld(t)
	w.env["XINFENG_KMS"], w.env["XINFENG_KEY"] = "", ""
	return w
}

func TestLocalService(t *testing.T) {
	w := newLocalWorld(t)
	dir := w.env["XINFENG_DIR"]
	w.write("a", "hello")
	w.fails(exitNoAccess, "no local key service yet", "keys", "list")
	w.fails(exitNoAccess, "no local key service yet", "encrypt", "-k", "alias/xinfeng", "a")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("reading has made %s: %v", dir, err)
	}
	_, says := w.ok("encrypt", "a")
	if !strings.Contains(says, "made a key service in "+dir+": whoever can read that folder can read what is encrypted") {
		t.Errorf("it says %q", says)
	}
	for _, name := range []string{"", "kms.db", "kms.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, says = w.ok("encrypt", "-f", "a"); says != "a -> a.xf\n" {
		t.Errorf("the second time it says %q", says)
	}
	w.ok("decrypt", "-f", "a.xf")
	w.wantContent("a", "hello")

	// Other keys: any key of the service opens without being named, and only that named if one is.
	r := w.keyJSON("create", "--alias", "work")
	w.ok("encrypt", "-f", "-k", "alias/work", "a")
	w.ok("decrypt", "-f", "a.xf")
	w.ok("decrypt", "-f", "-k", r.KeyID, "a.xf")
	w.fails(exitNoAccess, "it is under another key", "decrypt", "-f", "-k", "alias/xinfeng", "a.xf")
	w.env["XINFENG_KEY"] = "alias/xinfeng, alias/work"
	w.ok("encrypt", "-f", "a")
	if i := w.inspects("a.xf"); len(i.Report.WrappedKeys) != 2 {
		t.Errorf("%d wrapped keys, want 2", len(i.Report.WrappedKeys))
	}
	w.env["XINFENG_KEY"] = ""
	w.ok("keys", "disable", "alias/work")
	w.ok("decrypt", "-f", "a.xf", "-k", "alias/work", "-k", "alias/xinfeng")
	w.fails(exitNoAccess, "'xinfeng keys enable'", "decrypt", "-f", "a.xf", "-k", "alias/work")

	// Without its key file the service does not open, and nothing is made anew.
	if err := os.Rename(filepath.Join(dir, "kms.key"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	w.fails(exitFailed, "kms.key", "encrypt", "-f", "a")
	w.ok("encrypt", "-f", "--kms", "cloud", "-k", w.key, "a")
	w.ok("encrypt", "-f", "--dir", "elsewhere", "a")
}

// A second process waits for the first, says so, and can be interrupted.
func TestLocalServiceInUse(t *testing.T) {
	w := newLocalWorld(t)
	dir := w.env["XINFENG_DIR"]
	w.write("a", "hello")
	w.ok("encrypt", "a")
	server, err := refkms.Open(filepath.Join(dir, "kms.db"), refkms.RootKeyFile(filepath.Join(dir, "kms.key")), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if code, _, says := w.runCtx(ctx, "decrypt", "-f", "a.xf"); code != exitFailed {
		t.Errorf("exit %d\n%s", code, says)
	}
	w.watch = writerFunc(func(said []byte) (int, error) {
		if strings.Contains(string(said), "waiting") {
			server.Close()
		}
		return len(said), nil
	})
	if _, says := w.ok("decrypt", "-f", "a.xf"); !strings.Contains(says, "waiting for another process that uses the key service in "+dir) || !strings.Contains(says, "a.xf -> a") {
		t.Errorf("it says %q", says)
	}
}

// A key that rotates opens what its older versions wrapped.
func TestLocalRotation(t *testing.T) {
	w := newLocalWorld(t)
	w.write("a", "hello")
	w.ok("encrypt", "a")
	w.ok("keys", "rotate", "alias/xinfeng", "--every", "7d")
	w.later(8 * 24 * time.Hour)
	w.ok("encrypt", "a", "-o", "b.xf")
	w.ok("decrypt", "-f", "a.xf", "b.xf")
	if a, b := w.inspects("a.xf").Versions, w.inspects("b.xf").Versions; a[0] == b[0] {
		t.Errorf("both are of version %v", a)
	}
}

// The folder of the key service is left out where it lies among what is encrypted under its keys: who deletes the files then,
// since there are messages of them, deletes what opens those. Under another key it is a backup.
func TestServiceIsLeftOut(t *testing.T) {
	w := newLocalWorld(t)
	w.env["XINFENG_DIR"] = "home/.config/xinfeng"
	w.write("home/a", "content")
	w.write("home/.config/b", "content")
	w.ok("encrypt", "-o", "first", "home/a")
	if _, says := w.ok("encrypt", "-r", "home", "-d", "safe"); !strings.Contains(says, "home/.config/xinfeng: left out: the folder of the key service") {
		t.Error(says)
	}
	w.wantNames("safe", ".config/b.xf", "a.xf")
	w.fails(exitFailed, "left out: the folder of the key service", "encrypt", "-r", "home/.config/xinfeng", "-d", "safe")
	w.fails(exitFailed, "kms.key: left out: the folder of the key service", "encrypt", "home/.config/x*/kms.key", "-d", "safe")
	w.wantNames("safe", ".config/b.xf", "a.xf")
	w.write("pass", "correct horse")
	w.ok("encrypt", "-r", "--passphrase-file", "pass", "home", "-d", "backup")
	w.wantNames("backup", ".config/b.xf", ".config/xinfeng/kms.db.xf", ".config/xinfeng/kms.key.xf", "a.xf")
}
