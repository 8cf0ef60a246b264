package state

import (
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// Memory is a [Store] in memory. Its tables are copy-on-write B-trees behind one atomic pointer: a View takes no lock
// and waits for nobody, an Update that fails is forgotten, and a snapshot is one pointer. Everything is lost with the
// process.
//
// Its zero value is not usable.
type Memory struct {
	published atomic.Pointer[root] // nil once closed

	mu sync.Mutex // guards what follows; held by Update for its whole length
	// latest holds the trees that the next Update copies, shown what readers may hold. They are two because copying a
	// tree writes to it (the library marks both sides as sharing their nodes), so what is published is never copied:
	// the trees in shown are copies of those in latest, and a root holds copies of shown.
	latest, shown worlds
}

// A tree holds the records of one table in one scope, by id. A forest holds the trees of one table.
type (
	tree   = btree.Map[string, any]
	forest = btree.Map[Scope, *tree]
	worlds [TableCount]*forest
)

// A root is one state of all tables. It is never changed once it is published.
type root struct {
	tables worlds
	due    Time // of the first event
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store in memory.
func NewMemory() *Memory {
	m := new(Memory)
	for t := range TableCount {
		m.latest[t], m.shown[t] = new(forest), new(forest)
	}
	m.publish()
	return m
}

// publish makes the state in shown what readers see. mu is held.
func (m *Memory) publish() {
	r := new(root)
	for t, f := range m.shown {
		r.tables[t] = f.Copy()
	}
	r.due = firstDate(r)
	m.published.Store(r)
}

func firstDate(tx Tx) Time {
	if d := FirstDue(tx); d != nil {
		return d.At
	}
	return Never
}

// View implements [Store]. It takes no lock.
func (m *Memory) View(fn func(Tx) error) error {
	r := m.published.Load()
	if r == nil {
		return ErrClosed
	}
	return fn(r)
}

// Update implements [Store]. It calls fn once.
func (m *Memory) Update(fn func(Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.published.Load()
	if was == nil {
		return ErrClosed
	}
	u := &update{latest: &m.latest}
	if err := fn(u); err != nil {
		return err
	}
	is := &root{tables: was.tables, due: was.due}
	for t := range TableCount {
		if len(u.trees[t]) == 0 {
			continue
		}
		for s, changed := range u.trees[t] {
			m.latest[t].Set(s, changed)
			m.shown[t].Set(s, changed.Copy())
		}
		is.tables[t] = m.shown[t].Copy()
	}
	if len(u.trees[tableDues]) > 0 {
		is.due = firstDate(is)
	}
	m.published.Store(is)
	return nil
}

// NextDue implements [Store].
func (m *Memory) NextDue() Time {
	if r := m.published.Load(); r != nil {
		return r.due
	}
	return Never
}

// Snapshot keeps the state of the store as it is now. Each call of restore takes the store back to it; it fails with
// ErrClosed once the store is closed. It costs a copy of no record, now or later.
func (m *Memory) Snapshot() (restore func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.latest.copies()
	return func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.published.Load() == nil {
			return ErrClosed
		}
		m.latest = kept.copies()
		m.shown = m.latest.copies()
		m.publish()
		return nil
	}
}

// copies returns copies of all trees. None of w is published, and its lock is held.
func (w *worlds) copies() (c worlds) {
	for t, f := range w {
		c[t] = new(forest)
		if f == nil {
			continue // closed
		}
		f.Scan(func(s Scope, records *tree) bool {
			c[t].Set(s, records.Copy())
			return true
		})
	}
	return c
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.published.Store(nil)
	m.latest, m.shown = worlds{}, worlds{}
	return nil
}

// A root is the transaction of a View.

func (r *root) Get(t TableID, s Scope, id string) any {
	if records, ok := r.tables[t].Get(s); ok {
		record, _ := records.Get(id)
		return record
	}
	return nil
}

func (r *root) Scan(t TableID, s Scope, id string, yield func(string, any) bool) {
	if records, ok := r.tables[t].Get(s); ok {
		records.Ascend(id, yield)
	}
}

func (r *root) Put(TableID, Scope, string, any) {
	panic("state: Put in a transaction that only reads")
}

func (r *root) Delete(TableID, Scope, string) {
	panic("state: Delete in a transaction that only reads")
}

// An update is the transaction of an Update: the latest trees, and copies of those it writes to.
type update struct {
	latest *worlds
	trees  [TableCount]map[Scope]*tree
}

// tree returns the tree to read from, nil if there is none.
func (u *update) tree(t TableID, s Scope) *tree {
	if own := u.trees[t][s]; own != nil {
		return own
	}
	records, _ := u.latest[t].Get(s)
	return records
}

// own returns the tree to write to.
func (u *update) own(t TableID, s Scope) *tree {
	own := u.trees[t][s]
	if own != nil {
		return own
	}
	if records, ok := u.latest[t].Get(s); ok {
		own = records.Copy()
	} else {
		own = new(tree)
	}
	if u.trees[t] == nil {
		u.trees[t] = map[Scope]*tree{}
	}
	u.trees[t][s] = own
	return own
}

func (u *update) Get(t TableID, s Scope, id string) any {
	if records := u.tree(t, s); records != nil {
		record, _ := records.Get(id)
		return record
	}
	return nil
}

func (u *update) Scan(t TableID, s Scope, id string, yield func(string, any) bool) {
	if records := u.tree(t, s); records != nil {
		records.Ascend(id, yield)
	}
}

func (u *update) Put(t TableID, s Scope, id string, record any) { u.own(t, s).Set(id, record) }

func (u *update) Delete(t TableID, s Scope, id string) { u.own(t, s).Delete(id) }
