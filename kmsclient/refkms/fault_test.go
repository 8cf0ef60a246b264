package refkms_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Each kind of fault that a typed client can meet comes as the error that its code stands for.
func TestFaults(t *testing.T) {
	s, c := client(t, nil)
	key := newKey(t, c)
	for _, tt := range []struct {
		fault refkms.Fault
		code  string
		cause error
	}{
		{refkms.Fault{Kind: refkms.FaultThrottled}, "Rejected.Throttling", kmsapi.ErrThrottled},
		{refkms.Fault{Kind: refkms.FaultGatewayThrottled}, "Throttling", kmsapi.ErrThrottled},
		{refkms.Fault{Kind: refkms.FaultUserThrottled, Delay: time.Second}, "Throttling.User", kmsapi.ErrThrottled},
		{refkms.Fault{Kind: refkms.FaultInternal}, "InternalFailure", kmsapi.ErrUnavailable},
		{refkms.Fault{Kind: refkms.FaultUnavailable}, "ServiceUnavailableTemporary", kmsapi.ErrUnavailable},
		{refkms.Fault{Kind: refkms.FaultRefusal, Status: 409, Code: "Rejected.Disabled", Message: "m"}, "Rejected.Disabled", kmsapi.ErrDisabled},
		{refkms.Fault{Kind: refkms.FaultRefusal, Status: 418, Code: "Teapot"}, "Teapot", nil},
		{refkms.Fault{Kind: refkms.FaultLostBefore}, "", kmsapi.ErrUnavailable},
		{refkms.Fault{Kind: refkms.FaultLostAfter}, "", kmsapi.ErrUnavailable},
	} {
		t.Run(tt.fault.Kind.String()+tt.fault.Code, func(t *testing.T) {
			lift := s.Inject(tt.fault)
			err := encrypt(t, c, key)
			if tt.cause != nil && !errors.Is(err, tt.cause) || err == nil || tt.code != "" && codeOf(err) != tt.code {
				t.Errorf("Encrypt = %v, want %s", err, tt.code)
			}
			lift()
			lift()
			must(t, encrypt(t, c, key))
		})
	}
}

// A connection that is lost before a call leaves no trace; one that is lost after it leaves effect and record.
func TestLostConnection(t *testing.T) {
	for kind, want := range map[refkms.FaultKind]struct {
		state  string
		events int
	}{
		refkms.FaultLostBefore: {"Enabled", 0}, refkms.FaultLostAfter: {"Disabled", 1},
	} {
		s, c := client(t, nil)
		key := newKey(t, c)
		lift := s.Inject(refkms.Fault{Kind: kind, Operation: "DisableKey", Resource: key, Times: 1})
		if err := c.DisableKey(t.Context(), key); !errors.Is(err, kmsapi.ErrUnavailable) {
			t.Errorf("%s: DisableKey = %v, want ErrUnavailable", kind, err)
		}
		lift()
		d, err := c.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: key})
		must(t, err)
		events, err := s.Events(&refkms.Query{Attributes: map[string]string{"EventName": "DisableKey"}})
		if err != nil || d.KeyState != want.state || len(events) != want.events {
			t.Errorf("%s: the key is %s and there are %d events, want %s and %d", kind, d.KeyState, len(events), want.state, want.events)
		}
	}
}

func TestWrongAnswer(t *testing.T) {
	s, c := client(t, nil)
	key := newKey(t, c)
	answer := map[string]string{"KeyId": "another", "Plaintext": "*", "CiphertextBlob": ""}
	s.Inject(refkms.Fault{Kind: refkms.FaultWrongAnswer, Operation: "GenerateDataKey", Times: 1, Answer: answer})
	answer["KeyId"] = "changed later"
	got, err := c.GenerateDataKey(t.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: key})
	must(t, err)
	if got.KeyID != "another" || string(got.Plaintext.Bytes()) != "*" || got.CiphertextBlob != "" || got.KeyVersionID == "" {
		t.Errorf("GenerateDataKey = %+v", got)
	}
	got, err = c.GenerateDataKey(t.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: key})
	if err != nil || got.KeyID != key {
		t.Errorf("the next GenerateDataKey = %+v, %v", got, err)
	}
}

// Latency is time of the program: it meets its deadlines, and does not move the server's clock.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := client(t, nil)
		key := newKey(t, c)
		defer s.Inject(refkms.Fault{Kind: refkms.FaultLatency, Operation: "Encrypt", Delay: 3 * time.Second})()
		began := time.Now()
		must(t, encrypt(t, c, key))
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("Encrypt took %v, want 3s", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("x")})
		if d := time.Since(began); d != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Encrypt took %v and ended with %v, want 1s and DeadlineExceeded", d, err)
		}
		began = time.Now()
		s.Advance(time.Hour)
		if d := time.Since(began); d != 0 {
			t.Errorf("Advance took %v", d)
		}
	})
}

