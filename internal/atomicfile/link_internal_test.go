package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// File systems without links answer one of these. It is an internal test because none of them can be had everywhere.
func TestCommitWithoutLinks(t *testing.T) {
	defer func(was func(string, string) error) { link = was }(link)
	for _, refusal := range []error{syscall.EPERM, syscall.ENOSYS, errors.ErrUnsupported} {
		link = func(old, new string) error { return &os.LinkError{Op: "link", Old: old, New: new, Err: refusal} }
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		for i, want := range []error{nil, fs.ErrExist} { // the second finds the first
			f, err := Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString([]string{"first", "second"}[i]); err != nil {
				t.Fatal(err)
			}
			if err := f.Commit(Attributes{Mode: 0o640}, false); !errors.Is(err, want) {
				t.Errorf("%v: Commit %d = %v, want %v", refusal, i, err, want)
			}
			f.Discard()
			content, err := os.ReadFile(path)
			if err != nil || string(content) != "first" {
				t.Errorf("%v: after Commit %d: %q, %v", refusal, i, content, err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("%v: after Commit %d: %v, %v", refusal, i, entries, err)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
			t.Errorf("%v: mode %v, %v, want 0640", refusal, info.Mode(), err)
		}
	}
}
