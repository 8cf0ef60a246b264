package policy_test

import (
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

func trusting(principal string) string {
	return `{"Effect":"Allow","Action":"sts:AssumeRole","Principal":` + principal + `}`
}

func TestTrust(t *testing.T) {
	const (
		alice   = "acs:ram::1234567890123456:user/alice"
		bob     = "acs:ram::1234567890123456:user/bob"
		app     = "acs:ram::1234567890123456:role/app"
		foreign = "acs:ram::9999567890123456:user/alice"
		longer  = "acs:ram::12345678901234567:user/alice"
	)
	for _, tc := range []struct {
		name, document, who string
		want                policy.Decision
	}{
		{"the account", statements(trusting(`{"RAM":["acs:ram::1234567890123456:root"]}`)), alice, policy.Allow},
		{"the account", statements(trusting(`{"RAM":["acs:ram::1234567890123456:root"]}`)), app, policy.Allow},
		{"the account", statements(trusting(`{"RAM":["acs:ram::1234567890123456:root"]}`)), foreign, policy.ImplicitDeny},
		{"the account", statements(trusting(`{"RAM":["acs:ram::1234567890123456:root"]}`)), longer, policy.ImplicitDeny},
		{"all of the account", statements(trusting(`{"RAM":"acs:ram::1234567890123456:*"}`)), bob, policy.Allow},
		{"all of the account", statements(trusting(`{"RAM":"acs:ram::1234567890123456:*"}`)), foreign, policy.ImplicitDeny},
		{"one user", statements(trusting(`{"RAM":["` + alice + `"]}`)), alice, policy.Allow},
		{"one user", statements(trusting(`{"RAM":["` + alice + `"]}`)), alice + "2", policy.ImplicitDeny},
		{"one user", statements(trusting(`{"RAM":["` + alice + `"]}`)), bob, policy.ImplicitDeny},
		{"user and role", statements(trusting(`{"RAM":["` + bob + `","` + app + `"]}`)), app, policy.Allow},
		{"a service", statements(trusting(`{"Service":["oss.aliyuncs.com"]}`)), "oss.aliyuncs.com", policy.Allow},
		{"a service", statements(trusting(`{"Service":["oss.aliyuncs.com"]}`)), "rds.aliyuncs.com", policy.ImplicitDeny},
		{"a service", statements(trusting(`{"Service":["oss.aliyuncs.com"]}`)), alice, policy.ImplicitDeny},
		{"a provider", statements(trusting(`{"Federated":["acs:ram::1234567890123456:saml-provider/corp"]}`)), alice, policy.ImplicitDeny},
		{"several kinds", statements(trusting(`{"RAM":["` + bob + `"],"Service":["oss.aliyuncs.com"],"Federated":["acs:ram::1:saml-provider/corp"]}`)), bob, policy.Allow},
		{"several kinds", statements(trusting(`{"RAM":["` + bob + `"],"Service":["oss.aliyuncs.com"]}`)), "oss.aliyuncs.com", policy.Allow},
		{"another action", statements(strings.Replace(trusting(`{"RAM":["`+alice+`"]}`), "AssumeRole", "GetCallerIdentity", 1)), alice, policy.ImplicitDeny},
		{"deny", statements(trusting(`{"RAM":["acs:ram::1234567890123456:root"]}`), strings.Replace(trusting(`{"RAM":["`+bob+`"]}`), "Allow", "Deny", 1)), bob, policy.ExplicitDeny},
		{"deny", statements(trusting(`{"RAM":["acs:ram::1234567890123456:root"]}`), strings.Replace(trusting(`{"RAM":["`+bob+`"]}`), "Allow", "Deny", 1)), alice, policy.Allow},
		{"nobody", statements(trusting(`{"RAM":["` + alice + `"]}`)), "", policy.ImplicitDeny},
	} {
		trust, err := policy.ParseTrust([]byte(tc.document))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		r := &policy.Request{Action: "sts:AssumeRole", Resource: "acs:ram::1234567890123456:role/target"}
		if d := trust.Evaluate(r, tc.who); d != tc.want {
			t.Errorf("%s: %q: %v, want %v", tc.name, tc.who, d, tc.want)
		}
	}
	if d := (&policy.Trust{}).Evaluate(&policy.Request{Action: "sts:AssumeRole"}, alice); d != policy.ImplicitDeny {
		t.Errorf("zero Trust: %v, want ImplicitDeny", d)
	}
}

func TestTrustConditions(t *testing.T) {
	trust, err := policy.ParseTrust([]byte(statements(`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::1:root"},
		"Condition":{"StringEquals":{"sts:ExternalId":"secret-handshake"}}}`)))
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]policy.Decision{"secret-handshake": policy.Allow, "other": policy.ImplicitDeny} {
		r := &policy.Request{Action: "STS:assumerole", Lookup: lookup("sts:externalid", value)}
		if d := trust.Evaluate(r, "acs:ram::1:user/a"); d != want {
			t.Errorf("%q: %v, want %v", value, d, want)
		}
	}
}