// A fault can be for one operation, one resource, one face, some calls.
func TestFaultScope(t *testing.T) {
	s, c := client(t, nil)
	key, other := newKey(t, c), newKey(t, c)
	must(t, c.CreateAlias(t.Context(), "alias/a", key))
	fails := func(f refkms.Fault, keys ...string) (pattern string) {
		defer s.Inject(f)()
		for _, k := range keys {
			if encrypt(t, c, k) != nil {
				pattern += "x"
			} else {
				pattern += "."
			}
		}
		return pattern
	}
	for _, tt := range []struct {
		fault refkms.Fault
		want  string
	}{
		{refkms.Fault{}, "xxxx"},
		{refkms.Fault{Operation: "Encrypt"}, "xxxx"},
		{refkms.Fault{Operation: "Decrypt"}, "...."},
		{refkms.Fault{Resource: key}, "xx.."},
		{refkms.Fault{Resource: key, Operation: "Encrypt", Times: 1}, "x..."},
		{refkms.Fault{Resource: other}, "..xx"},
		{refkms.Fault{Times: 3}, "xxx."},
		{refkms.Fault{Face: refkms.InProcess}, "xxxx"},
		{refkms.Fault{Face: refkms.HTTP}, "...."},
	} {
		tt.fault.Kind = refkms.FaultThrottled
		if got := fails(tt.fault, key, "alias/a", other, other); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.fault, got, tt.want)
		}
	}
	half := refkms.Fault{Kind: refkms.FaultThrottled, Probability: 0.5, Seed: 1}
	many := strings.Fields(strings.Repeat(key+" ", 64))
	first := fails(half, many...)
	if again := fails(half, many...); again != first || !strings.Contains(first, "x") || !strings.Contains(first, ".") {
		t.Errorf("with a probability of a half the calls are %s, and then %s", first, again)
	}
	half.Seed = 2
	if fails(half, many...) == first {
		t.Error("another seed has the same calls fail")
	}
}

// Faults for one face leave the calls by the other alone: typed and by Do, through the transport and over a socket.
func TestFaultFaces(t *testing.T) {
	s, c := client(t, nil)
	key := newKey(t, c)
	id, secret := s.AccessKey()
	listener := httptest.NewServer(s.Handler())
	defer listener.Close()
	list := func(configure func(*kms.Client)) error {
		k := sdk(t, s, id, secret)
		configure(k)
		_, err := k.ListKeys(kms.CreateListKeysRequest())
		return err
	}
	faces := []struct {
		name string
		face refkms.Face
		call func() error
	}{
		{"typed", refkms.InProcess, func() error { return encrypt(t, c, key) }},
		{"Do", refkms.InProcess, func() error { return c.Do(t.Context(), "ListKeys", nil, nil) }},
		{"transport", refkms.HTTP, func() error { return list(func(*kms.Client) {}) }},
		{"socket", refkms.HTTP, func() error {
			return list(func(k *kms.Client) {
				k.SetTransport(&http.Transport{DisableKeepAlives: true})
				k.Domain = strings.TrimPrefix(listener.URL, "http://")
			})
		}},
	}
	for _, face := range []refkms.Face{refkms.AnyFace, refkms.HTTP, refkms.InProcess} {
		lift := s.Inject(refkms.Fault{Kind: refkms.FaultUnavailable, Face: face})
		for _, by := range faces {
			if err, suffers := by.call(), face == refkms.AnyFace || face == by.face; (err != nil) != suffers {
				t.Errorf("a fault of the face %s, a call by %s: %v", face, by.name, err)
			}
		}
		lift()
	}
	for _, kind := range httpFaults {
		lift := s.Inject(refkms.Fault{Kind: kind, Face: refkms.HTTP, Delay: time.Hour, Times: 1})
		must(t, faces[0].call())
		must(t, faces[1].call())
		lift()
	}
}

