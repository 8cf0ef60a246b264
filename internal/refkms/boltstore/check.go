package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	bolt "go.etcd.io/bbolt"
)

// maxFaults is how many faults Check tells.
const maxFaults = 20

// faults are what Check has found.
type faults struct {
	errs []error
	more int
}

func (f *faults) add(err error) {
	if len(f.errs) < maxFaults {
		f.errs = append(f.errs, err)
	} else {
		f.more++
	}
}

func (f *faults) err() error {
	if f.more > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("%w: %d more", ErrDamaged, f.more))...)
	}
	return errors.Join(f.errs...)
}

// Check reads everything: that each record authenticates and decodes, that keys are in order and tables are those of this
// version, and then, while Updates wait, that bbolt's pages are each in use or free, and not both. What it finds matches
// [ErrDamaged]; it tells the first 20 faults and the number of the others.
func (s *Store) Check() error {
	btx, err := s.db.Begin(false)
	if err != nil {
		return storeError(err)
	}
	defer btx.Rollback()
	f := new(faults)
	if err := guard(func() error { return s.checkRecords(btx, f) }); err != nil {
		f.add(err)
	}
	if len(f.errs) == 0 { // or else bbolt's own check may meet a page that is not there, where nobody catches it
		s.checkPages(f)
	}
	return f.err()
}

func (s *Store) checkRecords(btx *bolt.Tx, f *faults) error {
	t := &tx{sealer: s.sealer, bolt: btx}
	return btx.ForEach(func(name []byte, b *bolt.Bucket) error {
		table := slices.IndexFunc(tableNames[:], func(n []byte) bool { return bytes.Equal(n, name) })
		known := table >= 0 || bytes.Equal(name, headBucket) || bytes.Equal(name, epochsBucket)
		if !known {
			f.add(fmt.Errorf("%w: a table %q", ErrDamaged, name))
		}
		var last []byte
		return b.ForEach(func(key, value []byte) error {
			if bytes.Compare(key, last) <= 0 {
				f.add(fmt.Errorf("%w: %q out of order in %q", ErrDamaged, key, name))
			}
			last = key
			if table < 0 {
				return nil
			}
			t.at(state.TableID(table), "", string(key))
			if t.decode(state.TableID(table), value); t.err != nil {
				f.add(t.err)
				t.err = nil
			}
			return nil
		})
	})
}

// checkPages has bbolt check its pages, which it cannot while somebody commits. A batch that is open has written no page.
func (s *Store) checkPages(f *faults) {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	btx, err := s.db.Begin(false)
	if err != nil {
		f.add(storeError(err))
		return
	}
	defer btx.Rollback()
	for err := range btx.Check() {
		f.add(fmt.Errorf("%w: %v", ErrDamaged, err))
	}
}
