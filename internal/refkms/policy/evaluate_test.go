package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

const (
	prefix    = "acs:kms:cn-hangzhou:1234567890123456:"
	key1      = prefix + "key/1234abcd-12ab-34cd-56ef-12345678abcd"
	key2      = prefix + "key/08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73"
	keys      = prefix + "key"
	secret    = prefix + "secret/RdsSecret/Mysql5.4/MyCred"
	secrets   = prefix + "secret"
	alias     = prefix + "alias/example"
	aliases   = prefix + "alias"
	noneOfAll = "*"
)

// lookup makes the Lookup of a request from pairs of key and value.
func lookup(pairs ...string) func(string) ([]string, bool) {
	m := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = append(m[pairs[i]], pairs[i+1])
	}
	return func(key string) ([]string, bool) { v, ok := m[key]; return v, ok }
}

// decide evaluates the documents, all attached to one user.
func decide(t testing.TB, r policy.Request, documents ...string) policy.Decision {
	t.Helper()
	var policies []*policy.Policy
	for _, d := range documents {
		policies = append(policies, mustParse(t, d))
	}
	return policy.Evaluate(&r, nil, policies).Decision
}

func allow(action, resource string) string {
	return fmt.Sprintf(`{"Effect":"Allow","Action":%q,"Resource":%q}`, action, resource)
}

func deny(action, resource string) string {
	return fmt.Sprintf(`{"Effect":"Deny","Action":%q,"Resource":%q}`, action, resource)
}

func TestDefaultIsDeny(t *testing.T) {
	r := &policy.Request{Action: "kms:Encrypt", Resource: key1}
	for name, v := range map[string]policy.Verdict{
		"no list":             policy.Evaluate(r, nil),
		"no policy":           policy.Evaluate(r, nil, nil, []*policy.Policy{}),
		"zero policy":         policy.Evaluate(r, nil, []*policy.Policy{{}}),
		"nothing that fits":   policy.Evaluate(r, nil, []*policy.Policy{mustParse(t, statements(allow("kms:Decrypt", "*"), allow("kms:*", key2)))}),
		"a deny of something": policy.Evaluate(r, nil, []*policy.Policy{mustParse(t, statements(deny("kms:Decrypt", "*")))}),
	} {
		if v != (policy.Verdict{}) || v.Decision != policy.ImplicitDeny {
			t.Errorf("%s: %v, want ImplicitDeny", name, v)
		}
	}
}

func TestDenyBeatsAllow(t *testing.T) {
	r := policy.Request{Action: "kms:Encrypt", Resource: key1}
	yes, no := allow("kms:*", "*"), deny("kms:Encrypt", key1)
	for _, documents := range [][]string{
		{statements(no)},
		{statements(yes, no)},
		{statements(no, yes)},
		{statements(yes), statements(no)},
		{statements(no), statements(yes)},
		{statements(yes), statements(yes, yes), statements(yes, no, yes)},
	} {
		if d := decide(t, r, documents...); d != policy.ExplicitDeny {
			t.Errorf("%s: %v, want ExplicitDeny", documents, d)
		}
	}
	if d := decide(t, policy.Request{Action: "kms:Encrypt", Resource: key2}, statements(yes, no)); d != policy.Allow {
		t.Errorf("another key: %v, want Allow", d)
	}
}

