package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/faults"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/wire"
)

// suffer has calls suffer a plan from now on.
func (w *world) suffer(action string, p call.Plan) (lift func()) {
	return w.faults.Set(faults.Fault{Probability: 1, Action: action, Plan: p})
}

func spoil(kind call.SpoilKind, bytes int) call.Plan {
	return call.Plan{Spoil: call.Spoil{Kind: kind, Bytes: bytes}}
}

// An outcome is all that a client of HTTP sees of a request.
type outcome struct {
	err       error // instead of an answer
	status    int
	typ       string
	requestID string
	length    int64
	body      []byte
	bodyErr   error
}

// seen sends a request by a client, and returns what it sees.
func seen(c *http.Client, r *http.Request) (o outcome) {
	resp, err := c.Do(r)
	if err != nil {
		return outcome{err: err.(*url.Error).Err}
	}
	defer resp.Body.Close()
	o = outcome{status: resp.StatusCode, typ: resp.Header.Get("Content-Type"), requestID: resp.Header.Get("X-Acs-Request-Id"), length: resp.ContentLength}
	o.body, o.bodyErr = io.ReadAll(resp.Body)
	return o
}

// What is spoilt is spoilt in the same way over a socket and without one, to the error that a client has of it.
func TestSpoil(t *testing.T) {
	isJSON := func(o outcome) bool { return json.Valid(o.body) }
	isXML := func(o outcome) bool {
		return strings.HasPrefix(string(o.body), "<?xml") && xml.Unmarshal(o.body, new(struct{})) == nil
	}
	as := func(status int, err error) func(outcome) bool {
		return func(o outcome) bool {
			return o.status == status && o.bodyErr == err && o.requestID != "" && (o.length == int64(len(o.body))) == (err == nil)
		}
	}
	for _, tt := range []struct {
		name   string
		plan   call.Plan
		format string
		all    []func(outcome) bool
	}{
		{"nothing", call.Plan{}, "JSON", []func(outcome) bool{as(200, nil), isJSON}},
		{"nothing", call.Plan{}, "XML", []func(outcome) bool{as(200, nil), isXML}},
		{"garbage", spoil(call.SpoilGarbage, 0), "JSON", []func(outcome) bool{as(200, nil),
			func(o outcome) bool {
				return !isJSON(o) && len(o.body) > 0 && o.typ == "application/json;charset=utf-8"
			}}},
		{"garbage", spoil(call.SpoilGarbage, 0), "XML", []func(outcome) bool{as(200, nil), func(o outcome) bool { return !isXML(o) }}},
		{"HTML", spoil(call.SpoilHTML, 0), "JSON", []func(outcome) bool{func(o outcome) bool {
			return o.status == 502 && o.typ == "text/html" && o.requestID == "" && bytes.Contains(o.body, []byte("<h1>502 Bad Gateway</h1>")) && o.length == int64(len(o.body))
		}}},
		{"empty", spoil(call.SpoilEmpty, 0), "JSON", []func(outcome) bool{as(200, nil), func(o outcome) bool { return len(o.body) == 0 }}},
		{"truncated", spoil(call.SpoilTruncate, 10), "JSON", []func(outcome) bool{as(200, nil), func(o outcome) bool { return len(o.body) == 10 && !isJSON(o) }}},
		{"truncated to nothing", spoil(call.SpoilTruncate, 0), "JSON", []func(outcome) bool{as(200, nil), func(o outcome) bool { return len(o.body) == 0 }}},
		{"truncated beyond its end", spoil(call.SpoilTruncate, 1<<20), "JSON", []func(outcome) bool{as(200, nil),
			func(o outcome) bool { return !isJSON(o) && json.Valid(append(o.body, '}')) }}},
		{"types", spoil(call.SpoilTypes, 0), "JSON", []func(outcome) bool{as(200, nil), func(o outcome) bool {
			var d struct {
				TotalCount string
				RequestID  int `json:"RequestId"`
				Keys       struct{ Key []struct{ KeyID int } }
			}
			return json.Unmarshal(o.body, &d) == nil && d.TotalCount == "1" && d.RequestID == 36 && len(d.Keys.Key) == 1 && d.Keys.Key[0].KeyID == 36
		}}},
		{"types", spoil(call.SpoilTypes, 0), "XML", []func(outcome) bool{as(200, nil), isXML,
			func(o outcome) bool { return bytes.Contains(o.body, []byte("<RequestId>36</RequestId>")) }}},
		{"huge", spoil(call.SpoilHuge, 100_000), "JSON", []func(outcome) bool{as(200, nil), isJSON, func(o outcome) bool { return len(o.body) == 100_000 }}},
		{"huge", spoil(call.SpoilHuge, 100_000), "XML", []func(outcome) bool{as(200, nil), isXML, func(o outcome) bool { return len(o.body) == 100_000 }}},
		{"huge, but less than it is", spoil(call.SpoilHuge, 3), "JSON", []func(outcome) bool{as(200, nil), isJSON}},
		{"cut", spoil(call.SpoilCut, 10), "JSON", []func(outcome) bool{as(200, io.ErrUnexpectedEOF), func(o outcome) bool { return len(o.body) == 10 && o.length > 60 }}},
		{"cut at once", spoil(call.SpoilCut, 0), "JSON", []func(outcome) bool{as(200, io.ErrUnexpectedEOF), func(o outcome) bool { return len(o.body) == 0 && o.length > 60 }}},
		{"cut at its end", spoil(call.SpoilCut, 1<<20), "JSON", []func(outcome) bool{as(200, io.ErrUnexpectedEOF), func(o outcome) bool { return int64(len(o.body)) == o.length-1 }}},
		{"drip", call.Plan{Spoil: call.Spoil{Kind: call.SpoilDrip, Pause: time.Microsecond}}, "JSON", []func(outcome) bool{as(200, nil), isJSON}},
		{"late", call.Plan{Spoil: call.Spoil{Kind: call.SpoilLate, Pause: time.Microsecond}}, "JSON", []func(outcome) bool{as(200, nil), isJSON}},
		{"a refusal", call.Plan{Refusal: call.ErrServiceUnavailable}, "JSON", []func(outcome) bool{as(503, nil), isJSON}},
		{"a refusal, cut", call.Plan{Refusal: call.ErrServiceUnavailable, Spoil: call.Spoil{Kind: call.SpoilCut, Bytes: 5}}, "JSON",
			[]func(outcome) bool{as(503, io.ErrUnexpectedEOF)}},
		{"a refusal as garbage", call.Plan{Refusal: call.ErrServiceUnavailable, Spoil: call.Spoil{Kind: call.SpoilGarbage}}, "JSON",
			[]func(outcome) bool{as(200, nil)}},
		{"lost before", call.Plan{Loss: call.LostBefore}, "JSON", []func(outcome) bool{func(o outcome) bool { return o.err == io.EOF }}},
		{"lost after", call.Plan{Loss: call.LostAfter}, "JSON", []func(outcome) bool{func(o outcome) bool { return o.err == io.EOF }}},
	} {
		w := newWorld(t)
		w.ok(message{query: w.common("CreateKey")}.signV1(testSecret))
		w.suffer("ListKeys", tt.plan)
		listener := httptest.NewServer(w.handler)
		transport := &http.Transport{}
		for face, c := range map[string]*http.Client{"socket": {Transport: transport}, "transport": w.client()} {
			t.Run(tt.name+"/"+tt.format+"/"+face, func(t *testing.T) {
				r := outgoing(t, message{query: with(w.common("ListKeys"), "Format", tt.format)}.signV1(testSecret))
				if face == "socket" {
					r.URL.Scheme, r.URL.Host = "http", listener.Listener.Addr().String()
				}
				o := seen(c, r)
				for i, fine := range tt.all {
					if !fine(o) {
						t.Errorf("condition %d of the outcome: %+v %s", i, o, o.body)
					}
				}
			})
		}
		transport.CloseIdleConnections()
		listener.Close()
	}
}

