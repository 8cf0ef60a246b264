package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// gated makes a source wait with each answer until its gate is closed or its context is done.
func gated(t *testing.T) (*source, chan struct{}) {
	src, gate := newSource(t), make(chan struct{})
	src.before = func(ctx context.Context, _ int) error {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return src, gate
}

// An answer is what a caller in the background got.
type answer struct {
	key *keyring.DataKey
	err error
}

// ask asks for the key of a new message of one byte on a goroutine of its own.
func ask(ctx context.Context, p keyring.KeyProvider, ec format.Pairs) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		k, err := p.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: 1})
		c <- answer{k, err}
	}()
	return c
}

func TestCachingOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, gate := gated(t)
		c := newCaching(t, src, nil)
		var callers []<-chan answer
		for range 1000 {
			callers = append(callers, ask(t.Context(), c, nil))
		}
		synctest.Wait()
		if s := c.Stats(); s.Misses != 1000 || s.Fetches != 1 {
			t.Errorf("Stats = %+v, want 1000 misses and one fetch", s)
		}
		close(gate)
		for i, caller := range callers {
			a := <-caller
			if a.err != nil || a.key != src.given[0] {
				t.Fatalf("caller %d got %v, %v", i, a.key, a.err)
			}
			if err := src.check(t.Context(), format.AES256GCM, nil, a.key); err != nil {
				t.Fatalf("caller %d: %v", i, err)
			}
			a.key.Destroy()
		}
		src.wantLive(t, 0)
		c.Purge()
		src.wantLive(t)
		if s := c.Stats(); s.CallsSaved != 999 {
			t.Errorf("CallsSaved = %d, want 999", s.CallsSaved)
		}
	})
}

// A storm over many contexts is one call for each, all at the same time: none waits for the answer of another.
func TestCachingStormDoesNotSerialise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const contexts = 10_000
		p := &instant{delay: time.Second}
		c, err := keyring.NewCaching(p, &keyring.CachingOptions{MaxEntries: contexts})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var wg sync.WaitGroup
		for i := range contexts {
			wg.Go(func() {
				ec, err := format.AppendPairs(nil, map[string]string{"tenant": strconv.Itoa(i)})
				if err != nil {
					t.Error(err)
					return
				}
				for range 2 { // a miss and a hit
					k, err := c.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: 1})
					if err != nil {
						t.Errorf("context %d: %v", i, err)
						return
					}
					k.Destroy()
				}
			})
		}
		wg.Wait()
		if took, calls := time.Since(start), p.calls.Load(); took != time.Second || calls != contexts {
			t.Errorf("%d contexts took %v and %d calls, want one second and %d", contexts, took, calls, contexts)
		}
		if s := c.Stats(); s.Hits != contexts || s.Held != contexts {
			t.Errorf("Stats = %+v, want %d hits and as many keys held", s, contexts)
		}
		c.Close()
	})
}

// Messages count when they begin to wait, so a key with room for ten serves ten, and the others do not wait in line: they
// make fetches of their own beside it.
func TestCachingFetchWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, gate := gated(t)
		c := newCaching(t, src, &keyring.CachingOptions{MaxMessages: 10})
		var callers []<-chan answer
		for range 95 {
			callers = append(callers, ask(t.Context(), c, nil))
		}
		synctest.Wait()
		if src.count() != 10 {
			t.Errorf("%d fetches at once, want 10", src.count())
		}
		close(gate)
		uses := map[*keyring.DataKey]int{}
		for _, caller := range callers {
			a := <-caller
			if a.err != nil {
				t.Fatal(a.err)
			}
			uses[a.key]++
			a.key.Destroy()
		}
		for range 5 { // what is left of the tenth
			k := seal(t, c, nil, 1)
			uses[k]++
			k.Destroy()
		}
		for k, n := range uses {
			if n != 10 {
				t.Errorf("key %p has %d messages, want 10", k, n)
			}
		}
		src.wantLive(t)
		if s := c.Stats(); s.Held != 0 || s.Fetches != 10 || s.Evictions.Messages != 1 {
			t.Errorf("Stats = %+v", s)
		}
	})
}

