package kmsclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// jitter is the longest that n waits can take together.
func jitter(n int) (longest time.Duration) {
	for i := range n {
		longest += min(200*time.Millisecond<<i, 5*time.Second)
	}
	return longest
}

func TestRetries(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answer   roundTrip
		want     error
		code     string
		again    bool // five attempts, or one
		at, most time.Duration
	}{
		{"throttled", always(429, `{"Code":"Rejected.Throttling"}`), kmsapi.ErrThrottled, "Rejected.Throttling", true, 0, jitter(4)},
		{"throttled by the gateway", always(400, `{"Code":"Throttling"}`), kmsapi.ErrThrottled, "Throttling", true, 0, jitter(4)},
		{"throttled as a user", always(400, `{"Code":"Throttling.User"}`), kmsapi.ErrThrottled, "Throttling.User", true, 0, jitter(4)},
		{"throttled by a proxy", always(429, "slow down"), kmsapi.ErrThrottled, "Client.Unreachable", true, 0, jitter(4)},
		{"500", always(500, `{"Code":"InternalFailure"}`), kmsapi.ErrUnavailable, "InternalFailure", true, 0, jitter(4)},
		{"InternalError", always(500, `{"Code":"InternalError"}`), kmsapi.ErrUnavailable, "InternalError", true, 0, jitter(4)},
		{"503", always(503, busy), kmsapi.ErrUnavailable, "ServiceUnavailableTemporary", true, 0, jitter(4)},
		{"502 of a proxy", always(502, "<html>bad gateway</html>"), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"500 of nothing", always(500, ""), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"refused", failing(opError(os.NewSyscallError("connect", syscall.ECONNREFUSED))), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"reset", failing(&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"bare reset", failing(syscall.ECONNRESET), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"end", failing(io.EOF), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"closed while idle", failing(errors.New("http: server closed idle connection")), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"cut body", cutBody, kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"slow name service", failing(opError(&net.DNSError{IsTimeout: true})), kmsapi.ErrUnavailable, "Client.Unreachable", true, 0, jitter(4)},
		{"a delay that is asked for", withHeader(always(503, busy), "x-acs-retry-after", "3000"), kmsapi.ErrUnavailable, "ServiceUnavailableTemporary", true, 12 * time.Second, 12 * time.Second},
		{"a delay of the gateway", withHeader(always(400, `{"Code":"Throttling.Api"}`), "X-RateLimit-User-API", "Limit:1,Remain:0,TimeLeft:2000"), kmsapi.ErrThrottled, "Throttling.Api", true, 8 * time.Second, 8 * time.Second},
		{"a delay that is none", withHeader(always(503, busy), "X-Acs-Retry-After", "-1e9"), kmsapi.ErrUnavailable, "ServiceUnavailableTemporary", true, 0, jitter(4)},

		{"not found", always(404, `{"Code":"Forbidden.KeyNotFound"}`), kmsapi.ErrKeyNotFound, "Forbidden.KeyNotFound", false, 0, 0},
		{"no such alias", always(404, `{"Code":"Forbidden.AliasNotFound"}`), kmsclient.ErrAliasNotFound, "Forbidden.AliasNotFound", false, 0, 0},
		{"disabled", always(409, `{"Code":"Rejected.Disabled"}`), kmsapi.ErrDisabled, "Rejected.Disabled", false, 0, 0},
		{"denied", always(403, `{"Code":"Forbidden.NoPermission"}`), kmsapi.ErrAccessDenied, "Forbidden.NoPermission", false, 0, 0},
		{"unknown", always(400, `{"Code":"New"}`), nil, "New", false, 0, 0},
		{"skewed", always(400, `{"Code":"IllegalTimestamp"}`), kmsclient.ErrClockSkewed, "IllegalTimestamp", false, 0, 0},
		{"garbage", always(200, "\x00\x01"), kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", false, 0, 0},
		{"nothing", always(200, ""), kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", false, 0, 0},
		{"null", always(200, "null"), kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", false, 0, 0},
		{"huge", always(200, strings.Repeat(" ", 1<<20)+described), kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", false, 0, 0},
		{"redirect", always(302, ""), kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", false, 0, 0},
		{"certificate", failing(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), kmsapi.ErrUnavailable, "Client.Unreachable", false, 0, 0},
		{"alert", failing(opError(tls.AlertError(42))), kmsapi.ErrUnavailable, "Client.Unreachable", false, 0, 0},
		{"no such host", failing(opError(&net.DNSError{IsNotFound: true})), kmsapi.ErrUnavailable, "Client.Unreachable", false, 0, 0},
		{"unknown failure", failing(errors.New("boom")), kmsapi.ErrUnavailable, "Client.Unreachable", false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := &answering{answers: []roundTrip{tt.answer}}
				c := newClient(t, kmsclient.Options{Transport: rt})
				start := time.Now()
				err := describe(t.Context(), c)
				took := time.Since(start)
				e := asError(t, err)
				want := 1
				if tt.again {
					want = 5
				}
				if rt.calls != want || e.Attempts != want || len(rt.nonces) != want {
					t.Errorf("%d requests with %d nonces, the error says %d, want %d", rt.calls, len(rt.nonces), e.Attempts, want)
				}
				if tt.want != nil && !errors.Is(err, tt.want) || e.Code != tt.code || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error = %v, want %v, %s", err, tt.want, tt.code)
				}
				if took < tt.at || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.at, tt.most)
				}
			})
		})
	}
}

