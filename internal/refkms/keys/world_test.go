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
	region  string
	scope   state.Scope
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
	v.account, v.region, v.scope = account, region, state.In(account, region)
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
	answer, err := w.server.Call(context.Background(), server.Request{
		Action: action, RequestID: "r", Scope: w.scope,
		Principal: call.Principal{Kind: call.Root, Account: w.account}, Texts: texts,
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
	if err := w.store.Update(func(tx state.Tx) error {
		k := *state.Keys.Get(tx, w.scope, key)
		change(&k)
		state.Keys.Put(tx, w.scope, key, &k)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// states are the four states of a key, each with how it is reached. The key is symmetric; in PendingImport it is one
// whose material is to be imported.
var states = []string{"Enabled", "Disabled", "PendingDeletion", "PendingImport"}

// keyIn makes a key in a state.
func (w *world) keyIn(st string) string {
	w.t.Helper()
	switch st {
	case "PendingImport":
		return w.key("Origin", "EXTERNAL")
	case "Disabled":
		k := w.key()
		w.ok("DisableKey", "KeyId", k)
		return k
	case "PendingDeletion":
		k := w.key()
		w.ok("ScheduleKeyDeletion", "KeyId", k)
		return k
	}
	return w.key()
}

func date(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
