// Package expiry has the queue of what a cache holds until it is too old.
//
// # Compatibility
//
// Internal: everything here may change tomorrow.
package expiry

import (
	"container/list"
	"math"
	"time"
)

// A Queue has values in the order of the times at which they end, and calls its owner when the first of them has. Times are
// by a clock of the owner's that runs as fast as package time's. The owner's lock guards a Queue; it must not be held by
// the function that is called.
//
// While something is in it, a Queue keeps its owner from being collected, until the last has ended. The zero value is not
// usable.
type Queue[T any] struct {
	wake   func()
	values list.List // of entry[T]
	timer  *time.Timer
	at     time.Duration // when it calls wake; never is math.MaxInt64
}

type entry[T any] struct {
	value T
	end   time.Duration
}

// A Place is where a value stands in a Queue.
type Place = *list.Element

// NewQueue returns an empty queue that calls wake, on a goroutine of its own, when a value has ended. wake then calls
// [Queue.Sweep].
func NewQueue[T any](wake func()) *Queue[T] {
	return &Queue[T]{wake: wake, at: math.MaxInt64}
}

// Add adds a value. It looks for its place from the end, so it takes as many steps as there are values that end later.
func (q *Queue[T]) Add(value T, end, now time.Duration) Place {
	p := q.values.PushBack(entry[T]{value, end})
	for e := p.Prev(); e != nil && e.Value.(entry[T]).end > end; e = p.Prev() {
		q.values.MoveBefore(p, e)
	}
	q.wakeBy(end, now)
	return p
}

// Remove takes a value out, once.
func (q *Queue[T]) Remove(p Place) {
	q.values.Remove(p)
	if q.values.Len() == 0 && q.timer != nil {
		q.timer.Stop()
		q.at = math.MaxInt64
	}
}

// maxSweep bounds the values that one Sweep finds, all of it under the lock of the owner.
const maxSweep = 256

// Sweep calls end with the values that have ended, up to 256, the first first. end removes the value. wake is called when the
// next one ends, at once if there are more: others may have the lock in between.
func (q *Queue[T]) Sweep(now time.Duration, end func(value T)) {
	q.at = math.MaxInt64 // whatever it was set to: it may have fired, and the owner be here because of it
	for range maxSweep {
		front := q.values.Front()
		if front == nil || front.Value.(entry[T]).end > now {
			break
		}
		end(front.Value.(entry[T]).value)
	}
	if front := q.values.Front(); front != nil {
		q.wakeBy(front.Value.(entry[T]).end, now)
	}
}

func (q *Queue[T]) wakeBy(at, now time.Duration) {
	if at >= q.at {
		return
	}
	q.at = at
	if q.timer == nil {
		q.timer = time.AfterFunc(at-now, q.wake)
	} else {
		q.timer.Reset(at - now)
	}
}
