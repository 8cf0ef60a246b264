package keys_test

import (
	"context"
	"encoding/json"
	"errors"
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
	region  = "cn-hangzhou"
	arns    = "acs:kms:cn-hangzhou:1234567890123456:"
	day     = 24 * time.Hour
)

// start is where the clock of every world stands at first.
var start = time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC)

// A world is a server with its handlers, seen from one account and region as a face sees it: parameters are texts,
// answers JSON.
type world struct {
	t       *testing.T
	store   *state.Memory
	server  *server.Server
	account string
	scope   state.Scope
	caller  call.Principal
}

func newWorld(t *testing.T, opts keys.Options) *world {
	store := state.NewMemory()
	table := catalog.New(catalog.Rooms{Keys: keys.New(opts)})
	s := server.New(store, clock.New(func() time.Time { return start }), table, server.Hooks{})
	return (&world{t: t, store: store, server: s}).in(account, region)
}

// in returns the same server seen from another account and region.
func (w *world) in(account, region string) *world {
	v := *w
	v.account, v.scope = account, state.In(account, region)
	v.caller = call.Principal{Kind: call.Root, Account: account}
	return &v
}

// nobody returns the same world seen by a caller without rights: root of another account.
func (w *world) nobody() *world {
	v := *w
	v.caller = call.Principal{Kind: call.Root, Account: "42"}
	return &v
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

// call makes a call; params are names and values in turn.
func (w *world) call(action string, params ...string) (doc, error) {
	texts := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		texts[params[i]] = params[i+1]
	}
	return w.texts(action, texts)
}

func (w *world) texts(action string, texts map[string]string) (doc, error) {
	w.t.Helper()
	answer, err := w.server.Call(context.Background(), &server.Request{
		Action: action, RequestID: "r", Scope: w.scope,
		Principal: w.caller, Texts: texts,
	})
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
	var d doc
	if err := json.Unmarshal(b, &d); err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
	if d.str("RequestId") != "r" {
		w.t.Errorf("%s answers %s, without the request id", action, b)
	}
	return d, nil
}

// ok makes a call that succeeds.
func (w *world) ok(action string, params ...string) doc {
	w.t.Helper()
	d, err := w.call(action, params...)
	if err != nil {
		w.t.Fatalf("%s(%q) = %v", action, params, err)
	}
	return d
}

// refused makes a call that is refused with want.
func (w *world) refused(want error, action string, params ...string) {
	w.t.Helper()
	if _, err := w.call(action, params...); !errors.Is(err, want) {
		w.t.Errorf("%s(%.200q) = %v, want %v", action, params, err, want)
	}
}

// key makes a key and returns its id.
func (w *world) key(params ...string) string {
	w.t.Helper()
	return w.ok("CreateKey", params...).str("KeyMetadata", "KeyId")
}

// describe returns the metadata of a key.
func (w *world) describe(key string) doc {
	w.t.Helper()
	m, _ := w.ok("DescribeKey", "KeyId", key).at("KeyMetadata").(map[string]any)
	return m
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	if err := w.server.Advance(d); err != nil {
		w.t.Fatalf("Advance = %v", err)
	}
}

// change changes a key in the store, for what no operation of this package does.
func (w *world) change(key string, change func(*state.Key)) {
	w.t.Helper()
	w.update(func(tx state.Tx) {
		k := *state.Keys.Get(tx, w.scope, key)
		change(&k)
		state.Keys.Put(tx, w.scope, key, &k)
	})
}

func (w *world) update(fn func(state.Tx)) {
	w.t.Helper()
	if err := w.store.Update(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// keyIn makes a key in a state, with the alias alias/<its id> and a blob that it made.
func (w *world) keyIn(st state.KeyState) (key, blob string) {
	w.t.Helper()
	key = w.key()
	w.ok("CreateAlias", "AliasName", "alias/"+key, "KeyId", key)
	blob = w.ok("Encrypt", "KeyId", key, "Plaintext", "text").str("CiphertextBlob")
	switch st {
	case state.Disabled:
		w.ok("DisableKey", "KeyId", key)
	case state.PendingDeletion:
		w.ok("ScheduleKeyDeletion", "KeyId", key)
	case state.PendingImport: // as if its material had been imported and was gone
		w.change(key, func(k *state.Key) { k.Origin, k.State = keys.OriginExternal, st })
		w.update(func(tx state.Tx) {
			k := state.Keys.Get(tx, w.scope, key)
			v := *state.Versions.Get(tx, w.scope, k.Primary)
			v.Material = state.Material{}
			state.Versions.Put(tx, w.scope, v.ID, &v)
		})
	}
	return key, blob
}

func date(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
