package boltstore

import (
	"bytes"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// Ascend implements [trail.Log]. It must not be called in a transaction.
func (l *Log) Ascend(s state.Scope, from trail.Place, yield func(*trail.Record) bool) {
	l.walk(s, appendPlace(nil, s, from), 1, yield)
}

// Descend implements [trail.Log]. It must not be called in a transaction.
func (l *Log) Descend(s state.Scope, from trail.Place, yield func(*trail.Record) bool) {
	l.walk(s, appendPlace(nil, s, from), -1, yield)
}

// walk calls yield with the records of a world from a key on, upwards or downwards as sign says, until it returns false.
func (l *Log) walk(s state.Scope, from []byte, sign int, yield func(*trail.Record) bool) {
	for from != nil {
		var entries []entry
		if entries, from = l.read(s, from, sign); entries == nil {
			return
		}
		for _, e := range entries {
			r := new(trail.Record)
			if r.UnmarshalBinary(e.text) == nil && !yield(r) {
				return
			}
		}
	}
}

// read returns up to readBatch records from a key on, as walk takes them, and the key to go on with, nil at the end.
// Those that wait are looked at first: what is written meanwhile is then found twice, and not overlooked.
func (l *Log) read(s state.Scope, from []byte, sign int) (entries []entry, next []byte) {
	order := func(a, b entry) int { return sign * bytes.Compare(a.key, b.key) }
	l.mu.Lock()
	for _, e := range l.pending {
		if len(e.key) == len(s)+placeSize && bytes.HasPrefix(e.key, []byte(s)) && sign*bytes.Compare(e.key, from) >= 0 {
			entries = append(entries, e)
		}
	}
	l.mu.Unlock()
	slices.SortFunc(entries, order)
	entries = entries[:min(len(entries), readBatch)]
	if l.store.view(func(t *tx) error {
		entries = l.readFile(t, s, from, sign, entries)
		return nil
	}) != nil {
		return nil, nil
	}
	slices.SortStableFunc(entries, order)
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return bytes.Equal(a.key, b.key) })
	if len(entries) < readBatch {
		return entries, nil
	}
	entries = entries[:readBatch]
	next = slices.Clone(entries[readBatch-1].key)
	return entries, step(next, sign)
}

// step returns the next key after one, upwards or downwards, nil if there is none. Keys end in a number of 8 bytes.
func step(key []byte, sign int) []byte {
	for i := len(key) - 1; i >= 0; i-- {
		key[i] += byte(sign)
		if sign > 0 && key[i] != 0 || sign < 0 && key[i] != 0xff {
			return key
		}
	}
	return nil
}

// readFile appends up to readBatch records of the file, opened.
func (l *Log) readFile(t *tx, s state.Scope, from []byte, sign int, entries []entry) []entry {
	b := t.bolt.Bucket(trailBucket)
	if b == nil {
		return entries
	}
	c := b.Cursor()
	move, key, value := c.Next, []byte(nil), []byte(nil)
	if key, value = c.Seek(from); sign < 0 {
		move = c.Prev
		if key == nil {
			key, value = c.Last()
		} else if !bytes.Equal(key, from) {
			key, value = c.Prev()
		}
	}
	for n := 0; n < readBatch && bytes.HasPrefix(key, []byte(s)) && key != nil; key, value = move() {
		if len(key) != len(s)+placeSize {
			continue
		}
		n++
		// One that does not authenticate keeps its place, so that the walk goes on behind it.
		text, _ := t.sealer.open(nil, value, t.placeIn(trailBucket, key))
		entries = append(entries, entry{slices.Clone(key), text})
	}
	return entries
}
