package kmstest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/kmstest"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A reference is one server, seen through one face.
type reference struct {
	*refkms.Server
	socket, typed bool
	file          bool // it lies in one
}

// fresh returns a new server, seen through the same face. quotas nil is those of the service.
func (r reference) fresh(t *testing.T, quotas *refkms.Quotas) reference {
	t.Helper()
	var err error
	if opts := (&refkms.Options{Quotas: quotas, SpareKeyPairs: -1}); r.file {
		dir := t.TempDir()
		r.Server, err = refkms.Open(filepath.Join(dir, "kms"), refkms.RootKeyFile(filepath.Join(dir, "key")), opts)
	} else {
		r.Server, err = refkms.New(opts)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return r
}

// target returns the server as a target of the suite.
func (r reference) target(t *testing.T) kmstest.Target {
	t.Helper()
	id, secret := r.AccessKey()
	target := r.as(t, id, secret)
	target.DryRun, target.Wording = true, true
	target.RSA4096 = !r.socket && !r.typed && !r.file // which takes seconds to make
	target.Advance = r.Advance
	target.ServiceKey = r.RAM("").ServiceKey
	target.Limited = func(t *testing.T, keys, aliases int) kmstest.Target {
		return r.fresh(t, &refkms.Quotas{Keys: keys, Aliases: aliases}).target(t)
	}
	target.NotEnabled = func(t *testing.T) kmstest.Target {
		closed := r.fresh(t, nil)
		if err := closed.RAM("").SetStatus(refkms.AccountNotEnabled); err != nil {
			t.Fatal(err)
		}
		return closed.target(t)
	}
	target.Powerless = func(t *testing.T) kmstest.Target {
		user := "kmstest-" + strings.ToLower(rand.Text())
		if err := r.RAM("").CreateUser(user); err != nil {
			t.Fatal(err)
		}
		id, secret, err := r.RAM("").CreateAccessKey(user)
		if err != nil {
			t.Fatal(err)
		}
		powerless := r.as(t, id, secret)
		powerless.Wording = true
		return powerless
	}
	return target
}

// as returns the server as it is to whoever has an access key.
func (r reference) as(t *testing.T, id, secret string) kmstest.Target {
	t.Helper()
	target := kmstest.Target{
		Region: "cn-hangzhou", OtherRegion: "ap-southeast-1", PlainRegion: "cn-qingdao", Account: refkms.DefaultAccount,
		AccessKeyID: id, AccessKeySecret: secret, Transport: r.Transport(),
	}
	if r.socket {
		listener := httptest.NewServer(r.Handler())
		t.Cleanup(listener.Close)
		target.Scheme, target.Endpoint, target.Transport = "http", strings.TrimPrefix(listener.URL, "http://"), new(http.Transport)
	}
	if r.typed {
		target.Call = typedCaller(r.Server, id)
	}
	return target
}

func TestReferenceInProcess(t *testing.T) {
	kmstest.Run(t, reference{}.fresh(t, &refkms.Quotas{None: true}).target(t))
}

// Whatever a server answers, it answers the same when its state lies in a file.
func TestReferenceInFile(t *testing.T) {
	r := reference{file: true}.fresh(t, &refkms.Quotas{None: true})
	kmstest.Run(t, r.target(t))
	if err := r.Check(); err != nil {
		t.Errorf("Check = %v", err)
	}
}

func TestReferenceOverSocket(t *testing.T) {
	kmstest.Run(t, reference{socket: true}.fresh(t, &refkms.Quotas{None: true}).target(t))
}

// The typed client reaches the same server by no protocol at all: every rule of an operation holds there too.
func TestReferenceTyped(t *testing.T) {
	kmstest.Run(t, reference{typed: true}.fresh(t, &refkms.Quotas{None: true}).target(t))
}

// typedCaller returns a Caller that makes calls through the typed client's Do, as whoever has an access key.
func typedCaller(server *refkms.Server, accessKeyID string) kmstest.Caller {
	return func(region, action string, params map[string]string) ([]byte, error) {
		var answer json.RawMessage
		err := server.Client(&refkms.ClientOptions{Region: region, AccessKeyID: accessKeyID}).Do(context.Background(), action, params, &answer)
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
