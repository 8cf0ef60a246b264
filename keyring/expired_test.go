package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// causesOfOutage are errors that say that nobody was asked, and causesOfRefusal such that are answers, or have one inside.
var (
	causesOfOutage = []error{
		kmsapi.ErrUnavailable, kmsapi.ErrThrottled, fmt.Errorf("of one attempt: %w", context.DeadlineExceeded),
		&keyring.UnwrapError{Errs: []error{keyring.ErrNoMatch, kmsapi.ErrUnavailable}},
	}
	causesOfRefusal = []error{
		kmsapi.ErrAccessDenied, kmsapi.ErrDisabled, kmsapi.ErrKeyNotFound, keyring.ErrNoMatch, keyring.ErrAuthentication, errOutage,
		context.Canceled, // of the provider's own making: nobody has left
		fmt.Errorf("%w after %w", kmsapi.ErrAccessDenied, kmsapi.ErrThrottled),
		&keyring.UnwrapError{Errs: []error{kmsapi.ErrUnavailable, kmsapi.ErrDisabled}},
	}
)

// An outage is a source that gave the key of one message, and a cache that has it, just expired.
type outage struct {
	*source
	cache  *keyring.Caching
	record format.Record
	first  *keyring.DataKey // what expired
	cause  error            // of the outage, nil when it is over
	asked  []time.Duration
}

// beginOutage is called in a bubble. MaxAge is a minute.
func beginOutage(t *testing.T, cause error, opts keyring.CachingOptions) *outage {
	t.Helper()
	o := &outage{source: newSource(t)}
	k := seal(t, o.RawAES, nil, 1)
	k.Destroy()
	o.record = k.Record()
	opts.MaxAge = time.Minute
	o.cache = newCaching(t, o, &opts)
	unseal(t, o.cache, nil, o.record).Destroy()
	o.first = o.given[0]
	sleep(time.Minute)
	start := time.Now()
	o.before = func(ctx context.Context, call int) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked = append(o.asked, time.Since(start))
		return o.cause
	}
	o.cause = cause
	return o
}

func (o *outage) decrypt(ctx context.Context) answer {
	k, err := o.cache.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: o.record})
	return answer{k, err}
}

// want fails unless the record opens to the right key.
func (o *outage) want(t *testing.T, fresh bool) {
	t.Helper()
	got := o.decrypt(t.Context())
	if got.err != nil {
		t.Fatalf("Decrypt = %v", got.err)
	}
	if err := o.check(t.Context(), format.AES256GCM, nil, got.key); err != nil {
		t.Error(err)
	}
	if (got.key != o.first) != fresh {
		t.Errorf("Decrypt lent a fresh key: %v, want %v", !fresh, fresh)
	}
	got.key.Destroy()
}

func TestCachingExpiredIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beginOutage(t, kmsapi.ErrUnavailable, keyring.CachingOptions{RefreshAhead: time.Second})
		if got := o.decrypt(t.Context()); got.err != kmsapi.ErrUnavailable {
			t.Errorf("Decrypt = %v, %v, want ErrUnavailable", got.key, got.err)
		}
		o.wantLive(t)
	})
}

func TestCachingExpiredServes(t *testing.T) {
	for _, cause := range causesOfOutage {
		t.Run(cause.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := beginOutage(t, cause, keyring.CachingOptions{InsecureAllowExpired: time.Hour})
				if s := o.cache.Stats(); s.Held != 1 || s.Evictions.Age != 0 {
					t.Errorf("Stats = %+v: the expired key has gone", s)
				}
				for range 600 { // for a minute
					o.want(t, false)
					sleep(100 * time.Millisecond)
				}
				if got := fmt.Sprint(o.asked); got != "[0s 10s 20s 30s 40s 50s]" {
					t.Errorf("asked at %v", got)
				}
				o.want(t, false)
				synctest.Wait()
				o.mu.Lock()
				o.cause = nil // over, and found out in the background
				o.mu.Unlock()
				sleep(10 * time.Second)
				o.want(t, false)
				synctest.Wait()
				o.want(t, true)
				o.wantLive(t, 1)
				want := keyring.CachingStats{Hits: 602, Misses: 2, Fetches: 9, FetchErrors: 7, CallsSaved: 595, Expired: 602, Held: 1,
					Evictions: keyring.CachingEvictions{Age: 1}}
				if s := o.cache.Stats(); s != want {
					t.Errorf("Stats = %+v, want %+v", s, want)
				}
			})
		})
	}
}

