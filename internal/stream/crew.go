package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// together calls work(0) on the caller's goroutine and work(1) to work(n-1) each on one of its own, and returns when all
// have returned. If one of them panics or ends its goroutine, together waits for the others and then does so too, with
// the same value: what the caller's own reader or writer throws reaches him wherever it was called.
func together(n int, work func(i int)) {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // guards the two below
		thrown bool       // a goroutine of ours did not return
		value  any        // what the first of them threw; nil if it was ended by runtime.Goexit
	)
	for i := 1; i < n; i++ {
		wg.Go(func() {
			returned := false
			defer func() {
				if returned {
					return
				}
				v := recover()
				mu.Lock()
				defer mu.Unlock()
				if !thrown {
					thrown, value = true, v
				}
			}()
			work(i)
			returned = true
		})
	}
	func() {
		defer wg.Wait() // when work panics, too
		work(0)
	}()
	switch {
	case thrown && value == nil:
		runtime.Goexit()
	case thrown:
		panic(value)
	}
}

// spread calls work for every unit from 0 to n-1, on as many goroutines as there are workers and units, the caller's
// among them. Units begin in their order. When work returns false, no unit behind that one begins any more; those before
// it are done when spread returns.
func spread(workers, n int, c codec, work func(c *codec, unit int) bool) {
	var next, end atomic.Int64
	end.Store(int64(n))
	together(min(workers, n), func(int) {
		c := c // each has a nonce of its own
		for {
			unit := next.Add(1) - 1
			if unit >= end.Load() {
				return
			}
			if !work(&c, int(unit)) {
				lower(&end, unit)
			}
		}
	})
}

// lower sets v to n if n is less.
func lower(v *atomic.Int64, n int64) {
	for old := v.Load(); n < old; old = v.Load() {
		if v.CompareAndSwap(old, n) {
			return
		}
	}
}
