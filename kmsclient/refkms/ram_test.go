package refkms_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

const (
	fullAccess = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trustRoot  = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}`
	roleARN    = "acs:ram::1234567890123456:role/app"
)

// encryptOnly is a policy for one key.
func encryptOnly(key string) string {
	return `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"acs:kms:*:*:key/` + key + `"}]}`
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// codeOf returns the code of a refusal, "" for none.
func codeOf(err error) string {
	var e *refkms.Error
	if !errors.As(err, &e) {
		return fmt.Sprint(err)
	}
	return e.Code
}

func encrypt(t testing.TB, c *refkms.Client, key string) error {
	t.Helper()
	_, err := c.Encrypt(t.Context(), &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("x")})
	return err
}

// newUser makes a user with policies and returns a client that calls as it.
func newUser(t testing.TB, s *refkms.Server, name string, policies ...string) *refkms.Client {
	t.Helper()
	ram := s.RAM("")
	must(t, ram.CreateUser(name))
	for i, document := range policies {
		p := fmt.Sprintf("%s-%d", name, i)
		must(t, ram.PutPolicy(p, document), ram.AttachPolicyToUser(p, name))
	}
	id, _, err := ram.CreateAccessKey(name)
	must(t, err)
	return s.Client(&refkms.ClientOptions{AccessKeyID: id})
}

// assume returns a client that calls as a session of a role, which c assumes.
func assume(t testing.TB, s *refkms.Server, c *refkms.Client, policy string) *refkms.Client {
	t.Helper()
	var answer struct {
		Credentials struct {
			AccessKeyId, AccessKeySecret, SecurityToken, Expiration string
		}
	}
	err := c.Do(t.Context(), "AssumeRole", map[string]string{"RoleArn": roleARN, "RoleSessionName": "test", "Policy": policy}, &answer)
	must(t, err)
	return s.Client(&refkms.ClientOptions{AccessKeyID: answer.Credentials.AccessKeyId, SecurityToken: answer.Credentials.SecurityToken})
}

func TestCallAsUser(t *testing.T) {
	s, root := client(t, nil)
	key, other := newKey(t, root), newKey(t, root)
	alice := newUser(t, s, "alice", encryptOnly(key))
	must(t, encrypt(t, alice, key))
	err := encrypt(t, alice, other)
	if !errors.Is(err, kmsapi.ErrAccessDenied) || codeOf(err) != "Forbidden.NoPermission" {
		t.Errorf("Encrypt with another key = %v, want ErrAccessDenied", err)
	}
	if _, err := alice.CreateKey(t.Context(), nil); !errors.Is(err, kmsapi.ErrAccessDenied) {
		t.Errorf("CreateKey = %v, want ErrAccessDenied", err)
	}
	var who struct{ IdentityType, AccountId, Arn string }
	must(t, alice.Do(t.Context(), "GetCallerIdentity", nil, &who))
	if who.IdentityType != "RAMUser" || who.AccountId != refkms.DefaultAccount || who.Arn != "acs:ram::1234567890123456:user/alice" {
		t.Errorf("GetCallerIdentity = %+v", who)
	}
	must(t, s.RAM("").DeleteUser("alice"))
	if err := encrypt(t, alice, key); !errors.Is(err, kmsapi.ErrUnauthenticated) || codeOf(err) != "InvalidAccessKeyId.NotFound" {
		t.Errorf("Encrypt by a user who is gone = %v, want ErrUnauthenticated", err)
	}
}

func TestCallAsSession(t *testing.T) {
	s, root := client(t, nil)
	key, other := newKey(t, root), newKey(t, root)
	ram := s.RAM("")
	must(t, ram.CreateRole("app", trustRoot, time.Hour), ram.PutPolicy("full", fullAccess), ram.AttachPolicyToRole("full", "app"))
	alice := newUser(t, s, "alice", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"`+roleARN+`"}]}`)
	session, narrow := assume(t, s, alice, ""), assume(t, s, alice, encryptOnly(key))
	must(t, encrypt(t, session, other), encrypt(t, narrow, key))
	if err := encrypt(t, narrow, other); !errors.Is(err, kmsapi.ErrAccessDenied) {
		t.Errorf("Encrypt beyond the session policy = %v, want ErrAccessDenied", err)
	}
	must(t, ram.DetachPolicyFromRole("full", "app")) // an issued token freezes no right
	if err := encrypt(t, narrow, key); !errors.Is(err, kmsapi.ErrAccessDenied) {
		t.Errorf("Encrypt without the role's policy = %v, want ErrAccessDenied: the session policy grants nothing", err)
	}
	s.Advance(time.Hour)
	if err := encrypt(t, session, key); !errors.Is(err, kmsapi.ErrUnauthenticated) || codeOf(err) != "InvalidSecurityToken.Expired" {
		t.Errorf("Encrypt after an hour = %v, want ErrUnauthenticated", err)
	}
}