// A user's own policies and those of his groups are one set.
func TestGroups(t *testing.T) {
	own := []*policy.Policy{mustParse(t, statements(allow("kms:Encrypt", "*")))}
	readers := []*policy.Policy{mustParse(t, statements(allow("kms:List*", "*"))), mustParse(t, statements(allow("kms:Describe*", "*")))}
	guarded := []*policy.Policy{mustParse(t, statements(deny("kms:*", key2)))}
	for _, tc := range []struct {
		action, resource string
		want             policy.Decision
	}{
		{"kms:Encrypt", key1, policy.Allow},
		{"kms:ListKeys", keys, policy.Allow},
		{"kms:DescribeKey", key1, policy.Allow},
		{"kms:Encrypt", key2, policy.ExplicitDeny},
		{"kms:DescribeKey", key2, policy.ExplicitDeny},
		{"kms:Decrypt", key1, policy.ImplicitDeny},
	} {
		r := &policy.Request{Action: tc.action, Resource: tc.resource}
		for _, order := range [][][]*policy.Policy{{own, readers, guarded}, {guarded, readers, own}} {
			if v := policy.Evaluate(r, nil, order...); v != (policy.Verdict{Decision: tc.want}) {
				t.Errorf("%s on %s: %v, want %v", tc.action, tc.resource, v, tc.want)
			}
		}
	}
}

func TestSessionPolicyNarrows(t *testing.T) {
	session, err := policy.ParseSession([]byte(statements(allow("kms:Encrypt", "*"), allow("kms:Decrypt", key1), deny("kms:Encrypt", key2))))
	if err != nil {
		t.Fatal(err)
	}
	role := []*policy.Policy{mustParse(t, statements(allow("kms:Encrypt", "*"), allow("kms:GenerateDataKey", "*"), deny("kms:Decrypt", key1)))}
	for _, tc := range []struct {
		name, action, resource string
		role                   []*policy.Policy
		want                   policy.Verdict
	}{
		{"both allow", "kms:Encrypt", key1, role, policy.Verdict{Decision: policy.Allow}},
		{"only the role allows", "kms:GenerateDataKey", key1, role, policy.Verdict{Decision: policy.ImplicitDeny, Session: true}},
		{"the session denies", "kms:Encrypt", key2, role, policy.Verdict{Decision: policy.ExplicitDeny, Session: true}},
		{"the role denies", "kms:Decrypt", key1, role, policy.Verdict{Decision: policy.ExplicitDeny}},
		{"only the session allows", "kms:Encrypt", key1, nil, policy.Verdict{Decision: policy.ImplicitDeny}},
		{"neither", "kms:CreateKey", keys, role, policy.Verdict{Decision: policy.ImplicitDeny, Session: true}},
	} {
		if v := policy.Evaluate(&policy.Request{Action: tc.action, Resource: tc.resource}, session, tc.role); v != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, v, tc.want)
		}
	}
}

func TestActions(t *testing.T) {
	for _, tc := range []struct {
		pattern, action string
		want            bool
	}{
		{"*", "kms:Encrypt", true},
		{"kms:*", "kms:Encrypt", true},
		{"kms:Encrypt", "kms:Encrypt", true},
		{"KMS:ENCRYPT", "kms:Encrypt", true}, // case does not count, in either part
		{"kms:encrypt", "kms:Encrypt", true},
		{"kms:encrypt", "KMS:Encrypt", true},
		{"kms:E*", "kms:encrypt", true},
		{"kms:Encrypt", "kms:EncryptX", false},
		{"kms:ncrypt", "kms:Encrypt", false},
		{"kms:?ncrypt", "kms:Encrypt", true},
		{"kms:??ncrypt", "kms:Encrypt", false},
		{"kms:*crypt", "kms:Decrypt", true},
		{"*:Encrypt", "kms:Encrypt", true},
		{"k*:*t", "kms:Encrypt", true},
		{"ram:*", "kms:Encrypt", false},
		{"kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", false},
		{"kms:GenerateDataKey*", "kms:GenerateDataKeyWithoutPlaintext", true},
		{"kms:ReEncrypt*", "kms:ReEncryptFrom", true},
		{"kms:ReEncrypt*", "kms:ReEncryptTo", true},
		{"kms:ReEncrypt", "kms:ReEncryptFrom", false}, // the bare name grants nothing
		{"kms:ReEncrypt", "kms:ReEncryptTo", false},
	} {
		want := policy.ImplicitDeny
		if tc.want {
			want = policy.Allow
		}
		if d := decide(t, policy.Request{Action: tc.action, Resource: key1}, statements(allow(tc.pattern, "*"))); d != want {
			t.Errorf("%s for %s: %v, want %v", tc.pattern, tc.action, d, want)
		}
	}
}

