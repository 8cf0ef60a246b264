package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func passphrase(t *testing.T, text string) boltstore.Lock {
	t.Helper()
	l, err := boltstore.Passphrase([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Each lock opens what it has closed, and no other does.
func TestLocks(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "store"), filepath.Join(dir, "other")
	if err := os.WriteFile(other, bytes.Repeat([]byte("k"), boltstore.KeySize), 0o600); err != nil {
		t.Fatal(err)
	}
	locks := []boltstore.Lock{
		key(t, 1), key(t, 2), boltstore.KeyFile(filepath.Join(dir, "key"), false), boltstore.KeyFile(other, false), passphrase(t, "one"), passphrase(t, "two"),
	}
	for i, l := range locks {
		if i == 0 {
			open(t, path).Close()
		} else {
			s, err := boltstore.Open(path, locks[i-1], boltstore.Options{NoSync: true})
			if err != nil {
				t.Fatalf("Open with lock %d = %v", i-1, err)
			}
			if err := errors.Join(s.SetLock(l), s.Close()); err != nil {
				t.Fatalf("SetLock to %d = %v", i, err)
			}
		}
		for k, wrong := range locks[:4] { // passphrases take long
			if k == i {
				continue
			}
			if s, err := boltstore.Open(path, wrong, boltstore.Options{}); !errors.Is(err, boltstore.ErrWrongKey) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("locked by %d, Open with %d = %v, %v, want ErrWrongKey", i, k, s, err)
			}
		}
	}
	if s, err := boltstore.Open(path, passphrase(t, "One"), boltstore.Options{}); !errors.Is(err, boltstore.ErrWrongKey) {
		t.Errorf("Open with another passphrase = %v, %v, want ErrWrongKey", s, err)
	}
	for _, l := range locks {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if text := fmt.Sprintf(verb, l); strings.Contains(text, "two") || strings.Contains(text, "74776f") || strings.Contains(text, "kkkk") {
				t.Errorf("%s shows the lock: %s", verb, text)
			}
		}
	}
}

