package boltstore

import (
	"bytes"
	"fmt"
	"runtime/debug"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	bolt "go.etcd.io/bbolt"
)

// tableNames are the names of the tables' buckets.
var tableNames = func() (names [state.TableCount][]byte) {
	for t := range state.TableCount {
		names[t] = []byte(t.String())
	}
	return names
}()

// A tx is a transaction. After the first error it reads nothing and writes nothing.
type tx struct {
	sealer  *sealer
	bolt    *bolt.Tx
	buckets [state.TableCount]*bolt.Bucket // nil: not opened yet, or not there
	err     error
	broken  bool // by err: what was written before it cannot be undone

	place []byte // of a record: its table, a zero byte, its key
	text  []byte // of a record, encoded

	undo []change // of an Update, what it changed, in order
}

// A change is what was under a key before.
type change struct {
	bucket *bolt.Bucket
	key    []byte
	was    []byte // sealed; nil for nothing
}

var _ state.Tx = (*tx)(nil)

func (t *tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// catch makes what bbolt panics with an error: it takes its pages as it finds them.
func (t *tx) catch() {
	if r := recover(); r != nil {
		t.fail(fmt.Errorf("%w: %v", ErrDamaged, r))
		t.broken = true
	}
}

// guard calls a function that uses bbolt itself.
func (t *tx) guard(fn func(*tx) error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer t.catch()
	return fn(t)
}

// at returns the bucket of a table, nil if there is none, and the key of a record in it, which is valid until the next call.
func (t *tx) at(table state.TableID, s state.Scope, id string) (*bolt.Bucket, []byte) {
	name := tableNames[table]
	if t.buckets[table] == nil {
		t.buckets[table] = t.bolt.Bucket(name)
	}
	t.place = append(append(append(append(t.place[:0], name...), 0), s...), id...)
	return t.buckets[table], t.place[len(name)+1:]
}

// placeIn returns the place of a record under a key of a bucket, which is valid until the next call.
func (t *tx) placeIn(bucket, key []byte) []byte {
	t.place = append(append(append(t.place[:0], bucket...), 0), key...)
	return t.place
}

// decode returns the record in a sealed value of the key that at was asked for last.
func (t *tx) decode(table state.TableID, value []byte) any {
	var err error
	if t.text, err = t.sealer.open(t.text[:0], value, t.place); err == nil {
		var record any
		if record, err = state.DecodeRecord(table, t.text); err == nil {
			clear(t.text)
			return record
		}
		err = fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	t.fail(fmt.Errorf("%w: %q", err, t.place))
	return nil
}

// Get implements [state.Tx].
func (t *tx) Get(table state.TableID, s state.Scope, id string) any {
	if t.err != nil {
		return nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer t.catch()
	b, key := t.at(table, s, id)
	if b == nil || len(key) == 0 {
		return nil
	}
	if value := b.Get(key); value != nil {
		return t.decode(table, value)
	}
	return nil
}

// Scan implements [state.Tx].
func (t *tx) Scan(table state.TableID, s state.Scope, id string, yield func(string, any) bool) {
	var c *bolt.Cursor
	for {
		id, record := t.next(&c, table, s, id)
		if record == nil || !yield(id, record) {
			return
		}
	}
}

// next returns the next record of a scan, which begins at from; nil if there is none.
func (t *tx) next(c **bolt.Cursor, table state.TableID, s state.Scope, from string) (id string, record any) {
	if t.err != nil {
		return "", nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer t.catch()
	var key, value []byte
	if *c == nil {
		b, first := t.at(table, s, from)
		if b == nil {
			return "", nil
		}
		*c = b.Cursor()
		key, value = (*c).Seek(first)
	} else {
		key, value = (*c).Next()
	}
	if key == nil || !bytes.HasPrefix(key, []byte(s)) {
		return "", nil // the table ends here, or the scope
	}
	id = string(key[len(s):])
	t.at(table, s, id)
	return id, t.decode(table, value)
}

// Put implements [state.Tx].
func (t *tx) Put(table state.TableID, s state.Scope, id string, record any) {
	t.text = state.AppendRecord(t.text[:0], record)
	t.set(table, s, id, t.text)
	clear(t.text)
}

// Delete implements [state.Tx].
func (t *tx) Delete(table state.TableID, s state.Scope, id string) { t.set(table, s, id, nil) }

// set puts the text of a record, or removes the record if there is none.
func (t *tx) set(table state.TableID, s state.Scope, id string, text []byte) {
	if !t.bolt.Writable() {
		panic("boltstore: a write in a transaction that only reads")
	}
	if t.err != nil {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer t.catch()
	b, key := t.at(table, s, id)
	if b == nil {
		if text == nil {
			return
		}
		var err error
		if b, err = t.bolt.CreateBucket(tableNames[table]); err != nil {
			t.fail(storeError(err))
			return
		}
		t.buckets[table] = b
	}
	var value []byte
	if text != nil {
		value = t.sealer.seal(text, t.place)
	}
	t.change(b, append([]byte(nil), key...), value)
}

// change puts a sealed value, or removes it, and remembers what was there.
func (t *tx) change(b *bolt.Bucket, key, value []byte) {
	var was []byte
	if old := b.Get(key); old != nil {
		was = append([]byte(nil), old...)
	}
	err := error(nil)
	switch {
	case value != nil:
		err = b.Put(key, value)
	case was != nil:
		err = b.Delete(key)
	default:
		return
	}
	if err != nil {
		t.fail(storeError(err))
		return
	}
	t.undo = append(t.undo, change{b, key, was})
}

// rollback takes back everything since the last call of keep.
func (t *tx) rollback() {
	if t.broken {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer t.catch()
	for i := len(t.undo) - 1; i >= 0; i-- {
		c := t.undo[i]
		var err error
		if c.was == nil {
			err = c.bucket.Delete(c.key)
		} else {
			err = c.bucket.Put(c.key, c.was)
		}
		if err != nil {
			t.fail(storeError(err))
			t.broken = true
			return
		}
	}
	t.undo = t.undo[:0]
}

// keep makes what was written part of the batch, and reports whether there is any.
func (t *tx) keep() bool {
	changed := len(t.undo) > 0
	clear(t.undo)
	t.undo = t.undo[:0]
	return changed
}
