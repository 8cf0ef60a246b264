package server_test

import (
	"errors"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func TestThrottle(t *testing.T) {
	define := func(name string, rate int, product call.Product) *call.Operation {
		return call.Define(name, func(*call.Call, *text) (*answer, error) { return new(answer), nil },
			call.Row[text]{Find: func(*call.Call, *text) error { return nil }, Rate: rate, Product: product})
	}
	ops := table{"Free": define("Free", 0, call.KMS), "A": define("A", 3, call.KMS), "B": define("B", 3, call.KMS),
		"Foreign": define("Foreign", 3, call.STS)}
	now := start.Truncate(time.Second).Add(250 * time.Millisecond)
	throttle := new(server.Throttle)
	s := server.New(state.NewMemory(), clock.New(func() time.Time { return now }), ops, server.Hooks{Throttle: throttle.Refuse})
	passes := func(action string, p call.Principal) (n int, refusal error) {
		for range 10 {
			_, err := s.Call(t.Context(), &server.Request{Action: action, Scope: scope, Principal: p, Typed: new(text)})
			if err == nil {
				n++
			} else {
				refusal = err
			}
		}
		return n, refusal
	}
	user := func(name string) call.Principal {
		return call.Principal{Kind: call.User, Account: account, Name: name}
	}
	role := call.Principal{Kind: call.Role, Account: account, Name: "alice", Session: &call.Session{Name: "1"}}
	for _, tt := range []struct {
		name, action string
		p            call.Principal
		want         int
		err          error
	}{
		{"unlimited", "Free", root, 10, nil},
		{"the account", "A", root, 3, call.ErrThrottling},
		{"another operation", "B", root, 3, call.ErrThrottling},
		{"a user", "A", user("alice"), 3, call.ErrThrottling},
		{"another user", "A", user("bob"), 3, call.ErrThrottling},
		{"a role of the same name", "A", role, 3, call.ErrThrottling},
		{"another product", "Foreign", root, 3, call.ErrUserThrottling},
		{"again", "A", root, 0, call.ErrThrottling},
	} {
		n, err := passes(tt.action, tt.p)
		if n != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %d of 10 calls pass, the rest with %v; want %d and %v", tt.name, n, err, tt.want, tt.err)
		}
		var e *call.Error
		if errors.As(err, &e) && tt.action == "Foreign" && (e.RetryAfter != 750*time.Millisecond || e.Limit != 3) {
			t.Errorf("%s: %d calls, and retry after %v, want 3 and 750ms", tt.name, e.Limit, e.RetryAfter)
		}
	}
	role.Session = &call.Session{Name: "2"}
	if n, _ := passes("A", role); n != 0 {
		t.Errorf("%d calls of another session of the role pass", n)
	}
	now = now.Add(time.Second)
	if n, _ := passes("A", root); n != 3 {
		t.Errorf("in the next second %d calls pass, want 3", n)
	}
}

// Rates of an hour are those of an account with all its users, by the hours of the service's clock.
func TestHourlyThrottle(t *testing.T) {
	op := call.Define("Op", func(*call.Call, *text) (*answer, error) { return new(answer), nil },
		call.Row[text]{Find: func(*call.Call, *text) error { return nil }, HourlyRate: 3})
	now := start.Truncate(time.Hour)
	s := server.New(state.NewMemory(), clock.New(func() time.Time { return now }), table{"Op": op}, server.Hooks{Throttle: new(server.Throttle).Refuse})
	for i, tt := range []struct {
		after   time.Duration
		account string
		user    string
		want    error
	}{
		{0, account, "alice", nil},
		{time.Second, account, "bob", nil},
		{time.Minute, account, "alice", nil},
		{time.Minute, account, "carol", call.ErrThrottling},
		{0, "42", "carol", nil},
		{57*time.Minute + 58*time.Second, account, "alice", call.ErrThrottling},
		{time.Second, account, "alice", nil},
	} {
		now = now.Add(tt.after)
		p := call.Principal{Kind: call.User, Account: tt.account, Name: tt.user}
		_, err := s.Call(t.Context(), &server.Request{Action: "Op", Scope: state.In(tt.account, "cn-hangzhou"), Principal: p, Typed: new(text)})
		if !errors.Is(err, tt.want) {
			t.Errorf("call %d: %v, want %v", i, err, tt.want)
		}
	}
}
