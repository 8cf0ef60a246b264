package aliyunesdk

import (
	"sync"
	"sync/atomic"
)

// unitSegments is how many segments one worker opens at a stretch: 256 KiB, the work of 50 µs, beside which it is little to
// hand them over. A worker that is alone opens one, which then stays in the cache.
const unitSegments = 4

// A pipeline opens the segments of a ReaderAt, in units, ahead of who asks for them one after the other.
type pipeline struct {
	r     *ReaderAt
	size  int64 // segments in a unit; the last may have less
	units int64
	ring  []unit        // unit k is in ring[k % len(ring)]
	free  chan struct{} // one for each place in ring that is to be filled
	next  atomic.Int64  // the unit that is to be opened next
	wg    sync.WaitGroup
}

// A unit is a run of segments.
type unit struct {
	scratch []*readScratch
	opened  chan struct{} // has one when scratch is the unit that was asked for
}

// newPipeline begins to open, unless there is one core or little to open. The caller closes it.
func newPipeline(r *ReaderAt) *pipeline {
	p := &pipeline{r: r, size: unitSegments}
	n := r.segments()
	procs := workers((n + p.size - 1) / p.size)
	if procs == 1 {
		p.size = 1
	}
	p.units = (n + p.size - 1) / p.size
	p.ring = make([]unit, 2*procs)
	p.free = make(chan struct{}, len(p.ring))
	for i := range p.ring {
		p.ring[i].opened = make(chan struct{}, 1)
		p.free <- struct{}{}
	}
	for range procs - 1 {
		p.wg.Go(func() {
			for range p.free {
				p.openNext()
			}
		})
	}
	return p
}

// unit returns the segments of unit k, when they are open; until then it opens others. The caller has done with the unit
// before, which was unit k-1, and asks for none behind one with an error.
func (p *pipeline) unit(k int64) []*readScratch {
	if k > 0 {
		p.free <- struct{}{}
	}
	for {
		select {
		case <-p.at(k).opened:
			return p.at(k).scratch[:p.len(k)]
		default:
		}
		select {
		case <-p.at(k).opened:
			return p.at(k).scratch[:p.len(k)]
		case <-p.free:
			p.openNext()
		}
	}
}

// openNext opens the next unit. Places become free in the order of the units, and units are taken in their order: with
// len(ring) places, who has been told that one is free finds that of his unit so.
func (p *pipeline) openNext() {
	k := p.next.Add(1) - 1
	if k >= p.units {
		return
	}
	u := p.at(k)
	for len(u.scratch) < p.len(k) {
		u.scratch = append(u.scratch, p.r.scratch.Get().(*readScratch))
	}
	for i, sc := range u.scratch[:p.len(k)] {
		if sc.plaintext, sc.err = p.r.open(sc, k*p.size+int64(i)); sc.err != nil {
			break // nobody asks for what is behind it
		}
	}
	u.opened <- struct{}{}
}

func (p *pipeline) at(k int64) *unit { return &p.ring[k%int64(len(p.ring))] }

// len returns the number of segments in unit k.
func (p *pipeline) len(k int64) int { return int(min(p.size, p.r.segments()-k*p.size)) }

// close waits for the workers and gives the scratch back.
func (p *pipeline) close() {
	p.next.Store(p.units) // whoever wakes now opens nothing
	close(p.free)
	p.wg.Wait()
	for _, u := range p.ring {
		for _, sc := range u.scratch {
			p.r.release(sc)
		}
	}
}
