package refkms

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// crowd returns a client in an account of n keys with an alias each, and the ids of its keys. It is white-box because it
// puts the records into the store itself: a million calls of CreateKey would be most of the benchmark.
func crowd(tb testing.TB, n int) (*Server, *Client, []string) {
	tb.Helper()
	s, err := New(&Options{Quotas: &Quotas{None: true}})
	if err != nil {
		tb.Fatal(err)
	}
	c := s.Client(nil)
	ids := make([]string, n)
	if err := s.store.Update(func(tx state.Tx) error {
		for i := range ids {
			material := make([]byte, 32)
			rand.Read(material)
			k := &state.Key{ID: call.NewID(), Spec: "Aliyun_AES_256", Usage: "ENCRYPT/DECRYPT", Origin: "Aliyun_KMS",
				ProtectionLevel: "SOFTWARE", State: state.Enabled, Created: 1, Versions: 1, LastRotation: 1, Primary: call.NewID(),
				RotationInterval: 365 * 86400, RotationSince: state.Never / 2}
			ids[i] = k.ID
			alias := fmt.Sprintf("alias/%d", i)
			state.Keys.Put(tx, c.request.Scope, k.ID, k)
			state.Versions.Put(tx, c.request.Scope, k.Primary, &state.Version{ID: k.Primary, KeyID: k.ID, Number: 1, Created: 1, Material: state.NewMaterial(material)})
			state.Aliases.Put(tx, c.request.Scope, alias, &state.Alias{Name: alias, KeyID: k.ID})
		}
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return s, c, ids
}

// BenchmarkScale shows what the size of an account costs a call: of one key again and again, by id and by alias, and of
// keys at random, where a million records do not fit a cache.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{10, 1_000_000} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, c, ids := crowd(b, n)
		runtime.GC()
		runtime.ReadMemStats(&after)
		perKey := float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
		one := ids[n/2]
		i := 0
		for _, line := range []struct {
			name string
			key  func() string
		}{
			{"id", func() string { return one }},
			{"alias", func() string { return "alias/5" }},
			{"random", func() string { i = (i + 7919) % n; return ids[i] }},
		} {
			b.Run(fmt.Sprintf("keys=%d/by=%s", n, line.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.GenerateDataKey(context.Background(), &kmsapi.GenerateDataKeyRequest{KeyID: line.key()}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(perKey, "B/key")
			})
		}
	}
}
