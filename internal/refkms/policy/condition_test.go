package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

// holds reports whether the operator holds between the request's values, nil for a key that it does not have, and those of
// the policy.
func holds(t testing.TB, operator string, request, values []string) bool {
	t.Helper()
	list, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, withCondition(`{"`+operator+`":{"acs:Key":`+string(list)+`}}`))
	r := &policy.Request{Action: "kms:Encrypt", Resource: key1, Lookup: func(key string) ([]string, bool) {
		if key != "acs:key" {
			t.Errorf("asked for %q", key)
		}
		return request, request != nil
	}}
	switch d := policy.Evaluate(r, nil, []*policy.Policy{p}).Decision; d {
	case policy.Allow:
		return true
	case policy.ImplicitDeny:
		return false
	default:
		t.Fatalf("%s: %v", operator, d)
		return false
	}
}

// An operatorCase says whether a positive operator holds for a request that has one value.
type operatorCase struct {
	operator, value string
	values          []string
	want            bool
}

var operatorCases = []operatorCase{
	{"StringEquals", "a", []string{"a"}, true},
	{"StringEquals", "a", []string{"b", "a"}, true},
	{"StringEquals", "A", []string{"a"}, false},
	{"StringEquals", "abc", []string{"a*"}, false}, // no patterns
	{"StringEquals", "a*", []string{"a*"}, true},
	{"StringEquals", "", []string{"a"}, false},
	{"StringEquals", "", []string{""}, true}, // the value of a tag may be empty
	{"StringEqualsIgnoreCase", "APOLLO", []string{"Apollo"}, true},
	{"StringEqualsIgnoreCase", "É", []string{"x", "é"}, true},
	{"StringEqualsIgnoreCase", "Apollo ", []string{"Apollo"}, false},
	{"StringLike", "abc", []string{"x", "a*"}, true},
	{"StringLike", "abc", []string{"A*"}, false},
	{"StringLike", "信封", []string{"信?"}, true},
	{"StringLike", "", []string{"*"}, true},

	{"NumericEquals", "10", []string{"10.0"}, true},
	{"NumericEquals", "10", []string{"11", "010"}, true},
	{"NumericEquals", "9007199254740993", []string{"9007199254740992"}, false},
	{"NumericEquals", "x", []string{"x"}, false}, // neither is a number
	{"NumericEquals", "10", []string{"x"}, false},
	{"NumericEquals", "10", []string{"x", "10"}, true},
	{"NumericLessThan", "9", []string{"10"}, true},
	{"NumericLessThan", "10", []string{"10"}, false},
	{"NumericLessThan", "10", []string{"1", "11"}, true}, // some value
	{"NumericLessThanEquals", "10", []string{"10"}, true},
	{"NumericLessThanEquals", "10.01", []string{"10"}, false},
	{"NumericGreaterThan", "-1", []string{"-2"}, true},
	{"NumericGreaterThan", "-2", []string{"-2"}, false},
	{"NumericGreaterThanEquals", "-2", []string{"-2.0"}, true},
	{"NumericGreaterThanEquals", "1e9", []string{"1"}, false}, // no exponents

	{"DateEquals", "2020-09-27T08:00:00Z", []string{"2020-09-27T16:00:00+08:00"}, true},
	{"DateEquals", "2020-09-27T08:00:00Z", []string{"2020-09-27T08:00Z"}, true},
	{"DateEquals", "2020-09-27T08:00:00Z", []string{"2020-09-27T08:00:00.5Z"}, false},
	{"DateEquals", "2020-09-27T08:00:00Z", []string{"2020-09-27 08:00:00Z", "2020-09-27T08:00:00", "2020-09-27", "1601193600"}, false},
	{"DateEquals", "now", []string{"now"}, false},
	{"DateLessThan", "2020-09-27T07:59:59Z", []string{"2020-09-27T16:00:00+08:00"}, true},
	{"DateLessThan", "2020-09-27T08:00:00Z", []string{"2020-09-27T08:00:00Z"}, false},
	{"DateLessThanEquals", "2020-09-27T08:00:00Z", []string{"2020-09-27T08:00:00Z"}, true},
	{"DateGreaterThan", "2020-09-27T08:00:01Z", []string{"2030-01-01T00:00:00Z", "2020-09-27T08:00:00Z"}, true},
	{"DateGreaterThan", "2020-09-27T08:00:00Z", []string{"2020-09-27T08:00:00Z"}, false},
	{"DateGreaterThanEquals", "2020-09-27T08:00:00Z", []string{"2020-09-27T08:00:00Z"}, true},

	{"Bool", "true", []string{"true"}, true},
	{"Bool", "TRUE", []string{"True"}, true},
	{"Bool", "false", []string{"false"}, true},
	{"Bool", "false", []string{"true"}, false},
	{"Bool", "false", []string{"true", "false"}, true},
	{"Bool", "yes", []string{"yes"}, false},
	{"Bool", "1", []string{"true"}, false},

	{"IpAddress", "192.168.1.77", []string{"192.168.1.0/24"}, true},
	{"IpAddress", "192.168.1.77", []string{"192.168.1.99/24"}, true}, // bits beyond the mask do not count
	{"IpAddress", "192.168.2.1", []string{"192.168.1.0/24"}, false},
	{"IpAddress", "192.168.2.1", []string{"192.168.1.0/24", "192.168.2.1"}, true},
	{"IpAddress", "192.168.2.1", []string{"192.168.2.2"}, false},
	{"IpAddress", "::ffff:192.168.1.77", []string{"192.168.1.0/24"}, true},
	{"IpAddress", "192.168.1.77", []string{"::ffff:192.168.1.0/120"}, true},
	{"IpAddress", "192.168.1.77", []string{"::ffff:192.168.1.77"}, true},
	{"IpAddress", "192.168.1.77", []string{"0.0.0.0/0"}, true},
	{"IpAddress", "2001:db8::1", []string{"0.0.0.0/0"}, false},
	{"IpAddress", "2001:db8::1", []string{"2001:db8::/32"}, true},
	{"IpAddress", "2001:db8::1", []string{"2001:0DB8:0:0:0:0:0:1"}, true},
	{"IpAddress", "fe80::1%eth0", []string{"fe80::/10"}, true},
	{"IpAddress", "192.168.1.77", []string{"192.168.1.0/33", "192.168.1", "192.168.001.077", "*"}, false},
	{"IpAddress", "localhost", []string{"0.0.0.0/0", "localhost"}, false},
	{"IpAddress", "192.168.1.77:443", []string{"0.0.0.0/0"}, false},
}

