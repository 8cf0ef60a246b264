package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// errExists: a file is there already, and --force was not given.
var errExists = fmt.Errorf("%w; --force replaces it", fs.ErrExist)

// An outFile is a file that gets its name when it is whole. Until then it lies beside it, readable by its owner only.
type outFile struct {
	*atomicfile.File
	path  string
	force bool
}

// createOut begins the file of that name. Whoever calls it calls Discard when all is done.
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
	f, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	return &outFile{f, path, force}, nil
}

// notItself refuses to write to path what is made of source, which is the same file under this or another name: --force
// is for files that can be spared.
func notItself(path string, source fs.FileInfo) error {
	if named, err := os.Stat(path); err == nil && os.SameFile(named, source) {
		return &fs.PathError{Op: "create", Path: path, Err: envelope.ErrSameFile}
	}
	return nil
}

// commit gives the file its attributes and its name, and returns when it is on disk.
func (o *outFile) commit(a atomicfile.Attributes) error {
	err := o.Commit(a, o.force)
	if !o.force && errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "create", Path: o.path, Err: errExists}
	}
	return err
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
