package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Being parked and woken again costs a goroutine about 100 µs where another core has to be woken for it. So who expects to
// wait for less tries for this long before he is parked, and lets others run meanwhile. The number of tries is bounded as
// well, for clocks that stand still, such as those of package testing/synctest.
const (
	patience = 100 * time.Microsecond
	tries    = 1000
)

// soon tries until ok returns true, and reports whether it did before patience ended.
func soon(ok func() bool) bool {
	if ok() {
		return true
	}
	start := time.Now()
	for range tries {
		runtime.Gosched()
		if ok() {
			return true
		}
		if time.Since(start) > patience {
			break
		}
	}
	return false
}

// together calls work(0) on the caller's goroutine and work(1) to work(n-1) each on one of its own, and returns when all
// have returned. If one of them panics or ends its goroutine, together waits for the others and then does so too, with
// the same value: what the caller's own reader or writer throws reaches him wherever it was called.
func together(n int, work func(i int)) {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // guards the two below
		thrown bool       // a goroutine of ours did not return
		value  any        // what the first of them threw; nil if it was ended by runtime.Goexit
		left   atomic.Int32
	)
	left.Store(int32(n - 1))
	for i := 1; i < n; i++ {
		wg.Go(func() {
			defer left.Add(-1)
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
		soon(func() bool { return left.Load() == 0 })
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
