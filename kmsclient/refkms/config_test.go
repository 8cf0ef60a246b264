package refkms_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// document is a configuration with one of everything.
const document = `{
  "regions": ["cn-hangzhou", "cn-mars"],
  "accounts": [{
    "id": "42",
    "accessKeys": [{"id": "LTAIroot", "secret": "root secret"}],
    "policies": [
      {"name": "list", "document": {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]
      }},
      {"name": "assume", "document": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}}
    ],
    "groups": [{"name": "dev", "policies": ["list"]}],
    "users": [
      {"name": "alice", "groups": ["dev"], "policies": ["assume"], "accessKeys": [{"id": "LTAIalice", "secret": "alice's secret"}]},
      {"name": "bob", "accessKeys": [{"id": "LTAIbob", "secret": "bob's secret", "disabled": true}]}
    ],
    "roles": [{"name": "app", "policies": ["list"], "maxSessionSeconds": 7200,
      "trust": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "acs:ram::42:user/alice"}}]}}],
    "serviceKeys": [{"service": "OSS"}, {"region": "cn-mars", "service": "RDS"}]
  }, {"id": "43", "status": "InDebt"}]
}`

func config(t testing.TB, document string) *refkms.Config {
	t.Helper()
	c, err := refkms.ParseConfig([]byte(document))
	must(t, err)
	return c
}

func TestApply(t *testing.T) {
	s, _ := client(t, nil)
	cfg := config(t, document)
	for range 2 { // the second time nothing changes
		must(t, s.Apply(cfg))
	}
	ctx := t.Context()
	list := func(id string) string {
		return codeOf(s.Client(&refkms.ClientOptions{AccessKeyID: id}).Do(ctx, "ListKeys", nil, nil))
	}
	for id, want := range map[string]string{"LTAIroot": "<nil>", "LTAIalice": "<nil>", "LTAIbob": "Forbidden.AccessKey", "LTAIcarol": "InvalidAccessKeyId.NotFound"} {
		if got := list(id); got != want {
			t.Errorf("ListKeys by %s = %s, want %s", id, got, want)
		}
	}
	alice := s.Client(&refkms.ClientOptions{AccessKeyID: "LTAIalice"})
	params := map[string]string{"RoleArn": "acs:ram::42:role/app", "RoleSessionName": "test", "DurationSeconds": "7200"}
	must(t, alice.Do(ctx, "AssumeRole", params, nil))
	if got := codeOf(s.Client(&refkms.ClientOptions{Account: "43"}).Do(ctx, "ListKeys", nil, nil)); got != "Forbidden.InDebt" {
		t.Errorf("ListKeys of an account in debt = %s", got)
	}
	for region, want := range map[string]string{"cn-hangzhou": "alias/acs/oss", "cn-mars": "alias/acs/rds"} {
		var answer struct {
			Aliases struct{ Alias []struct{ AliasName string } }
		}
		must(t, s.Client(&refkms.ClientOptions{Account: "42", Region: region}).Do(ctx, "ListAliases", nil, &answer))
		if len(answer.Aliases.Alias) != 1 || answer.Aliases.Alias[0].AliasName != want {
			t.Errorf("in %s there are the aliases %v, want %s", region, answer.Aliases.Alias, want)
		}
	}

	// What is named is changed to be as it says, and what is not stays.
	must(t, s.Apply(config(t, `{"accounts": [{"id": "42", "users": [{"name": "alice"}, {"name": "bob", "policies": ["list"], "accessKeys": [{"id": "LTAIbob", "secret": "x"}]}]}]}`)))
	for id, want := range map[string]string{"LTAIroot": "<nil>", "LTAIalice": "Forbidden.NoPermission", "LTAIbob": "<nil>"} {
		if got := list(id); got != want {
			t.Errorf("after a change ListKeys by %s = %s, want %s", id, got, want)
		}
	}
	must(t, s.Apply(nil), s.Apply(new(refkms.Config)))
}

