package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring"
)

func TestCachingRefreshIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		c := newCaching(t, src, nil)
		seal(t, c, nil, 1).Destroy()
		sleep(5*time.Minute - time.Nanosecond)
		seal(t, c, nil, 1).Destroy()
		synctest.Wait()
		if src.count() != 1 {
			t.Errorf("%d calls, want 1", src.count())
		}
	})
}

func TestCachingRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(context.Context, int) error { time.Sleep(time.Second); return nil }
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 20 * time.Second, MaxMessages: 9})
		old := seal(t, c, nil, 1)
		seal(t, c, nil, 1).Destroy() // and six more
		sleep(39*time.Second - time.Nanosecond)
		seal(t, c, nil, 1).Destroy()
		synctest.Wait()
		if src.count() != 1 {
			t.Fatal("refreshed too early")
		}
		sleep(time.Nanosecond)
		for range 5 { // the first is what refreshes
			k := seal(t, c, nil, 1)
			if k != old {
				t.Error("a hit did not get the key at hand")
			}
			k.Destroy()
		}
		synctest.Wait()
		if src.count() != 2 {
			t.Fatalf("%d calls, want 2", src.count())
		}
		sleep(time.Second)
		for range 8 { // of nine: the count begins anew, the ninth would be due to leave
			k := seal(t, c, nil, 1)
			if k != src.given[1] {
				t.Error("a hit did not get the new key")
			}
			k.Destroy()
		}
		src.wantLive(t, 0, 1)
		old.Destroy()
		src.wantLive(t, 1)
		sleep(59*time.Second - time.Nanosecond) // its age counts from the refresh
		if s := c.Stats(); s.Held != 1 {
			t.Errorf("Stats = %+v: the new key did not live to its age", s)
		}
		sleep(time.Nanosecond)
		want := keyring.CachingStats{Hits: 15, Misses: 1, Fetches: 2, CallsSaved: 14, Evictions: keyring.CachingEvictions{Age: 2}}
		if s := c.Stats(); s != want {
			t.Errorf("Stats = %+v, want %+v", s, want)
		}
		src.wantLive(t)
	})
}

// Opened keys are refreshed as well, and the caller's slices are his own again when he has his key.
func TestCachingRefreshOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		k := seal(t, src.RawAES, tenant(t, 1), 1)
		defer k.Destroy()
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 20 * time.Second})
		unseal(t, c, tenant(t, 1), k.Record()).Destroy()
		sleep(50 * time.Second)
		ec, r := bytes.Clone(tenant(t, 1)), k.Record().Clone()
		old := unseal(t, c, ec, r)
		clear(ec)
		clear(r[0].Ciphertext)
		old.Destroy()
		synctest.Wait()
		fresh := unseal(t, c, tenant(t, 1), k.Record())
		if fresh == old || !fresh.Equal(k) || src.count() != 2 {
			t.Errorf("the key was not refreshed, after %d calls", src.count())
		}
		fresh.Destroy()
	})
}

// While the service cannot be reached the old key serves to its age, and hits do not become a storm of calls.
func TestCachingRefreshUnreachable(t *testing.T) {
	for _, cause := range causesOfOutage {
		synctest.Test(t, func(t *testing.T) {
			src := newSource(t)
			var asked []time.Duration
			start := time.Now()
			src.before = func(_ context.Context, call int) error {
				if call > 1 {
					asked = append(asked, time.Since(start))
					return cause
				}
				return nil
			}
			c := newCaching(t, src, &keyring.CachingOptions{RefreshAhead: 2 * time.Minute})
			old := seal(t, c, nil, 1)
			old.Destroy()
			for range 300*10 - 1 {
				sleep(100 * time.Millisecond)
				k := seal(t, c, nil, 1)
				if k != old {
					t.Fatal("a hit did not get the key at hand")
				}
				k.Destroy()
			}
			synctest.Wait()
			if got := fmt.Sprint(asked); got != "[3m0s 4m0s 4m30s 4m45s 4m55s]" {
				t.Errorf("%v: asked at %v", cause, got)
			}
			sleep(100 * time.Millisecond)
			if got := <-ask(t.Context(), c, nil); !errors.Is(got.err, cause) {
				t.Errorf("after the age: %v, %v, want %v", got.key, got.err, cause)
			}
			src.wantLive(t)
		})
	}
}

