package wire_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/faults"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/wire"
)

const (
	testID, testSecret = "testid", "testsecret"
	account            = "1234567890123456"
	host               = "kms.cn-hangzhou.aliyuncs.com"
)

// signed is the day on which the published examples were signed.
var signed = time.Date(2021, 7, 1, 0, 0, 0, 0, time.UTC)

// A world is a server behind a Handler, with the machine's clock at now.
type world struct {
	t       testing.TB
	handler *wire.Handler
	faults  *faults.Injector
	now     time.Time
	keys    map[string]*call.Credential
}

func newWorld(t testing.TB) *world { return newWorldWith(t, wire.Config{}) }

func newWorldWith(t testing.TB, c wire.Config) *world {
	w := &world{t: t, faults: new(faults.Injector), now: signed, keys: map[string]*call.Credential{
		testID: {Principal: call.Principal{Kind: call.Root, Account: account}, Secret: state.NewMaterial([]byte(testSecret))},
	}}
	// The service's own clock is years away from the machine's.
	serviceTime := func() time.Time { return signed.AddDate(5, 0, 0) }
	c.Server = server.New(state.NewMemory(), clock.New(serviceTime), catalog.New(catalog.Rooms{Keys: keys.New(keys.Options{})}),
		server.Hooks{Credential: func(_ state.Tx, id string) *call.Credential { return w.keys[id] }, Fault: w.faults.Plan, Skew: w.faults.Skew})
	c.Region = "cn-hangzhou"
	c.Serves = func(region string) bool { return region == "cn-hangzhou" || region == "cn-beijing" }
	c.Now = func() time.Time { return w.now }
	w.handler = wire.New(c)
	return w
}

// A message is an HTTP request to be signed.
type message struct {
	method string // default POST
	host   string // default host
	query  map[string]string
	form   map[string]string
	body   string // of the form, if it is not to be values(form)
	header map[string]string
	equals bool // in version 4, an empty parameter is signed with =
}

func (m *message) defaults() {
	if m.method == "" {
		m.method = "POST"
	}
	if m.host == "" {
		m.host = host
	}
	if m.body == "" {
		m.body = values(m.form)
	}
}

// rfc3986 encodes as signatures do, by another way than the package's.
func rfc3986(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// canonical returns name=value joined by &, ascending.
func canonical(params map[string]string, empty string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		pair := rfc3986(name) + "=" + rfc3986(params[name])
		if params[name] == "" {
			pair = rfc3986(name) + empty
		}
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "&")
}

// values returns parameters as a client puts them on the wire, where blanks are +.
func values(params map[string]string) string {
	v := url.Values{}
	for name, value := range params {
		v.Set(name, value)
	}
	return v.Encode()
}

// common returns the parameters of every V1 request, dated.
func (w *world) common(action string) map[string]string {
	return map[string]string{
		"Action": action, "Version": "2016-01-20", "Format": "JSON", "AccessKeyId": testID, "SignatureMethod": "HMAC-SHA1",
		"SignatureVersion": "1.0", "SignatureType": "", "SignatureNonce": call.NewID(),
		"Timestamp": w.now.Format("2006-01-02T15:04:05Z"), "RegionId": "cn-beijing",
	}
}

// signV1 signs by parameters: Signature goes to the query.
func (m message) signV1(secret string) *http.Request {
	m.defaults()
	all := maps.Clone(m.query)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, m.form)
	delete(all, "Signature")
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	io.WriteString(mac, m.method+"&%2F&"+rfc3986(canonical(all, "=")))
	m.query = maps.Clone(m.query)
	if m.query == nil {
		m.query = map[string]string{}
	}
	m.query["Signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return m.request()
}

