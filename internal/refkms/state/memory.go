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
	// latest are the trees that the next Update copies. Copying a tree writes to it (the library marks both sides as
	// sharing their nodes), so trees that readers may hold are never copied: those in published are copies of these.
	latest [TableCount]*tree
}

type tree = btree.Map[string, any]

// A root is one state of all tables. It is never changed once it is published.
type root struct {
	tables [TableCount]*tree
	due    Time // of the first event
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store in memory.
func NewMemory() *Memory {
	m := new(Memory)
	for i := range m.latest {
		m.latest[i] = new(tree)
	}
	m.publish()
	return m
}

// publish makes copies of all latest trees what readers see. mu is held.
func (m *Memory) publish() {
	r := new(root)
	for i, t := range m.latest {
		r.tables[i] = t.Copy()
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
	tx := &update{tables: m.latest}
	if err := fn(tx); err != nil {
		return err
	}
	is := &root{tables: was.tables, due: was.due}
	for i, t := range tx.tables {
		if tx.owned[i] {
			m.latest[i] = t
			is.tables[i] = t.Copy()
		}
	}
	if tx.owned[tableDues] {
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
// ErrClosed once the store is closed. It costs no copy of the records, now or later.
func (m *Memory) Snapshot() (restore func() error) {
	kept := m.copies()
	return func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.published.Load() == nil {
			return ErrClosed
		}
		for i, t := range kept {
			m.latest[i] = t.Copy()
		}
		m.publish()
		return nil
	}
}

// copies returns copies of the latest trees, which nobody else holds.
func (m *Memory) copies() (kept [TableCount]*tree) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, t := range m.latest {
		kept[i] = t.Copy()
	}
	return kept
}

// Close implements [Store].
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.published.Store(nil)
	m.latest = [TableCount]*tree{}
	return nil
}

// A root is the transaction of a View.

func (r *root) Get(t TableID, key string) any {
	record, _ := r.tables[t].Get(key)
	return record
}

func (r *root) Scan(t TableID, from string, yield func(string, any) bool) {
	r.tables[t].Ascend(from, yield)
}

func (r *root) Put(TableID, string, any) { panic("state: Put in a transaction that only reads") }

func (r *root) Delete(TableID, string) { panic("state: Delete in a transaction that only reads") }

// An update is the transaction of an Update: the latest trees, replaced by a copy where it writes.
type update struct {
	tables [TableCount]*tree
	owned  [TableCount]bool
}

func (u *update) own(t TableID) *tree {
	if !u.owned[t] {
		u.tables[t], u.owned[t] = u.tables[t].Copy(), true
	}
	return u.tables[t]
}

func (u *update) Get(t TableID, key string) any {
	record, _ := u.tables[t].Get(key)
	return record
}

func (u *update) Scan(t TableID, from string, yield func(string, any) bool) {
	u.tables[t].Ascend(from, yield)
}

func (u *update) Put(t TableID, key string, record any) { u.own(t).Set(key, record) }

func (u *update) Delete(t TableID, key string) { u.own(t).Delete(key) }
