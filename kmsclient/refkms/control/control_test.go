package control_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms/control"
)

const token = "a-token-that-is-not-one-to-copy"

// A world is a server and its control face.
type world struct {
	t      testing.TB
	server *refkms.Server
	face   *control.Handler
}

func newWorld(t testing.TB, opts *refkms.Options) *world {
	t.Helper()
	server, err := refkms.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	face, err := control.New(server, token)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, server, face}
}

func post(name string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/"+name, body)
	r.RemoteAddr = "127.0.0.1:1234"
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// send has the face answer, and checks what is true of every answer but the page.
func (w *world) send(r *http.Request) (status int, answer map[string]any) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.face.ServeHTTP(rec, r)
	h := rec.Header()
	if h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Length") != fmt.Sprint(rec.Body.Len()) {
		w.t.Errorf("%s: header %v", r.URL, h)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || answer == nil {
		w.t.Fatalf("%s: answer %q: %v", r.URL, rec.Body, err)
	}
	if _, failed := answer["error"]; failed != (rec.Code != http.StatusOK) {
		w.t.Errorf("%s: status %d with the body %s", r.URL, rec.Code, rec.Body)
	}
	return rec.Code, answer
}

// ok makes a call that succeeds, and stores its answer in out, unless that is nil.
func (w *world) ok(name, body string, out any) {
	w.t.Helper()
	status, answer := w.send(post(name, strings.NewReader(body)))
	if status != http.StatusOK {
		w.t.Fatalf("%s %s = %d %v", name, body, status, answer)
	}
	if out == nil {
		if len(answer) != 0 {
			w.t.Errorf("%s answers %v, want nothing", name, answer)
		}
		return
	}
	text, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
}

// A refusal is the answer to a call that is not done.
type refusal struct {
	status        int
	code, message string
}

// refused sends a request that is refused.
func (w *world) refused(r *http.Request) refusal {
	w.t.Helper()
	status, answer := w.send(r)
	cause, ok := answer["error"].(map[string]any)
	if !ok || len(answer) != 1 || len(cause) != 2 {
		w.t.Fatalf("%s = %d %v, want an error with code and message", r.URL, status, answer)
	}
	return refusal{status, cause["code"].(string), cause["message"].(string)}
}

// refuses makes a call and checks how it is refused: status, code, and a part of the message.
func (w *world) refuses(name, body string, want refusal) {
	w.t.Helper()
	got := w.refused(post(name, strings.NewReader(body)))
	if got.status != want.status || got.code != want.code || !strings.Contains(got.message, want.message) {
		w.t.Errorf("%s %.200s = %d %s %.500q, want %v", name, body, got.status, got.code, got.message, want)
	}
}

func page(t testing.TB, w *world) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "[::1]:1234"
	rec := httptest.NewRecorder()
	w.face.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Fatalf("GET / = %d %v", rec.Code, rec.Header())
	}
	return rec.Body.String()
}

// row is a call as the page has it: its name, and its example, if it has one.
var row = regexp.MustCompile(`(?m)^([A-Z][A-Za-z]+)\n((?:  .*\n)+)`)

