package keyring

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxHistory is how many answers are remembered: enough for the 99th percentile to be one of them, few enough to
	// follow a change of the network within as many calls.
	maxHistory = 128
	// minHistory is how many answers a percentile is taken of at least.
	minHistory = 32
)

// A history is how long the last answers of a provider took. It is safe for concurrent use; its zero value is empty.
type history struct {
	mu     sync.Mutex
	last   [maxHistory]time.Duration // guarded by mu, like what follows; a ring
	next   int                       // where the next answer goes in last
	sorted []time.Duration           // those of last
}

// add adds an answer, in place of the oldest if there are as many as are remembered.
func (h *history) add(took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.sorted) == maxHistory {
		i, _ := slices.BinarySearch(h.sorted, h.last[h.next])
		h.sorted = slices.Delete(h.sorted, i, i+1)
	}
	h.last[h.next] = took
	h.next = (h.next + 1) % maxHistory
	i, _ := slices.BinarySearch(h.sorted, took)
	h.sorted = slices.Insert(h.sorted, i, took)
}

// percentile returns what p percent of the answers, 1 to 100, took no longer than. It is not known before there are
// minHistory of them.
func (h *history) percentile(p int) (took time.Duration, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.sorted) < minHistory {
		return 0, false
	}
	return h.sorted[(p*len(h.sorted)+99)/100-1], true // the nearest rank
}