// Each fault over HTTP alone, as the official SDK has it: the reply of the fault, and the server well again after it.
func TestHTTPFaults(t *testing.T) {
	s, _ := client(t, nil)
	id, secret := s.AccessKey()
	for _, tt := range []struct {
		fault refkms.Fault
		want  string // in what the SDK says; "" is success
	}{
		{refkms.Fault{Kind: refkms.FaultGarbage}, "SDK.JsonUnmarshalError"},
		{refkms.Fault{Kind: refkms.FaultHTML}, "502 Bad Gateway"},
		{refkms.Fault{Kind: refkms.FaultEmpty}, ""}, // which the SDK takes for an answer
		{refkms.Fault{Kind: refkms.FaultTruncated, Bytes: 9}, "SDK.JsonUnmarshalError"},
		{refkms.Fault{Kind: refkms.FaultTypes}, ""}, // which the SDK converts
		{refkms.Fault{Kind: refkms.FaultHuge}, ""},
		{refkms.Fault{Kind: refkms.FaultLate, Delay: time.Millisecond}, ""},
		{refkms.Fault{Kind: refkms.FaultDrip, Delay: time.Microsecond}, ""},
		{refkms.Fault{Kind: refkms.FaultCut, Bytes: 9}, "unexpected EOF"},
		{refkms.Fault{Kind: refkms.FaultSkew, Delay: time.Hour}, "IllegalTimestamp"},
		{refkms.Fault{Kind: refkms.FaultSkew, Delay: -time.Hour}, "IllegalTimestamp"},
		{refkms.Fault{Kind: refkms.FaultLostBefore}, "EOF"},
		{refkms.Fault{Kind: refkms.FaultLostAfter}, "EOF"},
	} {
		t.Run(tt.fault.Kind.String(), func(t *testing.T) {
			tt.fault.Face, tt.fault.Operation, tt.fault.Times = refkms.HTTP, "ListKeys", 1
			lift := s.Inject(tt.fault)
			defer lift()
			for _, want := range []string{tt.want, ""} {
				_, err := sdk(t, s, id, secret).ListKeys(kms.CreateListKeysRequest())
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("ListKeys = %v, want %q", err, want)
				}
			}
		})
	}
}

// httpFaults have a meaning over HTTP alone.
var httpFaults = []refkms.FaultKind{refkms.FaultGarbage, refkms.FaultHTML, refkms.FaultEmpty, refkms.FaultTruncated, refkms.FaultTypes,
	refkms.FaultHuge, refkms.FaultLate, refkms.FaultDrip, refkms.FaultCut, refkms.FaultSkew}

// What cannot happen is refused when it is set: by name to whoever asks, and by a panic in a test.
func TestFaultsThatCannotBe(t *testing.T) {
	s, _ := client(t, nil)
	for _, kind := range httpFaults {
		f := refkms.Fault{Kind: kind, Face: refkms.HTTP, Delay: time.Second}
		if err := s.CheckFault(f); err != nil {
			t.Errorf("%s over HTTP: %v", kind, err)
		}
		for _, face := range []refkms.Face{refkms.AnyFace, refkms.InProcess} {
			f.Face = face
			if err := s.CheckFault(f); err == nil || !strings.Contains(err.Error(), "meaning over HTTP alone") {
				t.Errorf("%s for the face %s: %v, want it refused", kind, face, err)
			}
		}
	}
	for want, f := range map[string]refkms.Fault{
		"refkms: fault FaultKind(0): there is no such kind":                                             {},
		"refkms: fault FaultKind(99): there is no such kind":                                            {Kind: 99},
		"refkms: fault throttled: there is no such face as 3":                                           {Kind: refkms.FaultThrottled, Face: 3},
		`refkms: fault throttled: there is no operation "encrypt"`:                                      {Kind: refkms.FaultThrottled, Operation: "encrypt"},
		"refkms: fault throttled: -1 times":                                                             {Kind: refkms.FaultThrottled, Times: -1},
		"refkms: fault throttled: probability 1.5, want more than 0 and at most 1":                      {Kind: refkms.FaultThrottled, Probability: 1.5},
		"refkms: fault throttled: probability -1, want more than 0 and at most 1":                       {Kind: refkms.FaultThrottled, Probability: -1},
		"refkms: fault throttled: probability NaN, want more than 0 and at most 1":                      {Kind: refkms.FaultThrottled, Probability: math.NaN()},
		"refkms: fault latency: delay -1s":                                                              {Kind: refkms.FaultLatency, Delay: -time.Second},
		"refkms: fault latency: without a delay it is none":                                             {Kind: refkms.FaultLatency},
		"refkms: fault skew: without a delay it is none":                                                {Kind: refkms.FaultSkew, Face: refkms.HTTP},
		"refkms: fault huge: -1 bytes, want 0 to 1073741824":                                            {Kind: refkms.FaultHuge, Face: refkms.HTTP, Bytes: -1},
		"refkms: fault huge: 1073741825 bytes, want 0 to 1073741824":                                    {Kind: refkms.FaultHuge, Face: refkms.HTTP, Bytes: 1<<30 + 1},
		"refkms: fault skew: dates are checked before it is known what a call touches: set no Resource": {Kind: refkms.FaultSkew, Face: refkms.HTTP, Delay: 1, Resource: "k"},
		`refkms: fault refusal: code "" with status 400, want a code and 400 to 599`:                    {Kind: refkms.FaultRefusal, Status: 400},
		`refkms: fault refusal: code "A" with status 200, want a code and 400 to 599`:                   {Kind: refkms.FaultRefusal, Status: 200, Code: "A"},
		"refkms: fault wrong-answer: without an answer it is none":                                      {Kind: refkms.FaultWrongAnswer},
	} {
		if err := s.CheckFault(f); fmt.Sprint(err) != want {
			t.Errorf("CheckFault = %v, want %s", err, want)
		}
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("Inject panics with %s, want %s", got, want)
				}
			}()
			s.Inject(f)
		}()
	}
	if err := s.CheckFault(refkms.Fault{Kind: refkms.FaultSkew, Face: refkms.HTTP, Delay: -time.Hour}); err != nil {
		t.Errorf("a clock that is behind: %v", err)
	}
}

