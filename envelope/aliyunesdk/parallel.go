package aliyunesdk

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// maxWorkers bounds the goroutines of a call, and with them its memory.
const maxWorkers = 8

// workers returns how many goroutines work on n segments.
func workers(n int64) int {
	return int(max(1, min(int64(runtime.GOMAXPROCS(0)), maxWorkers, n)))
}

// batch returns how many segments are worked on together: for one worker one, which then stays in the cache, for more of
// them two each, so that none waits long for the slowest.
func batch(workers int) int {
	if workers == 1 {
		return 1
	}
	return 2 * workers
}

// parallel calls f for each of n segments, on the goroutines of w workers, which have ended when it returns. Each worker
// has its own number, from 0. The first error stops all; that of the lowest segment among those that failed is returned.
func parallel(w int, n int64, f func(worker int, i int64) error) error {
	if w == 1 {
		for i := range n {
			if err := f(0, i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next    atomic.Int64
		stopped atomic.Bool
		wg      sync.WaitGroup
		mu      sync.Mutex // guards failed and at
		failed  error
		at      int64
	)
	for worker := range w {
		wg.Go(func() {
			for !stopped.Load() {
				i := next.Add(1) - 1
				if i >= n {
					return
				}
				if err := f(worker, i); err != nil {
					stopped.Store(true)
					mu.Lock()
					if failed == nil || i < at {
						failed, at = err, i
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}
