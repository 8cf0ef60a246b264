package column_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// reference is that of the key file of a cell.
func reference(cell []byte) format.Reference { return format.Reference(cell[1:17]) }

func TestMaxCells(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, &column.Options{MaxCells: 3})
	var cells [][]byte
	for i := range 10 {
		cells = append(cells, seal(t, c, fmt.Sprint(i), row9))
	}
	for i := range cells {
		if got, want := reference(cells[i]), reference(cells[i/3*3]); got != want {
			t.Errorf("cell %d is under %v, want %v", i, got, want)
		}
		if i >= 3 && reference(cells[i]) == reference(cells[i-3]) {
			t.Errorf("cells %d and %d share a data key", i, i-3)
		}
	}
	if g, d := p.counts(); g != 4 || d != 0 || len(store.files) != 4 {
		t.Errorf("%d data keys, %d opened, %d key files, want 4, 0, 4", g, d, len(store.files))
	}
	if n := p.wiped(); n != 3 {
		t.Errorf("%d data keys wiped, want the 3 that are full", n)
	}
	for i := range cells {
		if got, err := c.Open(t.Context(), nil, cells[i], row9); err != nil || string(got) != fmt.Sprint(i) {
			t.Errorf("cell %d: Open = %q, %v", i, got, err)
		}
	}
	if g, d := p.counts(); g != 4 || d != 4 {
		t.Errorf("%d data keys, %d opened, want 4, 4", g, d)
	}
}

func TestOneCellPerKey(t *testing.T) {
	p := newProvider(t)
	c := newCells(t, p, newTable(), &column.Options{MaxCells: 1})
	for range 3 {
		seal(t, c, "x", row9)
	}
	if g, _ := p.counts(); g != 3 || p.wiped() != 3 {
		t.Errorf("%d data keys, %d wiped, want 3, 3", g, p.wiped())
	}
}

func TestMaxBytes(t *testing.T) {
	p := newProvider(t)
	c := newCells(t, p, newTable(), &column.Options{MaxBytes: column.MaxValue + 10})
	big := make([]byte, column.MaxValue)
	for i, n := range []int{column.MaxValue, 10, column.MaxValue, 11, 1} {
		if _, err := c.Seal(t.Context(), nil, big[:n], row9); err != nil {
			t.Fatal(err)
		}
		want := []int{1, 1, 2, 3, 3}[i]
		if g, _ := p.counts(); g != want {
			t.Errorf("after value %d: %d data keys, want %d", i, g, want)
		}
	}
}

func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		// The age counts from when the provider was asked, not from when it answered.
		p.before = func(context.Context) error { time.Sleep(10 * time.Second); return nil }
		c := newCells(t, p, newTable(), &column.Options{MaxAge: time.Minute})
		first := seal(t, c, "a", row9)
		sleep(50*time.Second - 1)
		if second := seal(t, c, "b", row9); reference(first) != reference(second) {
			t.Error("renewed too early")
		}
		sleep(time.Nanosecond)
		if third := seal(t, c, "c", row9); reference(first) == reference(third) {
			t.Error("not renewed")
		}
		if g, _ := p.counts(); g != 2 || p.wiped() != 1 {
			t.Errorf("%d data keys, %d wiped, want 2, 1", g, p.wiped())
		}
		// A key that comes too late serves the one who asked, and nobody else.
		p.before = func(context.Context) error { time.Sleep(2 * time.Minute); return nil }
		sleep(time.Hour)
		if seal(t, c, "d", row9); p.wiped() != 3 {
			t.Errorf("%d wiped, want 3", p.wiped())
		}
	})
}

func TestMaxOpenAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newProvider(t), newTable()
		w := newCells(t, p, store, &column.Options{MaxCells: 1})
		a, b := seal(t, w, "a", row9), seal(t, w, "b", row9)
		c := newCells(t, p, store, &column.Options{MaxOpenAge: time.Minute})
		open := func(cell []byte, calls int) {
			t.Helper()
			if _, err := c.Open(t.Context(), nil, cell, row9); err != nil {
				t.Fatal(err)
			}
			if _, d := p.counts(); d != calls || store.gets != calls {
				t.Errorf("%d calls of the provider, %d of the store, want %d of each", d, store.gets, calls)
			}
		}
		open(a, 1)
		open(a, 1)
		open(b, 2)
		sleep(time.Minute - 1)
		open(a, 2)
		sleep(time.Nanosecond)
		open(a, 3)
		if n := p.wiped(); n != 2+2 { // both for sealing; and b, too old, when a was fetched
			t.Errorf("%d wiped, want 4", n)
		}
		open(a, 3)
		open(b, 4)
	})
}

