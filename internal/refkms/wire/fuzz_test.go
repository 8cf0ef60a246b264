package wire_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// Whatever comes is answered with one of the documented statuses, in the format that was asked for.
func FuzzRequest(f *testing.F) {
	w := newWorld(f)
	for _, action := range []string{"ListKeys", "CreateKey", "Decrypt"} {
		r := message{query: w.common(action)}.signV1(testSecret)
		f.Add("POST", "/", r.URL.RawQuery, "", "", "")
		f.Add("POST", "/", "", "application/x-www-form-urlencoded", r.URL.RawQuery, "")
		r = message{header: w.headers(action)}.signHeaders("ACS4-HMAC-SHA256", testID, testSecret)
		f.Add("GET", "/", "a=b&Format=XML", "", "", r.Header.Get("Authorization"))
	}
	f.Add("POST", "/", "a=%zz", "application/x-www-form-urlencoded;", "%", "ACS3-HMAC-SHA256 Credential=,SignedHeaders=;;")
	f.Add("GET", "*", strings.Repeat("&", 600), "text/plain", "x", "Bearer")
	f.Fuzz(func(t *testing.T, method, path, query, contentType, body, authorization string) {
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: host, RemoteAddr: "127.0.0.1:1",
			Header: http.Header{"Content-Type": {contentType}, "Authorization": {authorization}, "X-Acs-Action": {"ListKeys"},
				"X-Acs-Version": {"2016-01-20"}, "X-Acs-Date": {"2021-07-01T00:00:00Z"}, "X-Acs-Signature-Nonce": {call.NewID()},
				"X-Acs-Content-Sha256": {emptyHash}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if !slices.Contains([]int{200, 400, 403, 404, 409}, rec.Code) {
			t.Errorf("status %d", rec.Code)
		}
		switch contentType := rec.Header().Get("Content-Type"); contentType {
		case "application/json;charset=utf-8":
			if !json.Valid(rec.Body.Bytes()) {
				t.Errorf("no JSON: %q", rec.Body)
			}
		case "text/xml;charset=utf-8":
			for dec := xml.NewDecoder(rec.Body); ; {
				if _, err := dec.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("no XML: %v", err)
				}
			}
		default:
			t.Errorf("content type %q", contentType)
		}
	})
}

// What a client signs by the rules is accepted, whatever its parameters are; and not with another value.
func FuzzSignature(f *testing.F) {
	f.Add("Plaintext", awkward, "EncryptionContext", `{"Owner":"张三"}`, true)
	f.Add("", "", "x", "%41+%2B", false)
	f.Add("\xff", "\x00\xfe", "a&b=c", ";/?:@&=+$,'()!*~-_.", true)
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, inForm bool) {
		for _, name := range []string{name1, name2} {
			if _, reserved := w.common("ListKeys")[name]; reserved || slices.Contains([]string{"Signature", "SecurityToken", "PageNumber", "PageSize", "Filters", "\x00mark"}, name) {
				t.Skip("a parameter that means something")
			}
		}
		w.t = t
		mark := map[string]string{name1: value1, name2: value2, "\x00mark": "1"}
		changed := map[string]string{name1: value1, name2: value2, "\x00mark": "2"}
		sent := func(params map[string]string, common map[string]string) message {
			if inForm {
				return message{query: common, form: params}
			}
			return message{query: with(common, flat(params)...)}
		}
		w.ok(sent(mark, w.common("ListKeys")).signV1(testSecret))
		common := w.common("ListKeys")
		other := sent(changed, with(common, "Signature", sent(mark, common).signV1(testSecret).URL.Query().Get("Signature")))
		if _, d := w.send(other.request()); d["Code"] != "SignatureDoesNotMatch" {
			t.Errorf("a changed parameter: %v", d)
		}
		for _, algorithm := range algorithms {
			m := message{header: w.headers("ListKeys")}
			if inForm {
				m.form = mark
			} else {
				m.query = mark
			}
			w.ok(m.signHeaders(algorithm, testID, testSecret))
		}
	})
}

// flat returns names and values in turn.
func flat(params map[string]string) []string {
	var pairs []string
	for name, value := range params {
		pairs = append(pairs, name, value)
	}
	return pairs
}
