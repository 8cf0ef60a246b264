package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

func names(t *testing.T, dir string) (n []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n = append(n, e.Name())
	}
	return n
}

func create(t *testing.T, path, content string) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	when := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, content := range []string{"one", "two"} { // the second replaces the first
		f := create(t, path, content)
		if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("temporary file has mode %v, %v, want 0600", info.Mode(), err)
		}
		if err := f.Commit(atomicfile.Attributes{Mode: 0o640 | fs.ModeSetuid, ModTime: when}, true); err != nil {
			t.Fatal(err)
		}
		f.Discard()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("content = %q, %v, want %q", got, err, content)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o640 || !info.ModTime().Equal(when) {
			t.Errorf("mode %v, time %v, %v", info.Mode(), info.ModTime(), err)
		}
	}
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("left behind: %v", n)
	}
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := create(t, path, "new")
	f.Discard()
	f.Discard()
	if err := f.Commit(atomicfile.Attributes{}, true); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Commit after Discard = %v, want fs.ErrClosed", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("content %q, names %v", got, names(t, dir))
	}
}

func TestCommitWithoutReplacing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for i, want := range []error{nil, fs.ErrExist} {
		f := create(t, path, "content")
		if err := f.Commit(atomicfile.Attributes{Mode: 0o600}, false); !errors.Is(err, want) {
			t.Errorf("Commit %d = %v, want %v", i, err, want)
		}
		f.Discard()
		if n := names(t, dir); len(n) != 1 {
			t.Errorf("after Commit %d: %v", i, n)
		}
	}
}

// A directory under the name stays, and nothing is left beside it.
func TestCommitOntoDirectory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	f := create(t, path, "content")
	var linkErr *os.LinkError
	if err := f.Commit(atomicfile.Attributes{Mode: 0o600}, true); !errors.As(err, &linkErr) {
		t.Errorf("Commit = %v, want an os.LinkError", err)
	}
	f.Discard()
	if n := names(t, dir); len(n) != 1 {
		t.Errorf("left behind: %v", n)
	}
}

func TestNoDirectory(t *testing.T) {
	if _, err := atomicfile.Create(filepath.Join(t.TempDir(), "none", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create = %v, want fs.ErrNotExist", err)
	}
	if err := atomicfile.SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SyncDir = %v, want fs.ErrNotExist", err)
	}
}
