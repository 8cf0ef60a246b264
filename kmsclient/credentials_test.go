package kmsclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// credentialFunc is a credential that is a function.
type credentialFunc func() (*credentials.CredentialModel, error)

func (f credentialFunc) GetCredential() (*credentials.CredentialModel, error) { return f() }
func (credentialFunc) GetAccessKeyId() (*string, error)                       { panic("deprecated") }
func (credentialFunc) GetAccessKeySecret() (*string, error)                   { panic("deprecated") }
func (credentialFunc) GetSecurityToken() (*string, error)                     { panic("deprecated") }
func (credentialFunc) GetBearerToken() *string                                { panic("deprecated") }
func (credentialFunc) GetType() *string                                       { panic("deprecated") }

func model(id, secret, token string) *credentials.CredentialModel {
	m := &credentials.CredentialModel{AccessKeyId: &id, AccessKeySecret: &secret}
	if token != "" {
		m.SecurityToken = &token
	}
	return m
}

// recording answers DescribeKey and keeps the parameters of the last request.
func recording(q *url.Values) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		*q = r.URL.Query()
		return reply(r, 200, described), nil
	}
}

// noCredentials takes away what the default chain could find on this machine.
func noCredentials(t *testing.T) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "ALIBABA_CLOUD_") || strings.HasPrefix(name, "ALIBABACLOUD_") {
			t.Setenv(name, "")
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", filepath.Join(home, "no-config.json"))
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", filepath.Join(home, "no-credentials"))
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
}

