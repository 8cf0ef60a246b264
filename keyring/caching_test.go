package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
)

func TestCachingConformance(t *testing.T) {
	t.Run("raw", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			return keyringtest.Harness{
				Provider:       newCaching(t, newRaw(t, "a", 1), nil),
				Other:          newCaching(t, newRaw(t, "b", 2), nil),
				ReusesDataKeys: true,
			}
		})
	})
	t.Run("kms", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			api := newFakeKMS(prod, dev)
			return keyringtest.Harness{
				Provider:       newCaching(t, newKMS(t, api, prodARN), nil),
				Other:          newCaching(t, newKMS(t, api, dev), nil),
				ReusesDataKeys: true,
			}
		})
	})
	t.Run("one message a key", func(t *testing.T) { // nothing is reused for encryption
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			return keyringtest.Harness{
				Provider: newCaching(t, newRaw(t, "a", 1), &keyring.CachingOptions{MaxMessages: 1}),
				Other:    newRaw(t, "b", 2),
			}
		})
	})
	t.Run("decrypts only", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			raw := newRaw(t, "a", 1)
			return keyringtest.Harness{
				Provider:              newCaching(t, anyoneCanMake{raw}, nil),
				Other:                 newRaw(t, "b", 2),
				Writer:                raw,
				UnauthenticatedSender: true,
			}
		})
	})
}

// anyoneCanMake is a provider that only decrypts, wraps nothing, and has the marker.
type anyoneCanMake struct{ inside *keyring.RawAES }

func (anyoneCanMake) UnauthenticatedSender() {}
func (anyoneCanMake) GenerateDataKey(context.Context, *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return nil, errors.ErrUnsupported
}
func (p anyoneCanMake) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return p.inside.Decrypt(ctx, req)
}

func TestNewCachingRefuses(t *testing.T) {
	raw := newRaw(t, "a", 1)
	for _, tt := range []struct {
		want string
		p    keyring.KeyProvider
		opts *keyring.CachingOptions
	}{
		{"keyring: caching: no provider", nil, nil},
		{"keyring: caching: MaxEntries -1, want 1 or more", raw, &keyring.CachingOptions{MaxEntries: -1}},
		{"keyring: caching: MaxAge -1ns, want above 0, at most 8760h0m0s", raw, &keyring.CachingOptions{MaxAge: -1}},
		{"keyring: caching: MaxAge 8760h0m0.000000001s, want above 0, at most 8760h0m0s", raw, &keyring.CachingOptions{MaxAge: 365*24*time.Hour + 1}},
		{"keyring: caching: MaxMessages -5, want 1 or more", raw, &keyring.CachingOptions{MaxMessages: -5}},
		{"keyring: caching: MaxBytes -1, want 1 or more", raw, &keyring.CachingOptions{MaxBytes: -1}},
		{"keyring: caching: RefreshAhead -1s, want at least 0, below MaxAge 5m0s", raw, &keyring.CachingOptions{RefreshAhead: -time.Second}},
		{"keyring: caching: RefreshAhead 5m0s, want at least 0, below MaxAge 5m0s", raw, &keyring.CachingOptions{RefreshAhead: 5 * time.Minute}},
		{"keyring: caching: InsecureAllowExpired -1s, want at least 0, at most 24h0m0s", raw, &keyring.CachingOptions{InsecureAllowExpired: -time.Second}},
		{"keyring: caching: InsecureAllowExpired 24h0m1s, want at least 0, at most 24h0m0s", raw, &keyring.CachingOptions{InsecureAllowExpired: 24*time.Hour + time.Second}},
	} {
		if c, err := keyring.NewCaching(tt.p, tt.opts); err == nil || err.Error() != tt.want || c != nil {
			t.Errorf("NewCaching = %v, %v, want %s", c, err, tt.want)
		}
	}
}

