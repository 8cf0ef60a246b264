// Package atomicfile writes files that appear under their name whole or not at all.
//
// The contents go to a temporary file in the same directory, readable by its owner only; Commit syncs it, renames it and
// syncs the directory. Whatever goes wrong before the rename leaves what was there untouched and nothing beside it, but
// a process that is killed leaves the temporary file.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// A File is a file that has no name yet. It is not safe for concurrent use.
type File struct {
	*os.File
	path string
	done bool

	written int64 // bytes written by Write
	begun   int64 // of them, those that the disk was asked for
}

// Create makes a temporary file, mode 0600, beside path. The caller calls Discard when all is done, whether or not he
// calls Commit before.
func Create(path string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".xinfeng-*.tmp")
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path}, nil
}

// Attributes are what a file has beside its contents.
type Attributes struct {
	Mode    fs.FileMode // permission bits; others are ignored
	ModTime time.Time   // zero: now

	// Owner is a file whose owner and group this one gets, as far as the process may give files away; nil: the process's.
	Owner fs.FileInfo
}

// Commit gives the file its attributes and its name, and returns when both are on disk as far as fsync reaches. A file
// that has the name already is replaced, a symbolic link too, unless replace is false: then the error matches fs.ErrExist.
// After an error the name is what it was before, unless the very last step failed, the sync of a directory that could be
// opened for it.
func (f *File) Commit(a Attributes, replace bool) error {
	if f.done {
		return fs.ErrClosed
	}
	if a.Owner != nil { // before the bits, which let others in, and which it may take away
		if err := f.own(a.Owner); err != nil {
			return err
		}
	}
	if err := f.Chmod(a.Mode.Perm()); err != nil && runtime.GOOS != "windows" {
		return err
	}
	if !a.ModTime.IsZero() {
		if err := os.Chtimes(f.Name(), time.Time{}, a.ModTime); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := openDir(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	if !replace {
		// A link fails where a file has the name, at once and without a race; the temporary name goes with Discard.
		err := link(f.Name(), f.path)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
			err = f.claim()
		}
		if err != nil {
			return err
		}
		return syncDir(dir)
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		return err
	}
	f.done = true
	return syncDir(dir)
}

// link is os.Link. Tests of this package put a file system in its place that has none.
var link = os.Link

// claim gives the file its name where there are no links, as on memory cards: the name is taken by an empty file, which
// fails at once where there is one, and that is replaced. A process that is killed in between leaves the empty file.
func (f *File) claim() error {
	empty, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = empty.Close()
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.path)
		return err
	}
	f.done = true
	return nil
}

// Discard closes and removes the temporary file. After a Commit that succeeded it removes nothing but that.
func (f *File) Discard() {
	if !f.done {
		f.done = true
		f.Close()
		os.Remove(f.Name())
	}
}

// SyncDir makes the names in a directory durable. Where the system cannot do that to a directory, it does nothing.
func SyncDir(path string) error {
	dir, err := openDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return syncDir(dir)
}

// openDir opens a directory to sync it. Where the system cannot do that it returns nil, which syncDir and Close take.
func openDir(path string) (*os.File, error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	return os.Open(path)
}

func syncDir(dir *os.File) error {
	if dir == nil {
		return nil
	}
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
