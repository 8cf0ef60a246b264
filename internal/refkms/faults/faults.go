// Package faults is what goes wrong on purpose: which calls suffer what, how often, and until when.
//
// # Compatibility
//
// Internal.
package faults

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// Face says which calls a fault is for, by the face they enter by.
type Face uint8

// The faces.
const (
	Any       Face = 0
	HTTP      Face = 1
	InProcess Face = 2
)

// A Fault is something to go wrong with every call that fits, in the order in which faults were set. A call suffers the
// delays of all that fit up to the first that decides its fate: a refusal, a loss, a spoilt or wrong answer. Those
// beyond it do not count the call. Faults on a resource come after those on none.
type Fault struct {
	Action      string  // of the calls, "" for all
	Resource    string  // that the calls touch: a key by its id, an alias or secret by its name; "" for any and none
	Face        Face    // of the calls
	Times       int     // how many calls suffer before it lifts itself; 0 is any number
	Probability float64 // that a call suffers, in (0, 1]
	Seed        uint64  // of the chance: the same calls in the same order suffer again

	Plan call.Plan
	Skew time.Duration // of the clock that dates of requests are compared with; a fault has this or a Plan
}

// An Injector holds the faults that are set. It is safe for concurrent use, and its zero value has none.
type Injector struct {
	mu  sync.Mutex // guards changes of set
	set atomic.Pointer[[]*active]
}

// An active fault has been set and not lifted.
type active struct {
	Fault

	mu     sync.Mutex // guards what follows
	left   int        // of Times
	chance *rand.Rand
}

// Set has calls suffer f from now on. lift ends that, and does nothing when called again.
func (i *Injector) Set(f Fault) (lift func()) {
	a := &active{Fault: f, left: f.Times, chance: rand.New(rand.NewPCG(f.Seed, 0))}
	i.change(func(set []*active) []*active { return append(set, a) })
	return func() { i.lift(a) }
}

// change replaces the list by a changed copy: calls read it without a lock.
func (i *Injector) change(edit func([]*active) []*active) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set []*active
	if p := i.set.Load(); p != nil {
		set = slices.Clone(*p)
	}
	set = edit(set)
	i.set.Store(&set)
}

func (i *Injector) lift(a *active) {
	i.change(func(set []*active) []*active {
		return slices.DeleteFunc(set, func(other *active) bool { return other == a })
	})
}

// Active returns how many faults are set.
func (i *Injector) Active() int {
	if p := i.set.Load(); p != nil {
		return len(*p)
	}
	return 0
}

// Plan says what goes wrong with a call, on its arrival, and when it is found what it touches; nil is nothing.
func (i *Injector) Plan(c *call.Call, found bool) (plan *call.Plan) {
	p := i.set.Load()
	if p == nil || c.Plan.Decided() {
		return nil
	}
	for _, a := range *p {
		if a.Skew == 0 && a.fits(c, found) && i.hit(a) {
			if plan == nil {
				plan = new(call.Plan)
			}
			if plan.Add(&a.Plan); plan.Decided() {
				break
			}
		}
	}
	return plan
}

// Skew says how far off the clock is to be for the date of one request over HTTP.
func (i *Injector) Skew(action string) time.Duration {
	p := i.set.Load()
	if p == nil {
		return 0
	}
	for _, a := range *p {
		if a.Skew != 0 && (a.Action == "" || a.Action == action) && i.hit(a) {
			return a.Skew
		}
	}
	return 0
}

// fits reports whether a fault is for a call.
func (a *active) fits(c *call.Call, found bool) bool {
	switch {
	case found != (a.Resource != ""):
		return false
	case a.Action != "" && a.Action != c.Op.Name:
		return false
	case a.Face == HTTP && !c.HasBody, a.Face == InProcess && c.HasBody:
		return false
	}
	return !found || slices.ContainsFunc(c.Found, func(r call.Resource) bool { return r.ID == a.Resource })
}

// hit counts a call that fits, and reports whether it suffers.
func (i *Injector) hit(a *active) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Times > 0 && a.left == 0 {
		return false // used up by another call, and about to be lifted
	}
	if a.Probability < 1 && a.chance.Float64() >= a.Probability {
		return false
	}
	if a.Times > 0 {
		if a.left--; a.left == 0 {
			i.lift(a)
		}
	}
	return true
}
