package wire_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

var algorithms = []string{"ACS3-HMAC-SHA256", "ACS3-HMAC-SM3", "ACS4-HMAC-SHA256", "ACS4-HMAC-SM3"}

func TestHeaderSignatures(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			w := newWorld(t)
			sign := func(m message) *http.Request { return m.signHeaders(algorithm, testID, testSecret) }
			w.ok(sign(message{header: w.headers("ListKeys")}))
			w.ok(sign(message{method: "GET", header: w.headers("ListKeys")}))
			w.ok(sign(message{host: "127.0.0.1:8080", header: w.headers("ListKeys")}))
			w.ok(sign(message{query: map[string]string{"PageSize": "3", "EncryptionContext": awkward, "Empty": ""}, header: w.headers("ListKeys")}))
			if d := w.ok(sign(message{query: map[string]string{"PageSize": "3"}, form: map[string]string{"PageSize": "4"}, header: w.headers("ListKeys")})); d["PageSize"] != 4.0 {
				t.Errorf("PageSize = %v, want the form's", d["PageSize"])
			}
			w.ok(sign(message{header: with(w.headers("ListKeys"), "x-acs-credentials-provider", "static", "x-acs-anything", " blanks ")}))
			// The parameters of version 1 mean nothing.
			w.ok(sign(message{query: map[string]string{"Action": "CreateKey", "Version": "1", "Timestamp": "x", "AccessKeyId": "y"}, header: w.headers("ListKeys")}))

			for name, change := range map[string]func(r *http.Request){
				"method":    func(r *http.Request) { r.Method = "GET" },
				"host":      func(r *http.Request) { r.Host = "kms.cn-beijing.aliyuncs.com" },
				"action":    func(r *http.Request) { r.Header.Set("X-Acs-Action", "ListAliases") },
				"nonce":     func(r *http.Request) { r.Header.Set("X-Acs-Signature-Nonce", "n") },
				"query":     func(r *http.Request) { r.URL.RawQuery = "PageSize=4" },
				"parameter": func(r *http.Request) { r.URL.RawQuery += "&x=" },
				"body hash": func(r *http.Request) { r.Header.Set("X-Acs-Content-Sha256", emptyHash[1:]+"0") },
				"second":    func(r *http.Request) { r.Header.Add("X-Acs-Action", "ListAliases") },
			} {
				r := sign(message{query: map[string]string{"PageSize": "3"}, header: w.headers("ListKeys")})
				change(r)
				if _, d := w.send(r); d["Code"] != "SignatureDoesNotMatch" && (name != "second" || d["Code"] != "InvalidAction.NotFound") {
					t.Errorf("another %s: %v", name, d)
				}
			}
			other := sign(message{form: map[string]string{"PageSize": "3"}, header: w.headers("ListKeys")})
			other.Body = message{form: map[string]string{"PageSize": "4"}}.request().Body
			if _, d := w.send(other); d["Code"] != "SignatureDoesNotMatch" {
				t.Errorf("another body: %v", d)
			}
			if _, d := w.send(message{header: w.headers("ListKeys")}.signHeaders(algorithm, testID, "wrong")); d["Code"] != "SignatureDoesNotMatch" {
				t.Errorf("another secret: %v", d)
			}
			w.refused(message{header: w.headers("ListKeys")}.signHeaders(algorithm, "nobody", testSecret), call.ErrAccessKeyNotFound)

			header := w.headers("ListKeys")
			w.ok(sign(message{header: header}))
			w.refused(sign(message{header: header}), call.ErrNonceUsed)
		})
	}
}

// A mismatch tells what the server signed, for the caller to compare.
func TestHeaderMismatch(t *testing.T) {
	w := newWorld(t)
	header := with(w.headers("ListKeys"), "x-acs-signature-nonce", "n")
	_, d := w.send(message{query: map[string]string{"PageSize": "3"}, header: header}.signHeaders("ACS3-HMAC-SHA256", testID, "wrong"))
	const canonicalRequest = "POST\n/\nPageSize=3\n" +
		"host:kms.cn-hangzhou.aliyuncs.com\nx-acs-action:ListKeys\nx-acs-content-sha256:" + emptyHash + "\n" +
		"x-acs-date:2021-07-01T00:00:00Z\nx-acs-signature-nonce:n\nx-acs-version:2016-01-20\n\n" +
		"host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version\n" + emptyHash
	want := fmt.Sprintf("Specified signature does not match our calculation. server StringToSign is [ACS3-HMAC-SHA256\n%x] "+
		"server CanonicalRequest is [%s]", sha256.Sum256([]byte(canonicalRequest)), canonicalRequest)
	if d["Message"] != want {
		t.Errorf("message\n%s\nwant\n%s", d["Message"], want)
	}
}

