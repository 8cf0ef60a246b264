package secrets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

const (
	account = "123456"
	region  = "us-east-1"
	arns    = "acs:kms:us-east-1:123456:"
	day     = 24 * time.Hour
)

// start is where the clock of every world stands at first.
var start = time.Date(2020, 1, 22, 3, 55, 18, 165242211, time.UTC)

// A world is a server with its handlers, seen from one account and region as a face sees it: parameters are texts,
// answers JSON. After every call it checks what is always true of versions and labels.
type world struct {
	t      testing.TB
	store  *state.Memory
	server *server.Server
	trail  *records
	rights *rights
	scope  state.Scope
	caller call.Principal
	values map[string]*state.SecretValue // seen so far, by key
}

func newWorld(t testing.TB, opts secrets.Options) *world {
	w := &world{t: t, store: state.NewMemory(), trail: new(records), rights: new(rights), values: map[string]*state.SecretValue{}}
	k := keys.New(keys.Options{})
	table := catalog.New(catalog.Rooms{Keys: k, Secrets: secrets.New(k, opts)})
	w.server = server.New(w.store, clock.New(func() time.Time { return start }), table, server.Hooks{Trail: w.trail, Authorize: w.rights.authorize})
	return w.in(account, region)
}

// in returns the same server seen from another account and region.
func (w *world) in(account, region string) *world {
	v := *w
	v.scope, v.caller = state.In(account, region), call.Principal{Kind: call.Root, Account: account}
	return &v
}

// as returns the same world seen by a caller who has some rights, "kms:Action ARN".
func (w *world) as(allowed ...string) *world {
	v := *w
	v.caller = call.Principal{Kind: call.Root, Account: "42"} // of another account, so that rights are asked
	v.rights.set(allowed)
	return &v
}

// Rights are what a caller has, and was asked for.
type rights struct {
	mu      sync.Mutex
	allowed map[string]bool
	asked   []string
}

func (r *rights) set(allowed []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allowed, r.asked = map[string]bool{}, nil
	for _, right := range allowed {
		r.allowed[right] = true
	}
}

func (r *rights) authorize(c *call.Call, action string, on call.Resource) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	right := action + " " + c.ARN(on)
	r.asked = append(r.asked, right)
	if !r.allowed[right] {
		return call.NoPermission(c.ARN(on))
	}
	return nil
}

// Records are what the trail is told, as lines.
type records struct {
	mu    sync.Mutex
	lines []string
}

func (r *records) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// Called notes name, code, and what the call touches; inner calls are set off.
func (r *records) Called(c *call.Call, answer any, err error) error {
	code := "ok"
	if refusal := (*call.Error)(nil); errors.As(err, &refusal) {
		code = refusal.Code
	}
	line := c.Op.Name + " " + code
	for _, on := range c.Found {
		line += " " + strings.TrimPrefix(c.ARN(on), arns)
	}
	if c.Outer != nil {
		line = "  " + line
	}
	r.add(line)
	return nil
}

func (r *records) Happened(h *call.Happening) error {
	r.add(fmt.Sprintf("%s %s %s", h.Name, h.At, h.Resource.ID))
	return nil
}

// take returns what was told since the last take.
func (r *records) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.lines = nil }()
	return strings.Join(r.lines, "\n")
}

// A doc is an answer as JSON has it.
type doc map[string]any

// at returns what lies at a path of an answer: names and indexes.
func (d doc) at(path ...any) any {
	var v any = map[string]any(d)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			a, _ := v.([]any)
			if step >= len(a) {
				return nil
			}
			v = a[step]
		}
	}
	return v
}

// str returns the string at a path, "" if there is none.
func (d doc) str(path ...any) string {
	s, _ := d.at(path...).(string)
	return s
}

// list returns the strings of the array at a path, joined.
func (d doc) list(path ...any) string {
	a, ok := d.at(path...).([]any)
	if !ok {
		return "no list"
	}
	var items []string
	for _, v := range a {
		items = append(items, fmt.Sprint(v))
	}
	return strings.Join(items, " ")
}

// call makes a call; params are names and values in turn.
func (w *world) call(action string, params ...string) (doc, error) {
	w.t.Helper()
	b, err := w.raw(action, params...)
	if err != nil {
		return nil, err
	}
	var d doc
	if err := json.Unmarshal(b, &d); err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
	if d.str("RequestId") != "r" {
		w.t.Errorf("%s answers %s, without the request id", action, b)
	}
	return d, nil
}

// raw makes a call and returns its answer as JSON.
func (w *world) raw(action string, params ...string) ([]byte, error) {
	w.t.Helper()
	texts := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		texts[params[i]] = params[i+1]
	}
	answer, err := w.server.Call(context.Background(), &server.Request{
		Action: action, RequestID: "r", Scope: w.scope, Principal: w.caller, Texts: texts,
	})
	w.checkInvariants(action)
	if err != nil {
		if answer != nil {
			w.t.Errorf("%s answers %v with the error %v", action, answer, err)
		}
		return nil, err
	}
	b, err := json.Marshal(answer)
	if err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
	return b, nil
}

