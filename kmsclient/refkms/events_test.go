package refkms_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func names(events []refkms.Event) string {
	var names []string
	for _, e := range events {
		names = append(names, e.EventName)
	}
	return strings.Join(names, " ")
}

func TestEvents(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, c := client(t, &refkms.Options{Now: func() time.Time { return now }})
	key := newKey(t, c)
	alice := newUser(t, s, "alice", encryptOnly(key))
	s.Advance(time.Minute)
	must(t, encrypt(t, alice, key))
	s.Advance(time.Minute)
	if _, err := alice.CreateKey(t.Context(), nil); !errors.Is(err, kmsapi.ErrAccessDenied) {
		t.Fatalf("CreateKey = %v", err)
	}
	newKey(t, s.Client(&refkms.ClientOptions{Region: "cn-beijing"}))
	newKey(t, s.Client(&refkms.ClientOptions{Account: "42"}))
	for _, tt := range []struct {
		name string
		q    *refkms.Query
		want string
	}{
		{"nil", nil, "CreateKey Encrypt CreateKey"},
		{"all", &refkms.Query{}, "CreateKey Encrypt CreateKey"},
		{"limit", &refkms.Query{Limit: 2}, "Encrypt CreateKey"},
		{"start", &refkms.Query{Start: now.Add(time.Minute)}, "Encrypt CreateKey"},
		{"end", &refkms.Query{End: now.Add(time.Minute)}, "CreateKey Encrypt"},
		{"user", &refkms.Query{Attributes: map[string]string{"User": "alice"}}, "Encrypt CreateKey"},
		{"user and name", &refkms.Query{Attributes: map[string]string{"User": "alice", "EventName": "CreateKey"}}, "CreateKey"},
		{"region", &refkms.Query{Region: "cn-beijing"}, "CreateKey"},
		{"account", &refkms.Query{Account: "42"}, "CreateKey"},
		{"nowhere", &refkms.Query{Account: "43"}, ""},
	} {
		events, err := s.Events(tt.q)
		if err != nil || names(events) != tt.want {
			t.Errorf("%s: Events = %s, %v, want %s", tt.name, names(events), err, tt.want)
		}
	}
	events, err := s.Events(nil)
	must(t, err)
	denied := events[2]
	if denied.ErrorCode != "Forbidden.NoPermission" || denied.UserIdentity.Type != "ram-user" || denied.UserIdentity.UserName != "alice" || denied.ResponseElements != nil {
		t.Errorf("the record of a denied call is %+v", denied)
	}
	if e := events[1]; string(e.RequestParameters) != `{"KeyId":"`+key+`","Plaintext":"***"}` || e.ResourceName != key || e.EventTime != "2026-01-02T03:05:05Z" {
		t.Errorf("the record of a call is %+v", e)
	}
	for _, q := range []*refkms.Query{{Region: "no/where"}, {Account: "me"}, {Attributes: map[string]string{"Color": "red"}}} {
		if events, err := s.Events(q); err == nil || events != nil || !strings.HasPrefix(err.Error(), "refkms: ") {
			t.Errorf("Events(%+v) = %v, %v", q, events, err)
		}
	}
}

// In process and as ActionTrail tells it, an event is the same.
func TestEventsAgreeWithLookupEvents(t *testing.T) {
	s, c := client(t, nil)
	key := newKey(t, c)
	must(t, s.RAM("").CreateRole("app", trustRoot, 0), s.RAM("").PutPolicy("full", fullAccess), s.RAM("").AttachPolicyToRole("full", "app"))
	must(t, encrypt(t, assume(t, s, newUser(t, s, "alice", fullAccess), ""), key))
	must(t, c.UpdateRotationPolicy(t.Context(), key, 7*24*time.Hour))
	s.Advance(8 * 24 * time.Hour)
	events, err := s.Events(nil)
	must(t, err)
	var page struct{ Events []json.RawMessage }
	must(t, c.Do(t.Context(), "LookupEvents", map[string]string{"Direction": "FORWARD", "StartTime": "0", "EndTime": "253402300799"}, &page))
	if len(events) != 4 || len(page.Events) != len(events) {
		t.Fatalf("there are %d events and %d looked up: %s", len(events), len(page.Events), names(events))
	}
	for i, e := range events {
		doc, err := json.Marshal(e)
		must(t, err)
		if string(doc) != string(page.Events[i]) {
			t.Errorf("event %d is\n%s\nlooked up\n%s", i, doc, page.Events[i])
		}
	}
	if e := events[1].UserIdentity; e.SessionContext == nil || e.SessionContext.Attributes.CreationDate == "" || e.Type != "assumed-role" {
		t.Errorf("the session is %+v", e)
	}
}

