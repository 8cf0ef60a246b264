package control_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms/control"
)

const (
	allowAll  = `{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`
	trustRoot = `{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1234567890123456:root"]}}]}`
)

// as returns what a call of KMS by the owner of an access key ends in.
func (w *world) as(accessKeyID string) error {
	_, err := w.server.Client(&refkms.ClientOptions{AccessKeyID: accessKeyID}).CreateKey(w.t.Context(), nil)
	return err
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestUsers(t *testing.T) {
	w := newWorld(t, nil)
	allowed := func(after string) {
		t.Helper()
		if err := w.as("LTAIalice"); err != nil {
			t.Errorf("after %s: %v, want success", after, err)
		}
	}
	denied := func(after string, want error) {
		t.Helper()
		if err := w.as("LTAIalice"); !errors.Is(err, want) {
			t.Errorf("after %s: %v, want %v", after, err, want)
		}
	}
	w.ok("CreateUser", `{"name": "alice"}`, nil)
	w.ok("PutAccessKey", `{"user": "alice", "id": "LTAIalice", "secret": "s"}`, nil)
	denied("PutAccessKey", kmsapi.ErrAccessDenied)
	w.ok("PutPolicy", `{"name": "all", "document": `+strings.Replace(allowAll, " ", strings.Repeat(" ", 7000), 1)+`}`, nil) // blanks do not count
	w.ok("AttachPolicyToUser", `{"policy": "all", "user": "alice"}`, nil)
	allowed("AttachPolicyToUser")
	w.ok("DetachPolicyFromUser", `{"policy": "all", "user": "alice"}`, nil)
	denied("DetachPolicyFromUser", kmsapi.ErrAccessDenied)
	w.ok("CreateGroup", `{"name": "dev"}`, nil)
	w.ok("AttachPolicyToGroup", `{"policy": "all", "group": "dev"}`, nil)
	w.ok("AddUserToGroup", `{"user": "alice", "group": "dev"}`, nil)
	allowed("AddUserToGroup")
	w.ok("SetAccessKeyStatus", `{"id": "LTAIalice", "enabled": false}`, nil)
	denied("SetAccessKeyStatus", kmsapi.ErrUnauthenticated)
	w.ok("SetAccessKeyStatus", `{"id": "LTAIalice", "enabled": true}`, nil)
	allowed("SetAccessKeyStatus")
	w.refuses("SetAccessKeyStatus", `{"id": "LTAIalice"}`, refusal{400, "InvalidRequest", "enabled is missing"})
	w.ok("DetachPolicyFromGroup", `{"policy": "all", "group": "dev"}`, nil)
	denied("DetachPolicyFromGroup", kmsapi.ErrAccessDenied)
	w.ok("AttachPolicyToGroup", `{"policy": "all", "group": "dev"}`, nil)
	w.ok("RemoveUserFromGroup", `{"user": "alice", "group": "dev"}`, nil)
	denied("RemoveUserFromGroup", kmsapi.ErrAccessDenied)
	w.refuses("DeletePolicy", `{"name": "all"}`, refusal{409, "DeleteConflict.Policy", "still attached"})
	w.ok("DeleteGroup", `{"name": "dev"}`, nil)
	w.ok("DeletePolicy", `{"name": "all"}`, nil)
	w.ok("DeleteAccessKey", `{"id": "LTAIalice"}`, nil)
	denied("DeleteAccessKey", kmsapi.ErrUnauthenticated)

	var k struct{ ID, Secret string }
	w.ok("CreateAccessKey", `{"user": "alice"}`, &k)
	if err := w.as(k.ID); !errors.Is(err, kmsapi.ErrAccessDenied) || len(k.Secret) < 16 {
		t.Errorf("with the key of CreateAccessKey: %v; the secret has %d bytes", err, len(k.Secret))
	}
	w.ok("DeleteUser", `{"name": "alice"}`, nil)
	if err := w.as(k.ID); !errors.Is(err, kmsapi.ErrUnauthenticated) {
		t.Errorf("after DeleteUser: %v, want %v", err, kmsapi.ErrUnauthenticated)
	}
	// The account's own, by default.
	w.ok("CreateAccessKey", ``, &k)
	w.must(w.as(k.ID))
	id, secret := w.server.AccessKey()
	if w.ok("AccessKey", ``, &k); k.ID != id || k.Secret != secret {
		t.Error("AccessKey is another than the server's")
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(t, nil)
	w.ok("CreateRole", `{"name": "app", "trust": `+trustRoot+`}`, nil)
	w.ok("PutPolicy", `{"name": "all", "document": `+allowAll+`}`, nil)
	w.ok("AttachPolicyToRole", `{"policy": "all", "role": "app"}`, nil)
	w.ok("Apply", `{"accounts": [{"id": "`+refkms.DefaultAccount+`", "users": [{"name": "alice", "policies": ["all"],
		"accessKeys": [{"id": "LTAIalice", "secret": "s"}]}]}]}`, nil)
	alice := w.server.Client(&refkms.ClientOptions{AccessKeyID: "LTAIalice"})
	assume := func(seconds string) (options *refkms.ClientOptions, err error) {
		var answer struct {
			Credentials struct{ AccessKeyID, SecurityToken string }
		}
		err = alice.Do(t.Context(), "AssumeRole", map[string]string{
			"RoleArn": "acs:ram::" + refkms.DefaultAccount + ":role/app", "RoleSessionName": "test", "DurationSeconds": seconds,
		}, &answer)
		return &refkms.ClientOptions{AccessKeyID: answer.Credentials.AccessKeyID, SecurityToken: answer.Credentials.SecurityToken}, err
	}
	session, err := assume("3600")
	w.must(err)
	_, err = w.server.Client(session).CreateKey(t.Context(), nil)
	w.must(err)
	if _, err := assume("7200"); !errors.Is(err, kmsapi.ErrInvalidParameter) {
		t.Errorf("a session of two hours: %v", err)
	}
	w.ok("UpdateRole", `{"name": "app", "maxSessionSeconds": 7200, "trust": `+trustRoot+`}`, nil)
	_, err = assume("7200")
	w.must(err)
	w.ok("DetachPolicyFromRole", `{"policy": "all", "role": "app"}`, nil)
	if _, err = w.server.Client(session).CreateKey(t.Context(), nil); !errors.Is(err, kmsapi.ErrAccessDenied) {
		t.Errorf("after DetachPolicyFromRole: %v", err)
	}
	w.ok("DeleteRole", `{"name": "app"}`, nil)
	if _, err := assume("3600"); err == nil {
		t.Error("after DeleteRole a session began")
	}
	for _, seconds := range []string{"1", "-1", "43201", "9223372036854775807", "-9223372036854775808", "18446744077"} { // the last is 3.3 s more than 2^64 ns
		w.refuses("CreateRole", `{"name": "long", "maxSessionSeconds": `+seconds+`, "trust": `+trustRoot+`}`, refusal{400, "InvalidParameter", "MaxSessionDuration"})
	}
	for name, trust := range map[string]string{"none": ``, "null": `, "trust": null`, "text": `, "trust": "x"`, "of no role": `, "trust": ` + allowAll} {
		w.refuses("CreateRole", `{"name": "app"`+trust+`}`, refusal{400, "MalformedPolicyDocument", ""})
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// What fails has RAM's code, and the place where there is one.
	w.refuses("DeleteRole", `{"name": "nobody"}`, refusal{404, "EntityNotExist.Role", "does not exist"})
	w.refuses("Apply", `{"accounts": [{"id": "42"}, {"id": "43", "users": [{"name": "dora", "groups": ["none"]}]}]}`,
		refusal{404, "EntityNotExist.Group", `refkms: config: accounts[1].users[0] "dora"`})
}

func TestAccounts(t *testing.T) {
	w := newWorld(t, nil)
	w.ok("CreateUser", `{"account": "42", "name": "carol"}`, nil)
	w.ok("PutAccessKey", `{"account": "42", "user": "carol", "id": "LTAIcarol", "secret": "s"}`, nil)
	w.ok("Apply", `{"regions": ["cn-hangzhou", "cn-beijing"], "accounts": [{"id": "42",
		"policies": [{"name": "all", "document": `+allowAll+`}], "users": [{"name": "carol", "policies": ["all"]}]}]}`, nil)
	w.must(w.as("LTAIcarol"))
	w.ok("SetStatus", `{"account": "42", "status": "InDebt"}`, nil)
	if err := w.as("LTAIcarol"); !errors.Is(err, kmsapi.ErrServiceNotEnabled) {
		t.Errorf("in debt: %v", err)
	}
	w.refuses("SetStatus", `{"account": "42", "status": "Rich"}`, refusal{400, "InvalidParameter", "Status"})
	var first, second struct{ KeyID string }
	w.ok("ServiceKey", `{"account": "42", "region": "cn-beijing", "service": "OSS"}`, &first)
	w.ok("ServiceKey", `{"account": "42", "region": "cn-beijing", "service": "OSS"}`, &second)
	if first.KeyID == "" || first != second {
		t.Errorf("service keys %v, %v", first, second)
	}
}

func TestClock(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := newWorld(t, &refkms.Options{Now: func() time.Time { return base }})
	client := w.server.Client(nil)
	key, err := client.CreateKey(t.Context(), &refkms.CreateKeyRequest{RotationInterval: 7 * 24 * time.Hour})
	w.must(err)
	var at struct{ Now time.Time }
	if w.ok("Now", "", &at); !at.Now.Equal(base) {
		t.Errorf("Now = %v, want %v", at.Now, base)
	}
	if w.ok("Advance", `{"seconds": 604800}`, &at); !at.Now.Equal(base.AddDate(0, 0, 7)) || !w.server.Now().Equal(at.Now) {
		t.Errorf("Advance = %v; the server has %v", at.Now, w.server.Now())
	}
	now, err := client.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: key.KeyID})
	w.must(err)
	if now.PrimaryKeyVersion == key.PrimaryKeyVersion {
		t.Error("the key has not rotated")
	}
	w.must(client.UpdateRotationPolicy(t.Context(), key.KeyID, 0))
	end := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	left := int64(end.Sub(w.server.Now()) / time.Second)
	for _, seconds := range []int64{0, -1, left + 1, 1 << 62, -1 << 63} {
		w.refuses("Advance", fmt.Sprintf(`{"seconds": %d}`, seconds),
			refusal{400, "InvalidRequest", fmt.Sprintf("seconds %d, want 1 to the %d that are left until 2200-01-01", seconds, left)})
	}
	if w.ok("Advance", fmt.Sprintf(`{"seconds": %d}`, left), &at); !at.Now.Equal(end) {
		t.Errorf("after all: %v, want %v", at.Now, end)
	}
	w.refuses("Advance", `{"seconds": 1}`, refusal{400, "InvalidRequest", "want 1 to the 0 that are left"})
	w.must(w.server.Advance(time.Hour)) // in process it goes on
	w.refuses("Advance", `{"seconds": 1}`, refusal{400, "InvalidRequest", "want 1 to the 0 that are left"})
}

func TestFaults(t *testing.T) {
	w := newWorld(t, nil)
	client := w.server.Client(nil)
	key, err := client.CreateKey(t.Context(), nil)
	w.must(err)
	encrypt := func() error {
		_, err := client.Encrypt(t.Context(), &kmsapi.EncryptRequest{KeyID: key.KeyID, Plaintext: kmsapi.NewPlaintext([]byte("x"))})
		return err
	}
	var fault struct{ Fault int }
	w.ok("Inject", `{"kind": "throttled", "operation": "Encrypt", "times": 2}`, &fault)
	for i, want := range []error{kmsapi.ErrThrottled, kmsapi.ErrThrottled, nil} {
		if err := encrypt(); !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
	w.ok("Lift", fmt.Sprintf(`{"fault": %d}`, fault.Fault), nil) // though it is over
	w.ok("Inject", `{"kind": "internal", "resource": "`+key.KeyID+`"}`, &fault)
	w.ok("Inject", `{"kind": "latency", "operation": "Encrypt", "delay": 1}`, ignored())
	if err := encrypt(); !errors.Is(err, kmsapi.ErrUnavailable) {
		t.Errorf("internal: %v", err)
	}
	w.ok("Lift", fmt.Sprintf(`{"fault": %d}`, fault.Fault), nil)
	w.ok("Lift", fmt.Sprintf(`{"fault": %d}`, fault.Fault), nil)
	w.must(encrypt())
	w.ok("Inject", `{"Kind": "refusal", "Status": 418, "Code": "Teapot", "Answer": {"A": "1", "a": "2"}}`, ignored())
	var e *refkms.Error
	if err := encrypt(); !errors.As(err, &e) || e.Code != "Teapot" {
		t.Errorf("refusal: %v", err)
	}
	w.ok("Lift", ``, nil)
	w.must(encrypt())

	w.refuses("Inject", `{}`, refusal{400, "InvalidRequest", "refkms: fault FaultKind(0): there is no such kind"})
	w.refuses("Inject", `{"kind": "garbage"}`, refusal{400, "InvalidRequest", "has meaning over HTTP alone"})
	w.refuses("Inject", `{"kind": "internal", "operation": "Nothing"}`, refusal{400, "InvalidRequest", `there is no operation "Nothing"`})
	w.refuses("Lift", `{"fault": 99}`, refusal{400, "InvalidRequest", "fault 99 was never set"})
	w.refuses("Lift", `{"fault": -1}`, refusal{400, "InvalidRequest", "fault -1 was never set"})
	for range 1024 {
		w.ok("Inject", `{"kind": "internal"}`, &fault)
	}
	w.refuses("Inject", `{"kind": "internal"}`, refusal{409, "LimitExceeded", "1024 faults"})
	w.ok("Lift", fmt.Sprintf(`{"fault": %d}`, fault.Fault), nil)
	w.ok("Inject", `{"kind": "internal"}`, &fault)
	w.ok("Lift", ``, nil)
	w.must(encrypt())
}

// ignored takes an answer that nobody looks at.
func ignored() *map[string]any { return new(map[string]any) }

func TestEvents(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := newWorld(t, &refkms.Options{Now: func() time.Time { return base }, Quotas: &refkms.Quotas{None: true}})
	clients := []*refkms.Client{w.server.Client(nil), w.server.Client(&refkms.ClientOptions{Account: "42", Region: "cn-beijing"})}
	for range 2 {
		for _, c := range clients {
			_, err := c.CreateKey(t.Context(), nil)
			w.must(err)
		}
		w.must(clients[0].Do(context.Background(), "ListKeys", nil, nil))
		w.ok("Advance", `{"seconds": 60}`, ignored())
	}
	for _, tt := range []struct{ name, body, want string }{
		{"all", ``, "CreateKey ListKeys CreateKey ListKeys"},
		{"limit", `{"limit": 3}`, "ListKeys CreateKey ListKeys"},
		{"start", `{"start": "2026-01-02T03:05:05Z"}`, "CreateKey ListKeys"},
		{"end, in another zone", `{"end": "2026-01-02T11:04:05+08:00"}`, "CreateKey ListKeys"},
		{"attribute", `{"attributes": {"EventName": "ListKeys"}}`, "ListKeys ListKeys"},
		{"another world", `{"account": "42", "region": "cn-beijing"}`, "CreateKey CreateKey"},
		{"an empty world", `{"account": "42"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got struct{ Events []refkms.Event }
			w.ok("Events", tt.body, &got)
			var names []string
			for _, e := range got.Events {
				names = append(names, e.EventName)
			}
			if got.Events == nil || strings.Join(names, " ") != tt.want {
				t.Errorf("Events(%s) = %v, want %s", tt.body, names, tt.want)
			}
		})
	}
	for _, limit := range []string{"-1", "10001"} {
		w.refuses("Events", `{"limit": `+limit+`}`, refusal{400, "InvalidRequest", "limit " + limit + ", want 1 to 10000"})
	}
	w.refuses("Events", `{"attributes": {"Colour": "red"}}`, refusal{400, "InvalidQueryParameter", ""})
	w.refuses("Events", `{"account": "x"}`, refusal{400, "InvalidRequest", `account "x": want digits`})
	for range 1100 {
		w.must(clients[0].Do(context.Background(), "ListKeys", nil, nil))
	}
	var got struct{ Events []refkms.Event }
	if w.ok("Events", ``, &got); len(got.Events) != 1000 {
		t.Errorf("without a limit: %d records, want 1000", len(got.Events))
	}
}

func TestSnapshots(t *testing.T) {
	w := newWorld(t, nil)
	client := w.server.Client(nil)
	count := func() (n int) {
		var answer struct{ TotalCount int }
		w.must(client.Do(t.Context(), "ListKeys", nil, &answer))
		return answer.TotalCount
	}
	var before, between struct{ Snapshot int }
	w.ok("Snapshot", "", &before)
	_, err := client.CreateKey(t.Context(), nil)
	w.must(err)
	w.ok("Snapshot", "", &between)
	for _, tt := range []struct{ snapshot, want int }{{before.Snapshot, 0}, {between.Snapshot, 1}, {before.Snapshot, 0}} {
		if w.ok("Restore", fmt.Sprintf(`{"snapshot": %d}`, tt.snapshot), nil); count() != tt.want {
			t.Errorf("restored %d: %d keys, want %d", tt.snapshot, count(), tt.want)
		}
	}
	w.ok("DropSnapshot", fmt.Sprintf(`{"snapshot": %d}`, before.Snapshot), nil)
	for _, call := range []string{"Restore", "DropSnapshot"} {
		w.refuses(call, fmt.Sprintf(`{"snapshot": %d}`, before.Snapshot), refusal{400, "InvalidRequest", "there is no snapshot 1"})
		w.refuses(call, ``, refusal{400, "InvalidRequest", "there is no snapshot 0"})
	}
	for range 63 {
		w.ok("Snapshot", "", &before)
	}
	w.refuses("Snapshot", "", refusal{409, "LimitExceeded", "64 snapshots: drop some"})
	w.ok("DropSnapshot", fmt.Sprintf(`{"snapshot": %d}`, between.Snapshot), nil)
	w.ok("Snapshot", "", &before)
}

// A server whose file fails, here since it was closed, is told apart from a request that makes no sense.
func TestUnavailable(t *testing.T) {
	root, err := refkms.RootKeyBytes(make([]byte, refkms.RootKeySize))
	if err != nil {
		t.Fatal(err)
	}
	server, err := refkms.Open(filepath.Join(t.TempDir(), "kms"), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	face, err := control.New(server, token)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t, server, face}
	w.ok("CreateUser", `{"name": "alice"}`, nil)
	w.must(server.Close())
	w.ok("Snapshot", "", ignored())
	for call, body := range map[string]string{
		"Advance": `{"seconds": 1}`, "CreateUser": `{"name": "bob"}`, "Apply": `{"accounts": [{"id": "42"}]}`, "Restore": `{"snapshot": 1}`,
	} {
		w.refuses(call, body, refusal{503, "Unavailable", ""})
	}
	w.refuses("Advance", `{"seconds": 0}`, refusal{400, "InvalidRequest", ""})
}