// signHeaders signs by header fields, with one of the four algorithms.
func (m message) signHeaders(algorithm, id, secret string) *http.Request {
	m.defaults()
	var newHash func() hash.Hash = sha256.New
	if strings.HasSuffix(algorithm, "SM3") {
		newHash = sm3.New
	}
	sum := func(s string) string {
		h := newHash()
		io.WriteString(h, s)
		return hex.EncodeToString(h.Sum(nil))
	}
	m.header = maps.Clone(m.header)
	if m.body != "" {
		m.header["content-type"] = "application/x-www-form-urlencoded"
	}
	if m.header["x-acs-content-sha256"] == "" && m.header["x-acs-content-sm3"] == "" {
		m.header["x-acs-content-sha256"] = sum(m.body)
	}
	fields := map[string]string{"host": m.host}
	for name, value := range m.header {
		if strings.HasPrefix(name, "x-acs-") || name == "content-type" {
			fields[name] = strings.TrimSpace(value)
		}
	}
	names := slices.Sorted(maps.Keys(fields))
	var lines strings.Builder
	for _, name := range names {
		fmt.Fprintf(&lines, "%s:%s\n", name, fields[name])
	}
	empty, key, credential := "=", []byte(secret), id
	if strings.HasPrefix(algorithm, "ACS4") {
		if !m.equals {
			empty = ""
		}
		date := strings.ReplaceAll(m.header["x-acs-date"][:10], "-", "")
		credential = id + "/" + date + "/cn-hangzhou/Kms/aliyun_v4_request"
		key = []byte("aliyun_v4" + secret)
		for _, part := range []string{date, "cn-hangzhou", "Kms", "aliyun_v4_request"} {
			mac := hmac.New(newHash, key)
			io.WriteString(mac, part)
			key = mac.Sum(nil)
		}
	}
	canonicalRequest := m.method + "\n/\n" + canonical(m.query, empty) + "\n" + lines.String() + "\n" + strings.Join(names, ";") + "\n" + sum(m.body)
	mac := hmac.New(newHash, key)
	io.WriteString(mac, algorithm+"\n"+sum(canonicalRequest))
	m.header["Authorization"] = algorithm + " Credential=" + credential + ",SignedHeaders=" + strings.Join(names, ";") +
		",Signature=" + hex.EncodeToString(mac.Sum(nil))
	return m.request()
}

// headers returns the header fields of every V3 request, dated.
func (w *world) headers(action string) map[string]string {
	return map[string]string{"x-acs-action": action, "x-acs-version": "2016-01-20",
		"x-acs-date": w.now.Format("2006-01-02T15:04:05Z"), "x-acs-signature-nonce": call.NewID()}
}

// request returns the message as a net/http server receives it, over TLS.
func (m message) request() *http.Request {
	m.defaults()
	r := httptest.NewRequest(m.method, "https://"+m.host+"/?"+values(m.query), strings.NewReader(m.body))
	if m.body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range m.header {
		r.Header.Set(name, value)
	}
	return r
}

// A doc is an answer in JSON.
type doc map[string]any

// send has the handler answer and checks what is true of every answer in JSON.
func (w *world) send(r *http.Request) (int, doc) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if got := rec.Header().Get("Content-Type"); got != "application/json;charset=utf-8" {
		w.t.Errorf("content type %q of %s", got, rec.Body)
	}
	d := doc{}
	if err := json.Unmarshal(rec.Body.Bytes(), &d); err != nil {
		w.t.Fatalf("answer %q: %v", rec.Body, err)
	}
	if id, _ := d["RequestId"].(string); len(id) != 36 || rec.Header().Get("X-Acs-Request-Id") != id {
		w.t.Errorf("request id %q, in the header %q", id, rec.Header().Get("X-Acs-Request-Id"))
	}
	if _, has := d["Code"]; has != (rec.Code != 200) {
		w.t.Errorf("status %d with the body %s", rec.Code, rec.Body)
	}
	return rec.Code, d
}

// ok has a request answered that succeeds.
func (w *world) ok(r *http.Request) doc {
	w.t.Helper()
	status, d := w.send(r)
	if status != 200 {
		w.t.Fatalf("%s %.300s = %d %v", r.Method, r.URL, status, d)
	}
	return d
}

// refused has a request answered that is refused, with the status, code and message of want.
func (w *world) refused(r *http.Request, want *call.Error) doc {
	w.t.Helper()
	status, d := w.send(r)
	if status != want.Status || d["Code"] != want.Code || d["Message"] != want.Message || d["HttpStatus"] != float64(want.Status) {
		w.t.Errorf("%s %.300s = %d %v, want %d %v", r.Method, r.URL, status, d, want.Status, want)
	}
	return d
}
