// Package boltstore keeps the tables of the reference KMS in a file of bbolt, and its trail in the same file.
//
// [Open] opens the file or makes it. What it returns is a [state.Store]; [Store.Log] is a [trail.Log].
//
// # What is on disk
//
// A file of bbolt with a bucket for each table, under the names of package state. The keys of records, which are scope and
// id, lie there in the clear: names of secrets and aliases, ids of keys and access keys, accounts and regions. Everything
// else about a record is sealed under the root key of the file (AES-256-GCM, see sealer), which lies in the file sealed
// under a key or a passphrase (argon2id, see [Lock]). Pages that are not in use any more keep what was in them until
// they are used again: sealed records, and earlier forms of the closed root key.
//
// # What is durable
//
// An Update returns when its writes are synced; so does each of many that share one sync. Records of the trail follow
// within a second, or with the next Update, unless asked otherwise. When a write fails (a full disk, a limit on the
// size of files), its Updates fail, the tables are what they were, and Views go on.
//
// # Compatibility
//
// Internal. Files carry a version; see [Version].
package boltstore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Options are the settings of a [Store].
type Options struct {
	Wait      time.Duration // how long another process that has the file is waited for
	AllowWide bool          // take a file that others than its owner may read
	MaxEvents int           // records of the trail, and KiB of them; 0 is trail.DefaultMax
	SyncAudit bool          // Append returns when the record is synced
	NoSync    bool          // for tests that need no durability: what is written is in the system's memory only
}

// A Store is a [state.Store] in a file. It is safe for concurrent use.
type Store struct {
	db     *bolt.DB
	sealer *sealer // sealing: with the turn
	log    *Log
	due    atomic.Int64
	closed atomic.Bool

	// turn holds one token: who has it may write. Whoever gives it back and asks for it again comes after all who wait.
	turn  chan struct{}
	batch *batch // that is open; with the turn
	begun bool   // the salt of this process's epoch is in the file; with the turn
	doubt error  // an ErrInDoubt; with the turn
}

var _ state.Store = (*Store)(nil)

// How much of a file is mapped into memory ahead, in bytes: address space, no memory. To map more, bbolt has to wait until
// nobody reads, and everybody then waits for it. Windows makes the file as large as the map.
const (
	mapSize      = 1 << 38
	smallMapSize = 1 << 24 // on Windows, and where addresses have 32 bits
)

// allocSize is by how much a file grows at a time, in bytes.
const allocSize = 1 << 20

// Open opens the store at path, or makes one, readable by its owner alone, if there is no file. It fails with the errors
// of this package, and of package os, with nothing changed; an older version of the file is made one of this.
func Open(path string, l Lock, opts Options) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path, l); err != nil {
			return nil, err
		}
	}
	s := &Store{turn: make(chan struct{}, 1)}
	if err := guard(func() error { return s.open(path, opts) }); err != nil {
		return nil, fmt.Errorf("%w: %q", err, path)
	}
	if err := guard(func() error { return s.unlock(l, opts) }); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("%w: %q", err, path)
	}
	s.turn <- struct{}{}
	return s, nil
}

// open opens the file. If bbolt panics, it has left the file open.
func (s *Store) open(path string, opts Options) (err error) {
	var f *os.File
	defer func() {
		if err == nil && s.db == nil { // it panics
			abandon(f)
		}
	}()
	options := &bolt.Options{
		Timeout:         max(opts.Wait, 1), // 0 would wait for ever
		NoSync:          opts.NoSync,
		NoGrowSync:      opts.NoSync,
		FreelistType:    bolt.FreelistMapType,
		NoStatistics:    true,
		InitialMmapSize: initialMap(),
		OpenFile: func(path string, flag int, _ os.FileMode) (_ *os.File, err error) {
			f, err = openFile(path, flag, opts.AllowWide)
			return f, err
		},
	}
	s.db, err = bolt.Open(path, 0o600, options)
	if err != nil && !errors.Is(err, berrors.ErrTimeout) {
		options.InitialMmapSize = 0 // a process may be allowed little address space
		s.db, err = bolt.Open(path, 0o600, options)
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrInUse
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch):
		return ErrNotStore
	case errors.Is(err, berrors.ErrChecksum):
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	case err != nil:
		return err
	}
	s.db.AllocSize = allocSize
	return nil
}