// A lost connection leaves no key behind if it was lost before the call, and one if after.
func TestLostConnection(t *testing.T) {
	for loss, want := range map[call.Loss]float64{call.LostBefore: 0, call.LostAfter: 1} {
		w := newWorld(t)
		w.suffer("CreateKey", call.Plan{Loss: loss})
		p := w.listen(0)()
		p.write("GET " + w.target("CreateKey") + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		if !p.closed() {
			t.Errorf("loss %d: the connection stays", loss)
		}
		if d := w.ok(message{query: w.common("ListKeys")}.signV1(testSecret)); d["TotalCount"] != want {
			t.Errorf("loss %d: there are %v keys, want %v", loss, d["TotalCount"], want)
		}
	}
}

// Slow answers take their time and no more than the request's context has, without a socket.
func TestSlowAnswers(t *testing.T) {
	const pause = time.Second
	for _, kind := range []call.SpoilKind{call.SpoilLate, call.SpoilDrip} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.suffer("ListKeys", call.Plan{Spoil: call.Spoil{Kind: kind, Pause: pause}})
			request := func() *http.Request { return outgoing(t, message{query: w.common("ListKeys")}.signV1(testSecret)) }

			start := time.Now()
			o := seen(w.client(), request())
			want := pause
			if kind == call.SpoilDrip {
				want = time.Duration(len(o.body)) * pause
			}
			if took := time.Since(start); o.err != nil || o.bodyErr != nil || took != want {
				t.Errorf("%s: %+v after %v, want it after %v", kind, o, took, want)
			}

			for name, end := range map[string]func(ctx context.Context) (context.Context, context.CancelFunc){
				"deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
					return context.WithTimeout(ctx, pause/2)
				},
				"cancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(pause/2, cancel)
					return ctx, cancel
				},
			} {
				start = time.Now()
				ctx, cancel := end(t.Context())
				o = seen(w.client(), request().WithContext(ctx))
				err := o.err
				if kind == call.SpoilDrip {
					err = o.bodyErr
				}
				if took := time.Since(start); !errors.Is(err, ctx.Err()) || ctx.Err() == nil || took != pause/2 {
					t.Errorf("%s, %s: %v after %v, want %v after %v", kind, name, err, took, ctx.Err(), pause/2)
				}
				cancel()
			}
		})
	}
}

