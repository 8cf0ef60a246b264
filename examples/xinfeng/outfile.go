package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

// errExists: a file is there already, and --force was not given.
var errExists = fmt.Errorf("%w; --force replaces it", fs.ErrExist)

// An outFile is a file that gets its name when it is whole. Until then it lies beside it, readable by its owner only.
type outFile struct {
	*os.File
	path  string
	force bool
	done  bool
}

// createOut begins the file of that name. Whoever calls it calls discard when all is done.
func createOut(path string, force bool) (*outFile, error) {
	switch info, err := os.Lstat(path); {
	case err != nil: // it does not exist, or creating it says what is wrong
	case info.IsDir():
		return nil, &fs.PathError{Op: "create", Path: path, Err: errors.New("it is a folder")}
	case info.Mode()&fs.ModeSymlink == 0 && !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "create", Path: path, Err: fmt.Errorf("it is %s", kindOf(info.Mode()))}
	case !force:
		return nil, &fs.PathError{Op: "create", Path: path, Err: errExists}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".xinfeng-*.tmp")
	if err != nil {
		return nil, err
	}
	return &outFile{File: f, path: path, force: force}, nil
}

// notItself refuses to write to path what is made of source, which is the same file under this or another name: --force
// is for files that can be spared.
func notItself(path string, source fs.FileInfo) error {
	if named, err := os.Stat(path); err == nil && os.SameFile(named, source) {
		return &fs.PathError{Op: "create", Path: path, Err: envelope.ErrSameFile}
	}
	return nil
}

// commit gives the file its name, permission bits and, unless it is zero, its time, and returns when it is on disk.
func (o *outFile) commit(mode fs.FileMode, mod time.Time) error {
	if err := o.Chmod(mode.Perm()); err != nil && runtime.GOOS != "windows" {
		return err
	}
	if !mod.IsZero() {
		if err := os.Chtimes(o.Name(), time.Time{}, mod); err != nil {
			return err
		}
	}
	if err := o.Sync(); err != nil {
		return err
	}
	if err := o.Close(); err != nil {
		return err
	}
	if !o.force { // a link fails where a file has the name, at once; discard removes the other name
		if err := os.Link(o.Name(), o.path); errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "create", Path: o.path, Err: errExists}
		} else if err != nil {
			return err
		}
		return syncFolder(o.path)
	}
	if err := os.Rename(o.Name(), o.path); err != nil {
		return err
	}
	o.done = true
	return syncFolder(o.path)
}

// discard removes what has no name yet.
func (o *outFile) discard() {
	if !o.done {
		o.done = true
		o.Close()
		os.Remove(o.Name())
	}
}

// syncFolder makes the name of a file durable, where the system can do that.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	dir.Sync() // not all file systems can
	return nil
}

// makeFolders makes the folder of a file to be written. Folders are for their owner only, or with keep like those that the
// file comes from.
func makeFolders(dst, src string, keep bool) error {
	dir := filepath.Dir(dst)
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeFolders(dir, filepath.Dir(src), keep); err != nil {
		return err
	}
	mode := fs.FileMode(0o700)
	if keep {
		if info, err := os.Stat(filepath.Dir(src)); err == nil {
			mode |= info.Mode().Perm()
		}
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