// The defaults are finite: each is reached.
func TestCachingDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		opts := &keyring.CachingOptions{}
		c := newCaching(t, src, opts)
		if *opts != (keyring.CachingOptions{}) {
			t.Error("the caller's options were changed")
		}
		opts.MaxEntries = 1 // too late
		for range 1 << 10 { // of 1 GiB each, 2^40 bytes
			seal(t, c, nil, -1).Destroy()
		}
		if s := c.Stats(); s.Fetches != 1 || s.Evictions.Bytes != 1 || s.Held != 0 {
			t.Errorf("after 2^40 bytes: %+v", s)
		}
		if !raceEnabled { // where it takes seven seconds
			for range 1 << 20 {
				seal(t, c, nil, 1).Destroy()
			}
			if s := c.Stats(); s.Fetches != 2 || s.Evictions.Messages != 1 || s.Held != 0 {
				t.Errorf("after 2^20 messages: %+v", s)
			}
		}
		for i := range 1001 {
			seal(t, c, tenant(t, i), 1).Destroy()
		}
		if s := c.Stats(); s.Held != 1000 || s.Evictions.Capacity != 1 {
			t.Errorf("after 1001 contexts: %+v", s)
		}
		sleep(5*time.Minute - 1)
		if s := c.Stats(); s.Evictions.Age != 0 {
			t.Errorf("before 5 minutes: %+v", s)
		}
		sleep(time.Nanosecond)
		if s := c.Stats(); s.Evictions.Age != 1000 || s.Held != 0 {
			t.Errorf("after 5 minutes: %+v", s)
		}
		src.wantLive(t)
	})
}

func TestCachingHits(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, nil)
	ec := tenant(t, 1)
	a, b := seal(t, c, ec, 100), seal(t, c, ec, 1<<30)
	if a != b || src.count() != 1 {
		t.Errorf("two messages have two keys, by %d calls", src.count())
	}
	x, y := unseal(t, c, ec, a.Record()), unseal(t, c, ec, b.Record())
	if x != y || x == a || !x.Equal(a) || src.count() != 2 {
		t.Error("opening does not share one key of its own")
	}
	for _, k := range []*keyring.DataKey{a, b, x, y} {
		if err := src.check(t.Context(), format.AES256GCM, ec, k); err != nil {
			t.Error(err)
		}
		k.Destroy()
	}
	want := keyring.CachingStats{Hits: 2, Misses: 2, Fetches: 2, CallsSaved: 2, Held: 2}
	if s := c.Stats(); s != want {
		t.Errorf("Stats = %+v, want %+v", s, want)
	}
	if !slices.Equal(src.sizes, []int64{-1}) {
		t.Errorf("the provider was told sizes %v of a key that serves many messages", src.sizes)
	}
	src.wantLive(t, 0, 1)
	c.Purge()
	src.wantLive(t)
}

// Whatever differs makes another key: suite, stored pairs, and every part of every entry of the record, also where the
// bytes are the same and lie in other fields.
func TestCachingKeyedByAll(t *testing.T) {
	e := func(provider, id, ciphertext string) format.WrappedKey {
		return format.WrappedKey{Provider: provider, KeyID: id, Ciphertext: []byte(ciphertext)}
	}
	src := newSource(t)
	ec := tenant(t, 1)
	k := seal(t, src, ec, 1)
	defer k.Destroy()
	own := k.Record()[0]
	if own.Provider != "raw" || own.KeyID != "source" {
		t.Fatal("the entry has changed its name")
	}
	first := &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cd", "ef"), own}}
	for name, req := range map[string]*keyring.DecryptRequest{
		"suite":                     {Suite: format.SM4GCM, Context: ec, Record: first.Record},
		"other context":             {Suite: format.AES256GCM, Context: tenant(t, 2), Record: first.Record},
		"no context":                {Suite: format.AES256GCM, Record: first.Record},
		"own entry alone":           {Suite: format.AES256GCM, Context: ec, Record: format.Record{own}},
		"provider":                  {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("xb", "cd", "ef"), own}},
		"key id":                    {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cx", "ef"), own}},
		"ciphertext":                {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cd", "xf"), own}},
		"provider into key id":      {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("a", "bcd", "ef"), own}},
		"key id into provider":      {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("abc", "d", "ef"), own}},
		"key id into ciphertext":    {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "c", "def"), own}},
		"ciphertext into key id":    {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cde", "f"), own}},
		"lengths as bytes":          {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cd\x02ef", ""), own}},
		"an entry more":             {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cd", "ef"), own, e("z", "z", "z")}},
		"entries in another order":  {Suite: format.AES256GCM, Context: ec, Record: format.Record{own, e("ab", "cd", "ef")}},
		"the same entry twice":      {Suite: format.AES256GCM, Context: ec, Record: format.Record{e("ab", "cd", "ef"), own, own}},
		"context into the provider": {Suite: format.AES256GCM, Context: ec[:len(ec)-1], Record: format.Record{e(string(ec[len(ec)-1:])+"ab", "cd", "ef"), own}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCaching(t, src, nil)
			unseal(t, c, ec, first.Record).Destroy()
			before := src.count()
			if k, err := c.Decrypt(t.Context(), req); err == nil {
				k.Destroy()
			}
			if got := src.count() - before; got != 1 {
				t.Errorf("the provider was asked %d times, want 1", got)
			}
			if s := c.Stats(); s.Hits != 0 {
				t.Errorf("Stats = %+v, want no hit", s)
			}
		})
	}
	c := newCaching(t, src, nil)
	unseal(t, c, ec, k.Record()).Destroy()
	if _, err := decrypt(t, c, tenant(t, 2), k.Record()); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("an entry at hand, with the context of another message: %v, want ErrAuthentication", err)
	}
	a, b := seal(t, c, ec, 1), seal(t, c, tenant(t, 2), 1)
	defer a.Destroy()
	defer b.Destroy()
	if a.Equal(b) {
		t.Error("messages with two contexts share a key")
	}
}