func TestMaxEvents(t *testing.T) {
	s, c := client(t, &refkms.Options{MaxEvents: 3})
	key := newKey(t, c)
	for range 5 {
		must(t, encrypt(t, c, key))
	}
	settle(t, s)
	if events, err := s.Events(nil); err != nil || names(events) != "Encrypt Encrypt Encrypt" {
		t.Errorf("Events = %s, %v", names(events), err)
	}
	if _, err := newServer(&refkms.Options{MaxEvents: -1}); err == nil {
		t.Error("New takes a negative number of events")
	}
}

// Audit is told of each record before the caller has the answer.
func TestAudit(t *testing.T) {
	var mu sync.Mutex
	var told []string
	take := func() string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { told = nil }()
		return strings.Join(told, " ")
	}
	s, c := client(t, &refkms.Options{Audit: func(e refkms.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.EventName+e.ErrorCode)
	}})
	key := newKey(t, c)
	if got := take(); got != "CreateKey" {
		t.Errorf("Audit is told of %s", got)
	}
	encrypt(t, c, "none")
	if got := take(); got != "EncryptForbidden.KeyNotFound" {
		t.Errorf("Audit is told of %s", got)
	}
	must(t, c.ScheduleKeyDeletion(t.Context(), key, 7))
	s.Advance(7 * 24 * time.Hour)
	if got := take(); got != "ScheduleKeyDeletion DeleteKey" {
		t.Errorf("Audit is told of %s", got)
	}
	lift := s.Inject(refkms.Fault{Kind: refkms.FaultThrottled})
	encrypt(t, c, key)
	lift()
	if got := take(); got != "EncryptRejected.Throttling" {
		t.Errorf("Audit is told of %s", got)
	}
}

