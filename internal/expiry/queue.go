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

// NewQueue returns an empty queue that calls wake, on a goroutine of its own, when a value has ended. wake then takes out what
// [Queue.Ended] gives, until there is nothing more.
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

// Ended returns the first value, which stays, if its end is there; the owner then removes it, and asks for the next or calls
// [Queue.Again]. If not, wake is called when it is.
func (q *Queue[T]) Ended(now time.Duration) (value T, ok bool) {
	q.at = math.MaxInt64 // whatever it was set to: it may have fired, and the owner be here because of it
	front := q.values.Front()
	if front == nil {
		return value, false
	}
	first := front.Value.(entry[T])
	if first.end <= now {
		return first.value, true
	}
	q.wakeBy(first.end, now)
	return value, false
}

// Again has wake called once more at once, for an owner who has taken some and lets others have the lock before he goes on.
// It is the last that he calls then: without a value that [Queue.Ended] refused, nothing else would call him.
func (q *Queue[T]) Again(now time.Duration) {
	q.at = math.MaxInt64
	if q.values.Len() > 0 {
		q.wakeBy(now, now)
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
