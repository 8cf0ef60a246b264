package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A record is encoded as a version and its fields one after the other, without names: numbers as varints, texts and bytes
// with their length before them, lists and maps with their number, maps in the order of their keys. Its method code says
// which fields there are, once for both directions. A new field goes last in its record: one that was written before ends
// where the field would begin, and has it zero. A program that does not know the field refuses the record, so a new
// field is a new version of the file as well.
const recordVersion = 1

// errRecord is the error of what no record is encoded as.
var errRecord = errors.New("state: not a record")

// A codable is a record, or a part of one, that can be encoded.
type codable interface{ code(c *coder) }

// AppendRecord appends a record of a table, encoded: its secrets too, so the bytes are for a store that seals them. The
// record is not modified.
func AppendRecord(b []byte, record any) []byte {
	c := &coder{b: append(b, recordVersion)}
	record.(codable).code(c)
	return c.b
}

// DecodeRecord returns the record of a table that b is the encoding of, which it does not keep. It refuses what is none,
// whatever it is, and takes no more memory than a few times the length of b.
func DecodeRecord(t TableID, b []byte) (any, error) {
	if len(b) == 0 || b[0] != recordVersion {
		return nil, fmt.Errorf("%w of %s", errRecord, t)
	}
	c := &coder{b: b[1:], reads: true}
	record := t.New()
	record.(codable).code(c)
	if c.failed || len(c.b) > 0 {
		return nil, fmt.Errorf("%w of %s", errRecord, t)
	}
	return record, nil
}

// A coder appends fields to b, or reads them from it. Once it has failed, all it reads is empty.
type coder struct {
	b      []byte
	reads  bool
	failed bool
}

func (c *coder) fail() { c.b, c.failed = nil, true }

// ended reports whether a record that is read has no further field.
func (c *coder) ended() bool { return c.reads && len(c.b) == 0 }

func (c *coder) uvarint(n uint64) uint64 {
	if !c.reads {
		c.b = binary.AppendUvarint(c.b, n)
		return n
	}
	n, size := binary.Uvarint(c.b)
	if size <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[size:]
	return n
}

// size codes the number of elements that follow, each of which takes a byte at least: so it is never larger than what is
// left to read.
func (c *coder) size(n int) int {
	size := c.uvarint(uint64(n))
	if c.reads && size > uint64(len(c.b)) {
		c.fail()
		return 0
	}
	return int(size)
}

// number codes an integer of any type.
func number[N ~int | ~int64 | ~uint32 | ~uint8](c *coder, n *N) {
	if c.ended() {
		return
	}
	if !c.reads {
		c.b = binary.AppendVarint(c.b, int64(*n))
		return
	}
	v, size := binary.Varint(c.b)
	if size <= 0 || int64(N(v)) != v {
		c.fail()
		return
	}
	*n, c.b = N(v), c.b[size:]
}

func (c *coder) bool(b *bool) {
	var n uint8
	if *b {
		n = 1
	}
	if number(c, &n); n > 1 {
		c.fail()
	}
	*b = n == 1
}

// take codes the bytes of a text; what it returns is part of what is read.
func (c *coder) take(b []byte) []byte {
	n := c.size(len(b))
	if !c.reads {
		c.b = append(c.b, b...)
		return b
	}
	taken := c.b[:n]
	c.b = c.b[n:]
	return taken
}

func (c *coder) text(s *string) {
	if c.ended() {
		return
	}
	if !c.reads {
		c.b = append(binary.AppendUvarint(c.b, uint64(len(*s))), *s...)
		return
	}
	*s = string(c.take(nil))
}

// bytes codes bytes; those that are empty are read as nil.
func (c *coder) bytes(b *[]byte) {
	if c.ended() {
		return
	}
	if taken := c.take(*b); c.reads && len(taken) > 0 {
		*b = slices.Clone(taken)
	}
}

func (c *coder) material(m *Material) {
	if c.ended() {
		return
	}
	if taken := c.take(m.Bytes()); c.reads {
		m.UnmarshalBinary(taken) // takes anything
	}
}

// list codes a list, each element by one; a list that is empty is read as nil.
func list[E any](c *coder, elements *[]E, one func(*E)) {
	if c.ended() {
		return
	}
	n := c.size(len(*elements))
	if !c.reads {
		for i := range *elements {
			one(&(*elements)[i])
		}
		return
	}
	// It grows as elements are read: an element may take a hundred times its bytes.
	*elements = nil
	for ; n > 0 && !c.failed; n-- {
		if c.ended() {
			c.fail() // only a record may end early
			break
		}
		var e E
		one(&e)
		*elements = append(*elements, e)
	}
}

func (c *coder) texts(s *[]string) { list(c, s, c.text) }

// pairs codes a map; one that is empty is read as nil.
func (c *coder) pairs(m *map[string]string) {
	type pair struct{ key, value string }
	var all []pair
	for _, key := range slices.Sorted(maps.Keys(*m)) {
		all = append(all, pair{key, (*m)[key]})
	}
	list(c, &all, func(p *pair) { c.text(&p.key); c.text(&p.value) })
	if c.reads && len(all) > 0 {
		*m = make(map[string]string, len(all))
		for _, p := range all {
			(*m)[p.key] = p.value
		}
	}
}
