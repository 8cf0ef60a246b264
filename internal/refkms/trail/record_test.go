package trail_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// asJSON returns what a value is in JSON.
func asJSON(t *testing.T, v any) (m map[string]any) {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(doc, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func parse(t *testing.T, doc string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(doc), &m); err != nil {
		t.Fatalf("%v in %s", err, doc)
	}
	return m
}

func TestRecordOfSuccess(t *testing.T) {
	w := newWorld(t, 0, nil)
	key := w.key("Description", `say "hi"`)
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", key)
	answer := w.ok("Encrypt", "KeyId", "alias/a", "Plaintext", "secret text", "EncryptionContext", `{"a":"张"}`, "RegionId", region, "Typo", "secret text")
	e := w.last()
	if e.EventID == "" {
		t.Error("the event has no id")
	}
	e.EventID = "id"
	want := `{"eventId":"id","eventVersion":1,"eventCategory":"Management","eventType":"ApiCall","eventTime":"2026-01-02T03:04:05Z",
		"eventName":"Encrypt","eventRW":"Read","eventSource":"kms.cn-hangzhou.aliyuncs.com","serviceName":"Kms","apiVersion":"2016-01-20",
		"acsRegion":"cn-hangzhou","isGlobal":false,"recipientAccountId":"` + account + `","requestId":"request-of-Encrypt",
		"sourceIpAddress":"203.0.113.7","userAgent":"test/1",
		"userIdentity":{"type":"root-account","accountId":"` + account + `","principalId":"` + account + `","userName":"root","accessKeyId":"LTAIroot"},
		"requestParameters":{"KeyId":"alias/a","Plaintext":"***","EncryptionContext":"{\"a\":\"张\"}","RegionId":"cn-hangzhou"},
		"requestParameterJson":"{\"KeyId\":\"alias/a\",\"Plaintext\":\"***\",\"EncryptionContext\":\"{\\\"a\\\":\\\"张\\\"}\",\"RegionId\":\"cn-hangzhou\"}",
		"responseElements":{"KeyId":"` + key + `","KeyVersionId":"` + answer["KeyVersionId"].(string) + `","RequestId":"request-of-Encrypt"},
		"resourceType":"ACS::KMS::Key","resourceName":"` + key + `","referencedResources":{"ACS::KMS::Key":["` + key + `"]},"additionalEventData":{}}`
	if got, want := asJSON(t, e), parse(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("the event is\n%v\nwant\n%v", got, want)
	}
	w.ok("DeleteAlias", "AliasName", "alias/a")
	if e := w.last(); e.ResourceType != "ACS::KMS::Alias;ACS::KMS::Key" || e.ResourceName != "alias/a;"+key ||
		!reflect.DeepEqual(e.ReferencedResources, map[string][]string{"ACS::KMS::Alias": {"alias/a"}, "ACS::KMS::Key": {key}}) || e.EventRW != "Write" {
		t.Errorf("the event of DeleteAlias is %+v", e)
	}
	w.ok("ListKeys")
	if e := w.last(); e.ResourceType != "" || e.ReferencedResources != nil || string(e.RequestParameters) != "{}" {
		t.Errorf("the event of ListKeys is %+v", e)
	}
}

// A call that is made with types is recorded as one that is made with texts.
func TestRecordOfTypedCall(t *testing.T) {
	w := newWorld(t, 0, nil)
	for _, tt := range []struct {
		action string
		typed  any
		texts  []string
	}{
		{"CreateKey", &keys.CreateKeyRequest{Description: "d", EnableAutomaticRotation: true, RotationInterval: 604800, Tags: keys.Tags{"b": "2", "a": "1"},
			KeySpec: "Aliyun_AES_256", KeyUsage: "ENCRYPT/DECRYPT", Origin: "Aliyun_KMS", ProtectionLevel: "SOFTWARE"},
			[]string{"Description", "d", "EnableAutomaticRotation", "true", "RotationInterval", "604800s", "Tags", `[{"TagKey":"a","TagValue":"1"},{"TagKey":"b","TagValue":"2"}]`,
				"KeySpec", "Aliyun_AES_256", "KeyUsage", "ENCRYPT/DECRYPT", "Origin", "Aliyun_KMS", "ProtectionLevel", "SOFTWARE"}},
		{"Encrypt", &keys.EncryptRequest{KeyID: "k", Plaintext: call.Text("secret"), EncryptionContext: map[string]string{"a": "b"}},
			[]string{"KeyId", "k", "Plaintext", "secret", "EncryptionContext", `{"a":"b"}`}},
		{"ListKeys", &keys.ListKeysRequest{PageNumber: 2, PageSize: 3, Filters: keys.Filters{"KeySpec": {"x"}, "KeyState": nil}},
			[]string{"PageNumber", "2", "PageSize", "3", "Filters", `[{"Key":"KeySpec","Values":["x"]},{"Key":"KeyState","Values":null}]`}},
		{"UpdateRotationPolicy", &keys.UpdateRotationPolicyRequest{KeyID: "k"}, []string{"KeyId", "k", "EnableAutomaticRotation", "false"}},
		{"UpdateKeyDescription", &keys.UpdateKeyDescriptionRequest{KeyID: "k", Description: new(string)}, []string{"KeyId", "k", "Description", ""}},
		{"CreateAlias", &keys.CreateAliasRequest{AliasName: "alias/a", KeyID: "k"}, []string{"AliasName", "alias/a", "KeyId", "k"}},
		{"Decrypt", new(keys.DecryptRequest), nil},
	} {
		w.call(tt.action, tt.texts...)
		want := w.last()
		r := w.request(tt.action, nil)
		r.Texts, r.Typed = nil, tt.typed
		w.server.Call(t.Context(), r)
		got := w.last()
		if string(got.RequestParameters) != string(want.RequestParameters) || got.ErrorCode != want.ErrorCode {
			t.Errorf("%s: typed %s (%s), want %s (%s)", tt.action, got.RequestParameters, got.ErrorCode, want.RequestParameters, want.ErrorCode)
		}
	}
}

func TestRecordOfRefusal(t *testing.T) {
	w := newWorld(t, 0, nil)
	key := w.key()
	u := w.as(alice)
	u.refused(call.ErrNoPermission, "Encrypt", "KeyId", key, "Plaintext", "secret text")
	e := w.last()
	if e.ErrorCode != "Forbidden.NoPermission" || !strings.Contains(e.ErrorMessage, "key/"+key) || e.ResponseElements != nil ||
		e.ResourceName != key || e.UserIdentity != (trail.UserIdentity{Type: "ram-user", AccountID: account, PrincipalID: "2000", UserName: "alice", AccessKeyID: "LTAIalice"}) {
		t.Errorf("the event of a denied call is %+v", e)
	}
	w.refused(call.ErrMissingParameter, "Encrypt", "Plaintext", "secret text")
	if e := w.last(); e.ErrorCode != "MissingParameter" || string(e.RequestParameters) != `{"Plaintext":"***"}` || e.ResourceType != "" {
		t.Errorf("the event of an incomplete call is %+v", e)
	}
	w.refused(call.ErrInvalidParameter, "Encrypt", "KeyId", key, "Plaintext", strings.Repeat("secret", 2000))
	if e := w.last(); e.ErrorCode != "InvalidParameter" || strings.Contains(string(e.RequestParameters), "secret") {
		t.Errorf("the event of a call that is not valid is %+v", e)
	}
	w.refused(call.ErrAliasExists, "CreateAlias", "AliasName", w.alias(key), "KeyId", key)
	if e := w.last(); e.ErrorCode != "AliasAlreadyExists" || e.ResourceType != "ACS::KMS::Alias;ACS::KMS::Key" {
		t.Errorf("the event of a call that is in conflict is %+v", e)
	}
}

func (w *world) alias(key string) string {
	w.t.Helper()
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", key)
	return "alias/a"
}

func TestCallers(t *testing.T) {
	w := newWorld(t, 0, nil)
	session := call.Principal{Kind: call.Role, Account: account, Name: "app", ID: "3000", AccessKeyID: "STS.x",
		Session: &call.Session{Name: "alice", Issued: state.At(start.Add(-time.Hour))}}
	for _, tt := range []struct {
		who  call.Principal
		kind string // of event
		want string
	}{
		{session, "ApiCall", `{"type":"assumed-role","accountId":"` + account + `","principalId":"3000:alice","userName":"app:alice","accessKeyId":"STS.x",
			"sessionContext":{"attributes":{"mfaAuthenticated":"false","creationDate":"2026-01-02T02:04:05Z"}}}`},
		{call.Principal{Kind: call.Service, Account: account, Name: "OSS"}, "AliyunServiceEvent", `{"type":"system","userName":"oss.aliyuncs.com"}`},
		{call.Principal{Kind: call.Root, Account: account}, "ApiCall", `{"type":"root-account","accountId":"` + account + `","principalId":"` + account + `","userName":"root"}`},
	} {
		w.as(tt.who).call("ListKeys")
		e := w.last()
		if got, want := asJSON(t, e.UserIdentity), parse(t, tt.want); !reflect.DeepEqual(got, want) || e.EventType != tt.kind {
			t.Errorf("%v: the identity is %v of %s, want %v of %s", tt.who, got, e.EventType, want, tt.kind)
		}
	}
}

// What the service does by itself is recorded as its own doing, dated when it was due.
func TestSystemEvents(t *testing.T) {
	w := newWorld(t, 0, nil)
	key := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.advance(8 * day)
	e := w.last()
	e.EventID = "id"
	want := `{"eventId":"id","eventVersion":1,"eventCategory":"Management","eventType":"AliyunServiceEvent","eventTime":"2026-01-09T03:04:05Z",
		"eventName":"RotateKey","eventRW":"Write","eventSource":"kms.cn-hangzhou.aliyuncs.com","serviceName":"Kms","apiVersion":"2016-01-20",
		"acsRegion":"cn-hangzhou","isGlobal":false,"recipientAccountId":"` + account + `","userIdentity":{"type":"system","userName":"kms.aliyuncs.com"},
		"resourceType":"ACS::KMS::Key","resourceName":"` + key + `","referencedResources":{"ACS::KMS::Key":["` + key + `"]},"additionalEventData":{}}`
	if got, want := asJSON(t, e), parse(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("the event is\n%v\nwant\n%v", got, want)
	}
	w.ok("ScheduleKeyDeletion", "KeyId", key, "PendingWindowInDays", "7")
	w.advance(30 * day)
	if e := w.last(); e.EventName != "DeleteKey" || e.EventTime != "2026-01-17T03:04:05Z" || e.ResourceName != key {
		t.Errorf("the event of a destroyed key is %+v", e)
	}
}

// Calls of other products leave no record, nor do calls of an operation that says so, nor who gave up.
func TestUnrecorded(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.ok("GetCallerIdentity")
	w.ok("LookupEvents")
	w.refused(call.ErrActionNotFound, "MakeCoffee")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.server.Call(ctx, w.request("ListKeys", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("ListKeys = %v", err)
	}
	if n := w.log.Len(); n != 0 {
		t.Errorf("there are %d records", n)
	}
}

type text struct {
	Text string `param:"Text"`
}

type answer struct {
	Text string
	call.Answer
}

// table is one of its own, for calls inside calls.
type table map[string]*call.Operation

func (t table) Lookup(name string) *call.Operation { return t[name] }
func (t table) Due(state.DueKind) call.DueFunc     { return nil }

// A call inside a call has a record before that of the outer one, with the same request and caller and an id of its own;
// the outer one names what both are about.
func TestInnerCalls(t *testing.T) {
	touch := func(kind call.Kind, id string) func(c *call.Call, r *text) error {
		return func(c *call.Call, r *text) error { c.Touch(call.Resource{Kind: kind, ID: id}); return nil }
	}
	inner := call.Define("Decrypt", func(c *call.Call, r *text) (*answer, error) {
		if r.Text == "fail" {
			return nil, call.ErrDisabled
		}
		return new(answer), nil
	}, call.Row[text]{Find: touch(call.KeyKind, "k"), Event: call.Read})
	outer := call.Define("GetSecretValue", func(c *call.Call, r *text) (*answer, error) {
		return call.Inner[*answer](c, "Decrypt", r)
	}, call.Row[text]{Find: touch(call.AliasKind, "secret"), Event: call.Read})
	log := trail.NewMemory(0)
	s := server.New(state.NewMemory(), clock.New(func() time.Time { return start }), table{"Decrypt": inner, "GetSecretValue": outer},
		server.Hooks{Trail: trail.New(log, nil)})
	for _, tt := range []struct{ text, code string }{{"x", ""}, {"fail", "Rejected.Disabled"}} {
		s.Call(t.Context(), &server.Request{Action: "GetSecretValue", RequestID: tt.text, Scope: scope, Principal: root, Texts: map[string]string{"Text": tt.text}})
		var events []trail.Event
		log.Ascend(scope, trail.Place{}, func(r *trail.Record) bool {
			if r.RequestID == tt.text {
				events = append(events, r.Event())
			}
			return true
		})
		if len(events) != 2 || events[0].EventName != "Decrypt" || events[1].EventName != "GetSecretValue" {
			t.Fatalf("%s: the events are %+v", tt.text, events)
		}
		in, out := events[0], events[1]
		if in.EventID == out.EventID || in.AdditionalEventData["invokedBy"] != "secretsmanager" || len(out.AdditionalEventData) != 0 ||
			in.UserIdentity != out.UserIdentity || in.ResourceName != "k" || in.ErrorCode != tt.code || out.ErrorCode != tt.code {
			t.Errorf("%s: the events are %+v and %+v", tt.text, in, out)
		}
		if want := map[string][]string{"ACS::KMS::Alias": {"secret"}, "ACS::KMS::Key": {"k"}}; out.ResourceName != "secret" || !reflect.DeepEqual(out.ReferencedResources, want) {
			t.Errorf("%s: the outer event names %s and %v, want secret and %v", tt.text, out.ResourceName, out.ReferencedResources, want)
		}
	}
}

// A failure of the store is recorded as it is answered.
func TestRecordOfFailure(t *testing.T) {
	store := state.NewMemory()
	log := trail.NewMemory(0)
	op := call.Define("Op", func(*call.Call, *text) (*answer, error) { return new(answer), nil }, call.Row[text]{Event: call.Write})
	s := server.New(store, clock.New(func() time.Time { return start }), table{"Op": op}, server.Hooks{Trail: trail.New(log, nil)})
	store.Close()
	s.Call(t.Context(), &server.Request{Action: "Op", Scope: scope, Principal: root, Texts: map[string]string{}})
	log.Ascend(scope, trail.Place{}, func(r *trail.Record) bool {
		if r.Code != "InternalFailure" || r.Answer != nil {
			t.Errorf("the record is %+v", r)
		}
		return true
	})
	if log.Len() != 1 {
		t.Errorf("there are %d records, want 1", log.Len())
	}
}

func TestHook(t *testing.T) {
	var told []string
	w := newWorld(t, 0, func(r *trail.Record) { told = append(told, r.Name) })
	w.key()
	w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", "none")
	if got := strings.Join(told, " "); got != "CreateKey DescribeKey" {
		t.Errorf("the hook is told of %s", got)
	}
}
