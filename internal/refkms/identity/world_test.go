package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

const (
	account = "1234567890123456"
	region  = "cn-hangzhou"
	arns    = "acs:kms:cn-hangzhou:1234567890123456:"
)

// start is where the clock of every world stands at first.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A world is a server with identities, seen by whoever has an access key: parameters are texts, answers JSON.
type world struct {
	t        testing.TB
	store    *state.Memory
	identity *identity.Service
	server   *server.Server
	table    *catalog.Table

	account    string
	key, token string // the access key that calls are made with
	origin     call.Origin
}

// newWorld returns a world seen by the account itself, whose access key is "root".
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: state.NewMemory(), identity: identity.New(), account: account, key: "root",
		origin: call.Origin{Addr: netip.MustParseAddr("192.168.1.77"), Secure: true}}
	rooms := catalog.Rooms{Keys: keys.New(keys.Options{}), Identity: w.identity, Trail: trail.New(trail.NewMemory(0), nil)}
	rooms.Secrets = secrets.New(rooms.Keys, secrets.Options{})
	w.table = catalog.New(rooms)
	w.server = server.New(w.store, clock.New(func() time.Time { return start }), w.table,
		server.Hooks{Credential: w.identity.Credential, Authorize: w.identity.Authorize})
	if err := w.store.Update(func(tx state.Tx) error { w.identity.Prepare(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	w.ram(func(r *identity.RAM) error { return r.PutAccessKey("", "root", "secret of root") })
	return w
}

// ram changes the identities of the account.
func (w *world) ram(change func(r *identity.RAM) error) {
	w.t.Helper()
	if err := w.ramErr(change); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ramErr(change func(r *identity.RAM) error) error {
	return w.store.Update(func(tx state.Tx) error {
		return change(&identity.RAM{Tx: tx, Account: w.account, Now: state.At(start)})
	})
}

// in returns the world seen by the root of another account.
func (w *world) in(account string) *world {
	v := *w
	v.account, v.key, v.token = account, "root-"+account, ""
	v.ram(func(r *identity.RAM) error { return r.PutAccessKey("", v.key, "secret of "+v.key) })
	return &v
}

// user makes a user with policies attached and returns the world as the user sees it.
func (w *world) user(name string, policies ...string) *world {
	w.t.Helper()
	w.ram(func(r *identity.RAM) error {
		if _, err := r.CreateUser(name); err != nil {
			return err
		}
		if err := r.PutAccessKey(name, name, "secret of "+name); err != nil {
			return err
		}
		return attach(r, identity.UserKind, name, policies)
	})
	v := *w
	v.key, v.token = name, ""
	return &v
}

// role makes a role that the account's users may assume, with policies attached.
func (w *world) role(name string, policies ...string) {
	w.t.Helper()
	w.ram(func(r *identity.RAM) error {
		if _, err := r.CreateRole(name, trust("acs:ram::"+w.account+":root"), 0); err != nil {
			return err
		}
		return attach(r, identity.RoleKind, name, policies)
	})
}

// attach makes policies of documents, named after whom they are for, and attaches them.
func attach(r *identity.RAM, kind, name string, documents []string) error {
	for i, document := range documents {
		p := name + "-" + kind + "-" + string(rune('a'+i))
		if err := r.PutPolicy(p, document); err != nil {
			return err
		}
		if err := r.AttachPolicy(kind, name, p); err != nil {
			return err
		}
	}
	return nil
}

// assume returns the world as a session of a role sees it, that the caller assumes; params are further parameters.
func (w *world) assume(role string, params ...string) *world {
	w.t.Helper()
	d := w.ok("AssumeRole", append([]string{"RoleArn", "acs:ram::" + w.account + ":role/" + role, "RoleSessionName", "test"}, params...)...)
	v := *w
	v.key, v.token = d.str("Credentials", "AccessKeyId"), d.str("Credentials", "SecurityToken")
	return &v
}

// from returns the world seen from an address, "" for none.
func (w *world) from(addr string) *world {
	v := *w
	v.origin.Addr = netip.Addr{}
	if addr != "" {
		v.origin.Addr = netip.MustParseAddr(addr)
	}
	return &v
}

// A doc is an answer as JSON has it.
type doc map[string]any

// str returns the string at a path, "" if there is none.
func (d doc) str(path ...string) string {
	var v any = map[string]any(d)
	for _, step := range path {
		m, _ := v.(map[string]any)
		v = m[step]
	}
	s, _ := v.(string)
	return s
}

// call makes a call; params are names and values in turn.
func (w *world) call(action string, params ...string) (doc, error) {
	texts := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		texts[params[i]] = params[i+1]
	}
	answer, err := w.server.Call(context.Background(), &server.Request{
		Action: action, RequestID: "r", Scope: state.In("", region), Origin: w.origin, Texts: texts,
		Prove: func(tx state.Tx, now time.Time) (call.Principal, error) {
			return w.server.Credential(tx, w.key).Prove(w.token, now)
		},
	})
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(answer)
	if err != nil {
		w.t.Fatal(err)
	}
	var d doc
	if err := json.Unmarshal(b, &d); err != nil {
		w.t.Fatal(err)
	}
	return d, nil
}

// ok makes a call that succeeds.
func (w *world) ok(action string, params ...string) doc {
	w.t.Helper()
	d, err := w.call(action, params...)
	if err != nil {
		w.t.Fatalf("%s(%q) by %s = %v", action, params, w.key, err)
	}
	return d
}

// refused makes a call that is refused with want.
func (w *world) refused(want error, action string, params ...string) {
	w.t.Helper()
	if _, err := w.call(action, params...); !errors.Is(err, want) {
		w.t.Errorf("%s(%.200q) by %s = %v, want %v", action, params, w.key, err, want)
	}
}

// may reports whether the caller has the rights for a call, and on what one was missing if not. That the call is
// refused for another reason is a right that it has.
func (w *world) may(action string, params ...string) (missing string, ok bool) {
	w.t.Helper()
	_, err := w.call(action, params...)
	var e *call.Error
	if !errors.As(err, &e) || e.Code != call.ErrNoPermission.Code && e.Code != call.ErrUnauthorized.Code {
		return "", true
	}
	rest, named := strings.CutPrefix(e.Message, "This operation for ")
	if !named {
		return "", false // what has no resource, and other products, name none
	}
	return strings.TrimSuffix(rest, " is forbidden by permission system."), false
}

// newKey makes a key as the account itself.
func (w *world) newKey(params ...string) string {
	w.t.Helper()
	v := *w
	v.key, v.token = "root", ""
	return v.ok("CreateKey", params...).str("KeyMetadata", "KeyId")
}

// allow and deny are policies of one statement.
func allow(actions, resources []string, conditions ...string) string {
	return document("Allow", actions, resources, conditions...)
}

func deny(actions, resources []string) string { return document("Deny", actions, resources) }

func document(effect string, actions, resources []string, conditions ...string) string {
	s := map[string]any{"Effect": effect, "Action": actions, "Resource": resources}
	for _, c := range conditions {
		s["Condition"] = json.RawMessage(c)
	}
	b, err := json.Marshal(map[string]any{"Version": "1", "Statement": []any{s}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// trust is a trust policy for principals of RAM.
func trust(principals ...string) string {
	b, err := json.Marshal(map[string]any{"Version": "1", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"RAM": principals}}}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

var all = []string{"*"}
