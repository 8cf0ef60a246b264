package wire_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// awkward is the text of the examples, with characters that encodings disagree on.
const awkward = "a b+c/d=*~e"

// Examples with their signatures, that of CreateKey as the service's documentation prints it. Each is refused with one
// character of its signature changed.
func TestVectors(t *testing.T) {
	encrypt := map[string]string{"KeyId": "alias/Apollo/WorkKey", "Plaintext": awkward}
	v1Encrypt := map[string]string{
		"Action": "Encrypt", "Format": "JSON", "KeyId": "alias/Apollo/WorkKey", "Plaintext": awkward,
		"EncryptionContext": `{"Owner":"张三"}`, "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureType": "",
		"SignatureNonce": "9b2a3c1e-0000-4000-8000-000000000001", "Timestamp": "2021-07-01T00:00:00Z", "Version": "2016-01-20",
		"AccessKeyId": testID,
	}
	v3 := func(action, nonce, bodyHash string, more ...string) map[string]string {
		h := map[string]string{"x-acs-action": action, "x-acs-version": "2016-01-20", "x-acs-date": "2021-07-01T00:00:00Z",
			"x-acs-signature-nonce": nonce, "x-acs-content-sha256": bodyHash}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	const signedHeaders = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	tests := []struct {
		name      string
		now       time.Time
		message   message
		signature string
		authorize string // Authorization up to the signature; "" for a parameter
		want      *call.Error
	}{
		{"version 1, GET", time.Date(2016, 3, 28, 3, 13, 8, 0, time.UTC), message{method: "GET", query: map[string]string{
			"AccessKeyId": testID, "Action": "CreateKey", "Format": "json", "SignatureMethod": "HMAC-SHA1",
			"SignatureVersion": "1.0", "Timestamp": "2016-03-28T03:13:08Z", "Version": "2016-01-20"}},
			"41wk2SSX1GJh7fwnc5eqOfiJPFg=", "", nil},
		{"version 1, query", signed, message{query: v1Encrypt}, "cv1wM31prpRLs7p/tEnfZuoFCvs=", "", call.ErrAliasNotFound},
		{"version 1, form", signed, message{form: v1Encrypt}, "cv1wM31prpRLs7p/tEnfZuoFCvs=", "", call.ErrAliasNotFound},
		{"version 3, query", signed, message{query: encrypt,
			header: v3("Encrypt", "9b2a3c1e000040008000000000000001", emptyHash)},
			"b9042b6c0b68baa40d6e1f6f5bd3fcab69e034fb31558e4cd48427feb90c7f14",
			"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=" + signedHeaders, call.ErrAliasNotFound},
		{"version 3, form and token", signed, message{body: "KeyId=alias%2FApollo%2FWorkKey&Plaintext=a%20b%2Bc%2Fd%3D%2A~e",
			header: v3("Encrypt", "9b2a3c1e000040008000000000000002", "266014efbcb2368963cdd368490d5b0fc47e51e7796696265d8face898bf1d49",
				"x-acs-security-token", "STS.token")},
			"b3cc757a6b2571c388f7f3b6df9e57aa4eb12a5d0969de65bef1aa2ddaba6b07",
			"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;" +
				"x-acs-security-token;x-acs-signature-nonce;x-acs-version", call.ErrAliasNotFound},
		{"version 4, empty value", signed, message{query: map[string]string{"Description": "", "KeyId": "1234abcd-12ab-34cd-56ef-12345678abcd"},
			header: v3("UpdateKeyDescription", "9b2a3c1e000040008000000000000003", emptyHash)},
			"e5c48e5bd4d75e32805f152e516d5079397e176f91a6eedc992cdee4d71006a2",
			"ACS4-HMAC-SHA256 Credential=testid/20210701/cn-hangzhou/Kms/aliyun_v4_request,SignedHeaders=" + signedHeaders, call.ErrKeyNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.now = tt.now
			if tt.message.header["x-acs-security-token"] != "" {
				// The example's token came with a long-term key.
				w.keys[testID].Session = func(token string, _ time.Time) (call.Principal, error) {
					if token != "STS.token" {
						t.Errorf("the token is %q", token)
					}
					return w.keys[testID].Principal, nil
				}
			}
			request := func(signature string) *http.Request {
				r := tt.message.request()
				if tt.authorize != "" {
					r.Header.Set("Authorization", tt.authorize+",Signature="+signature)
				} else {
					q := r.URL.Query()
					q.Set("Signature", signature)
					r.URL.RawQuery = q.Encode()
				}
				return r
			}
			other := "0"
			if strings.HasPrefix(tt.signature, other) {
				other = "1"
			}
			if status, d := w.send(request(other + tt.signature[1:])); status != 400 || d["Code"] != "SignatureDoesNotMatch" {
				t.Errorf("with another signature: %d %v", status, d)
			}
			if tt.want != nil {
				w.refused(request(tt.signature), tt.want)
			} else {
				w.ok(request(tt.signature))
			}
		})
	}
}

// The string to sign that a mismatch tells, which clients compare with theirs.
func TestStringToSign(t *testing.T) {
	w := newWorld(t)
	const want = "POST&%2F&AccessKeyId%3Dtestid%26Action%3DEncrypt%26EncryptionContext%3D%257B%2522Owner%2522%253A%2522%25E5%25BC%25A0%25E4%25B8%2589%2522%257D%26Format%3DJSON%26KeyId%3Dalias%252FApollo%252FWorkKey%26Plaintext%3Da%2520b%252Bc%252Fd%253D%252A~e%26SignatureMethod%3DHMAC-SHA1%26SignatureNonce%3D9b2a3c1e-0000-4000-8000-000000000001%26SignatureType%3D%26SignatureVersion%3D1.0%26Timestamp%3D2021-07-01T00%253A00%253A00Z%26Version%3D2016-01-20"
	// On the wire + and %20 are a blank, and * and ~ may stand as they are.
	for _, query := range []string{
		"Plaintext=a+b%2Bc%2fd%3D*~e", "Plaintext=a%20b%2bc/d=%2A%7E%65",
	} {
		r := httptest.NewRequest("POST", "https://"+host+"/?"+query+"&Action=Encrypt&Format=JSON&KeyId=alias/Apollo/WorkKey&"+
			"EncryptionContext=%7B%22Owner%22%3A%22%E5%BC%A0%E4%B8%89%22%7D&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureType&"+
			"SignatureNonce=9b2a3c1e-0000-4000-8000-000000000001&Timestamp=2021-07-01T00:00:00Z&Version=2016-01-20&AccessKeyId=testid&Signature=x", nil)
		_, d := w.send(r)
		if _, got, _ := strings.Cut(d["Message"].(string), "server string to sign is:"); got != want {
			t.Errorf("%s: string to sign\n%s, want\n%s", query, got, want)
		}
	}
}
