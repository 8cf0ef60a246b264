package boltstore

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	bolt "go.etcd.io/bbolt"
)

// White-box, because there is no version before the first yet: the tests make one, and how to leave it.

func testLock(t *testing.T) Lock {
	t.Helper()
	l, err := Key(make([]byte, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// old makes a file of version 0, and has it migrated by fn while the test runs.
func old(t *testing.T, fn func(*Store, *bolt.Tx) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store")
	s, err := Open(path, testLock(t), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(headBucket).Put(versionKey, binary.BigEndian.AppendUint32(nil, 0))
	}), s.Close()); err != nil {
		t.Fatal(err)
	}
	migrations[0] = fn
	t.Cleanup(func() { delete(migrations, 0) })
	return path
}

func TestMigrate(t *testing.T) {
	calls := 0
	path := old(t, func(s *Store, tx *bolt.Tx) error {
		calls++
		m := &tx0{s, tx}
		return m.put(state.DuesTable, "key", []byte("text"))
	})
	for range 2 {
		s, err := Open(path, testLock(t), Options{})
		if err != nil {
			t.Fatalf("Open of an older version = %v", err)
		}
		if err := s.db.View(func(tx *bolt.Tx) error {
			t2 := &tx0{s, tx}
			if text, err := t2.get(state.DuesTable, "key"); err != nil || string(text) != "text" {
				t.Errorf("the migration left %q, %v", text, err)
			}
			v, _, err := version(tx)
			if v != Version {
				t.Errorf("the file is of version %d, want %d", v, Version)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	if calls != 1 {
		t.Errorf("the migration ran %d times", calls)
	}
}

// tx0 reads and writes sealed texts as a migration does.
type tx0 struct {
	s  *Store
	tx *bolt.Tx
}

func (m *tx0) put(table state.TableID, key string, text []byte) error {
	b, err := m.tx.CreateBucketIfNotExists(tableNames[table])
	if err != nil {
		return err
	}
	place := (&tx{}).placeIn(tableNames[table], []byte(key))
	return b.Put([]byte(key), m.s.sealer.seal(text, place))
}

func (m *tx0) get(table state.TableID, key string) ([]byte, error) {
	place := (&tx{}).placeIn(tableNames[table], []byte(key))
	return m.s.sealer.open(nil, m.tx.Bucket(tableNames[table]).Get([]byte(key)), place)
}

// A migration that fails leaves the file as it was.
func TestMigrateFails(t *testing.T) {
	failed := errors.New("no")
	path := old(t, func(_ *Store, tx *bolt.Tx) error {
		if err := tx.DeleteBucket(epochsBucket); err != nil {
			return err
		}
		return failed
	})
	if s, err := Open(path, testLock(t), Options{}); !errors.Is(err, failed) {
		t.Fatalf("Open = %v, %v, want the error of the migration", s, err)
	}
	migrations[0] = func(*Store, *bolt.Tx) error { return nil }
	s, err := Open(path, testLock(t), Options{})
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Error(err)
	}
}

// A write whose outcome is unknown ends all writing, and no reading. It is white-box because no test can have a sync
// fail.
func TestInDoubt(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store"), testLock(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := 0
	if err := s.update(func(t *tx) error {
		id = t.bolt.ID()
		state.Regions.Put(t, state.Everywhere, "r", &state.Region{ID: "r"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !s.visible(id) || s.visible(id+1) {
		t.Errorf("visible(%d) = %t, visible(%d) = %t, want true and false", id, s.visible(id), id+1, s.visible(id+1))
	}
	s.doubt = ErrInDoubt
	if err := s.Update(func(state.Tx) error { return nil }); !errors.Is(err, ErrInDoubt) {
		t.Errorf("Update = %v, want ErrInDoubt", err)
	}
	if err := s.View(func(tx state.Tx) error {
		if state.Regions.Get(tx, state.Everywhere, "r") == nil {
			t.Error("a View finds nothing")
		}
		return nil
	}); err != nil {
		t.Errorf("View = %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrInDoubt) {
		t.Errorf("Close = %v, want ErrInDoubt", err)
	}
	if !s.visible(id) {
		t.Error("nobody can say what a closed store shows, and visible does")
	}
}
