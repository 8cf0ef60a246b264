package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A gate is a transport whose requests are in flight until it is opened: their body comes only then.
type gate struct {
	arrived chan struct{} // is closed when the server reads the body
	body    io.Reader     // ends when the gate is opened
	base    *http.Transport
}

func newGate() (g *gate, open func()) {
	r, w := io.Pipe()
	return &gate{make(chan struct{}), r, &http.Transport{ExpectContinueTimeout: time.Minute}}, func() { w.Close() }
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(g.arrived) }}))
	r.Header = r.Header.Clone()
	r.Header.Set("Expect", "100-continue")
	r.Body, r.ContentLength, r.GetBody = io.NopCloser(g.body), -1, nil
	return g.base.RoundTrip(r)
}

// inFlight makes a call, CreateKey, that the server has begun to read, and that ends after open is called.
func inFlight(p *process) (answered <-chan error, open func()) {
	g, open := newGate()
	client := p.sdk()
	client.SetTransport(g)
	done := make(chan error, 1)
	go func() {
		_, err := client.CreateKey(kms.CreateCreateKeyRequest())
		done <- err
	}()
	<-g.arrived
	return done, open
}

// refusesConnections waits until nobody listens at an address.
func refusesConnections(t *testing.T, address string) {
	t.Helper()
	for t.Context().Err() == nil {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return
		}
		connection.Close()
	}
}

// A request in flight is finished though the server has been told to stop; no new connection is taken meanwhile.
func TestShutdownFinishesRequests(t *testing.T) {
	p := start(t, "-control")
	answered, open := inFlight(p)
	p.stop()
	refusesConnections(t, p.host())
	_, control, _ := strings.Cut(p.line["control"], "://")
	refusesConnections(t, control)
	select {
	case err := <-answered:
		t.Fatalf("the call ended before its body: %v", err)
	case status := <-p.status:
		t.Fatalf("the server ended, %d, with a request in flight", status)
	default:
	}
	open()
	if err := <-answered; err != nil {
		t.Errorf("CreateKey in flight = %v", err)
	}
	if status := p.end(); status != 0 || !strings.Contains(p.log.String(), "operation=CreateKey status=200") {
		t.Errorf("exit status %d\n%s", status, p.log)
	}
}

// A request that does not end is cut off after the time of grace.
func TestShutdownIsBounded(t *testing.T) {
	s, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.grace, s.accessKeyID, s.accessKeySecret = 10*time.Millisecond, "testid", "testsecret"
	ctx, stop := context.WithCancel(t.Context())
	out, served := make(lines, 1), make(chan error, 1)
	go func() { served <- serve(ctx, s, out, io.Discard) }()
	p := &process{t: t, line: map[string]string{}}
	for _, m := range greetingLine.FindAllStringSubmatch(<-out, -1) {
		p.line[m[1]] = m[2]
	}
	answered, open := inFlight(p)
	stop()
	if err := <-served; err == nil || err.Error() != "requests that were not finished after 10ms were cut off" {
		t.Errorf("serve = %v", err)
	}
	open()
	if err := <-answered; err == nil {
		t.Error("the call in flight succeeded")
	}
}

// When one face fails, the other stops as well, and the cause is told.
func TestFaceFails(t *testing.T) {
	failed := errors.New("no more sockets")
	f := &face{failingListener{failed}, new(http.Server)}
	if err := f.serve(t.Context(), time.Second); err != failed {
		t.Errorf("serve = %v, want %v", err, failed)
	}
}

type failingListener struct{ err error }

func (l failingListener) Accept() (net.Conn, error) { return nil, l.err }
func (l failingListener) Close() error              { return nil }
func (l failingListener) Addr() net.Addr            { return &net.TCPAddr{Port: 1234} }

// A greeting that nobody takes ends the program.
func TestNoOutput(t *testing.T) {
	r, w := io.Pipe()
	r.CloseWithError(errors.New("closed by the reader"))
	var stderr strings.Builder
	if status := run(t.Context(), nil, w, &stderr); status != 1 || stderr.String() != "localkms: closed by the reader\n" {
		t.Errorf("run = %d %s", status, &stderr)
	}
}

// certificate writes a certificate for 127.0.0.1 and its key, and returns the files and who trusts it.
func certificate(t *testing.T) (certFile, keyFile string, trust *http.Transport) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: server.Certificate().Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trust = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(trust.CloseIdleConnections)
	return certFile, keyFile, trust
}