func TestCallFrom(t *testing.T) {
	s, root := client(t, nil)
	key := newKey(t, root)
	must(t, s.RAM("").CreateUser("alice"), s.RAM("").PutAccessKey("alice", "LTAIalice", "secret"),
		s.RAM("").PutPolicy("inside", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]},"Bool":{"acs:SecureTransport":"true"}}}]}`),
		s.RAM("").AttachPolicyToUser("inside", "alice"))
	for addr, want := range map[string]string{"192.168.1.77": "<nil>", "192.168.2.77": "Forbidden.NoPermission", "": "Forbidden.NoPermission"} {
		opts := &refkms.ClientOptions{AccessKeyID: "LTAIalice"}
		if addr != "" {
			opts.SourceIP = netip.MustParseAddr(addr)
		}
		if got := codeOf(encrypt(t, s.Client(opts), key)); got != want {
			t.Errorf("from %q Encrypt = %s, want %s", addr, got, want)
		}
	}
}

// A cloud service uses its own key and no other; the account may use the key too, and cannot change it.
func TestCallAsService(t *testing.T) {
	s, root := client(t, nil)
	own := newKey(t, root)
	key, err := s.RAM("").ServiceKey("", "OSS")
	must(t, err)
	if again, err := s.RAM("").ServiceKey("cn-hangzhou", "OSS"); err != nil || again != key {
		t.Errorf("ServiceKey again = %s, %v, want %s", again, err, key)
	}
	if far, err := s.RAM("").ServiceKey("cn-beijing", "OSS"); err != nil || far == key {
		t.Errorf("ServiceKey in another region = %s, %v", far, err)
	}
	for _, name := range []string{"", "o/s", "abcdefghijklmnopqrstuvwxyz0123456"} {
		if _, err := s.RAM("").ServiceKey("", name); !errors.Is(err, kmsapi.ErrInvalidParameter) {
			t.Errorf("ServiceKey(%q) = %v, want ErrInvalidParameter", name, err)
		}
	}
	if _, err := s.RAM("").ServiceKey("no/region", "OSS"); err == nil {
		t.Error("ServiceKey in no region does not fail")
	}
	oss := s.Client(&refkms.ClientOptions{Service: "OSS"})
	must(t, encrypt(t, oss, "alias/acs/oss"), encrypt(t, root, key))
	if err := encrypt(t, oss, own); !errors.Is(err, kmsapi.ErrAccessDenied) {
		t.Errorf("Encrypt by OSS with a key that is not its own = %v, want ErrAccessDenied", err)
	}
	if err := root.DisableKey(t.Context(), key); !errors.Is(err, kmsapi.ErrUnsupportedOperation) {
		t.Errorf("DisableKey of a service key = %v, want ErrUnsupportedOperation", err)
	}
	var m struct{ KeyMetadata struct{ Creator string } }
	must(t, root.Do(t.Context(), "DescribeKey", map[string]string{"KeyId": key}, &m))
	if m.KeyMetadata.Creator != "OSS" {
		t.Errorf("the creator of the key is %q", m.KeyMetadata.Creator)
	}
}

// Every call of RAM does what it says and is refused in RAM's words. What each refuses is tested where it is done.
func TestRAM(t *testing.T) {
	s, root := client(t, nil)
	key := newKey(t, root)
	ram := s.RAM("1234567890123456")
	alice := newUser(t, s, "alice")
	allowed := func(what string, want bool) {
		t.Helper()
		if err := encrypt(t, alice, key); (err == nil) != want {
			t.Errorf("%s: Encrypt = %v, allowed should be %v", what, err, want)
		}
	}
	allowed("without anything", false)
	must(t, ram.CreateGroup("dev"), ram.PutPolicy("p", encryptOnly(key)), ram.AttachPolicyToGroup("p", "dev"), ram.AddUserToGroup("alice", "dev"))
	allowed("in the group", true)
	must(t, ram.RemoveUserFromGroup("alice", "dev"))
	allowed("out of the group", false)
	must(t, ram.AttachPolicyToUser("p", "alice"))
	allowed("with the policy", true)
	must(t, ram.DetachPolicyFromUser("p", "alice"), ram.AddUserToGroup("alice", "dev"), ram.DetachPolicyFromGroup("p", "dev"))
	allowed("without it", false)
	must(t, ram.DeletePolicy("p"), ram.DeleteGroup("dev"))
	must(t, ram.CreateRole("app", trustRoot, 0), ram.UpdateRole("app", trustRoot, 12*time.Hour), ram.DeleteRole("app"))

	id, secret, err := ram.CreateAccessKey("")
	must(t, err)
	if len(id) != 24 || len(secret) < 20 {
		t.Errorf("CreateAccessKey = %q and %d characters", id, len(secret))
	}
	second := s.Client(&refkms.ClientOptions{AccessKeyID: id})
	must(t, encrypt(t, second, key), ram.SetAccessKeyStatus(id, false))
	if err := encrypt(t, second, key); codeOf(err) != "Forbidden.AccessKey" || !errors.Is(err, kmsapi.ErrUnauthenticated) {
		t.Errorf("Encrypt by a disabled key = %v", err)
	}
	must(t, ram.SetAccessKeyStatus(id, true), encrypt(t, second, key), ram.DeleteAccessKey(id))

	for _, tt := range []struct {
		name, code string
		err        error
		cause      error
	}{
		{"a user twice", "EntityAlreadyExists.User", ram.CreateUser("alice"), kmsapi.ErrConflict},
		{"no name", "InvalidParameter.UserName", ram.CreateUser(""), kmsapi.ErrInvalidParameter},
		{"no user", "EntityNotExist.User", ram.DeleteUser("bob"), kmsapi.ErrInvalidParameter},
		{"no policy", "MalformedPolicyDocument", ram.PutPolicy("x", "{}"), kmsapi.ErrInvalidParameter},
		{"less than no time", "InvalidParameter", ram.CreateRole("x", trustRoot, -time.Second), kmsapi.ErrInvalidParameter},
		{"hardly less than no time", "InvalidParameter", ram.CreateRole("x", trustRoot, -1), kmsapi.ErrInvalidParameter},
		{"more than twelve hours", "InvalidParameter", ram.CreateRole("x", trustRoot, 12*time.Hour+1), kmsapi.ErrInvalidParameter},
		{"part of a second", "InvalidParameter", ram.CreateRole("x", trustRoot, time.Millisecond), kmsapi.ErrInvalidParameter},
		{"no status", "InvalidParameter", ram.SetStatus("Happy"), kmsapi.ErrInvalidParameter},
	} {
		if codeOf(tt.err) != tt.code || !errors.Is(tt.err, tt.cause) {
			t.Errorf("%s: %v, want %s", tt.name, tt.err, tt.code)
		}
	}
	if id, secret, err := ram.CreateAccessKey("nobody"); id != "" || secret != "" || codeOf(err) != "EntityNotExist.User" {
		t.Errorf("CreateAccessKey of nobody = %q, %q, %v", id, secret, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("RAM of no account does not panic")
		}
	}()
	s.RAM("me")
}

func TestSetStatus(t *testing.T) {
	s, root := client(t, nil)
	key := newKey(t, root)
	for status, code := range map[refkms.AccountStatus]string{
		refkms.AccountNotEnabled: "Forbidden.KmsServiceNotEnabled", refkms.AccountInDebt: "Forbidden.InDebt",
		refkms.AccountInDebtOverdue: "Forbidden.InDebtOverdue", refkms.AccountProhibitedByRiskControl: "Forbidden.ProhibitedByRiskControl",
		refkms.AccountInvalidUserID: "Forbidden.UbsmsInvalidUserid", refkms.AccountInvalidPartner: "Forbidden.UbsmsInvalidBid",
	} {
		must(t, s.RAM("").SetStatus(status))
		if err := encrypt(t, root, key); codeOf(err) != code || !errors.Is(err, kmsapi.ErrServiceNotEnabled) {
			t.Errorf("%s: Encrypt = %v, want %s", status, err, code)
		}
		must(t, root.Do(t.Context(), "GetCallerIdentity", nil, nil)) // which is no call of KMS
		other := s.Client(&refkms.ClientOptions{Account: "42"})
		newKey(t, other)
	}
	must(t, s.RAM("").SetStatus(refkms.AccountEnabled), encrypt(t, root, key))
}

func TestClientOptionsSayOneThing(t *testing.T) {
	s, _ := client(t, nil)
	for _, opts := range []refkms.ClientOptions{
		{AccessKeyID: "a", Account: "1"}, {AccessKeyID: "a", Service: "OSS"}, {SecurityToken: "t"},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Client(%+v) does not panic", opts)
				}
			}()
			s.Client(&opts)
		}()
	}
}