// The key does not outlive what was allowed, and is wiped then.
func TestCachingExpiredEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beginOutage(t, kmsapi.ErrUnavailable, keyring.CachingOptions{InsecureAllowExpired: time.Minute})
		o.want(t, false)
		sleep(time.Minute - time.Nanosecond)
		o.want(t, false)
		synctest.Wait()
		sleep(time.Nanosecond)
		if got := o.decrypt(t.Context()); got.err != kmsapi.ErrUnavailable {
			t.Errorf("Decrypt = %v, %v, want ErrUnavailable", got.key, got.err)
		}
		o.wantLive(t)
	})
	synctest.Test(t, func(t *testing.T) { // nor if the answer takes until then
		o := beginOutage(t, kmsapi.ErrUnavailable, keyring.CachingOptions{InsecureAllowExpired: time.Minute})
		before := o.before
		o.before = func(ctx context.Context, call int) error { time.Sleep(2 * time.Second); return before(ctx, call) }
		sleep(58 * time.Second)
		if got := o.decrypt(t.Context()); got.err != kmsapi.ErrUnavailable {
			t.Errorf("Decrypt = %v, %v, want ErrUnavailable", got.key, got.err)
		}
		synctest.Wait()
		o.wantLive(t)
	})
}

// Nor if there are more keys than one call wipes.
func TestCachingExpiredEndsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, InsecureAllowExpired: time.Minute})
		var records []format.Record
		for i := range 300 {
			k := seal(t, src.RawAES, tenant(t, i), 1)
			k.Destroy()
			records = append(records, k.Record())
			unseal(t, c, tenant(t, i), k.Record()).Destroy()
		}
		src.before = func(context.Context, int) error { return kmsapi.ErrUnavailable }
		sleep(time.Minute)
		for i, r := range records {
			unseal(t, c, tenant(t, i), r).Destroy()
		}
		sleep(time.Minute)
		if _, err := decrypt(t, c, tenant(t, 299), records[299]); err != kmsapi.ErrUnavailable {
			t.Errorf("Decrypt = %v, want ErrUnavailable", err)
		}
		if s := c.Stats(); s.Expired != 300 || s.Held != 0 || s.Evictions.Age != 300 {
			t.Errorf("Stats = %+v, want 300 expired and none held", s)
		}
	})
}

func TestCachingExpiredIsRefused(t *testing.T) {
	for _, cause := range causesOfRefusal {
		t.Run(cause.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := beginOutage(t, cause, keyring.CachingOptions{InsecureAllowExpired: time.Hour})
				if got := o.decrypt(t.Context()); !errors.Is(got.err, cause) {
					t.Errorf("Decrypt = %v, %v, want %v", got.key, got.err, cause)
				}
				o.wantLive(t)
				if s := o.cache.Stats(); s.Evictions.Refused != 1 || s.Expired != 0 {
					t.Errorf("Stats = %+v, want one refused", s)
				}
			})
			synctest.Test(t, func(t *testing.T) { // in the midst of an outage
				o := beginOutage(t, kmsapi.ErrUnavailable, keyring.CachingOptions{InsecureAllowExpired: time.Hour})
				o.want(t, false)
				o.cause = cause
				sleep(10 * time.Second)
				o.want(t, false) // asks in the background
				synctest.Wait()
				o.wantLive(t)
				o.cause = kmsapi.ErrUnavailable // again: too late
				if got := o.decrypt(t.Context()); got.err != kmsapi.ErrUnavailable {
					t.Errorf("after a refusal: %v, %v, want ErrUnavailable", got.key, got.err)
				}
			})
		})
	}
}

