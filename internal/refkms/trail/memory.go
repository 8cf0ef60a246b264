package trail

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// DefaultMax is how many records a Memory keeps unless told otherwise.
const DefaultMax = 1 << 20

const (
	sizeEach = 1 << 10   // bytes that a record may take on average
	slabSize = 256 << 10 // of records that lie together
	batch    = 64        // records that are read while nothing is written, and that are dropped at a time
)

// A Memory is a Log in memory. It keeps a number of records, of 1 KiB on average: a record too many, or too large, has
// the oldest forgotten, in the order in which they were appended. Those that are too many are not seen any more, and are
// dropped when there are 64 of them: to look for the oldest is to wait for memory that has not been touched for long.
//
// Records lie encoded, one after the other, in slabs without a pointer, and each world has an index without one: a
// million records take little more than their bytes, and the garbage collector does not look at them. The notes of a call
// that differs from one before it in nothing but time and request lie in a slab once: whoever uses few keys makes nearly
// only such calls. They are told when the record is read.
type Memory struct {
	max int

	mu     sync.Mutex // guards what follows
	seq    uint64     // of the last record
	count  int
	size   int      // bytes of all records, with their heads
	slabs  [][]byte // that hold records, the oldest first
	spare  []byte   // the last slab that held records, empty; nil for none
	base   uint32   // number of the first slab
	first  int      // where in it the oldest record lies
	worlds []*world // by number; nil where one has no records any more
	number map[state.Scope]uint32
	recent *world            // of the last record, nil if there is none
	free   []uint32          // numbers of worlds that are nil
	ops    []*call.Operation // that left notes
	rests  [64]span          // notes in the last slab, by their hash

	seed    maphash.Seed
	scratch []byte // for a record without notes
}

var _ Log = (*Memory)(nil)

// A record is its head, the id of its request, and the rest: behind it, or where an earlier record of the slab has the same.
type head struct {
	Place
	world uint32 // its number
	op    uint16 // index in ops of what left the rest as notes, plus one; 0 of a record that has been told
	rest  span
}

// A span is a part of a slab.
type span struct{ at, size uint32 }

const headSize = 30

func putHead(b []byte, h *head) {
	binary.NativeEndian.PutUint64(b, uint64(h.Time))
	binary.NativeEndian.PutUint64(b[8:], h.Seq)
	binary.NativeEndian.PutUint32(b[16:], h.world)
	binary.NativeEndian.PutUint32(b[20:], h.rest.at)
	binary.NativeEndian.PutUint32(b[24:], h.rest.size)
	binary.NativeEndian.PutUint16(b[28:], h.op)
}

func readHead(b []byte) head {
	return head{Place{state.Time(binary.NativeEndian.Uint64(b)), binary.NativeEndian.Uint64(b[8:])},
		binary.NativeEndian.Uint32(b[16:]), binary.NativeEndian.Uint16(b[28:]),
		span{binary.NativeEndian.Uint32(b[20:]), binary.NativeEndian.Uint32(b[24:])}}
}

// readRecord returns the record at an offset of a slab: its head, the id of its request, and where it ends.
func readRecord(slab []byte, offset int) (h head, id []byte, end int) {
	h = readHead(slab[offset:])
	d := decoder{rest: slab[offset+headSize:]}
	id = d.take(d.uvarint())
	if end = len(slab) - len(d.rest); end == int(h.rest.at) {
		end += int(h.rest.size)
	}
	return h, id, end
}

// NewMemory returns an empty log of at most max records; 0 is DefaultMax.
func NewMemory(max int) *Memory {
	if max == 0 {
		max = DefaultMax
	}
	return &Memory{max: max, number: map[state.Scope]uint32{}, seed: maphash.MakeSeed()}
}

// Append implements [Log], and never fails. Notes were made before it takes the lock, for all that is recorded meets there;
// what no call left, which is little, is encoded under it.
func (m *Memory) Append(r *Record) error {
	id, rest, hash := r.RequestID, r.notes, maphash.Bytes(m.seed, r.notes)
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.op == nil {
		m.scratch = r.append(m.scratch[:0])
		id, rest = "", m.scratch
	}
	m.seq++
	r.Seq = m.seq
	w := m.worldOf(r.Scope)
	h := head{Place: r.place(), world: w.number, op: m.opNumber(r.op)}
	m.insert(w, m.store(&h, id, rest, hash), h.Place)
	m.count++
	if m.count >= m.max+batch || m.full() {
		m.trim()
	}
	return nil
}

// opNumber returns the number of an operation in a head. There are few, and nearly always it is one of the first.
func (m *Memory) opNumber(op *call.Operation) uint16 {
	if op == nil {
		return 0
	}
	i := slices.Index(m.ops, op)
	if i < 0 {
		i = len(m.ops)
		m.ops = append(m.ops, op)
	}
	return uint16(i + 1)
}

// full reports whether records are larger than they may be. mu is held.
func (m *Memory) full() bool { return m.size/sizeEach >= m.max }

// trim drops what is too many or too large. Whoever looks at records does it first. mu is held.
func (m *Memory) trim() {
	for m.count > 1 && (m.count > m.max || m.full()) {
		m.drop()
	}
}