func TestNotAction(t *testing.T) {
	allowed := statements(`{"Effect":"Allow","NotAction":["kms:Decrypt","kms:Get*"],"Resource":"*"}`)
	denied := statements(allowAll, `{"Effect":"Deny","NotAction":"kms:List*","Resource":"*"}`)
	for _, tc := range []struct {
		document, action string
		want             policy.Decision
	}{
		{allowed, "kms:Encrypt", policy.Allow}, // everything else is granted, of other services too
		{allowed, "ecs:RunInstances", policy.Allow},
		{allowed, "kms:Decrypt", policy.ImplicitDeny},
		{allowed, "KMS:decrypt", policy.ImplicitDeny},
		{allowed, "kms:GetSecretValue", policy.ImplicitDeny},
		{denied, "kms:ListKeys", policy.Allow},
		{denied, "kms:CreateKey", policy.ExplicitDeny},
	} {
		if d := decide(t, policy.Request{Action: tc.action, Resource: key1}, tc.document); d != tc.want {
			t.Errorf("%s: %v, want %v", tc.action, d, tc.want)
		}
	}
}

// Containers and what is in them, and the calls without a resource.
func TestResources(t *testing.T) {
	for _, tc := range []struct {
		pattern, resource string
		want              bool
	}{
		{"*", key1, true},
		{"*", keys, true},
		{"*", noneOfAll, true},
		{"acs:kms:*:*:key/*", key1, true},
		{"acs:kms:*:*:key/*", keys, false}, // a container has no slash
		{"acs:kms:*:*:key", keys, true},
		{"acs:kms:*:*:key", key1, false},
		{"acs:kms:*:*:key*", keys, true},
		{"acs:kms:*:*:key*", key1, true},
		{"acs:kms:*:*:secret/*", secret, true}, // names may hold slashes
		{"acs:kms:*:*:secret/RdsSecret/*", secret, true},
		{"acs:kms:*:*:secret/*", secrets, false},
		{"acs:kms:*:*:secret/*", noneOfAll, false},
		{"acs:*", noneOfAll, false},
		{"acs:kms:*:*:alias/example", alias, true},
		{"acs:kms:*:*:alias/alias/example", alias, false},
		{"acs:kms:*:*:alias/*", aliases, false},
		{"acs:kms:cn-hangzhou:*:*", key1, true},
		{"acs:kms:cn-beijing:*:*", key1, false},
		{"acs:kms:*:1234567890123456:key/*", key1, true},
		{"acs:kms:*:9999567890123456:key/*", key1, false},
		{"acs:*:*cn-hangzhou*:*:*", key1, true},
		{key1, key1, true},
		{prefix + strings.ToUpper(key1[len(prefix):]), key1, false}, // case counts
		{prefix + "key/1234abcd-????-????-????-????????????", key1, true},
		{prefix + "key/1234abcd-????-????-????-???????????", key1, false},
		{prefix + "secret/rdssecret/*", secret, false},
	} {
		want := policy.ImplicitDeny
		if tc.want {
			want = policy.Allow
		}
		if d := decide(t, policy.Request{Action: "kms:X", Resource: tc.resource}, statements(allow("kms:*", tc.pattern))); d != want {
			t.Errorf("%s for %s: %v, want %v", tc.pattern, tc.resource, d, want)
		}
	}
}

