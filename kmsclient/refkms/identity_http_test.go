package refkms_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/actiontrail"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// serverCode returns the code of the official SDK's error.
func serverCode(err error) string {
	var e *sdkerrors.ServerError
	if !errors.As(err, &e) {
		if err != nil {
			return err.Error()
		}
		return ""
	}
	return e.ErrorCode()
}

func sdkSTS(t testing.TB, s *refkms.Server, id, secret string) *sts.Client {
	t.Helper()
	c, err := sts.NewClientWithAccessKey("cn-hangzhou", id, secret)
	must(t, err)
	c.SetTransport(s.Transport())
	return c
}

func sdkEncrypt(c *kms.Client, key string) error {
	r := kms.CreateEncryptRequest()
	r.Scheme, r.KeyId, r.Plaintext = "https", key, "x"
	_, err := c.Encrypt(r)
	return err
}

// The official SDK assumes a role, calls KMS with what it got, and is refused as by the cloud.
func TestAssumeRoleOverHTTP(t *testing.T) {
	s, root := client(t, nil)
	key, other := newKey(t, root), newKey(t, root)
	ram := s.RAM("")
	must(t, ram.CreateUser("alice"), ram.PutAccessKey("alice", "LTAIalice", "secret"), ram.CreateRole("app", trustRoot, 0),
		ram.PutPolicy("full", fullAccess), ram.AttachPolicyToRole("full", "app"),
		ram.PutPolicy("assume", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"`+roleARN+`"}]}`))
	alice := sdkSTS(t, s, "LTAIalice", "secret")
	request := sts.CreateAssumeRoleRequest()
	request.Scheme, request.RoleArn, request.RoleSessionName = "https", roleARN, "test"
	if _, err := alice.AssumeRole(request); serverCode(err) != "NoPermission" {
		t.Errorf("AssumeRole without a right = %v, want NoPermission", err)
	}
	must(t, ram.AttachPolicyToUser("assume", "alice"))
	request.Policy = encryptOnly(key)
	answer, err := alice.AssumeRole(request)
	must(t, err)
	c := answer.Credentials
	if !strings.HasPrefix(c.AccessKeyId, "STS.") || c.SecurityToken == "" || answer.AssumedRoleUser.Arn != roleARN+"/test" || answer.RequestId == "" {
		t.Errorf("AssumeRole = %+v", answer)
	}
	session := func(id, secret, token string) *kms.Client {
		c, err := kms.NewClientWithStsToken("cn-hangzhou", id, secret, token)
		must(t, err)
		c.SetTransport(s.Transport())
		return c
	}
	good := session(c.AccessKeyId, c.AccessKeySecret, c.SecurityToken)
	must(t, sdkEncrypt(good, key))
	if err := sdkEncrypt(good, other); serverCode(err) != "Forbidden.NoPermission" || !strings.Contains(err.Error(), "key/"+other) {
		t.Errorf("Encrypt beyond the session policy = %v", err)
	}
	denied := sdkEncrypt(good, other).(*sdkerrors.ServerError)
	if detail := denied.AccessDeniedDetail(); detail["AuthAction"] != "kms:Encrypt" || detail["PolicyType"] != "SessionPolicy" || detail["NoPermissionType"] != "ImplicitDeny" {
		t.Errorf("the detail of the refusal is %v", detail)
	}
	other2, err := alice.AssumeRole(request)
	must(t, err)
	for name, tt := range map[string]struct {
		client *kms.Client
		want   string
	}{
		"without the token":                {sdk(t, s, c.AccessKeyId, c.AccessKeySecret), "MissingSecurityToken"},
		"with another secret":              {session(c.AccessKeyId, "x", c.SecurityToken), "SignatureDoesNotMatch"},
		"with another token":               {session(c.AccessKeyId, c.AccessKeySecret, other2.Credentials.SecurityToken), "InvalidSecurityToken.MismatchWithAccessKey"},
		"with half a token":                {session(c.AccessKeyId, c.AccessKeySecret, c.SecurityToken[:40]), "InvalidSecurityToken.Malformed"},
		"with a token and a long-term key": {session("LTAIalice", "secret", c.SecurityToken), "InvalidSecurityToken.MismatchWithAccessKey"},
	} {
		if err := sdkEncrypt(tt.client, key); serverCode(err) != tt.want {
			t.Errorf("%s: Encrypt = %v, want %s", name, err, tt.want)
		}
	}
	s.Advance(time.Hour)
	if err := sdkEncrypt(good, key); serverCode(err) != "InvalidSecurityToken.Expired" {
		t.Errorf("Encrypt after an hour = %v, want InvalidSecurityToken.Expired", err)
	}

	who := sts.CreateGetCallerIdentityRequest()
	who.Scheme = "https"
	if got, err := alice.GetCallerIdentity(who); err != nil || got.IdentityType != "RAMUser" || got.Arn != "acs:ram::1234567890123456:user/alice" {
		t.Errorf("GetCallerIdentity = %v, %v", got, err)
	}
}

// The official SDK reads the trail; what came over HTTP is recorded with where it came from.
func TestLookupEventsOverHTTP(t *testing.T) {
	s, root := client(t, nil)
	key := newKey(t, root)
	id, secret := s.AccessKey()
	must(t, sdkEncrypt(sdk(t, s, id, secret), key))
	c, err := actiontrail.NewClientWithAccessKey("cn-hangzhou", id, secret)
	must(t, err)
	c.SetTransport(s.Transport())
	r := actiontrail.CreateLookupEventsRequest()
	r.Scheme, r.MaxResults = "https", "1"
	r.LookupAttribute = &[]actiontrail.LookupEventsLookupAttribute{{Key: "ServiceName", Value: "Kms"}}
	answer, err := c.LookupEvents(r)
	must(t, err)
	if len(answer.Events) != 1 || answer.NextToken == "" {
		t.Fatalf("LookupEvents = %+v", answer)
	}
	e := answer.Events[0]
	if e["eventName"] != "Encrypt" || e["serviceName"] != "Kms" || e["apiVersion"] != "2016-01-20" || !strings.HasPrefix(e["userAgent"].(string), "AlibabaCloud") {
		t.Errorf("the event is %v", e)
	}
	if got := e["userIdentity"].(map[string]interface{})["accessKeyId"]; got != id {
		t.Errorf("the access key of the event is %v, want %s", got, id)
	}
	r.NextToken = answer.NextToken
	answer, err = c.LookupEvents(r)
	must(t, err)
	if len(answer.Events) != 1 || answer.Events[0]["eventName"] != "CreateKey" || answer.NextToken != "" {
		t.Errorf("the next page is %+v", answer)
	}
}

// A version is that of a product, and an action one of its.
func TestVersions(t *testing.T) {
	s, _ := client(t, nil)
	id, secret := s.AccessKey()
	c := sdk(t, s, id, secret)
	for _, tt := range []struct{ action, version, want string }{
		{"ListKeys", "2016-01-20", ""},
		{"GetCallerIdentity", "2015-04-01", ""},
		{"LookupEvents", "2020-07-06", ""},
		{"ListKeys", "2015-04-01", "InvalidAction.NotFound"},
		{"GetCallerIdentity", "2016-01-20", "InvalidAction.NotFound"},
		{"ListKeys", "2016-01-21", "InvalidVersion"},
	} {
		r := requests.NewCommonRequest()
		r.Scheme, r.Domain, r.ApiName, r.Version = "https", "kms.cn-hangzhou.aliyuncs.com", tt.action, tt.version
		r.QueryParams["Action"] = tt.action
		answer, err := c.ProcessCommonRequest(r)
		if serverCode(err) != tt.want {
			t.Errorf("%s of %s = %v, want %q", tt.action, tt.version, err, tt.want)
		}
		if err == nil && !json.Valid(answer.GetHttpContentBytes()) {
			t.Errorf("%s answers %s", tt.action, answer.GetHttpContentString())
		}
	}
}