// A message larger than a key may encrypt comes by itself: it takes nothing from those who wait, and its failure is not
// theirs.
func TestCachingLargeBesideFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, gate := gated(t)
		before := src.before
		src.before = func(ctx context.Context, call int) error {
			if call >= 3 {
				return kmsapi.ErrAccessDenied
			}
			return before(ctx, call)
		}
		c := newCaching(t, src, &keyring.CachingOptions{MaxBytes: 100})
		small := ask(t.Context(), c, nil)
		synctest.Wait()
		large := make(chan *keyring.DataKey)
		go func() { large <- seal(t, c, nil, 101) }()
		synctest.Wait()
		close(gate)
		s, l := <-small, <-large
		if s.err != nil || s.key == l {
			t.Errorf("a large message shares a key, or %v", s.err)
		}
		if _, err := c.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: 101}); err != kmsapi.ErrAccessDenied {
			t.Errorf("GenerateDataKey = %v, want ErrAccessDenied", err)
		}
		if k := seal(t, c, nil, 1); k != s.key {
			t.Error("the key was not kept")
		} else {
			k.Destroy()
		}
		s.key.Destroy()
		l.Destroy()
		if live := src.live(); len(live) != 1 {
			t.Errorf("keys that are not wiped: %v, want one", live)
		}
	})
}

type ctxKey struct{}

// The first caller's request is his own again when he has gone, though the call for it goes on for the others.
func TestCachingFirstCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, gate := gated(t)
		before := src.before
		var fetching context.Context
		src.before = func(ctx context.Context, call int) error {
			fetching = ctx
			if ctx.Value(ctxKey{}) != "of the first" {
				t.Error("the fetch lacks the values of the first caller's context")
			}
			if _, ok := ctx.Deadline(); ok {
				t.Error("the fetch has a caller's deadline")
			}
			return before(ctx, call)
		}
		c := newCaching(t, src, nil)
		k := seal(t, src.RawAES, tenant(t, 1), 1)
		defer k.Destroy()
		ec, r := bytes.Clone(tenant(t, 1)), k.Record().Clone()
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "of the first"), time.Second)
		defer cancel()
		first := make(chan error)
		go func() {
			_, err := c.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: r})
			clear(ec)
			clear(r[0].Ciphertext)
			r[0].KeyID = ""
			first <- err
		}()
		synctest.Wait()
		second := make(chan *keyring.DataKey)
		go func() { second <- unseal(t, c, tenant(t, 1), k.Record()) }()
		synctest.Wait()
		if err := <-first; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first caller got %v, want context.DeadlineExceeded", err)
		}
		close(gate)
		got := <-second
		if !got.Equal(k) {
			t.Error("the second caller got a wrong key")
		}
		got.Destroy()
		hit := unseal(t, c, tenant(t, 1), k.Record())
		if hit != got || src.count() != 1 {
			t.Error("the key was not kept")
		}
		hit.Destroy()
		synctest.Wait()
		if fetching.Err() == nil {
			t.Error("the context of a fetch outlives it")
		}
	})
}

func TestCachingAllCallersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, _ := gated(t)
		before := src.before
		stopped := 0
		src.before = func(ctx context.Context, call int) error {
			err := before(ctx, call)
			if errors.Is(err, context.Canceled) {
				stopped++
			}
			return err
		}
		c := newCaching(t, src, nil)
		ctx, cancel := context.WithCancel(t.Context())
		a, b := ask(ctx, c, nil), ask(ctx, c, nil)
		synctest.Wait()
		cancel()
		for _, caller := range []<-chan answer{a, b} {
			if got := <-caller; !errors.Is(got.err, context.Canceled) || got.key != nil {
				t.Errorf("a caller who left got %v, %v", got.key, got.err)
			}
		}
		synctest.Wait()
		if stopped != 1 {
			t.Errorf("%d fetches stopped, want 1", stopped)
		}
		src.before = nil
		seal(t, c, nil, 1).Destroy() // does not wait for the dead fetch
		want := keyring.CachingStats{Misses: 3, Fetches: 2, FetchErrors: 1, CallsSaved: 1, Held: 1}
		if s := c.Stats(); s != want {
			t.Errorf("Stats = %+v, want %+v", s, want)
		}
	})
}

