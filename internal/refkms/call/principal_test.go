package call_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

func TestPrincipalARN(t *testing.T) {
	for _, tt := range []struct {
		p    call.Principal
		want string
	}{
		{call.Principal{Kind: call.Root, Account: "1"}, "acs:ram::1:root"},
		{call.Principal{Kind: call.User, Account: "1", Name: "alice"}, "acs:ram::1:user/alice"},
		{call.Principal{Kind: call.Role, Account: "1", Name: "app", Session: &call.Session{Name: "s"}}, "acs:ram::1:role/app"},
		{call.Principal{Kind: call.Service, Account: "1", Name: "OSS"}, ""},
	} {
		if got := tt.p.ARN(); got != tt.want {
			t.Errorf("%s: ARN = %q, want %q", tt.p.Kind, got, tt.want)
		}
	}
	if got, want := fmt.Sprint(call.Root, call.User, call.Role, call.Service, call.PrincipalKind(9)), "Root User Role Service PrincipalKind(9)"; got != want {
		t.Errorf("the kinds are %s, want %s", got, want)
	}
}

func TestCredentialProve(t *testing.T) {
	user, session := call.Principal{Kind: call.User, Name: "u"}, call.Principal{Kind: call.Role, Name: "r"}
	long := &call.Credential{Principal: user}
	sts := &call.Credential{Session: func(token string, now time.Time) (call.Principal, error) {
		if token != "t" {
			return call.Principal{}, call.ErrMissingSecurityToken
		}
		return session, nil
	}}
	for _, tt := range []struct {
		name  string
		c     *call.Credential
		token string
		want  call.Principal
		err   error
	}{
		{"unknown", nil, "", call.Principal{}, call.ErrAccessKeyNotFound},
		{"disabled", &call.Credential{Principal: user, Disabled: true}, "", call.Principal{}, call.ErrAccessKeyDisabled},
		{"long-term", long, "", user, nil},
		{"long-term with a token", long, "t", call.Principal{}, call.ErrSecurityTokenMismatched},
		{"session", sts, "t", session, nil},
		{"session without a token", sts, "", call.Principal{}, call.ErrMissingSecurityToken},
	} {
		if got, err := tt.c.Prove(tt.token, time.Time{}); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: Prove = %v, %v, want %v, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func TestProduct(t *testing.T) {
	for p, want := range map[call.Product]string{
		call.KMS: "Kms 2016-01-20", call.STS: "Sts 2015-04-01", call.ActionTrail: "Actiontrail 2020-07-06", 9: "Product(9) ",
	} {
		if got := p.String() + " " + p.Version(); got != want {
			t.Errorf("%d is %q, want %q", p, got, want)
		}
	}
	op := call.Define("Op", func(*call.Call, *onKeys) (*answer, error) { return &answer{}, nil }, call.Row[onKeys]{Product: call.STS})
	if op.Product != call.STS || !op.Anytime || !op.Unrecorded {
		t.Errorf("an operation of another product is %+v: want it to work anytime and unrecorded", op)
	}
}

func TestPlanAdd(t *testing.T) {
	var p call.Plan
	if p.Add(nil) || p.Add(&call.Plan{}) {
		t.Error("nothing is something")
	}
	all := call.Plan{Delay: 1, Refusal: call.ErrThrottling, Loss: call.LostAfter, Wrong: map[string]string{"a": "b"}, Spoil: call.Spoil{Kind: call.SpoilCut, Bytes: 3}}
	if !p.Add(&all) || !p.Add(&call.Plan{Delay: 2, Refusal: call.ErrInternalFailure, Loss: call.LostBefore, Wrong: map[string]string{}, Spoil: call.Spoil{Kind: call.SpoilEmpty}}) {
		t.Error("something is nothing")
	}
	all.Delay = 3
	if fmt.Sprint(p) != fmt.Sprint(all) {
		t.Errorf("Add makes %v, want the first of each, and the delays together: %v", p, all)
	}
	if got := fmt.Sprint(call.SpoilGarbage, call.SpoilCut, call.SpoilKind(0), call.SpoilKind(77)); got != "SpoilGarbage SpoilCut SpoilKind(0) SpoilKind(77)" {
		t.Errorf("the kinds are %s", got)
	}
}

func TestDenialJSON(t *testing.T) {
	doc, err := json.Marshal(&call.Denial{Action: "kms:Decrypt", PrincipalType: "SubUser", Owner: "1", Principal: "2", Type: "ImplicitDeny", Policy: "SessionPolicy"})
	want := `{"AuthAction":"kms:Decrypt","AuthPrincipalType":"SubUser","AuthPrincipalOwnerId":"1","AuthPrincipalDisplayName":"2","NoPermissionType":"ImplicitDeny","PolicyType":"SessionPolicy"}`
	if err != nil || string(doc) != want {
		t.Errorf("Marshal = %s, %v, want %s", doc, err, want)
	}
}