// The regions of a configuration decide where requests over HTTP go whose host names none.
func TestApplyRegions(t *testing.T) {
	s, _ := client(t, nil)
	id, secret := s.AccessKey()
	region := func(name string) string {
		c, err := kms.NewClientWithAccessKey(name, id, secret)
		must(t, err)
		c.SetTransport(s.Transport())
		request := kms.CreateCreateKeyRequest()
		request.Domain = "localhost"
		answer, err := c.CreateKey(request)
		must(t, err)
		return strings.Split(answer.KeyMetadata.Arn, ":")[2]
	}
	if a, b := region("cn-beijing"), region("cn-mars"); a != "cn-beijing" || b != "cn-hangzhou" {
		t.Errorf("without a configuration requests go to %s and %s", a, b)
	}
	must(t, s.Apply(&refkms.Config{Regions: []string{"cn-mars", "cn-venus"}}))
	if a, b, c := region("cn-beijing"), region("cn-mars"), region("cn-hangzhou"); a != "cn-hangzhou" || b != "cn-mars" || c != "cn-hangzhou" {
		t.Errorf("with regions of its own requests go to %s, %s and %s", a, b, c)
	}
	must(t, s.Apply(&refkms.Config{Regions: []string{"cn-venus"}}))
	if a, b := region("cn-mars"), region("cn-venus"); a != "cn-hangzhou" || b != "cn-venus" {
		t.Errorf("with other regions requests go to %s and %s", a, b)
	}
	var list json.RawMessage
	must(t, s.Client(nil).Do(t.Context(), "DescribeRegions", nil, &list))
	if want := `{"Regions":{"Region":[{"RegionId":"cn-hangzhou"},{"RegionId":"cn-venus"}]}`; !strings.HasPrefix(string(list), want[:len(want)-1]) {
		t.Errorf("DescribeRegions = %s, want %s", list, want)
	}
}