// A provider may answer although nobody waits any more. Its key is nobody's.
func TestCachingAnswerForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(context.Context, int) error { time.Sleep(time.Hour); return nil }
		c := newCaching(t, deafSource{src}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got := <-ask(ctx, c, nil); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("got %v, want context.DeadlineExceeded", got.err)
		}
		sleep(time.Hour)
		if len(src.given) != 1 {
			t.Fatal("the provider did not answer")
		}
		src.wantLive(t)
		if s := c.Stats(); s.Held != 0 || s.FetchErrors != 0 {
			t.Errorf("Stats = %+v", s)
		}
	})
}

// deafSource does not look at its context.
type deafSource struct{ *source }

func (s deafSource) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return s.source.GenerateDataKey(context.WithoutCancel(ctx), req)
}

// Of a caller whose context ends at the moment of the answer either is true, and no share of the key is lost.
func TestCachingLeavesAtTheEnd(t *testing.T) {
	got, left := 0, 0
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			src, gate := gated(t)
			ctx, cancel := context.WithCancel(t.Context())
			before := src.before
			src.before = func(ctx context.Context, call int) error {
				err := before(ctx, call)
				cancel()
				return err
			}
			c := newCaching(t, src, nil)
			stays := ask(t.Context(), c, nil)
			leaves := ask(ctx, c, nil)
			synctest.Wait()
			close(gate)
			for _, caller := range []<-chan answer{stays, leaves} {
				switch a := <-caller; {
				case a.err == nil:
					got++
					a.key.Destroy()
				case errors.Is(a.err, context.Canceled):
					left++
				default:
					t.Error(a.err)
				}
			}
			src.wantLive(t, 0)
			c.Purge()
			src.wantLive(t)
		})
	}
	if got < 300 {
		t.Errorf("%d answers, %d left: those who stay have an answer", got, left)
	}
}

// Errors are everybody's who waited, and nobody's who comes later.
func TestCachingErrorsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, gate := gated(t)
		before := src.before
		src.before = func(ctx context.Context, call int) error {
			if err := before(ctx, call); err != nil || call > 1 {
				return err
			}
			return errOutage
		}
		c := newCaching(t, src, nil)
		a, b := ask(t.Context(), c, nil), ask(t.Context(), c, nil)
		synctest.Wait()
		close(gate)
		for _, caller := range []<-chan answer{a, b} {
			if got := <-caller; got.err != errOutage || got.key != nil {
				t.Errorf("got %v, %v, want the provider's error as it is", got.key, got.err)
			}
		}
		seal(t, c, nil, 1).Destroy()
		want := keyring.CachingStats{Misses: 3, Fetches: 2, FetchErrors: 1, CallsSaved: 1, Held: 1}
		if s := c.Stats(); s != want {
			t.Errorf("Stats = %+v, want %+v", s, want)
		}
	})
}