// An attempt that has no answer is given up after Options.Timeout, and all of them after Options.MaxElapsed.
func TestTimeouts(t *testing.T) {
	for name, rt := range map[string]roundTrip{"no header": silent, "no end of the body": slowBody} {
		for _, tt := range []struct {
			opts    kmsclient.Options
			calls   int
			at, max time.Duration
		}{
			{kmsclient.Options{}, 3, 30 * time.Second, 30 * time.Second},
			{kmsclient.Options{Timeout: time.Second}, 5, 5 * time.Second, 5*time.Second + jitter(4)},
			{kmsclient.Options{Timeout: time.Second, MaxAttempts: 1}, 1, time.Second, time.Second},
			{kmsclient.Options{Timeout: time.Minute}, 1, 30 * time.Second, 30 * time.Second},
			{kmsclient.Options{Timeout: 10 * time.Second, MaxElapsed: 10 * time.Second}, 1, 10 * time.Second, 10 * time.Second},
		} {
			t.Run(fmt.Sprintf("%s/%v/%v", name, tt.opts.Timeout, tt.opts.MaxElapsed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &answering{answers: []roundTrip{rt}}
					tt.opts.Transport = a
					c := newClient(t, tt.opts)
					start := time.Now()
					err := describe(t.Context(), c)
					took := time.Since(start)
					if !errors.Is(err, kmsapi.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("error = %v, want ErrUnavailable", err)
					}
					if a.calls != tt.calls || asError(t, err).Attempts != tt.calls || took < tt.at || took > tt.max {
						t.Errorf("%d requests in %v, want %d in %v to %v: %v", a.calls, took, tt.calls, tt.at, tt.max, err)
					}
				})
			})
		}
	}
}

func TestSuccessAfterRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []kmsclient.CallInfo
		rt := &answering{answers: []roundTrip{always(503, busy), failing(io.EOF), always(200, described)}}
		c := newClient(t, kmsclient.Options{Transport: rt, Hook: func(_ context.Context, i kmsclient.CallInfo) { told = append(told, i) }})
		start := time.Now()
		if err := describe(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		want := kmsclient.CallInfo{Op: "DescribeKey", KeyID: "k", Region: "cn-hangzhou", Start: start, Duration: time.Since(start), Attempts: 3, RequestID: "ok"}
		if len(told) != 1 || told[0] != want {
			t.Errorf("the hook was told %+v, want %+v", told, want)
		}
	})
}

// The deadline of the caller counts above all: no wait is begun that it would cut short.
func TestDeadlineBeforeRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &answering{answers: []roundTrip{withHeader(always(503, busy), "X-Acs-Retry-After", "2000")}}
		c := newClient(t, kmsclient.Options{Transport: rt})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		err := describe(ctx, c)
		if took := time.Since(start); rt.calls != 2 || took != 2*time.Second {
			t.Errorf("%d requests in %v, want 2 in 2s", rt.calls, took)
		}
		// Nothing has ended the call but the service.
		if e := asError(t, err); !errors.Is(err, kmsapi.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || e.RequestID != "busy" || !strings.Contains(e.Error(), "the context's deadline leaves no time") {
			t.Errorf("error = %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		rt := &answering{answers: []roundTrip{withHeader(always(503, busy), "X-Acs-Retry-After", "20000")}}
		c := newClient(t, kmsclient.Options{Transport: rt})
		start := time.Now()
		err := describe(t.Context(), c)
		if took := time.Since(start); rt.calls != 2 || took != 20*time.Second || !strings.Contains(err.Error(), "30s leave no time") {
			t.Errorf("%d requests in %v: %v", rt.calls, took, err)
		}
	})
}

