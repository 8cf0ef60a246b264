package boltstore

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
	bolt "go.etcd.io/bbolt"
)

// The trail lies in two buckets: records, sealed, by scope, time and number, which is how they are asked for; and these
// keys by number, which is how they are forgotten. Times and numbers have 8 bytes, big-endian, times with the sign bit
// flipped, so that their order is that of the bytes.
var (
	trailBucket = []byte("trail")
	orderBucket = []byte("trail-order")
)

const (
	placeSize = 16 // bytes of time and number
	signBit   = 1 << 63
	// flushAfter is how long a record waits for an Update to go with, before it is written by itself. With a sync of up
	// to half a second, a crash takes no more than the last second.
	flushAfter = 500 * time.Millisecond
	retryAfter = time.Second // after a write that failed
	maxPending = 1 << 16     // records that wait; with more, calls wait, or the oldest are lost while writing fails
	maxDrain   = 4096        // records that one transaction takes, so that Updates do not wait for long
	readBatch  = 64          // records that one transaction reads, so that a slow reader holds none
	sizeEach   = 1 << 10     // bytes that a record may take on average
)

// A Log is a [trail.Log] in the file of a [Store], and is closed with it. It is safe for concurrent use.
//
// Records wait in memory until an Update is committed, which takes them along, or half a second is over. Who reads sees
// them there. One that does not authenticate is not seen; [Store.Check] tells of it.
type Log struct {
	store  *Store
	max    int
	sync   bool
	before atomic.Int64 // what is older is forgotten

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // there is room in pending, or a write has failed
	seq     uint64     // of the last record
	pending []entry    // that are not on disk yet, by number
	writing int        // how many of them, from the first on, a transaction has that is not over
	failing bool       // the last write failed, or could not begin
	ticking bool       // tick runs, or will
	closed  bool
}

// An entry is a record with its key.
type entry struct{ key, text []byte }

var _ trail.Log = (*Log)(nil)

// Log returns the trail of the store.
func (s *Store) Log() *Log { return s.log }

// newLog returns the log of a store, which has records already.
func newLog(s *Store, opts Options, tx *bolt.Tx) *Log {
	l := &Log{store: s, max: opts.MaxEvents, sync: opts.SyncAudit}
	if l.max == 0 {
		l.max = trail.DefaultMax
	}
	l.before.Store(math.MinInt64)
	l.room.L = &l.mu
	if b := tx.Bucket(orderBucket); b != nil {
		if k, _ := b.Cursor().Last(); len(k) == 8 {
			l.seq = binary.BigEndian.Uint64(k)
		}
	}
	return l
}

func appendPlace(b []byte, s state.Scope, p trail.Place) []byte {
	b = binary.BigEndian.AppendUint64(append(b, s...), uint64(p.Time)^signBit)
	return binary.BigEndian.AppendUint64(b, p.Seq)
}

// timeOf returns the time in a key, which has a place.
func timeOf(key []byte) state.Time {
	return state.Time(binary.BigEndian.Uint64(key[len(key)-placeSize:]) ^ signBit)
}

// Append implements [trail.Log]. It returns [state.ErrClosed], and of a log that is to be synchronous the error of the
// store; the record then waits for the next write.
func (l *Log) Append(r *trail.Record) error {
	if err := l.add(r); err != nil {
		return err
	}
	for l.sync && l.waitsFor(r.Seq) {
		if err := l.store.flush(); err != nil {
			return err
		}
	}
	return nil
}

// waitsFor reports whether a record is not on disk yet.
func (l *Log) waitsFor(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending) > 0 && binary.BigEndian.Uint64(l.pending[0].key[len(l.pending[0].key)-8:]) <= seq
}

func (l *Log) add(r *trail.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) >= maxPending && !l.failing && !l.closed {
		l.room.Wait()
	}
	if l.closed {
		return state.ErrClosed
	}
	if n := len(l.pending); n >= maxPending && l.writing == 0 {
		l.pending = append([]entry(nil), l.pending[n/2:]...)
	}
	l.seq++
	r.Seq = l.seq
	key := appendPlace(make([]byte, 0, 1024), r.Scope, trail.Place{Time: r.Time, Seq: r.Seq})
	b, _ := r.AppendBinary(key) // fails never
	l.pending = append(l.pending, entry{b[:len(key):len(key)], b[len(key):]})
	if !l.ticking {
		l.ticking = true
		time.AfterFunc(flushAfter, l.tick)
	}
	return nil
}