func TestCachingPurgeDuringFetch(t *testing.T) {
	for name, purge := range map[string]func(*keyring.Caching){
		"Purge": func(c *keyring.Caching) { c.Purge() },
		"Close": func(c *keyring.Caching) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src, gate := gated(t)
				c := newCaching(t, src, nil)
				a, b := ask(t.Context(), c, nil), ask(t.Context(), c, nil)
				synctest.Wait()
				purge(c)
				late := ask(t.Context(), c, nil)
				synctest.Wait()
				close(gate)
				x, y, z := <-a, <-b, <-late
				if x.err != nil || y.err != nil || x.key != y.key {
					t.Fatalf("callers who waited got %v and %v", x.err, y.err)
				}
				if name == "Close" {
					if !errors.Is(z.err, keyring.ErrClosed) {
						t.Errorf("a caller after Close got %v, want ErrClosed", z.err)
					}
				} else if z.err != nil || z.key == x.key {
					t.Errorf("a caller after Purge got the key from before, or %v", z.err)
				}
				if err := src.check(t.Context(), format.AES256GCM, nil, x.key); err != nil {
					t.Error(err)
				}
				x.key.Destroy()
				y.key.Destroy()
				if err := x.key.Expand(make([]byte, 1), nil); err != keyring.ErrDestroyed {
					t.Error("the key from before was kept")
				}
				if z.err == nil {
					z.key.Destroy()
				}
				if live := len(src.live()); live != c.Stats().Held {
					t.Errorf("%d keys live, %d held", live, c.Stats().Held)
				}
			})
		})
	}
}

// misbehaving is a provider that breaks its promises.
type misbehaving struct {
	keyring.KeyProvider
	answer func() (*keyring.DataKey, error)
}

func (m misbehaving) GenerateDataKey(context.Context, *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return m.answer()
}

func TestCachingOverMisbehaving(t *testing.T) {
	destroyed := newDataKey(t)
	destroyed.Destroy()
	both := newDataKey(t)
	for _, tt := range []struct {
		name   string
		answer func() (*keyring.DataKey, error)
		want   error
	}{
		{"neither key nor error", func() (*keyring.DataKey, error) { return nil, nil }, keyring.ErrDestroyed},
		{"a destroyed key", func() (*keyring.DataKey, error) { return destroyed, nil }, keyring.ErrDestroyed},
		{"key and error", func() (*keyring.DataKey, error) { return both, errOutage }, errOutage},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCaching(t, misbehaving{answer: tt.answer}, nil)
			if got := <-ask(t.Context(), c, nil); got.key != nil || !errors.Is(got.err, tt.want) {
				t.Errorf("%s: got %v, %v, want %v", tt.name, got.key, got.err, tt.want)
			}
			if s := c.Stats(); s.Held != 0 || s.FetchErrors != 1 {
				t.Errorf("%s: Stats = %+v", tt.name, s)
			}
		})
	}
	if err := both.Expand(make([]byte, 1), nil); err != keyring.ErrDestroyed {
		t.Errorf("a key that came with an error was not wiped: %v", err)
	}
	c := newCaching(t, misbehaving{answer: func() (*keyring.DataKey, error) { runtime.Goexit(); return nil, nil }}, nil)
	if got := <-ask(t.Context(), c, nil); got.err == nil || !strings.Contains(got.err.Error(), "the provider did not return") {
		t.Errorf("a provider that ends its goroutine: %v", got.err)
	}
}

// A provider that lends, as another cache does, may give one key many times.
func TestCachingOverCaching(t *testing.T) {
	src := newSource(t)
	inner := newCaching(t, src, nil)
	outer := newCaching(t, inner, &keyring.CachingOptions{MaxMessages: 2})
	for range 5 {
		k := seal(t, outer, nil, 1)
		if err := src.check(t.Context(), format.AES256GCM, nil, k); err != nil {
			t.Error(err)
		}
		k.Destroy()
	}
	outer.Close()
	src.wantLive(t, 0)
	inner.Close()
	src.wantLive(t)
}