// A service that does not answer counts as one that cannot be reached after 5 s, also if every caller leaves before.
func TestCachingExpiredHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beginOutage(t, nil, keyring.CachingOptions{InsecureAllowExpired: time.Hour})
		o.before = func(ctx context.Context, call int) error { <-ctx.Done(); return errOutage }
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if got := o.decrypt(ctx); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("who left got %v, %v", got.key, got.err)
		}
		o.want(t, false)
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("who stayed got his key after %v, want 5s", took)
		}
		o.want(t, false)
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("the next got his key after %v, want 5s", took)
		}
	})
}

func TestCachingExpiredForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beginOutage(t, kmsapi.ErrUnavailable, keyring.CachingOptions{InsecureAllowExpired: time.Hour})
		gate := make(chan struct{})
		before := o.before
		o.before = func(ctx context.Context, call int) error { <-gate; return before(ctx, call) }
		answers := make(chan answer)
		for range 100 {
			go func() { answers <- o.decrypt(t.Context()) }()
		}
		synctest.Wait()
		close(gate)
		for range 100 {
			if got := <-answers; got.err != nil || got.key != o.first {
				t.Errorf("Decrypt = %v, %v", got.key, got.err)
			} else {
				got.key.Destroy()
			}
		}
		if s := o.cache.Stats(); s.Expired != 100 || o.count() != 2 {
			t.Errorf("Stats = %+v after %d calls", s, o.count())
		}
		o.cache.Purge()
		o.wantLive(t)
		if got := o.decrypt(t.Context()); got.err != kmsapi.ErrUnavailable {
			t.Errorf("after Purge: %v, %v, want ErrUnavailable", got.key, got.err)
		}
	})
}

// New messages never get an expired key.
func TestCachingExpiredSealsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		c := newCaching(t, src, &keyring.CachingOptions{InsecureAllowExpired: time.Hour})
		seal(t, c, nil, 1).Destroy()
		sleep(5 * time.Minute)
		src.before = func(context.Context, int) error { return kmsapi.ErrUnavailable }
		if got := <-ask(t.Context(), c, nil); got.err != kmsapi.ErrUnavailable {
			t.Errorf("GenerateDataKey = %v, %v, want ErrUnavailable", got.key, got.err)
		}
		src.wantLive(t)
	})
}

// An expired key that a borrower destroyed twice does not serve.
func TestCachingExpiredDoubleDestroy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := beginOutage(t, kmsapi.ErrUnavailable, keyring.CachingOptions{InsecureAllowExpired: time.Hour})
		o.first.Destroy()
		if got := o.decrypt(t.Context()); got.err != kmsapi.ErrUnavailable {
			t.Errorf("Decrypt = %v, %v, want ErrUnavailable", got.key, got.err)
		}
		if s := o.cache.Stats(); s.Evictions.Destroyed != 1 || s.Held != 0 || s.Expired != 0 {
			t.Errorf("Stats = %+v", s)
		}
	})
}

// A refresh that fails before the age is no reason to serve an expired key: the provider is asked again first.
func TestCachingExpiredAfterRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		k := seal(t, src.RawAES, nil, 1)
		k.Destroy()
		c := newCaching(t, src, &keyring.CachingOptions{RefreshAhead: 10 * time.Second, InsecureAllowExpired: time.Hour})
		unseal(t, c, nil, k.Record()).Destroy()
		src.before = func(_ context.Context, call int) error {
			if call == 2 {
				return kmsapi.ErrUnavailable
			}
			return nil
		}
		sleep(295 * time.Second)
		unseal(t, c, nil, k.Record()).Destroy()
		synctest.Wait()
		sleep(5 * time.Second)
		unseal(t, c, nil, k.Record()).Destroy()
		src.wantLive(t, 1)
		if s := c.Stats(); s.Fetches != 3 || s.Expired != 0 || s.Evictions.Age != 1 {
			t.Errorf("Stats = %+v, want the key fetched anew", s)
		}
	})
}
