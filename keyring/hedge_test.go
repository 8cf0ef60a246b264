package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

const hedge = 100 * time.Millisecond

// A region is a provider that answers after some time, by the bubble's clock.
type region struct {
	name  string
	after time.Duration
	err   error // instead of a key
	deaf  bool  // does not heed its context

	asked     int
	at        []time.Duration // since start
	start     time.Time
	cancelled bool
	made      *keyring.DataKey
	saw       *keyring.DecryptRequest // what it saw of the request when it answered
}

func (r *region) GenerateDataKey(context.Context, *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return nil, errors.ErrUnsupported
}

func (r *region) Wrap(context.Context, *keyring.WrapRequest) (format.Record, error) {
	return nil, errors.ErrUnsupported
}

func (r *region) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	r.asked++
	r.at = append(r.at, time.Since(r.start))
	done := ctx.Done()
	if r.deaf {
		done = nil
	}
	select {
	case <-time.After(r.after):
	case <-done:
		r.cancelled = true
		return nil, fmt.Errorf("%s: %w", r.name, ctx.Err())
	}
	r.cancelled = ctx.Err() != nil
	r.saw = &keyring.DecryptRequest{Suite: req.Suite, Context: bytes.Clone(req.Context), Record: req.Record.Clone()}
	if r.err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, r.err)
	}
	k, err := keyring.NewDataKey(req.Suite, secretKey(), format.Record{{Provider: "kms", KeyID: r.name, Ciphertext: []byte{1}}}, 0)
	r.made = k
	return k, err
}

func TestHedge(t *testing.T) {
	const (
		never = time.Hour
		fast  = hedge / 4
	)
	for _, tt := range []struct {
		name    string
		regions []*region
		opened  string // by which, "" for an error
		want    error
		took    time.Duration
		asked   string // when, by region
		stats   keyring.MultiStats
	}{
		{
			"a fast answer asks nobody else", []*region{{after: fast}, {}}, "a", nil, fast, "0s -", keyring.MultiStats{},
		}, {
			"a slow answer loses", []*region{{after: never}, {after: fast}}, "b", nil, hedge + fast, "0s 100ms",
			keyring.MultiStats{Hedges: 1, HedgesWon: 1},
		}, {
			"a slow answer still wins", []*region{{after: hedge + fast}, {after: never}}, "a", nil, hedge + fast, "0s 100ms",
			keyring.MultiStats{Hedges: 1},
		}, {
			"each waits for its own delay", []*region{{after: never}, {after: never}, {after: fast}}, "c", nil, 2*hedge + fast, "0s 100ms 200ms",
			keyring.MultiStats{Hedges: 2, HedgesWon: 1},
		}, {
			"a failure does not wait", []*region{{after: fast, err: errOutage}, {after: fast}}, "b", nil, 2 * fast, "0s 25ms", keyring.MultiStats{},
		}, {
			"after a failure the delay begins anew", []*region{{after: fast, err: errOutage}, {after: never}, {after: fast}}, "c", nil,
			hedge + 2*fast, "0s 25ms 125ms", keyring.MultiStats{Hedges: 1, HedgesWon: 1},
		}, {
			"a hedge that fails goes on at once", []*region{{after: never}, {after: fast, err: errOutage}, {after: fast}}, "c", nil,
			hedge + 2*fast, "0s 100ms 125ms", keyring.MultiStats{Hedges: 1},
		}, {
			"a slow answer wins after the hedges have failed", []*region{{after: 3 * hedge}, {err: errOutage}, {err: errOutage}}, "a", nil,
			3 * hedge, "0s 100ms 100ms", keyring.MultiStats{Hedges: 1},
		}, {
			"all fail", []*region{{after: hedge + fast, err: errOutage}, {after: fast / 2, err: keyring.ErrNoMatch}}, "", errOutage,
			hedge + fast, "0s 100ms", keyring.MultiStats{Hedges: 1},
		}, {
			"none matches", []*region{{err: keyring.ErrNoMatch}, {err: keyring.ErrNoMatch}}, "", keyring.ErrNoMatch, 0, "0s 0s", keyring.MultiStats{},
		}, {
			"one provider has nobody besides", []*region{{after: 3 * hedge}}, "a", nil, 3 * hedge, "0s", keyring.MultiStats{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var providers []keyring.KeyProvider
				for i, r := range tt.regions {
					r.name, r.start = string(rune('a'+i)), time.Now()
					providers = append(providers, r)
				}
				m := newMulti(t, &keyring.MultiOptions{Hedge: hedge}, providers...)
				start := time.Now()
				k, err := decrypt(t, m, nil, oneEntry)
				if took := time.Since(start); took != tt.took {
					t.Errorf("Decrypt took %v, want %v", took, tt.took)
				}
				synctest.Wait() // for those that were given up: all heed their context
				if !errors.Is(err, tt.want) || tt.want != keyring.ErrNoMatch && errors.Is(err, keyring.ErrNoMatch) {
					t.Errorf("Decrypt = %v, want %v", err, tt.want)
				}
				if _, id := k.OpenedBy(); id != tt.opened {
					t.Errorf("OpenedBy = %q, want %q", id, tt.opened)
				}
				var asked []string
				for _, r := range tt.regions {
					at := "-"
					if r.asked > 0 {
						at = r.at[0].String()
					}
					asked = append(asked, at)
					if r.asked > 1 {
						t.Errorf("%s was asked %d times", r.name, r.asked)
					}
					if r.asked > 0 && r.saw == nil && !r.cancelled {
						t.Errorf("%s was neither heard nor cancelled", r.name)
					}
				}
				if got := strings.Join(asked, " "); got != tt.asked {
					t.Errorf("asked at %s, want %s", got, tt.asked)
				}
				if len(providers) > 1 {
					tt.stats.Decrypts = 1
				}
				if got := m.Stats(); got != tt.stats {
					t.Errorf("Stats = %+v, want %+v", got, tt.stats)
				}
				for i, d := range m.HedgeDelays() {
					if d != hedge {
						t.Errorf("the delay of provider %d is %v, want %v", i, d, hedge)
					}
				}
			})
		})
	}
}