func TestParseTrustRefuses(t *testing.T) {
	at := func(path string) string { return "Statement[0]." + path }
	for _, tc := range []struct {
		name, document string
		cause          error
		path           string
	}{
		{"no Principal", statements(`{"Effect":"Allow","Action":"sts:AssumeRole"}`), policy.ErrMissing, at("Principal")},
		{"Resource", statements(`{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::1:root"},"Resource":"*"}`), policy.ErrElement, at("Resource")},
		{"NotPrincipal", statements(`{"Effect":"Allow","Action":"sts:AssumeRole","NotPrincipal":{"RAM":"acs:ram::1:root"}}`), policy.ErrElement, at("NotPrincipal")},
		{"everybody", statements(trusting(`"*"`)), policy.ErrType, at("Principal")},
		{"everybody in RAM", statements(trusting(`{"RAM":"*"}`)), policy.ErrValue, at("Principal.RAM")},
		{"empty Principal", statements(trusting(`{}`)), policy.ErrEmpty, at("Principal")},
		{"empty RAM", statements(trusting(`{"RAM":[]}`)), policy.ErrEmpty, at("Principal.RAM")},
		{"the kind of another cloud", statements(trusting(`{"AWS":["arn:aws:iam::1:root"]}`)), policy.ErrElement, at("Principal.AWS")},
		{"a list", statements(trusting(`["acs:ram::1:root"]`)), policy.ErrType, at("Principal")},
		{"RAM twice", statements(trusting(`{"RAM":["acs:ram::1:root"],"RAM":["acs:ram::2:root"]}`)), policy.ErrDuplicate, at("Principal.RAM")},
		{"empty text", statements(trusting(`{"RAM":""}`)), policy.ErrValue, at("Principal.RAM")},
		{"any account", statements(trusting(`{"RAM":["acs:ram::*:root"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"no account", statements(trusting(`{"RAM":["acs:ram:::root"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"a bare account", statements(trusting(`{"RAM":["1234567890123456"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"any user", statements(trusting(`{"RAM":["acs:ram::1:user/*"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"no user", statements(trusting(`{"RAM":["acs:ram::1:user/"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"a session", statements(trusting(`{"RAM":["acs:ram::1:role/app/session"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"a group", statements(trusting(`{"RAM":["acs:ram::1:group/g"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"an ARN of another service", statements(trusting(`{"RAM":["acs:kms::1:user/a"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"an account alone", statements(trusting(`{"RAM":["acs:ram::1"]}`)), policy.ErrValue, at("Principal.RAM")},
		{"a service of another domain", statements(trusting(`{"Service":["oss.example.com"]}`)), policy.ErrValue, at("Principal.Service")},
		{"the domain of services", statements(trusting(`{"Service":[".aliyuncs.com"]}`)), policy.ErrValue, at("Principal.Service")},
		{"any service", statements(trusting(`{"Service":["*.aliyuncs.com"]}`)), policy.ErrValue, at("Principal.Service")},
		{"a user as provider", statements(trusting(`{"Federated":["acs:ram::1:user/a"]}`)), policy.ErrValue, at("Principal.Federated")},
		{"a provider without account", statements(trusting(`{"Federated":["saml-provider/a"]}`)), policy.ErrValue, at("Principal.Federated")},
		{"a number", statements(trusting(`{"RAM":[1]}`)), policy.ErrType, at("Principal.RAM[0]")},
		{"an identity policy", statements(allowAll), policy.ErrElement, at("Resource")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			trust, err := policy.ParseTrust([]byte(tc.document))
			checkRefused(t, err, tc.cause, tc.path)
			if trust != nil {
				t.Errorf("ParseTrust = %v, want nil with an error", trust)
			}
		})
	}
	if _, err := policy.ParseTrust(make([]byte, policy.MaxSize+1)); err == nil {
		t.Error("ParseTrust takes what is too long")
	} else {
		checkRefused(t, err, policy.ErrSize, "")
	}
}