// Keys go when they are too old though nobody calls, and those that were purged before do not come back.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newProvider(t), newTable()
		c := newCells(t, p, store, &column.Options{MaxCells: 1, MaxAge: 10 * time.Minute})
		fill := func(n int) {
			for range n { // of one cell each, so they are wiped at once, and opened again
				cell := seal(t, c, "a", row9)
				if _, err := c.Open(t.Context(), nil, cell, row9); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill(1)
		c.Purge()
		fill(300) // more than are wiped at once
		other := newCells(t, p, store, &column.Options{MaxAge: 10 * time.Minute})
		seal(t, other, "b", row9)
		sleep(5*time.Minute - 1)
		if n := p.wiped(); n != 2+300 {
			t.Errorf("%d wiped before their age, want 302", n)
		}
		sleep(1)
		if n := p.wiped(); n != 2+600 {
			t.Errorf("%d wiped, want all 602 but the one for sealing", n)
		}
		sleep(5 * time.Minute)
		if n := p.wiped(); n != 2+600+1 {
			t.Errorf("%d wiped, want all 603", n)
		}
	})
}

// The timer goes on behind as many keys as are wiped at once.
func TestSweepGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		c := newCells(t, p, newTable(), &column.Options{MaxCells: 1})
		for round := range 2 {
			for range 256 {
				if _, err := c.Open(t.Context(), nil, seal(t, c, "a", row9), row9); err != nil {
					t.Fatal(err)
				}
			}
			sleep(5 * time.Minute)
			if n := p.wiped(); n != 512*(round+1) {
				t.Errorf("round %d: %d wiped, want %d", round, n, 512*(round+1))
			}
		}
	})
}

// Purge takes effect at once, also where others hold the data key: here a cache, and a provider that answers with one key.
func TestPurgeWhileOthersHold(t *testing.T) {
	p := newProvider(t)
	cache, err := keyring.NewCaching(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	store := newTable()
	c := newCells(t, cache, store, nil)
	cell := seal(t, c, "a", row9)
	for range 2 {
		if _, err := c.Open(t.Context(), nil, cell, row9); err != nil {
			t.Fatal(err)
		}
	}
	gets := store.gets
	c.Purge()
	if _, err := c.Open(t.Context(), nil, cell, row9); err != nil || store.gets != gets+1 {
		t.Errorf("Open after Purge: %v, %d looks at the store, want another", err, store.gets-gets)
	}
}

// sleep moves the time of a bubble, and has what is due then come to its end.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestMaxOpen(t *testing.T) {
	p, store := newProvider(t), newTable()
	w := newCells(t, p, store, &column.Options{MaxCells: 1})
	cells := [][]byte{seal(t, w, "0", row9), seal(t, w, "1", row9), seal(t, w, "2", row9)}
	c := newCells(t, p, store, &column.Options{MaxOpen: 2})
	for i, step := range []struct{ cell, calls int }{{0, 1}, {1, 2}, {0, 2}, {2, 3}, {0, 3}, {1, 4}, {0, 4}} {
		if _, err := c.Open(t.Context(), nil, cells[step.cell], row9); err != nil {
			t.Fatal(err)
		}
		if _, d := p.counts(); d != step.calls {
			t.Errorf("step %d: %d calls, want %d", i, d, step.calls)
		}
	}
	if n := p.wiped(); n != 3+2 {
		t.Errorf("%d wiped, want 3 for sealing and 2 that left", n)
	}
}

func TestPurgeAndClose(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, nil)
	a := seal(t, c, "a", row9)
	if _, err := c.Open(t.Context(), nil, a, row9); err != nil {
		t.Fatal(err)
	}
	c.Purge()
	if n := p.wiped(); n != 2 {
		t.Errorf("after Purge %d wiped, want 2", n)
	}
	if b := seal(t, c, "b", row9); reference(a) == reference(b) {
		t.Error("sealed under the key from before Purge")
	}
	if _, err := c.Open(t.Context(), nil, a, row9); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := p.wiped(); n != 4 {
		t.Errorf("after Close %d wiped, want 4", n)
	}
	if _, err := c.Seal(t.Context(), nil, nil, row9); !errors.Is(err, column.ErrClosed) {
		t.Errorf("Seal after Close: %v, want ErrClosed", err)
	}
	if _, err := c.Open(t.Context(), nil, a, row9); !errors.Is(err, column.ErrClosed) {
		t.Errorf("Open after Close: %v, want ErrClosed", err)
	}
}

