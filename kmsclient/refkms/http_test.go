package refkms_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The official SDK calls the server without a socket. What it makes is there for the typed client too.
func ExampleServer_Transport() {
	server, err := newServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	id, secret := server.AccessKey()
	client, err := kms.NewClientWithAccessKey("cn-beijing", id, secret)
	if err != nil {
		log.Fatal(err)
	}
	client.SetTransport(server.Transport())

	request := kms.CreateCreateKeyRequest()
	request.Scheme = "https"
	request.Description = "made by the SDK"
	key, err := client.CreateKey(request)
	if err != nil {
		log.Fatal(err)
	}

	typed := server.Client(&refkms.ClientOptions{Region: "cn-beijing"})
	described, err := typed.DescribeKey(context.Background(), &kmsapi.DescribeKeyRequest{KeyID: key.KeyMetadata.KeyId})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(described.KeyState, described.KeySpec)
	// Output: Enabled Aliyun_AES_256
}

// Over a socket it is a server for SDKs and tools of any language.
func ExampleServer_Handler() {
	server, err := newServer(&refkms.Options{AccessKeyID: "testid", AccessKeySecret: "testsecret"}) // not ones to copy
	if err != nil {
		log.Fatal(err)
	}
	listener := httptest.NewServer(server.Handler())
	defer listener.Close()

	client, err := kms.NewClientWithAccessKey("cn-hangzhou", "testid", "testsecret")
	if err != nil {
		log.Fatal(err)
	}
	client.Domain = strings.TrimPrefix(listener.URL, "http://")
	answer, err := client.ListKeys(kms.CreateListKeysRequest())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.TotalCount)
	// Output: 0
}

// sdk returns the official client of a server, without a socket.
func sdk(t *testing.T, server *refkms.Server, id, secret string) *kms.Client {
	t.Helper()
	client, err := kms.NewClientWithAccessKey("cn-hangzhou", id, secret)
	if err != nil {
		t.Fatal(err)
	}
	client.SetTransport(server.Transport())
	return client
}

func TestAccessKey(t *testing.T) {
	for _, tt := range []struct{ name, id, secret, want string }{
		{"none", "", "", ""},
		{"one", "LTAI.a-b_C9", "s/ec=ret&", ""},
		{"no secret", "id", "", "refkms: options: an access key without id or without secret"},
		{"no id", "", "secret", "refkms: options: an access key without id or without secret"},
		{"a slash", "a/b", "secret", `refkms: options: access key id "a/b": want letters, digits, dots, hyphens and underscores`},
		{"a comma", "a,b", "secret", `refkms: options: access key id "a,b": want letters, digits, dots, hyphens and underscores`},
		{"too long", strings.Repeat("i", 129), "secret", "refkms: options: an access key of more than 128 bytes"},
		{"too long a secret", "id", strings.Repeat("s", 129), "refkms: options: an access key of more than 128 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, err := newServer(&refkms.Options{AccessKeyID: tt.id, AccessKeySecret: tt.secret})
			if tt.want != "" {
				if err == nil || err.Error() != tt.want {
					t.Errorf("New = %v, want %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			id, secret := server.AccessKey()
			if id == "" || secret == "" || tt.id != "" && (id != tt.id || secret != tt.secret) {
				t.Errorf("AccessKey = %q, %q", id, secret)
			}
			if _, err := sdk(t, server, id, secret).ListKeys(kms.CreateListKeysRequest()); err != nil {
				t.Errorf("ListKeys = %v", err)
			}
			if tt.id != "" {
				return
			}
			other, err := newServer(nil)
			if err != nil {
				t.Fatal(err)
			}
			if otherID, otherSecret := other.AccessKey(); otherID == id || otherSecret == secret {
				t.Error("two servers have the same access key")
			}
			for _, text := range []string{fmt.Sprintf("%+v", server), fmt.Sprintf("%#v", *server)} {
				if strings.Contains(text, secret) {
					t.Error("the secret is printed")
				}
			}
		})
	}
}

func TestRegionsOfTheWire(t *testing.T) {
	server, err := newServer(&refkms.Options{Region: "test-region"})
	if err != nil {
		t.Fatal(err)
	}
	id, secret := server.AccessKey()
	arn := func(host string) string {
		t.Helper()
		client := sdk(t, server, id, secret)
		client.Domain = host
		key, err := client.CreateKey(kms.CreateCreateKeyRequest())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(key.KeyMetadata.Arn, ":")[2]
	}
	for host, want := range map[string]string{
		"kms.eu-west-1.aliyuncs.com":      "eu-west-1",
		"kms.test-region.aliyuncs.com":    "test-region",
		"kms-vpc.cn-beijing.aliyuncs.com": "cn-beijing",
		"localhost":                       "cn-hangzhou", // the client's RegionId
	} {
		if got := arn(host); got != want {
			t.Errorf("%s is in %s, want %s", host, got, want)
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		server, err := newServer(&refkms.Options{InsecureAllowPlainHTTP: allowed})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "http://kms.example/?Action=ListKeys&Version=2016-01-20", nil) // from 192.0.2.1
		rec := httptest.NewRecorder()
		server.Handler().ServeHTTP(rec, r)
		want := map[bool]string{false: "InvalidProtocol.NeedSsl", true: "MissingParameter"}[allowed]
		var answer struct{ Code string }
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || answer.Code != want {
			t.Errorf("allowed %t: %s, %v", allowed, rec.Body, err)
		}
		// A transport has no network that anybody could listen on.
		resp, err := server.Transport().RoundTrip(r.Clone(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "MissingParameter") {
			t.Errorf("transport: %s", body)
		}
	}
}