func TestTLS(t *testing.T) {
	cert, key, trust := certificate(t)
	p := start(t, "-tls-cert", cert, "-tls-key", key)
	if status, body := get(t, &http.Client{Transport: trust}, p.line["health"]); status != http.StatusOK || body != "ok\n" {
		t.Errorf("health = %d %q", status, body)
	}
	client := p.sdk()
	client.SetTransport(trust)
	request := kms.CreateCreateKeyRequest()
	request.Scheme = "https"
	if _, err := client.CreateKey(request); err != nil {
		t.Errorf("CreateKey over TLS = %v", err)
	}
	if status, body := get(t, http.DefaultClient, "http://"+p.host()); status != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("without TLS: %d %s", status, body)
	}
	for _, want := range []string{"endpoint           https://127.0.0.1:", "ListKeys --endpoint " + p.host() + " --region", "ProtocolType.HTTPS"} {
		if !strings.Contains(p.greeting, want) {
			t.Errorf("the greeting does not say %q:\n%s", want, p.greeting)
		}
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// Whether other machines can reach it is known before it listens, and is told.
func TestOpenToOtherMachines(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:0": false, "127.9.9.9:0": false, "[::1]:0": false, "localhost:0": false, ":0": true, "0.0.0.0:0": true, "[::]:0": true, "192.0.2.1:0": true,
	} {
		if _, open, err := resolve(address); err != nil || open != want {
			t.Errorf("resolve(%s): open %t, %v, want %t", address, open, err, want)
		}
	}
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &face{failingListener{}, new(http.Server)}
	for _, tt := range []struct{ asked, want string }{
		{"0.0.0.0:1", "http://127.0.0.1:1234"}, {":1", "http://127.0.0.1:1234"}, {"[::]:1", "http://127.0.0.1:1234"}, {"kms.example:1", "http://kms.example:1234"},
	} {
		if got := f.endpoint(tt.asked).String(); got != tt.want {
			t.Errorf("endpoint(%s) = %s, want %s", tt.asked, got, tt.want)
		}
	}
	for _, tt := range []struct {
		open   bool
		scheme string
		want   string
	}{
		{false, "http", ""},
		{true, "https", "WARNING: other machines can call it.\n"},
		{true, "http", "WARNING: other machines can call it. They do so without TLS: whoever sees the network sees data keys and plaintexts.\n"},
	} {
		var out strings.Builder
		g := &greeting{server: server, settings: new(settings), endpoint: endpoint{tt.scheme, "kms.example:1"}, open: tt.open}
		if err := g.print(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "WARNING") != tt.open {
			t.Errorf("open %t by %s:\n%s", tt.open, tt.scheme, &out)
		}
	}
}

// The server has all time-outs, and a header's limit that is enough for what the service takes.
func TestTimeouts(t *testing.T) {
	f, err := listen(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil, newLog(io.Discard, "text"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.listener.Close()
	s := f.http
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout < s.ReadHeaderTimeout || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.ErrorLog == nil {
		t.Errorf("time-outs %v %v %v %v", s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
	}
	if s.MaxHeaderBytes != 0 && s.MaxHeaderBytes < 512<<10 {
		t.Errorf("MaxHeaderBytes = %d", s.MaxHeaderBytes)
	}
}

// An answer that is torn down on purpose is logged too, and the writer within is in reach.
func TestLogOfLostConnection(t *testing.T) {
	var log strings.Builder
	handler := logRequests(newLog(&log, "text"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush = %v", err)
		}
		panic(http.ErrAbortHandler)
	}))
	func() {
		defer func() {
			if r := recover(); r != http.ErrAbortHandler {
				t.Errorf("panic %v", r)
			}
		}()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/?Action="+strings.Repeat("A", 100)+"&Plaintext=hidden", nil))
	}()
	if text := log.String(); !strings.Contains(text, "operation="+strings.Repeat("A", 64)+" status=0 ") || strings.Contains(text, "hidden") {
		t.Errorf("log: %s", text)
	}
	log.Reset()
	handler = logRequests(newLog(&log, "text"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }))
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("x-acs-action", "ListKeys")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if text := log.String(); !strings.Contains(text, "operation=ListKeys status=200 ") {
		t.Errorf("log: %s", text)
	}
	log.Reset()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	logRequests(newLog(&log, "text"), server.Handler()).ServeHTTP(httptest.NewRecorder(),
		httptest.NewRequest("GET", "https://localhost/?Format=XML&Action=ListKeys&Version=2016-01-20", nil))
	if text := log.String(); !strings.Contains(text, " code=MissingParameter") {
		t.Errorf("log of a refusal in XML: %s", text)
	}
}