// waits reports whether there are records to write.
func (l *Log) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending) > 0
}

// tick writes what waits, until there is nothing.
func (l *Log) tick() {
	err := l.store.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 || errors.Is(err, state.ErrClosed) {
		l.ticking = false
		return
	}
	wait := time.Duration(0)
	if err != nil {
		wait = retryAfter
	}
	time.AfterFunc(wait, l.tick)
}

// Forget implements [trail.Log]. What it is told happens with the next write.
func (l *Log) Forget(before state.Time) {
	for {
		was := l.before.Load()
		if int64(before) <= was || l.before.CompareAndSwap(was, int64(before)) {
			return
		}
	}
}

// close ends the log: what waits is written, what comes is refused.
func (l *Log) close() error {
	l.mu.Lock()
	l.closed = true
	l.room.Broadcast()
	l.mu.Unlock()
	for {
		err := l.store.flush()
		l.mu.Lock()
		n := len(l.pending)
		l.mu.Unlock()
		if err != nil || n == 0 {
			return err
		}
	}
}

// drain writes records that wait to a batch, the oldest first, and forgets others. Its batch has the turn, and calls
// drained when it is over.
func (l *Log) drain(t *tx) error {
	l.mu.Lock()
	entries := l.pending[:min(len(l.pending), maxDrain)]
	l.writing = len(entries)
	l.mu.Unlock()
	if len(entries) == 0 {
		return nil
	}
	records, err := t.bolt.CreateBucketIfNotExists(trailBucket)
	if err != nil {
		return err
	}
	order, err := t.bolt.CreateBucketIfNotExists(orderBucket)
	if err != nil {
		return err
	}
	order.FillPercent = 0.9 // it grows at its end
	head := t.bolt.Bucket(headBucket)
	size := int64(0)
	if b := head.Get(trailKey); len(b) == 8 {
		size = int64(binary.BigEndian.Uint64(b))
	}
	for _, e := range entries {
		value := t.sealer.seal(e.text, t.placeIn(trailBucket, e.key))
		if err := records.Put(e.key, value); err != nil {
			return err
		}
		if err := order.Put(e.key[len(e.key)-8:], e.key); err != nil {
			return err
		}
		size += int64(len(value))
	}
	if size, err = l.forget(records, order, size, 2*len(entries)); err != nil {
		return err
	}
	return head.Put(trailKey, binary.BigEndian.AppendUint64(nil, uint64(size)))
}

// forget removes up to limit records, and returns how many bytes the others take.
func (l *Log) forget(records, order *bolt.Bucket, size int64, limit int) (int64, error) {
	before := state.Time(l.before.Load())
	c := order.Cursor()
	last, _ := c.Last()
	first, key := c.First()
	if len(first) != 8 || len(last) != 8 {
		return size, ErrDamaged
	}
	count := int64(binary.BigEndian.Uint64(last)-binary.BigEndian.Uint64(first)) + 1
	var forgotten [][2][]byte
	for ; key != nil && len(forgotten) < limit; first, key = c.Next() {
		if len(key) < placeSize {
			return size, ErrDamaged
		}
		if timeOf(key) >= before && count <= int64(l.max) && size/sizeEach <= int64(l.max) {
			break
		}
		size -= int64(len(records.Get(key)))
		count--
		forgotten = append(forgotten, [2][]byte{append([]byte(nil), first...), append([]byte(nil), key...)})
	}
	for _, f := range forgotten {
		if err := errors.Join(order.Delete(f[0]), records.Delete(f[1])); err != nil {
			return size, err
		}
	}
	return max(size, 0), nil
}

// refused is told that no batch could begin: nobody is to wait for one.
func (l *Log) refused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = true
	l.room.Broadcast()
}

// drained is told what became of what drain wrote.
func (l *Log) drained(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing == 0 {
		return
	}
	if l.failing = err != nil; !l.failing {
		clear(l.pending[:l.writing])
		l.pending = l.pending[l.writing:]
		if len(l.pending) == 0 {
			l.pending = nil
		}
	}
	l.writing = 0
	l.room.Broadcast()
}