func TestCachingMaxMessages(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, &keyring.CachingOptions{MaxMessages: 3})
	var keys []*keyring.DataKey
	for range 7 {
		keys = append(keys, seal(t, c, nil, -1))
	}
	for i, k := range keys {
		if k != src.given[i/3] {
			t.Errorf("message %d has another key than %d", i, i/3)
		}
	}
	keys[0].Destroy()
	keys[1].Destroy()
	src.wantLive(t, 0, 1, 2)
	keys[2].Destroy()
	src.wantLive(t, 1, 2) // full, so the cache has given it up, and its last borrower wipes it
	for _, k := range keys[3:] {
		k.Destroy()
	}
	src.wantLive(t, 2)
	want := keyring.CachingStats{Hits: 4, Misses: 3, Fetches: 3, CallsSaved: 4, Held: 1, Evictions: keyring.CachingEvictions{Messages: 2}}
	if s := c.Stats(); s != want {
		t.Errorf("Stats = %+v, want %+v", s, want)
	}
	for range 9 { // opening is not limited
		unseal(t, c, nil, keys[0].Record()).Destroy()
	}
	if s := c.Stats(); s.Hits != want.Hits+8 {
		t.Errorf("opening: %+v", s)
	}
}

func TestCachingMaxBytes(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		name  string
		max   int64
		sizes []int64
		keys  []int // which of the provider's keys, in the order of the messages
		held  int
		bytes int64 // evictions
	}{
		{"up to the limit", 100, []int64{40, 60, 1}, []int{0, 0, 1}, 1, 1},
		{"one byte too many", 100, []int64{40, 61, 39}, []int{0, 1, 1}, 0, 2},
		{"empty messages", 1, []int64{0, 0, 0}, []int{0, 0, 0}, 1, 0},
		{"filled by the first", 100, []int64{100, 1}, []int{0, 1}, 1, 0},
		{"unknown is 1 GiB", 2 * gib, []int64{-1, -1, -1}, []int{0, 0, 1}, 1, 1},
		{"unknown is what is left", gib + 1, []int64{1, -1, 1}, []int{0, 0, 1}, 1, 1},
		{"unknown is too large", gib - 1, []int64{1, -1, -1, 1}, []int{0, 1, 2, 0}, 1, 0},
		{"larger than a key has", 100, []int64{50, 101, 50, 1 << 62}, []int{0, 1, 0, 2}, 0, 1},
		{"as much as there is", 1<<63 - 1, []int64{1<<63 - 2, 1, 1<<63 - 1}, []int{0, 0, 1}, 0, 1},
		{"nothing overflows", 1<<63 - 1, []int64{1<<63 - 2, 1<<63 - 2}, []int{0, 1}, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := newSource(t)
			c := newCaching(t, src, &keyring.CachingOptions{MaxBytes: tt.max})
			for i, size := range tt.sizes {
				k := seal(t, c, nil, size)
				if k != src.given[tt.keys[i]] {
					t.Errorf("message %d has another key than %d", i, tt.keys[i])
				}
				k.Destroy()
			}
			if s := c.Stats(); s.Held != tt.held || s.Evictions.Bytes != tt.bytes {
				t.Errorf("Stats = %+v, want %d held and %d evictions for bytes", s, tt.held, tt.bytes)
			}
			c.Purge()
			src.wantLive(t)
		})
	}
}

