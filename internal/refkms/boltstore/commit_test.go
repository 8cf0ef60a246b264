package boltstore_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
	bolt "go.etcd.io/bbolt"
)

// commits returns how many transactions a file has seen.
func commits(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// content returns the aliases of a store, and the keys they lead to.
func content(t *testing.T, s state.Store) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := s.View(func(tx state.Tx) error {
		for name, a := range state.Aliases.All(tx, world) {
			m[name] = a.KeyID
		}
		return nil
	}); err != nil {
		t.Fatalf("View = %v", err)
	}
	return m
}

// Many callers share syncs, and whoever among them fails or panics takes nothing from the others, whether it leads its
// batch or not.
func TestSharedCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	s, err := boltstore.Open(path, key(t, 1), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const callers, calls = 64, 30
	refused := errors.New("refused")
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range calls {
				name := fmt.Sprintf("alias/%d-%d", caller, i)
				put := func(tx state.Tx) {
					state.Aliases.Put(tx, world, name, &state.Alias{Name: name, KeyID: "k"})
					state.Aliases.Delete(tx, world, fmt.Sprintf("alias/%d-%d", caller, i-3)) // that of the last success
				}
				switch i % 3 {
				case 0:
					if err := s.Update(func(tx state.Tx) error { put(tx); return nil }); err != nil {
						t.Errorf("Update = %v", err)
					}
					s.View(func(tx state.Tx) error {
						if state.Aliases.Get(tx, world, name) == nil {
							t.Errorf("%s is not there once Update has returned", name)
						}
						return nil
					})
				case 1:
					if err := s.Update(func(tx state.Tx) error { put(tx); return refused }); !errors.Is(err, refused) {
						t.Errorf("Update = %v, want the error of the function", err)
					}
				case 2:
					func() {
						defer func() {
							if r := recover(); r != name {
								t.Errorf("recover() = %v, want the panic of the function", r)
							}
						}()
						s.Update(func(tx state.Tx) error { put(tx); panic(name) })
					}()
				}
			}
		})
	}
	all.Wait()
	n := 0
	if err := s.View(func(tx state.Tx) error {
		for range state.Aliases.All(tx, world) {
			n++
		}
		return nil
	}); err != nil || n != callers {
		t.Errorf("there are %d aliases, %v, want the last of each caller, %d", n, err, callers)
	}
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Errorf("Check and Close = %v", err)
	}
	if n, most := commits(t, path), callers*calls/3/4; n > most {
		t.Errorf("%d Updates that succeeded took %d commits, want at most %d", callers*calls/3, n, most)
	}
}

// Close finishes what runs, whatever runs, and nothing acknowledged is lost.
func TestCloseUnderLoad(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "store")
		s := open(t, path)
		var all sync.WaitGroup
		var made atomic.Int64
		started := make(chan struct{}, 8)
		for caller := range 8 {
			all.Go(func() {
				for i := 0; ; i++ {
					err := s.Update(func(tx state.Tx) error {
						name := fmt.Sprintf("alias/%d-%d", caller, i)
						state.Aliases.Put(tx, world, name, &state.Alias{Name: name, KeyID: "k"})
						return nil
					})
					if errors.Is(err, state.ErrClosed) {
						return
					}
					if err != nil {
						t.Errorf("Update = %v", err)
						return
					}
					made.Add(1)
					if e := s.Log().Append(&trail.Record{Scope: world}); e != nil && !errors.Is(e, state.ErrClosed) {
						t.Errorf("Append = %v", e)
					}
					select {
					case started <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 8 {
			<-started
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		all.Wait()
		s = open(t, path)
		if n := int64(len(content(t, s))); n != made.Load() {
			t.Errorf("there are %d records, want the %d that were acknowledged", n, made.Load())
		}
		if err := errors.Join(s.Check(), s.Close()); err != nil {
			t.Errorf("Check = %v", err)
		}
	}
}

// An Update that changes nothing writes nothing.
func TestUpdateOfNothing(t *testing.T) {
	path := sample(t)
	before := commits(t, path)
	s := open(t, path)
	update(t, s, func(tx state.Tx) { state.Aliases.Delete(tx, world, "alias/none") })
	s.Update(func(tx state.Tx) error {
		state.Aliases.Delete(tx, world, "alias/a")
		return errors.New("no")
	})
	s.Close()
	if after := commits(t, path); after != before {
		t.Errorf("%d commits, want none", after-before)
	}
}

// BenchmarkUpdate writes one record of each caller; the metric is what all of them do in a second.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, err := boltstore.Open(filepath.Join(b.TempDir(), "store"), key(b, 1), boltstore.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for caller := range callers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if err := s.Update(func(tx state.Tx) error {
							name := fmt.Sprintf("alias/%d", caller)
							state.Aliases.Put(tx, world, name, &state.Alias{Name: name, KeyID: "k"})
							return nil
						}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}