func TestListsAreAlternatives(t *testing.T) {
	document := statements(fmt.Sprintf(`{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":[%q,%q]}`, key1, secret))
	for _, tc := range []struct {
		action, resource string
		want             policy.Decision
	}{
		{"kms:Encrypt", key1, policy.Allow}, {"kms:Decrypt", secret, policy.Allow},
		{"kms:Encrypt", key2, policy.ImplicitDeny}, {"kms:Sign", key1, policy.ImplicitDeny},
	} {
		if d := decide(t, policy.Request{Action: tc.action, Resource: tc.resource}, document); d != tc.want {
			t.Errorf("%s on %s: %v, want %v", tc.action, tc.resource, d, tc.want)
		}
	}
}

// The policies that the guide shows, and those of the duties that it separates, each with what they must say.
func TestPublishedPolicies(t *testing.T) {
	cryptographer := `"Action":["kms:List*","kms:Describe*","kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"],"Resource":"*"`
	admin := `{"Effect":"Deny","Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:GenerateAndExportDataKey",` +
		`"kms:ExportDataKey","kms:Asymmetric*","kms:GetSecretValue"],"Resource":"*"}`
	apollo := `{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"],"Resource":"*","Condition":{"StringEqualsIgnoreCase":{"kms:tag/Project":["Apollo"]}}}`
	moveAlias := statements(fmt.Sprintf(`{"Effect":"Allow","Action":"kms:UpdateAlias","Resource":[%q,%q,%q]}`, key1, key2, alias))
	address := withCondition(`{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}`)
	type request = policy.Request
	for _, tc := range []struct {
		name, document string
		r              request
		want           policy.Decision
	}{
		{"everything", statements(allow("kms:*", "*")), request{Action: "kms:CreateKey", Resource: keys}, policy.Allow},
		{"everything", statements(allow("kms:*", "*")), request{Action: "kms:GetRandomPassword", Resource: noneOfAll}, policy.Allow},

		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:ListKeys", Resource: keys}, policy.Allow},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:ListSecrets", Resource: secrets}, policy.Allow},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:DescribeSecret", Resource: secret}, policy.Allow},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:Encrypt", Resource: key1}, policy.Allow},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:CreateKey", Resource: keys}, policy.ImplicitDeny},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:GetPublicKey", Resource: key1}, policy.ImplicitDeny},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:GetSecretValue", Resource: secret}, policy.ImplicitDeny},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:ReEncryptFrom", Resource: key1}, policy.ImplicitDeny},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:GenerateDataKeyWithoutPlaintext", Resource: key1}, policy.ImplicitDeny},
		{"read and use", statements(`{"Effect":"Allow",` + cryptographer + `}`), request{Action: "kms:TagResource", Resource: key1}, policy.ImplicitDeny},

		{"by tag", statements(apollo), request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup("kms:tag/Project", "apollo")}, policy.Allow},
		{"by tag", statements(apollo), request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup()}, policy.ImplicitDeny},
		{"by tag", statements(apollo), request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup("kms:tag/project", "Apollo")}, policy.ImplicitDeny},
		{"by tag", statements(apollo), request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup("kms:tag/Project", "Gemini")}, policy.ImplicitDeny},
		{"by tag", statements(apollo), request{Action: "kms:DescribeKey", Resource: key1, Lookup: lookup("kms:tag/Project", "Apollo")}, policy.ImplicitDeny},

		{"moving an alias", moveAlias, request{Action: "kms:UpdateAlias", Resource: alias}, policy.Allow},
		{"moving an alias", moveAlias, request{Action: "kms:UpdateAlias", Resource: key1}, policy.Allow},
		{"moving an alias", moveAlias, request{Action: "kms:UpdateAlias", Resource: key2}, policy.Allow},
		{"moving an alias", moveAlias, request{Action: "kms:UpdateAlias", Resource: alias + "2"}, policy.ImplicitDeny},
		{"moving an alias", moveAlias, request{Action: "kms:DeleteAlias", Resource: alias}, policy.ImplicitDeny},

		{"listing aliases", statements(allow("kms:ListAliases", "acs:kms:*:*:alias")), request{Action: "kms:ListAliases", Resource: aliases}, policy.Allow},
		{"listing aliases", statements(allow("kms:ListAliases", "acs:kms:*:*:alias")), request{Action: "kms:ListAliasesByKeyId", Resource: key1}, policy.ImplicitDeny},
		{"listing aliases", statements(allow("kms:ListAliases", "acs:kms:*:*:alias")), request{Action: "kms:DeleteAlias", Resource: alias}, policy.ImplicitDeny},

		{"by address", address, request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup(policy.KeySourceIP, "192.168.1.77")}, policy.Allow},
		{"by address", address, request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup(policy.KeySourceIP, "192.168.2.77")}, policy.ImplicitDeny},
		{"by address", address, request{Action: "kms:Encrypt", Resource: key1}, policy.ImplicitDeny},

		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:CreateKey", Resource: keys}, policy.Allow},
		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:ScheduleKeyDeletion", Resource: key1}, policy.Allow},
		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:Encrypt", Resource: key1}, policy.ExplicitDeny},
		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:GenerateDataKeyWithoutPlaintext", Resource: key1}, policy.ExplicitDeny},
		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:ReEncryptTo", Resource: key1}, policy.ExplicitDeny},
		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:AsymmetricDecrypt", Resource: key1}, policy.ExplicitDeny},
		{"security admin", statements(allow("kms:*", "*"), admin), request{Action: "kms:GetSecretValue", Resource: secret}, policy.ExplicitDeny},
		{"auditor", statements(allow("actiontrail:LookupEvents", "*")), request{Action: "actiontrail:LookupEvents", Resource: noneOfAll}, policy.Allow},
		{"auditor", statements(allow("actiontrail:LookupEvents", "*")), request{Action: "kms:ListKeys", Resource: keys}, policy.ImplicitDeny},

		{"password, any resource", statements(allow("kms:GetRandomPassword", "*")), request{Action: "kms:GetRandomPassword", Resource: noneOfAll}, policy.Allow},
		{"password, some resource", statements(allow("kms:GetRandomPassword", "acs:kms:*:*:secret/*")), request{Action: "kms:GetRandomPassword", Resource: noneOfAll}, policy.ImplicitDeny},
	} {
		if d := decide(t, tc.r, tc.document); d != tc.want {
			t.Errorf("%s: %s on %s: %v, want %v", tc.name, tc.r.Action, tc.r.Resource, d, tc.want)
		}
	}
}