// A configuration that is refused in one place changes nothing, and the error names the place.
func TestApplyRefused(t *testing.T) {
	const users = `{"name": "new"}, `
	for _, tt := range []struct{ name, account, want, code string }{
		{"account", `{"id": "me"}`, `refkms: config: accounts[0]: id "me": want 1 to 64 digits`, ""},
		{"status", `{"id": "42", "status": "Happy"}`, `accounts[0].status[0] "Happy"`, "InvalidParameter"},
		{"access key", `{"id": "42", "users": [` + users + `{"name": "x"}], "accessKeys": [{"id": "a,b", "secret": "s"}]}`, `accounts[0].accessKeys[0] "a,b"`, "InvalidParameter.AccessKeyName"},
		{"no secret", `{"id": "42", "accessKeys": [{"id": "a"}]}`, `accounts[0].accessKeys[0] "a"`, "InvalidParameter"},
		{"policy", `{"id": "42", "policies": [{"name": "p", "document": {"Version": "2"}}]}`, `accounts[0].policies[0] "p"`, "MalformedPolicyDocument"},
		{"no document", `{"id": "42", "policies": [{"name": "p"}]}`, `accounts[0].policies[0] "p"`, "MalformedPolicyDocument"},
		{"group", `{"id": "42", "groups": [{"name": "g"}, {"name": "h", "policies": ["none"]}]}`, `accounts[0].groups[1] "h"`, "EntityNotExist.Policy"},
		{"group's name", `{"id": "42", "groups": [{"name": "a b"}]}`, `accounts[0].groups[0] "a b"`, "InvalidParameter.GroupName"},
		{"user's name", `{"id": "42", "users": [{"name": ""}]}`, `accounts[0].users[0] ""`, "InvalidParameter.UserName"},
		{"user's group", `{"id": "42", "users": [` + users + `{"name": "x", "groups": ["none"]}]}`, `accounts[0].users[1] "x"`, "EntityNotExist.Group"},
		{"user's policy", `{"id": "42", "users": [` + users + `{"name": "x", "policies": ["none"]}]}`, `accounts[0].users[1] "x"`, "EntityNotExist.Policy"},
		{"user's access key", `{"id": "42", "users": [` + users + `{"name": "x", "accessKeys": [{"id": "STS.x", "secret": "s"}]}]}`, `accounts[0].users[1] "x"`, "InvalidParameter.AccessKeyName"},
		{"role", `{"id": "42", "users": [` + users + `{"name": "x"}], "roles": [{"name": "r"}]}`, `accounts[0].roles[0] "r"`, "MalformedPolicyDocument"},
		{"role's policy", `{"id": "42", "roles": [{"name": "r", "policies": ["none"], "trust": ` + trustRoot + `}]}`, `accounts[0].roles[0] "r"`, "EntityNotExist.Policy"},
		{"role's sessions", `{"id": "42", "roles": [{"name": "r", "maxSessionSeconds": 60, "trust": ` + trustRoot + `}]}`, `accounts[0].roles[0] "r"`, "InvalidParameter"},
		{"service", `{"id": "42", "users": [` + users + `{"name": "x"}], "serviceKeys": [{"service": "o/s"}]}`, `accounts[0].serviceKeys[0] "o/s"`, "InvalidParameter"},
		{"service's region", `{"id": "42", "serviceKeys": [{"service": "OSS", "region": "no/where"}]}`, `region "no/where"`, ""},
		{"second account", `{"id": "42", "users": [` + users + `{"name": "x"}]}, {"id": ""}`, `accounts[1]`, ""},
		{"region", ``, `regions[0]: "no/where"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := client(t, nil)
			doc := `{"accounts": [` + tt.account + `]}`
			if tt.name == "region" {
				doc = `{"regions": ["no/where"], "accounts": [{"id": "42"}]}`
			}
			err := s.Apply(config(t, doc))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "refkms: config: ") {
				t.Errorf("Apply = %v, want %s", err, tt.want)
			}
			if tt.code != "" && codeOf(err) != tt.code {
				t.Errorf("Apply = %v, want %s", err, tt.code)
			}
			if err := s.RAM("42").DeleteUser("new"); codeOf(err) != "EntityNotExist.User" {
				t.Errorf("the refused configuration left a user: %v", err)
			}
		})
	}
}

func TestParseConfig(t *testing.T) {
	deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	for _, tt := range []struct{ name, document, want string }{
		{"unknown name", `{"acounts": []}`, `unknown field "acounts"`},
		{"unknown name within", `{"accounts": [{"id": "1", "user": []}]}`, `unknown field "user"`},
		{"wrong type", `{"accounts": {}}`, "cannot unmarshal object"},
		{"twice", `{"accounts": [], "accounts": []}`, `"accounts" is there twice`},
		{"twice, in another case", `{"accounts": [], "Accounts": []}`, `"Accounts" is there twice`},
		{"twice within a policy", `{"accounts": [{"id": "1", "policies": [{"name": "p", "document": {"Version": "1", "Version": "1"}}]}]}`, `"Version" is there twice`},
		{"nothing", ``, "unexpected EOF"},
		{"cut short", `{"accounts": [`, "unexpected EOF"},
		{"cut shorter", `{"accounts"`, "unexpected EOF"},
		{"more", `{} {}`, "something follows the document"},
		{"garbage", `{"accounts": [}`, "invalid character"},
		{"no name", `{1: 2}`, "invalid character"},
		{"deep", `{"accounts": ` + deep + `}`, "nested more than 32 deep"},
		{"very deep", strings.Repeat("[", 1<<20), "nested more than 32 deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := refkms.ParseConfig([]byte(tt.document))
			if c != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "refkms: config: at byte ") {
				t.Errorf("ParseConfig = %v, %v, want %s", c, err, tt.want)
			}
		})
	}
	if _, err := refkms.ParseConfig([]byte(`{"accounts": [`)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("ParseConfig of a document that is cut short = %v, want io.ErrUnexpectedEOF", err)
	}
	// Names that differ in their case are two in a policy: tags do.
	tags := `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:tag/A":"1","kms:tag/a":"2"}}}]}`
	s, _ := client(t, nil)
	must(t, s.Apply(config(t, `{"accounts":[{"id":"1","policies":[{"name":"p","document":`+tags+`}]}]}`)))
}

// A store that fails is told apart from a configuration that is refused.
func TestApplyToClosedServer(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "kms"), nil)
	must(t, s.Close())
	if err := s.Apply(config(t, `{"accounts": [{"id": "42"}]}`)); !errors.Is(err, kmsapi.ErrUnavailable) || !errors.Is(err, refkms.ErrClosed) {
		t.Errorf("Apply = %v, want ErrUnavailable and ErrClosed", err)
	}
}

// Whoever prints what a server is made of prints no secret of an access key.
func TestPrintedWithoutSecrets(t *testing.T) {
	const secret = "none-to-print"
	opts := &refkms.Options{AccessKeyID: "LTAI1", AccessKeySecret: secret}
	key := refkms.AccessKeyConfig{ID: "LTAI1", Secret: secret}
	config := &refkms.Config{Accounts: []refkms.AccountConfig{{ID: "1", AccessKeys: []refkms.AccessKeyConfig{key}}}}
	for _, v := range []any{opts, *opts, key, &key, config, *config, struct{ Keys []refkms.AccessKeyConfig }{config.Accounts[0].AccessKeys}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString([]byte(secret))) {
				t.Errorf("%s of a %T prints the secret: %s", verb, v, text)
			}
		}
	}
	if text := fmt.Sprint(key); text != `[access key "LTAI1"]` {
		t.Errorf("an access key prints as %s", text)
	}
}

// White space in a document does not count towards the length of its policies.
func TestApplyCompactsPolicies(t *testing.T) {
	s, _ := client(t, nil)
	doc := strings.Replace(fullAccess, ":", ":"+strings.Repeat(" ", 7000), 1)
	must(t, s.Apply(&refkms.Config{Accounts: []refkms.AccountConfig{{ID: "1", Policies: []refkms.PolicyConfig{{Name: "p", Document: json.RawMessage(doc)}}}}}))
	if err := s.RAM("1").PutPolicy("q", doc); codeOf(err) != "InvalidParameter.PolicyDocument.Length" {
		t.Errorf("PutPolicy of the same document = %v", err)
	}
}

// What parses can be written and read again, and no document whatever panics.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"accounts":[{"id":"1","roles":[{"name":"r","trust":{"a":[1,null,true]}}]}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		c, err := refkms.ParseConfig(document)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("Marshal = %v", err)
		}
		if _, err := refkms.ParseConfig(again); err != nil {
			t.Fatalf("ParseConfig of %s = %v", again, err)
		}
		s, err := newServer(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(c)
	})
}

// A configuration prepares who may do what; clients of any kind then call with the access keys in it.
func ExampleServer_Apply() {
	server, err := newServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	cfg, err := refkms.ParseConfig([]byte(`{
	  "accounts": [{
	    "id": "1234567890123456",
	    "policies": [{"name": "read", "document": {"Version": "1", "Statement": [
	      {"Effect": "Allow", "Action": ["kms:List*", "kms:Describe*"], "Resource": "*"}]}}],
	    "users": [{"name": "alice", "policies": ["read"],
	      "accessKeys": [{"id": "LTAIalice", "secret": "not one to copy"}]}]
	  }]
	}`))
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Apply(cfg); err != nil {
		log.Fatal(err)
	}

	// Over the wire, by the official SDK, with its own HTTP client or, as here, the server's transport.
	alice, err := kms.NewClientWithAccessKey("cn-hangzhou", "LTAIalice", "not one to copy")
	if err != nil {
		log.Fatal(err)
	}
	alice.SetTransport(server.Transport())
	list := kms.CreateListKeysRequest()
	list.Scheme = "https"
	answer, err := alice.ListKeys(list)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("keys:", answer.TotalCount, "status:", answer.GetHttpStatus() == http.StatusOK)

	// In this process, as the same user.
	_, err = server.Client(&refkms.ClientOptions{AccessKeyID: "LTAIalice"}).CreateKey(context.Background(), nil)
	fmt.Println("denied:", errors.Is(err, kmsapi.ErrAccessDenied))
	// Output:
	// keys: 0 status: true
	// denied: true
}
