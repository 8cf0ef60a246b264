package kmsclient_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// Whatever a peer answers, a call has an answer that package encoding/json would have read likewise, or an *Error that
// does not repeat the request; and the SDK's clients do not panic.
func FuzzAnswers(f *testing.F) {
	for status, bodies := range map[int][]string{
		200: {described, `{"KeyId":"k","Plaintext":"YQ==","RequestId":"r"}`, `{"KeyId":"k","Plaintext":"\u4fe1\n"}`, `{"keyid":"k","PLAINTEXT":"x","Plaintext":null}`,
			"", "null", "[]", "{}{}", `{"KeyId":17,"Plaintext":["x"]}`, `{"KeyId":"k","Plaintext":"` + "\xff" + `"}`, secretPlaintext},
		400: {busy, `{"Code":"InvalidParameter","Message":"The specified parameter \"CiphertextBlob\" is not valid.","RequestId":"r"}`,
			`{"Code":"SignatureDoesNotMatch","Message":"server string to sign is:` + secretContext + `"}`, `{"Code":1,"Message":[],"RequestId":{},"AccessDeniedDetail":1}`,
			`{"Code":"Client.Canceled"}`, "<KMS><Code>x</Code></KMS>", secretContext},
		302: {""},
	} {
		for _, body := range bodies {
			f.Add(status, []byte(body), "")
		}
	}
	f.Add(429, []byte(`{"Code":"Throttling"}`), "Limit:1,Remain:0,TimeLeft:2000")
	f.Fuzz(func(t *testing.T, status int, body []byte, header string) {
		if status < 200 || status > 599 {
			return // package net/http would not let it through
		}
		c := newClient(t, kmsclient.Options{Credential: token(t), MaxAttempts: 1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			resp := reply(r, status, string(body))
			resp.Header.Set("X-Acs-Request-Id", header)
			resp.Header.Set("X-Ratelimit-User", header)
			resp.Header.Set("X-Acs-Retry-After", header)
			return resp, nil
		})})
		resp, err := c.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: "YQ==", EncryptionContext: map[string]string{"owner": secretContext}})
		switch {
		case err == nil:
			var want struct {
				KeyID     string `json:"KeyId"`
				Plaintext *string
			}
			if jerr := json.Unmarshal(body, &want); jerr != nil || want.KeyID == "" || want.KeyID != resp.KeyID || !utf8.Valid(resp.Plaintext.Bytes()) {
				t.Errorf("Decrypt takes %q for an answer, %v", body, jerr)
			}
			// null after a text leaves the text here.
			if want.Plaintext != nil && *want.Plaintext != string(resp.Plaintext.Bytes()) {
				t.Errorf("plaintext of %q is %q", body, resp.Plaintext.Bytes())
			}
		case status < 300 && !errors.Is(err, kmsclient.ErrInvalidAnswer):
			t.Errorf("Decrypt = %v, want ErrInvalidAnswer", err)
		case strings.Contains(prints(err), secretContext):
			t.Errorf("error holds a value of the context: %v", err)
		default:
			asError(t, err)
		}
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		k.EnableKey(kms.CreateEnableKeyRequest())
	})
}
