package kmsclient_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

func TestRegions(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	id, secret := w.server.AccessKey()
	var hosts []string
	regions, err := kmsclient.NewRegions(&kmsclient.Options{
		Credential: accessKey(t, id, secret), Endpoint: kmsclient.VPCEndpoint,
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Host)
			return w.server.Transport().RoundTrip(r)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := regions.For("cn-hangzhou")
	if err != nil {
		t.Fatal(err)
	}
	b, err := regions.ForARN("acs:kms:cn-beijing:1234567890123456:alias/work")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := regions.ForARN("acs:kms:cn-hangzhou:1234567890123456:key/" + w.key); err != nil || again != a || a == b {
		t.Errorf("ForARN = %p, %v, want %p", again, err, a)
	}
	if a.Region() != "cn-hangzhou" || b.Region() != "cn-beijing" {
		t.Errorf("regions %s, %s", a.Region(), b.Region())
	}
	if _, err := a.EncryptBytes(t.Context(), w.key, []byte("x"), nil); err != nil {
		t.Error(err)
	}
	if _, err := b.EncryptBytes(t.Context(), w.key, []byte("x"), nil); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("in another region: %v", err)
	}
	if got := strings.Join(hosts, " "); got != "kms-vpc.cn-hangzhou.aliyuncs.com kms-vpc.cn-beijing.aliyuncs.com" {
		t.Errorf("requests to %s", got)
	}
	for _, arn := range []string{"", "cn-hangzhou", "acs:oss:cn-hangzhou:1:key/k", "acs:kms:cn-hangzhou:1", "acs:kms:evil.example/:1:key/k", "acs:kms::1:key/k"} {
		if c, err := regions.ForARN(arn); err == nil || c != nil {
			t.Errorf("ForARN(%q) succeeds", arn)
		}
	}
	made := 2
	for i := range 100 {
		if _, err := regions.For("r" + strings.Repeat("x", i%31) + string(rune('a'+i/31))); err == nil {
			made++
		} else if !strings.Contains(err.Error(), "clients for 64 regions already") {
			t.Fatal(err)
		}
	}
	if made != 64 {
		t.Errorf("%d clients, want 64", made)
	}
	for name, opts := range map[string]*kmsclient.Options{
		"a region": {Region: "r"}, "an endpoint": {Endpoint: "http://kms.<region>.example"}, "a time": {Timeout: -1},
	} {
		if _, err := kmsclient.NewRegions(opts); err == nil {
			t.Errorf("NewRegions with %s succeeds", name)
		}
	}
	if _, err := kmsclient.NewRegions(nil); err != nil {
		t.Error(err)
	}
}
