// Spare pairs: RSA_3072 and RSA_4096 made ahead of need. One of 4096 bits takes 0.7 s of a core on average, and more than
// 2 s once in a hundred times; some clients of the service give up after 3 s.

package material

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// ErrClosed: the [Spares] were closed.
var ErrClosed = errors.New("material: spares are closed")

// Spares hands out new pairs, and keeps a stock of those that are slow to make. A spec is stocked from the time when it
// was first asked for: who never does pays nothing. It is safe for concurrent use, and its zero value is not usable.
//
// No goroutine is permanent. While somebody waits there is one for each who does and one more, as cores allow: whoever
// waits alone thus has two racing for him, which makes the slow cases rare (an answer takes longer than t only if both do),
// and what the loser makes goes to the stock. When nobody waits, one alone makes what the stock lacks, and then ends.
type Spares struct {
	size     int                              // of the stock of each spec
	cores    func() int                       // the most goroutines at a time
	generate func(PairSpec) (*KeyPair, error) // tests replace it

	mu      sync.Mutex // guards what follows
	stock   [len(pairRows)][]*KeyPair
	stocked []PairSpec         // the specs that are to be in stock, in the order in which they were asked for
	waiting []*waiter          // oldest first; none while there is stock of its spec
	making  [len(pairRows)]int // pairs of each spec that are being made
	workers int
	closed  bool

	running sync.WaitGroup // workers; one starts under mu only while not closed
}

// A waiter is a call of Take that found nothing. It is answered once, by whoever removes it from waiting.
type waiter struct {
	spec   PairSpec
	answer chan pairOrError // of capacity 1
}

type pairOrError struct {
	pair *KeyPair
	err  error
}

// NewSpares returns a stock of up to size pairs, of some 3 KiB each, of every slow spec. With size 0 nothing is made
// ahead. Close ends it.
func NewSpares(size int) *Spares {
	return &Spares{size: size, generate: GeneratePair, cores: func() int { return runtime.GOMAXPROCS(0) }}
}

// Take returns a new pair, which nobody else has or gets: from the stock, or else as soon as one is made. Specs that are
// not slow are made on the spot. It returns the error of ctx, [ErrClosed], or an error of [GeneratePair].
func (s *Spares) Take(ctx context.Context, spec PairSpec) (*KeyPair, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if !spec.row().slow {
		s.mu.Unlock()
		return s.generate(spec)
	}
	s.want(spec)
	if stock := s.stock[spec]; len(stock) > 0 {
		pair := stock[0]
		s.stock[spec] = slices.Delete(stock, 0, 1)
		s.start()
		s.mu.Unlock()
		return pair, nil
	}
	w := &waiter{spec, make(chan pairOrError, 1)}
	s.waiting = append(s.waiting, w)
	s.start()
	s.mu.Unlock()
	select {
	case a := <-w.answer:
		return a.pair, a.err
	case <-ctx.Done():
		s.withdraw(w)
		return nil, ctx.Err()
	}
}

// Stock begins to make the stock of the given specs, those of them that are slow, before anybody asks for one.
func (s *Spares) Stock(specs ...PairSpec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, spec := range specs {
		if spec.row().slow {
			s.want(spec)
		}
	}
	s.start()
}

// Close ends all calls of Take with [ErrClosed], those to come as well, and drops the stock. It waits for the pairs that
// are being made, since crypto/rsa cannot be interrupted: for a few seconds at worst.
func (s *Spares) Close() {
	s.mu.Lock()
	s.closed = true
	for _, w := range s.waiting {
		w.answer <- pairOrError{err: ErrClosed}
	}
	s.waiting = nil
	clear(s.stock[:])
	s.mu.Unlock()
	s.running.Wait()
}

// want marks a spec as one to be in stock. The caller holds mu, here and below.
func (s *Spares) want(spec PairSpec) {
	if !slices.Contains(s.stocked, spec) {
		s.stocked = append(s.stocked, spec)
	}
}

// start starts the workers that there should be.
func (s *Spares) start() {
	limit := 1
	if n := len(s.waiting); n > 0 {
		limit = min(n+1, s.cores())
	}
	for s.workers < limit {
		spec := s.next()
		if spec == 0 {
			return
		}
		s.workers++
		s.making[spec]++
		s.running.Go(func() { s.work(spec) })
	}
}

// next returns the spec of which a pair should be made now, besides those that are being made; 0 if of none.
func (s *Spares) next() PairSpec {
	if s.closed {
		return 0
	}
	if len(s.waiting) > 0 {
		// The spec with the most waiters left to serve, and of equals that of the oldest waiter; when all are being served,
		// one pair more than there are waiters.
		var left [len(pairRows)]int
		for _, w := range s.waiting {
			left[w.spec]++
		}
		best, most := PairSpec(0), -1
		for _, w := range s.waiting {
			if n := left[w.spec] - s.making[w.spec]; n > most {
				best, most = w.spec, n
			}
		}
		return best
	}
	for _, spec := range s.stocked {
		if len(s.stock[spec])+s.making[spec] < s.size {
			return spec
		}
	}
	return 0
}

// work makes a pair of spec, which has been counted in making, and then whatever is needed next.
func (s *Spares) work(spec PairSpec) {
	for spec != 0 {
		pair, err := s.generate(spec)
		s.mu.Lock()
		s.making[spec]--
		used := s.deliver(spec, pairOrError{pair, err})
		spec = s.next()
		// Nobody waits: one worker is enough, and none if it does not succeed.
		if len(s.waiting) == 0 && (s.workers > 1 || err != nil && !used) {
			spec = 0
		}
		if spec == 0 {
			s.workers--
		} else {
			s.making[spec]++
		}
		s.mu.Unlock()
	}
}

// deliver gives a pair to the oldest who waits for one, or else to the stock if there is room, and reports whether it
// did. An error is for those who wait only.
func (s *Spares) deliver(spec PairSpec, a pairOrError) bool {
	i := slices.IndexFunc(s.waiting, func(w *waiter) bool { return w.spec == spec })
	switch {
	case i >= 0:
		s.waiting[i].answer <- a
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return true
	case a.err == nil && !s.closed && len(s.stock[spec]) < s.size:
		s.stock[spec] = append(s.stock[spec], a.pair)
		return true
	}
	return false
}

// withdraw takes back a call of Take whose context ended. If it was answered in between, the answer goes on.
func (s *Spares) withdraw(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, w); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return
	}
	if a := <-w.answer; a.err == nil {
		s.deliver(w.spec, a)
	}
}
