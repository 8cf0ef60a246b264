package kmsclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
	"github.com/aliyun/credentials-go/credentials"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// What no error may hold. None has a letter that URLs escape alone, so that it is found in escaped texts as well.
const (
	secretPlaintext = "plaintext-marker &<\"信 and enough of it to be cut somewhere"
	secretContext   = "context-marker"
	secretKey       = "access-key-secret-marker"
	secretToken     = "security-token-marker+/="
	secretAnswer    = "YW5zd2VyLW1hcmtlcg=="
)

// peers are what may stand at the other end, or between, and repeat what it was told.
var peers = map[string]func(r *http.Request) (*http.Response, error){
	"url in a url.Error": func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("boom")}
	},
	"url in a wrapped url.Error": func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("proxy: %w", &url.Error{Op: "Post", URL: r.URL.String(), Err: fmt.Errorf("x: %w", &url.Error{URL: r.URL.String(), Err: errors.New("boom")})})
	},
	"url in a url.Error of nothing": func(r *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Post", URL: r.URL.String()}
	},
	"url in an error":   func(r *http.Request) (*http.Response, error) { return nil, errors.New("POST " + r.URL.String()) },
	"query in an error": func(r *http.Request) (*http.Response, error) { return nil, fmt.Errorf("%v", r.URL.Query()) },
	"request in an error": func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("%+v", *r)
	},
	"string to sign": func(r *http.Request) (*http.Response, error) {
		return replyError(r, 400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:POST&%2F&"+url.QueryEscape(r.URL.RawQuery))
	},
	"string to sign, incomplete": func(r *http.Request) (*http.Response, error) {
		return replyError(r, 400, "IncompleteSignature", "… server string to sign is:POST&%2F&"+url.QueryEscape(r.URL.RawQuery))
	},
	"string to sign, under another code": func(r *http.Request) (*http.Response, error) {
		return replyError(r, 400, "New", "POST&%2F&"+strings.ReplaceAll(url.QueryEscape(r.URL.RawQuery), "%2B", "%2520"))
	},
	"message with the url": func(r *http.Request) (*http.Response, error) {
		return replyError(r, 400, "InvalidParameter", "not valid: "+r.URL.String())
	},
	"message with the parameters": func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		return replyError(r, 400, "InvalidParameter", q.Get("Plaintext")+q.Get("EncryptionContext")+q.Get("SourceEncryptionContext")+q.Get("SecurityToken")+q.Get("Signature"))
	},
	"message with the quoted parameters": func(r *http.Request) (*http.Response, error) {
		return replyError(r, 500, "InternalFailure", fmt.Sprintf("%q", r.URL.Query()))
	},
	"message with the beginning of a parameter": func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		return replyError(r, 400, "InvalidParameter", fmt.Sprintf("%.20s %.20s %.20s", q.Get("Plaintext"), q.Get("SecurityToken"), q.Get("Signature")))
	},
	"message with a value of the context": func(r *http.Request) (*http.Response, error) {
		var pairs map[string]string
		json.Unmarshal([]byte(r.URL.Query().Get("EncryptionContext")), &pairs)
		return replyError(r, 403, "Forbidden.NoPermission", "condition on "+pairs["owner"])
	},
	"code and request id": func(r *http.Request) (*http.Response, error) {
		return replyError(r, 400, r.URL.RawQuery, "", r.URL.RawQuery)
	},
	"header": func(r *http.Request) (*http.Response, error) {
		resp, err := replyError(r, 400, "", "")
		resp.Header.Set("X-Acs-Request-Id", r.URL.RawQuery)
		return resp, err
	},
	"page": func(r *http.Request) (*http.Response, error) {
		return reply(r, 502, "<html>"+r.URL.String()+"</html>"), nil
	},
	"page of a login": func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, "<html>"+r.URL.String()+"</html>"), nil
	},
	"redirect": func(r *http.Request) (*http.Response, error) {
		resp := reply(r, 307, "")
		resp.Header.Set("Location", r.URL.String())
		return resp, nil
	},
	"error of other types": func(r *http.Request) (*http.Response, error) {
		return reply(r, 400, `{"Code":["`+secretAnswer+`"],"Message":{"a":"`+secretAnswer+`"},"RequestId":1,"HostId":2,"Recommend":3,"AccessDeniedDetail":4}`), nil
	},
	"answer of other types": func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, `{"KeyId":17,"KeyVersionId":"v","CiphertextBlob":"YQ==","Plaintext":"`+secretAnswer+`","KeyMetadata":{"KeyId":1},"RequestId":"r"}`), nil
	},
	"answer with a plaintext of another type": func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, `{"KeyId":"k","CiphertextBlob":1,"Plaintext":["`+secretAnswer+`"],"KeyMetadata":{},"RequestId":"r"}`), nil
	},
	"answer cut": func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, `{"Plaintext":"`+secretAnswer+`","KeyId":"k","CiphertextBlob":"YQ==","KeyMetadata":{"KeyId":"k"`), nil
	},
	"answer with more": func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, `{"Plaintext":"`+secretAnswer+`","KeyId":"k","CiphertextBlob":"YQ==","KeyMetadata":{"KeyId":"k","KeyState":"x"}}`+secretAnswer), nil
	},
	"answer without a key": func(r *http.Request) (*http.Response, error) {
		return reply(r, 200, `{"Plaintext":"`+secretAnswer+`","CiphertextBlob":"YQ=="}`), nil
	},
}