// A body that is closed is not waited for.
func TestCloseSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.suffer("ListKeys", call.Plan{Spoil: call.Spoil{Kind: call.SpoilDrip, Pause: time.Hour}})
		resp, err := w.client().Do(outgoing(t, message{query: w.common("ListKeys")}.signV1(testSecret)))
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { resp.Body.Close(); resp.Body.Close() })
		start := time.Now()
		if n, err := resp.Body.Read(nil); n != 0 || err != nil {
			t.Errorf("Read of nothing = %d, %v", n, err)
		}
		for range 2 {
			if n, err := resp.Body.Read(make([]byte, 9)); n != 0 || err != http.ErrBodyReadAfterClose || time.Since(start) != time.Second {
				t.Errorf("Read = %d, %v after %v, want ErrBodyReadAfterClose after 1s", n, err, time.Since(start))
			}
		}
	})
}

// A client that leaves does not keep the server busy: its Close waits for the handlers.
func TestLeaveSlowAnswers(t *testing.T) {
	for _, kind := range []call.SpoilKind{call.SpoilLate, call.SpoilDrip} {
		w := newWorld(t)
		w.suffer("ListKeys", call.Plan{Spoil: call.Spoil{Kind: kind, Pause: time.Hour}})
		served := make(chan any, 1)
		listener := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			defer func() { served <- recover() }()
			w.handler.ServeHTTP(rw, r)
		}))
		ctx, cancel := context.WithCancel(t.Context())
		r := outgoing(t, message{query: w.common("ListKeys")}.signV1(testSecret)).WithContext(ctx)
		r.URL.Scheme, r.URL.Host = "http", listener.Listener.Addr().String()
		time.AfterFunc(20*time.Millisecond, cancel)
		if o := seen(&http.Client{Transport: &http.Transport{}}, r); !errors.Is(o.err, context.Canceled) && !errors.Is(o.bodyErr, context.Canceled) {
			t.Errorf("%s: %+v", kind, o)
		}
		if got := <-served; got != http.ErrAbortHandler {
			t.Errorf("%s: the handler ends with %v", kind, got)
		}
		listener.Close()
	}
}

