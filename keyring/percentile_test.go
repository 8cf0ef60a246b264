package keyring_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// steady asks a Multi n times of two regions, of which the first takes what after says.
func steady(t *testing.T, m *keyring.Multi, first *region, n int, after func(i int) time.Duration) {
	t.Helper()
	for i := range n {
		first.after = after(i)
		if _, err := decrypt(t, m, nil, oneEntry); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // for whoever was given up
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// The delay is Hedge until there is a history, and then the percentile of it, for the very provider.
func TestHedgePercentile(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  keyring.MultiOptions
		after func(i int) time.Duration // of answers of the first region
		n     int
		want  time.Duration
	}{
		{"no history", keyring.MultiOptions{Hedge: 500 * time.Millisecond, HedgePercentile: 90}, ms, 0, 500 * time.Millisecond},
		{"no history and no Hedge", keyring.MultiOptions{HedgePercentile: 90}, ms, 0, time.Second},
		{"not enough of it", keyring.MultiOptions{HedgePercentile: 90}, ms, 31, time.Second},
		{"enough", keyring.MultiOptions{HedgePercentile: 90}, ms, 32, ms(28)},                                                                  // 29 of 0 to 31 ms
		{"median", keyring.MultiOptions{HedgePercentile: 50}, ms, 100, ms(49)},                                                                 // 50 of 0 to 99
		{"the last of it", keyring.MultiOptions{HedgePercentile: 99}, ms, 100, ms(98)},                                                         // 99 of 0 to 99
		{"the oldest is forgotten", keyring.MultiOptions{HedgePercentile: 50}, func(i int) time.Duration { return ms(500 - i) }, 256, ms(308)}, // of 245 to 372
		{"Hedge at most", keyring.MultiOptions{Hedge: ms(20), HedgePercentile: 90}, ms, 32, ms(20)},
		{"a millisecond at least", keyring.MultiOptions{HedgePercentile: 90}, func(int) time.Duration { return time.Microsecond }, 32, ms(1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := &region{name: "a"}, &region{name: "b", after: time.Hour} // it never wins
				m := newMulti(t, &tt.opts, a, b)
				steady(t, m, a, tt.n, tt.after)
				if got := m.HedgeDelays(); len(got) != 2 || got[0] != tt.want {
					t.Errorf("HedgeDelays = %v, want %v for the first", got, tt.want)
				}
				// Of those that take longer the next one is asked, after the delay and not before.
				before := m.Stats()
				asked := b.asked
				a.after = tt.want
				if tt.want > 1 {
					a.after--
				}
				if _, err := decrypt(t, m, nil, oneEntry); err != nil || b.asked != asked {
					t.Errorf("within the delay the next one was asked %d times: %v", b.asked-asked, err)
				}
				synctest.Wait()
				a.after, b.after, b.start = time.Hour, 0, time.Now()
				delay := m.HedgeDelays()[0]
				if _, err := decrypt(t, m, nil, oneEntry); err != nil || b.asked != asked+1 || b.at[len(b.at)-1] != delay {
					t.Errorf("beyond the delay of %v the next one was asked at %v: %v", delay, b.at, err)
				}
				if s := m.Stats(); s.Decrypts != before.Decrypts+2 || s.Hedges != before.Hedges+1 || s.HedgesWon != before.HedgesWon+1 {
					t.Errorf("Stats went from %+v to %+v", before, s)
				}
			})
		})
	}
}

// With the percentile 95 five of a hundred calls are made twice, and that stays so: the delay does not sink because
// answers that lose are not heard.
func TestHedgePercentileIsSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		a, b := &region{name: "a"}, &region{name: "b", after: ms(5)}
		m := newMulti(t, &keyring.MultiOptions{HedgePercentile: 95}, a, b)
		latency := func(int) time.Duration {
			return ms(10) + time.Duration(random.ExpFloat64()*float64(10*time.Millisecond))
		}
		steady(t, m, a, 200, latency)
		for range 5 {
			before := m.Stats()
			steady(t, m, a, 1000, latency)
			s := m.Stats()
			// The exact percentile of the distribution is 40 ms. Of 128 answers it lies between 31 and 60.
			if d := m.HedgeDelays()[0]; d < ms(25) || d > ms(80) {
				t.Errorf("the delay is %v", d)
			}
			if hedges := s.Hedges - before.Hedges; hedges < 20 || hedges > 110 {
				t.Errorf("%d calls of 1000 were made twice", hedges)
			}
		}
	})
}

