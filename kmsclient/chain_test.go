package kmsclient_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// metadata is the part of an ECS instance's metadata service that gives credentials, the hardened one: only who has asked
// for a token gets any.
func metadata(t *testing.T, expires func() time.Time, served *atomic.Int32) http.Handler {
	const base = "/latest/meta-data/ram/security-credentials/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != "100.100.100.200":
			t.Errorf("a request to %s", r.Host)
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			fmt.Fprint(w, "metadata-token")
		case r.Header.Get("X-Aliyun-Ecs-Metadata-Token") != "metadata-token":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == base:
			fmt.Fprint(w, "app-role")
		case r.URL.Path == base+"app-role":
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"STS.ecs%d","AccessKeySecret":"s","SecurityToken":"t","Expiration":%q}`,
				served.Add(1), expires().UTC().Format("2006-01-02T15:04:05Z"))
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	})
}

// sts answers AssumeRoleWithOIDC to whoever shows the token of the pod.
func sts(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		if r.Host != "sts.aliyuncs.com" || r.Form.Get("Action") != "AssumeRoleWithOIDC" || r.Form.Get("RoleArn") != "acs:ram::1:role/pod" ||
			r.Form.Get("OIDCProviderArn") != "acs:ram::1:oidc-provider/ack" || r.Form.Get("OIDCToken") != "token of the pod" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Form)
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"Credentials":{"AccessKeyId":"STS.oidc","AccessKeySecret":"s","SecurityToken":"t","Expiration":%q}}`,
			time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"))
	})
}

// cloudAt has http.DefaultTransport, which credentials-go takes for its own requests, send all of them to a proxy on
// loopback: plain ones are answered by plain, and behind TLS is secure. Nothing leaves this machine.
func cloudAt(t *testing.T, plain, secure http.Handler) {
	t.Helper()
	behind := httptest.NewTLSServer(secure)
	t.Cleanup(behind.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			plain.ServeHTTP(w, r)
			return
		}
		out, err := net.Dial("tcp", behind.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		in, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer in.Close()
		fmt.Fprint(in, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(out, buffered)
		io.Copy(in, out)
	}))
	t.Cleanup(proxy.Close)
	was := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = was })
	http.DefaultTransport = &http.Transport{
		Proxy:             func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) },
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the certificate of httptest is not that of the cloud
		DisableKeepAlives: true,
	}
}

// The links of the default chain that lie in the cloud: the RAM role of the instance and that of a pod.
func TestDefaultChainInTheCloud(t *testing.T) {
	hour := func() time.Time { return time.Now().Add(time.Hour) }
	for _, tt := range []struct {
		name, id string
		set      func(t *testing.T)
	}{
		{"RAM role of the ECS instance", "STS.ecs1", func(t *testing.T) { t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "") }},
		{"OIDC of a pod", "STS.oidc", func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(path, []byte("token of the pod"), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", path)
			t.Setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack")
			t.Setenv("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/pod")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noCredentials(t)
			tt.set(t)
			cloudAt(t, metadata(t, hour, new(atomic.Int32)), sts(t))
			var q url.Values
			c, err := kmsclient.New(&kmsclient.Options{Region: "r", Transport: recording(&q)})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second is signed with what is remembered
				if err := describe(t.Context(), c); err != nil || q.Get("AccessKeyId") != tt.id || q.Get("SecurityToken") != "t" {
					t.Errorf("request of %q with token %q, %v; want %q", q.Get("AccessKeyId"), q.Get("SecurityToken"), err, tt.id)
				}
			}
		})
	}
}

// Credentials of a role that are about to expire are fetched anew by the next request, without a new client.
func TestDefaultChainRefreshes(t *testing.T) {
	noCredentials(t)
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "")
	soon := func() time.Time { return time.Now().Add(time.Minute) } // credentials-go fetches anew three minutes before
	cloudAt(t, metadata(t, soon, new(atomic.Int32)), sts(t))
	var q url.Values
	c, err := kmsclient.New(&kmsclient.Options{Region: "r", Transport: recording(&q)})
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for range 3 {
		if err := describe(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		asked = append(asked, q.Get("AccessKeyId"))
	}
	if got := strings.Join(asked, " "); got != "STS.ecs1 STS.ecs2 STS.ecs3" {
		t.Errorf("requests of %s, want each of a new one", got)
	}
}