// An answer that refuses ends the use of the old key at once.
func TestCachingRefreshRefused(t *testing.T) {
	for _, cause := range causesOfRefusal {
		synctest.Test(t, func(t *testing.T) {
			src := newSource(t)
			src.before = func(_ context.Context, call int) error {
				if call > 1 {
					return cause
				}
				return nil
			}
			c := newCaching(t, src, &keyring.CachingOptions{RefreshAhead: time.Minute})
			seal(t, c, nil, 1).Destroy()
			sleep(4 * time.Minute)
			seal(t, c, nil, 1).Destroy()
			synctest.Wait()
			src.wantLive(t)
			if got := <-ask(t.Context(), c, nil); !errors.Is(got.err, cause) {
				t.Errorf("after the refusal: %v, %v, want %v", got.key, got.err, cause)
			}
			want := keyring.CachingStats{Hits: 1, Misses: 2, Fetches: 3, FetchErrors: 2, Evictions: keyring.CachingEvictions{Refused: 1}}
			if s := c.Stats(); s != want {
				t.Errorf("Stats = %+v, want %+v", s, want)
			}
		})
	}
}

// A refresh ends after 5 s. Who joined it when the old key was gone gets no error of that, but a fetch of his own.
func TestCachingRefreshHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(ctx context.Context, call int) error {
			if call == 2 {
				<-ctx.Done()
				return errOutage // whatever a provider makes of it
			}
			return nil
		}
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 10 * time.Second})
		start := time.Now()
		old := seal(t, c, nil, 1)
		old.Destroy()
		sleep(58 * time.Second)
		seal(t, c, nil, 1).Destroy()
		sleep(2 * time.Second)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		leaves, stays := ask(impatient, c, nil), ask(t.Context(), c, nil)
		if got := <-leaves; !errors.Is(got.err, context.DeadlineExceeded) || time.Since(start) != 61*time.Second {
			t.Errorf("who left got %v after %v", got.err, time.Since(start))
		}
		got := <-stays
		if got.err != nil || got.key == old || time.Since(start) != 63*time.Second {
			t.Fatalf("who stayed got %v, %v after %v", got.key, got.err, time.Since(start))
		}
		got.key.Destroy()
		want := keyring.CachingStats{Hits: 1, Misses: 3, Fetches: 3, FetchErrors: 1, CallsSaved: 1, Held: 1, Evictions: keyring.CachingEvictions{Age: 1}}
		if s := c.Stats(); s != want {
			t.Errorf("Stats = %+v, want %+v", s, want)
		}
	})
}

// A refresh goes on when those who joined it have gone, and may be joined when the old key is gone.
func TestCachingRefreshIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(ctx context.Context, call int) error {
			if call > 1 {
				sleep(4 * time.Second)
			}
			return ctx.Err()
		}
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 10 * time.Second})
		seal(t, c, nil, 1).Destroy()
		sleep(59 * time.Second)
		seal(t, c, nil, 1).Destroy()
		sleep(time.Second)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := <-ask(impatient, c, nil); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("who left got %v", got.err)
		}
		k := seal(t, c, nil, 1)
		if src.count() != 2 || k != src.given[1] {
			t.Errorf("the refresh was not joined: %d calls", src.count())
		}
		k.Destroy()
	})
}