// negated are the operators that are the complement of another.
var negated = map[string]string{
	"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike",
	"NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals", "IpAddress": "NotIpAddress",
}

func TestOperators(t *testing.T) {
	for _, tc := range operatorCases {
		if got := holds(t, tc.operator, []string{tc.value}, tc.values); got != tc.want {
			t.Errorf("%s(%q, %q) = %v, want %v", tc.operator, tc.value, tc.values, got, tc.want)
		}
		if not, ok := negated[tc.operator]; ok {
			// Differs from all of them, not from some; true too where nothing can be compared.
			if got := holds(t, not, []string{tc.value}, tc.values); got != !tc.want {
				t.Errorf("%s(%q, %q) = %v, want %v", not, tc.value, tc.values, got, !tc.want)
			}
		}
	}
}

func TestMissingKey(t *testing.T) {
	for _, tc := range operatorCases {
		for _, request := range [][]string{nil, {}} {
			if holds(t, tc.operator, request, tc.values) {
				t.Errorf("%s without a value holds", tc.operator)
			}
			if not, ok := negated[tc.operator]; ok && !holds(t, not, request, tc.values) {
				t.Errorf("%s without a value does not hold", not)
			}
		}
	}
	// Values of a key that the request says it does not have do not count.
	p := mustParse(t, withCondition(`{"StringEquals":{"acs:Key":"a"}}`))
	r := &policy.Request{Action: "kms:Encrypt", Resource: key1, Lookup: func(string) ([]string, bool) { return []string{"a"}, false }}
	if d := policy.Evaluate(r, nil, []*policy.Policy{p}).Decision; d != policy.ImplicitDeny {
		t.Errorf("Evaluate = %v, want ImplicitDeny", d)
	}
}

// A key with several values meets a positive operator by one of them, and a negated one by none.
func TestSeveralRequestValues(t *testing.T) {
	if !holds(t, "StringEquals", []string{"x", "a"}, []string{"b", "a"}) || holds(t, "StringEquals", []string{"x", "y"}, []string{"b", "a"}) {
		t.Error("StringEquals does not hold by one value")
	}
	if holds(t, "StringNotEquals", []string{"x", "a"}, []string{"b", "a"}) || !holds(t, "StringNotEquals", []string{"x", "y"}, []string{"b", "a"}) {
		t.Error("StringNotEquals is not the complement")
	}
}

