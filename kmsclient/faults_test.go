package kmsclient_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A counter counts what is sent through a transport, and runs then after the answer to the first request.
type counter struct {
	base http.RoundTripper
	then func()
	sent atomic.Int32
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	first := c.sent.Add(1) == 1
	resp, err := c.base.RoundTrip(r)
	if first && c.then != nil {
		c.then()
	}
	return resp, err
}

// newFaultWorld returns a world whose requests are counted.
func newFaultWorld(t *testing.T, opts kmsclient.Options) (*world, *counter) {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	sent := &counter{base: server.Transport()}
	opts.Transport = sent
	return join(t, server, opts), sent
}

func (w *world) generate(ctx context.Context, key string) (*kmsapi.GenerateDataKeyResponse, error) {
	return w.client.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: key, EncryptionContext: map[string]string{"tenant": "42"}})
}

const second = time.Second

// A faultCase is a fault of the reference KMS and what becomes of a call that suffers it.
type faultCase struct {
	name     string
	fault    refkms.Fault // of GenerateDataKey over HTTP
	deadline time.Duration
	want     error // nil for success
	code     string
	sent     int // requests
	made     int // of them, how many the service says it has carried out or refused
	at, most time.Duration
}

var faultCases = []faultCase{
	{"throttled", refkms.Fault{Kind: refkms.FaultThrottled}, 0, kmsapi.ErrThrottled, "Rejected.Throttling", 5, 5, 0, jitter(4)},
	{"throttled by the gateway", refkms.Fault{Kind: refkms.FaultGatewayThrottled}, 0, kmsapi.ErrThrottled, "Throttling", 5, 5, 0, jitter(4)},
	{"throttled as a user", refkms.Fault{Kind: refkms.FaultUserThrottled}, 0, kmsapi.ErrThrottled, "Throttling.User", 5, 5, 0, jitter(4)},
	{"throttled until it says", refkms.Fault{Kind: refkms.FaultUserThrottled, Delay: 2 * second}, 0, kmsapi.ErrThrottled, "Throttling.User", 5, 5, 8 * second, 8 * second},
	{"throttled longer than there is time", refkms.Fault{Kind: refkms.FaultUserThrottled, Delay: 2 * second}, 3 * second, kmsapi.ErrThrottled, "Throttling.User", 2, 2, 2 * second, 2 * second},
	{"throttled twice", refkms.Fault{Kind: refkms.FaultThrottled, Times: 2}, 0, nil, "", 3, 3, 0, jitter(2)},
	{"500", refkms.Fault{Kind: refkms.FaultInternal}, 0, kmsapi.ErrUnavailable, "InternalFailure", 5, 5, 0, jitter(4)},
	{"500 once", refkms.Fault{Kind: refkms.FaultInternal, Times: 1}, 0, nil, "", 2, 2, 0, jitter(1)},
	{"503", refkms.Fault{Kind: refkms.FaultUnavailable}, 0, kmsapi.ErrUnavailable, "ServiceUnavailableTemporary", 5, 5, 0, jitter(4)},
	{"503 four times", refkms.Fault{Kind: refkms.FaultUnavailable, Times: 4}, 0, nil, "", 5, 5, 0, jitter(4)},
	{"a refusal that stays", refkms.Fault{Kind: refkms.FaultRefusal, Status: 409, Code: "Rejected.Unavailable"}, 0, kmsapi.ErrKeyUnavailable, "Rejected.Unavailable", 1, 1, 0, 0},
	{"latency", refkms.Fault{Kind: refkms.FaultLatency, Delay: 3 * second}, 0, nil, "", 1, 1, 3 * second, 3 * second},
	{"latency above the time of an attempt", refkms.Fault{Kind: refkms.FaultLatency, Delay: 15 * second}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 3, 0, 30 * second, 30 * second},
	{"latency above that of an attempt, once", refkms.Fault{Kind: refkms.FaultLatency, Delay: 15 * second, Times: 1}, 0, nil, "", 2, 1, 10 * second, 10*second + jitter(1)},
	{"latency above the deadline", refkms.Fault{Kind: refkms.FaultLatency, Delay: 15 * second}, 4 * second, context.DeadlineExceeded, "Client.DeadlineExceeded", 1, 0, 4 * second, 4 * second},
	{"dropped before the effect", refkms.Fault{Kind: refkms.FaultLostBefore}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 5, 0, 0, jitter(4)},
	{"dropped before the effect, once", refkms.Fault{Kind: refkms.FaultLostBefore, Times: 1}, 0, nil, "", 2, 1, 0, jitter(1)},
	{"dropped after the effect", refkms.Fault{Kind: refkms.FaultLostAfter}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 5, 5, 0, jitter(4)},
	{"dropped after the effect, once", refkms.Fault{Kind: refkms.FaultLostAfter, Times: 1}, 0, nil, "", 2, 2, 0, jitter(1)},
	{"a wrong answer", refkms.Fault{Kind: refkms.FaultWrongAnswer, Answer: map[string]string{"Plaintext": ""}}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"a garbage body", refkms.Fault{Kind: refkms.FaultGarbage}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"a page of a proxy", refkms.Fault{Kind: refkms.FaultHTML}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 5, 5, 0, jitter(4)},
	{"an empty body", refkms.Fault{Kind: refkms.FaultEmpty}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"a truncated body", refkms.Fault{Kind: refkms.FaultTruncated, Bytes: 40}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"a body truncated by a byte", refkms.Fault{Kind: refkms.FaultTruncated, Bytes: 1 << 20}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"other types", refkms.Fault{Kind: refkms.FaultTypes}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"a huge body", refkms.Fault{Kind: refkms.FaultHuge}, 0, kmsclient.ErrInvalidAnswer, "Client.InvalidAnswer", 1, 1, 0, 0},
	{"a body as long as is taken", refkms.Fault{Kind: refkms.FaultHuge, Bytes: 1 << 20}, 0, nil, "", 1, 1, 0, 0},
	{"a late header", refkms.Fault{Kind: refkms.FaultLate, Delay: 3 * second}, 0, nil, "", 1, 1, 3 * second, 3 * second},
	{"a header that does not come", refkms.Fault{Kind: refkms.FaultLate, Delay: time.Hour}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 3, 3, 30 * second, 30 * second},
	{"a slow body", refkms.Fault{Kind: refkms.FaultDrip, Delay: time.Millisecond}, 0, nil, "", 1, 1, 250 * time.Millisecond, second},
	{"a body that does not end", refkms.Fault{Kind: refkms.FaultDrip, Delay: second}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 3, 3, 30 * second, 30 * second},
	{"a body that does not end before the deadline", refkms.Fault{Kind: refkms.FaultDrip, Delay: second}, 4 * second, context.DeadlineExceeded, "Client.DeadlineExceeded", 1, 1, 4 * second, 4 * second},
	{"a body that is cut off", refkms.Fault{Kind: refkms.FaultCut, Bytes: 40}, 0, kmsapi.ErrUnavailable, "Client.Unreachable", 5, 5, 0, jitter(4)},
	{"a body that is cut off once", refkms.Fault{Kind: refkms.FaultCut, Times: 1}, 0, nil, "", 2, 2, 0, jitter(1)},
	{"a clock that is ahead", refkms.Fault{Kind: refkms.FaultSkew, Delay: 16 * time.Minute}, 0, kmsclient.ErrClockSkewed, "IllegalTimestamp", 1, 0, 0, 0},
	{"a clock that is behind", refkms.Fault{Kind: refkms.FaultSkew, Delay: -16 * time.Minute}, 0, kmsclient.ErrClockSkewed, "IllegalTimestamp", 1, 0, 0, 0},
	{"a clock that is ahead by less than the window", refkms.Fault{Kind: refkms.FaultSkew, Delay: 14 * time.Minute}, 0, nil, "", 1, 1, 0, 0},
}

