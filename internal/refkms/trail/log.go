package trail

import (
	"sync"

	"github.com/tidwall/btree"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Log keeps records. It is safe for concurrent use. Records of one world come in the order of their time, those of one
// second in the order in which they were appended.
type Log interface {
	// Append keeps a record and sets its Seq, which no other record has. The record must not be changed from then on.
	Append(r *Record)
	// Ascend calls yield with the records of a world from a place on, from the older to the newer, until it returns false.
	Ascend(s state.Scope, from Place, yield func(*Record) bool)
	// Descend calls yield with the records of a world from a place on, from the newer to the older.
	Descend(s state.Scope, from Place, yield func(*Record) bool)
	// Forget drops what is older than a time.
	Forget(before state.Time)
}

// A Place is where a record lies among those of its world, or would.
type Place struct {
	Time state.Time
	Seq  uint64
}

func (p Place) less(q Place) bool { return p.Time < q.Time || p.Time == q.Time && p.Seq < q.Seq }

func (r *Record) place() Place { return Place{r.Time, r.Seq} }

// DefaultMax is how many records a Memory keeps unless told otherwise.
const DefaultMax = 1 << 20

// sizeEach is how many bytes the records of a Memory may take on average.
const sizeEach = 1 << 10

// A Memory is a Log in memory. It keeps a number of records, of 1 KiB on average: a record too many, or too large, has
// the oldest forgotten, in the order in which they were appended.
type Memory struct {
	max int

	mu     sync.Mutex // guards what follows
	seq    uint64
	worlds map[state.Scope]*btree.BTreeG[*Record]
	queue  []*Record // all records in the order they were appended, from first on
	first  int
	size   int // bytes of all records
}

var _ Log = (*Memory)(nil)

// NewMemory returns an empty log of at most max records; 0 is DefaultMax.
func NewMemory(max int) *Memory {
	if max == 0 {
		max = DefaultMax
	}
	return &Memory{max: max, worlds: map[state.Scope]*btree.BTreeG[*Record]{}}
}

// Append implements [Log].
func (m *Memory) Append(r *Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	r.Seq = m.seq
	world := m.worlds[r.Scope]
	if world == nil {
		world = btree.NewBTreeGOptions(func(a, b *Record) bool { return a.place().less(b.place()) }, btree.Options{NoLocks: true})
		m.worlds[r.Scope] = world
	}
	world.Set(r)
	m.queue = append(m.queue, r)
	m.size += r.size()
	for len(m.queue)-m.first > m.max || m.size/sizeEach >= m.max && len(m.queue)-m.first > 1 {
		m.drop()
	}
}

// Forget implements [Log]. It looks at the records in the order they were appended, and stops at the first that stays.
func (m *Memory) Forget(before state.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.first < len(m.queue) && m.queue[m.first].Time < before {
		m.drop()
	}
}

// drop forgets the first record of the queue. mu is held.
func (m *Memory) drop() {
	r := m.queue[m.first]
	m.queue[m.first] = nil
	m.first++
	m.size -= r.size()
	world := m.worlds[r.Scope]
	world.Delete(r)
	if world.Len() == 0 {
		delete(m.worlds, r.Scope)
	}
	// Half of the queue is empty: move the rest to the front. Each record moves once for each one that was dropped.
	if m.first > len(m.queue)/2 {
		n := copy(m.queue, m.queue[m.first:])
		clear(m.queue[n:])
		m.queue, m.first = m.queue[:n], 0
	}
}

// snapshot returns the records of a world as they are now, nil if there are none. The tree is copied on write.
func (m *Memory) snapshot(s state.Scope) *btree.BTreeG[*Record] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if world := m.worlds[s]; world != nil {
		return world.Copy()
	}
	return nil
}

// Ascend implements [Log]. Records that come or go meanwhile are not seen to.
func (m *Memory) Ascend(s state.Scope, from Place, yield func(*Record) bool) {
	if world := m.snapshot(s); world != nil {
		world.Ascend(&Record{Time: from.Time, Seq: from.Seq}, yield)
	}
}

// Descend implements [Log]. Records that come or go meanwhile are not seen to.
func (m *Memory) Descend(s state.Scope, from Place, yield func(*Record) bool) {
	if world := m.snapshot(s); world != nil {
		world.Descend(&Record{Time: from.Time, Seq: from.Seq}, yield)
	}
}

// Len returns how many records there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue) - m.first
}