// A call returns at the very moment at which its context is done, wherever it is.
func TestContextEndsCall(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rt    roundTrip
		stuck bool // there are no credentials
		calls int
		also  error // what the service said before
	}{
		{"before the header", silent, false, 1, nil},
		{"in the body", slowBody, false, 1, nil},
		{"waiting to try again", withHeader(always(503, busy), "X-Acs-Retry-After", "5000"), false, 1, kmsapi.ErrUnavailable},
		{"waiting for credentials", silent, true, 0, nil},
	} {
		for want, end := range map[error]func(ctx context.Context) (context.Context, context.CancelFunc){
			context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(3*time.Second, cancel)
				return ctx, cancel
			},
			context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*time.Second)
			},
		} {
			if tt.also != nil && want == context.DeadlineExceeded {
				continue // then it does not wait at all
			}
			t.Run(fmt.Sprintf("%s/%v", tt.name, want), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rt := &answering{answers: []roundTrip{tt.rt}}
					opts := kmsclient.Options{Transport: rt}
					if tt.stuck {
						stuck := stuckCredential{make(chan struct{})}
						defer close(stuck.release)
						opts.Credential = stuck
					}
					c := newClient(t, opts)
					ctx, cancel := end(t.Context())
					defer cancel()
					start := time.Now()
					err := describe(ctx, c)
					if took := time.Since(start); took != 3*time.Second || rt.calls != tt.calls {
						t.Errorf("%d requests in %v, want %d in 3s", rt.calls, took, tt.calls)
					}
					if !errors.Is(err, want) || tt.also != nil && !errors.Is(err, tt.also) || tt.also == nil && errors.Is(err, kmsapi.ErrUnavailable) {
						t.Errorf("error = %v, want %v and %v", err, want, tt.also)
					}
					if e := asError(t, err); e.Attempts != tt.calls {
						t.Errorf("error says %d attempts, want %d", e.Attempts, tt.calls)
					}
				})
			})
		}
	}
}

// A context that is done makes no request at all.
func TestDoneContext(t *testing.T) {
	rt := &answering{answers: []roundTrip{always(200, described)}}
	c := newClient(t, kmsclient.Options{Transport: rt})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, call := range calls(ctx, c) {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", op, err)
		}
	}
	if rt.calls != 0 {
		t.Errorf("%d requests", rt.calls)
	}
}

// A service in distress gets a hundred retries of a client at first, and then one for ten calls that succeed.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &answering{answers: []roundTrip{always(503, busy)}}
		c := newClient(t, kmsclient.Options{Transport: rt})
		const n = 200
		for range n {
			if err := describe(t.Context(), c); !errors.Is(err, kmsapi.ErrUnavailable) {
				t.Fatal(err)
			}
		}
		if rt.calls != n+100 {
			t.Errorf("%d requests for %d calls, want %d", rt.calls, n, n+100)
		}
		if err := describe(t.Context(), c); !strings.Contains(err.Error(), "too many calls have failed") {
			t.Errorf("error = %v", err)
		}
		rt.answers, rt.calls = []roundTrip{always(200, described)}, 0
		for range 29 {
			if err := describe(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		rt.answers, rt.calls = []roundTrip{always(503, busy)}, 0
		for range 5 {
			describe(t.Context(), c)
		}
		if rt.calls != 5+2 {
			t.Errorf("%d requests for 5 calls after 29 that succeeded, want 7", rt.calls)
		}
	})
}

// A *url.Error without a cause is taken as it is.
func TestURLErrorOfNothing(t *testing.T) {
	c := newClient(t, kmsclient.Options{Transport: failing(&url.Error{Op: "x", URL: "y", Err: io.EOF}), MaxAttempts: 1})
	if e := asError(t, describe(t.Context(), c)); e.Message != "EOF" {
		t.Errorf("message %q", e.Message)
	}
}
