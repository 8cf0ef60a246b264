package server

import (
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Throttle limits how many calls of an operation a user may make in each second of the service's clock, and an account
// with all its users in each hour of it, as the rows of the table say. An account itself is a user like others; all
// sessions of a role are one. What it keeps is forgotten every second and every hour. Its zero value has counted nothing.
type Throttle struct {
	mu           sync.Mutex // guards what follows
	second, hour window
}

// A window has the counts of a second or an hour.
type window struct {
	begin  state.Time
	counts map[throttled]int
}

// throttled is what is counted: calls to an operation, of a user, or of an account if there is no kind.
type throttled struct {
	op            *call.Operation
	account, name string
	kind          call.PrincipalKind
}

// Refuse counts a call and refuses it if there have been too many in its second or its hour. Other products than KMS
// refuse with a code of the gateway, which says when to try again.
func (t *Throttle) Refuse(c *call.Call) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &c.Principal
	switch {
	case c.Op.Rate > 0 && t.second.count(c.Now, throttled{c.Op, p.Account, p.Name, p.Kind}) > c.Op.Rate:
	case c.Op.HourlyRate > 0 && t.hour.count(c.Now-c.Now%3600, throttled{op: c.Op, account: p.Account}) > c.Op.HourlyRate:
	default:
		return nil
	}
	if c.Op.Product == call.KMS {
		return call.ErrThrottling
	}
	e := *call.ErrUserThrottling
	e.Limit = c.Op.Rate
	e.RetryAfter = c.Instant.Truncate(time.Second).Add(time.Second).Sub(c.Instant)
	return &e
}

// count counts a call in the window that begins at a time, and returns how many there have been in it.
func (w *window) count(begin state.Time, who throttled) int {
	if w.begin != begin || w.counts == nil {
		w.begin, w.counts = begin, map[throttled]int{}
	}
	w.counts[who]++
	return w.counts[who]
}