func TestCachingMaxEntries(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, &keyring.CachingOptions{MaxEntries: 2})
	seal(t, c, tenant(t, 0), 1).Destroy()
	seal(t, c, tenant(t, 1), 1).Destroy()
	used := seal(t, c, tenant(t, 0), 1)
	seal(t, c, tenant(t, 2), 1).Destroy() // 1 was not asked for the longest
	src.wantLive(t, 0, 2)
	seal(t, c, tenant(t, 3), 1).Destroy() // 0 goes too, while it is in use
	src.wantLive(t, 0, 2, 3)
	if err := src.check(t.Context(), format.AES256GCM, tenant(t, 0), used); err != nil {
		t.Error(err)
	}
	used.Destroy()
	src.wantLive(t, 2, 3)
	if s := c.Stats(); s.Held != 2 || s.Evictions.Capacity != 2 {
		t.Errorf("Stats = %+v, want 2 held and 2 evictions for capacity", s)
	}
}

func TestCachingMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(context.Context, int) error { time.Sleep(2 * time.Second); return nil }
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute})
		k := seal(t, c, nil, 1)
		r := k.Record()
		k.Destroy()
		unseal(t, c, nil, r).Destroy()
		sleep(time.Minute - 4*time.Second - 1) // the age counts from when the provider was asked
		seal(t, c, nil, 1).Destroy()
		if src.count() != 2 {
			t.Error("a key was not used to its age")
		}
		sleep(time.Nanosecond)
		k = seal(t, c, nil, 1)
		defer k.Destroy()
		if k != src.given[2] {
			t.Error("a key was used beyond its age")
		}
		synctest.Wait()
		if s := c.Stats(); s.Evictions.Age != 2 || s.Held != 1 { // the other one has reached it meanwhile
			t.Errorf("Stats = %+v, want 2 evictions for age", s)
		}
		src.wantLive(t, 2)
	})
}

// Of two fetches the one that began first may end last. Its key then stands behind the younger one, and is still not used
// beyond its age.
func TestCachingAgeOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(_ context.Context, call int) error {
			if call == 1 {
				time.Sleep(20 * time.Second)
			}
			return nil
		}
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute})
		slow := ask(t.Context(), c, tenant(t, 1))
		sleep(10 * time.Second)
		seal(t, c, tenant(t, 2), 1).Destroy()
		old := (<-slow).key
		old.Destroy()
		sleep(40*time.Second - time.Nanosecond)
		k := seal(t, c, tenant(t, 1), 1)
		k.Destroy()
		if k != old {
			t.Error("a key was not used to its age")
		}
		sleep(time.Nanosecond)
		k = seal(t, c, tenant(t, 1), 1)
		k.Destroy()
		if s := c.Stats(); k == old || s.Evictions.Age != 1 || s.Held != 2 {
			t.Errorf("Stats = %+v: a key was used beyond its age", s)
		}
	})
}

// A fetch that takes longer than the age serves those who wait and nobody else.
func TestCachingSlowFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(context.Context, int) error { time.Sleep(time.Minute); return nil }
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute})
		seal(t, c, nil, 1).Destroy()
		src.wantLive(t)
		if s := c.Stats(); s.Held != 0 || s.Evictions != (keyring.CachingEvictions{}) {
			t.Errorf("Stats = %+v, want nothing held or evicted", s)
		}
	})
}

// Keys are wiped when they are too old though nobody calls, however many they are; and a cache that was purged goes on.
func TestCachingSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		c := newCaching(t, src, nil)
		fill := func() {
			for i := range 300 {
				k := seal(t, c, tenant(t, i), 1)
				k.Destroy()
				if i < 3 {
					unseal(t, c, tenant(t, i), k.Record()).Destroy()
				}
			}
		}
		fill()
		sleep(time.Minute)
		lent := seal(t, c, nil, 1)
		sleep(4*time.Minute - time.Nanosecond)
		if live := len(src.live()); live != 304 {
			t.Errorf("%d keys live before their age, want 304", live)
		}
		sleep(time.Nanosecond)
		src.wantLive(t, 303)
		sleep(time.Minute)
		src.wantLive(t, 303) // who has borrowed it has it still
		lent.Destroy()
		src.wantLive(t)
		if s := c.Stats(); s.Evictions.Age != 304 || s.Held != 0 {
			t.Errorf("Stats = %+v, want 304 evictions for age", s)
		}

		fill()
		c.Purge()
		fill()
		sleep(5 * time.Minute)
		src.wantLive(t)
		if s := c.Stats(); s.Evictions.Age != 607 || s.Evictions.Purge != 303 {
			t.Errorf("Stats = %+v, want 607 evictions for age, 303 by Purge", s)
		}
	})
}

