package kmstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/kmstest"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// target returns a new server as a target, without a socket.
func target(t *testing.T, quotas *refkms.Quotas) (kmstest.Target, *refkms.Server) {
	t.Helper()
	server, err := refkms.New(&refkms.Options{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	id, secret := server.AccessKey()
	return kmstest.Target{
		Region: "cn-hangzhou", OtherRegion: "ap-southeast-1", PlainRegion: "cn-qingdao", Account: refkms.DefaultAccount,
		AccessKeyID: id, AccessKeySecret: secret, Transport: server.Transport(),
		Wording: true,
		Advance: server.Advance,
		Limited: func(t *testing.T, keys, aliases int) kmstest.Target {
			limited, _ := target(t, &refkms.Quotas{Keys: keys, Aliases: aliases})
			return limited
		},
	}, server
}

func TestReferenceInProcess(t *testing.T) {
	inProcess, _ := target(t, &refkms.Quotas{None: true})
	kmstest.Run(t, inProcess)
}

func TestReferenceOverSocket(t *testing.T) {
	overSocket, server := target(t, &refkms.Quotas{None: true})
	listener := httptest.NewServer(server.Handler())
	t.Cleanup(listener.Close)
	overSocket.Scheme, overSocket.Endpoint = "http", strings.TrimPrefix(listener.URL, "http://")
	overSocket.Transport = new(http.Transport)
	kmstest.Run(t, overSocket)
}

// The typed client reaches the same server by no protocol at all: every rule of an operation holds there too.
func TestReferenceTyped(t *testing.T) {
	typed, server := target(t, &refkms.Quotas{None: true})
	typed.Call = typedCaller(server)
	typed.Limited = func(t *testing.T, keys, aliases int) kmstest.Target {
		limited, server := target(t, &refkms.Quotas{Keys: keys, Aliases: aliases})
		limited.Call = typedCaller(server)
		return limited
	}
	kmstest.Run(t, typed)
}

// typedCaller returns a Caller that makes calls through the typed client's Do.
func typedCaller(server *refkms.Server) kmstest.Caller {
	return func(region, action string, params map[string]string) ([]byte, error) {
		var answer json.RawMessage
		err := server.Client(&refkms.ClientOptions{Region: region}).Do(context.Background(), action, params, &answer)
		var refusal *refkms.Error
		if errors.As(err, &refusal) {
			return nil, &kmstest.Refusal{Status: refusal.StatusCode, Code: refusal.Code, Message: refusal.Message, RequestID: refusal.RequestID}
		}
		return answer, err
	}
}

// The service itself is checked only when somebody asks for it, with an access key: the keys that are made stay for a
// week, and cost what the service charges.
func TestService(t *testing.T) {
	id, secret, region := os.Getenv("KMSTEST_ACCESS_KEY_ID"), os.Getenv("KMSTEST_ACCESS_KEY_SECRET"), os.Getenv("KMSTEST_REGION")
	if id == "" || secret == "" || region == "" {
		t.Skip("the real service is checked with KMSTEST_ACCESS_KEY_ID, KMSTEST_ACCESS_KEY_SECRET and KMSTEST_REGION")
	}
	kmstest.Run(t, kmstest.Target{Region: region, AccessKeyID: id, AccessKeySecret: secret})
}