// No secret of any kind reaches a record: everything that was given or answered in confidence, by any face, in calls that
// succeed and calls that are refused, is looked for in all records, as it is and as it could be encoded.
func TestNoSecretReachesARecord(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	s, c := client(t, &refkms.Options{Audit: func(e refkms.Event) {
		mu.Lock()
		defer mu.Unlock()
		if err := json.NewEncoder(&log).Encode(e); err != nil {
			t.Error(err)
		}
	}})
	ctx := t.Context()
	var secrets []string
	secret := func(text string) string {
		if len(text) < 8 {
			t.Fatalf("%q is too short to be looked for", text)
		}
		secrets = append(secrets, text)
		return text
	}
	do := func(c *refkms.Client, action string, params map[string]string) map[string]any {
		var answer map[string]any
		c.Do(ctx, action, params, &answer)
		return answer
	}
	text := func(answer map[string]any, name string) string { s, _ := answer[name].(string); return s }

	// The account, a user and a session, with their secrets.
	_, rootSecret := s.AccessKey()
	secret(rootSecret)
	must(t, s.RAM("").CreateRole("app", trustRoot, 0), s.RAM("").PutPolicy("full", fullAccess), s.RAM("").AttachPolicyToRole("full", "app"))
	alice := newUser(t, s, "alice", fullAccess)
	nobody := newUser(t, s, "nobody")
	session := do(alice, "AssumeRole", map[string]string{"RoleArn": roleARN, "RoleSessionName": "test"})["Credentials"].(map[string]any)
	secret(text(session, "AccessKeySecret"))
	role := s.Client(&refkms.ClientOptions{AccessKeyID: text(session, "AccessKeyId"), SecurityToken: secret(text(session, "SecurityToken"))})

	key := newKey(t, c)
	for i, c := range []*refkms.Client{c, alice, nobody, role} {
		n := fmt.Sprint(i)
		plain := secret("the plaintext number " + n)
		_, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext(plain)})
		if (err == nil) == (c == nobody) {
			t.Fatalf("Encrypt by %d = %v", i, err)
		}
		blob := text(do(c, "Encrypt", map[string]string{"KeyId": key, "Plaintext": plain}), "CiphertextBlob")
		do(c, "Decrypt", map[string]string{"CiphertextBlob": blob})
		do(c, "Decrypt", map[string]string{"CiphertextBlob": blob, "EncryptionContext": `{"wrong":"context"}`})
		do(c, "ReEncrypt", map[string]string{"CiphertextBlob": blob, "DestinationKeyId": key})
		dataKey := text(do(c, "GenerateDataKey", map[string]string{"KeyId": key, "NumberOfBytes": "64"}), "Plaintext")
		if c != nobody {
			raw, err := base64.StdEncoding.DecodeString(secret(dataKey))
			must(t, err)
			secret(string(raw))
			secret(hex.EncodeToString(raw))
		}
		// Refused for their parameters, with secrets in the right place and under a wrong name.
		do(c, "Encrypt", map[string]string{"KeyId": key, "Plaintext": secret(strings.Repeat("too long "+n, 1000))})
		do(c, "Encrypt", map[string]string{"Plaintext": plain})
		do(c, "Encrypt", map[string]string{"KeyId": key, "plaintext": plain, "Plaintext.1": plain, "AccessKeySecret": rootSecret, "SecurityToken": text(session, "SecurityToken")})
		do(c, "Decrypt", map[string]string{"CiphertextBlob": "x", "Plaintext": plain})

		// Secrets, their values and passwords.
		value := secret("the secret value number " + n)
		do(c, "CreateSecret", map[string]string{"SecretName": "s" + n, "VersionId": "v1", "SecretData": value, "EncryptionKeyId": key})
		do(c, "PutSecretValue", map[string]string{"SecretName": "s" + n, "VersionId": "v2", "SecretData": secret("another value number " + n)})
		do(c, "PutSecretValue", map[string]string{"SecretName": "s" + n, "VersionId": "v2", "SecretData": value})
		do(c, "GetSecretValue", map[string]string{"SecretName": "s" + n})
		if password := text(do(c, "GetRandomPassword", nil), "RandomPassword"); password != "" {
			secret(password)
		}
		// Key material.
		do(c, "ImportKeyMaterial", map[string]string{"KeyId": key, "EncryptedKeyMaterial": secret("the key material number " + n), "ImportToken": secret("an import token, number " + n), "KeyMaterialExpireUnix": "0"})
		do(c, "AsymmetricDecrypt", map[string]string{"KeyId": key, "CiphertextBlob": "eA==", "Plaintext": plain})
	}
	external := do(c, "CreateKey", map[string]string{"Origin": "EXTERNAL"})["KeyMetadata"].(map[string]any)
	secret(text(do(c, "GetParametersForImport", map[string]string{"KeyId": text(external, "KeyId"), "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
		"WrappingKeySpec": "RSA_2048"}), "ImportToken"))

	// Over HTTP everything is in the query, the signature too.
	id, _ := s.AccessKey()
	wire := sdk(t, s, id, rootSecret)
	request := kms.CreateEncryptRequest()
	request.KeyId, request.Plaintext = key, secret("a plaintext over the wire")
	if _, err := wire.Encrypt(request); err != nil {
		t.Fatal(err)
	}
	secret(request.GetQueryParams()["Signature"])

	events, err := s.Events(nil)
	must(t, err)
	records, err := json.Marshal(events)
	must(t, err)
	for _, name := range []string{"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "CreateSecret", "PutSecretValue", "GetSecretValue",
		"GetRandomPassword", "ImportKeyMaterial", "AsymmetricDecrypt"} {
		if n := strings.Count(names(events), name); n < 4 {
			t.Errorf("there are %d events of %s: the test does not see them", n, name)
		}
	}
	for _, where := range []string{string(records), log.String()} {
		for _, s := range secrets {
			quoted, err := json.Marshal(s)
			must(t, err)
			for _, form := range []string{s, string(quoted[1 : len(quoted)-1]), base64.StdEncoding.EncodeToString([]byte(s)), fmt.Sprint([]byte(s))} {
				if i := strings.Index(where, form); i >= 0 {
					t.Errorf("a record holds %.40q: …%.300s", s, where[max(0, i-200):])
				}
			}
		}
		if !strings.Contains(where, "***") || !strings.Contains(where, key) {
			t.Error("the records hold nothing at all")
		}
	}
}

