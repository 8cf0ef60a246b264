package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

const (
	account = "1234567890123456"
	arns    = "acs:kms:cn-hangzhou:1234567890123456:"
	day     = 24 * time.Hour
)

var (
	scope = state.In(account, "cn-hangzhou")
	start = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	root  = call.Principal{Kind: call.Root, Account: account}
)

// A trail keeps what it is told, as lines.
type trail struct {
	mu     sync.Mutex
	lines  []string
	broken error // what it answers
}

func (r *trail) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *trail) Called(c *call.Call, answer any, err error) error {
	code := "ok"
	if err != nil {
		code = err.Error()
		if refusal := (*call.Error)(nil); errors.As(err, &refusal) {
			code = refusal.Code
		}
	}
	if (answer == nil) != (err != nil) || c.Tx != nil {
		code += ", and an answer with an error, or a transaction that is over"
	}
	r.add("%s %s", c.Op.Name, code)
	return r.broken
}

func (r *trail) Happened(h *call.Happening) error {
	r.add("%s %s", h.Name, time.Unix(int64(h.At), 0).UTC().Format("Jan 2"))
	return r.broken
}

// take returns what was told since the last take.
func (r *trail) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.lines = nil }()
	return strings.Join(r.lines, "\n")
}

// A fixture is a server with a store and a trail.
type fixture struct {
	*server.Server
	store *state.Memory
	trail *trail
	key   string
}

func newFixture(t *testing.T, hooks server.Hooks) *fixture {
	t.Helper()
	f := &fixture{store: state.NewMemory(), trail: new(trail)}
	hooks.Trail = f.trail
	f.Server = server.New(f.store, clock.New(func() time.Time { return start }), catalog.New(catalog.Rooms{Keys: keys.New(keys.Options{})}), hooks)
	f.key = "k"
	f.update(t, func(tx state.Tx) {
		state.Versions.Put(tx, scope, "v", &state.Version{ID: "v", KeyID: "k", Number: 1, Material: state.NewMaterial(make([]byte, 32))})
		state.Keys.Put(tx, scope, "k", &state.Key{ID: "k", Spec: "Aliyun_AES_256", Usage: "ENCRYPT/DECRYPT", State: state.Enabled, Versions: 1, Primary: "v", LastRotation: state.At(start)})
	})
	return f
}