// Each fault that the reference KMS can inject: how often the call is sent, what its error matches, and how long it takes,
// by a clock that nobody waits for.
func TestFaults(t *testing.T) {
	kinds := map[refkms.FaultKind]bool{}
	for _, tt := range faultCases {
		kinds[tt.fault.Kind] = true
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, sent := newFaultWorld(t, kmsclient.Options{})
				tt.fault.Operation, tt.fault.Face = "GenerateDataKey", refkms.HTTP
				lift := w.server.Inject(tt.fault)
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				start := time.Now()
				answer, err := w.generate(ctx, w.key)
				if took := time.Since(start); took < tt.at || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.at, tt.most)
				}
				if n, made := int(sent.sent.Load()), records(t, w.server, "GenerateDataKey"); n != tt.sent || made != tt.made {
					t.Errorf("%d requests, of which the service has made %d; want %d and %d", n, made, tt.sent, tt.made)
				}
				if tt.want == nil {
					if err != nil || answer.KeyID != w.key || len(answer.Plaintext.Bytes()) != 44 {
						t.Errorf("GenerateDataKey = %v", err)
					}
					return
				}
				e := asError(t, err)
				if !errors.Is(err, tt.want) || e.Code != tt.code || e.Attempts != tt.sent || answer != nil {
					t.Errorf("error = %v, want %v, %s after %d attempts", err, tt.want, tt.code, tt.sent)
				}
				if deadline := errors.Is(tt.want, context.DeadlineExceeded); errors.Is(err, context.DeadlineExceeded) != deadline || errors.Is(err, context.Canceled) {
					t.Errorf("error = %v, which is of another's context", err)
				}
				// The client is as good as new once the fault is lifted.
				lift()
				if _, err := w.generate(t.Context(), w.key); err != nil {
					t.Errorf("once the fault is lifted: %v", err)
				}
			})
		})
	}
	for kind := refkms.FaultThrottled; ; kind++ {
		if strings.HasPrefix(kind.String(), "FaultKind(") {
			break
		}
		if !kinds[kind] {
			t.Errorf("no case has the fault %s", kind)
		}
	}
}

