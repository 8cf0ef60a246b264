package wire_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// target returns the target of a GET.
func (w *world) target(action string) string {
	return "/?" + message{method: "GET", query: w.common(action)}.signV1(testSecret).URL.RawQuery
}

// A peer is a connection to a world over loopback.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func (w *world) listen(readTimeout time.Duration) func() *peer {
	listener := httptest.NewUnstartedServer(w.handler)
	listener.Config.ReadTimeout = readTimeout
	listener.Start()
	w.t.Cleanup(listener.Close)
	return func() *peer {
		conn, err := net.Dial("tcp", listener.Listener.Addr().String())
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second)) // a hang fails the test
		return &peer{w.t, conn, bufio.NewReader(conn)}
	}
}

func (p *peer) write(text string) {
	p.t.Helper()
	// What is refused before its end need not be taken to its end.
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.t.Logf("write: %v", err)
	}
}

// answer reads one answer: its status and its code, "" for success.
func (p *peer) answer() (int, string) {
	p.t.Helper()
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("the answer breaks off: %v", err)
	}
	var d struct{ Code string }
	if json.Unmarshal(body, &d) != nil {
		d.Code = string(body)
	}
	return resp.StatusCode, d.Code
}

// closed reports whether the server closes the connection.
func (p *peer) closed() bool {
	_, err := p.in.ReadByte()
	return err == io.EOF || err != nil && strings.Contains(err.Error(), "reset")
}

