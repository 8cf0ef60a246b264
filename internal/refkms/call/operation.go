// Package call is what an operation of the reference KMS is, and one call of it. It holds the vocabulary of the table
// of operations (package catalog), of the corridor around every handler (package server) and of the handlers: the
// declared parameters and their decoding, the resources a call touches, and the one table of refusals.
//
// A handler is a function from a typed request to a typed answer. It knows no HTTP, no JSON, no store and no clock but
// what its [Call] hands it, and refuses with the errors of codes.go.
//
// # Compatibility
//
// Internal.
package call

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// An Effect is what the audit trail calls an operation. It is not whether the operation writes.
type Effect uint8

// The effects.
const (
	Read  Effect = 1
	Write Effect = 2
)

// String returns the effect as the trail writes it.
func (e Effect) String() string {
	switch e {
	case Read:
		return "Read"
	case Write:
		return "Write"
	}
	return fmt.Sprintf("Effect(%d)", uint8(e))
}

// A Row is what is true of an operation besides its name, its handler and its parameters, which are the fields of Req.
// Every function in it may be called more than once for one call, and has no effect outside the call's transaction.
type Row[Req any] struct {
	// Check refuses parameters that are valid one by one but not together, or not in this region. Default: none.
	Check func(c *Call, req *Req) error
	// On is what the call touches where that does not depend on the parameters: a container.
	On Kind
	// Find names what the call touches, by Call.Touch, before rights are asked; what it reads may be gone when the
	// handler runs, and a key id need not exist. Default: On, then the keys and secrets that parameters name.
	Find func(c *Call, req *Req) error
	// Actions are the rights the call needs on what Find named, in that order. Default: kms:Name on each.
	Actions []string
	// Prepare makes what is slow (a key pair), outside the transaction and any lock, and after rights were asked once.
	// The handler finds it in Call.Prepared.
	Prepare func(c *Call, req *Req) (any, error)
	// Writes says that the handler needs a transaction that writes.
	Writes bool
	// Beside says that the handler runs in no transaction, after the one in which the call was admitted: it reads what
	// has transactions of its own. It neither writes nor prepares.
	Beside bool
	// Event is what the trail calls the operation.
	Event Effect
	// Hide and Drop name parameters and fields of the answer that the trail masks because they are secret, or leaves
	// out because they are long.
	Hide, Drop []string
	// Rate is how many calls per second a user may make where rates are limited, HourlyRate how many calls per hour an
	// account and all its users may; 0 is any number.
	Rate, HourlyRate int
	// Anytime says that the operation works for an account that has not activated the service. Those of other products
	// than KMS do anyway.
	Anytime bool
	// Product is the service that the operation belongs to. Default KMS.
	Product Product
	// Unrecorded says that the trail has no record of the operation. It has none of other products anyway.
	Unrecorded bool
}

// An Operation is one row of the table of operations, compiled by [Define]. It is immutable.
type Operation struct {
	Name       string
	Writes     bool
	Beside     bool
	Event      Effect
	Hide, Drop []string
	Rate       int
	HourlyRate int
	Anytime    bool
	Product    Product
	Unrecorded bool

	actions        []string
	params         params
	naming         []int     // indexes in params of those that name keys and secrets
	needed, filled uint64    // a bit for each parameter that may be missing, and that has a default
	dryRun         int       // index in params of DryRun, -1 for none
	shown          []shown   // of the answer
	frames         sync.Pool // of *Frame
	// The functions of the row, for *Req in an interface.
	new     func() any
	check   func(c *Call) error
	find    func(c *Call) error
	prepare func(c *Call) (any, error)
	handle  func(c *Call) (Answering, error)
}

// An Answer begins the life of every answer: a struct that embeds it. The corridor fills it in.
type Answer struct {
	RequestID string `json:"RequestId"`
}

// Answering is implemented by pointers to structs that embed [Answer].
type Answering interface{ setRequestID(id string) }

func (a *Answer) setRequestID(id string) { a.RequestID = id }

