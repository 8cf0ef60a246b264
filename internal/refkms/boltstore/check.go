package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
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
		check := checkOf(t, name)
		if check == nil {
			f.add(fmt.Errorf("%w: a table %q", ErrDamaged, name))
			return nil
		}
		var last []byte
		return b.ForEach(func(key, value []byte) error {
			if bytes.Compare(key, last) <= 0 {
				f.add(fmt.Errorf("%w: %q out of order in %q", ErrDamaged, key, name))
			}
			last = key
			if err := check(key, value); err != nil {
				f.add(err)
			}
			return nil
		})
	})
}

// checkOf returns what checks a record of a bucket, nil if there is no such bucket.
func checkOf(t *tx, name []byte) func(key, value []byte) error {
	switch string(name) {
	case string(headBucket):
		return t.checkHead
	case string(epochsBucket):
		return func(number, salt []byte) error {
			if len(number) == 4 {
				if e := t.sealer.epochs[binary.BigEndian.Uint32(number)]; e != nil && bytes.Equal(salt, e.salt) {
					return nil
				}
			}
			return fmt.Errorf("%w: epoch %x is not what it was", ErrDamaged, number)
		}
	case string(trailBucket):
		return func(key, value []byte) error {
			text, err := t.sealer.open(nil, value, t.placeIn(trailBucket, key))
			if err == nil {
				err = new(trail.Record).UnmarshalBinary(text)
			}
			if err != nil {
				return fmt.Errorf("%w: a record of the trail: %v", ErrDamaged, err)
			}
			return nil
		}
	case string(orderBucket):
		records := t.bolt.Bucket(trailBucket)
		return func(number, key []byte) error {
			if records == nil || len(key) < placeSize || !bytes.HasSuffix(key, number) || records.Get(key) == nil {
				return fmt.Errorf("%w: record %x of the trail is not there", ErrDamaged, number)
			}
			return nil
		}
	}
	i := slices.IndexFunc(tableNames[:], func(n []byte) bool { return bytes.Equal(n, name) })
	if i < 0 {
		return nil
	}
	table := state.TableID(i)
	return func(key, value []byte) (err error) {
		t.at(table, "", string(key))
		t.decode(table, value)
		err, t.err = t.err, nil
		return err
	}
}

// checkHead checks what a file says of itself. The lock is not tried again.
func (t *tx) checkHead(key, value []byte) (err error) {
	ok := false
	switch string(key) {
	case string(versionKey):
		ok = len(value) == 4 && binary.BigEndian.Uint32(value) == Version
	case string(rootKey):
		ok = len(value) == lockedSize
	case string(trailKey):
		ok = len(value) == 8
	case string(aheadKey):
		_, err := t.ahead(value)
		return err
	}
	if !ok {
		err = fmt.Errorf("%w: %q in its head, of %d bytes", ErrDamaged, key, len(value))
	}
	return err
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
