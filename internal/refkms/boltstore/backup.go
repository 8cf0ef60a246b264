package boltstore

import (
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// Backup writes the file as it is at one moment, sealed under the same root key and the same lock, while everything
// goes on. Records of the trail that wait are written to the file before, if it can be written to.
func (s *Store) Backup(w io.Writer) error {
	s.flush()
	btx, err := s.db.Begin(false)
	if err != nil {
		return storeError(err)
	}
	defer btx.Rollback()
	if _, err := btx.WriteTo(w); err != nil {
		return fmt.Errorf("boltstore: backup: %w", err)
	}
	return nil
}

// Restore makes the file of a store at path, where there must be none, of what Backup wrote. The file appears whole,
// once all of it has been checked, or not at all.
func Restore(path string, backup io.Reader, l Lock) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return fmt.Errorf("boltstore: restore: %w", err)
	}
	defer f.Discard()
	if _, err := io.Copy(f, backup); err != nil {
		return fmt.Errorf("boltstore: restore: %w", err)
	}
	s, err := Open(f.Name(), l, Options{})
	if err != nil {
		return err
	}
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		return err
	}
	if err := f.Commit(atomicfile.Attributes{Mode: 0o600}, false); err != nil {
		return fmt.Errorf("boltstore: restore: %w", err)
	}
	return nil
}

// SetLock has the file closed by another lock, and by no other from then on; no record is sealed anew. Copies of the
// file, and pages of it that are not in use any more, may still be opened by the old one.
func (s *Store) SetLock(l Lock) error {
	closed, err := closeRoot(s.sealer.root, l, true)
	if err != nil {
		return err
	}
	return s.update(func(t *tx) error {
		t.change(t.bolt.Bucket(headBucket), rootKey, closed)
		return nil
	})
}