// A key that was asked for before Purge is not kept after it.
func TestPurgeDuringFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		c := newCells(t, p, newTable(), nil)
		p.before = func(context.Context) error { time.Sleep(time.Second); return nil }
		var cells [2][]byte
		var wg sync.WaitGroup
		for i := range cells {
			wg.Go(func() { cells[i] = seal(t, c, "x", row9) })
		}
		synctest.Wait()
		c.Purge()
		wg.Wait()
		if reference(cells[0]) == reference(cells[1]) {
			t.Error("who waited got the key from before Purge")
		}
		if g, _ := p.counts(); g != 2 || p.wiped() != 1 {
			t.Errorf("%d data keys, %d wiped, want 2, 1", g, p.wiped())
		}
	})
}

// Any number of callers who miss one key cost one call; those of other keys do not wait for them.
func TestOneCallForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := newProvider(t), newTable()
		w := newCells(t, p, store, &column.Options{MaxCells: 1})
		a, b := seal(t, w, "a", row9), seal(t, w, "b", row9)
		c := newCells(t, p, store, nil)
		p.before = func(context.Context) error { time.Sleep(time.Second); return nil }
		began := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { seal(t, c, "x", row9) })
			for _, cell := range [][]byte{a, b} {
				wg.Go(func() {
					if _, err := c.Open(t.Context(), nil, cell, row9); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		if g, d := p.counts(); g != 2+1 || d != 2 {
			t.Errorf("%d data keys, %d opened, want 3, 2", g, d)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v: fetches waited for each other", took)
		}
	})
}

var errRefused = errors.New("refused")

// Those who waited share the error; whoever comes later asks again.
func TestErrorIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		c := newCells(t, p, newTable(), nil)
		p.before = func(context.Context) error { time.Sleep(time.Second); return errRefused }
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := c.Seal(t.Context(), nil, nil, row9); !errors.Is(err, errRefused) {
					t.Errorf("Seal = %v, want what the provider said", err)
				}
			})
		}
		wg.Wait()
		if g, _ := p.counts(); g != 1 {
			t.Errorf("%d calls, want 1", g)
		}
		p.before = nil
		seal(t, c, "x", row9)
	})
}

// A caller who goes away takes no other's key with him.
func TestFirstCallerGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		c := newCells(t, p, newTable(), nil)
		p.before = func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Seal(ctx, nil, nil, row9); !errors.Is(err, context.Canceled) {
				t.Errorf("the first caller's Seal = %v, want context.Canceled", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { seal(t, c, "x", row9) })
		impatient, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		wg.Go(func() {
			if _, err := c.Seal(impatient, nil, nil, row9); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the impatient caller's Seal = %v, want context.DeadlineExceeded", err)
			}
		})
		time.Sleep(time.Millisecond)
		synctest.Wait()
		cancel()
		wg.Wait()
		if g, _ := p.counts(); g != 2 {
			t.Errorf("%d calls, want 2", g)
		}
	})
}

func TestContextDone(t *testing.T) {
	p := newProvider(t)
	c := newCells(t, p, newTable(), nil)
	cell := seal(t, c, "x", row9)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Seal(ctx, nil, nil, row9); !errors.Is(err, context.Canceled) {
		t.Errorf("Seal = %v, want context.Canceled, although the key is at hand", err)
	}
	if _, err := c.Open(ctx, nil, cell, row9); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want context.Canceled", err)
	}
	// A provider that answers all the same is not believed to have been in time.
	late, stop := context.WithCancel(t.Context())
	p.after = func(k *keyring.DataKey) *keyring.DataKey { stop(); return k }
	if _, err := c.Open(late, nil, cell, row9); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want context.Canceled", err)
	}
	if n := p.wiped(); n != 1 {
		t.Errorf("%d wiped, want the late one", n)
	}
}