func TestCachingClose(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, nil)
	lent := seal(t, c, nil, 1)
	seal(t, c, tenant(t, 1), 1).Destroy()
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	src.wantLive(t, 0)
	for name, call := range map[string]func() error{
		"GenerateDataKey": func() error {
			_, err := c.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: 1, Size: 1})
			return err
		},
		"GenerateDataKey, large": func() error {
			_, err := c.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: 1, Size: 1 << 41})
			return err
		},
		"Decrypt": func() error { _, err := decrypt(t, c, nil, lent.Record()); return err },
		"Wrap":    func() error { _, err := c.Wrap(t.Context(), &keyring.WrapRequest{Suite: 1, Key: lent}); return err },
	} {
		if err := call(); !errors.Is(err, keyring.ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
	if err := src.check(t.Context(), 1, nil, lent); err != nil {
		t.Errorf("a key lent before Close: %v", err)
	}
	lent.Destroy()
	src.wantLive(t)
	c.Purge()
	want := keyring.CachingStats{Misses: 2, Fetches: 2, Evictions: keyring.CachingEvictions{Purge: 2}}
	if s := c.Stats(); s != want {
		t.Errorf("Stats = %+v, want %+v", s, want)
	}
}

func TestCachingWrap(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, nil)
	k := seal(t, c, nil, 1)
	defer k.Destroy()
	r, err := c.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: k})
	if err != nil {
		t.Fatal(err)
	}
	if k2 := unseal(t, c, nil, r); !k2.Equal(k) {
		t.Error("what Wrap made opens to another key")
	} else {
		k2.Destroy()
	}
	if src.count() != 2 {
		t.Errorf("%d calls, want 2: nothing of Wrap is kept", src.count())
	}
	c = newCaching(t, anyoneCanMake{src.RawAES}, nil)
	if _, err := c.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: k}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Wrap over a provider without = %v, want errors.ErrUnsupported", err)
	}
}

func TestCachingNeverShows(t *testing.T) {
	api := newFakeKMS(prod)
	c := newCaching(t, newKMS(t, api, prod), nil)
	seal(t, c, pairs(t, map[string]string{"patient": "J. Doe"}), 1).Destroy()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, struct{ P keyring.KeyProvider }{c}} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "Doe") || strings.Contains(out, "446f65") || !strings.Contains(out, "data key cache") {
				t.Errorf("%s of a cache: %s", verb, out)
			}
		}
	}
}

func TestCachingHitAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := newCaching(t, newSource(t), nil)
	ec := pairs(t, map[string]string{"tenant": "42", "purpose": strings.Repeat("x", 5000)})
	k := seal(t, c, ec, 1)
	defer k.Destroy()
	r := slices.Concat(k.Record(), format.Record{{Provider: "z", KeyID: "z", Ciphertext: bytes.Repeat([]byte{1}, 4096)}})
	unseal(t, c, ec, r).Destroy()
	ctx := t.Context()
	for name, hit := range map[string]func() (*keyring.DataKey, error){
		"GenerateDataKey": func() (*keyring.DataKey, error) {
			return c.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: 1})
		},
		"Decrypt": func() (*keyring.DataKey, error) {
			return c.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: r})
		},
	} {
		runtime.GC()
		n := testing.AllocsPerRun(1000, func() {
			k, err := hit()
			if err != nil {
				t.Fatal(err)
			}
			k.Destroy()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations on a hit, want none", name, n)
		}
	}
	if s := c.Stats(); s.Fetches != 2 {
		t.Errorf("Stats = %+v, want two fetches", s)
	}
}

// The timer goes on whether it wiped one key fewer than it wipes at once, or as many, or one more.
func TestCachingSweepGoesOn(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 512} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(t)
				c := newCaching(t, src, nil)
				for range 2 {
					for i := range n {
						seal(t, c, tenant(t, i), 1).Destroy()
					}
					sleep(5 * time.Minute)
					src.wantLive(t)
				}
				if s := c.Stats(); s.Evictions.Age != int64(2*n) {
					t.Errorf("Stats = %+v, want %d evictions for age", s, 2*n)
				}
			})
		})
	}
}

