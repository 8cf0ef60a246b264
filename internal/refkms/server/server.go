// Package server is the corridor around every handler of the reference KMS. Whatever face a request enters by, it
// passes here, and everything that is to happen once for every call happens here, in this order:
//
//	who calls (a face hands over how to prove it) · faults · throttle · what has fallen due · status of the account ·
//	parameters · find · rights · handler in its transaction · trail
//
// # Compatibility
//
// Internal.
package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Hooks are the places where further rooms plug in. A nil hook does nothing.
type Hooks struct {
	// Credential returns the access key of an id, nil if there is none. Without it nobody can prove anything by one.
	Credential func(tx state.Tx, accessKeyID string) *call.Credential
	// Fault says what goes wrong with a call on purpose. It is asked when the call arrives, and once more, with found,
	// when Call.Found says what it touches. Nil is nothing.
	Fault func(c *call.Call, found bool) *call.Plan
	// Skew says how far off the clock is that the date of a request is compared with.
	Skew func(action string) time.Duration
	// Throttle may refuse a call because there have been too many.
	Throttle func(*call.Call) error
	// Authorize refuses a caller that is not the account itself and may not do action on a resource, in the call's
	// transaction. Without it such a caller may do nothing.
	Authorize func(c *call.Call, action string, r call.Resource) error
	// Trail is told of everything that is recorded.
	Trail Trail
}

// A Trail records what happens. Its methods are called outside any transaction, after the fact: of calls that were
// refused too, and of calls inside a call before the one they were made in. An error is that of a trail which was to have
// the record on disk, and could not: the call then fails with it, though what it did stays.
type Trail interface {
	// Called records a call; answer is nil if err is not.
	Called(c *call.Call, answer any, err error) error
	// Happened records what fell due.
	Happened(h *call.Happening) error
}

// A Table is the table of operations; catalog.Table is one.
type Table interface {
	Lookup(name string) *call.Operation  // nil if there is none
	Due(kind state.DueKind) call.DueFunc // what is done when an event of a kind falls due
}

// A Server has the corridor. It is safe for concurrent use.
type Server struct {
	store state.Store
	clock *clock.Clock
	table Table
	hooks Hooks

	inner  func(c *call.Call, name string, req any) (any, error) // callInside, bound once
	visits sync.Pool                                             // of *visit, empty but for their methods
}

// New returns a Server. It does not own the store.
func New(store state.Store, c *clock.Clock, table Table, hooks Hooks) *Server {
	s := &Server{store: store, clock: c, table: table, hooks: hooks}
	s.inner = s.callInside
	s.visits.New = func() any {
		v := &visit{server: s}
		v.reading, v.writing = v.read, v.again
		return v
	}
	return s
}

// A Request is a call as a face brings it.
type Request struct {
	Action    string
	Version   string      // of the product the face was asked for: the action is one of its; "" where any is meant
	RequestID string      // call.NewRequestID(): the face answers with it, whatever becomes of the call
	Scope     state.Scope // the world the call is made in: the caller's account, the region it went to

	// Principal is who calls, if the face knows. A face that has to look that up sets Prove instead: it is called in a
	// reading transaction, and what it refuses is no call, and not recorded. The account of the world is then that of
	// the principal, whatever Scope says.
	Principal call.Principal
	Prove     func(tx state.Tx, now time.Time) (call.Principal, error)

	Origin call.Origin
	// Spoil is set to how the face shall spoil the answer. A face whose answers have no body leaves it nil, and is asked
	// for nothing it cannot do.
	Spoil *call.Spoil

	// Typed is the *Req of the operation, which is not kept; if it is nil, Texts are the parameters. Faces have typed
	// requests in frames, for CallFrame.
	Typed any
	Texts map[string]string
}

