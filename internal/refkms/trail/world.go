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
	entries []entry
	head    int
}

// An entry says where a record lies in a [Memory].
type entry struct {
	Place
	slab, offset uint32
}

// insert puts an entry in its place: nearly always last, for time goes on.
func (w *world) insert(e entry) {
	if n := len(w.entries); n == w.head || w.entries[n-1].less(e.Place) {
		w.entries = append(w.entries, e)
		return
	}
	w.entries = slices.Insert(w.entries, w.find(e.Place), e)
}

// find returns the number of the first entry that is not before a place.
func (w *world) find(p Place) int {
	live := w.entries[w.head:]
	return w.head + sort.Search(len(live), func(i int) bool { return !live[i].less(p) })
}

// findAfter returns the number of the first entry that is after a place.
func (w *world) findAfter(p Place) int {
	live := w.entries[w.head:]
	return w.head + sort.Search(len(live), func(i int) bool { return p.less(live[i].Place) })
}

// remove takes the entry of a place out, nearly always the first.
func (w *world) remove(p Place) {
	i := w.find(p)
	copy(w.entries[w.head+1:i+1], w.entries[w.head:i])
	w.head++
	// More than half is empty: move the rest to the front. Each entry moves once for each that was removed.
	if w.head > len(w.entries)/2 {
		w.entries = w.entries[:copy(w.entries, w.entries[w.head:])]
		w.head = 0
	}
}
