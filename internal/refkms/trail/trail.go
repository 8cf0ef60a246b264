// Package trail is the audit trail of the reference KMS: a record of every call, refused ones included, and of what the
// service does by itself, in the words of ActionTrail; and LookupEvents, by which it is read.
//
// When a call is over it leaves notes of what the row of its operation shows: what is hidden is not among them. A record
// is made of the notes when somebody looks, or before it leaves the process.
//
// # What grows
//
// Records are kept for 180 days of the service's clock. A log has at most a given number, and as many KiB: the oldest are
// forgotten first.
//
// # Compatibility
//
// Internal. A durable log writes the fields of [Record]: they are added to and never given a new meaning.
package trail

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Retention is how long a record is kept.
const Retention = 180 * 24 * time.Hour

// serviceName is what the trail calls KMS; queries compare it with its case.
const serviceName = "Kms"

// A Trail records calls and answers questions about them. It is safe for concurrent use.
type Trail struct {
	log  Log
	hook func(*Record)
	last atomic.Int64 // the second in which records were forgotten last
}

// New returns a Trail over a log. hook, if there is one, is called with a copy of each record once it is written, on the
// goroutine of the call, by several at once.
func New(log Log, hook func(*Record)) *Trail { return &Trail{log: log, hook: hook} }

// A draft is a record in the making. The corridor keeps it for the next call, so that a call leaves no garbage for the sake
// of its record.
type draft struct {
	Record
	room       []byte // for notes
	own, inner []call.Resource
}

// Called records a call that is over: answer is nil if err is not. Calls inside it have been recorded before. It returns
// the error of the log.
func (t *Trail) Called(c *call.Call, answer any, err error) error {
	if c.Op.Unrecorded {
		return nil
	}
	d, ok := c.Kept.(*draft)
	if !ok {
		d = new(draft)
		c.Kept = d
	}
	d.own, d.inner = add(d.own[:0], c.Found, nil), d.inner[:0]
	for _, inside := range c.Inside {
		d.inner = add(d.inner, inside.Call.Found, d.own)
	}
	d.room = appendNotes(d.room[:0], c, d.own, d.inner, answer, err)
	// All of it anew: after a hook that panicked there is the record before.
	d.Record = Record{Time: c.Now, Scope: c.Scope, RequestID: c.RequestID, op: c.Op, notes: d.room}
	err = t.write(&d.Record, c.Now)
	d.Record = Record{} // holds on to nothing of the call
	clear(d.own)
	clear(d.inner)
	return err
}

// add appends the resources that the trail names and that are not there yet, nor in others.
func add(list, found, others []call.Resource) []call.Resource {
	for _, resource := range found {
		if resource.Kind.TrailType() != "" && !slices.Contains(list, resource) && !slices.Contains(others, resource) {
			list = append(list, resource)
		}
	}
	return list
}

// Happened records what fell due. It returns the error of the log.
func (t *Trail) Happened(h *call.Happening) error {
	return t.write(&Record{
		Time:      h.At,
		ID:        call.RandomID(),
		Scope:     h.Scope,
		Name:      h.Name,
		Effect:    call.Write,
		Caller:    Caller{Type: system, UserName: "kms.aliyuncs.com"},
		Resources: add(nil, []call.Resource{h.Resource}, nil),
	}, h.At)
}

// write keeps a record that is made at now.
func (t *Trail) write(r *Record, now state.Time) error {
	if err := t.log.Append(r); err != nil {
		return err
	}
	// Within a second nothing more grows too old.
	if last := t.last.Load(); last != int64(now) && t.last.CompareAndSwap(last, int64(now)) {
		t.log.Forget(now.Add(-Retention))
	}
	if t.hook != nil {
		t.hook(r.clone())
	}
	return nil
}
