package kmsclient_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// shallow is the exported part of a transport, as text: what the SDK is known to write lies there.
func shallow(t *http.Transport) string {
	var b strings.Builder
	v := reflect.ValueOf(t).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		switch f.Type.Kind() {
		case reflect.Func, reflect.Pointer:
			fmt.Fprintf(&b, "%s %x\n", f.Name, v.Field(i).Pointer())
		default:
			fmt.Fprintf(&b, "%s %v\n", f.Name, v.Field(i))
		}
	}
	if t.TLSClientConfig != nil {
		fmt.Fprintf(&b, "%t", t.TLSClientConfig.InsecureSkipVerify)
	}
	return b.String()
}

// The transport is the caller's: it is used as it is and left as it is, by clients of the SDK too.
func TestTransportIsLeftAlone(t *testing.T) {
	for name, transport := range map[string]*http.Transport{
		"zero":     {},
		"clone":    http.DefaultTransport.(*http.Transport).Clone(),
		"our own":  kmsclient.NewTransport(),
		"with TLS": {TLSClientConfig: &tls.Config{ServerName: "kms"}},
		"with dial": {DialContext: func(ctx context.Context, n, a string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, n, a)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HTTP_PROXY", "http://192.0.2.1:1") // which the SDK would put into the transport
			t.Setenv("HTTPS_PROXY", "http://192.0.2.1:1")
			transport.Clone() // has net/http complete it, as it would at first use
			before := shallow(transport)
			w := newSocketWorld(t, kmsclient.Options{Transport: transport})
			if _, err := w.client.EncryptBytes(t.Context(), w.key, []byte("x"), nil); err != nil {
				t.Fatal(err)
			}
			k, err := w.client.SDK()
			if err != nil {
				t.Fatal(err)
			}
			k.SetHTTPSInsecure(true)
			if _, err := k.ListKeys(kms.CreateListKeysRequest()); err != nil {
				t.Fatal(err)
			}
			if after := shallow(transport); after != before {
				t.Errorf("the transport was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

// The SDK reads proxies from the environment at every call, and fails where it cannot.
func TestProxiesThatCannotBeRead(t *testing.T) {
	t.Setenv("HTTP_PROXY", ":%secret")
	t.Setenv("HTTPS_PROXY", ":%secret")
	t.Setenv("NO_PROXY", "[(")
	w := newWorld(t, kmsclient.Options{})
	if _, err := w.client.EncryptBytes(t.Context(), w.key, []byte("x"), nil); err != nil {
		t.Error(err)
	}
}

// Nothing goes over plain http to another machine: not by an endpoint, not by what is set in a client of the SDK.
func TestNoPlainHTTP(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"http://127.0.0.1:1": true, "http://127.255.0.1": true, "http://[::1]:1": true, "http://localhost:1/": true,
		"http://[::ffff:127.0.0.1]:1":         true,
		"http://kms.cn-hangzhou.aliyuncs.com": false, "http://192.0.2.1": false, "http://localhost.example:1": false,
		"http://127.0.0.1.example": false, "http://0.0.0.0:1": false, "HTTP://kms.example": false,
	} {
		_, err := kmsclient.New(&kmsclient.Options{Region: "r", Endpoint: endpoint})
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "plain http is for loopback alone, use https") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	sent := 0
	c := newClient(t, kmsclient.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent++
		return reply(r, 200, "{}"), nil
	})})
	for _, host := range []string{"kms.cn-hangzhou.aliyuncs.com", "192.0.2.1", "localhost.example"} {
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		req := kms.CreateListKeysRequest()
		req.Scheme, req.Domain = "http", host
		if _, err := k.ListKeys(req); err == nil || !strings.Contains(err.Error(), "plain http is for loopback alone; nothing was sent") || strings.Contains(err.Error(), "Signature") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if sent != 0 {
		t.Errorf("%d requests were sent", sent)
	}
}

// A redirect would take the URL, as the Referer, to wherever it leads.
func TestNoRedirects(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		here := httptest.NewServer(http.RedirectHandler(other.URL, status))
		c := newClient(t, kmsclient.Options{Endpoint: here.URL})
		if err := describe(t.Context(), c); !errors.Is(err, kmsclient.ErrInvalidAnswer) || !strings.Contains(err.Error(), "a redirect") {
			t.Errorf("%d: %v", status, err)
		}
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.ListKeys(kms.CreateListKeysRequest()); err == nil || !strings.Contains(err.Error(), "Client.InvalidAnswer") {
			t.Errorf("%d: SDK: %v", status, err)
		}
		here.Close()
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TLS: a server whose certificate is not trusted is not spoken to, and one whose root the transport has is.
func TestRoots(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	var handshakes, requests atomic.Int32
	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.server.Handler().ServeHTTP(rw, r)
	}))
	listener.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	listener.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			handshakes.Add(1)
		}
	}
	listener.StartTLS()
	defer listener.Close()
	id, secret := w.server.AccessKey()
	opts := kmsclient.Options{Endpoint: listener.URL, Credential: accessKey(t, id, secret)}
	_, err := newClient(t, opts).DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: w.key})
	if e := asError(t, err); !errors.Is(err, kmsapi.ErrUnavailable) || !strings.Contains(e.Message, "x509") || e.Attempts != 1 {
		t.Errorf("without its root: %v", err)
	}
	if handshakes.Load() != 1 || requests.Load() != 0 {
		t.Errorf("%d connections, %d requests", handshakes.Load(), requests.Load())
	}
	transport := kmsclient.NewTransport()
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(listener.Certificate())
	opts.Transport = transport
	if _, err := newClient(t, opts).DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: w.key}); err != nil {
		t.Errorf("with its root: %v", err)
	}
	transport.CloseIdleConnections()
}