// worldOf returns a world, which is nearly always that of the record before. mu is held.
func (m *Memory) worldOf(s state.Scope) *world {
	if m.recent != nil && m.recent.scope == s {
		return m.recent
	}
	n, ok := m.number[s]
	if !ok {
		n = uint32(len(m.worlds))
		if last := len(m.free) - 1; last >= 0 {
			n, m.free = m.free[last], m.free[:last]
		} else {
			m.worlds = append(m.worlds, nil)
		}
		m.worlds[n] = &world{scope: s, number: n}
		m.number[s] = n
	}
	m.recent = m.worlds[n]
	return m.recent
}

// store puts a record behind the last one, in the last slab or, if there is no room in it, in a new one. mu is held.
func (m *Memory) store(h *head, id string, rest []byte, hash uint64) entry {
	last, size := len(m.slabs)-1, headSize+binary.MaxVarintLen64+len(id)+len(rest) // at most
	if last < 0 || cap(m.slabs[last])-len(m.slabs[last]) < size {
		fresh := m.spare
		if m.spare = nil; cap(fresh) < size {
			fresh = make([]byte, 0, max(slabSize, size))
		}
		m.slabs = append(m.slabs, fresh)
		clear(m.rests[:])
		last++
	}
	slab := m.slabs[last]
	offset := len(slab)
	b := appendText(slab[:offset+headSize], id)
	known := &m.rests[hash%uint64(len(m.rests))]
	if h.rest = *known; h.op == 0 || !bytes.Equal(slab[known.at:known.at+known.size], rest) {
		h.rest = span{uint32(len(b)), uint32(len(rest))}
		b = append(b, rest...)
	}
	if h.op > 0 {
		*known = h.rest
	}
	putHead(b[offset:], h)
	m.slabs[last] = b
	m.size += len(b) - offset
	return entry{m.base + uint32(last), uint32(offset)}
}

// Forget implements [Log]. It looks at the records in the order they were appended, and stops at the first that stays.
func (m *Memory) Forget(before state.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.count > 0 {
		m.oldest()
		if readHead(m.slabs[0][m.first:]).Time >= before {
			return
		}
		m.drop()
	}
}

// oldest makes the record that was appended first of those that are kept the one at first in the first slab. mu is held, and
// there is one.
func (m *Memory) oldest() {
	for m.first == len(m.slabs[0]) { // a slab all of whose records are forgotten
		if cap(m.slabs[0]) == slabSize {
			m.spare = m.slabs[0][:0]
		}
		m.slabs[0] = nil
		m.slabs = m.slabs[1:]
		m.base++
		m.first = 0
	}
}

// drop forgets the oldest record. mu is held, and there is one.
func (m *Memory) drop() {
	m.oldest()
	h, _, end := readRecord(m.slabs[0], m.first)
	w := m.worlds[h.world]
	m.remove(w, entry{m.base, uint32(m.first)})
	m.size -= end - m.first
	m.first = end
	m.count--
	if w.head == len(w.entries) {
		delete(m.number, w.scope)
		m.worlds[h.world], m.recent = nil, nil
		m.free = append(m.free, h.world)
	}
}

// Len returns how many records there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trim()
	return m.count
}

// Ascend implements [Log].
func (m *Memory) Ascend(s state.Scope, from Place, yield func(*Record) bool) {
	find := m.find
	for {
		records := m.read(s, func(w *world) []entry {
			i := find(w, from)
			return w.entries[i:min(i+batch, len(w.entries))]
		})
		for _, r := range records {
			if r.tell(); !yield(r) {
				return
			}
		}
		if len(records) == 0 {
			return
		}
		find, from = m.findAfter, records[len(records)-1].place()
	}
}

// Descend implements [Log].
func (m *Memory) Descend(s state.Scope, from Place, yield func(*Record) bool) {
	find := m.findAfter
	for {
		records := m.read(s, func(w *world) []entry {
			i := find(w, from)
			return w.entries[max(i-batch, w.head):i]
		})
		for _, r := range slices.Backward(records) {
			if r.tell(); !yield(r) {
				return
			}
		}
		if len(records) == 0 {
			return
		}
		find, from = m.find, records[0].place()
	}
}

// read decodes the records of the entries that choose takes from a world, none if it has none. They are not told yet.
func (m *Memory) read(s state.Scope, choose func(*world) []entry) []*Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trim()
	n, ok := m.number[s]
	if !ok {
		return nil
	}
	var records []*Record
	for _, e := range choose(m.worlds[n]) {
		slab := m.slabs[e.slab-m.base]
		h, id, _ := readRecord(slab, int(e.offset))
		rest := slab[h.rest.at:][:h.rest.size]
		r := new(Record)
		if h.op > 0 {
			r.Time, r.Scope, r.RequestID = h.Time, s, string(id)
			r.op, r.notes = m.ops[h.op-1], bytes.Clone(rest)
		} else if err := r.UnmarshalBinary(rest); err != nil {
			panic("trail: internal error: " + err.Error()) // unreachable: Append encoded it
		}
		r.Seq = h.Seq
		records = append(records, r)
	}
	return records
}
