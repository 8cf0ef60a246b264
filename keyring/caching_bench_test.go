package keyring_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// benchContext is a context of the usual size, and benchRecord a record of one CMK: an ARN and 108 bytes of ciphertext.
func benchContext(b *testing.B, n int) format.Pairs {
	b.Helper()
	p, err := format.AppendPairs(nil, map[string]string{"tenant": fmt.Sprintf("%08d", n), "purpose": "invoices"})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

var benchRecord = format.Record{{Provider: format.ProviderKMS, KeyID: prodARN, Ciphertext: make([]byte, 108)}}

// instant is a provider that costs next to nothing, so that the cache is what is measured, or takes a delay.
type instant struct {
	delay time.Duration
	calls atomic.Int64
}

func (p *instant) answer(s format.Suite) (*keyring.DataKey, error) {
	p.calls.Add(1)
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	return keyring.NewDataKey(s, make([]byte, 32), benchRecord, 0)
}

func (p *instant) GenerateDataKey(_ context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return p.answer(req.Suite)
}

func (p *instant) Decrypt(_ context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return p.answer(req.Suite)
}

func benchCaching(b *testing.B, p keyring.KeyProvider, entries int) *keyring.Caching {
	b.Helper()
	c, err := keyring.NewCaching(p, &keyring.CachingOptions{MaxEntries: entries, MaxMessages: 1 << 60, MaxBytes: 1 << 60})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// BenchmarkCachingHit lends one key at hand and takes it back: the cost of a cache to a message. On one core, and with as
// many goroutines as cores, all of which want the same key.
func BenchmarkCachingHit(b *testing.B) {
	ctx := context.Background()
	ec := benchContext(b, 0)
	for _, side := range []struct {
		name string
		get  func(c *keyring.Caching) (*keyring.DataKey, error)
	}{
		{"generate", func(c *keyring.Caching) (*keyring.DataKey, error) {
			return c.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: 100})
		}},
		{"decrypt", func(c *keyring.Caching) (*keyring.DataKey, error) {
			return c.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: benchRecord})
		}},
	} {
		once := func(b *testing.B, c *keyring.Caching) {
			k, err := side.get(c)
			if err != nil {
				b.Fatal(err)
			}
			k.Destroy()
		}
		b.Run("side="+side.name+"/parallel=1", func(b *testing.B) {
			c := benchCaching(b, &instant{}, 10)
			b.ReportAllocs()
			for b.Loop() {
				once(b, c)
			}
		})
		b.Run("side="+side.name+"/parallel=all", func(b *testing.B) {
			c := benchCaching(b, &instant{}, 10)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					once(b, c)
				}
			})
		})
	}
}

// BenchmarkCachingMiss asks for a key that is not at hand, of a provider that costs next to nothing, with another to evict,
// and beside it without a cache.
func BenchmarkCachingMiss(b *testing.B) {
	ecs := []format.Pairs{benchContext(b, 0), benchContext(b, 1)}
	for _, cached := range []bool{true, false} {
		b.Run(fmt.Sprintf("cache=%v", cached), func(b *testing.B) {
			var p keyring.KeyProvider = &instant{}
			if cached {
				p = benchCaching(b, p, 1)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				k, err := p.GenerateDataKey(context.Background(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ecs[i&1], Size: 100})
				if err != nil {
					b.Fatal(err)
				}
				k.Destroy()
				i++
			}
		})
	}
}

// BenchmarkCachingStorm asks for 10,000 keys that are not at hand, from 8 goroutines, of a service that takes a
// millisecond, and beside it without a cache: the calls of the provider go on side by side, or the former would take 8
// times as long.
func BenchmarkCachingStorm(b *testing.B) {
	const contexts, workers = 10_000, 8
	ecs := make([]format.Pairs, contexts)
	for i := range ecs {
		ecs[i] = benchContext(b, i)
	}
	storm := func(b *testing.B, provider keyring.KeyProvider) {
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w; i < contexts; i += workers {
					k, err := provider.GenerateDataKey(context.Background(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ecs[i], Size: 100})
					if err != nil {
						b.Error(err)
						return
					}
					k.Destroy()
				}
			})
		}
		wg.Wait()
	}
	for _, cached := range []bool{true, false} {
		b.Run(fmt.Sprintf("cache=%v", cached), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := &instant{delay: time.Millisecond}
				if cached {
					storm(b, benchCaching(b, p, contexts))
				} else {
					storm(b, p)
				}
				if p.calls.Load() != contexts {
					b.Fatalf("%d calls, want %d", p.calls.Load(), contexts)
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/contexts, "ns/key")
		})
	}
}

// BenchmarkCachingCrowd has 1,000 callers miss one key at once, of a service that takes a millisecond: one call for all.
func BenchmarkCachingCrowd(b *testing.B) {
	ec := benchContext(b, 0)
	b.ReportAllocs()
	for b.Loop() {
		p := &instant{delay: time.Millisecond}
		c := benchCaching(b, p, 1)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				k, err := c.GenerateDataKey(context.Background(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: 100})
				if err != nil {
					b.Error(err)
					return
				}
				k.Destroy()
			})
		}
		wg.Wait()
		if p.calls.Load() != 1 {
			b.Fatalf("%d calls, want 1", p.calls.Load())
		}
	}
}
