package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func (w *world) client() *http.Client { return &http.Client{Transport: w.handler.Transport()} }

// outgoing returns a message as a client makes it.
func outgoing(t *testing.T, r *http.Request) *http.Request {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out.Header = r.Header
	return out
}

func TestTransport(t *testing.T) {
	w := newWorld(t)
	resp, err := w.client().Do(outgoing(t, message{query: w.common("CreateKey")}.signV1(testSecret)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	d := doc{}
	if err := json.Unmarshal(body, &d); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Status != "200 OK" || resp.Proto != "HTTP/1.1" || resp.ContentLength != int64(len(body)) ||
		resp.Request == nil || resp.Header.Get("Content-Type") != "application/json;charset=utf-8" || resp.Header.Get("X-Acs-Request-Id") != d["RequestId"] {
		t.Errorf("response %+v", resp)
	}
	// The same nonces, the same keys as behind the Handler.
	again := message{query: w.common("ListKeys")}.signV1(testSecret)
	if d := w.ok(again); d["TotalCount"] != 1.0 {
		t.Errorf("behind the handler: %v", d)
	}
	resp, err = w.client().Do(outgoing(t, again))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 400 || resp.Status != "400 Bad Request" {
		t.Errorf("a used nonce: %s", resp.Status)
	}
}

// What SDKs hand to a transport is not what a server receives.
func TestTransportTakesWhatClientsMake(t *testing.T) {
	w := newWorld(t)
	signed := func() *http.Request {
		return outgoing(t, message{query: map[string]string{"PageSize": "3"}, header: w.headers("ListKeys")}.signHeaders("ACS3-HMAC-SHA256", testID, testSecret))
	}
	for name, change := range map[string]func(r *http.Request){
		"as it is": func(*http.Request) {},
		"names that are not canonical": func(r *http.Request) {
			header := http.Header{}
			for name, values := range r.Header {
				header[strings.ToLower(name)] = values
			}
			r.Header = header
		},
		"plain http":           func(r *http.Request) { r.URL.Scheme = "http" },
		"no path":              func(r *http.Request) { r.URL.Path = "" },
		"no body":              func(r *http.Request) { r.Body = nil },
		"a host in the header": func(r *http.Request) { r.Header["Host"] = []string{"elsewhere"} },
		"a host in the URL":    func(r *http.Request) { r.Host = "" },
		"no method": func(r *http.Request) {
			get := outgoing(t, message{method: "GET", header: w.headers("ListKeys")}.signHeaders("ACS3-HMAC-SHA256", testID, testSecret))
			*r = *get
			r.Method = ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed()
			change(r)
			before := len(r.Header)
			resp, err := w.handler.Transport().RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
				t.Errorf("%s: %s", resp.Status, body)
			}
			if len(r.Header) != before {
				t.Errorf("the header was modified: %v", r.Header)
			}
		})
	}
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestTransportBodies(t *testing.T) {
	w := newWorld(t)
	post := func(body io.Reader) (*closer, *http.Response, error) {
		r := outgoing(t, message{form: w.common("ListKeys")}.signV1(testSecret))
		c := &closer{Reader: body}
		r.Body = c
		resp, err := w.handler.Transport().RoundTrip(r)
		return c, resp, err
	}
	broken := errors.New("broken")
	c, _, err := post(io.MultiReader(strings.NewReader("Action=ListKeys&"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !c.closed {
		t.Errorf("a body that breaks off: %v, closed %t", err, c.closed)
	}
	c, resp, err := post(endless{})
	if err != nil || !c.closed {
		t.Fatalf("a body without end: %v, closed %t", err, c.closed)
	}
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 || !bytes.Contains(body, []byte("ParseRequestParameterException")) {
		t.Errorf("a body without end: %s %s", resp.Status, body)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestTransportContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := outgoing(t, message{form: w.common("CreateKey")}.signV1(testSecret)).WithContext(ctx)
	reader, writer := io.Pipe()
	defer writer.Close()
	r.Body = reader // of which nothing comes
	cancel()
	if _, err := w.handler.Transport().RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("RoundTrip with a context that is done = %v", err)
	}
	if _, err := writer.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("the body is not closed: %v", err)
	}
	r = outgoing(t, message{query: w.common("CreateKey")}.signV1(testSecret)).WithContext(ctx)
	if _, err := w.handler.Transport().RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("RoundTrip with a context that is done = %v", err)
	}
	if d := w.ok(message{query: w.common("ListKeys")}.signV1(testSecret)); d["TotalCount"] != 0.0 {
		t.Errorf("a key was made: %v", d)
	}
	if _, err := w.handler.Transport().RoundTrip(new(http.Request)); err == nil || err.Error() != "refkms: a request without a URL" {
		t.Errorf("without a URL: %v", err)
	}
}
