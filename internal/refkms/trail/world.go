package trail

import (
	"slices"
	"sort"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A world is the index of the records of one account in one region: their entries from head on, in the order of their
// places.
type world struct {
	scope   state.Scope
	number  uint32
	entries []entry
	head    int
	last    Place // no entry is after it
}

// An entry says where a record lies in a [Memory]. Its place is in its head there: a search has to go and read it, and an
// index that is nearly always appended to is a third as large.
type entry struct{ slab, offset uint32 }

// minEntries is how many entries a world has room for at first.
const minEntries = 8

// place returns the place of an entry. mu is held, here and below.
func (m *Memory) place(e entry) Place { return readHead(m.slabs[e.slab-m.base][e.offset:]).Place }

// insert puts an entry in its place: nearly always last, for time goes on.
func (m *Memory) insert(w *world, e entry, p Place) {
	n := len(w.entries)
	if n == cap(w.entries) {
		w.entries = slices.Grow(w.entries, max(minEntries, n)) // append would add a quarter, and copy each entry four times
	}
	if n == w.head || w.last.less(p) {
		w.entries, w.last = append(w.entries, e), p
		return
	}
	w.entries = slices.Insert(w.entries, m.find(w, p), e)
}

// find returns the number of the first entry that is not before a place.
func (m *Memory) find(w *world, p Place) int {
	live := w.entries[w.head:]
	return w.head + sort.Search(len(live), func(i int) bool { return !m.place(live[i]).less(p) })
}

// findAfter returns the number of the first entry that is after a place.
func (m *Memory) findAfter(w *world, p Place) int {
	live := w.entries[w.head:]
	return w.head + sort.Search(len(live), func(i int) bool { return p.less(m.place(live[i])) })
}

// remove takes an entry out, nearly always the first.
func (m *Memory) remove(w *world, e entry) {
	i := w.head
	if w.entries[i] != e {
		i = m.find(w, m.place(e))
	}
	copy(w.entries[w.head+1:i+1], w.entries[w.head:i])
	w.head++
	// More than half is empty: move the rest to the front. Each entry moves once for each that was removed.
	if w.head > len(w.entries)/2 {
		w.entries = w.entries[:copy(w.entries, w.entries[w.head:])]
		w.head = 0
	}
}
