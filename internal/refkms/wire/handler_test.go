package wire_test

import (
	"crypto/tls"
	"encoding/xml"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/wire"
)

// A request with everything wrong is refused for one thing after the other as they are put right, in the service's order.
func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t)
	off := *w.keys[testID]
	off.Disabled = true
	w.keys["off"] = &off
	session := *w.keys[testID]
	session.Session = func(token string, _ time.Time) (call.Principal, error) {
		if token == "" {
			return call.Principal{}, call.ErrMissingSecurityToken
		}
		return session.Principal, nil
	}
	w.keys["STS.x"] = &session
	nonce := call.NewID()
	used := w.common("ListKeys")
	used["AccessKeyId"], used["SecurityToken"], used["SignatureNonce"] = "STS.x", "t", nonce
	w.ok(message{query: used}.signV1(testSecret))

	// What is wrong with the request, to be put right one by one.
	method, path, suffix, secret := "DELETE", "/x", "&%zz", "wrong"
	secure, sign := false, false
	params := map[string]string{}
	request := func() *http.Request {
		r := message{query: params}.request()
		if sign {
			r = message{query: params}.signV1(secret)
		}
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, r.URL.RawQuery+suffix
		if !secure {
			r.TLS, r.RemoteAddr = nil, "192.0.2.1:1"
		}
		return r
	}
	steps := []struct {
		name string
		want *call.Error
		mend func()
	}{
		{"path", call.ErrActionNotFound, func() { path = "/" }},
		{"method", call.ErrUnsupportedMethod, func() { method = "POST" }},
		{"TLS", call.ErrNeedTLS, func() { secure = true }},
		{"query", call.ErrParseRequest, func() { suffix = "" }},
		{"no Action", call.Missing("Action"), func() { params["Action"] = "ListNothing" }},
		{"no Version", call.Missing("Version"), func() { params["Version"] = "2016-01-21" }},
		{"another Version", call.ErrInvalidVersion, func() { params["Version"] = "2016-01-20" }},
		{"unknown Action", call.ErrActionNotFound, func() { params["Action"] = "DescribeKey" }},
		{"no AccessKeyId", call.Missing("AccessKeyId"), func() { params["AccessKeyId"] = "nobody" }},
		{"no SignatureMethod", call.Missing("SignatureMethod"), func() { params["SignatureMethod"] = "HMAC-SHA256" }},
		{"no SignatureVersion", call.Missing("SignatureVersion"), func() { params["SignatureVersion"] = "1.1" }},
		{"no Timestamp", call.ErrIllegalTimestamp, func() { params["Timestamp"] = "yesterday" }},
		{"no Signature", call.Missing("Signature"), func() { params["SignatureType"] = "X"; sign = true }},
		{"SignatureMethod", call.ErrInvalidSignatureMethod, func() { params["SignatureMethod"] = "HMAC-SHA1" }},
		{"SignatureVersion", call.Invalid("SignatureVersion"), func() { params["SignatureVersion"] = "1.0" }},
		{"SignatureType", call.Invalid("SignatureType"), func() { params["SignatureType"] = "" }},
		{"unknown access key", call.ErrAccessKeyNotFound, func() { params["AccessKeyId"] = "off" }},
		{"disabled access key", call.ErrAccessKeyDisabled, func() { params["AccessKeyId"] = "STS.x" }},
		{"malformed date", call.ErrTimestampFormat, func() { params["Timestamp"] = "2021-06-30T23:44:59Z" }},
		{"old date", call.ErrIllegalTimestamp, func() { params["Timestamp"] = "2021-06-30T23:45:00Z" }},
		{"no token", call.ErrMissingSecurityToken, func() { params["SecurityToken"] = "t"; params["SignatureNonce"] = nonce }},
		{"signature", nil, func() { secret = testSecret }},
		{"used nonce", call.ErrNonceUsed, func() { params["SignatureNonce"] = "another" }},
		{"the operation's own", call.Missing("KeyId"), func() {}},
	}
	for _, step := range steps {
		if step.want == nil {
			if status, d := w.send(request()); status != 400 || d["Code"] != "SignatureDoesNotMatch" {
				t.Errorf("%s: %d %v", step.name, status, d)
			}
		} else {
			t.Run(step.name, func(t *testing.T) { w.t = t; w.refused(request(), step.want) })
		}
		step.mend()
	}
}

