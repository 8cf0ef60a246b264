package kmsclient_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A twoRegions is a CMK in each of two regions, of which the first can be in trouble.
type twoRegions struct {
	server  *refkms.Server
	regions *kmsclient.Regions
	arns    [2]string
	trouble atomic.Pointer[roundTrip] // of the first region, nil if it has none
	asked   [2]atomic.Int32
}

func newTwoRegions(t *testing.T) *twoRegions {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &twoRegions{server: server}
	for i, region := range []string{"cn-hangzhou", "cn-beijing"} {
		k, err := server.Client(&refkms.ClientOptions{Region: region}).CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		w.arns[i] = k.ARN
	}
	id, secret := server.AccessKey()
	w.regions, err = kmsclient.NewRegions(&kmsclient.Options{
		Credential: accessKey(t, id, secret),
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "kms.cn-beijing.aliyuncs.com" {
				w.asked[1].Add(1)
			} else {
				w.asked[0].Add(1)
				if f := w.trouble.Load(); f != nil {
					return (*f)(r)
				}
			}
			return server.Transport().RoundTrip(r)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// multi returns a provider of both CMKs.
func (w *twoRegions) multi(t *testing.T, opts *keyring.MultiOptions) *keyring.Multi {
	t.Helper()
	var providers []keyring.KeyProvider
	for _, arn := range w.arns {
		c, err := w.regions.ForARN(arn)
		if err != nil {
			t.Fatal(err)
		}
		providers = append(providers, newProvider(t, c, arn))
	}
	m, err := keyring.NewMulti(providers, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newEnvelope(t *testing.T, p keyring.KeyProvider) *envelope.Client {
	t.Helper()
	c, err := envelope.New(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Messages for two regions open while one of them is lost, however it is.
func TestLossOfARegion(t *testing.T) {
	for name, trouble := range map[string]roundTrip{
		"refused": failing(opError(syscall.ECONNREFUSED)), "503": always(503, busy), "silent": silent, "garbage": always(200, "?"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTwoRegions(t)
				client := newEnvelope(t, w.multi(t, nil))
				message, err := client.Encrypt(t.Context(), []byte("hello"), nil)
				if err != nil {
					t.Fatal(err)
				}
				w.trouble.Store(&trouble)
				start := time.Now()
				text, err := client.Decrypt(t.Context(), message, nil)
				if took := time.Since(start); err != nil || string(text) != "hello" || took > 30*time.Second {
					t.Errorf("Decrypt = %q, %v after %v", text, err, took)
				}
			})
		})
	}
}

// With hedging nobody waits for a region that is slow: the other is asked meanwhile, and the call of the first is ended.
func TestHedgedOverRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoRegions(t)
		multi := w.multi(t, &keyring.MultiOptions{Hedge: 100 * time.Millisecond})
		client := newEnvelope(t, multi)
		message, err := client.Encrypt(t.Context(), []byte("hello"), nil)
		if err != nil {
			t.Fatal(err)
		}
		var ended error
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			ended = r.Context().Err()
			return nil, ended
		})
		w.trouble.Store(&slow)
		w.asked[0].Store(0)
		w.asked[1].Store(0)
		start := time.Now()
		text, err := client.Decrypt(t.Context(), message, nil)
		if took := time.Since(start); err != nil || string(text) != "hello" || took != 100*time.Millisecond {
			t.Errorf("Decrypt = %q, %v after %v, want 100ms", text, err, took)
		}
		synctest.Wait()
		if !errors.Is(ended, context.Canceled) || w.asked[0].Load() != 1 || w.asked[1].Load() != 1 {
			t.Errorf("the call of the slow region ended with %v; %d and %d requests", ended, w.asked[0].Load(), w.asked[1].Load())
		}
		if s := multi.Stats(); s.Hedges != 1 || s.HedgesWon != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A percentile needs no delay that is guessed: once the first region has answered some times in 20 ms, an answer that takes
// longer is overtaken.
func TestHedgedByHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTwoRegions(t)
		multi := w.multi(t, &keyring.MultiOptions{HedgePercentile: 95})
		client := newEnvelope(t, multi)
		message, err := client.Encrypt(t.Context(), []byte("hello"), nil)
		if err != nil {
			t.Fatal(err)
		}
		after := func(d time.Duration) *roundTrip {
			f := roundTrip(func(r *http.Request) (*http.Response, error) {
				select {
				case <-time.After(d):
					return w.server.Transport().RoundTrip(r)
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			})
			return &f
		}
		open := func() time.Duration {
			t.Helper()
			start := time.Now()
			if text, err := client.Decrypt(t.Context(), message, nil); err != nil || string(text) != "hello" {
				t.Fatalf("Decrypt = %q, %v", text, err)
			}
			return time.Since(start)
		}
		w.trouble.Store(after(20 * time.Millisecond))
		for range 32 {
			open()
		}
		w.trouble.Store(after(5 * time.Second))
		w.asked[1].Store(0)
		if took := open(); took != 20*time.Millisecond || w.asked[1].Load() != 1 {
			t.Errorf("Decrypt took %v and %d requests to the second region, want 20ms and one", took, w.asked[1].Load())
		}
		if s, d := multi.Stats(), multi.HedgeDelays(); s != (keyring.MultiStats{Decrypts: 33, Hedges: 1, HedgesWon: 1}) || d[0] != 20*time.Millisecond {
			t.Errorf("%+v with the delays %v", s, d)
		}
	})
}

// Discovery opens what any key of the account has wrapped, where the strict provider makes no call for it.
func TestDiscoveryOverRegions(t *testing.T) {
	w := newTwoRegions(t)
	apis := map[string]kmsapi.API{}
	for _, region := range []string{"cn-hangzhou", "cn-beijing"} {
		c, err := w.regions.For(region)
		if err != nil {
			t.Fatal(err)
		}
		apis[region] = c
	}
	second := newEnvelope(t, newProvider(t, apis["cn-beijing"].(*kmsclient.Client), w.arns[1]))
	message, err := second.Encrypt(t.Context(), []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	discovery, err := keyring.NewDiscovery(apis, []string{refkms.DefaultAccount})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := newEnvelope(t, discovery).Decrypt(t.Context(), message, nil); err != nil || string(text) != "hello" {
		t.Errorf("Decrypt = %q, %v", text, err)
	}
	w.asked[0].Store(0)
	strict := newEnvelope(t, newProvider(t, apis["cn-hangzhou"].(*kmsclient.Client), w.arns[0]))
	if _, err := strict.Decrypt(t.Context(), message, nil); !errors.Is(err, keyring.ErrNoMatch) || w.asked[0].Load() != 0 {
		t.Errorf("Decrypt of the strict provider = %v after %d requests, want ErrNoMatch after none", err, w.asked[0].Load())
	}
}
