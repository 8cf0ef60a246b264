package trail_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

const (
	account = "1234567890123456"
	region  = "cn-hangzhou"
	day     = 24 * time.Hour
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	scope = state.In(account, region)
	root  = call.Principal{Kind: call.Root, Account: account, AccessKeyID: "LTAIroot"}
	alice = call.Principal{Kind: call.User, Account: account, Name: "alice", ID: "2000", AccessKeyID: "LTAIalice"}
)

// A world is a server with a trail.
type world struct {
	t      testing.TB
	server *server.Server
	trail  *trail.Trail
	log    *trail.Memory
	who    call.Principal
	scope  state.Scope
}

func newWorld(t testing.TB, max int, hook func(*trail.Record)) *world {
	w := &world{t: t, log: trail.NewMemory(max), who: root, scope: scope}
	w.trail = trail.New(w.log, hook)
	table := catalog.New(catalog.Rooms{Keys: keys.New(keys.Options{}), Identity: identity.New(), Trail: w.trail})
	w.server = server.New(state.NewMemory(), clock.New(func() time.Time { return start }), table, server.Hooks{Trail: w.trail})
	return w
}

// as returns the world seen by another caller.
func (w *world) as(who call.Principal) *world {
	v := *w
	v.who = who
	return &v
}

func (w *world) request(action string, params []string) *server.Request {
	texts := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		texts[params[i]] = params[i+1]
	}
	return &server.Request{Action: action, RequestID: "request-of-" + action, Scope: w.scope, Principal: w.who, Texts: texts,
		Origin: call.Origin{Addr: netip.MustParseAddr("203.0.113.7"), Secure: true, UserAgent: "test/1"}}
}

// call makes a call and returns its answer as JSON has it.
func (w *world) call(action string, params ...string) (map[string]any, error) {
	answer, err := w.server.Call(context.Background(), w.request(action, params))
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(answer)
	if err != nil {
		w.t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		w.t.Fatal(err)
	}
	return m, nil
}

func (w *world) ok(action string, params ...string) map[string]any {
	w.t.Helper()
	m, err := w.call(action, params...)
	if err != nil {
		w.t.Fatalf("%s(%q) = %v", action, params, err)
	}
	return m
}

func (w *world) refused(want error, action string, params ...string) {
	w.t.Helper()
	if _, err := w.call(action, params...); !errors.Is(err, want) {
		w.t.Errorf("%s(%.200q) = %v, want %v", action, params, err, want)
	}
}

func (w *world) key(params ...string) string {
	w.t.Helper()
	return w.ok("CreateKey", params...)["KeyMetadata"].(map[string]any)["KeyId"].(string)
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	if err := w.server.Advance(d); err != nil {
		w.t.Fatal(err)
	}
}

// records returns all records of the world, the oldest first.
func (w *world) records() []*trail.Record {
	var records []*trail.Record
	w.log.Ascend(w.scope, trail.Place{}, func(r *trail.Record) bool { records = append(records, r); return true })
	return records
}

// last returns the newest record as a user of ActionTrail sees it.
func (w *world) last() trail.Event {
	w.t.Helper()
	records := w.records()
	if len(records) == 0 {
		w.t.Fatal("there is no record")
	}
	return records[len(records)-1].Event()
}

// lookup returns the page that LookupEvents answers, and the names of its events.
func (w *world) lookup(params ...string) (page map[string]any, names []string) {
	w.t.Helper()
	page = w.ok("LookupEvents", params...)
	for _, e := range page["Events"].([]any) {
		names = append(names, e.(map[string]any)["eventName"].(string))
	}
	return page, names
}