func TestWhereParametersLie(t *testing.T) {
	w := newWorld(t)
	nothing := map[string]string{}
	for _, tt := range []struct {
		name        string
		method      string
		query, form map[string]string
		contentType string
		want        *call.Error // nil for success
	}{
		{"GET, query", "GET", w.common("ListKeys"), nothing, "", nil},
		{"POST, query", "POST", w.common("ListKeys"), nothing, "", nil},
		{"POST, form", "POST", nothing, w.common("ListKeys"), "application/x-www-form-urlencoded", nil},
		{"POST, form with a charset", "POST", nothing, w.common("ListKeys"), "Application/X-WWW-Form-URLEncoded; charset=utf-8", nil},
		{"POST, both", "POST", w.common("ListKeys"), map[string]string{"PageSize": "3"}, "application/x-www-form-urlencoded", nil},
		{"unknown parameters", "POST", with(w.common("ListKeys"), "fields", "KeyId", "", "x", "SourceIp", "1.1.1.1"), nothing, "", nil},
		{"names differ by case", "POST", with(w.common("DescribeKey"), "keyid", "k"), nothing, "", call.Missing("KeyId")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			r := message{method: tt.method, query: tt.query, form: tt.form}.signV1(testSecret)
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			if tt.want != nil {
				w.refused(r, tt.want)
				return
			}
			w.ok(r)
		})
	}
	t.Run("the form wins, in the signature too", func(t *testing.T) {
		w.t = t
		query := with(w.common("ListKeys"), "PageSize", "7")
		if d := w.ok(message{query: query, form: map[string]string{"PageSize": "3"}}.signV1(testSecret)); d["PageSize"] != 3.0 {
			t.Errorf("PageSize = %v, want 3", d["PageSize"])
		}
	})
	t.Run("the first of two counts, in the signature too", func(t *testing.T) {
		w.t = t
		r := message{query: with(w.common("ListKeys"), "PageSize", "7")}.signV1(testSecret)
		r.URL.RawQuery += "&PageSize=3&&"
		if d := w.ok(r); d["PageSize"] != 7.0 {
			t.Errorf("PageSize = %v, want 7", d["PageSize"])
		}
	})
	t.Run("a body of another type holds none", func(t *testing.T) {
		w.t = t
		for _, contentType := range []string{"", "text/plain", "application/json", "multipart/form-data; boundary=x"} {
			r := message{form: w.common("ListKeys")}.signV1(testSecret)
			r.Header.Set("Content-Type", contentType)
			w.refused(r, call.Missing("Action"))
		}
	})
	t.Run("the body of a GET holds none", func(t *testing.T) {
		w.t = t
		w.refused(message{method: "GET", form: w.common("ListKeys")}.signV1(testSecret), call.Missing("Action"))
	})
	t.Run("header fields do not stand in for Action and Version", func(t *testing.T) {
		w.t = t
		query := w.common("ListKeys")
		delete(query, "Action")
		w.refused(message{query: query, header: map[string]string{"x-acs-action": "ListKeys", "x-acs-version": "2016-01-20"}}.signV1(testSecret),
			call.Missing("Action"))
	})
	t.Run("nor for the action of a parameter", func(t *testing.T) {
		w.t = t
		w.ok(message{query: w.common("ListKeys"), header: map[string]string{"x-acs-action": "CreateKey", "x-acs-version": "1"}}.signV1(testSecret))
	})
}

// with returns params with more of them: names and values in turn.
func with(params map[string]string, more ...string) map[string]string {
	params = maps.Clone(params)
	for i := 0; i < len(more); i += 2 {
		params[more[i]] = more[i+1]
	}
	return params
}

