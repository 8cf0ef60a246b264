package faults_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/faults"
)

var refuse = call.Plan{Refusal: call.ErrThrottling}

// suffers passes one call by the faults, on arrival and when what it touches is found, and tells what it suffers.
func suffers(i *faults.Injector, action string, http bool, touched ...string) string {
	c := &call.Call{Op: &call.Operation{Name: action}, HasBody: http}
	for _, found := range []bool{false, true} {
		if found {
			for _, id := range touched {
				c.Touch(call.Resource{Kind: call.KeyKind, ID: id})
			}
		}
		c.Plan.Add(i.Plan(c, found))
	}
	var told []string
	if c.Plan.Delay > 0 {
		told = append(told, c.Plan.Delay.String())
	}
	if c.Plan.Refusal != nil {
		told = append(told, c.Plan.Refusal.Code)
	}
	if c.Plan.Loss != 0 {
		told = append(told, fmt.Sprint("loss ", c.Plan.Loss))
	}
	if c.Plan.Spoil.Kind != 0 {
		told = append(told, c.Plan.Spoil.Kind.String())
	}
	return strings.Join(told, " ")
}

func TestFits(t *testing.T) {
	const hit = "Rejected.Throttling"
	for _, tt := range []struct {
		name    string
		fault   faults.Fault
		action  string
		http    bool
		touched []string
		want    string
	}{
		{"everything", faults.Fault{}, "Encrypt", true, []string{"k"}, hit},
		{"everything, touching nothing", faults.Fault{}, "ListKeys", false, nil, hit},
		{"the action", faults.Fault{Action: "Encrypt"}, "Encrypt", true, nil, hit},
		{"another action", faults.Fault{Action: "Encrypt"}, "Decrypt", true, nil, ""},
		{"the key", faults.Fault{Resource: "k"}, "Encrypt", true, []string{"k"}, hit},
		{"the key among others", faults.Fault{Resource: "k"}, "UpdateAlias", true, []string{"alias/a", "k2", "k"}, hit},
		{"another key", faults.Fault{Resource: "k"}, "Encrypt", true, []string{"k2"}, ""},
		{"no key", faults.Fault{Resource: "k"}, "ListKeys", true, nil, ""},
		{"action and key", faults.Fault{Action: "Encrypt", Resource: "k"}, "Encrypt", true, []string{"k"}, hit},
		{"action and another key", faults.Fault{Action: "Encrypt", Resource: "k"}, "Encrypt", true, []string{"k2"}, ""},
		{"another action and key", faults.Fault{Action: "Encrypt", Resource: "k"}, "Decrypt", true, []string{"k"}, ""},
		{"over HTTP", faults.Fault{Face: faults.HTTP}, "Encrypt", true, nil, hit},
		{"over HTTP, in process", faults.Fault{Face: faults.HTTP}, "Encrypt", false, nil, ""},
		{"in process", faults.Fault{Face: faults.InProcess}, "Encrypt", false, nil, hit},
		{"in process, over HTTP", faults.Fault{Face: faults.InProcess}, "Encrypt", true, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := new(faults.Injector)
			tt.fault.Probability, tt.fault.Plan = 1, refuse
			defer i.Set(tt.fault)()
			for range 3 {
				if got := suffers(i, tt.action, tt.http, tt.touched...); got != tt.want {
					t.Errorf("%s suffers %q, want %q", tt.action, got, tt.want)
				}
			}
			if got := i.Skew(tt.action); got != 0 {
				t.Errorf("a plan is a skew of %v", got)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	i := new(faults.Injector)
	lift := i.Set(faults.Fault{Action: "Encrypt", Times: 2, Probability: 1, Plan: refuse})
	var got []string
	for _, action := range []string{"Encrypt", "Decrypt", "Encrypt", "Encrypt"} {
		got = append(got, suffers(i, action, true))
	}
	if want := "[Rejected.Throttling  Rejected.Throttling ]"; fmt.Sprint(got) != want {
		t.Errorf("the calls suffer %v, want %s", got, want)
	}
	if i.Active() != 0 {
		t.Errorf("%d faults are active", i.Active())
	}
	lift() // has nothing left to do
	lift = i.Set(faults.Fault{Probability: 1, Plan: refuse})
	lift()
	lift()
	if got := suffers(i, "Encrypt", true); got != "" || i.Active() != 0 {
		t.Errorf("a lifted fault is suffered: %q", got)
	}
}

// Delays add up; the first fault that decides ends the list, and those beyond it are kept for the next call.
func TestOrder(t *testing.T) {
	i := new(faults.Injector)
	i.Set(faults.Fault{Probability: 1, Plan: call.Plan{Delay: time.Second}})
	i.Set(faults.Fault{Probability: 1, Times: 1, Resource: "k", Plan: call.Plan{Refusal: call.ErrInternalFailure, Delay: time.Hour}})
	i.Set(faults.Fault{Probability: 1, Times: 1, Plan: call.Plan{Loss: call.LostAfter}})
	i.Set(faults.Fault{Probability: 1, Times: 1, Plan: call.Plan{Spoil: call.Spoil{Kind: call.SpoilEmpty}}})
	i.Set(faults.Fault{Probability: 1, Plan: call.Plan{Delay: time.Minute}})
	for n, want := range []string{"1s loss 2", "1s SpoilEmpty", "1h1m1s InternalFailure", "1m1s"} {
		if got := suffers(i, "Encrypt", true, "k"); got != want {
			t.Errorf("call %d suffers %q, want %q", n, got, want)
		}
	}
}

func TestProbability(t *testing.T) {
	run := func(seed uint64, p float64) (pattern string, hits int) {
		i := new(faults.Injector)
		i.Set(faults.Fault{Probability: p, Seed: seed, Plan: refuse})
		var b strings.Builder
		for range 2000 {
			if suffers(i, "Encrypt", true) != "" {
				hits++
				b.WriteByte('x')
			} else {
				b.WriteByte('.')
			}
		}
		return b.String(), hits
	}
	one, hits := run(7, 0.25)
	if hits < 400 || hits > 600 { // five standard deviations of 19 to either side of 500
		t.Errorf("of 2000 calls %d suffer with probability 0.25", hits)
	}
	if again, _ := run(7, 0.25); again != one {
		t.Error("the same seed has other calls suffer")
	}
	if other, _ := run(8, 0.25); other == one {
		t.Error("another seed has the same calls suffer")
	}
}

func TestSkew(t *testing.T) {
	i := new(faults.Injector)
	if got := i.Skew("Encrypt"); got != 0 {
		t.Errorf("without faults the skew is %v", got)
	}
	i.Set(faults.Fault{Probability: 1, Action: "Encrypt", Times: 1, Face: faults.HTTP, Skew: time.Hour})
	i.Set(faults.Fault{Probability: 1, Skew: -time.Hour, Face: faults.HTTP})
	for n, tt := range []struct {
		action string
		want   time.Duration
	}{{"Decrypt", -time.Hour}, {"Encrypt", time.Hour}, {"Encrypt", -time.Hour}} {
		if got := i.Skew(tt.action); got != tt.want {
			t.Errorf("request %d: the skew is %v, want %v", n, got, tt.want)
		}
	}
	if got := suffers(i, "Encrypt", true); got != "" {
		t.Errorf("a skew has the call suffer %q", got)
	}
}

// However many calls there are at once, as many suffer as was asked for.
func TestConcurrent(t *testing.T) {
	i := new(faults.Injector)
	i.Set(faults.Fault{Probability: 1, Times: 50, Plan: refuse})
	var hits atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				lift := i.Set(faults.Fault{Probability: 1, Action: "Other", Plan: refuse})
				if suffers(i, "Encrypt", true) != "" {
					hits.Add(1)
				}
				lift()
			}
		})
	}
	wg.Wait()
	if hits.Load() != 50 || i.Active() != 0 {
		t.Errorf("%d calls suffered, %d faults are active, want 50 and none", hits.Load(), i.Active())
	}
}