// All operators of a block and all keys under an operator must hold; of the values of a key, one.
func TestConditionsCombine(t *testing.T) {
	p := mustParse(t, withCondition(`{"StringEquals":{"a:x":["1","2"],"a:y":"3"},"Bool":{"a:z":"true"}}`))
	for _, tc := range []struct {
		pairs []string
		want  policy.Decision
	}{
		{[]string{"a:x", "1", "a:y", "3", "a:z", "true"}, policy.Allow},
		{[]string{"a:x", "2", "a:y", "3", "a:z", "true"}, policy.Allow},
		{[]string{"a:x", "3", "a:y", "3", "a:z", "true"}, policy.ImplicitDeny},
		{[]string{"a:x", "1", "a:y", "4", "a:z", "true"}, policy.ImplicitDeny},
		{[]string{"a:x", "1", "a:y", "3", "a:z", "false"}, policy.ImplicitDeny},
		{[]string{"a:x", "1", "a:y", "3"}, policy.ImplicitDeny},
		{[]string{"a:y", "3", "a:z", "true"}, policy.ImplicitDeny},
	} {
		r := &policy.Request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup(tc.pairs...)}
		if d := policy.Evaluate(r, nil, []*policy.Policy{p}).Decision; d != tc.want {
			t.Errorf("%q: %v, want %v", tc.pairs, d, tc.want)
		}
	}
}

func TestConditionKeysFoldUpToTheSlash(t *testing.T) {
	for _, tc := range []struct {
		key, asked string
	}{
		{"acs:SourceIp", policy.KeySourceIP}, {"ACS:SOURCEIP", policy.KeySourceIP}, {"acs:PrincipalArn", policy.KeyPrincipalARN},
		{"acs:PrincipalARN", policy.KeyPrincipalARN}, {"acs:CurrentTime", policy.KeyCurrentTime}, {"acs:MFAPresent", policy.KeyMFAPresent},
		{"acs:SecureTransport", policy.KeySecureTransport}, {"KMS:Tag/Project", policy.KeyTagPrefix + "Project"},
		{"kms:tag/a/B", policy.KeyTagPrefix + "a/B"},
	} {
		p := mustParse(t, withCondition(`{"StringEquals":{"`+tc.key+`":"x"}}`))
		asked := ""
		r := &policy.Request{Action: "kms:Encrypt", Resource: key1, Lookup: func(key string) ([]string, bool) { asked = key; return nil, false }}
		if policy.Evaluate(r, nil, []*policy.Policy{p}); asked != tc.asked {
			t.Errorf("%q: asked for %q, want %q", tc.key, asked, tc.asked)
		}
	}
}

// The idiom of a list of allowed networks.
func TestDenyOutsideNetworks(t *testing.T) {
	p := []*policy.Policy{mustParse(t, statements(allowAll,
		`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"acs:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}}`))}
	for ip, want := range map[string]policy.Decision{"10.1.2.3": policy.Allow, "192.168.9.9": policy.Allow, "8.8.8.8": policy.ExplicitDeny} {
		r := &policy.Request{Action: "kms:Encrypt", Resource: key1, Lookup: lookup(policy.KeySourceIP, ip)}
		if d := policy.Evaluate(r, nil, p).Decision; d != want {
			t.Errorf("%s: %v, want %v", ip, d, want)
		}
	}
	if d := policy.Evaluate(&policy.Request{Action: "kms:Encrypt", Resource: key1}, nil, p).Decision; d != policy.ExplicitDeny {
		t.Errorf("no address: %v, want ExplicitDeny", d)
	}
}

// A condition on a tag cannot be met where the request has no tags: on aliases, containers and secrets.
func TestTagsOfKeysOnly(t *testing.T) {
	p := []*policy.Policy{mustParse(t, withCondition(`{"StringEquals":{"kms:tag/Project":"Apollo"}}`))}
	tags := lookup(policy.KeyTagPrefix+"Project", "Apollo")
	if d := policy.Evaluate(&policy.Request{Action: "kms:CreateAlias", Resource: key1, Lookup: tags}, nil, p).Decision; d != policy.Allow {
		t.Errorf("the key's half: %v, want Allow", d)
	}
	if d := policy.Evaluate(&policy.Request{Action: "kms:CreateAlias", Resource: alias, Lookup: lookup()}, nil, p).Decision; d != policy.ImplicitDeny {
		t.Errorf("the alias's half: %v, want ImplicitDeny", d)
	}
}