// What the page says is so: each call is there, and succeeds with its example, from the first to the last.
func TestPage(t *testing.T) {
	w := newWorld(t, nil)
	text := page(t, w)
	var names []string
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		name, body := m[1], ""
		names = append(names, name)
		if _, example, ok := strings.Cut(m[2], "\n  such as "); ok {
			example, _, _ = strings.Cut(example, "\n  answers ")
			body = strings.Join(strings.Fields(example), " ")
		}
		if !strings.Contains(m[2], "\n  takes   {") || !strings.Contains(m[2], "\n  answers {") {
			t.Errorf("%s: the page does not say what it takes and answers:\n%s", name, m[2])
		}
		if status, answer := w.send(post(name, strings.NewReader(body))); status != http.StatusOK {
			t.Errorf("%s, such as %s = %d %v", name, body, status, answer)
		}
	}
	ram := reflect.TypeFor[*refkms.RAM]()
	for i := range ram.NumMethod() {
		if name := ram.Method(i).Name; !slices.Contains(names, name) {
			t.Errorf("there is no call %s", name)
		}
	}
	for _, name := range []string{"AccessKey", "Advance", "Apply", "Events", "Inject", "Now", "Snapshot"} { // of Server
		if !slices.Contains(names, name) {
			t.Errorf("there is no call %s", name)
		}
	}
	for _, want := range []string{
		"kind    one of throttled, gateway-throttled,", "truncated", "skew\n", "face    one of any, http, in-process\n", "status  one of Enabled, NotEnabled,",
		`takes   {"seconds": number}`, `answers {"now": time}`, `{"account": text, "name": text, "document": JSON}`,
		`"kind": kind, "operation": text`, `"delay": nanoseconds`, `"answer": {text: text, ...}`, `"enabled": true or false`, `answers {}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not have %q:\n%s", want, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 120 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
}

func TestNewRefusesNoServer(t *testing.T) {
	if face, err := control.New(nil, token); face != nil || err == nil || err.Error() != "control: no server" {
		t.Errorf("New = %v, %v, want it refused", face, err)
	}
}

func TestNewRefusesTokens(t *testing.T) {
	server := newWorld(t, nil).server
	for _, tt := range []struct{ name, token, want string }{
		{"none", "", "control: token of 0 bytes, want 16 to 256"},
		{"short", "fifteen-letters", "control: token of 15 bytes, want 16 to 256"},
		{"long", strings.Repeat("t", 257), "control: token of 257 bytes, want 16 to 256"},
		{"blank", "sixteen letters!", "control: token with a blank or a character that is not printable ASCII"},
		{"not ASCII", "sixteen-letters-ß", "control: token with a blank or a character that is not printable ASCII"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if face, err := control.New(server, tt.token); face != nil || err == nil || err.Error() != tt.want {
				t.Errorf("New = %v, %v, want %s", face, err, tt.want)
			}
		})
	}
}

func TestWhoIsHeard(t *testing.T) {
	w := newWorld(t, nil)
	unauthorized := refusal{401, "Unauthorized", "want the token in the header, as Authorization: Bearer TOKEN"}
	notLocal := refusal{403, "NotLocal", "requests without TLS are taken from this machine alone"}
	for _, tt := range []struct {
		name, method, path, header, peer string
		tls                              bool
		want                             refusal // the zero one is none
	}{
		{"token", "POST", "/Now", "Bearer " + token, "", false, refusal{}},
		{"any case", "POST", "/Now", "bearer " + token, "", false, refusal{}},
		{"over IPv6", "POST", "/Now", "Bearer " + token, "[::1]:1", false, refusal{}},
		{"mapped", "POST", "/Now", "Bearer " + token, "[::ffff:127.0.0.1]:1", false, refusal{}},
		{"from afar over TLS", "POST", "/Now", "Bearer " + token, "192.0.2.1:1", true, refusal{}},
		{"from afar", "POST", "/Now", "Bearer " + token, "192.0.2.1:1", false, notLocal},
		{"from nowhere", "POST", "/Now", "Bearer " + token, "@", false, notLocal},
		{"page from afar", "GET", "/", "", "192.0.2.1:1", false, notLocal},
		{"no header", "POST", "/Now", "", "", false, unauthorized},
		{"no scheme", "POST", "/Now", token, "", false, unauthorized},
		{"another scheme", "POST", "/Now", "Basic " + token, "", false, unauthorized},
		{"another token", "POST", "/Now", "Bearer another-token-that-is-wrong", "", false, unauthorized},
		{"part of it", "POST", "/Now", "Bearer " + token[:len(token)-1], "", false, unauthorized},
		{"more than it", "POST", "/Now", "Bearer " + token + "x", "", false, unauthorized},
		{"two blanks", "POST", "/Now", "Bearer  " + token, "", false, unauthorized},
		{"unknown call, no token", "POST", "/Nothing", "", "", false, unauthorized},
		{"unknown call", "POST", "/Nothing", "Bearer " + token, "", false, refusal{404, "UnknownCall", "there is no such call; GET / tells all"}},
		{"case of a call", "POST", "/now", "Bearer " + token, "", false, refusal{404, "UnknownCall", "there is no such call; GET / tells all"}},
		{"path below a call", "POST", "/Now/", "Bearer " + token, "", false, refusal{404, "UnknownCall", "there is no such call; GET / tells all"}},
		{"another method", "GET", "/Now", "Bearer " + token, "", false, refusal{405, "WrongMethod", "calls are made by POST; GET / tells all"}},
		{"the page by POST", "POST", "/", "Bearer " + token, "", false, refusal{405, "WrongMethod", "there is nothing at / but the page that tells all calls, for GET"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, tt.path, nil)
			if r.RemoteAddr = "127.0.0.1:1"; tt.peer != "" {
				r.RemoteAddr = tt.peer
			}
			if tt.tls {
				r = httptest.NewRequest(tt.method, "https://localhost"+tt.path, nil)
				r.RemoteAddr = tt.peer
			}
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			if tt.want == (refusal{}) {
				if status, answer := w.send(r); status != http.StatusOK {
					t.Errorf("%d %v, want 200", status, answer)
				}
			} else if got := w.refused(r); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	rec := httptest.NewRecorder()
	r := post("Now", nil)
	r.Header.Del("Authorization")
	w.face.ServeHTTP(rec, r)
	if got := rec.Header().Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("WWW-Authenticate = %q", got)
	}
	for method, path := range map[string]string{"PUT": "/", "GET": "/Now"} {
		r := httptest.NewRequest(method, path, nil)
		r.RemoteAddr, r.Header = "127.0.0.1:1", http.Header{"Authorization": {"Bearer " + token}}
		rec := httptest.NewRecorder()
		w.face.ServeHTTP(rec, r)
		if want := map[string]string{"PUT": "GET, HEAD", "GET": "POST"}[method]; rec.Header().Get("Allow") != want {
			t.Errorf("%s %s: Allow %q, want %q", method, path, rec.Header().Get("Allow"), want)
		}
	}
}

// The body of a request without the token is not read.
func TestBodyAfterToken(t *testing.T) {
	w := newWorld(t, nil)
	read := false
	body := iotest.ErrReader(errors.New("read"))
	r := post("Now", io.NopCloser(readerFunc(func(p []byte) (int, error) { read = true; return body.Read(p) })))
	r.Header.Del("Authorization")
	if got := w.refused(r); got.status != http.StatusUnauthorized || read {
		t.Errorf("%v, the body was read: %t", got, read)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestBodies(t *testing.T) {
	w := newWorld(t, nil)
	blanks := func(n int) string { return "{}" + strings.Repeat(" ", n-2) }
	w.ok("Lift", "", nil)
	w.ok("Lift", blanks(1<<20), nil)
	w.refuses("Lift", blanks(1<<20+1), refusal{413, "TooLarge", "a body of more than 1048576 bytes"})
	w.ok("Apply", blanks(16<<20), nil)
	w.refuses("Apply", blanks(16<<20+1), refusal{413, "TooLarge", "a body of more than 16777216 bytes"})
	for _, tt := range []struct{ name, call, body, want string }{
		{"unknown name", "CreateUser", `{"nam": "x"}`, `unknown field "nam"`},
		{"a name twice", "CreateUser", `{"name": "x", "Name": "y"}`, `"Name" is there twice`},
		{"another type", "CreateUser", `{"name": 1}`, "cannot unmarshal number into Go struct field entity.name of type string"},
		{"no object", "CreateUser", `[]`, "cannot unmarshal array"},
		{"more", "CreateUser", `{} {}`, "something follows the document"},
		{"cut short", "CreateUser", `{"name": `, "unexpected EOF"},
		{"no JSON", "CreateUser", `name=x`, "invalid character"},
		{"blanks", "CreateUser", `  `, "unexpected EOF"},
		{"a name where there are none", "Now", `{"account": "42"}`, `unknown field "account"`},
		{"fraction", "Advance", `{"seconds": 1.5}`, "cannot unmarshal number 1.5"},
		{"unknown name in a configuration", "Apply", `{"accounts": [{"user": []}]}`, `unknown field "user"`},
		{"a time", "Events", `{"start": "yesterday"}`, "parsing time"},
		{"a kind", "Inject", `{"kind": "nothing"}`, `there is no kind "nothing"`},
		{"account", "CreateUser", `{"account": "x", "name": "alice"}`, `account "x", want digits`},
		{"long account", "CreateUser", `{"account": "` + strings.Repeat("1", 65) + `", "name": "alice"}`, "account of 65 bytes, want at most 64"},
		{"region", "ServiceKey", `{"region": "HANGZHOU", "service": "OSS"}`, `region "HANGZHOU": want lower-case letters`},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refuses(tt.call, tt.body, refusal{400, "InvalidRequest", tt.want}) })
	}
	got := w.refused(post("Now", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("{}")))))
	if want := (refusal{400, "InvalidRequest", "the body did not come whole"}); got != want {
		t.Errorf("a body that breaks off: %v, want %v", got, want)
	}
	got = w.refused(post("CreateUser", strings.NewReader(`{"account": "`+strings.Repeat("1", 60)+`", "name": "`+strings.Repeat("x", 60_000)+`"}`)))
	if len(got.message) > 2000 {
		t.Errorf("a message of %d bytes", len(got.message))
	}
}

// No answer has a secret that it was not asked for, and nothing prints the token.
func TestSecretsStayIn(t *testing.T) {
	const secret = "s3cret-of-alice"
	w := newWorld(t, &refkms.Options{AccessKeyID: "LTAIroot", AccessKeySecret: "s3cret-of-root"})
	w.ok("CreateUser", `{"name": "alice"}`, nil)
	for _, tt := range []struct{ call, body string }{
		{"PutAccessKey", `{"user": "alice", "id": "a b", "secret": "` + secret + `"}`},
		{"PutAccessKey", `{"user": "bob", "id": "LTAIbob", "secret": "` + secret + `"}`},
		{"PutAccessKey", `{"user": "alice", "id": "LTAIroot", "secret": "` + secret + `"}`},
		{"PutAccessKey", `{"user": "alice", "id": "LTAI", "secret": "` + strings.Repeat(secret, 20) + `"}`},
		{"PutAccessKey", `{"user": "alice", "id": "LTAI", "secret": "` + secret + `", "extra": 1}`},
		{"PutAccessKey", `{"user": "alice", "id": "LTAI", "secret": ["` + secret + `"]}`},
		{"PutAccessKey", `{"user": 1, "id": "LTAI", "secret": "` + secret + `"}`},
		{"PutAccessKey", `{"user": "alice", "id": "LTAI", "secret": "` + secret},
		{"Apply", `{"accounts": [{"id": "1", "users": [{"name": "alice", "accessKeys": [{"id": "a b", "secret": "` + secret + `"}]}]}]}`},
		{"Apply", `{"accounts": [{"id": "1", "accessKeys": [{"id": "LTAIroot", "secret": "` + secret + `"}]}]}`},
	} {
		got := w.refused(post(tt.call, strings.NewReader(tt.body)))
		if strings.Contains(got.message, "s3cret") {
			t.Errorf("%s %s: %v", tt.call, tt.body, got)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		text := fmt.Sprintf(format, w.face)
		for _, hidden := range []string{token, fmt.Sprintf("%x", token), "s3cret"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s prints a secret: %s", format, text)
			}
		}
	}
}

// Calls may be made by many at once.
func TestConcurrent(t *testing.T) {
	w := newWorld(t, nil)
	done := make(chan struct{})
	const callers = 8
	for i := range callers {
		go func() {
			defer func() { done <- struct{}{} }()
			for _, c := range []struct{ name, body string }{
				{"CreateUser", fmt.Sprintf(`{"name": "user%d"}`, i)}, {"Snapshot", ""}, {"Advance", `{"seconds": 1}`},
				{"Inject", `{"kind": "throttled", "operation": "Encrypt"}`}, {"Events", ""}, {"Now", ""}, {"Lift", ""},
			} {
				rec := httptest.NewRecorder()
				w.face.ServeHTTP(rec, post(c.name, bytes.NewReader([]byte(c.body))))
				if rec.Code != http.StatusOK {
					t.Errorf("%s = %d %s", c.name, rec.Code, rec.Body)
				}
			}
		}()
	}
	for range callers {
		<-done
	}
	if ahead := time.Until(w.server.Now()); ahead < (callers-1)*time.Second {
		t.Errorf("the clock is %v ahead, want %d s", ahead, callers)
	}
}