// Of a provider that does not look at its context no second call is begun beside the first.
func TestCachingRefreshOfTheDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		c := newCaching(t, deafSource{src}, &keyring.CachingOptions{RefreshAhead: 2 * time.Minute})
		seal(t, c, nil, 1).Destroy()
		src.before = func(context.Context, int) error { time.Sleep(90 * time.Second); return nil }
		sleep(3 * time.Minute)
		for range 90 {
			seal(t, c, nil, 1).Destroy()
			sleep(time.Second)
		}
		synctest.Wait()
		if src.count() != 2 {
			t.Errorf("%d calls, want 2", src.count())
		}
		if k := seal(t, c, nil, 1); k != src.given[1] {
			t.Error("a late answer was not kept")
		} else {
			k.Destroy()
		}
	})
}

// A refresh that was purged is for those who joined it, and ends when they have gone.
func TestCachingPurgedRefreshIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		stopped := false
		src.before = func(ctx context.Context, call int) error {
			if call == 2 {
				<-ctx.Done()
				stopped = true
			}
			return ctx.Err()
		}
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 10 * time.Second})
		seal(t, c, nil, 1).Destroy()
		sleep(59 * time.Second)
		seal(t, c, nil, 1).Destroy()
		sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		joined := ask(ctx, c, nil)
		synctest.Wait()
		c.Purge()
		synctest.Wait()
		if stopped {
			t.Error("the refresh was stopped under who joined it")
		}
		cancel()
		synctest.Wait()
		if got := <-joined; !stopped || !errors.Is(got.err, context.Canceled) {
			t.Errorf("the refresh was stopped: %v; who left got %v", stopped, got.err)
		}
	})
}

func TestCachingPurgeDuringRefresh(t *testing.T) {
	for name, joined := range map[string]bool{"alone": false, "joined": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource(t)
				stopped := false
				src.before = func(ctx context.Context, call int) error {
					if call == 2 {
						select {
						case <-ctx.Done():
							stopped = true
							return ctx.Err()
						case <-time.After(4 * time.Second):
						}
					}
					return nil
				}
				c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 10 * time.Second})
				seal(t, c, nil, 1).Destroy()
				sleep(58 * time.Second)
				seal(t, c, nil, 1).Destroy()
				sleep(2 * time.Second)
				var waiter <-chan answer
				if joined {
					waiter = ask(t.Context(), c, nil)
					synctest.Wait()
				}
				c.Purge()
				synctest.Wait()
				if stopped == joined {
					t.Errorf("the refresh was stopped: %v", stopped)
				}
				if joined {
					got := <-waiter
					if got.err != nil {
						t.Fatal(got.err)
					}
					got.key.Destroy()
				}
				src.wantLive(t)
				if s := c.Stats(); s.Held != 0 {
					t.Errorf("Stats = %+v, want nothing held", s)
				}
			})
		})
	}
}

// Limits are kept in a refresh, too: messages that the old key has no room for wait for the new one, as far as that has.
func TestCachingRefreshWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource(t)
		src.before = func(ctx context.Context, call int) error {
			if call > 1 {
				time.Sleep(time.Second)
			}
			return ctx.Err()
		}
		c := newCaching(t, src, &keyring.CachingOptions{MaxAge: time.Minute, RefreshAhead: 10 * time.Second, MaxMessages: 3})
		uses := map[*keyring.DataKey]int{}
		use := func(got answer) {
			if got.err != nil {
				t.Fatal(got.err)
			}
			uses[got.key]++
			got.key.Destroy()
		}
		use(<-ask(t.Context(), c, nil))
		sleep(55 * time.Second)
		use(<-ask(t.Context(), c, nil)) // refreshes
		var waiting []<-chan answer
		for range 9 {
			waiting = append(waiting, ask(t.Context(), c, nil))
		}
		for _, w := range waiting {
			use(<-w)
		}
		synctest.Wait()
		for _, n := range uses {
			if n > 3 {
				t.Errorf("a key has %d messages, limit 3", n)
			}
		}
		if s := c.Stats(); s.Fetches != 4 || s.Misses != 9 || s.Hits != 2 {
			t.Errorf("Stats = %+v", s)
		}
		c.Purge()
		src.wantLive(t)
	})
}
