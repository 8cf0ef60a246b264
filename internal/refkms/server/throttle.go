package server

import (
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Throttle limits how many calls of an operation a user may make in each second of the service's clock, as the rows of
// the table say. An account itself is a user like others; all sessions of a role are one. What it keeps is forgotten
// every second. Its zero value has counted nothing.
type Throttle struct {
	mu     sync.Mutex // guards what follows
	second state.Time
	counts map[throttled]int
}

// throttled is what is counted: calls of a user to an operation.
type throttled struct {
	op            *call.Operation
	account, name string
	kind          call.PrincipalKind
}

// Refuse counts a call and refuses it if there have been too many in its second. Other products than KMS refuse with a
// code of the gateway, which says when to try again.
func (t *Throttle) Refuse(c *call.Call) error {
	if c.Op.Rate == 0 || t.count(c) <= c.Op.Rate {
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

// count returns how many calls of its kind there have been in the second of c, with c.
func (t *Throttle) count(c *call.Call) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.second != c.Now || t.counts == nil {
		t.second, t.counts = c.Now, map[throttled]int{}
	}
	who := throttled{c.Op, c.Principal.Account, c.Principal.Name, c.Principal.Kind}
	t.counts[who]++
	return t.counts[who]
}