// A borrower who destroys too often takes the cache's share or another's. The cache finds out, and nobody gets a wrong key.
func TestCachingDoubleDestroy(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, nil)
	k := seal(t, c, nil, 1)
	k.Destroy()
	k.Destroy()
	src.wantLive(t)
	k = seal(t, c, nil, 1)
	if k != src.given[1] {
		t.Fatal("a destroyed key was lent")
	}
	if err := src.check(t.Context(), format.AES256GCM, nil, k); err != nil {
		t.Error(err)
	}
	other := seal(t, c, nil, 1)
	k.Destroy()
	k.Destroy() // the cache's share, while other borrows
	if err := src.check(t.Context(), format.AES256GCM, nil, other); err != nil {
		t.Error(err)
	}
	again := seal(t, c, nil, 1)
	other.Destroy()
	again.Destroy()
	src.wantLive(t)
	seal(t, c, nil, 1).Destroy()
	want := keyring.CachingStats{Hits: 2, Misses: 3, Fetches: 3, CallsSaved: 2, Held: 1, Evictions: keyring.CachingEvictions{Destroyed: 2}}
	if s := c.Stats(); s != want {
		t.Errorf("Stats = %+v, want %+v", s, want)
	}
	c.Purge()
	src.wantLive(t)
}

// Everything at once: hits, misses, limits, cancelled callers, purges and a Close under load. With borrowers who destroy
// once, all get right keys; with some who destroy twice, right keys or ErrDestroyed. In the end every key is wiped.
func TestCachingUnderAttack(t *testing.T) {
	for name, doubles := range map[string]bool{"once": false, "twice": true} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			src := newSource(t)
			src.before = func(ctx context.Context, call int) error {
				if call%7 == 0 {
					return errOutage
				}
				for range call % 5 {
					runtime.Gosched()
				}
				return ctx.Err()
			}
			c := newCaching(t, src, &keyring.CachingOptions{MaxEntries: 5, MaxMessages: 9, MaxBytes: 100})
			var ecs []format.Pairs
			var records []format.Record
			for i := range 4 {
				ecs = append(ecs, tenant(t, i))
				k := seal(t, src.RawAES, ecs[i], 1)
				records = append(records, k.Record())
				k.Destroy()
			}
			var wg sync.WaitGroup
			for worker := range 8 {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(seed, uint64(worker)))
					for i := range 300 {
						attack(t, rnd, c, src, ecs, records, doubles)
						if rnd.IntN(50) == 0 {
							c.Purge()
						}
						if worker == 0 && i == 250 {
							c.Close()
						}
					}
				})
			}
			wg.Wait()
			s := c.Stats()
			t.Logf("%+v", s)
			if s.Held != 0 {
				t.Errorf("a closed cache holds %d keys", s.Held)
			}
			// A fetch that all have left may still be on its way to its end.
			deadline := time.Now().Add(10 * time.Second)
			for len(src.live()) > 0 && time.Now().Before(deadline) {
				runtime.Gosched()
			}
			src.wantLive(t)
			if !doubles && s.Evictions.Destroyed != 0 {
				t.Errorf("Stats = %+v: nobody destroyed twice", s)
			}
		})
	}
}

func attack(t *testing.T, rnd *rand.Rand, c *keyring.Caching, src *source, ecs []format.Pairs, records []format.Record, doubles bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if rnd.IntN(4) == 0 {
		go cancel()
	}
	i := rnd.IntN(len(ecs))
	var k *keyring.DataKey
	var err error
	if rnd.IntN(2) == 0 {
		k, err = c.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ecs[i], Record: records[i]})
	} else {
		k, err = c.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ecs[i], Size: rnd.Int64N(120)})
	}
	if err != nil {
		if k != nil || !errors.Is(err, context.Canceled) && !errors.Is(err, errOutage) && !errors.Is(err, keyring.ErrClosed) {
			t.Errorf("got %v, %v", k, err)
		}
		return
	}
	var bytes [32]byte
	if err := k.Expand(bytes[:], []byte("x")); err != nil && !(doubles && err == keyring.ErrDestroyed) {
		t.Errorf("Expand = %v", err)
	} else if err == nil {
		want, err := src.RawAES.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ecs[i], Record: k.Record()})
		if err != nil {
			t.Errorf("the record of a key does not open: %v", err)
			return
		}
		var right [32]byte
		want.Expand(right[:], []byte("x"))
		want.Destroy()
		if bytes != right {
			t.Error("a wrong key")
		}
	}
	k.Destroy()
	if doubles && rnd.IntN(10) == 0 {
		k.Destroy()
	}
}
