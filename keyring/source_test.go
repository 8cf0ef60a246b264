package keyring_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A source is a provider for caches to be tested over. Its keys are those of a raw key, so that a wrong one is found by
// opening what came with it, and it remembers which it gave, so that one that was not wiped is found.
type source struct {
	*keyring.RawAES
	before func(ctx context.Context, call int) error // if set, called before each answer with its number from 1

	mu    sync.Mutex
	calls int
	given []*keyring.DataKey
	sizes []int64 // of GenerateDataKeyRequest
}

func newSource(t *testing.T) *source {
	t.Helper()
	return &source{RawAES: newRaw(t, "source", 7)}
}

func (s *source) answer(ctx context.Context, ask func() (*keyring.DataKey, error)) (*keyring.DataKey, error) {
	s.mu.Lock()
	s.calls++
	call := s.calls
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, call); err != nil {
			return nil, err
		}
	}
	k, err := ask()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.given = append(s.given, k)
	}
	return k, err
}

func (s *source) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	s.mu.Lock()
	s.sizes = append(s.sizes, req.Size)
	s.mu.Unlock()
	return s.answer(ctx, func() (*keyring.DataKey, error) { return s.RawAES.GenerateDataKey(ctx, req) })
}

func (s *source) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return s.answer(ctx, func() (*keyring.DataKey, error) { return s.RawAES.Decrypt(ctx, req) })
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// live returns the numbers, from 0, of the keys given that are not wiped.
func (s *source) live() (n []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, k := range s.given {
		if k.Expand(make([]byte, 1), nil) != keyring.ErrDestroyed {
			n = append(n, i)
		}
	}
	return n
}

func (s *source) wantLive(t *testing.T, want ...int) {
	t.Helper()
	if got := s.live(); !slices.Equal(got, want) {
		t.Errorf("keys that are not wiped: %v, want %v", got, want)
	}
}

// check fails if k is not the key that its own record leads to under the pairs.
func (s *source) check(ctx context.Context, suite format.Suite, ec format.Pairs, k *keyring.DataKey) error {
	want, err := s.RawAES.Decrypt(ctx, &keyring.DecryptRequest{Suite: suite, Context: ec, Record: k.Record()})
	if err != nil {
		return fmt.Errorf("the record of a key does not open: %w", err)
	}
	defer want.Destroy()
	if !k.Equal(want) {
		return fmt.Errorf("a wrong key, or a destroyed one")
	}
	return nil
}

func newCaching(t *testing.T, p keyring.KeyProvider, opts *keyring.CachingOptions) *keyring.Caching {
	t.Helper()
	c, err := keyring.NewCaching(p, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func tenant(t *testing.T, n int) format.Pairs {
	t.Helper()
	return pairs(t, map[string]string{"tenant": fmt.Sprint(n)})
}

// seal asks for the key of a new message, which the caller destroys.
func seal(t *testing.T, p keyring.KeyProvider, ec format.Pairs, size int64) *keyring.DataKey {
	t.Helper()
	k, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: size})
	if err != nil {
		t.Fatalf("GenerateDataKey = %v", err)
	}
	return k
}

// unseal asks for the key of an old message, which the caller destroys.
func unseal(t *testing.T, p keyring.KeyProvider, ec format.Pairs, r format.Record) *keyring.DataKey {
	t.Helper()
	k, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: r})
	if err != nil {
		t.Fatalf("Decrypt = %v", err)
	}
	return k
}

// sleep moves the time of a bubble, and has what is due then come to its end: the timer that wipes what is too old is one
// of several things that happen at the same instant.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