func TestIncompleteHeaders(t *testing.T) {
	w := newWorld(t)
	sign := func() *http.Request {
		return message{header: w.headers("ListKeys")}.signHeaders("ACS3-HMAC-SHA256", testID, testSecret)
	}
	replace := func(old, new string) func(r *http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		}
	}
	remove := func(name string) func(r *http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	set := func(name, value string) func(r *http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, tt := range []struct {
		name   string
		change func(r *http.Request)
		want   *call.Error
	}{
		{"no action", remove("x-acs-action"), call.Missing("x-acs-action")},
		{"no version", remove("x-acs-version"), call.Missing("x-acs-version")},
		{"another version", set("x-acs-version", "2016-01-21"), call.ErrInvalidVersion},
		{"unknown action", set("x-acs-action", "listkeys"), call.ErrActionNotFound},
		{"no date", remove("x-acs-date"), call.ErrIllegalTimestamp},
		{"no nonce", remove("x-acs-signature-nonce"), call.Missing("x-acs-signature-nonce")},
		{"no hash", remove("x-acs-content-sha256"), call.Missing("x-acs-content-sha256")},
		{"no parts", set("Authorization", "ACS3-HMAC-SHA256"), call.ErrIncompleteSignature},
		{"no credential", replace("Credential=testid,", ""), call.ErrIncompleteSignature},
		{"no signature", replace(",Signature=", ",Sig="), call.ErrIncompleteSignature},
		{"no signed headers", replace(",SignedHeaders=", ",Headers="), call.ErrIncompleteSignature},
		{"host is not signed", replace("host;", ""), call.ErrIncompleteSignature},
		{"action is not signed", replace("x-acs-action;", ""), call.ErrIncompleteSignature},
		{"a token that is not signed", set("x-acs-security-token", "t"), call.ErrIncompleteSignature},
		{"a content type that is not signed", set("Content-Type", "text/plain"), call.ErrIncompleteSignature},
		{"signed headers out of order", replace("host;x-acs-action", "x-acs-action;host"), call.ErrIncompleteSignature},
		{"a signed header twice", replace("host;", "host;host;"), call.ErrIncompleteSignature},
		{"signed headers in capitals", replace("host;", "Host;"), call.ErrIncompleteSignature},
		{"a key pair's algorithm", replace("ACS3-HMAC-SHA256", "ACS3-RSA-SHA256"), call.ErrInvalidSignatureMethod},
		{"no algorithm there is", replace("ACS3-HMAC-SHA256", "ACS4-HMAC-SHA512"), call.ErrInvalidSignatureMethod},
		{"blanks after the commas", func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ",", ", "))
		}, nil},
		{"version 4 without a scope", replace("ACS3", "ACS4"), call.ErrIncompleteSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			r := sign()
			tt.change(r)
			if tt.want == nil {
				w.ok(r)
			} else {
				w.refused(r, tt.want)
			}
		})
	}
	t.Run("a header that is signed and not there", func(t *testing.T) {
		w.t = t
		r := sign()
		replace("host;", "host;x-acs-absent;")(r)
		if _, d := w.send(r); d["Code"] != "IncompleteSignature" && d["Code"] != "SignatureDoesNotMatch" {
			t.Errorf("%v", d)
		}
	})
}

// An empty parameter of version 4 is signed as the name alone by the SDK for Go, as name= by that for Python.
func TestEmptyParameterOfVersion4(t *testing.T) {
	w := newWorld(t)
	const algorithm = "ACS4-HMAC-SHA256"
	m := message{query: map[string]string{"Description": "", "KeyId": "k"}, header: w.headers("UpdateKeyDescription")}
	w.refused(m.signHeaders(algorithm, testID, testSecret), call.ErrKeyNotFound)
	m.header, m.equals = w.headers("UpdateKeyDescription"), true
	w.refused(m.signHeaders(algorithm, testID, testSecret), call.ErrKeyNotFound)
	m.header = w.headers("UpdateKeyDescription")
	_, d := w.send(m.signHeaders(algorithm, testID, "wrong"))
	if message, _ := d["Message"].(string); !strings.Contains(message, "\nDescription&KeyId=k\n") {
		t.Errorf("a mismatch tells %q", message)
	}
}

func TestScopes(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ name, old, new string }{
		{"another day", "/20210701/", "/20210702/"},
		{"another product", "/Kms/", "/Ecs/"},
		{"another end", "/aliyun_v4_request", "/aliyun_v3_request"},
		{"no id", "Credential=testid/", "Credential=/"},
		{"no region", "/cn-hangzhou/", "//"},
		{"a part too many", "/Kms/", "/Kms/x/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			r := message{header: w.headers("ListKeys")}.signHeaders("ACS4-HMAC-SHA256", testID, testSecret)
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), tt.old, tt.new, 1))
			w.refused(r, call.ErrIncompleteSignature)
		})
	}
	t.Run("another region than signed", func(t *testing.T) {
		w.t = t
		r := message{header: w.headers("ListKeys")}.signHeaders("ACS4-HMAC-SHA256", testID, testSecret)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/cn-hangzhou/", "/center/", 1))
		if _, d := w.send(r); d["Code"] != "SignatureDoesNotMatch" {
			t.Errorf("%v", d)
		}
	})
}

// The hash of the body may stand under either name with SM3, whose signers do not agree on it.
func TestContentSM3(t *testing.T) {
	const emptySM3 = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
	w := newWorld(t)
	for _, algorithm := range algorithms {
		header := with(w.headers("ListKeys"), "x-acs-content-sm3", emptySM3)
		r := message{header: header}.signHeaders(algorithm, testID, testSecret)
		if strings.HasSuffix(algorithm, "SM3") {
			w.ok(r)
		} else {
			w.refused(r, call.Missing("x-acs-content-sha256"))
		}
	}
}

// Fields that come several times count as the sorted list of their values.
func TestSeveralFields(t *testing.T) {
	w := newWorld(t)
	header := with(w.headers("ListKeys"), "x-acs-several", "a,b")
	r := message{header: header}.signHeaders("ACS3-HMAC-SHA256", testID, testSecret)
	r.Header["X-Acs-Several"] = []string{" b", "a "}
	w.ok(r)
}