// The links of the default chain that need no cloud.
func TestDefaultChain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"uri","AccessKeySecret":"s","SecurityToken":"t","Expiration":%q}`,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	defer server.Close()
	file := func(t *testing.T, text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name      string
		set       func(t *testing.T)
		id, token string
	}{
		{"environment", func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "env")
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s")
		}, "env", ""},
		{"environment with token", func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.env")
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s")
			t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "t")
		}, "STS.env", "t"},
		{"profile of the CLI", func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", file(t, `{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"cli","access_key_secret":"s"}]}`))
		}, "cli", ""},
		{"profile of the SDKs", func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", file(t, "[default]\ntype = access_key\naccess_key_id = ini\naccess_key_secret = s\n"))
		}, "ini", ""},
		{"URI", func(t *testing.T) { t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", server.URL) }, "uri", "t"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noCredentials(t)
			tt.set(t)
			var q url.Values
			c, err := kmsclient.New(&kmsclient.Options{Region: "r", Transport: recording(&q)})
			if err != nil {
				t.Fatal(err)
			}
			if err := describe(t.Context(), c); err != nil || q.Get("AccessKeyId") != tt.id || q.Get("SecurityToken") != tt.token {
				t.Errorf("request of %q with token %q, %v; want %q, %q", q.Get("AccessKeyId"), q.Get("SecurityToken"), err, tt.id, tt.token)
			}
		})
	}
}

// A chain that found nothing is asked anew, all of it: credentials-go by itself would stay with its last link.
func TestDefaultChainComesBack(t *testing.T) {
	noCredentials(t)
	var q url.Values
	c, err := kmsclient.New(&kmsclient.Options{Region: "r", Transport: recording(&q)})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := describe(t.Context(), c)
		if e := asError(t, err); !errors.Is(err, kmsapi.ErrUnauthenticated) || e.Code != kmsclient.CodeNoCredentials || e.Attempts != 0 {
			t.Errorf("without credentials: %v", err)
		}
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "late")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s")
	if err := describe(t.Context(), c); err != nil || q.Get("AccessKeyId") != "late" {
		t.Errorf("request of %q, %v", q.Get("AccessKeyId"), err)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "later")
	if err := describe(t.Context(), c); err != nil || q.Get("AccessKeyId") != "later" {
		t.Errorf("request of %q, %v", q.Get("AccessKeyId"), err)
	}
}

// Reasons of credentials-go quote whole files and answers: none is shown.
func TestReasonsOfCredentialsAreNotShown(t *testing.T) {
	noCredentials(t)
	config := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(config, []byte(`{"profiles":[{"access_key_secret":"`+secretKey+`"`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", config)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		fmt.Fprint(w, secretKey)
	}))
	defer server.Close()
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", server.URL+"?"+secretKey)
	for name, credential := range map[string]credentials.Credential{
		"chain": nil,
		"error": credentialFunc(func() (*credentials.CredentialModel, error) { return nil, errors.New(secretKey) }),
		"empty": credentialFunc(func() (*credentials.CredentialModel, error) { return model(secretKey, "", secretKey), nil }),
		"nil":   credentialFunc(func() (*credentials.CredentialModel, error) { return nil, nil }),
	} {
		c, err := kmsclient.New(&kmsclient.Options{Region: "r", Credential: credential, Transport: always(200, described)})
		if err != nil {
			t.Fatal(err)
		}
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		_, sdkErr := k.ListKeys(kms.CreateListKeysRequest())
		for _, err := range []error{describe(t.Context(), c), sdkErr} {
			if !errors.Is(err, kmsapi.ErrUnauthenticated) || strings.Contains(prints(err), "marker") || !strings.Contains(err.Error(), "ALIBABA_CLOUD_ACCESS_KEY_ID") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// It is what the remedy says.
	chain, err := credentials.NewCredential(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chain.GetCredential(); err == nil || !strings.Contains(err.Error(), secretKey) {
		t.Errorf("GetCredential = %v: the test shows nothing", err)
	}
}

// What is refreshed signs the next request, and the next attempt, of this client and of those of the SDK.
func TestRefreshedCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		var asked []string
		rt := &answering{answers: []roundTrip{always(503, busy), always(200, described), always(200, described), always(200, "{}")}}
		c := newClient(t, kmsclient.Options{
			Credential: credentialFunc(func() (*credentials.CredentialModel, error) {
				n++
				return model(fmt.Sprint("id", n), "s", fmt.Sprint("token", n)), nil
			}),
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				q := r.URL.Query()
				asked = append(asked, q.Get("AccessKeyId")+" "+q.Get("SecurityToken"))
				return rt.RoundTrip(r)
			}),
		})
		for range 2 {
			if err := describe(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := k.ListKeys(kms.CreateListKeysRequest()); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := fmt.Sprint(asked), "[id1 token1 id2 token2 id3 token3 id4 token4 id5 token5]"; got != want {
			t.Errorf("requests of %s, want %s", got, want)
		}
	})
}

// A session that ends is refused; once its credential has been refreshed, the next request of the same client is signed
// with the new one.
func TestExpiredToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := refkms.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		const account, role = refkms.DefaultAccount, "acs:ram::" + refkms.DefaultAccount + ":role/app"
		err = server.Apply(&refkms.Config{Accounts: []refkms.AccountConfig{{
			ID: account,
			Policies: []refkms.PolicyConfig{
				{Name: "assume", Document: json.RawMessage(`{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + role + `"}]}`)},
				{Name: "crypto", Document: json.RawMessage(`{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*"}]}`)},
			},
			Users: []refkms.UserConfig{{Name: "alice", Policies: []string{"assume"}, AccessKeys: []refkms.AccessKeyConfig{{ID: "LTAIalice", Secret: "none-to-copy"}}}},
			Roles: []refkms.RoleConfig{{Name: "app", Policies: []string{"crypto"},
				Trust: json.RawMessage(`{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::` + account + `:user/alice"}}]}`)}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		alice := server.Client(&refkms.ClientOptions{AccessKeyID: "LTAIalice"})
		var session *credentials.CredentialModel
		refresh := func() {
			t.Helper()
			var answer struct {
				Credentials struct {
					AccessKeyID     string `json:"AccessKeyId"`
					AccessKeySecret string
					SecurityToken   string
				}
			}
			if err := alice.Do(t.Context(), "AssumeRole", map[string]string{"RoleArn": role, "RoleSessionName": "test", "DurationSeconds": "900"}, &answer); err != nil {
				t.Fatal(err)
			}
			session = model(answer.Credentials.AccessKeyID, answer.Credentials.AccessKeySecret, answer.Credentials.SecurityToken)
		}
		refresh()
		w := join(t, server, kmsclient.Options{Transport: server.Transport(), Credential: credentialFunc(func() (*credentials.CredentialModel, error) { return session, nil })})
		blob, err := w.client.EncryptBytes(t.Context(), w.key, []byte("x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		server.Advance(16 * time.Minute)
		start := time.Now()
		_, err = w.client.DecryptBytes(t.Context(), blob, nil)
		if took := time.Since(start); took != 0 {
			t.Errorf("DecryptBytes with an expired token took %v, as if it were to be tried again", took)
		}
		if e := asError(t, err); !errors.Is(err, kmsapi.ErrUnauthenticated) || e.Code != "InvalidSecurityToken.Expired" || e.Attempts != 1 || records(t, server, "Decrypt") != 0 {
			t.Errorf("DecryptBytes with an expired token = %v", err)
		}
		refresh()
		if got, err := w.client.DecryptBytes(t.Context(), blob, nil); err != nil || string(got) != "x" {
			t.Errorf("DecryptBytes with a new token = %q, %v", got, err)
		}
	})
}

// One goroutine at a time asks for a credential, however many want one and whoever leaves.
func TestOneAsksForCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asking, most, total atomic.Int32
		c := newClient(t, kmsclient.Options{
			Transport: always(200, described),
			Credential: credentialFunc(func() (*credentials.CredentialModel, error) {
				most.Store(max(most.Load(), asking.Add(1)))
				total.Add(1)
				time.Sleep(time.Second) // of the bubble
				asking.Add(-1)
				return model("id", "s", ""), nil
			}),
		})
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx := t.Context()
				if i%2 == 0 {
					short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
					defer cancel()
					ctx = short
				}
				if err := describe(ctx, c); i%2 == 0 && !errors.Is(err, context.DeadlineExceeded) || i%2 == 1 && err != nil {
					t.Errorf("call %d = %v", i, err)
				}
			})
		}
		wg.Wait()
		if most.Load() != 1 || total.Load() != 1 || time.Since(start) != time.Second {
			t.Errorf("%d at a time, %d in all, in %v; want 1, 1, 1s", most.Load(), total.Load(), time.Since(start))
		}
	})
}

