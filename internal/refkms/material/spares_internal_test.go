package material

// White-box, because how long a pair takes and how many cores there are is for the test to say.

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A maker generates pairs that take a second of a bubble's time each, or what delay says, and counts.
type maker struct {
	made, running, most atomic.Int32
	delay               func(n int32) time.Duration // of the nth pair, from 1
	fail                atomic.Bool
}

var errMaker = errors.New("maker: told to fail")

func (m *maker) generate(spec PairSpec) (*KeyPair, error) {
	n := m.made.Add(1)
	r := m.running.Add(1)
	defer m.running.Add(-1)
	for {
		most := m.most.Load()
		if r <= most || m.most.CompareAndSwap(most, r) {
			break
		}
	}
	d := time.Second
	if m.delay != nil {
		d = m.delay(n)
	}
	time.Sleep(d) // in the bubble
	if m.fail.Load() {
		return nil, errMaker
	}
	return &KeyPair{public: &PublicKey{spec: spec}}, nil
}

func newTestSpares(size, cores int) (*Spares, *maker) {
	s, m := NewSpares(size), &maker{}
	s.generate, s.cores = m.generate, func() int { return cores }
	return s, m
}

// idle reports the goroutines and the stock once nothing moves any more.
func (s *Spares) idle(spec PairSpec) (workers, stock int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers, len(s.stock[spec])
}

func TestSparesFillAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTestSpares(3, 2)
		s.Stock(RSA4096, RSA4096, RSA2048, ECSM2, 0)
		time.Sleep(10 * time.Second)
		if w, n := s.idle(RSA4096); w != 0 || n != 3 {
			t.Errorf("%d goroutines, stock of %d, want 0 and 3", w, n)
		}
		if made, most := m.made.Load(), m.most.Load(); made != 3 || most != 1 {
			t.Errorf("%d made, %d at a time, want 3 and 1", made, most)
		}
		before := time.Now()
		if k, err := s.Take(t.Context(), RSA4096); err != nil || k.Spec() != RSA4096 {
			t.Errorf("Take = %v, %v", k, err)
		}
		if d := time.Since(before); d != 0 {
			t.Errorf("Take from stock took %v", d)
		}
		time.Sleep(2 * time.Second)
		if w, n := s.idle(RSA4096); w != 0 || n != 3 || m.made.Load() != 4 {
			t.Errorf("%d goroutines, stock of %d, %d made, want 0, 3 and 4", w, n, m.made.Load())
		}
		s.Close()
	})
}

func TestSparesMakeNothingUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTestSpares(3, 2)
		time.Sleep(time.Minute)
		if w, n := s.idle(RSA4096); w != 0 || n != 0 || m.made.Load() != 0 {
			t.Errorf("%d goroutines, stock of %d, %d made, want none", w, n, m.made.Load())
		}
		if _, err := s.Take(t.Context(), RSA3072); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if _, n := s.idle(RSA4096); n != 0 {
			t.Errorf("stock of %d of a spec that nobody asked for", n)
		}
		s.Close()
	})
}

func TestSparesRace(t *testing.T) {
	for _, tc := range []struct {
		name        string
		cores, size int
		wait        time.Duration
		made        int32 // in the end
	}{
		{"two cores", 2, 1, 1 * time.Second, 2}, // the second pair is quick; the first goes to the stock
		{"two cores, no stock", 2, 0, 1 * time.Second, 2},
		{"many cores", 8, 1, 1 * time.Second, 2},
		{"one core", 1, 1, 9 * time.Second, 2}, // no race; the second is for the stock
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, m := newTestSpares(tc.size, tc.cores)
				m.delay = func(n int32) time.Duration {
					if n == 1 {
						return 9 * time.Second
					}
					return time.Second
				}
				before := time.Now()
				if _, err := s.Take(t.Context(), RSA4096); err != nil {
					t.Error(err)
				}
				if d := time.Since(before); d != tc.wait {
					t.Errorf("Take took %v, want %v", d, tc.wait)
				}
				time.Sleep(time.Minute)
				if w, n := s.idle(RSA4096); w != 0 || n != tc.size || m.made.Load() != tc.made {
					t.Errorf("%d goroutines, stock of %d, %d made, want 0, %d, %d", w, n, m.made.Load(), tc.size, tc.made)
				}
				s.Close()
			})
		})
	}
}

func TestSparesManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTestSpares(1, 4)
		var group sync.WaitGroup
		var mu sync.Mutex
		seen := map[*KeyPair]bool{}
		for i := range 20 {
			spec := RSA3072 + PairSpec(i%2)
			group.Go(func() {
				k, err := s.Take(t.Context(), spec)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || k.Spec() != spec || seen[k] {
					t.Errorf("Take = %v, %v, seen %v", k, err, seen[k])
				}
				seen[k] = true
			})
		}
		before := time.Now()
		group.Wait()
		if d := time.Since(before); d != 5*time.Second { // 20 pairs by 4 goroutines
			t.Errorf("took %v, want 5s", d)
		}
		time.Sleep(time.Minute)
		if most := m.most.Load(); most != 4 {
			t.Errorf("%d at a time, want 4", most)
		}
		for _, spec := range []PairSpec{RSA3072, RSA4096} {
			if w, n := s.idle(spec); w != 0 || n != 1 {
				t.Errorf("%d goroutines, stock of %d %v, want 0 and 1", w, n, spec)
			}
		}
		s.Close()
	})
}

func TestSparesCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTestSpares(2, 2)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		before := time.Now()
		if k, err := s.Take(ctx, RSA4096); k != nil || err != context.DeadlineExceeded {
			t.Errorf("Take = %v, %v, want DeadlineExceeded", k, err)
		}
		if d := time.Since(before); d != 300*time.Millisecond {
			t.Errorf("took %v, want 300ms", d)
		}
		time.Sleep(time.Minute)
		if w, n := s.idle(RSA4096); w != 0 || n != 2 || m.made.Load() != 2 { // nothing is lost
			t.Errorf("%d goroutines, stock of %d, %d made, want 0, 2, 2", w, n, m.made.Load())
		}
		s.Close()
	})
}

// A pair that arrives at the moment when its waiter gives up goes to the next who waits, or to the stock.
func TestSparesAnswerAndCancelAtOnce(t *testing.T) {
	s, _ := newTestSpares(1, 2)
	s.generate = func(PairSpec) (*KeyPair, error) { return nil, errMaker }
	given := &KeyPair{public: &PublicKey{spec: RSA4096}}
	w := &waiter{RSA4096, make(chan pairOrError, 1)}
	w.answer <- pairOrError{pair: given}
	s.withdraw(w)
	if k, err := s.Take(t.Context(), RSA4096); k != given || err != nil {
		t.Errorf("Take = %v, %v, want the pair that was given back", k, err)
	}
	w.answer <- pairOrError{err: errMaker}
	s.withdraw(w)
	if k, err := s.Take(t.Context(), RSA4096); k != nil || err != errMaker {
		t.Errorf("Take = %v, %v, want a new attempt", k, err)
	}
	s.Close()
}

func TestSparesClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTestSpares(2, 2)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if k, err := s.Take(t.Context(), RSA4096); k != nil || err != ErrClosed {
					t.Errorf("Take = %v, %v, want ErrClosed", k, err)
				}
			})
		}
		time.Sleep(300 * time.Millisecond)
		before := time.Now()
		s.Close()
		if d := time.Since(before); d != 700*time.Millisecond { // what is being made is waited for
			t.Errorf("Close took %v, want 700ms", d)
		}
		group.Wait()
		if m.running.Load() != 0 {
			t.Error("a goroutine is left")
		}
		for _, spec := range []PairSpec{RSA2048, RSA4096, ECSM2} {
			if k, err := s.Take(t.Context(), spec); k != nil || err != ErrClosed {
				t.Errorf("Take(%v) = %v, %v, want ErrClosed", spec, k, err)
			}
		}
		s.Stock(RSA4096)
		if w, n := s.idle(RSA4096); w != 0 || n != 0 || m.made.Load() != 2 {
			t.Errorf("%d goroutines, stock of %d, %d made, want 0, 0, 2", w, n, m.made.Load())
		}
		s.Close() // again
	})
}

func TestSparesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newTestSpares(2, 2)
		m.fail.Store(true)
		if k, err := s.Take(t.Context(), RSA4096); k != nil || err != errMaker {
			t.Errorf("Take = %v, %v, want the maker's error", k, err)
		}
		time.Sleep(time.Minute)
		if w, n := s.idle(RSA4096); w != 0 || n != 0 || m.made.Load() > 3 { // it does not go on trying
			t.Errorf("%d goroutines, stock of %d, %d attempts", w, n, m.made.Load())
		}
		m.fail.Store(false)
		if _, err := s.Take(t.Context(), RSA4096); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if w, n := s.idle(RSA4096); w != 0 || n != 2 {
			t.Errorf("%d goroutines, stock of %d, want 0 and 2", w, n)
		}
		s.Close()
	})
}

// A worker that fills the stock of one spec turns to whoever waits for another.
func TestSparesWaiterComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTestSpares(5, 1)
		s.Stock(RSA3072)
		time.Sleep(1500 * time.Millisecond)
		before := time.Now()
		if _, err := s.Take(t.Context(), RSA4096); err != nil {
			t.Error(err)
		}
		if d := time.Since(before); d != 1500*time.Millisecond { // the pair at hand, and then his
			t.Errorf("took %v, want 1.5s", d)
		}
		s.Close()
	})
}
