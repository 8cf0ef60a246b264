package trail

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// DefaultMax is how many records a Memory keeps unless told otherwise.
const DefaultMax = 1 << 20

const (
	sizeEach = 1 << 10   // bytes that a record may take on average
	slabSize = 256 << 10 // of records that lie together
	batch    = 64        // records that are read while nothing is written
)

// A Memory is a Log in memory. It keeps a number of records, of 1 KiB on average: a record too many, or too large, has
// the oldest forgotten, in the order in which they were appended.
//
// Records lie encoded, one after the other, in slabs without a pointer, and each world has an index without one: a
// million records take little more than their bytes, and the garbage collector does not look at them.
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
	free   []uint32 // numbers of worlds that are nil

	scratch sync.Pool // of *[]byte: a head and a record, before they are stored
}

var _ Log = (*Memory)(nil)

// Before each record lies its head: time, number, number of the world (4 bytes), size of the record (4 bytes). The number
// in the record itself is 0: it is given when all else has been encoded.
const headSize = 24

func putHead(b []byte, p Place, world, size uint32) {
	binary.NativeEndian.PutUint64(b, uint64(p.Time))
	binary.NativeEndian.PutUint64(b[8:], p.Seq)
	binary.NativeEndian.PutUint32(b[16:], world)
	binary.NativeEndian.PutUint32(b[20:], size)
}

func readHead(b []byte) (p Place, world, size uint32) {
	return Place{state.Time(binary.NativeEndian.Uint64(b)), binary.NativeEndian.Uint64(b[8:])},
		binary.NativeEndian.Uint32(b[16:]), binary.NativeEndian.Uint32(b[20:])
}

// NewMemory returns an empty log of at most max records; 0 is DefaultMax.
func NewMemory(max int) *Memory {
	if max == 0 {
		max = DefaultMax
	}
	return &Memory{max: max, number: map[state.Scope]uint32{}, scratch: sync.Pool{New: func() any { return new([]byte) }}}
}

// Append implements [Log], and never fails. It encodes the record before it takes the lock, for all that is recorded meets
// there.
func (m *Memory) Append(r *Record) error {
	scratch := m.scratch.Get().(*[]byte)
	defer m.scratch.Put(scratch)
	r.Seq = 0
	*scratch = r.append(append((*scratch)[:0], make([]byte, headSize)...))

	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	r.Seq = m.seq
	n, ok := m.number[r.Scope]
	if !ok {
		n = m.newWorld(r.Scope)
	}
	putHead(*scratch, r.place(), n, uint32(len(*scratch)-headSize))
	slab, offset := m.store(*scratch)
	m.insert(m.worlds[n], entry{slab, offset})
	m.count++
	m.size += len(*scratch)
	for m.count > 1 && (m.count > m.max || m.size/sizeEach >= m.max) {
		m.drop()
	}
	return nil
}

func (m *Memory) newWorld(s state.Scope) uint32 {
	n := uint32(len(m.worlds))
	if last := len(m.free) - 1; last >= 0 {
		n, m.free = m.free[last], m.free[:last]
	} else {
		m.worlds = append(m.worlds, nil)
	}
	m.worlds[n] = &world{scope: s}
	m.number[s] = n
	return n
}

// store puts a head and a record behind the last one, in the last slab or, if there is no room in it, in a new one. mu is
// held.
func (m *Memory) store(b []byte) (slab, offset uint32) {
	last := len(m.slabs) - 1
	if last < 0 || cap(m.slabs[last])-len(m.slabs[last]) < len(b) {
		fresh := m.spare
		if m.spare = nil; cap(fresh) < len(b) {
			fresh = make([]byte, 0, max(slabSize, len(b)))
		}
		m.slabs = append(m.slabs, fresh)
		last++
	}
	offset = uint32(len(m.slabs[last]))
	m.slabs[last] = append(m.slabs[last], b...)
	return m.base + uint32(last), offset
}

// Forget implements [Log]. It looks at the records in the order they were appended, and stops at the first that stays.
func (m *Memory) Forget(before state.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.count > 0 {
		if p, _, _ := readHead(m.oldest()); p.Time >= before {
			return
		}
		m.drop()
	}
}

// oldest returns the slab from the record on that was appended first of those that are kept. mu is held, and there is one.
func (m *Memory) oldest() []byte {
	for m.first == len(m.slabs[0]) { // a slab all of whose records are forgotten
		if cap(m.slabs[0]) == slabSize {
			m.spare = m.slabs[0][:0]
		}
		m.slabs[0] = nil
		m.slabs = m.slabs[1:]
		m.base++
		m.first = 0
	}
	return m.slabs[0][m.first:]
}

// drop forgets the oldest record. mu is held, and there is one.
func (m *Memory) drop() {
	_, n, size := readHead(m.oldest())
	w := m.worlds[n]
	m.remove(w, entry{m.base, uint32(m.first)})
	m.first += headSize + int(size)
	m.size -= headSize + int(size)
	m.count--
	if w.head == len(w.entries) {
		delete(m.number, w.scope)
		m.worlds[n] = nil
		m.free = append(m.free, n)
	}
}

// Len returns how many records there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
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
			if !yield(r) {
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
			if !yield(r) {
				return
			}
		}
		if len(records) == 0 {
			return
		}
		find, from = m.find, records[0].place()
	}
}

// read decodes the records of the entries that choose takes from a world, none if it has none.
func (m *Memory) read(s state.Scope, choose func(*world) []entry) []*Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.number[s]
	if !ok {
		return nil
	}
	var records []*Record
	for _, e := range choose(m.worlds[n]) {
		b := m.at(e)
		p, _, size := readHead(b)
		r := new(Record)
		if err := r.UnmarshalBinary(b[headSize : headSize+size]); err != nil {
			panic("trail: internal error: " + err.Error()) // unreachable: Append encoded it
		}
		r.Seq = p.Seq
		records = append(records, r)
	}
	return records
}