// A credential that does not come is given up like an answer, but not asked for again.
func TestCredentialsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := stuckCredential{make(chan struct{})}
		defer close(stuck.release)
		c := newClient(t, kmsclient.Options{Transport: always(200, described), Credential: stuck})
		start := time.Now()
		err := describe(t.Context(), c)
		if e := asError(t, err); e.Code != kmsclient.CodeNoCredentials || e.Message == "" || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if _, err := k.ListKeys(kms.CreateListKeysRequest()); !errors.Is(err, kmsapi.ErrUnauthenticated) || time.Since(start) != 10*time.Second {
			t.Errorf("SDK: %v after %v", err, time.Since(start))
		}
	})
}

func TestBearerToken(t *testing.T) {
	var q url.Values
	bearer := "b"
	c := newClient(t, kmsclient.Options{Transport: recording(&q), Credential: credentialFunc(func() (*credentials.CredentialModel, error) {
		return &credentials.CredentialModel{BearerToken: &bearer}, nil
	})})
	if err := describe(t.Context(), c); err != nil || q.Get("BearerToken") != "b" || q.Get("SignatureType") != "BEARERTOKEN" {
		t.Errorf("%v, %v", q, err)
	}
}

// stuckCredential never answers until it is released.
type stuckCredential struct{ release chan struct{} }

func (s stuckCredential) GetCredential() (*credentials.CredentialModel, error) {
	<-s.release
	return nil, errors.New("released")
}
func (s stuckCredential) GetAccessKeyId() (*string, error)     { panic("deprecated") }
func (s stuckCredential) GetAccessKeySecret() (*string, error) { panic("deprecated") }
func (s stuckCredential) GetSecurityToken() (*string, error)   { panic("deprecated") }
func (s stuckCredential) GetBearerToken() *string              { panic("deprecated") }
func (s stuckCredential) GetType() *string                     { panic("deprecated") }
