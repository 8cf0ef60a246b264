package keyring

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// White-box: what a history says is seen from outside only through delays. It agrees with sorting what came last.
func TestHistory(t *testing.T) {
	h, all := new(history), []time.Duration{}
	if _, known := h.percentile(50); known {
		t.Error("of nothing a percentile is known")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 5 * maxHistory {
		took := time.Duration(random.IntN(50)) // often the same
		h.add(took)
		all = append(all, took)
		last := slices.Sorted(slices.Values(all[max(0, len(all)-maxHistory):]))
		for _, p := range []int{1, 50, 90, 99, 100} {
			got, known := h.percentile(p)
			if want := len(all) >= minHistory; known != want {
				t.Fatalf("after %d answers known = %v, want %v", i+1, known, want)
			}
			if !known {
				continue
			}
			below := 0
			for _, d := range last {
				if d <= got {
					below++
				}
			}
			if !slices.Contains(last, got) || below*100 < p*len(last) {
				t.Fatalf("after %d answers the percentile %d is %d, which %d of %d are not above", i+1, p, got, below, len(last))
			}
			smaller := 0
			for _, d := range last {
				if d < got {
					smaller++
				}
			}
			if smaller*100 >= p*len(last) {
				t.Fatalf("after %d answers the percentile %d is %d, and %d of %d are below", i+1, p, got, smaller, len(last))
			}
		}
	}
}

func TestHistoryConcurrent(t *testing.T) {
	h := new(history)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 1000 {
				h.add(time.Duration(i))
				h.percentile(95)
			}
		})
	}
	wg.Wait()
	if len(h.sorted) != maxHistory || !slices.IsSorted(h.sorted) {
		t.Errorf("%d answers are remembered, sorted: %v", len(h.sorted), slices.IsSorted(h.sorted))
	}
}
