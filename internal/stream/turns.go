package stream

import (
	"slices"
	"sync"
	"sync/atomic"
)

// runTogether is run with n workers. more is true if the call has not ended, but its source has become slow.
func (p *pipeline) runTogether(m mover, own *lane, n int) (more bool, err error) {
	wide := window{limit: p.batch*p.unit + lookAhead}
	t := &turns{p: p, m: m, rest: wide}
	t.moved.L = &t.mu
	t.keep(own)
	wide.least = wide.limit
	if own.in.least != wide.least { // it has not worked here before
		own.in.free()
		own.in, own.most = wide, p.batch
	}
	t.fresh = lane{codec: own.codec, most: p.batch, in: wide}
	lanes := min(p.lanes, 2*n)
	t.all, t.free, t.queue = make([]*lane, 0, lanes), make([]*lane, 0, lanes), make([]*lane, 0, lanes)
	t.all, t.free = append(t.all, own), append(t.free, own)
	together(n, func(i int) {
		thrown := true
		defer func() {
			if thrown {
				t.end(nil)
			}
		}()
		pause := func() {}
		if i == 0 {
			pause = p.pause
		}
		for t.step(pause) {
			pause() // another may be the one who gives all the time
		}
		thrown = false
	})
	for _, l := range t.all[1:] {
		m.free(l)
	}
	own.in.append(t.rest.bytes())
	t.rest.free()
	p.pause()
	if more = !t.ended && !t.over.Load(); more {
		p.start *= 2 // or a source that is now quick and now slow would have workers start for each few megabytes
	}
	return more, t.err
}

// turns is what the workers of one call share.
//
// Batches are given in their order, but no worker waits for the turn of his. He leaves it in the queue for the one who is
// still at the batch before, and takes the next in another lane: to park and be woken costs more than most of the
// differences between two batches, and a worker that is parked does nothing meanwhile. He waits when all lanes are in the
// queue, that is for a source, a destination or a core that is slow.
type turns struct {
	p     *pipeline
	m     mover
	fresh lane // what lanes are made from

	source sync.Mutex // held by the one who takes; guards these:
	rest   window     // what was read and not used by the take before
	ended  bool       // there is nothing more to take
	slow   bool       // the source fills no batches any more

	mu     sync.Mutex  // held for moments; guards these:
	moved  sync.Cond   // a lane is free, or it is over
	all    []*lane     // as many as there have had to be, the stream's own the first; at most as its capacity
	free   []*lane     // nobody uses them; the one used last is the last, and in somebody's cache
	queue  []*lane     // taken and not yet given, in the order of the stream
	giving bool        // somebody gives the first of the queue, and then those behind it that are done
	over   atomic.Bool // the call has ended; may be read without mu
	err    error       // with what; nil if somebody threw
}

// keep puts aside what l has read and not used.
func (t *turns) keep(l *lane) {
	t.rest.append(l.in.bytes())
	l.in.skip(l.in.len())
}

// end ends the call.
func (t *turns) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over.Store(true)
	t.err = err
	t.moved.Broadcast()
}

// step moves one batch as far as it can be moved now, and reports whether there may be more. pause is called behind each
// batch that this worker gave; behind those that he left to another the caller calls it.
func (t *turns) step(pause func()) (more bool) {
	l := t.lane()
	if l == nil || !t.take(l) {
		return false
	}
	t.m.work(l)
	for l = t.first(l); l != nil; l = t.next(l) {
		if err := t.m.give(l); err != nil {
			t.end(err)
			return false
		}
		pause()
	}
	return true
}

// lane returns a lane that nobody uses, and waits until there is one. It returns nil when the call is over.
func (t *turns) lane() *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.over.Load() {
		if n := len(t.free); n > 0 {
			l := t.free[n-1]
			t.free = t.free[:n-1]
			return l
		}
		if len(t.all) < cap(t.all) {
			l := new(t.fresh)
			t.all = append(t.all, l)
			return l
		}
		t.moved.Wait()
	}
	return nil
}

// take takes the next batch into l and queues it, if there is one.
func (t *turns) take(l *lane) bool {
	if !soon(t.source.TryLock) { // what is at hand is read in less
		t.source.Lock()
	}
	defer t.source.Unlock()
	if t.ended || t.slow || t.over.Load() {
		return false
	}
	t.ended = true // in case m.take panics
	l.in.append(t.rest.bytes())
	t.rest.skip(t.rest.len())
	ok := t.m.take(l)
	t.keep(l)
	t.ended, t.slow = !ok, t.p.whole == 0
	if ok {
		t.mu.Lock()
		defer t.mu.Unlock()
		l.done = false
		t.queue = append(t.queue, l)
	}
	return ok
}

// first notes that the batch of l has been worked on. It returns the batch that the caller is to give now; nil means that
// another gives, or will when he is done with one before.
func (t *turns) first(l *lane) *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.done = true
	if t.giving {
		return nil
	}
	return t.head()
}

// next frees l, which the caller has given, and returns the batch that he is to give now, or nil.
func (t *turns) next(l *lane) *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = slices.Delete(t.queue, 0, 1)
	t.free = append(t.free, l)
	t.moved.Signal()
	return t.head()
}

// head returns the first of the queue if it can be given, for the caller to give it. mu is held.
func (t *turns) head() *lane {
	if t.giving = len(t.queue) > 0 && t.queue[0].done && !t.over.Load(); t.giving {
		return t.queue[0]
	}
	return nil
}
