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
	base   uint32   // number of the first slab
	first  int      // where in it the oldest record lies
	worlds []*world // by number; nil where one has no records any more
	number map[state.Scope]uint32
	free   []uint32 // numbers of worlds that are nil

	scratch []byte // a record as it is stored, while it is
}

var _ Log = (*Memory)(nil)

// Before each record lies its head: time, number, number of the world (4 bytes), size of the record (4 bytes).
const headSize = 24

func appendHead(b []byte, p Place, world, size uint32) []byte {
	b = binary.NativeEndian.AppendUint64(b, uint64(p.Time))
	b = binary.NativeEndian.AppendUint64(b, p.Seq)
	b = binary.NativeEndian.AppendUint32(b, world)
	return binary.NativeEndian.AppendUint32(b, size)
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
	return &Memory{max: max, number: map[state.Scope]uint32{}}
}

// Append implements [Log]. It fails never.
func (m *Memory) Append(r *Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	r.Seq = m.seq
	n, ok := m.number[r.Scope]
	if !ok {
		n = m.newWorld(r.Scope)
	}
	slab, offset := m.store(r, n)
	size := len(m.slabs[len(m.slabs)-1]) - offset
	m.worlds[n].insert(entry{r.place(), slab, uint32(offset)})
	m.count++
	m.size += size
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

// store puts a record behind the last one, in the last slab or, if there is no room in it, in a new one. mu is held.
func (m *Memory) store(r *Record, world uint32) (slab uint32, offset int) {
	m.scratch = r.append(append(m.scratch[:0], make([]byte, headSize)...))
	appendHead(m.scratch[:0], r.place(), world, uint32(len(m.scratch)-headSize))
	last := len(m.slabs) - 1
	if last < 0 || cap(m.slabs[last])-len(m.slabs[last]) < len(m.scratch) {
		m.slabs = append(m.slabs, make([]byte, 0, max(slabSize, len(m.scratch))))
		last++
	}
	offset = len(m.slabs[last])
	m.slabs[last] = append(m.slabs[last], m.scratch...)
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
		m.slabs[0] = nil
		m.slabs = m.slabs[1:]
		m.base++
		m.first = 0
	}
	return m.slabs[0][m.first:]
}

// drop forgets the oldest record. mu is held, and there is one.
func (m *Memory) drop() {
	p, n, size := readHead(m.oldest())
	m.first += headSize + int(size)
	m.size -= headSize + int(size)
	m.count--
	w := m.worlds[n]
	if w.remove(p); w.head == len(w.entries) {
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
	find := (*world).find
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
		find, from = (*world).findAfter, records[len(records)-1].place()
	}
}

// Descend implements [Log].
func (m *Memory) Descend(s state.Scope, from Place, yield func(*Record) bool) {
	find := (*world).findAfter
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
		find, from = (*world).find, records[0].place()
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
		b := m.slabs[e.slab-m.base][e.offset:]
		_, _, size := readHead(b)
		r := new(Record)
		if err := r.UnmarshalBinary(b[headSize : headSize+size]); err != nil {
			panic("trail: internal error: " + err.Error()) // unreachable: store encoded it
		}
		records = append(records, r)
	}
	return records
}