func TestHostileConnections(t *testing.T) {
	w := newWorld(t)
	connect := w.listen(0)
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	signedForm := func() string {
		r := message{form: w.common("ListKeys")}.signV1(testSecret)
		return r.URL.RawQuery // the signature alone
	}
	for _, tt := range []struct {
		name, request string
		status        int
		code          string // or a part of net/http's own text
	}{
		{"HTTP/1.0 without a host", "GET " + w.target("ListKeys") + " HTTP/1.0\r\n\r\n", 200, ""},
		{"HTTP/1.1 without a host", "GET " + w.target("ListKeys") + " HTTP/1.1\r\n\r\n", 400, "400 Bad Request"},
		{"an absolute target", "GET http://" + host + w.target("ListKeys") + " HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""},
		{"no HTTP", "hello\r\n\r\n", 400, "400 Bad Request"},
		{"a blank in the target", "GET /?Action=List Keys HTTP/1.1\r\nHost: x\r\n\r\n", 400, "400 Bad Request"},
		{"a target of an asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""},
		{"a method of its own", "FETCH / HTTP/1.1\r\nHost: x\r\n\r\n", 403, "UnsupportedHTTPMethod"},
		{"nothing but a path", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "MissingParameter"},
		{"a long target", "GET /?Action=" + strings.Repeat("x", 600<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 400, "ParseRequestParameterException"},
		{"a long header", "GET " + w.target("ListKeys") + " HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 600<<10) + "\r\n\r\n", 400, "ParseRequestParameterException"},
		{"a header beyond the server's own limit", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", 431, "431 Request Header Fields Too Large"},
		{"too many parameters", "GET /?" + strings.Repeat("a&", 600) + " HTTP/1.1\r\nHost: x\r\n\r\n", 400, "ParseRequestParameterException"},
		{"too many parameters in the form", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Content-Length: 1200\r\n\r\n" + strings.Repeat("a&", 600), 400, "ParseRequestParameterException"},
		{"escapes that are none", "GET /?a=%g0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "ParseRequestParameterException"},
		{"escapes in the form that are none", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Content-Length: 5\r\n\r\na=%g0", 400, "ParseRequestParameterException"},
		{"an absurd length", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Content-Length: 99999999999999999999\r\n\r\n", 400, "400 Bad Request"},
		{"a negative length", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Content-Length: -1\r\n\r\n", 400, "400 Bad Request"},
		{"a large body", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Content-Length: 600000\r\n\r\n" + strings.Repeat("x", 600000), 400, "ParseRequestParameterException"},
		{"a chunked body", "POST /?" + signedForm() + " HTTP/1.1\r\nHost: x\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", 400, "MissingParameter"},
		{"a chunked body that is none", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "ParseRequestParameterException"},
		{"chunks without end", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 200), 400, "ParseRequestParameterException"},
		{"another coding", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Transfer-Encoding: gzip\r\n\r\n", 501, "Unsupported transfer encoding"},
		{"a body that is compressed", "POST / HTTP/1.1\r\nHost: x\r\n" + form + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", 400, "MissingParameter"},
		{"a large body on a wrong path", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n" + strings.Repeat("x", 600000), 404, "InvalidAction.NotFound"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := connect()
			p.t = t
			p.write(tt.request)
			if status, code := p.answer(); status != tt.status || !strings.Contains(code, tt.code) {
				t.Errorf("%d %.200q, want %d %q", status, code, tt.status, tt.code)
			}
		})
	}
}

func TestPipelining(t *testing.T) {
	w := newWorld(t)
	p := w.listen(0)()
	form := message{form: w.common("CreateKey")}.signV1(testSecret)
	var body bytes.Buffer
	io.Copy(&body, form.Body)
	p.write("GET " + w.target("ListKeys") + " HTTP/1.1\r\nHost: x\r\n\r\n" +
		fmt.Sprintf("POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", form.URL.RawQuery, body.Len(), &body) +
		"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" +
		"GET " + w.target("DescribeKey") + " HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, want := range []struct {
		status int
		code   string
	}{{200, ""}, {200, ""}, {404, "InvalidAction.NotFound"}, {400, "MissingParameter"}} {
		if status, code := p.answer(); status != want.status || code != want.code {
			t.Errorf("%d %s, want %d %s", status, code, want.status, want.code)
		}
	}
}

// A body that does not come is waited for as long as the server's ReadTimeout says, and without one for a time of the
// Handler's own: TestSlowBody.
func TestSlowBodyWithReadTimeout(t *testing.T) {
	w := newWorld(t)
	p := w.listen(50 * time.Millisecond)()
	p.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nAction=")
	if status, code := p.answer(); status != 400 || code != "ParseRequestParameterException" || !p.closed() {
		t.Errorf("%d %s", status, code)
	}
}

// What is not UTF-8 is signed by its bytes, and refused where it would have to be answered.
func TestInvalidUTF8(t *testing.T) {
	w := newWorld(t)
	w.refused(message{query: with(w.common("CreateKey"), "Description", "\xff")}.signV1(testSecret), call.Invalid("Description"))
	w.refused(message{query: with(w.common("DescribeKey"), "KeyId", "\xff\x00")}.signV1(testSecret), call.ErrKeyNotFound)
	w.refused(message{query: with(w.common("ListKeys"), "Action", "\xff")}.signV1(testSecret), call.ErrActionNotFound)
	w.refused(message{query: with(w.common("ListKeys"), "AccessKeyId", "\xff")}.signV1(testSecret), call.ErrAccessKeyNotFound)
	w.ok(message{query: with(w.common("ListKeys"), "\xff", "\xfe")}.signV1(testSecret))
	if _, d := w.send(message{query: with(w.common("ListKeys"), "x", "\xff")}.signV1("wrong")); d["Code"] != "SignatureDoesNotMatch" {
		t.Errorf("%v", d)
	}
	r := message{host: "h\xff", header: with(w.headers("ListKeys"), "x-acs-anything", "\xff")}
	w.ok(r.signHeaders("ACS3-HMAC-SHA256", testID, testSecret))
	r.header = with(w.headers("ListKeys"), "x-acs-anything", "\xff")
	if _, d := w.send(r.signHeaders("ACS3-HMAC-SHA256", testID, "wrong")); d["Code"] != "SignatureDoesNotMatch" || d["HostId"] != "h" {
		t.Errorf("%v", d)
	}
}