// A provider that panics leaves nobody waiting.
func TestProviderPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t)
		c := newCells(t, p, newTable(), nil)
		first := true
		p.before = func(context.Context) error {
			time.Sleep(time.Second)
			if first {
				first = false
				panic("provider")
			}
			return nil
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() != "provider" {
					t.Error("the panic was swallowed")
				}
			}()
			c.Seal(t.Context(), nil, nil, row9)
		})
		synctest.Wait()
		wg.Go(func() { seal(t, c, "x", row9) })
		wg.Wait()
	})
}

// A store that panics leaves no data key behind.
func TestStorePanics(t *testing.T) {
	p, store := newProvider(t), newTable()
	store.beforePut = func() { panic("store") }
	func() {
		defer func() {
			if recover() != "store" {
				t.Error("the panic was swallowed")
			}
		}()
		newCells(t, p, store, nil).Seal(t.Context(), nil, nil, row9)
	}()
	if p.wiped() != 1 {
		t.Error("the data key was not wiped")
	}
}

// The key file is stored before the first cell; if it cannot be, there is no cell, and the key is wiped.
func TestKeyFileComesFirst(t *testing.T) {
	p, store := newProvider(t), newTable()
	store.putErr = errors.New("disk full")
	c := newCells(t, p, store, nil)
	if cell, err := c.Seal(t.Context(), nil, nil, row9); !errors.Is(err, store.putErr) || cell != nil {
		t.Errorf("Seal = %x, %v, want %v", cell, err, store.putErr)
	}
	if p.wiped() != 1 {
		t.Error("the data key was not wiped")
	}
	store.putErr = nil
	cell := seal(t, c, "x", row9)
	if _, ok := store.files[reference(cell)]; !ok {
		t.Error("no key file is stored")
	}
}

// Answers of a provider that are no key for the cell.
func TestWrongAnswers(t *testing.T) {
	p, store := newProvider(t), newTable()
	cell := seal(t, newCells(t, p, store, nil), "x", row9)
	record := p.keys[0].Record()
	for name, answer := range map[string]func() *keyring.DataKey{
		"of another suite": func() *keyring.DataKey {
			k, err := keyring.NewDataKey(format.SM4GCM, make([]byte, 32), record, 0)
			if err != nil {
				t.Fatal(err)
			}
			return k
		},
		"none": func() *keyring.DataKey { return nil },
	} {
		c := newCells(t, p, store, nil)
		p.after = func(*keyring.DataKey) *keyring.DataKey { return answer() }
		if _, err := c.Seal(t.Context(), nil, nil, row9); !errors.Is(err, keyring.ErrInvalidDataKey) {
			t.Errorf("%s: Seal = %v, want ErrInvalidDataKey", name, err)
		}
		if _, err := c.Open(t.Context(), nil, cell, row9); !errors.Is(err, keyring.ErrInvalidDataKey) {
			t.Errorf("%s: Open = %v, want ErrInvalidDataKey", name, err)
		}
	}
	p.after = func(k *keyring.DataKey) *keyring.DataKey { k.Destroy(); return k }
	if _, err := newCells(t, p, store, nil).Open(t.Context(), nil, cell, row9); !errors.Is(err, keyring.ErrDestroyed) {
		t.Errorf("destroyed: Open = %v, want ErrDestroyed", err)
	}
}

// Before a cache of the keyring, every key file still has a data key of its own.
func TestBehindCaching(t *testing.T) {
	p, store := newProvider(t), newTable()
	cache, err := keyring.NewCaching(p, &keyring.CachingOptions{MaxBytes: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	c := newCells(t, cache, store, &column.Options{MaxCells: 2})
	for range 6 {
		seal(t, c, "x", row9)
	}
	if g, _ := p.counts(); g != 3 {
		t.Errorf("%d data keys for 3 key files", g)
	}
}

// Many at once seal, open, and purge: under the race detector, and every cell opens.
func TestConcurrent(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, &column.Options{MaxCells: 7, MaxOpen: 3})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				value, row := fmt.Appendf(nil, "%d/%d", g, i), envelope.Context{"id": fmt.Sprint(g, i)}
				cell, err := c.Seal(t.Context(), nil, value, row)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := c.Open(t.Context(), nil, cell, row)
				if err != nil || !bytes.Equal(got, value) {
					t.Errorf("Open = %q, %v, want %q", got, err, value)
					return
				}
				if i%40 == 39 {
					c.Purge()
				}
			}
		})
	}
	wg.Wait()
	c.Close()
	if len(p.keys) != p.wiped() {
		t.Errorf("%d of %d data keys wiped", p.wiped(), len(p.keys))
	}
}