// openFile opens a file that is there, and has the first two pages: bbolt makes a new one of what has nothing.
func openFile(path string, flag int, wide bool) (*os.File, error) {
	f, err := os.OpenFile(path, flag&^os.O_CREATE, 0)
	if err != nil {
		return nil, fmt.Errorf("boltstore: %w", err)
	}
	err = checkMode(f, wide)
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && info.Size() < 2*pageSize {
			err = ErrNotStore
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// unlock opens the root key, and reads what a store has in memory.
func (s *Store) unlock(l Lock, opts Options) error {
	var found uint32
	err := s.db.View(func(tx *bolt.Tx) error {
		v, closed, err := version(tx)
		if err != nil {
			return err
		}
		root, err := openRoot(closed, l)
		if err != nil {
			return err
		}
		found, s.sealer = v, newSealer(root)
		return s.loadEpochs(tx)
	})
	if err != nil {
		return err
	}
	if err := s.migrate(found); err != nil {
		return err
	}
	return s.db.View(func(tx *bolt.Tx) error {
		s.due.Store(int64(firstDue(tx)))
		s.log = newLog(s, opts, tx)
		return nil
	})
}

// initialMap returns how much of a file is mapped ahead.
func initialMap() int {
	if bits.UintSize < 64 || runtime.GOOS == "windows" {
		return smallMapSize
	}
	size := int64(mapSize)
	return int(size)
}

// firstDue returns the date of the first event, with which the keys of its table begin.
func firstDue(tx *bolt.Tx) state.Time {
	if b := tx.Bucket(tableNames[state.DuesTable]); b != nil {
		if k, _ := b.Cursor().First(); len(k) >= 8 {
			return state.Time(min(binary.BigEndian.Uint64(k), math.MaxInt64))
		}
	}
	return state.Never
}

// NextDue implements [state.Store].
func (s *Store) NextDue() state.Time {
	if s.closed.Load() {
		return state.Never
	}
	return state.Time(s.due.Load())
}

// View implements [state.Store].
func (s *Store) View(fn func(state.Tx) error) error {
	btx, err := s.db.Begin(false)
	if err != nil {
		return storeError(err)
	}
	defer btx.Rollback()
	t := &tx{sealer: s.sealer, bolt: btx}
	if err := fn(t); t.err == nil {
		return err
	}
	return t.err
}

// view calls a function of this package with a transaction that reads.
func (s *Store) view(fn func(*tx) error) error {
	return s.View(func(t state.Tx) error { return t.(*tx).guard(fn) })
}

// storeError names an error of bbolt as this package does.
func storeError(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return state.ErrClosed
	}
	return fmt.Errorf("boltstore: %w", err)
}

// Close implements [state.Store]. Records of the trail are written first; if that fails, it says so, and the store is
// closed nevertheless. Closing twice does nothing, but wait for another Close that runs.
func (s *Store) Close() error {
	err := s.log.close()
	<-s.turn
	was := s.closed.Swap(true)
	for s.batch != nil { // whoever leads it comes before this, each time
		s.turn <- struct{}{}
		<-s.turn
	}
	defer func() { s.turn <- struct{}{} }()
	if was {
		return nil
	}
	if e := s.db.Close(); e != nil {
		err = fmt.Errorf("boltstore: %w", e)
	}
	return err
}

// newRoot makes a root key.
func newRoot() []byte {
	root := make([]byte, keySize)
	rand.Read(root)
	return root
}
