package boltstore

import (
	"bytes"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	bolt "go.etcd.io/bbolt"
)

// Snapshot keeps all records as they are now, sealed, in memory. Each call of restore takes the tables back to them, in
// one Update that writes what has changed since. The trail stays.
func (s *Store) Snapshot() (restore func() error) {
	var kept [state.TableCount][]entry
	err := s.view(func(t *tx) error {
		for table, name := range tableNames {
			kept[table] = entriesOf(t.bolt.Bucket(name))
		}
		return nil
	})
	return func() error {
		if err != nil {
			return err
		}
		return s.update(func(t *tx) error {
			for table := range kept {
				t.takeBack(state.TableID(table), kept[table])
			}
			return nil
		})
	}
}

// entriesOf returns copies of all there is in a bucket, which may be nil.
func entriesOf(b *bolt.Bucket) (entries []entry) {
	if b != nil {
		c := b.Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			entries = append(entries, entry{bytes.Clone(key), bytes.Clone(value)})
		}
	}
	return entries
}

// takeBack makes a table what it was. Both lists are in the order of their keys.
func (t *tx) takeBack(table state.TableID, was []entry) {
	b, _ := t.at(table, "", "")
	if b == nil {
		return // and has been at the time: a bucket stays
	}
	is := entriesOf(b)
	for len(was) > 0 || len(is) > 0 {
		order := 0
		switch {
		case len(is) == 0:
			order = -1
		case len(was) == 0:
			order = 1
		default:
			order = bytes.Compare(was[0].key, is[0].key)
		}
		switch {
		case order > 0: // made since
			t.change(b, is[0].key, nil)
		case order < 0 || !bytes.Equal(was[0].text, is[0].text):
			t.change(b, was[0].key, was[0].text)
		}
		if order <= 0 {
			was = was[1:]
		}
		if order >= 0 {
			is = is[1:]
		}
	}
}