func TestRegion(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ host, regionID, want string }{
		{"kms.cn-beijing.aliyuncs.com", "cn-hangzhou", "cn-beijing"},
		{"kms.cn-hangzhou.aliyuncs.com:8443", "cn-beijing", "cn-hangzhou"},
		{"kms-vpc.cn-beijing.aliyuncs.com", "", "cn-beijing"},
		{"KMS.CN-Beijing.aliyuncs.com", "", "cn-beijing"},
		{"kms.cn-beijing.localhost", "cn-hangzhou", "cn-beijing"},
		{"127.0.0.1:8080", "cn-beijing", "cn-beijing"},
		{"[::1]:8080", "cn-beijing", "cn-beijing"},
		{"localhost", "", "cn-hangzhou"},
		{"proxy.example", "mars-1", "cn-hangzhou"},
		{"kms.mars-1.aliyuncs.com", "cn-beijing", "cn-beijing"},
		{"kms.cn-beijing", "", "cn-hangzhou"},
		{"oss.cn-beijing.aliyuncs.com", "", "cn-hangzhou"},
	} {
		t.Run(tt.host+" "+tt.regionID, func(t *testing.T) {
			w.t = t
			d := w.ok(message{host: tt.host, query: with(w.common("CreateKey"), "RegionId", tt.regionID)}.signV1(testSecret))
			arn := d["KeyMetadata"].(map[string]any)["Arn"].(string)
			if got := strings.Split(arn, ":")[2]; got != tt.want {
				t.Errorf("the region is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPlainHTTP(t *testing.T) {
	send := func(w *world, remote string, tls *tls.ConnectionState) (int, doc) {
		r := message{query: w.common("ListKeys")}.signV1(testSecret)
		r.RemoteAddr, r.TLS = remote, tls
		return w.send(r)
	}
	w := newWorld(t)
	for _, tt := range []struct {
		name, remote string
		tls          *tls.ConnectionState
		want         int
	}{
		{"loopback", "127.0.0.1:1234", nil, 200},
		{"loopback, version 6", "[::1]:1234", nil, 200},
		{"loopback, mapped", "[::ffff:127.0.0.1]:1234", nil, 200},
		{"a socket of this machine", "@", nil, 200},
		{"another machine", "192.0.2.1:1234", nil, 400},
		{"another machine over TLS", "192.0.2.1:1234", new(tls.ConnectionState), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			if status, d := send(w, tt.remote, tt.tls); status != tt.want || status == 400 && d["Code"] != "InvalidProtocol.NeedSsl" {
				t.Errorf("%d %v, want %d", status, d, tt.want)
			}
		})
	}
	open := newWorldWith(t, wire.Config{AllowPlain: true})
	if status, d := send(open, "192.0.2.1:1234", nil); status != 200 {
		t.Errorf("where plain HTTP is allowed: %d %v", status, d)
	}
}

// What is refused at the gate is told in the format that was asked for.
func TestFormat(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		format string
		xml    bool
	}{{"JSON", false}, {"json", false}, {"XML", true}, {"xml", true}, {"YAML", false}, {"", false}} {
		for _, form := range []bool{false, true} {
			m := message{query: with(w.common("ListKeys"), "Format", tt.format)}
			if form {
				m = message{form: m.query}
			}
			elsewhere := m.signV1(testSecret)
			elsewhere.URL.Path = "/x"
			for _, r := range []*http.Request{m.signV1(testSecret), m.signV1("another"), elsewhere} {
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, r)
				want := "application/json;charset=utf-8"
				if tt.xml {
					want = "text/xml;charset=utf-8"
				}
				if got := rec.Header().Get("Content-Type"); got != want {
					t.Errorf("Format=%s, in a form %t: content type %s, want %s", tt.format, form, got, want)
				}
			}
			w.now = w.now.Add(time.Second)
		}
	}
}

func TestXML(t *testing.T) {
	w := newWorld(t)
	get := func(action string, more ...string) string {
		t.Helper()
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, message{query: with(with(w.common(action), "Format", "XML"), more...)}.signV1(testSecret))
		return rec.Body.String()
	}
	var created struct {
		XMLName     xml.Name
		KeyMetadata struct{ KeyId, Description, DeleteDate string }
		RequestId   string
	}
	if err := xml.Unmarshal([]byte(get("CreateKey", "Description", "<a> & \"b\"\n\x01")), &created); err != nil {
		t.Fatal(err)
	}
	if created.XMLName.Local != "KMS" || created.RequestId == "" || created.KeyMetadata.Description != "<a> & \"b\"\n\ufffd" {
		t.Errorf("created %+v", created)
	}
	const prolog = `<?xml version="1.0" encoding="UTF-8"?><KMS>`
	empty := get("ListAliases")
	if want := prolog + "<Aliases></Aliases><TotalCount>0</TotalCount><PageNumber>1</PageNumber><PageSize>10</PageSize><RequestId>"; !strings.HasPrefix(empty, want) {
		t.Errorf("ListAliases = %s", empty)
	}
	get("CreateKey")
	var list struct {
		Keys struct {
			Key []struct{ KeyId, KeyArn string }
		}
		TotalCount int
	}
	if err := xml.Unmarshal([]byte(get("ListKeys")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Keys.Key) != 2 || list.TotalCount != 2 || list.Keys.Key[0].KeyArn == "" {
		t.Errorf("listed %+v", list)
	}
	refused := get("DescribeKey", "KeyId", "k")
	if want := prolog + "<HttpStatus>404</HttpStatus><Code>Forbidden.KeyNotFound</Code><Message>The specified Key is not found.</Message><RequestId>"; !strings.HasPrefix(refused, want) {
		t.Errorf("DescribeKey = %s", refused)
	}
}

func TestRefusalDocument(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("h", 300)
	for host, want := range map[string]string{
		"kms.cn-hangzhou.aliyuncs.com": "kms.cn-hangzhou.aliyuncs.com", "127.0.0.1:81": "127.0.0.1:81", long: long[:255],
	} {
		d := w.refused(message{host: host, query: with(w.common("DescribeKey"), "KeyId", "k")}.signV1(testSecret), call.ErrKeyNotFound)
		if d["HostId"] != want || d["Recommend"] != "https://error-center.aliyun.com/status/search?Keyword=Forbidden.KeyNotFound&source=PopGw" {
			t.Errorf("%v", d)
		}
	}
}

func TestValues(t *testing.T) {
	w := newWorld(t)
	key := w.ok(message{query: with(w.common("CreateKey"), "Description", "<&>'\"\u2028")}.signV1(testSecret))["KeyMetadata"].(map[string]any)
	for name, v := range key {
		if _, ok := v.(string); !ok {
			t.Errorf("KeyMetadata.%s is %T, want a string", name, v)
		}
	}
	if key["Description"] != "<&>'\"\u2028" {
		t.Errorf("Description = %q", key["Description"])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, message{query: with(w.common("DescribeKey"), "KeyId", key["KeyId"].(string))}.signV1(testSecret))
	if !strings.Contains(rec.Body.String(), `"Description":"<&>'`) {
		t.Errorf("escaped for HTML: %s", rec.Body)
	}
	encrypt := func(plaintext string) doc {
		_, d := w.send(message{query: with(w.common("Encrypt"), "KeyId", key["KeyId"].(string), "Plaintext", plaintext)}.signV1(testSecret))
		return d
	}
	for _, text := range []string{awkward, "张三", "-----BEGIN\r\n", "\x00", strings.Repeat("é", 3072)} {
		blob, _ := encrypt(text)["CiphertextBlob"].(string)
		d := w.ok(message{form: with(w.common("Decrypt"), "CiphertextBlob", blob+"\n")}.signV1(testSecret))
		if d["Plaintext"] != text {
			t.Errorf("Decrypt = %q, want %q", d["Plaintext"], text)
		}
	}
	if d := encrypt("\xff"); d["Code"] != "InvalidParameter" || d["Message"] != `The specified parameter "Plaintext" is not valid.` {
		t.Errorf("a plaintext that is not UTF-8: %v", d)
	}
}