// Records can go to a log as they are written: here the parts of them that are the same in every run.
func ExampleOptions_audit() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	server, err := newServer(&refkms.Options{Audit: func(e refkms.Event) {
		level := slog.LevelInfo
		if e.ErrorCode != "" {
			level = slog.LevelWarn
		}
		logger.Log(context.Background(), level, e.EventName, "rw", e.EventRW, "user", e.UserIdentity.UserName, "error", e.ErrorCode)
	}})
	if err != nil {
		panic(err)
	}
	client := server.Client(nil)
	client.CreateKey(context.Background(), nil)
	client.DescribeKey(context.Background(), &kmsapi.DescribeKeyRequest{KeyID: "alias/none"})
	// Output:
	// level=INFO msg=CreateKey rw=Write user=root error=""
	// level=WARN msg=DescribeKey rw=Read user=root error=Forbidden.AliasNotFound
}

// A hook that panics, which a server over HTTP survives, leaves nothing of its record to the calls after it.
func TestAuditPanics(t *testing.T) {
	for range 10 { // what a call leaves to the next goes through a pool, and may be lost there
		var last refkms.Event
		panics := true
		server, err := refkms.New(&refkms.Options{Audit: func(e refkms.Event) {
			if last = e; panics {
				panics = false
				panic("hook")
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		a, b := server.Client(nil), server.Client(&refkms.ClientOptions{Account: "4242424242424242"})
		func() {
			defer func() {
				if r := recover(); r != "hook" {
					t.Errorf("recovered %v, want the hook's", r)
				}
			}()
			a.Do(t.Context(), "CreateKey", map[string]string{"Description": "of another account"}, nil)
		}()
		if err := b.Do(t.Context(), "DescribeKey", map[string]string{"KeyId": "none"}, nil); !errors.Is(err, kmsapi.ErrKeyNotFound) {
			t.Errorf("DescribeKey = %v, want ErrKeyNotFound", err)
		}
		if last.EventName != "DescribeKey" || len(last.ResponseElements) > 0 {
			t.Errorf("a refused %s is told with %s", last.EventName, last.ResponseElements)
		}
	}
}

// What goes wrong on purpose with a key does not have the trail show parameters that nobody sent.
func TestFaultAddsNoParameters(t *testing.T) {
	s, c := client(t, nil)
	key := newKey(t, c)
	parameters := func() string {
		if _, err := c.GenerateDataKey(t.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: key}); err != nil {
			t.Fatal(err)
		}
		events, err := s.Events(nil)
		if err != nil {
			t.Fatal(err)
		}
		last := events[len(events)-1]
		if last.EventName != "GenerateDataKey" {
			t.Fatalf("the last event is %s", last.EventName)
		}
		return string(last.RequestParameters)
	}
	want := parameters()
	lift := s.Inject(refkms.Fault{Kind: refkms.FaultLatency, Resource: key, Delay: time.Nanosecond})
	defer lift()
	if got := parameters(); got != want {
		t.Errorf("with a fault the parameters are %s, want %s", got, want)
	}
}