// The same over a socket, as far as it takes no time there: what the transport of net/http makes of each fault is told in
// the same words.
func TestFaultsOverSockets(t *testing.T) {
	for _, tt := range faultCases {
		if tt.most > jitter(4) || tt.deadline > 0 || tt.fault.Delay > 0 && tt.fault.Kind != refkms.FaultSkew {
			continue // no clock can be moved there
		}
		t.Run(tt.name, func(t *testing.T) {
			transport := kmsclient.NewTransport()
			defer transport.CloseIdleConnections()
			sent := &counter{base: transport}
			w := newSocketWorld(t, kmsclient.Options{Transport: sent, MaxAttempts: 1})
			tt.fault.Operation, tt.fault.Face = "GenerateDataKey", refkms.HTTP
			lift := w.server.Inject(tt.fault)
			_, err := w.generate(t.Context(), w.key)
			if sent.sent.Load() != 1 {
				t.Errorf("%d requests, want one", sent.sent.Load())
			}
			switch {
			case tt.want == nil && tt.sent == 1:
				if err != nil {
					t.Errorf("GenerateDataKey = %v", err)
				}
			case tt.want == nil: // it would have succeeded later
				if !errors.Is(err, kmsapi.ErrUnavailable) && !errors.Is(err, kmsapi.ErrThrottled) {
					t.Errorf("GenerateDataKey = %v", err)
				}
			default:
				if e := asError(t, err); !errors.Is(err, tt.want) || e.Code != tt.code || e.Attempts != 1 {
					t.Errorf("GenerateDataKey = %v, want %v, %s", err, tt.want, tt.code)
				}
			}
			lift()
			if _, err := w.generate(t.Context(), w.key); err != nil {
				t.Errorf("once the fault is lifted: %v", err)
			}
		})
	}
}