// Through a proxy, which sees where the connection goes and nothing of the request.
func TestProxy(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	service := httptest.NewTLSServer(w.server.Handler())
	defer service.Close()
	var asked atomic.Pointer[http.Request]
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Store(r)
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		in, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer in.Close()
		io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(out, in)
		io.Copy(in, out)
	}))
	defer proxy.Close()
	transport := kmsclient.NewTransport()
	defer transport.CloseIdleConnections()
	transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(service.Certificate())
	id, secret := w.server.AccessKey()
	c := newClient(t, kmsclient.Options{Endpoint: service.URL, Transport: transport, Credential: accessKey(t, id, secret)})
	if _, err := c.EncryptBytes(t.Context(), w.key, []byte("x"), nil); err != nil {
		t.Fatal(err)
	}
	if r := asked.Load(); r == nil || r.Method != http.MethodConnect || "https://"+r.RequestURI != service.URL {
		t.Errorf("the proxy was asked for %v", r)
	}
}

// A connection that was kept open may be closed by the server just when it is used again. The request is sent anew.
func TestStaleConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			// One answer, and then, at the next request, the end.
			br := bufio.NewReader(conn)
			for i := range 2 {
				if _, err := http.ReadRequest(br); err != nil {
					break
				}
				if i == 0 {
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(described), described)
				}
			}
			conn.Close()
		}
	}()
	var told kmsclient.CallInfo
	transport := kmsclient.NewTransport()
	defer transport.CloseIdleConnections()
	c := newClient(t, kmsclient.Options{Endpoint: "http://" + listener.Addr().String(), Transport: transport,
		Hook: func(_ context.Context, i kmsclient.CallInfo) { told = i }})
	for i, attempts := range []int{1, 2, 2} {
		if err := describe(t.Context(), c); err != nil || told.Attempts != attempts {
			t.Errorf("call %d: %v, %d attempts, want %d", i, err, told.Attempts, attempts)
		}
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

// An answer that does not end is not read to its end.
func TestEndlessAnswer(t *testing.T) {
	var written atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for block := bytes.Repeat([]byte(" "), 1<<16); ; {
			n, err := w.Write(block)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	if err := describe(t.Context(), newClient(t, kmsclient.Options{Endpoint: server.URL})); !errors.Is(err, kmsclient.ErrInvalidAnswer) {
		t.Errorf("error = %v, want ErrInvalidAnswer", err)
	}
	if n := written.Load(); n > 64<<20 { // what the kernel and net/http hold is theirs
		t.Errorf("%d bytes were taken", n)
	}
}

// An answer may be of 1 MiB and not of a byte more, be it blanks.
func TestLargeAnswers(t *testing.T) {
	for size, want := range map[int]error{1 << 20: nil, 1<<20 + 1: kmsclient.ErrInvalidAnswer} {
		c := newClient(t, kmsclient.Options{Transport: always(200, described+strings.Repeat(" ", size-len(described)))})
		if err := describe(t.Context(), c); !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), "more than 1048576 bytes") {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
}

// The timeout that the SDK sets for itself does not come before that of an attempt.
func TestSlowAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(300 * time.Millisecond)
		io.WriteString(w, described)
	}))
	defer server.Close()
	if err := describe(t.Context(), newClient(t, kmsclient.Options{Endpoint: server.URL, Timeout: time.Second, MaxAttempts: 1})); err != nil {
		t.Error(err)
	}
}