// ok makes a call that succeeds.
func (w *world) ok(action string, params ...string) doc {
	w.t.Helper()
	d, err := w.call(action, params...)
	if err != nil {
		w.t.Fatalf("%s(%.200q) = %v", action, params, err)
	}
	return d
}

// refused makes a call that is refused with want, in every word.
func (w *world) refused(want error, action string, params ...string) {
	w.t.Helper()
	_, err := w.call(action, params...)
	if got := (*call.Error)(nil); !errors.As(err, &got) || got.Error() != want.Error() || got.Status != want.(*call.Error).Status {
		w.t.Errorf("%s(%.200q) = %v, want %v", action, params, err, want)
	}
}

// secret makes a secret of a value, in version v1; params are further ones.
func (w *world) secret(name, value string, params ...string) {
	w.t.Helper()
	w.ok("CreateSecret", append([]string{"SecretName", name, "SecretData", value, "VersionId", "v1"}, params...)...)
}

// key makes a CMK and returns its id.
func (w *world) key(params ...string) string {
	w.t.Helper()
	return w.ok("CreateKey", params...).str("KeyMetadata", "KeyId")
}

// value returns a value of a secret.
func (w *world) value(name string, params ...string) string {
	w.t.Helper()
	return w.ok("GetSecretValue", append([]string{"SecretName", name}, params...)...).str("SecretData")
}

// labels returns all versions of a secret with their labels, as in "v1[ACSPrevious] v2[ACSCurrent x] v3[]".
func (w *world) labels(name string) string {
	w.t.Helper()
	d := w.ok("ListSecretVersionIds", "SecretName", name, "IncludeDeprecated", "true")
	var out []string
	for i := range d.at("VersionIds", "VersionId").([]any) {
		out = append(out, fmt.Sprintf("%s[%s]", d.str("VersionIds", "VersionId", i, "VersionId"), d.list("VersionIds", "VersionId", i, "VersionStages", "VersionStage")))
	}
	return strings.Join(out, " ")
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	if err := w.server.Advance(d); err != nil {
		w.t.Fatalf("Advance = %v", err)
	}
	w.checkInvariants("Advance")
}

func (w *world) view(fn func(state.Tx)) {
	w.t.Helper()
	if err := w.store.View(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(fn func(state.Tx)) {
	w.t.Helper()
	if err := w.store.Update(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// changeKey changes a CMK in the store, for what no operation does.
func (w *world) changeKey(id string, change func(*state.Key)) {
	w.t.Helper()
	w.update(func(tx state.Tx) {
		k := *state.Keys.Get(tx, w.scope, id)
		change(&k)
		state.Keys.Put(tx, w.scope, id, &k)
	})
}

// checkInvariants checks what is always true of the secrets in the world, and that no stored value has changed.
func (w *world) checkInvariants(after string) {
	w.t.Helper()
	w.view(func(tx state.Tx) {
		stored := map[string]bool{}
		for name, s := range state.Secrets.All(tx, w.scope) {
			if err := invariants(s); err != nil {
				w.t.Errorf("after %s, secret %s: %v", after, name, err)
			}
			for _, v := range s.Versions {
				id := state.SecretValueID(name, v.ID)
				value := state.SecretValues.Get(tx, w.scope, id)
				if value == nil {
					w.t.Errorf("after %s, version %s of secret %s has no value", after, v.ID, name)
					continue
				}
				stored[string(w.scope)+id] = true
				if seen := w.values[string(w.scope)+id]; seen != nil && !bytes.Equal(seen.Sealed, value.Sealed) {
					w.t.Errorf("after %s, the value of version %s of secret %s is another one", after, v.ID, name)
				}
				w.values[string(w.scope)+id] = value
			}
		}
		for id := range state.SecretValues.All(tx, w.scope) {
			if !stored[string(w.scope)+id] {
				w.t.Errorf("after %s, value %q is of no version", after, id)
			}
		}
		for id := range w.values {
			if strings.HasPrefix(id, string(w.scope)) && !stored[id] {
				delete(w.values, id) // gone: the id may be used again
			}
		}
	})
}

// invariants returns an error unless the labels of a secret are in order.
func invariants(s *state.Secret) error {
	ids, seen, currents := map[string]bool{}, map[string]bool{}, 0
	for _, v := range s.Versions {
		if ids[v.ID] {
			return fmt.Errorf("version %s is there twice", v.ID)
		}
		ids[v.ID] = true
	}
	for _, l := range s.Labels {
		switch {
		case seen[l.Name]:
			return fmt.Errorf("label %s is there twice", l.Name)
		case !ids[l.Version]:
			return fmt.Errorf("label %s points at %q, which is not there", l.Name, l.Version)
		case l.Name == "ACSCurrent":
			currents++
		}
		seen[l.Name] = true
	}
	switch {
	case currents != 1:
		return fmt.Errorf("ACSCurrent is there %d times", currents)
	case len(s.Versions) > 10:
		return fmt.Errorf("%d versions", len(s.Versions))
	case len(s.Labels) > 8:
		return fmt.Errorf("%d labels", len(s.Labels))
	}
	return nil
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