// A key that is lent again and again is in use, whatever else is asked for in between.
func TestCachingLeastRecentlyUsed(t *testing.T) {
	src := newSource(t)
	c := newCaching(t, src, &keyring.CachingOptions{MaxEntries: 2})
	old := seal(t, src.RawAES, nil, 1)
	defer old.Destroy()
	other := seal(t, src.RawAES, nil, 1)
	defer other.Destroy()
	seal(t, c, nil, 1).Destroy()
	unseal(t, c, nil, old.Record()).Destroy()
	seal(t, c, nil, 1).Destroy()                // which the one for opening is older than now
	unseal(t, c, nil, other.Record()).Destroy() // and leaves for
	before := src.count()
	seal(t, c, nil, 1).Destroy()
	unseal(t, c, nil, other.Record()).Destroy()
	if src.count() != before {
		t.Error("a key that was in use left")
	}
	unseal(t, c, nil, old.Record()).Destroy()
	if src.count() != before+1 {
		t.Error("the key that was not asked for the longest did not leave")
	}
}

// A provider may answer with a data key that names another record. The cache finds it by what was asked for.
func TestCachingAnswerOfAnotherRecord(t *testing.T) {
	inner := newSource(t)
	src := &restamper{source: inner}
	c := newCaching(t, src, nil)
	k := seal(t, inner.RawAES, nil, 1)
	defer k.Destroy()
	for range 3 {
		got := unseal(t, c, nil, k.Record())
		if !got.Equal(k) || got.Record()[0].KeyID != "another" {
			t.Errorf("Decrypt = a key of %q, want that of the provider", got.Record()[0].KeyID)
		}
		got.Destroy()
	}
	if inner.count() != 1 {
		t.Errorf("%d calls, want 1", inner.count())
	}
	other := k.Record().Clone()
	other[0].KeyID = "another"
	if got, err := decrypt(t, c, nil, other); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt of the record that the answer has = %v, %v, want what the provider says", got, err)
	}
}

// A restamper answers with data keys under another key id.
type restamper struct{ *source }

func (p *restamper) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (key *keyring.DataKey, err error) {
	inner, err := p.source.Decrypt(ctx, req)
	if err != nil {
		return nil, err
	}
	defer inner.Destroy()
	record := inner.Record().Clone()
	record[0].KeyID = "another"
	inner.Lend(func(b []byte) error { key, err = keyring.NewDataKey(inner.Suite(), b, record, 0); return err })
	return key, err
}

// However many encrypt at once, no data key gets more than it may, and every request is counted once.
func TestCachingLimitsTogether(t *testing.T) {
	const workers, each = 8, 300
	for _, tt := range []struct {
		name string
		opts keyring.CachingOptions
		size int64
		most int // messages under one data key
	}{
		{"messages", keyring.CachingOptions{MaxMessages: 10}, 1, 10},
		{"one message", keyring.CachingOptions{MaxMessages: 1}, 1, 1},
		{"bytes, exactly", keyring.CachingOptions{MaxBytes: 12}, 4, 3},
		{"bytes, not quite", keyring.CachingOptions{MaxBytes: 14}, 4, 3},
		{"as many bytes as there can be", keyring.CachingOptions{MaxBytes: math.MaxInt64}, math.MaxInt64 / 3, 3},
		{"too large", keyring.CachingOptions{MaxBytes: 3}, 4, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := newSource(t)
			c := newCaching(t, src, &tt.opts)
			var mu sync.Mutex
			used := map[*keyring.DataKey]int{}
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					for range each {
						k, err := c.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: 1, Size: tt.size})
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						used[k]++
						mu.Unlock()
						k.Destroy()
					}
				})
			}
			wg.Wait()
			for _, n := range used {
				if n > tt.most {
					t.Errorf("%d messages under one data key, want at most %d", n, tt.most)
				}
			}
			if s := c.Stats(); s.Hits+s.Misses != workers*each || int(s.Fetches) != len(used) {
				t.Errorf("Stats = %+v, want %d requests and %d fetches", s, workers*each, len(used))
			}
			c.Purge()
			src.wantLive(t)
		})
	}
}
