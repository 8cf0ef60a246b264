package secrets_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// crowd returns a world of n secrets, put into the store as they are: a million calls would be most of the test. Every
// hundredth is in its recovery window, every tenth has tags.
func crowd(tb testing.TB, n int) *world {
	tb.Helper()
	w := newWorld(tb, secrets.Options{})
	created := state.At(start) - 1000
	tags := map[string]string{"Project": "Apollo"}
	value := &state.SecretValue{WrappedKey: "w", Sealed: make([]byte, 60)} // never opened
	w.update(func(tx state.Tx) {
		for i := range n {
			s := &state.Secret{Name: fmt.Sprintf("s%07d", i), Type: "Generic", Created: created, Updated: created,
				Versions: []state.SecretVersion{{ID: "v1", Created: created, DataType: "text"}},
				Labels:   []state.SecretLabel{{Name: "ACSCurrent", Version: "v1"}}}
			if i%100 == 0 {
				s.Deletion = state.At(start) + 7*86400 + state.Time(i)
			}
			if i%10 == 0 {
				s.Tags = tags
			}
			state.Secrets.Put(tx, w.scope, s.Name, s)
			state.SecretValues.Put(tx, w.scope, state.SecretValueID(s.Name, "v1"), value)
		}
	})
	return w
}

// do makes a call, and does not look at all secrets afterwards.
func (w *world) do(action string, texts map[string]string) {
	w.t.Helper()
	r := server.Request{Action: action, RequestID: "r", Scope: w.scope, Principal: w.caller, Texts: texts}
	if _, err := w.server.Call(context.Background(), &r); err != nil {
		w.t.Fatalf("%s(%v) = %v", action, texts, err)
	}
}

// A steady is an operation on one secret that can be repeated any number of times.
type steady struct {
	name string
	do   func(w *world, i int)
}

// of returns the parameters of a call on the secret that everything is done to.
func of(more ...string) map[string]string {
	texts := map[string]string{"SecretName": "s0000005"}
	for i := 0; i < len(more); i += 2 {
		texts[more[i]] = more[i+1]
	}
	return texts
}

var steadies = []steady{
	{"PutSecretValue", func(w *world, i int) {
		w.do("PutSecretValue", of("VersionId", fmt.Sprint(i), "SecretData", "value"))
	}},
	{"GetSecretValue", func(w *world, i int) { w.do("GetSecretValue", of()) }},
	{"DescribeSecret", func(w *world, i int) { w.do("DescribeSecret", of("FetchTags", "true")) }},
	{"ListSecretVersionIds", func(w *world, i int) { w.do("ListSecretVersionIds", of()) }},
	{"UpdateSecretVersionStage", func(w *world, i int) {
		w.do("UpdateSecretVersionStage", of("VersionStage", fmt.Sprint("A", i%2), "MoveToVersion", w.newest()))
		w.do("UpdateSecretVersionStage", of("VersionStage", fmt.Sprint("A", i%2), "RemoveFromVersion", w.newest()))
	}},
	{"UpdateSecret", func(w *world, i int) { w.do("UpdateSecret", of("Description", fmt.Sprint(i))) }},
	{"TagResource", func(w *world, i int) { w.do("TagResource", of("Tags", `[{"TagKey":"k","TagValue":"v"}]`)) }},
	{"ListResourceTags", func(w *world, i int) { w.do("ListResourceTags", of()) }},
	{"ListTagResources of one", func(w *world, i int) {
		w.do("ListTagResources", map[string]string{"ResourceType": "secret", "ResourceId.1": "s0000005"})
	}},
	{"DeleteSecret, RestoreSecret", func(w *world, i int) { w.do("DeleteSecret", of()); w.do("RestoreSecret", of()) }},
	{"CreateSecret, DeleteSecret", func(w *world, i int) {
		w.do("CreateSecret", map[string]string{"SecretName": "new", "VersionId": "v1", "SecretData": "value"})
		w.do("DeleteSecret", map[string]string{"SecretName": "new", "ForceDeleteWithoutRecovery": "true"})
	}},
}

// newest returns the version that ACSCurrent points at.
func (w *world) newest() (id string) {
	w.view(func(tx state.Tx) {
		for _, l := range state.Secrets.Get(tx, w.scope, "s0000005").Labels {
			if l.Name == "ACSCurrent" {
				id = l.Version
			}
		}
	})
	return id
}

// Every operation works among many secrets, and a list counts them all. What the number of secrets costs is for
// BenchmarkScale to show.
func TestAmongMany(t *testing.T) {
	const many = 20_000
	w := crowd(t, many)
	for _, op := range steadies {
		for i := range 3 {
			op.do(w, i)
		}
	}
	if got := w.listed(); got != many {
		t.Errorf("%d secrets are listed, want %d", got, many)
	}
}

// listed returns how many secrets there are, as ListSecrets says.
func (w *world) listed() int {
	r := server.Request{Action: "ListSecrets", RequestID: "r", Scope: w.scope, Principal: w.caller, Texts: map[string]string{"PageNumber": "100", "PageSize": "100"}}
	answer, err := w.server.Call(context.Background(), &r)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.(*secrets.ListSecretsResponse).TotalCount
}

// BenchmarkScale shows what the number of secrets costs a call, and a secret of memory. A call that writes copies the nodes
// of the trees on its way down, so its cost grows with their height: PutSecretValue allocates 7.9, 12.8, 17.1 and 19.2 kB
// among ten, a thousand, a hundred thousand and a million secrets, and takes 12, 16, 20 and 24 µs. The first run after a
// million were put into the store takes some 10 µs more: the collector is still at them.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{10, 1_000_000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := crowd(b, n)
		runtime.GC()
		runtime.ReadMemStats(&after)
		for _, op := range steadies {
			b.Run(fmt.Sprintf("secrets=%d/%s", n, op.name), func(b *testing.B) {
				b.ReportAllocs()
				i := 1000
				for b.Loop() {
					op.do(w, i)
					i++
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/secret")
			})
		}
	}
}