// Call makes a call; the request is neither kept nor modified. Its errors are those of codes.go, the context's if it was
// done before the call had an effect, call.ErrConnectionLost, and those of the store as they are.
func (s *Server) Call(ctx context.Context, r *Request) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	op := s.table.Lookup(r.Action)
	if op == nil || r.Version != "" && r.Version != op.Product.Version() {
		return nil, call.ErrActionNotFound
	}
	v := s.visits.Get().(*visit)
	defer s.visits.Put(v)
	defer v.end()
	c := &v.Call
	c.Op, c.RequestID, c.Texts, c.Request = op, r.RequestID, r.Texts, r.Typed
	return s.call(ctx, v, r)
}

// CallFrame makes the call that is in a frame. What the request says of operation, parameters and its id does not count.
func (s *Server) CallFrame(ctx context.Context, r *Request, f *call.Frame) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v, ok := f.Kept.(*visit)
	if !ok {
		v = s.visits.New().(*visit)
		f.Kept = v
	}
	defer v.end()
	c := &v.Call
	c.Op, c.RequestID, c.Frame, c.Request = f.Op(), f.RequestID, f, f.Request
	return s.call(ctx, v, r)
}

// call makes the call of a visit.
func (s *Server) call(ctx context.Context, v *visit, r *Request) (any, error) {
	now := s.clock.Now()
	c := &v.Call
	c.Context, c.Principal, c.Origin, c.Scope = ctx, r.Principal, r.Origin, r.Scope
	c.Now, c.Instant, c.Corridor, c.HasBody = state.At(now), now, s.inner, r.Spoil != nil
	if r.Prove != nil {
		if err := s.prove(c, r.Prove); err != nil {
			return nil, err
		}
	}
	answer, err := s.pass(v)
	c.Tx = nil
	if c.DryRun { // of operations that write nothing
		answer, err = nil, call.DryRunOutcome(err)
	}
	if err == nil || !errors.Is(err, call.ErrConnectionLost) && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		if e := s.record(c, answer, err); e != nil { // of what has reached the service
			answer, err = nil, e
		}
	}
	if r.Spoil != nil {
		*r.Spoil = c.Plan.Spoil
	}
	if c.Plan.Loss == call.LostAfter {
		return nil, call.ErrConnectionLost
	}
	return answer, err
}

func (s *Server) prove(c *call.Call, prove func(state.Tx, time.Time) (call.Principal, error)) error {
	return s.store.View(func(tx state.Tx) (err error) {
		c.Principal, err = prove(tx, c.Instant)
		if c.Principal.Account != c.Account() {
			c.Scope = state.In(c.Principal.Account, c.Region())
		}
		return err
	})
}

// pass takes a proven call through the corridor.
func (s *Server) pass(v *visit) (any, error) {
	c := &v.Call
	if s.hooks.Fault != nil {
		if err := suffer(c, s.hooks.Fault(c, false)); err != nil {
			return nil, err
		}
	}
	if s.hooks.Throttle != nil {
		if err := s.hooks.Throttle(c); err != nil {
			return nil, err
		}
	}
	if err := s.settle(c.Now); err != nil {
		return nil, err
	}
	v.asked = s.hooks.Fault == nil
	err := s.store.View(v.reading)
	if err == errFault { // suffered outside the transaction, which is not to last as long as a delay
		if err = suffer(c, v.plan); err == nil {
			err = s.store.View(v.reading)
		}
	}
	if err != nil {
		return nil, err
	}
	c.Tx = nil
	switch {
	case c.Op.Beside:
		err := v.handle()
		return v.answer, err
	case !v.twice():
		return v.answer, nil
	}
	// What is slow is made before the lock is taken, for those alone who may have it made.
	if c.Op.Prepares() {
		if err := c.Op.Prepare(c); err != nil {
			return nil, err
		}
		if err := c.Context.Err(); err != nil {
			return nil, err
		}
	}
	transact := s.store.View
	if c.Op.Writes {
		transact = s.store.Update
	}
	if err := transact(v.writing); err != nil {
		return nil, err
	}
	return v.answer, nil
}

// suffer has a call suffer a plan, as far as that happens before its effect.
func suffer(c *call.Call, plan *call.Plan) error {
	if !c.Plan.Add(plan) {
		return nil
	}
	if plan.Delay > 0 {
		t := time.NewTimer(plan.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.Context.Done():
			return c.Context.Err()
		}
	}
	switch {
	case plan.Loss == call.LostBefore:
		return call.ErrConnectionLost
	case plan.Refusal != nil:
		return plan.Refusal
	}
	return nil
}

