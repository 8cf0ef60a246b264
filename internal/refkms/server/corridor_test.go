package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A table of its own, for what no operation of the service does yet.
type table map[string]*call.Operation

func (t table) Lookup(name string) *call.Operation  { return t[name] }
func (t table) Due(kind state.DueKind) call.DueFunc { return nil }

type text struct {
	Text string `param:"Text"`
}

type answer struct {
	Text string
	call.Answer
}

// An operation is found and authorised, then prepared outside any transaction, then found and authorised again and run,
// whether it writes or reads.
func TestPrepare(t *testing.T) {
	t.Run("writes", func(t *testing.T) { testPrepare(t, true) })
	t.Run("reads", func(t *testing.T) { testPrepare(t, false) })
}

func testPrepare(t *testing.T, writes bool) {
	failed := errors.New("no")
	var steps string
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	op := call.Define("Op", func(c *call.Call, r *text) (*answer, error) {
		steps += " handle"
		if writes { // which panics in a transaction that reads
			state.Accounts.Put(c.Tx, state.Everywhere, "1", &state.Account{ID: "1"})
		}
		return &answer{Text: c.Prepared.(string)}, nil
	}, call.Row[text]{
		Writes: writes,
		Find: func(c *call.Call, r *text) error {
			steps += " find"
			c.Touch(call.Resource{Kind: call.KeyContainer})
			return nil
		},
		Prepare: func(c *call.Call, r *text) (any, error) {
			steps += " prepare"
			if c.Tx != nil {
				t.Error("Prepare is called in a transaction")
			}
			switch r.Text {
			case "fail":
				return nil, failed
			case "cancel":
				cancel()
			}
			return "made of " + r.Text, nil
		},
	})
	store, records := state.NewMemory(), new(trail)
	s := server.New(store, clock.New(nil), table{"Op": op}, server.Hooks{Trail: records, Authorize: func(*call.Call, string, call.Resource) error {
		steps += " allow"
		return nil
	}})
	stranger := call.Principal{Kind: call.Root, Account: "42"}
	for _, tt := range []struct {
		text, steps string
		want        error
	}{
		{"x", " find allow prepare find allow handle", nil},
		{"fail", " find allow prepare", failed},
		{"cancel", " find allow prepare", context.Canceled},
	} {
		steps = ""
		got, err := s.Call(ctx, &server.Request{Action: "Op", RequestID: "r", Scope: scope, Principal: stranger, Typed: &text{tt.text}})
		if !errors.Is(err, tt.want) || steps != tt.steps {
			t.Errorf("%s: Call = %v by the steps%s, want %v by%s", tt.text, err, steps, tt.want, tt.steps)
		}
		if tt.want == nil && (got.(*answer).Text != "made of x" || got.(*answer).RequestID != "r") {
			t.Errorf("the answer is %+v", got)
		}
	}
}

// A handler that is refused leaves nothing, nor does one whose transaction is refused.
func TestRefusedHandlerLeavesNothing(t *testing.T) {
	op := call.Define("Op", func(c *call.Call, r *text) (*answer, error) {
		state.Accounts.Put(c.Tx, state.Everywhere, r.Text, &state.Account{ID: r.Text})
		return nil, call.ErrLimitExceeded
	}, call.Row[text]{Writes: true})
	store := state.NewMemory()
	s := server.New(store, clock.New(nil), table{"Op": op}, server.Hooks{})
	if got, err := s.Call(t.Context(), &server.Request{Action: "Op", Scope: scope, Principal: root, Typed: &text{"1"}}); got != nil || !errors.Is(err, call.ErrLimitExceeded) {
		t.Errorf("Call = %v, %v, want ErrLimitExceeded", got, err)
	}
	store.View(func(tx state.Tx) error {
		if state.Accounts.Get(tx, state.Everywhere, "1") != nil {
			t.Error("the refused handler left a record")
		}
		return nil
	})
}