// Define compiles a row of the table. A is a struct that embeds [Answer], R a pointer to it. The tags of Req declare the
// parameters, as package documentation of params.go says; a mistake in them panics.
func Define[Req, A any, R interface {
	*A
	Answering
}](name string, handle func(*Call, *Req) (R, error), row Row[Req]) *Operation {
	op := &Operation{
		Name: name, Writes: row.Writes, Beside: row.Beside, Event: row.Event, Hide: row.Hide, Drop: row.Drop,
		Rate: row.Rate, HourlyRate: row.HourlyRate,
		Anytime: row.Anytime || row.Product != KMS, Product: row.Product, Unrecorded: row.Unrecorded || row.Product != KMS,
		actions: row.Actions,
		params:  compileParams(reflect.TypeFor[Req]()),
		shown:   compileShown(reflect.TypeFor[R](), row.Hide, row.Drop),
		new:     func() any { return new(Req) },
		handle: func(c *Call) (Answering, error) {
			r, err := handle(c, c.Request.(*Req))
			if err != nil {
				return nil, err
			}
			return r, nil
		},
	}
	op.frames.New = func() any { return newFrame[Req, A](op) }
	for i := range op.params {
		p := &op.params[i]
		p.masked = p.kind == textKind || slices.Contains(row.Hide, p.name)
		p.dropped = slices.Contains(row.Drop, p.name)
		if p.required || p.onlyIf >= 0 || p.or != 0 || p.with != 0 {
			op.needed |= 1 << i
		}
		if p.def != 0 {
			op.filled |= 1 << i
		}
		if p.key || p.secret {
			op.naming = append(op.naming, i)
		}
	}
	if op.dryRun = op.params.dryRun(); op.dryRun >= 0 && op.Writes {
		panic("call: " + name + " writes, and has no dry run")
	}
	if op.actions == nil {
		op.actions = []string{"kms:" + name}
	}
	if row.Check != nil {
		op.check = func(c *Call) error { return row.Check(c, c.Request.(*Req)) }
	}
	if row.Prepare != nil {
		op.prepare = func(c *Call) (any, error) { return row.Prepare(c, c.Request.(*Req)) }
	}
	switch {
	case row.Find != nil:
		op.find = func(c *Call) error { return row.Find(c, c.Request.(*Req)) }
	default:
		op.find = func(c *Call) error { return op.findNamed(c, row.On) }
	}
	return op
}

// findNamed is the Find of a row that has none.
func (op *Operation) findNamed(c *Call, on Kind) error {
	if on != 0 {
		c.Touch(Resource{Kind: on})
	}
	for _, i := range op.naming {
		p := &op.params[i]
		name := c.fields.at(i, p.index).String()
		if name == "" {
			continue
		}
		found := Resource{Kind: KeyKind}
		var err error
		if p.key {
			found.ID, err = c.ResolveKey(name, p.alias)
		} else {
			found.Kind = SecretKind
			found.ID, err = c.ResolveSecret(name)
		}
		if err != nil {
			return err
		}
		c.Touch(found)
	}
	return nil
}

// Decode makes the typed request of the texts a caller sent, and checks it. Names that are not declared are ignored.
// The texts are not kept.
func (op *Operation) Decode(c *Call, texts map[string]string) error {
	// The parameter is read before all others, since it decides how a refusal of those is told.
	c.DryRun = op.dryRun >= 0 && strings.EqualFold(texts[dryRunParam], "true")
	req := op.new()
	if err := op.params.decode(texts, reflect.ValueOf(req).Elem()); err != nil {
		return err
	}
	c.setRequest(req)
	return op.accept(c)
}

// Accept takes a typed request, *Req, and checks it as Decode checks texts. Absent is what has its zero value.
func (op *Operation) Accept(c *Call, req any) error {
	c.setRequest(req)
	c.DryRun = op.dryRun >= 0 && c.fields.at(op.dryRun, op.params[op.dryRun].index).Bool()
	c.given, c.seen = op.params.given(&c.fields), true // before check fills in what is absent
	if err := op.checkTyped(&c.fields, c.given); err != nil {
		return err
	}
	return op.accept(c)
}

func (op *Operation) accept(c *Call) error {
	if op.check == nil {
		return nil
	}
	return op.check(c)
}

// Find names what the call touches, in Call.Found. Whatever was there is forgotten.
func (op *Operation) Find(c *Call) error {
	c.Found = c.found[:0]
	return op.find(c)
}

// Action returns the right that the call needs on Call.Found[i].
func (op *Operation) Action(i int) string { return op.actions[min(i, len(op.actions)-1)] }

// Prepares reports whether something slow is to be made before the transaction.
func (op *Operation) Prepares() bool { return op.prepare != nil }

// Prepare makes it.
func (op *Operation) Prepare(c *Call) (err error) {
	c.Prepared, err = op.prepare(c)
	return err
}

// Handle runs the handler in the call's transaction and returns its answer, nil with an error.
func (op *Operation) Handle(c *Call) (any, error) {
	answer, err := op.handle(c)
	if err != nil {
		return nil, err
	}
	answer.setRequestID(c.RequestID)
	for field, value := range c.Plan.Wrong {
		overwrite(answer, field, value)
	}
	return answer, nil
}

// overwrite sets a field of an answer, by its name in JSON, if it has one of that name that is text.
func overwrite(answer any, field, value string) {
	v := reflect.ValueOf(answer).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if field != cmp.Or(name, f.Name) {
			continue
		}
		switch v.Field(i).Interface().(type) {
		case string:
			v.Field(i).SetString(value)
		case Text:
			v.Field(i).SetBytes([]byte(value))
		}
	}
}
