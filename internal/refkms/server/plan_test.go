package server_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// planned returns hooks that have calls of an action suffer a plan: on arrival, or, with found, if they touch key k.
func planned(action string, found bool, plan call.Plan) server.Hooks {
	return server.Hooks{Fault: func(c *call.Call, asked bool) *call.Plan {
		if c.Op.Name != action || asked != found {
			return nil
		}
		if found && (len(c.Found) == 0 || c.Found[0].ID != "k") {
			return nil
		}
		return &plan
	}}
}

func (f *fixture) keyState(t *testing.T) (s state.KeyState) {
	t.Helper()
	if err := f.store.View(func(tx state.Tx) error { s = state.Keys.Get(tx, scope, "k").State; return nil }); err != nil {
		t.Fatal(err)
	}
	return s
}

// A plan comes about on arrival and where it is known what the call touches, in calls that write and that read.
func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name  string
		plan  call.Plan
		want  error
		state state.KeyState // after DisableKey
		trail string
	}{
		{"refusal", call.Plan{Refusal: call.ErrServiceUnavailable}, call.ErrServiceUnavailable, state.Enabled, "DisableKey ServiceUnavailableTemporary"},
		{"lost before", call.Plan{Loss: call.LostBefore}, call.ErrConnectionLost, state.Enabled, ""},
		{"lost after", call.Plan{Loss: call.LostAfter}, call.ErrConnectionLost, state.Disabled, "DisableKey ok"},
		{"spoil", call.Plan{Spoil: call.Spoil{Kind: call.SpoilEmpty}}, nil, state.Disabled, "DisableKey ok"},
	} {
		for _, found := range []bool{false, true} {
			f := newFixture(t, planned("DisableKey", found, tt.plan))
			var spoil call.Spoil
			answer, err := f.Call(t.Context(), &server.Request{Action: "DisableKey", RequestID: "r", Scope: scope, Principal: root,
				Texts: map[string]string{"KeyId": "k"}, Spoil: &spoil})
			if !errors.Is(err, tt.want) || (answer == nil) != (err != nil) {
				t.Errorf("%s, found %v: DisableKey = %v, %v, want %v", tt.name, found, answer, err, tt.want)
			}
			if got := f.keyState(t); got != tt.state {
				t.Errorf("%s, found %v: the key is %s, want %s", tt.name, found, got, tt.state)
			}
			if got := f.trail.take(); got != tt.trail {
				t.Errorf("%s, found %v: the trail has %q, want %q", tt.name, found, got, tt.trail)
			}
			if spoil != tt.plan.Spoil {
				t.Errorf("%s, found %v: the face is told %v, want %v", tt.name, found, spoil, tt.plan.Spoil)
			}
		}
	}
	// Another key does not suffer.
	f := newFixture(t, planned("DescribeKey", true, call.Plan{Refusal: call.ErrInternalFailure}))
	if _, err := f.call("DescribeKey", "KeyId", "other"); !errors.Is(err, call.ErrKeyNotFound) {
		t.Errorf("DescribeKey of another key = %v, want ErrKeyNotFound", err)
	}
	if _, err := f.call("DescribeKey", "KeyId", "k"); !errors.Is(err, call.ErrInternalFailure) {
		t.Errorf("DescribeKey = %v, want ErrInternalFailure", err)
	}
}

func TestPlanWrong(t *testing.T) {
	f := newFixture(t, planned("Encrypt", true, call.Plan{Wrong: map[string]string{"KeyId": "other", "CiphertextBlob": "", "Nonsense": "x"}}))
	answer, err := f.call("Encrypt", "KeyId", "k", "Plaintext", "x")
	if err != nil {
		t.Fatal(err)
	}
	got := answer.(*keys.EncryptResponse)
	if got.KeyID != "other" || got.CiphertextBlob != "" || got.KeyVersionID != "v" || got.RequestID != "r" {
		t.Errorf("Encrypt answers %+v", got)
	}
}

// A delay is time of the process, not of the server's clock, and ends with the call's context.
func TestPlanDelay(t *testing.T) {
	for _, found := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, planned("DisableKey", found, call.Plan{Delay: time.Minute}))
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := f.Call(ctx, &server.Request{Action: "DisableKey", Scope: scope, Principal: root, Texts: map[string]string{"KeyId": "k"}})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("DisableKey = %v after %v, want DeadlineExceeded after 1s", err, time.Since(began))
			}
			if f.keyState(t) != state.Enabled || f.trail.take() != "" {
				t.Error("a call that was given up had an effect or left a record")
			}
			began = time.Now()
			if _, err := f.call("DisableKey", "KeyId", "k"); err != nil || time.Since(began) != time.Minute {
				t.Errorf("DisableKey = %v after %v, want none after 1m", err, time.Since(began))
			}
			if f.keyState(t) != state.Disabled {
				t.Error("the call had no effect")
			}
		})
	}
}

func TestCredentialAndSkew(t *testing.T) {
	s := server.New(state.NewMemory(), clock.New(nil), table{}, server.Hooks{})
	if s.Credential(nil, "a") != nil || s.Skew("Encrypt") != 0 {
		t.Error("without hooks there is a credential or a skew")
	}
	known := &call.Credential{Principal: root}
	s = server.New(state.NewMemory(), clock.New(nil), table{}, server.Hooks{
		Credential: func(_ state.Tx, id string) *call.Credential {
			if id != "a" {
				return nil
			}
			return known
		},
		Skew: func(action string) time.Duration { return time.Duration(len(action)) },
	})
	if s.Credential(nil, "a") != known || s.Credential(nil, "b") != nil || s.Skew("Encrypt") != 7 {
		t.Error("the hooks are not asked")
	}
}

// The world of a call is the account of whoever was proven.
func TestProveSetsTheWorld(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	_, err := f.Call(t.Context(), &server.Request{Action: "DescribeKey", Scope: state.In("", "cn-hangzhou"), Texts: map[string]string{"KeyId": "k"},
		Prove: func(state.Tx, time.Time) (call.Principal, error) { return root, nil }})
	if err != nil {
		t.Errorf("DescribeKey = %v", err)
	}
	_, err = f.Call(t.Context(), &server.Request{Action: "DescribeKey", Scope: scope, Texts: map[string]string{"KeyId": "k"},
		Prove: func(state.Tx, time.Time) (call.Principal, error) {
			return call.Principal{Kind: call.Root, Account: "42"}, nil
		}})
	if !errors.Is(err, call.ErrKeyNotFound) {
		t.Errorf("DescribeKey of another account's key = %v, want ErrKeyNotFound", err)
	}
}