// A call inside a call is made as the same caller, with the same rights asked and a record of its own before the outer
// one's, also where it fails.
func TestInner(t *testing.T) {
	inner := call.Define("Inner", func(c *call.Call, r *text) (*answer, error) {
		if c.Outer == nil || c.Outer.Op.Name != "Outer" || c.Principal != c.Outer.Principal || c.RequestID != "r" || c.Now != c.Outer.Now {
			t.Errorf("the inner call is %+v", c)
		}
		return &answer{Text: "inner " + r.Text}, nil
	}, call.Row[text]{
		Check: func(_ *call.Call, r *text) error {
			if r.Text == "invalid" {
				return call.Invalid("Text")
			}
			return nil
		},
		Find: func(c *call.Call, r *text) error { c.Touch(call.Resource{Kind: call.KeyKind, ID: r.Text}); return nil },
	})
	outer := call.Define("Outer", func(c *call.Call, r *text) (*answer, error) {
		a, err := call.Inner[*answer](c, "Inner", &text{r.Text})
		if err != nil {
			return nil, err
		}
		return &answer{Text: "outer " + a.Text}, nil
	}, call.Row[text]{Writes: true})
	records := new(trail)
	s := server.New(state.NewMemory(), clock.New(func() time.Time { return start }), table{"Inner": inner, "Outer": outer}, server.Hooks{
		Trail: records,
		Authorize: func(_ *call.Call, action string, r call.Resource) error {
			if r.ID == "secret" {
				return call.ErrNoPermission
			}
			return nil
		},
	})
	for _, tt := range []struct {
		text, want, trail string
		err               error
	}{
		{"x", "outer inner x", "Inner ok\nOuter ok", nil},
		{"invalid", "", "Inner InvalidParameter\nOuter InvalidParameter", call.Invalid("Text")},
		{"secret", "", "Inner Forbidden.NoPermission\nOuter Forbidden.NoPermission", call.ErrNoPermission},
	} {
		got, err := s.Call(t.Context(), &server.Request{Action: "Outer", RequestID: "r", Scope: scope, Principal: call.Principal{Kind: call.Root, Account: "42"}, Typed: &text{tt.text}})
		if !errors.Is(err, tt.err) || err == nil && got.(*answer).Text != tt.want {
			t.Errorf("%s: Call = %v, %v, want %s, %v", tt.text, got, err, tt.want, tt.err)
		}
		if got := records.take(); got != tt.trail {
			t.Errorf("%s: the trail has %q, want %q", tt.text, got, tt.trail)
		}
	}
}

// A trail that has to have a record, and cannot, fails the call; what the call did stays.
func TestBrokenTrail(t *testing.T) {
	op := call.Define("Op", func(c *call.Call, r *text) (*answer, error) {
		if r.Text == "refused" {
			return nil, call.ErrLimitExceeded
		}
		state.Accounts.Put(c.Tx, state.Everywhere, r.Text, &state.Account{ID: r.Text})
		return &answer{}, nil
	}, call.Row[text]{Writes: true})
	broken := errors.New("no disk")
	store, records := state.NewMemory(), &trail{broken: broken}
	s := server.New(store, clock.New(nil), table{"Op": op}, server.Hooks{Trail: records})
	for _, text := range []*text{{"1"}, {"refused"}} {
		if got, err := s.Call(t.Context(), &server.Request{Action: "Op", Scope: scope, Principal: root, Typed: text}); got != nil || !errors.Is(err, broken) {
			t.Errorf("Call = %v, %v, want the error of the trail", got, err)
		}
	}
	store.View(func(tx state.Tx) error {
		if state.Accounts.Get(tx, state.Everywhere, "1") == nil {
			t.Error("what the call did is gone")
		}
		return nil
	})
}

// A handler beside the transaction is called once the call is admitted, and in none.
func TestBeside(t *testing.T) {
	steps := ""
	op := call.Define("Op", func(c *call.Call, r *text) (*answer, error) {
		if steps += " handle"; c.Tx != nil {
			t.Error("the handler is called in a transaction")
		}
		if r.Text == "refused" {
			return nil, call.ErrLimitExceeded
		}
		return &answer{Text: r.Text}, nil
	}, call.Row[text]{Beside: true, Find: func(c *call.Call, r *text) error {
		steps += " find"
		c.Touch(call.Resource{Kind: call.KeyKind, ID: r.Text})
		return nil
	}})
	s := server.New(state.NewMemory(), clock.New(nil), table{"Op": op}, server.Hooks{Authorize: func(_ *call.Call, _ string, r call.Resource) error {
		if r.ID == "secret" {
			return call.ErrNoPermission
		}
		return nil
	}})
	for _, tt := range []struct {
		text, steps string
		want        error
	}{
		{"x", " find handle", nil},
		{"refused", " find handle", call.ErrLimitExceeded},
		{"secret", " find", call.ErrNoPermission},
	} {
		steps = ""
		got, err := s.Call(t.Context(), &server.Request{Action: "Op", Scope: scope, Principal: call.Principal{Kind: call.Root, Account: "42"}, Typed: &text{tt.text}})
		if !errors.Is(err, tt.want) || steps != tt.steps || err == nil && got.(*answer).Text != "x" {
			t.Errorf("%s: Call = %v, %v by%s, want %v by%s", tt.text, got, err, steps, tt.want, tt.steps)
		}
	}
}
