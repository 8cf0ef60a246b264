// Package clock is the time of the reference KMS: it runs as the clock it was given does, and can be moved ahead.
//
// Everything the service stores, reports or waits for is dated by it. Only the dates of signed requests are compared
// with the machine's own clock, because real clients sign by that.
package clock

import (
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// A Clock tells the time. It is safe for concurrent use. Its zero value is not usable.
type Clock struct {
	base  func() time.Time
	ahead atomic.Int64 // nanoseconds
}

// New returns a clock that runs as base does, which must be safe for concurrent use; nil is time.Now. With a base that
// always answers the same, time stands still between calls of Advance.
func New(base func() time.Time) *Clock {
	if base == nil {
		base = time.Now
	}
	return &Clock{base: base}
}

// Now returns the time, in UTC and without a monotonic reading.
func (c *Clock) Now() time.Time {
	return c.base().Round(0).Add(time.Duration(c.ahead.Load())).UTC()
}

// Ahead returns how far the clock has been moved ahead.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// ErrTooFar is that of a move beyond what a time.Duration counts.
var ErrTooFar = errors.New("clock: more than 292 years ahead")

// Advance moves the clock ahead by d, on top of earlier moves, or returns ErrTooFar. It panics if d is negative: what has
// happened is not undone.
func (c *Clock) Advance(d time.Duration) error {
	if d < 0 {
		panic("clock: Advance by a negative duration")
	}
	for {
		was := c.ahead.Load()
		if int64(d) > math.MaxInt64-was {
			return ErrTooFar
		}
		if c.ahead.CompareAndSwap(was, was+int64(d)) {
			return nil
		}
	}
}