func TestDecisionNames(t *testing.T) {
	for d, want := range map[policy.Decision]string{
		policy.ImplicitDeny: "ImplicitDeny", policy.Allow: "Allow", policy.ExplicitDeny: "ExplicitDeny", 9: "Decision(9)",
	} {
		if got := d.String(); got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
}

func TestEvaluateAllocations(t *testing.T) {
	policies := []*policy.Policy{mustParse(t, statements(allow("kms:List*", "*"), allow("kms:*", prefix+"key/*"), deny("kms:Decrypt", prefix+"*key?x*")))}
	session := mustParse(t, withCondition(`{"StringLike":{"kms:tag/Project":["A*"]},"NumericLessThan":{"a:n":"7"},"NotIpAddress":{"acs:SourceIp":["10.0.0.0/8"]}}`))
	values := map[string][]string{"kms:tag/Project": {"Apollo"}, "a:n": {"6.5"}, policy.KeySourceIP: {"192.168.1.77"}}
	for _, n := range []int{1, 1 << 16} {
		r := &policy.Request{
			Action: "kms:Encrypt", Resource: prefix + "key/" + strings.Repeat("a", n),
			Lookup: func(key string) ([]string, bool) { v, ok := values[key]; return v, ok },
		}
		var v policy.Verdict
		// The action in lower case is the one thing that is allocated.
		if got := testing.AllocsPerRun(100, func() { v = policy.Evaluate(r, session, policies) }); got > 1 || v.Decision != policy.Allow {
			t.Errorf("resource of %d bytes: %v allocations, %v", n, got, v)
		}
	}
}