func (f *fixture) update(t *testing.T, fn func(state.Tx)) {
	t.Helper()
	if err := f.store.Update(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// call makes a call as root.
func (f *fixture) call(action string, params ...string) (any, error) {
	texts := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		texts[params[i]] = params[i+1]
	}
	return f.Call(context.Background(), &server.Request{Action: action, RequestID: "r", Scope: scope, Principal: root, Texts: texts})
}

func TestUnknownAction(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	if _, err := f.call("MakeCoffee"); !errors.Is(err, call.ErrActionNotFound) {
		t.Errorf("Call = %v, want ErrActionNotFound", err)
	}
	if got := f.trail.take(); got != "" {
		t.Errorf("the trail has %q", got)
	}
}

// Every call that is one leaves its record, refused ones and reading ones too.
func TestTrail(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	f.call("DescribeKey", "KeyId", "k")
	f.call("DescribeKey", "KeyId", "none")
	f.call("DescribeKey")
	f.call("DisableKey", "KeyId", "k")
	f.call("Encrypt", "KeyId", "k", "Plaintext", "x")
	want := "DescribeKey ok\nDescribeKey Forbidden.KeyNotFound\nDescribeKey MissingParameter\nDisableKey ok\nEncrypt Rejected.Disabled"
	if got := f.trail.take(); got != want {
		t.Errorf("the trail has\n%s\nwant\n%s", got, want)
	}
}

func TestFaultAndThrottle(t *testing.T) {
	var seen []string
	var faulty, throttled bool
	f := newFixture(t, server.Hooks{
		Fault: func(c *call.Call, found bool) *call.Plan {
			seen = append(seen, "fault "+c.Op.Name)
			if faulty {
				return &call.Plan{Refusal: call.ErrServiceUnavailable}
			}
			return nil
		},
		Throttle: func(c *call.Call) error {
			seen = append(seen, "throttle "+c.Op.Name)
			if throttled {
				return call.ErrThrottling
			}
			return nil
		},
	})
	for _, tt := range []struct {
		faulty, throttled bool
		want              error
		seen              string
	}{
		{false, false, call.Missing("KeyId"), "fault DescribeKey, throttle DescribeKey"},
		{false, true, call.ErrThrottling, "fault DescribeKey, throttle DescribeKey"},
		{true, true, call.ErrServiceUnavailable, "fault DescribeKey"},
	} {
		seen, faulty, throttled = nil, tt.faulty, tt.throttled
		if _, err := f.call("DescribeKey"); !errors.Is(err, tt.want) || strings.Join(seen, ", ") != tt.seen {
			t.Errorf("Call = %v after %v, want %v after %s", err, seen, tt.want, tt.seen)
		}
	}
	if got := f.trail.take(); got != "DescribeKey MissingParameter\nDescribeKey Rejected.Throttling\nDescribeKey ServiceUnavailableTemporary" {
		t.Errorf("the trail has\n%s", got)
	}
}

func TestAccountStatus(t *testing.T) {
	for status, want := range map[state.AccountStatus]error{
		state.AccountEnabled: nil, state.AccountNotEnabled: call.ErrServiceNotEnabled,
		state.AccountInDebt: call.ErrInDebt, state.AccountSuspended: call.ErrInDebtOverdue,
		state.AccountRisk: call.ErrProhibitedByRiskControl, state.AccountNoUser: call.ErrUserIDInvalid,
		state.AccountNoPartner: call.ErrAccountPartnerNotEnabled,
	} {
		f := newFixture(t, server.Hooks{})
		f.update(t, func(tx state.Tx) {
			state.Accounts.Put(tx, state.Everywhere, account, &state.Account{ID: account, Status: status})
			state.Accounts.Put(tx, state.Everywhere, "42", &state.Account{ID: "42", Status: state.AccountInDebt})
		})
		if _, err := f.call("DescribeKey", "KeyId", "k"); !errors.Is(err, want) {
			t.Errorf("with status %d DescribeKey = %v, want %v", status, err, want)
		}
		if want == nil {
			continue
		}
		if _, err := f.call("DescribeKey"); !errors.Is(err, want) {
			t.Errorf("with status %d and no KeyId DescribeKey = %v, want %v", status, err, want)
		}
	}
}

// Whoever is not the account itself may do what the hook allows, on each thing the call touches.
func TestAuthorize(t *testing.T) {
	stranger := call.Principal{Kind: call.Root, Account: "42"}
	aliases := func(f *fixture) {
		f.update(t, func(tx state.Tx) {
			state.Keys.Put(tx, scope, "k2", &state.Key{ID: "k2", Spec: "Aliyun_AES_256", State: state.Enabled})
			state.Aliases.Put(tx, scope, "alias/a", &state.Alias{Name: "alias/a", KeyID: "k"})
		})
	}
	all := []string{"kms:UpdateAlias alias/a", "kms:UpdateAlias k", "kms:UpdateAlias k2"}
	for _, tt := range []struct {
		name    string
		allowed []string
		want    error
	}{
		{"all", all, nil},
		{"without the alias", all[1:], call.NoPermission(arns + "alias/a")},
		{"without the old key", []string{all[0], all[2]}, call.NoPermission(arns + "key/k")},
		{"without the new key", all[:2], call.NoPermission(arns + "key/k2")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, server.Hooks{Authorize: func(c *call.Call, action string, r call.Resource) error {
				if c.Tx == nil {
					t.Error("rights are asked outside a transaction")
				}
				if !slices.Contains(tt.allowed, action+" "+r.ID) {
					return call.NoPermission(c.ARN(r))
				}
				return nil
			}})
			aliases(f)
			_, err := f.Call(t.Context(), &server.Request{Action: "UpdateAlias", Scope: scope, Principal: stranger,
				Texts: map[string]string{"AliasName": "alias/a", "KeyId": "k2"}})
			if fmt.Sprint(err) != fmt.Sprint(tt.want) {
				t.Errorf("UpdateAlias = %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("nothing without the hook", func(t *testing.T) {
		f := newFixture(t, server.Hooks{})
		_, err := f.Call(t.Context(), &server.Request{Action: "DescribeKey", Scope: scope, Principal: stranger, Texts: map[string]string{"KeyId": "k"}})
		if fmt.Sprint(err) != fmt.Sprint(call.NoPermission(arns+"key/k")) {
			t.Errorf("DescribeKey = %v, want NoPermission", err)
		}
	})
}

// Rights are asked again in the transaction that writes: an alias may lead elsewhere by then.
func TestRightsAreAskedWhereItIsWritten(t *testing.T) {
	var f *fixture
	asked := 0
	f = newFixture(t, server.Hooks{Authorize: func(c *call.Call, _ string, r call.Resource) error {
		asked++
		if asked == 1 { // between admission and effect the alias moves to a key that is not the caller's
			moved := make(chan error)
			go func() {
				moved <- f.store.Update(func(tx state.Tx) error {
					state.Aliases.Put(tx, scope, "alias/a", &state.Alias{Name: "alias/a", KeyID: "other"})
					return nil
				})
			}()
			if err := <-moved; err != nil {
				t.Error(err)
			}
		}
		if r.ID == "other" {
			return call.NoPermission(c.ARN(r))
		}
		return nil
	}})
	f.update(t, func(tx state.Tx) {
		state.Aliases.Put(tx, scope, "alias/a", &state.Alias{Name: "alias/a", KeyID: "k"})
	})
	_, err := f.Call(t.Context(), &server.Request{Action: "DeleteAlias", Scope: scope, Principal: call.Principal{Kind: call.Root, Account: "42"},
		Texts: map[string]string{"AliasName": "alias/a"}})
	if fmt.Sprint(err) != fmt.Sprint(call.NoPermission(arns+"key/other")) {
		t.Errorf("DeleteAlias = %v, want NoPermission on the key it leads to now", err)
	}
}

func TestProve(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	unknown := &call.Error{Code: "InvalidAccessKeyId.NotFound", Status: 404}
	request := server.Request{Action: "DescribeKey", Scope: scope, Texts: map[string]string{"KeyId": "k"}}
	request.Prove = func(tx state.Tx, now time.Time) (call.Principal, error) {
		if !now.Equal(start) || state.Keys.Get(tx, scope, "k") == nil {
			t.Errorf("Prove is called at %v", now)
		}
		return root, nil
	}
	if _, err := f.Call(t.Context(), &request); err != nil {
		t.Errorf("Call = %v", err)
	}
	request.Prove = func(state.Tx, time.Time) (call.Principal, error) { return root, unknown }
	if _, err := f.Call(t.Context(), &request); !errors.Is(err, unknown) {
		t.Errorf("Call = %v, want the refusal", err)
	}
	if got := f.trail.take(); got != "DescribeKey ok" {
		t.Errorf("the trail has %q: a caller who is nobody leaves no record", got)
	}
}

// What falls due happens before the next call is answered, in order, with its record.
func TestDue(t *testing.T) {
	now := start
	store, records := state.NewMemory(), new(trail)
	s := server.New(store, clock.New(func() time.Time { return now }), catalog.New(catalog.Rooms{Keys: keys.New(keys.Options{})}), server.Hooks{Trail: records})
	err := store.Update(func(tx state.Tx) error {
		state.Keys.Put(tx, scope, "a", &state.Key{ID: "a", Spec: "Aliyun_AES_256", State: state.Enabled, LastRotation: state.At(start), RotationInterval: 10 * 86400})
		state.Keys.Put(tx, scope, "b", &state.Key{ID: "b", Spec: "Aliyun_AES_256", State: state.PendingDeletion, DeletionDate: state.At(start.Add(15 * day))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	describe := func(key string) error {
		_, err := s.Call(t.Context(), &server.Request{Action: "DescribeKey", Scope: scope, Principal: root, Texts: map[string]string{"KeyId": key}})
		return err
	}
	now = start.Add(25 * day) // time passes without anybody calling Advance
	if err := describe("b"); !errors.Is(err, call.ErrKeyNotFound) {
		t.Errorf("DescribeKey = %v, want ErrKeyNotFound", err)
	}
	want := "RotateKey Jan 12\nDeleteKey Jan 17\nRotateKey Jan 22\nDescribeKey Forbidden.KeyNotFound"
	if got := records.take(); got != want {
		t.Errorf("the trail has\n%s\nwant\n%s", got, want)
	}
	if err := s.Advance(10 * day); err != nil {
		t.Fatal(err)
	}
	if got := records.take(); got != "RotateKey Feb 1" {
		t.Errorf("Advance left the records\n%s", got)
	}
	if err := s.Settle(); err != nil || records.take() != "" {
		t.Errorf("Settle = %v, or something happened again", err)
	}
	store.Close()
	if err := s.Advance(day); err != nil { // nothing is due in a closed store
		t.Errorf("Advance = %v", err)
	}
	if err := describe("a"); !errors.Is(err, state.ErrClosed) {
		t.Errorf("DescribeKey of a closed store = %v, want ErrClosed", err)
	}
}

// More falls due at once than one transaction takes.
func TestManyDue(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	const n = 5000
	f.update(t, func(tx state.Tx) {
		for i := range n {
			id := fmt.Sprintf("key-%d", i)
			state.Keys.Put(tx, scope, id, &state.Key{ID: id, State: state.PendingDeletion, DeletionDate: state.At(start) + 1})
		}
	})
	if err := f.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(f.trail.take(), "DeleteKey"); got != n || f.store.NextDue() != state.Never {
		t.Errorf("%d keys were destroyed, next due %d, want %d and none", got, f.store.NextDue(), n)
	}
}

func TestCancelledContext(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	for _, tt := range []struct {
		ctx  context.Context
		want error
	}{{ctx, context.Canceled}, {expired, context.DeadlineExceeded}} {
		for _, action := range []string{"DescribeKey", "CreateKey", "MakeCoffee"} {
			if _, err := f.Call(tt.ctx, &server.Request{Action: action, Scope: scope, Principal: root}); !errors.Is(err, tt.want) {
				t.Errorf("%s = %v, want %v", action, err, tt.want)
			}
		}
	}
	if got := f.trail.take(); got != "" {
		t.Errorf("the trail has %q", got)
	}
}

// A store that fails is not a refusal of the service.
func TestClosedStore(t *testing.T) {
	f := newFixture(t, server.Hooks{})
	f.store.Close()
	for _, action := range []string{"DescribeKey", "CreateKey"} {
		if got, err := f.call(action, "KeyId", "k"); got != nil || !errors.Is(err, state.ErrClosed) {
			t.Errorf("%s = %v, %v, want ErrClosed", action, got, err)
		}
	}
}
