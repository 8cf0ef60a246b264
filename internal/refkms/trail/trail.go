// Package trail is the audit trail of the reference KMS: a record of every call, refused ones included, and of what the
// service does by itself, in the words of ActionTrail; and LookupEvents, by which it is read.
//
// A record is made when a call is over, of what the row of its operation shows: names that are hidden are masked before
// anything is kept.
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
	"errors"
	"slices"
	"strings"
	"sync"
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

// A draft is a record in the making. Drafts are used again, so that a call leaves no garbage for the sake of its record.
type draft struct {
	Record
	text []byte // Params and Answer
	own  []call.Resource
}

var drafts = sync.Pool{New: func() any { return new(draft) }}

// Called records a call that is over: answer is nil if err is not. Calls inside it have been recorded before. It returns
// the error of the log.
func (t *Trail) Called(c *call.Call, answer any, err error) error {
	if c.Op.Unrecorded {
		return nil
	}
	d := drafts.Get().(*draft)
	r := &d.Record
	*r = Record{
		Time:      c.Now,
		ID:        call.RandomID(),
		Scope:     c.Scope,
		Name:      c.Op.Name,
		Effect:    c.Op.Event,
		RequestID: c.RequestID,
		Caller:    caller(&c.Principal),
		UserAgent: c.Origin.UserAgent,
	}
	d.own = add(d.own[:0], c.Found, nil)
	r.Resources = d.own
	if c.Origin.Addr.IsValid() {
		r.Address = c.Origin.Addr.String()
	}
	for _, inside := range c.Inside {
		r.References = add(r.References, inside.Call.Found, r.Resources)
	}
	if c.Outer != nil {
		r.InvokedBy = "secretsmanager" // which alone makes calls inside its own
	}
	d.text = c.Op.AppendParams(d.text[:0], c)
	n := len(d.text)
	if err != nil {
		refusal := call.ErrInternalFailure // of the store: told as it is answered
		errors.As(err, &refusal)
		r.Code, r.Message = refusal.Code, refusal.Message
	} else {
		d.text = c.Op.AppendAnswer(d.text, answer)
		r.Answer = d.text[n:]
	}
	r.Params = d.text[:n]
	err = t.write(r, c.Now)
	d.Record = Record{} // holds on to nothing of the call
	clear(d.own)
	drafts.Put(d)
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

// caller returns who made a call. A cloud service is told as the system is, by its own name.
func caller(p *call.Principal) Caller {
	c := Caller{AccessKeyID: p.AccessKeyID}
	switch p.Kind {
	case call.Root:
		c.Type, c.PrincipalID, c.UserName = rootAccount, p.Account, "root"
	case call.User:
		c.Type, c.PrincipalID, c.UserName = ramUser, p.ID, p.Name
	case call.Role:
		c.Type, c.PrincipalID, c.UserName = assumedRole, p.ID+":"+p.Session.Name, p.Name+":"+p.Session.Name
		c.Issued = p.Session.Issued
	case call.Service:
		c.Type, c.UserName = system, strings.ToLower(p.Name)+".aliyuncs.com"
	}
	return c
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