func TestLocksRefuse(t *testing.T) {
	if _, err := boltstore.Key(make([]byte, boltstore.KeySize+1)); err == nil {
		t.Error("Key takes 33 bytes")
	}
	if _, err := boltstore.Passphrase(nil); err == nil {
		t.Error("Passphrase takes none")
	}
	dir := t.TempDir()
	for name, size := range map[string]int{"short": boltstore.KeySize - 1, "long": boltstore.KeySize + 1} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := boltstore.Open(filepath.Join(dir, "store"), boltstore.KeyFile(path, false), boltstore.Options{}); err == nil || !strings.Contains(err.Error(), "want 32 bytes") {
			t.Errorf("Open with a key file of %d bytes = %v, %v", size, s, err)
		}
	}
	if s, err := boltstore.Open(filepath.Join(dir, "store"), boltstore.KeyFile(filepath.Join(dir, "none", "key"), false), boltstore.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open with a key file in no directory = %v, %v, want fs.ErrNotExist", s, err)
	}
	if s, err := boltstore.Open(filepath.Join(dir, "store"), boltstore.KeyFile(dir, false), boltstore.Options{}); !errors.Is(err, boltstore.ErrNotStore) {
		t.Errorf("Open with a directory for a key file = %v, %v, want ErrNotStore", s, err)
	}
	if runtime.GOOS != "windows" {
		wide := filepath.Join(dir, "wide")
		if err := os.WriteFile(wide, make([]byte, boltstore.KeySize), 0o644); err != nil {
			t.Fatal(err)
		}
		if s, err := boltstore.Open(filepath.Join(dir, "store"), boltstore.KeyFile(wide, false), boltstore.Options{}); !errors.Is(err, boltstore.ErrMode) {
			t.Errorf("Open with a key file of mode 0644 = %v, %v, want ErrMode", s, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("refusals have left a file, or %v", err)
	}
}

func TestBackupRestore(t *testing.T) {
	path := sample(t)
	s := open(t, path)
	var backup bytes.Buffer
	if err := s.Backup(&backup); err != nil {
		t.Fatalf("Backup = %v", err)
	}
	failed := errors.New("no")
	if err := s.Backup(failingWriter{failed}); err == nil {
		t.Error("Backup to a writer that fails succeeds")
	}
	s.Close()
	if err := s.Backup(&backup); !errors.Is(err, state.ErrClosed) {
		t.Errorf("Backup of a closed store = %v, want ErrClosed", err)
	}
	dir := t.TempDir()
	restored := filepath.Join(dir, "restored")
	for name, tt := range map[string]struct {
		backup []byte
		lock   boltstore.Lock
		want   error
	}{
		"cut":         {backup.Bytes()[:backup.Len()/2], key(t, 1), boltstore.ErrDamaged},
		"nothing":     {nil, key(t, 1), boltstore.ErrNotStore},
		"another key": {backup.Bytes(), key(t, 2), boltstore.ErrWrongKey},
	} {
		if err := boltstore.Restore(restored, bytes.NewReader(tt.backup), tt.lock); !errors.Is(err, tt.want) {
			t.Errorf("%s: Restore = %v, want %v", name, err, tt.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("refusals have left %v, %v", left, err)
	}
	if err := boltstore.Restore(restored, bytes.NewReader(backup.Bytes()), key(t, 1)); err != nil {
		t.Fatalf("Restore = %v", err)
	}
	if err := boltstore.Restore(restored, bytes.NewReader(backup.Bytes()), key(t, 1)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Restore to a file that is there = %v, want fs.ErrExist", err)
	}
	if got := content(t, open(t, restored)); len(got) != 2 || got["alias/a"] != "kalias/a" {
		t.Errorf("the restored store holds %v", got)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestSnapshot(t *testing.T) {
	s := open(t, sample(t))
	was := content(t, s)
	restore := s.Snapshot()
	for range 2 {
		update(t, s, func(tx state.Tx) {
			state.Aliases.Delete(tx, world, "alias/a")
			state.Aliases.Put(tx, world, "alias/b", &state.Alias{Name: "alias/b", KeyID: "another"})
			state.Aliases.Put(tx, world, "alias/c", &state.Alias{Name: "alias/c", KeyID: "c"})
			state.Keys.Put(tx, world, "k", &state.Key{ID: "k", State: state.PendingDeletion, DeletionDate: 9}) // a table that was not there
		})
		if s.NextDue() != 9 {
			t.Errorf("NextDue = %d, want 9", s.NextDue())
		}
		if err := restore(); err != nil {
			t.Fatalf("restore = %v", err)
		}
		if got := content(t, s); len(got) != 2 || got["alias/a"] != was["alias/a"] || got["alias/b"] != was["alias/b"] || s.NextDue() != state.Never {
			t.Errorf("restored, the store holds %v and is due at %d, want %v and never", got, s.NextDue(), was)
		}
		view := s.View(func(tx state.Tx) error {
			if state.Keys.Get(tx, world, "k") != nil {
				t.Error("a key made since is there")
			}
			n := 0
			state.AliasesOf(tx, world, "another", func(string) bool { n++; return true })
			if n > 0 {
				t.Error("an index was not restored")
			}
			return nil
		})
		if view != nil {
			t.Errorf("View = %v", view)
		}
	}
	s.Close()
	if err := restore(); !errors.Is(err, state.ErrClosed) {
		t.Errorf("restore of a closed store = %v, want ErrClosed", err)
	}
	if err := s.Snapshot()(); !errors.Is(err, state.ErrClosed) {
		t.Errorf("restore to a snapshot of a closed store = %v, want ErrClosed", err)
	}
}

func TestAhead(t *testing.T) {
	path := sample(t)
	for _, want := range []time.Duration{0, time.Hour, 1 << 62} {
		s := open(t, path)
		if want > 0 {
			if err := s.SetAhead(want); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = open(t, path)
		}
		if got, err := s.Ahead(); got != want || err != nil {
			t.Errorf("Ahead = %v, %v, want %v", got, err, want)
		}
		s.Close()
	}
	edit(t, path, replace("xinfeng-refkms", "ahead", func(b []byte) []byte { b[20] ^= 1; return b }))
	if got, err := open(t, path).Ahead(); !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("Ahead of a clock that does not authenticate = %v, %v, want ErrDamaged", got, err)
	}
}
