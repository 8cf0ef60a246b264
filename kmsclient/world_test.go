package kmsclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes an answer.
func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}

// always is a transport that answers everything alike.
func always(status int, body string) roundTrip {
	return func(r *http.Request) (*http.Response, error) { return reply(r, status, body), nil }
}

// accessKey is a credential; its secret is none to copy.
func accessKey(t testing.TB, id, secret string) credentials.Credential {
	t.Helper()
	c, err := credentials.NewCredential(new(credentials.Config).SetType("access_key").SetAccessKeyId(id).SetAccessKeySecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newClient returns a client of cn-hangzhou with an access key of nobody's, unless opts has others.
func newClient(t testing.TB, opts kmsclient.Options) *kmsclient.Client {
	t.Helper()
	if opts.Region == "" {
		opts.Region = "cn-hangzhou"
	}
	if opts.Credential == nil {
		opts.Credential = accessKey(t, "testid", "testsecret")
	}
	c, err := kmsclient.New(&opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A world is a reference KMS and a client of it: through the real SDK and the real wire protocol.
type world struct {
	server *refkms.Server
	direct *refkms.Client // past the wire, to prepare and to look
	client *kmsclient.Client
	key    string // a CMK's id
}

// newWorld returns a world without a socket. What opts has is kept, but for region and credential.
func newWorld(t testing.TB, opts kmsclient.Options) *world {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if opts.Transport == nil {
		opts.Transport = server.Transport()
	}
	return join(t, server, opts)
}

func join(t testing.TB, server *refkms.Server, opts kmsclient.Options) *world {
	t.Helper()
	id, secret := server.AccessKey()
	if opts.Credential == nil {
		opts.Credential = accessKey(t, id, secret)
	}
	w := &world{server: server, direct: server.Client(nil), client: newClient(t, opts)}
	k, err := w.direct.CreateKey(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.key = k.KeyID
	return w
}

// newSocketWorld returns a world over a socket of loopback.
func newSocketWorld(t testing.TB, opts kmsclient.Options) *world {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(server.Handler())
	t.Cleanup(listener.Close)
	opts.Endpoint = listener.URL
	return join(t, server, opts)
}

// records returns how often an operation was carried out, refused or not: what the service itself says.
func records(t testing.TB, server *refkms.Server, op string) int {
	t.Helper()
	events, err := server.Events(&refkms.Query{Attributes: map[string]string{"EventName": op}})
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

// asError returns the *Error in err.
func asError(t testing.TB, err error) *kmsclient.Error {
	t.Helper()
	var e *kmsclient.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is no *kmsclient.Error", err, err)
	}
	return e
}

const (
	described = `{"KeyMetadata":{"KeyId":"k","KeyState":"Enabled"},"RequestId":"ok"}`
	busy      = `{"Code":"ServiceUnavailableTemporary","Message":"Service Unavailable Temporary.","RequestId":"busy"}`
)

func describe(ctx context.Context, c *kmsclient.Client) error {
	_, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: "k"})
	return err
}

// answering is a transport that gives one answer after the other, the last for ever, and counts.
type answering struct {
	answers []roundTrip
	calls   int
	nonces  map[string]bool
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	f := a.answers[min(a.calls, len(a.answers)-1)]
	a.calls++
	if a.nonces == nil {
		a.nonces = map[string]bool{}
	}
	a.nonces[r.URL.Query().Get("SignatureNonce")] = true
	return f(r)
}

func failing(err error) roundTrip {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// silent never answers.
func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// slowBody answers with a body that never ends.
func slowBody(r *http.Request) (*http.Response, error) {
	resp := reply(r, 200, "")
	resp.Body, resp.ContentLength = io.NopCloser(readerFunc(func(p []byte) (int, error) {
		select {
		case <-r.Context().Done():
			return 0, r.Context().Err()
		case <-time.After(time.Second):
			return copy(p, " "), nil
		}
	})), -1
	return resp, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// cutBody answers with a body that ends too early.
func cutBody(r *http.Request) (*http.Response, error) {
	resp := reply(r, 200, "")
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(described[:20]), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })))
	return resp, nil
}

func withHeader(f roundTrip, name, value string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := f(r)
		resp.Header.Set(name, value)
		return resp, err
	}
}

func opError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
