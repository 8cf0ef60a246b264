package trail_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// A log is asked random things, and answers as a list would that is sorted every time.
func TestMemoryModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const max = 200 // records, some batches of them
	m := trail.NewMemory(max)
	var model []*trail.Record // in the order they were appended
	scopes := []state.Scope{state.In("1", "a"), state.In("1", "b"), state.In("2", "a")}
	at := func(r *trail.Record) trail.Place { return trail.Place{Time: r.Time, Seq: r.Seq} }
	before := func(a, b trail.Place) bool { return a.Time < b.Time || a.Time == b.Time && a.Seq < b.Seq }
	now := state.Time(1000)
	for i := range 5000 {
		switch n := random.IntN(20); {
		case n < 12:
			now += state.Time(random.IntN(3))
			r := &trail.Record{Time: now - state.Time(random.IntN(4)), Scope: scopes[random.IntN(3)], Name: fmt.Sprint(i)}
			m.Append(r)
			if model = append(model, r); len(model) > max {
				model = model[1:]
			}
		case n == 12:
			limit := now - state.Time(random.IntN(60))
			m.Forget(limit)
			for len(model) > 0 && model[0].Time < limit {
				model = model[1:]
			}
		default:
			scope, from := scopes[random.IntN(3)], trail.Place{Time: now - state.Time(random.IntN(40)), Seq: uint64(random.IntN(i + 1))}
			forward, limit := random.IntN(2) == 0, 1+random.IntN(max)
			var want []*trail.Record
			for _, r := range model {
				if r.Scope == scope && (forward && !before(at(r), from) || !forward && !before(from, at(r))) {
					want = append(want, r)
				}
			}
			slices.SortFunc(want, func(a, b *trail.Record) int {
				if before(at(a), at(b)) == forward {
					return -1
				}
				return 1
			})
			want = want[:min(limit, len(want))]
			var got []*trail.Record
			yield := func(r *trail.Record) bool { got = append(got, r); return len(got) < limit }
			same := func(a, b *trail.Record) bool { return at(a) == at(b) && a.Name == b.Name && a.Scope == b.Scope }
			if forward {
				m.Ascend(scope, from, yield)
			} else {
				m.Descend(scope, from, yield)
			}
			if !slices.EqualFunc(got, want, same) {
				t.Fatalf("step %d: from %v, forward %v: %d records, want %d", i, from, forward, len(got), len(want))
			}
		}
		if m.Len() != len(model) {
			t.Fatalf("step %d: %d records, want %d", i, m.Len(), len(model))
		}
	}
}

// What is kept is bounded by number and, where records are large, by bytes; the last one always is.
func TestMemoryBounds(t *testing.T) {
	scope := state.In("1", "a")
	m := trail.NewMemory(100)
	for range 1000 {
		m.Append(&trail.Record{Scope: scope})
	}
	if m.Len() != 100 {
		t.Errorf("there are %d small records, want 100", m.Len())
	}
	large := []byte(strings.Repeat("x", 10<<10))
	for range 1000 {
		m.Append(&trail.Record{Scope: scope, Answer: large})
	}
	if n := m.Len(); n < 8 || n > 10 {
		t.Errorf("there are %d records of more than 10 KiB, want no more than 100 KiB", n)
	}
	m.Append(&trail.Record{Scope: scope, Name: "huge", Answer: []byte(strings.Repeat("x", 1<<20))})
	if n := m.Len(); n != 1 {
		t.Errorf("beside a huge record there are %d", n-1)
	}
	m.Ascend(scope, trail.Place{}, func(r *trail.Record) bool {
		if r.Name != "huge" {
			t.Errorf("%q is kept", r.Name)
		}
		return true
	})
	if trail.DefaultMax != 1048576 {
		t.Errorf("by default %d records are kept", trail.DefaultMax)
	}
}

func TestMemoryConcurrent(t *testing.T) {
	m := trail.NewMemory(500)
	scope := state.In("1", "a")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				m.Append(&trail.Record{Scope: scope, Time: state.Time(i)})
				m.Forget(state.Time(i - 900))
			}
		})
		wg.Go(func() {
			for range 50 {
				last := trail.Place{}
				m.Ascend(scope, last, func(r *trail.Record) bool {
					if p := (trail.Place{Time: r.Time, Seq: r.Seq}); p.Time < last.Time || p.Time == last.Time && p.Seq <= last.Seq {
						t.Errorf("%v comes after %v", p, last)
						return false
					} else {
						last = p
					}
					return true
				})
			}
		})
	}
	wg.Wait()
	if m.Len() != 500 {
		t.Errorf("there are %d records, want 500", m.Len())
	}
}