// Causes are in the order of the providers, not of their answers.
func TestHedgeCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := &region{name: "a", after: 3 * hedge, err: errOutage}, &region{name: "b", err: errOutage}, &region{name: "c", err: keyring.ErrNoMatch}
		_, err := decrypt(t, newMulti(t, &keyring.MultiOptions{Hedge: hedge}, a, newRecipient(t), b, c), nil, oneEntry)
		var unwrap *keyring.UnwrapError
		if !errors.As(err, &unwrap) || len(unwrap.Errs) != 4 {
			t.Fatalf("Decrypt = %v, want an UnwrapError of 4", err)
		}
		for i, want := range []string{"a: outage", "InsecureAllowUnauthenticatedSenders", "b: outage", "c: no wrapped key"} {
			if !strings.Contains(unwrap.Errs[i].Error(), want) {
				t.Errorf("cause %d = %v, want %s", i, unwrap.Errs[i], want)
			}
		}
	})
}

// A provider that does not heed its context is not waited for, does not see what the caller does with his slices
// meanwhile, and what it opens in the end is wiped.
func TestHedgeLateKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late, fast := &region{name: "late", after: time.Hour, deaf: true}, &region{name: "fast"}
		m := newMulti(t, &keyring.MultiOptions{Hedge: hedge}, late, fast)
		ec, r := pairs(t, map[string]string{"tenant": "42"}), oneEntry.Clone()
		wasEC, was := bytes.Clone(ec), r.Clone()
		start := time.Now()
		k, err := decrypt(t, m, ec, r)
		if err != nil || time.Since(start) != hedge {
			t.Fatalf("Decrypt = %v after %v", err, time.Since(start))
		}
		clear(ec)
		clear(r[0].Ciphertext)
		r[0] = format.WrappedKey{}
		time.Sleep(time.Hour)
		synctest.Wait()
		if late.made == nil || !late.cancelled {
			t.Fatal("the late provider did not answer, or was not cancelled")
		}
		if !destroyed(late.made) {
			t.Error("the late key was not wiped")
		}
		if destroyed(k) {
			t.Error("the key that won was wiped")
		}
		if !bytes.Equal(late.saw.Context, wasEC) || late.saw.Record[0].KeyID != was[0].KeyID || !bytes.Equal(late.saw.Record[0].Ciphertext, was[0].Ciphertext) {
			t.Errorf("the late provider saw %v", late.saw)
		}
	})
}

func TestHedgeCancelled(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b *region
		want error
		took time.Duration
	}{
		{"while the first is asked", &region{after: time.Hour}, &region{}, context.DeadlineExceeded, hedge / 2},
		{"while all are asked", &region{after: time.Hour, deaf: true}, &region{after: time.Hour, deaf: true}, context.DeadlineExceeded, 2 * hedge},
		{"after one has failed", &region{after: time.Hour, deaf: true}, &region{err: errOutage}, context.DeadlineExceeded, 2 * hedge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.took)
				defer cancel()
				m := newMulti(t, &keyring.MultiOptions{Hedge: hedge}, tt.a, tt.b)
				start := time.Now()
				k, err := m.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: oneEntry})
				if k != nil || !errors.Is(err, tt.want) || errors.Is(err, keyring.ErrNoMatch) {
					t.Errorf("Decrypt = %v, %v, want %v", k, err, tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("Decrypt took %v, want %v", took, tt.took)
				}
				if tt.b.err != nil && !errors.Is(err, tt.b.err) {
					t.Errorf("Decrypt = %v, which hides %v", err, tt.b.err)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				for _, r := range []*region{tt.a, tt.b} {
					if r.made != nil && !destroyed(r.made) {
						t.Error("a key that came too late was not wiped")
					}
				}
			})
		})
	}
}

// A provider that fails because the context is done is the last one to be asked.
func TestHedgeCancelledByAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := newMulti(t, &keyring.MultiOptions{Hedge: time.Hour}, stub{decrypt: func(context.Context, *keyring.DecryptRequest) (*keyring.DataKey, error) {
		cancel()
		return nil, keyring.ErrNoMatch
	}}, stub{})
	k, err := m.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: oneEntry})
	if k != nil || !errors.Is(err, context.Canceled) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, %v, want context.Canceled", k, err)
	}
}