func replyError(r *http.Request, status int, code, message string, requestID ...string) (*http.Response, error) {
	body, err := json.Marshal(map[string]string{"Code": code, "Message": message, "RequestId": strings.Join(requestID, ""), "HostId": r.URL.String(), "Recommend": r.URL.String()})
	return reply(r, status, string(body)), err
}

// calls are all operations, each with a secret wherever it can have one.
func calls(ctx context.Context, c *kmsclient.Client) map[string]func() error {
	ec := map[string]string{"owner": secretContext}
	text := func() kmsapi.Plaintext { return kmsapi.NewPlaintext([]byte(secretPlaintext)) }
	return map[string]func() error{
		"GenerateDataKey": func() error {
			_, err := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: "k", EncryptionContext: ec})
			return err
		},
		"Encrypt": func() error {
			_, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: "k", Plaintext: text(), EncryptionContext: ec})
			return err
		},
		"EncryptBytes": func() error {
			_, err := c.EncryptBytes(ctx, "k", []byte(secretPlaintext), ec)
			return err
		},
		"Decrypt": func() error {
			_, err := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: "YQ==", EncryptionContext: ec})
			return err
		},
		"DecryptBytes": func() error {
			_, err := c.DecryptBytes(ctx, "YQ==", ec)
			return err
		},
		"ReEncrypt": func() error {
			_, err := c.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{CiphertextBlob: "YQ==", SourceEncryptionContext: ec, DestinationKeyID: "k", DestinationEncryptionContext: ec})
			return err
		},
		"DescribeKey": func() error {
			_, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: "k"})
			return err
		},
	}
}

// token is a credential of a session.
func token(t testing.TB) credentials.Credential {
	t.Helper()
	c, err := credentials.NewCredential(new(credentials.Config).SetType("sts").SetAccessKeyId("STS.id").SetAccessKeySecret(secretKey).SetSecurityToken(secretToken))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// forbidden returns the secrets of a request in every spelling in which they might be found.
func forbidden(query url.Values) []string {
	var all []string
	secrets := []string{secretPlaintext, secretContext, secretKey, secretToken, secretAnswer, "marker", "Signature=", "Signature%3D", "Timestamp=", query.Get("Signature"), "https://kms."}
	for _, s := range secrets {
		if s == "" {
			continue
		}
		head := s[:min(len(s), 20)]
		for _, v := range []string{s, head, url.QueryEscape(head), url.QueryEscape(url.QueryEscape(head))} {
			all = append(all, v, strings.Trim(strconv.Quote(v), `"`), fmt.Sprint([]byte(v)))
		}
	}
	return all
}

// prints returns everything that can be printed of an error and of those below it.
func prints(err error) string {
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&b, verb+"\n", err)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Error("x", "err", err)
	if j, jerr := json.Marshal(err); jerr == nil {
		b.Write(j)
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			b.WriteString(prints(below))
		}
	case interface{ Unwrap() error }:
		b.WriteString(prints(e.Unwrap()))
	}
	return b.String()
}