// A region that becomes slow for good is hedged at each call at first, and then waited for longer, up to Hedge; and one
// that is fast again is soon trusted again.
func TestHedgePercentileFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &region{name: "a"}, &region{name: "b", after: ms(5)}
		m := newMulti(t, &keyring.MultiOptions{Hedge: ms(200), HedgePercentile: 90}, a, b)
		steady(t, m, a, 128, func(int) time.Duration { return ms(10) })
		before := m.Stats()
		steady(t, m, a, 10, func(int) time.Duration { return ms(100) })
		if s := m.Stats(); s.HedgesWon != before.HedgesWon+10 {
			t.Errorf("of ten slow calls %d were won by a hedge", s.HedgesWon-before.HedgesWon)
		}
		steady(t, m, a, 1000, func(int) time.Duration { return ms(100) })
		if d := m.HedgeDelays()[0]; d < ms(90) || d > ms(110) {
			t.Errorf("the delay of a region that takes 100 ms is %v", d)
		}
		steady(t, m, a, 3000, func(int) time.Duration { return time.Hour })
		if d := m.HedgeDelays()[0]; d != ms(200) {
			t.Errorf("the delay of a region that is lost is %v, want 200ms", d)
		}
		steady(t, m, a, 128, func(int) time.Duration { return ms(10) })
		if d := m.HedgeDelays()[0]; d != ms(10) {
			t.Errorf("the delay of a region that is back is %v, want 10ms", d)
		}
	})
}

// Failures say nothing of how long an answer takes, nor do answers that nobody waited for long enough.
func TestHedgePercentileCountsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &region{name: "a", err: errOutage}, &region{name: "b", after: ms(7)}
		m := newMulti(t, &keyring.MultiOptions{HedgePercentile: 90}, a, b)
		steady(t, m, a, 40, func(int) time.Duration { return ms(1) })
		if got := m.HedgeDelays(); got[0] != time.Second || got[1] != ms(7) {
			t.Errorf("after failures of the first region and answers of the second the delays are %v", got)
		}
		// The second is asked when the first has had a second, and given up soon after.
		a.err, b.after = nil, ms(500)
		steady(t, m, a, 10, func(int) time.Duration { return time.Second + ms(1) })
		if got := m.HedgeDelays()[1]; got != ms(7) {
			t.Errorf("after calls that were given up early the delay of the second region is %v, want 7ms", got)
		}
	})
}

func TestHedgePercentileConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := func() time.Duration { return time.Duration(rand.IntN(20)) * time.Millisecond }
		answer := func(name string) stub {
			return stub{decrypt: func(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
				select {
				case <-time.After(random()):
					return keyring.NewDataKey(req.Suite, secretKey(), format.Record{{Provider: "kms", KeyID: name, Ciphertext: []byte{1}}}, 0)
				case <-ctx.Done():
					return nil, fmt.Errorf("%s: %w", name, ctx.Err())
				}
			}}
		}
		m := newMulti(t, &keyring.MultiOptions{HedgePercentile: 80}, answer("a"), answer("b"), answer("c"))
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 50 {
					k, err := m.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.AES256GCM, Record: oneEntry})
					if err != nil {
						t.Error(err)
					}
					k.Destroy()
				}
			})
		}
		wg.Wait()
		if s := m.Stats(); s.Decrypts != 800 || s.Hedges < s.HedgesWon || s.Hedges == 0 {
			t.Errorf("Stats = %+v", s)
		}
	})
}