// A writer that fails ends a long answer.
func TestSpoilBrokenWriter(t *testing.T) {
	w := newWorld(t)
	w.suffer("ListKeys", spoil(call.SpoilHuge, 1<<30))
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("the handler ends with %v", got)
		}
	}()
	w.handler.ServeHTTP(brokenWriter{httptest.NewRecorder()}, message{query: w.common("ListKeys")}.signV1(testSecret))
}

type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// The clock that dates are compared with is off for as many requests as the fault says, counted once each, and the nonces
// of requests that pass are remembered as ever.
func TestSkew(t *testing.T) {
	for _, gateway := range []bool{false, true} {
		want := call.ErrIllegalTimestamp
		if gateway {
			want = call.ErrTimestampExpired
		}
		w := newWorldWith(t, wire.Config{GatewayExpiry: gateway})
		list := func() *http.Request { return message{query: w.common("ListKeys")}.signV1(testSecret) }
		set := func(f faults.Fault) func() {
			f.Probability, f.Face = 1, faults.HTTP
			return w.faults.Set(f)
		}
		for _, skew := range []time.Duration{15*time.Minute + time.Second, -15*time.Minute - time.Second} {
			set(faults.Fault{Skew: skew, Times: 2})
			w.refused(list(), want)
			w.refused(message{header: w.headers("ListKeys")}.signHeaders("ACS3-HMAC-SHA256", testID, testSecret), want)
			w.ok(list())
		}
		lift := set(faults.Fault{Skew: 15 * time.Minute})
		again := list()
		w.ok(again)
		w.refused(again, call.ErrNonceUsed)
		lift()
		lift = set(faults.Fault{Skew: time.Hour, Action: "Encrypt"})
		w.ok(list())
		lift()
		w.ok(list())
	}
}

// Who is throttled as a user is told when to come back.
func TestThrottleHeader(t *testing.T) {
	user := func(after time.Duration, limit int) *call.Error {
		e := *call.ErrUserThrottling
		e.RetryAfter, e.Limit = after, limit
		return &e
	}
	for _, tt := range []struct {
		refusal *call.Error
		want    string
	}{
		{call.ErrThrottling, ""},
		{call.ErrGatewayThrottling, ""},
		{call.ErrUserThrottling, ""},
		{user(2*time.Second, 0), "Limit:1,Remain:0,TimeLeft:2000"},
		{user(1500*time.Microsecond, 30), "Limit:30,Remain:0,TimeLeft:2"},
	} {
		w := newWorld(t)
		w.suffer("ListKeys", call.Plan{Refusal: tt.refusal})
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, message{query: w.common("ListKeys")}.signV1(testSecret))
		if got := rec.Header().Get("x-ratelimit-user-api"); rec.Code != tt.refusal.Status || got != tt.want || (got == "") != (rec.Header()["X-Ratelimit-User-Api"] == nil) {
			t.Errorf("%v: %d with %q, want %q", tt.refusal, rec.Code, got, tt.want)
		}
	}
}

// Faults for one face leave the other alone, and those who are nobody suffer none.
func TestFaces(t *testing.T) {
	w := newWorld(t)
	refuse := call.Plan{Refusal: call.ErrServiceUnavailable}
	list := func() *http.Request { return message{query: w.common("ListKeys")}.signV1(testSecret) }
	lift := w.faults.Set(faults.Fault{Probability: 1, Face: faults.InProcess, Plan: refuse})
	w.ok(list())
	lift()
	w.faults.Set(faults.Fault{Probability: 1, Face: faults.HTTP, Times: 1, Plan: refuse})
	w.refused(message{query: with(w.common("ListKeys"), "AccessKeyId", "nobody")}.signV1(testSecret), call.ErrAccessKeyNotFound)
	w.refused(list(), call.ErrServiceUnavailable)
	w.ok(list())
}