func TestNoSecretInErrors(t *testing.T) {
	for name, peer := range peers {
		t.Run(name, func(t *testing.T) {
			var query url.Values
			var log bytes.Buffer
			c := newClient(t, kmsclient.Options{
				Credential: token(t), MaxAttempts: 1,
				Hook: kmsclient.LogHook(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					query = r.URL.Query()
					if query.Get("Signature") == "" || query.Get("SecurityToken") != secretToken {
						t.Errorf("the request is not what the test takes it for: %v", r.URL)
					}
					return peer(r)
				}),
			})
			for op, call := range calls(t.Context(), c) {
				log.Reset()
				err := call()
				if err == nil {
					continue // of this operation it is a fine answer
				}
				asError(t, err)
				for _, bad := range forbidden(query) {
					if strings.Contains(prints(err), bad) {
						t.Errorf("%s: error holds %q: %v", op, bad, err)
					}
					if strings.Contains(log.String(), bad) {
						t.Errorf("%s: log holds %q: %s", op, bad, &log)
					}
				}
			}
			// Nor do the errors of the SDK's clients.
			k, err := c.SDK()
			if err != nil {
				t.Fatal(err)
			}
			req := kms.CreateEncryptRequest()
			req.KeyId, req.Plaintext = "k", secretPlaintext
			if _, err = k.Encrypt(req); err == nil {
				return
			}
			for _, bad := range forbidden(query) {
				if strings.Contains(prints(err), bad) {
					t.Errorf("SDK: error holds %q: %v", bad, err)
				}
			}
		})
	}
}

// Messages that repeat nothing are shown.
func TestMessagesAreShown(t *testing.T) {
	for _, tt := range []struct {
		name, body, code, message, request string
	}{
		{"of KMS", `{"HttpStatus":404,"Code":"Forbidden.KeyNotFound","Message":"The specified Key is not found.","RequestId":"e85db688-a2d3-44ca-9790-4259f59e90d8"}`,
			"Forbidden.KeyNotFound", "The specified Key is not found.", "e85db688-a2d3-44ca-9790-4259f59e90d8"},
		{"with an ARN", `{"Code":"Forbidden.NoPermission","Message":"This operation for acs:kms:cn-hangzhou:1234567890123456:key/k is forbidden by permission system.","RequestId":"r"}`,
			"Forbidden.NoPermission", "This operation for acs:kms:cn-hangzhou:1234567890123456:key/k is forbidden by permission system.", "r"},
		{"of a new kind", `{"Code":"New.Code","Message":"no","RequestId":"r","AccessDeniedDetail":{}}`, "New.Code", "no", "r"},
		{"too long", `{"Code":"New","Message":"` + strings.Repeat("信", 400) + `","RequestId":"` + strings.Repeat("r", 65) + `"}`,
			"New", strings.Repeat("信", 170) + "…", ""},
		{"of a signature", `{"Code":"SignatureNonceUsed","Message":"Specified signature nonce was used already."}`, "SignatureNonceUsed", "", ""},
		{"of ours", `{"Code":"Client.Canceled","Message":"m","RequestId":"r"}`, "Client.InvalidAnswer", "HTTP 418 without a code of KMS", "r"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, kmsclient.Options{Transport: always(418, tt.body)})
			_, err := c.Encrypt(t.Context(), &kmsapi.EncryptRequest{KeyID: "k", Plaintext: kmsapi.NewPlaintext([]byte("a long enough text"))})
			e := asError(t, err)
			if e.Code != tt.code || e.Message != tt.message || e.RequestID != tt.request || e.StatusCode != 418 || e.Attempts != 1 || e.Op != "Encrypt" {
				t.Errorf("%#v, want %s, %q, %s", e, tt.code, tt.message, tt.request)
			}
		})
	}
}

// With a global tracer the SDK would name a span after the URL.
func TestNoURLInSpans(t *testing.T) {
	tracer := mocktracer.New()
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	w := newWorld(t, kmsclient.Options{})
	if _, err := w.client.EncryptBytes(t.Context(), w.key, []byte(secretPlaintext), nil); err != nil {
		t.Fatal(err)
	}
	k, err := w.client.SDK()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.ListKeys(kms.CreateListKeysRequest()); err != nil {
		t.Fatal(err)
	}
	if spans := tracer.FinishedSpans(); len(spans) != 0 {
		t.Errorf("the SDK made the spans %v", spans)
	}
	// The tracer is in force: a client of the SDK that is left as it is does use it.
	k.SetCloseTrace(false)
	if _, err := k.ListKeys(kms.CreateListKeysRequest()); err != nil {
		t.Fatal(err)
	}
	if spans := tracer.FinishedSpans(); len(spans) != 1 || !strings.Contains(spans[0].OperationName, "Signature=") {
		t.Errorf("the SDK made the spans %v: the test shows nothing", spans)
	}
}
