package refkms

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// BenchmarkOpen opens a file with many keys, each with a version and an alias, makes one data key, and closes it. It is
// white-box because it puts the records into the store itself. The issue is a million:
//
//	XINFENG_SCALE=1000000 go test -run '^$' -bench 'BenchmarkOpen$' -benchtime 5x ./kmsclient/refkms/
func BenchmarkOpen(b *testing.B) {
	n := 20_000
	if scale, err := strconv.Atoi(os.Getenv("XINFENG_SCALE")); err == nil {
		n = scale
	}
	path := filepath.Join(b.TempDir(), "kms")
	root, err := RootKeyBytes(make([]byte, RootKeySize)) // not one to copy
	if err != nil {
		b.Fatal(err)
	}
	some := populate(b, path, root, n)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	var heap runtime.MemStats
	b.ResetTimer()
	for i := range b.N {
		s, err := Open(path, root, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Client(nil).GenerateDataKey(b.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: some}); err != nil {
			b.Fatal(err)
		}
		if i == b.N-1 {
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&heap)
			b.StartTimer()
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n), "keys")
	b.ReportMetric(float64(info.Size()>>20), "MiB-file")
	b.ReportMetric(float64(heap.HeapAlloc)/(1<<20), "MiB-heap")
}

// populate makes a file of n keys, and returns the alias of one.
func populate(b *testing.B, path string, root RootKey, n int) string {
	b.Helper()
	s, err := Open(path, root, &Options{Store: &StoreOptions{noSync: true}})
	if err != nil {
		b.Fatal(err)
	}
	scope := s.Client(nil).request.Scope
	material := state.NewMaterial(make([]byte, 32))
	for i := 0; i < n; {
		if err := s.store.Update(func(tx state.Tx) error {
			for range min(5000, n-i) {
				// Ids in order: a million random ones are as many pages written at random, for minutes.
				id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
				k := &state.Key{ID: id, Spec: "Aliyun_AES_256", Usage: "ENCRYPT/DECRYPT", Origin: "Aliyun_KMS",
					ProtectionLevel: "SOFTWARE", State: state.Enabled, Created: 1, Versions: 1, LastRotation: 1, Primary: id,
					RotationInterval: 365 * 86400, RotationSince: state.Never / 2}
				alias := fmt.Sprintf("alias/%08d", i)
				state.Keys.Put(tx, scope, k.ID, k)
				state.Versions.Put(tx, scope, k.Primary, &state.Version{ID: k.Primary, KeyID: k.ID, Number: 1, Created: 1, Material: material})
				state.Aliases.Put(tx, scope, alias, &state.Alias{Name: alias, KeyID: k.ID})
				i++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return fmt.Sprintf("alias/%08d", n/2)
}
