package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
	bolt "go.etcd.io/bbolt"
)

// Version is the version of files that this program writes. What is read of a file before its version is known (the
// bucket and its keys below) never changes. A table, a field or a kind that is new makes a new version, because a
// program that does not know it must not write to the file.
const Version = 1

// The bucket of what a file says of itself, and what is in it.
var (
	headBucket = []byte("xinfeng-refkms")
	versionKey = []byte("version") // 4 bytes, big-endian
	rootKey    = []byte("root")    // the root key, closed by a lock
	trailKey   = []byte("trail")   // bytes that the records of the trail take, 8 bytes
	aheadKey   = []byte("ahead")   // nanoseconds that the clock is ahead, 8 bytes, sealed

	epochsBucket = []byte("epochs") // number, 4 bytes: salt
)

// migrations has at n what makes a file of version n one of version n+1. All that a file needs happen in one
// transaction: it is of its old version or of the newest, whatever happens.
var migrations = map[uint32]func(*Store, *bolt.Tx) error{}

// pageSize is that of new files, in bytes: the same on every machine, so that files move.
const pageSize = 4096

// create makes the file of a new store. It appears whole or not at all: whoever finds it finds a root key in it. If
// another process makes it meanwhile, that one's stays.
func create(path string, l Lock) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	defer f.Discard()
	db, err := bolt.Open(f.Name(), 0o600, &bolt.Options{PageSize: pageSize, NoGrowSync: true})
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error { return initialize(tx, l) })
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("boltstore: create %q: %w", path, err)
	}
	if err := f.Commit(atomicfile.Attributes{Mode: 0o600}, false); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("boltstore: %w", err)
	}
	return nil
}

func initialize(tx *bolt.Tx, l Lock) error {
	root := newRoot()
	defer clear(root)
	closed, err := closeRoot(root, l, true)
	if err != nil {
		return err
	}
	b, err := tx.CreateBucket(headBucket)
	if err == nil {
		err = b.Put(versionKey, binary.BigEndian.AppendUint32(nil, Version))
	}
	if err == nil {
		err = b.Put(rootKey, closed)
	}
	if err == nil {
		_, err = tx.CreateBucket(epochsBucket)
	}
	return err
}

// version returns the version of a file, and its root key, closed.
func version(tx *bolt.Tx) (v uint32, root []byte, err error) {
	b := tx.Bucket(headBucket)
	if b == nil {
		return 0, nil, ErrNotStore
	}
	text := b.Get(versionKey)
	if len(text) != 4 {
		return 0, nil, fmt.Errorf("%w: a version of %d bytes", ErrDamaged, len(text))
	}
	switch v = binary.BigEndian.Uint32(text); {
	case v > Version:
		return v, nil, fmt.Errorf("%w: it has version %d, this program knows %d", ErrNewer, v, Version)
	case v < Version && migrations[v] == nil:
		return v, nil, fmt.Errorf("%w: version %d", ErrNotStore, v)
	}
	return v, append([]byte(nil), b.Get(rootKey)...), nil
}

// migrate makes a file of an older version one of this.
func (s *Store) migrate(from uint32) error {
	if from == Version {
		return nil
	}
	return s.db.Update(func(tx *bolt.Tx) error {
		if err := s.storeEpoch(tx); err != nil {
			return err
		}
		for v := from; v < Version; v++ {
			if err := migrations[v](s, tx); err != nil {
				return fmt.Errorf("boltstore: from version %d to %d: %w", v, v+1, err)
			}
		}
		return tx.Bucket(headBucket).Put(versionKey, binary.BigEndian.AppendUint32(nil, Version))
	})
}

// loadEpochs makes the epochs of a file known, and begins that of this process.
func (s *Store) loadEpochs(tx *bolt.Tx) error {
	last := uint32(0)
	b := tx.Bucket(epochsBucket)
	if b == nil {
		return fmt.Errorf("%w: no epochs", ErrDamaged)
	}
	err := b.ForEach(func(k, v []byte) error {
		if len(k) != 4 || len(v) != saltSize {
			return fmt.Errorf("%w: an epoch of %d and %d bytes", ErrDamaged, len(k), len(v))
		}
		last = binary.BigEndian.Uint32(k)
		s.sealer.add(last, append([]byte(nil), v...))
		return nil
	})
	if err == nil && last+1 == 0 {
		err = fmt.Errorf("%w: no further epoch", ErrDamaged)
	}
	s.sealer.begin(last + 1)
	return err
}

// storeEpoch writes the salt of this process's epoch, before or together with the first record under it.
func (s *Store) storeEpoch(tx *bolt.Tx) error {
	b := tx.Bucket(epochsBucket)
	n := s.sealer.own
	return b.Put(binary.BigEndian.AppendUint32(nil, n), s.sealer.epochs[n].salt)
}

// Ahead returns how far the clock of the server is ahead of the machine's.
func (s *Store) Ahead() (ahead time.Duration, err error) {
	err = s.view(func(t *tx) error {
		if value := t.bolt.Bucket(headBucket).Get(aheadKey); value != nil {
			ahead, err = t.ahead(value)
		}
		return err
	})
	return ahead, err
}

// ahead returns what SetAhead kept.
func (t *tx) ahead(value []byte) (time.Duration, error) {
	text, err := t.sealer.open(nil, value, t.placeIn(headBucket, aheadKey))
	if err != nil {
		return 0, err
	}
	if len(text) != 8 {
		return 0, fmt.Errorf("%w: a clock of %d bytes", ErrDamaged, len(text))
	}
	return max(time.Duration(binary.BigEndian.Uint64(text)), 0), nil
}

// SetAhead keeps how far the clock is ahead.
func (s *Store) SetAhead(ahead time.Duration) error {
	return s.update(func(t *tx) error {
		text := binary.BigEndian.AppendUint64(nil, uint64(ahead))
		t.change(t.bolt.Bucket(headBucket), aheadKey, t.sealer.seal(text, t.placeIn(headBucket, aheadKey)))
		return nil
	})
}
