package expiry_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/expiry"
)

// An owner takes what has ended out of his queue, and notes when.
type owner struct {
	mu     sync.Mutex
	queue  *expiry.Queue[int]
	places map[int]expiry.Place
	begun  time.Time
	ended  []int
	at     []time.Duration
	wakes  int
}

func newOwner() *owner {
	o := &owner{places: map[int]expiry.Place{}, begun: time.Now()}
	o.queue = expiry.NewQueue[int](o.wake)
	return o
}

func (o *owner) add(v int, end time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.places[v] = o.queue.Add(v, end, time.Since(o.begun))
}

func (o *owner) remove(v int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue.Remove(o.places[v])
	delete(o.places, v)
}

func (o *owner) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wakes++
	now := time.Since(o.begun)
	o.queue.Sweep(now, func(v int) {
		o.queue.Remove(o.places[v])
		delete(o.places, v)
		o.ended, o.at = append(o.ended, v), append(o.at, now)
	})
}

// soFar returns what has ended, and when.
func (o *owner) soFar() (ended []int, at []time.Duration, wakes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ended), slices.Clone(o.at), o.wakes
}

// Whatever the order in which values come, they end at their times, also if there are more at one time than a Sweep finds.
func TestQueueOrder(t *testing.T) {
	for _, each := range []int{1, 2, 256, 300} {
		synctest.Test(t, func(t *testing.T) {
			o := newOwner()
			for _, v := range rand.Perm(8 * each) {
				o.add(v, time.Duration(v/each)*time.Second)
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if ended, _, _ := o.soFar(); len(ended) != 4*each {
				t.Errorf("%d values ended in time, want %d", len(ended), 4*each)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			ended, at, _ := o.soFar()
			for i, v := range ended {
				if at[i] != time.Duration(v/each)*time.Second || v/each != i/each {
					t.Errorf("value %d of %d ended after %v", i, v, at[i])
				}
			}
			if len(ended) != 8*each {
				t.Errorf("%d values ended, want %d", len(ended), 8*each)
			}
		})
	}
}

// A queue goes on behind as many values as a Sweep finds, and one fewer and one more.
func TestQueueGoesOn(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 512, 513} {
		synctest.Test(t, func(t *testing.T) {
			o := newOwner()
			for round := range 3 {
				for v := range n {
					o.add(round*n+v, time.Duration(round)*time.Hour+time.Second)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if ended, _, _ := o.soFar(); len(ended) != (round+1)*n {
					t.Errorf("round %d of %d values: %d ended", round, n, len(ended))
				}
			}
		})
	}
}

// What was taken out does not end, and a queue that is empty wakes nobody.
func TestQueueRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOwner()
		for v := range 4 {
			o.add(v, time.Duration(v)*time.Minute+time.Minute)
		}
		o.remove(0) // whose end the timer is set to
		o.remove(2)
		time.Sleep(time.Hour)
		synctest.Wait()
		ended, _, before := o.soFar()
		if !slices.Equal(ended, []int{1, 3}) || before > 3 {
			t.Errorf("%v ended, in %d calls", ended, before)
		}
		o.add(4, 2*time.Hour)
		o.remove(4)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if _, _, wakes := o.soFar(); wakes != before {
			t.Error("an empty queue called")
		}
		o.add(5, 4*time.Hour)
		o.add(6, 0) // at once
		synctest.Wait()
		if ended, _, _ := o.soFar(); !slices.Equal(ended, []int{1, 3, 6}) {
			t.Errorf("%v ended, want what was too old when it came as well", ended)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if ended, _, _ := o.soFar(); !slices.Equal(ended, []int{1, 3, 6, 5}) {
			t.Errorf("%v ended", ended)
		}
	})
}
