package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Pairs is a set of context pairs in its one encoding (SPEC.md, Section 3.2): checked once by [AppendPairs] or
// [ParsePairs], then carried, hashed and compared as bytes. The empty set has length 0; nil is the empty set.
//
// Methods of Pairs that were not checked do not panic, but what they yield is then without meaning.
type Pairs []byte

// keyScratch holds *[]string for the sort in AppendPairs.
var keyScratch = sync.Pool{New: func() any { return new([]string) }}

// AppendPairs appends the encoding of m to dst, at most [MaxPairsSize] bytes: sorted by key, checked. An empty map
// appends nothing. It allocates only to grow dst, and does not keep m.
//
// It returns an error matching [ErrInvalid], and no slice, if a key is empty, begins with [ReservedPrefix] or is not
// UTF-8, if a value is not UTF-8, or if the encoding would be too long. The text names no value.
func AppendPairs(dst []byte, m map[string]string) ([]byte, error) {
	return AppendPairsFunc(dst, m, nil)
}

// AppendPairsFunc is [AppendPairs] of those pairs of m for which include returns true; a nil include is true for all.
// It spares a caller who splits a context into two sets the making of two maps.
func AppendPairsFunc(dst []byte, m map[string]string, include func(key string) bool) ([]byte, error) {
	scratch := keyScratch.Get().(*[]string)
	keys := (*scratch)[:0]
	defer func() {
		clear(keys)
		*scratch = keys
		keyScratch.Put(scratch)
	}()
	size := 0
	for k, v := range m {
		if include != nil && !include(k) {
			continue
		}
		if size += 4 + len(k) + len(v); size > MaxPairsSize {
			return nil, invalid("context", "over %d bytes", MaxPairsSize)
		}
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = slices.Grow(dst, size)
	for i, k := range keys {
		v := m[k]
		if cause := checkKey(k); cause != nil {
			return nil, invalid("context", "pair %d: %v", i, cause)
		}
		if !utf8.ValidString(v) {
			return nil, invalid("context", "pair %d: %v", i, errValueUTF8)
		}
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(k))), k...)
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(v))), v...)
	}
	return dst, nil
}

var (
	errKeyEmpty    = errors.New("key is empty")
	errKeyUTF8     = errors.New("key is not UTF-8")
	errKeyReserved = errors.New("key begins with " + strconv.Quote(ReservedPrefix))
	errValueUTF8   = errors.New("value is not UTF-8")
	errKeyOrder    = errors.New("key is not above the one before it")
)

func checkKey(k string) error {
	switch {
	case k == "":
		return errKeyEmpty
	case strings.HasPrefix(k, ReservedPrefix):
		return errKeyReserved
	case !utf8.ValidString(k):
		return errKeyUTF8
	}
	return nil
}

// ParsePairs checks that b is the encoding of a set of pairs and returns it as such. The result shares memory with b,
// which must not be modified while it is in use. It allocates nothing.
//
// Anything that [AppendPairs] would not have made is refused with a [*ParseError] that has Field "context" and the
// offset in b.
func ParsePairs(b []byte) (Pairs, error) {
	if err := checkPairs(b, 0); err != nil {
		return nil, err
	}
	return Pairs(b), nil
}

// checkPairs is ParsePairs for pairs that lie at base in a larger structure.
func checkPairs(b []byte, base int) error {
	if len(b) > MaxPairsSize {
		return parseError("context", base, fmt.Errorf("%d bytes, limit %d", len(b), MaxPairsSize))
	}
	var last []byte
	for i, off := 0, 0; off < len(b); i++ {
		k, v, next, ok := cutPair(b, off)
		cause := errPairCut
		if ok {
			cause = checkPair(last, k, v)
		}
		if cause != nil {
			return parseError("context", base+off, fmt.Errorf("pair %d: %w", i, cause))
		}
		last, off = k, next
	}
	return nil
}

var errPairCut = errors.New("a length runs past the end of the pairs")

// checkPair checks a pair against the key before it, nil for the first: no key is empty, so nothing is below nil.
func checkPair(last, k, v []byte) error {
	switch {
	case len(k) == 0:
		return errKeyEmpty
	case bytes.HasPrefix(k, []byte(ReservedPrefix)):
		return errKeyReserved
	case !utf8.Valid(k):
		return errKeyUTF8
	case !utf8.Valid(v):
		return errValueUTF8
	case bytes.Compare(last, k) >= 0:
		return errKeyOrder
	}
	return nil
}

// cutPair returns the pair at off and where the next one begins.
func cutPair(b []byte, off int) (k, v []byte, next int, ok bool) {
	if k, off, ok = cutField(b, off); ok {
		v, off, ok = cutField(b, off)
	}
	return k, v, off, ok
}

// cutField returns the field of b that begins at off with its length in two bytes.
func cutField(b []byte, off int) (f []byte, next int, ok bool) {
	if len(b)-off < 2 {
		return nil, off, false
	}
	n := int(binary.BigEndian.Uint16(b[off:]))
	off += 2
	if len(b)-off < n {
		return nil, off, false
	}
	return b[off : off+n : off+n], off + n, true
}

// All iterates over keys and values, ascending by key. What it yields shares memory with p and must not be modified;
// comparing with string(key) or looking up m[string(key)] allocates nothing.
func (p Pairs) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		for len(p) > 0 {
			k, v, rest := p.Cut()
			if v == nil || !yield(k, v) {
				return
			}
			p = rest
		}
	}
}

// Cut returns the first pair and those behind it, and nils if there is none. All share memory with p and must not be modified;
// it allocates nothing. It is [Pairs.All] for whoever looks at the pairs of every message, and short enough for the compiler to
// put it in place. Of pairs that were not checked a value may be nil, which ends them.
func (p Pairs) Cut() (key, value []byte, rest Pairs) {
	key, p = p.cut()
	value, p = p.cut()
	return key, value, p
}

// cut returns the first of the fields that p consists of.
func (p Pairs) cut() (field []byte, rest Pairs) {
	if len(p) >= 2 {
		if n := 2 + int(binary.BigEndian.Uint16(p)); n <= len(p) {
			return p[2:n:n], p[n:]
		}
	}
	return nil, nil
}

// Len returns the number of pairs.
func (p Pairs) Len() int {
	n := 0
	for range p.All() {
		n++
	}
	return n
}

// Map returns a new map of the pairs, nil if there are none.
func (p Pairs) Map() map[string]string {
	if len(p) == 0 {
		return nil
	}
	m := make(map[string]string, p.Len())
	for k, v := range p.All() {
		m[string(k)] = string(v)
	}
	return m
}