// What the header says, and where it goes.
func TestRequests(t *testing.T) {
	type seen struct{ host, method, path, agent, region string }
	for _, tt := range []struct {
		opts kmsclient.Options
		want seen
	}{
		{kmsclient.Options{}, seen{"kms.cn-hangzhou.aliyuncs.com", "POST", "/", " xinfeng/", "cn-hangzhou"}},
		{kmsclient.Options{Region: "eu-west-1", Endpoint: kmsclient.VPCEndpoint, UserAgent: "apollo/1.2 (x)"},
			seen{"kms-vpc.eu-west-1.aliyuncs.com", "POST", "/", " xinfeng/", "eu-west-1"}},
		{kmsclient.Options{Endpoint: "kms.example:8443"}, seen{"kms.example:8443", "POST", "/", " xinfeng/", "cn-hangzhou"}},
		{kmsclient.Options{Endpoint: "https://[2001:db8::1]:8443/"}, seen{"[2001:db8::1]:8443", "POST", "/", " xinfeng/", "cn-hangzhou"}},
	} {
		t.Run(tt.want.host, func(t *testing.T) {
			var got *http.Request
			tt.opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				got = r
				return reply(r, 200, described), nil
			})
			c := newClient(t, tt.opts)
			check := func() {
				t.Helper()
				s := seen{got.URL.Host, got.Method, got.URL.Path, tt.want.agent, got.URL.Query().Get("RegionId")}
				agent := got.Header.Get("User-Agent")
				if s != tt.want || got.URL.Scheme != "https" || !strings.HasPrefix(agent, "AlibabaCloud (") || !strings.Contains(agent, tt.want.agent) || !strings.HasSuffix(agent, tt.opts.UserAgent) {
					t.Errorf("request of %+v with %q, want %+v", s, agent, tt.want)
				}
			}
			if err := describe(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			check()
			k, err := c.SDK()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.ListKeys(kms.CreateListKeysRequest()); err != nil {
				t.Fatal(err)
			}
			check()
		})
	}
}

// The context is the request's: what transports of others put there or look for is found.
func TestContextReachesTransport(t *testing.T) {
	type key struct{}
	var got any
	c := newClient(t, kmsclient.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.Context().Value(key{})
		return reply(r, 200, described), nil
	})})
	if err := describe(context.WithValue(t.Context(), key{}, "here"), c); err != nil || got != "here" {
		t.Errorf("the transport finds %v, %v", got, err)
	}
}

// Cancelled calls leave nothing behind: here in a bubble, which does not end while a goroutine of it lives.
func TestNoLeakInProcess(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1_000
	}
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, kmsclient.Options{Transport: roundTrip(silent)})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if err := describe(ctx, c); !errors.Is(err, context.Canceled) {
					t.Errorf("error = %v, want context.Canceled", err)
				}
			})
		}
		synctest.Wait() // all of them wait for an answer
		cancel()
		wg.Wait()
	})
}

// And ten thousand over sockets: neither goroutines nor connections.
func TestNoLeakOverSockets(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1_000
	}
	var open, handled atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		handled.Add(1)
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done() // which ends with its connection
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	defer server.Close()
	transport := kmsclient.NewTransport()
	c := newClient(t, kmsclient.Options{Endpoint: server.URL, Transport: transport})
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for i := range n / 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if i%2 == 0 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(i%5)*time.Millisecond)
				} else {
					go func() { runtime.Gosched(); cancel() }()
				}
				if err := describe(ctx, c); !errors.Is(err, ctx.Err()) || ctx.Err() == nil {
					t.Errorf("error = %v, want %v", err, ctx.Err())
				}
				cancel()
			}
		})
	}
	wg.Wait()
	transport.CloseIdleConnections()
	for end := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		goroutines, connections := runtime.NumGoroutine(), open.Load()
		if goroutines <= before && connections == 0 {
			t.Logf("%d of %d calls reached the server", handled.Load(), n)
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, there were %d; %d connections", goroutines, before, connections)
		}
	}
}

// One client, many goroutines: with -race, this is what the SDK alone fails.
func TestConcurrentUse(t *testing.T) {
	w := newSocketWorld(t, kmsclient.Options{Hook: func(context.Context, kmsclient.CallInfo) {}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				data := []byte(fmt.Sprint("text of ", i))
				blob, err := w.client.EncryptBytes(t.Context(), w.key, data, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := w.client.DecryptBytes(t.Context(), blob, nil); err != nil || !bytes.Equal(got, data) {
					t.Errorf("DecryptBytes = %q, %v", got, err)
				}
				k, err := w.client.SDK()
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := k.ListKeys(kms.CreateListKeysRequest()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