// What changes between two attempts: the second meets what is then.
func TestChangesMidway(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, w *world, other string) error // after the answer to the first attempt
		want   error
		code   string
		other  bool // the call is answered, under the other key
	}{
		{"a key that is disabled", func(t *testing.T, w *world, other string) error { return w.direct.DisableKey(t.Context(), w.key) },
			kmsapi.ErrDisabled, "Rejected.Disabled", false},
		{"a key that is to be deleted", func(t *testing.T, w *world, other string) error {
			return w.direct.ScheduleKeyDeletion(t.Context(), w.key, 7)
		}, kmsapi.ErrPendingDeletion, "Rejected.PendingDeletion", false},
		{"an alias that is moved", func(t *testing.T, w *world, other string) error {
			return w.direct.Do(t.Context(), "UpdateAlias", map[string]string{"AliasName": "alias/work", "KeyId": other}, nil)
		}, nil, "", true},
		{"an alias that is deleted", func(t *testing.T, w *world, other string) error {
			return w.direct.Do(t.Context(), "DeleteAlias", map[string]string{"AliasName": "alias/work"}, nil)
		}, kmsclient.ErrAliasNotFound, "Forbidden.AliasNotFound", false},
	} {
		for _, fault := range []refkms.FaultKind{refkms.FaultUnavailable, refkms.FaultLostAfter} {
			t.Run(tt.name+"/"+fault.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w, sent := newFaultWorld(t, kmsclient.Options{})
					other, err := w.direct.CreateKey(t.Context(), nil)
					if err != nil {
						t.Fatal(err)
					}
					if err := w.direct.CreateAlias(t.Context(), "alias/work", w.key); err != nil {
						t.Fatal(err)
					}
					sent.then = func() {
						if err := tt.change(t, w, other.KeyID); err != nil {
							t.Error(err)
						}
					}
					w.server.Inject(refkms.Fault{Kind: fault, Operation: "GenerateDataKey", Times: 1})
					start := time.Now()
					answer, err := w.generate(t.Context(), "alias/work")
					if took := time.Since(start); took > jitter(1) || sent.sent.Load() != 2 || records(t, w.server, "GenerateDataKey") != 2 {
						t.Errorf("%d requests in %v, want 2 in %v at most", sent.sent.Load(), took, jitter(1))
					}
					if tt.other {
						if err != nil || answer.KeyID != other.KeyID {
							t.Errorf("GenerateDataKey = %+v, %v, want it under %s", answer, err, other.KeyID)
						}
						return
					}
					if e := asError(t, err); !errors.Is(err, tt.want) || e.Code != tt.code || e.Attempts != 2 || errors.Is(err, kmsapi.ErrUnavailable) {
						t.Errorf("GenerateDataKey = %v, want %v, %s", err, tt.want, tt.code)
					}
				})
			})
		}
	}
}

// An alias that is moved while messages are written: those before open under the key that they were written under, those
// after under the new one, for a provider that was told of both.
func TestMovedAlias(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, sent := newFaultWorld(t, kmsclient.Options{})
		other, err := w.direct.CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.direct.CreateAlias(t.Context(), "alias/work", w.key); err != nil {
			t.Fatal(err)
		}
		client := newEnvelope(t, newProvider(t, w.client, "alias/work"))
		var messages [][]byte
		for range 2 {
			message, err := client.Encrypt(t.Context(), []byte("hello"), nil)
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, message)
			if err := w.direct.Do(t.Context(), "UpdateAlias", map[string]string{"AliasName": "alias/work", "KeyId": other.KeyID}, nil); err != nil {
				t.Fatal(err)
			}
		}
		sent.sent.Store(0)
		for i, key := range []string{w.key, other.KeyID} {
			strict := newEnvelope(t, newProvider(t, w.client, key))
			if text, err := strict.Decrypt(t.Context(), messages[i], nil); err != nil || string(text) != "hello" {
				t.Errorf("Decrypt of message %d under %s = %q, %v", i, key, text, err)
			}
		}
		if sent.sent.Load() != 2 {
			t.Errorf("%d requests for two messages", sent.sent.Load())
		}
	})
}