func TestFaultJSON(t *testing.T) {
	for kind := refkms.FaultThrottled; kind <= refkms.FaultSkew; kind++ {
		for face := refkms.AnyFace; face <= refkms.InProcess; face++ {
			f := refkms.Fault{Kind: kind, Face: face, Operation: "Encrypt", Delay: time.Second}
			doc, err := json.Marshal(f)
			must(t, err)
			var got refkms.Fault
			must(t, json.Unmarshal(doc, &got))
			if fmt.Sprint(got) != fmt.Sprint(f) || !strings.Contains(string(doc), `"`+kind.String()+`"`) || !strings.Contains(string(doc), `"`+face.String()+`"`) {
				t.Errorf("%s is %+v", doc, got)
			}
		}
	}
	for _, f := range []refkms.Fault{{}, {Kind: refkms.FaultInternal, Face: 9}} {
		if doc, err := json.Marshal(f); err == nil {
			t.Errorf("Marshal = %s", doc)
		}
	}
	for _, doc := range []string{`{"Kind":""}`, `{"Kind":"boom"}`, `{"Face":"poker"}`} {
		var f refkms.Fault
		if err := json.Unmarshal([]byte(doc), &f); err == nil || !strings.Contains(err.Error(), "refkms: fault: there is no ") {
			t.Errorf("Unmarshal(%s) = %v", doc, err)
		}
	}
	if got := refkms.FaultKind(77).String() + refkms.Face(77).String(); got != "FaultKind(77)Face(77)" {
		t.Errorf("String = %s", got)
	}
}

// The rates of the table hold where they are asked for, by the server's clock.
func TestRates(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	calls := func(quotas *refkms.Quotas) (refused int) {
		s, c := client(t, &refkms.Options{Quotas: quotas, Now: func() time.Time { return now }})
		key := newKey(t, c)
		for range 1001 {
			if err := encrypt(t, c, key); errors.Is(err, kmsapi.ErrThrottled) {
				refused++
			}
		}
		s.Advance(time.Second)
		must(t, encrypt(t, c, key))
		return refused
	}
	for _, tt := range []struct {
		quotas *refkms.Quotas
		want   int
	}{{nil, 0}, {&refkms.Quotas{}, 0}, {&refkms.Quotas{Rates: true}, 1}, {&refkms.Quotas{Rates: true, None: true}, 0}} {
		if got := calls(tt.quotas); got != tt.want {
			t.Errorf("with quotas %+v %d of 1001 calls are refused, want %d", tt.quotas, got, tt.want)
		}
	}
}

// An account rotates fifty secrets in an hour, if rates hold.
func TestRotationRate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, c := client(t, &refkms.Options{Quotas: &refkms.Quotas{Rates: true}, Now: func() time.Time { return now }})
	do := func(action string, params map[string]string) error { return c.Do(t.Context(), action, params, nil) }
	must(t, do("CreateSecret", map[string]string{"SecretName": "rds", "VersionId": "v", "SecretType": "Rds",
		"SecretData":     `{"Accounts":[{"AccountName":"u","AccountPassword":"p"}]}`,
		"ExtendedConfig": `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`}))
	rotate := func(version int) error {
		return do("RotateSecret", map[string]string{"SecretName": "rds", "VersionId": fmt.Sprint("v", version)})
	}
	for i := range 50 {
		must(t, rotate(i))
	}
	if err := rotate(50); codeOf(err) != "Rejected.Throttling" {
		t.Errorf("the rotation after fifty = %v, want Rejected.Throttling", err)
	}
	s.Advance(time.Hour)
	must(t, rotate(50))
}

// A fault is set for the part of a test that needs it, and lifted after.
func ExampleServer_Inject() {
	server, _ := newServer(nil)
	client := server.Client(nil)
	ctx := context.Background()
	key, _ := client.CreateKey(ctx, nil)

	lift := server.Inject(refkms.Fault{Kind: refkms.FaultThrottled, Operation: "GenerateDataKey", Times: 2})
	defer lift()
	for range 3 {
		_, err := client.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: key.KeyID})
		fmt.Println(errors.Is(err, kmsapi.ErrThrottled))
	}
	// Output:
	// true
	// true
	// false
}
