// Package trailtest is the suite that every log of the trail passes.
package trailtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// Run checks the logs that open returns, a new and empty one for each check, which keep 10000 records or more. disturb,
// if there is one, is called between two calls of a log: it may return another log, with the same records in it.
func Run(t *testing.T, open func(t *testing.T) trail.Log, disturb func(t *testing.T, l trail.Log) trail.Log) {
	if disturb == nil {
		disturb = func(_ *testing.T, l trail.Log) trail.Log { return l }
	}
	t.Run("random operations agree with a list", func(t *testing.T) { testModel(t, open(t), disturb) })
	t.Run("a record comes back whole", func(t *testing.T) { testWhole(t, open(t), disturb) })
	t.Run("readers and writers at once", func(t *testing.T) { testConcurrent(t, open(t)) })
}

func at(r *trail.Record) trail.Place { return trail.Place{Time: r.Time, Seq: r.Seq} }

func before(a, b trail.Place) bool { return a.Time < b.Time || a.Time == b.Time && a.Seq < b.Seq }

func add(t *testing.T, l trail.Log, r *trail.Record) {
	t.Helper()
	if err := l.Append(r); err != nil {
		t.Fatalf("Append = %v", err)
	}
}

// testModel asks a log random things, which answers as a list would that is sorted every time. What is to be forgotten is
// not asked for: a log may keep it for a while.
func testModel(t *testing.T, l trail.Log, disturb func(*testing.T, trail.Log) trail.Log) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var model []*trail.Record
	scopes := []state.Scope{state.In("1", "a"), state.In("1", "ab"), state.In("2", "a")}
	now, forgotten := state.Time(1000), state.Time(-1<<40)
	for i := range 5000 {
		switch n := random.IntN(20); {
		case n < 12:
			now += state.Time(random.IntN(3))
			r := &trail.Record{Time: now - state.Time(random.IntN(4)), Scope: scopes[random.IntN(3)], Name: fmt.Sprint(i)}
			add(t, l, r)
			model = append(model, r)
		case n == 12:
			forgotten = max(forgotten, now-state.Time(random.IntN(600)))
			l.Forget(forgotten)
		case n == 13:
			l = disturb(t, l)
		default:
			scope, from := scopes[random.IntN(3)], trail.Place{Time: now - state.Time(random.IntN(600)), Seq: uint64(random.IntN(i + 1))}
			forward, limit := random.IntN(2) == 0, 1+random.IntN(200)
			from.Time = max(from.Time, forgotten)
			var want, got []*trail.Record
			for _, r := range model {
				if r.Time >= forgotten && r.Scope == scope && (forward && !before(at(r), from) || !forward && !before(from, at(r))) {
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
			yield := func(r *trail.Record) bool {
				if r.Time < forgotten {
					return false
				}
				got = append(got, r)
				return len(got) < limit
			}
			if forward {
				l.Ascend(scope, from, yield)
			} else {
				l.Descend(scope, from, yield)
			}
			same := func(a, b *trail.Record) bool { return at(a) == at(b) && a.Name == b.Name && a.Scope == b.Scope }
			if !slices.EqualFunc(got, want, same) {
				t.Fatalf("step %d: from %v, forward %v: %d records, want %d", i, from, forward, len(got), len(want))
			}
		}
	}
}

func testWhole(t *testing.T, l trail.Log, disturb func(*testing.T, trail.Log) trail.Log) {
	scope := state.In("1", "a")
	r := &trail.Record{Time: -5, Scope: scope, Name: "Encrypt", ID: [16]byte{1, 2}, Params: []byte(`{"a":"b"}`), UserAgent: "x"}
	add(t, l, r)
	add(t, l, &trail.Record{Time: 3, Scope: scope, Name: "later"})
	l = disturb(t, l)
	var got []*trail.Record
	l.Ascend(scope, trail.Place{Time: -10}, func(r *trail.Record) bool { got = append(got, r); return true })
	if len(got) != 2 || got[0].Seq != r.Seq || got[0].ID != r.ID || string(got[0].Params) != string(r.Params) || got[0].UserAgent != "x" ||
		got[0].Answer != nil || got[1].Name != "later" || got[1].Seq != r.Seq+1 {
		t.Errorf("the log holds %+v", got)
	}
}

func testConcurrent(t *testing.T, l trail.Log) {
	scope := state.In("1", "a")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				if err := l.Append(&trail.Record{Scope: scope, Time: state.Time(i)}); err != nil {
					t.Errorf("Append = %v", err)
				}
				l.Forget(state.Time(i - 900))
			}
		})
		wg.Go(func() {
			for range 50 {
				last := trail.Place{}
				l.Ascend(scope, last, func(r *trail.Record) bool {
					p := at(r)
					if !before(last, p) {
						t.Errorf("%v comes after %v", p, last)
						return false
					}
					last = p
					return true
				})
			}
		})
	}
	wg.Wait()
	n := 0
	l.Ascend(scope, trail.Place{Time: 99}, func(*trail.Record) bool { n++; return true })
	if n != 4*(1000-99) {
		t.Errorf("there are %d records, want %d", n, 4*(1000-99))
	}
}