// A visit is a call on its way through its transactions. Visits are used again, for they are half of what a call of
// cryptography would leave behind: nobody keeps a Call.
type visit struct {
	call.Call
	server           *Server
	reading, writing func(state.Tx) error // read and again, bound once

	answer any
	asked  bool       // whether something goes wrong because of what the call touches
	plan   *call.Plan // what does
}

// end makes the visit one that has not been. A call that panics ends it too.
func (v *visit) end() {
	v.Call, v.answer, v.asked, v.plan = call.Call{Kept: v.Kept}, nil, false, nil
}

// errFault ends a transaction in which it was found that something goes wrong.
var errFault = errors.New("server: internal error: a fault that nobody suffers")

// twice reports whether the call has a second transaction, in which its handler runs: to write, or with what was prepared.
func (v *visit) twice() bool { return v.Op.Writes || v.Op.Prepares() }

// read admits a call, and runs the handler unless there is a second transaction.
func (v *visit) read(tx state.Tx) error {
	v.Tx = tx
	if err := v.server.status(&v.Call); err != nil {
		return err
	}
	if v.plan == nil { // not again after a fault: to accept is to fill in what is absent
		if err := accept(&v.Call); err != nil {
			return err
		}
	}
	if err := v.Op.Find(&v.Call); err != nil {
		return err
	}
	if !v.asked {
		v.asked = true
		if v.plan = v.server.hooks.Fault(&v.Call, true); v.plan != nil {
			return errFault
		}
	}
	if err := v.server.authorize(&v.Call); err != nil || v.twice() || v.Op.Beside {
		return err
	}
	return v.handle()
}

// again runs the handler in a second transaction. The call was admitted in a reading one, so that a call that is refused
// needs no other; everything is found and asked again here, for an alias may have moved meanwhile.
func (v *visit) again(tx state.Tx) error {
	v.Tx, v.Inside = tx, nil
	if err := v.server.admit(&v.Call); err != nil {
		return err
	}
	return v.handle()
}

func (v *visit) handle() (err error) {
	v.answer, err = v.Op.Handle(&v.Call)
	return err
}

// accept checks the parameters of a call.
func accept(c *call.Call) error {
	if c.Request != nil {
		return c.Op.Accept(c, c.Request)
	}
	return c.Op.Decode(c, c.Texts)
}

// admit finds what a call touches and asks for the rights on it, in the call's transaction.
func (s *Server) admit(c *call.Call) error {
	if err := c.Op.Find(c); err != nil {
		return err
	}
	return s.authorize(c)
}

// callInside is the corridor of a call inside a call: no faults, no throttle, nothing falls due. It is recorded with
// the outer one, once that has left its transaction.
func (s *Server) callInside(outer *call.Call, name string, req any) (any, error) {
	c := &call.Call{
		Context: outer.Context, Op: s.table.Lookup(name), Principal: outer.Principal, Origin: outer.Origin, Scope: outer.Scope,
		RequestID: outer.RequestID, Now: outer.Now, Instant: outer.Instant, Request: req, Corridor: s.inner,
		Tx: outer.Tx, Outer: outer,
	}
	err := accept(c)
	if err == nil {
		err = s.admit(c)
	}
	var answer any
	if err == nil {
		answer, err = c.Op.Handle(c)
	}
	c.Tx = nil
	outer.Inside = append(outer.Inside, call.Done{Call: c, Answer: answer, Err: err})
	return answer, err
}

// record has the trail write a call, and before it those inside it.
func (s *Server) record(c *call.Call, answer any, err error) error {
	if s.hooks.Trail == nil {
		return nil
	}
	for _, d := range c.Inside {
		d.Call.Kept = c.Kept
		if err := s.record(d.Call, d.Answer, d.Err); err != nil {
			return err
		}
		c.Kept = d.Call.Kept
	}
	return s.hooks.Trail.Called(c, answer, err)
}
