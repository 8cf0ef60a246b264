package policy_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

// No document makes Parse panic; one that it takes means what the model says.
func FuzzParse(f *testing.F) {
	for _, tc := range operatorCases {
		f.Add([]byte(withCondition(`{"` + tc.operator + `":{"acs:Key":["` + tc.values[0] + `"]}}`)))
	}
	for _, document := range []string{
		``, `{}`, `[`, `{"Version":"1","Statement":[]}`, `{"Version":"1","Version":"1"}`, statements(allowAll, allowAll),
		statements(`{"Sid":"\ud83d\udd11","Effect":"Deny","NotAction":["kms:?*","*"],"Resource":["acs:kms:*:*:key/?","*"]}`),
		statements(trusting(`{"RAM":["acs:ram::1:root"],"Service":"oss.aliyuncs.com"}`)),
		withCondition(`{"StringNotLike":{"KMS:Tag/a":["?*","\u0061"]},"Bool":{"a:b":"x"}}`),
	} {
		f.Add([]byte(document))
	}
	requests := []*policy.Request{
		{Action: "kms:Encrypt", Resource: key1, Lookup: lookup("acs:key", "a", "kms:tag/a", "A", "a:b", "true")},
		{Action: "kms:Decrypt", Resource: "*", Lookup: lookup("acs:key", "10")},
		{Action: "ram:X", Resource: secret, Lookup: lookup("acs:key", "2020-09-27T08:00:00Z")},
		{Action: "kms:ListKeys", Resource: keys, Lookup: lookup("acs:key", "192.168.1.77")},
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		trust, err := policy.ParseTrust(document)
		if (err == nil) != (trust != nil) {
			t.Fatalf("ParseTrust = %v, %v", trust, err)
		}
		if err == nil {
			trust.Evaluate(requests[0], "acs:ram::1:user/a")
		}
		p, err := policy.Parse(document)
		var e *policy.Error
		if err != nil {
			if p != nil || !errors.As(err, &e) || !utf8.ValidString(err.Error()) || len(err.Error()) > 1024 {
				t.Fatalf("Parse = %v, %v", p, err)
			}
			return
		}
		if trust != nil {
			t.Fatalf("%q is both an identity policy and a trust policy", document)
		}
		if _, err := policy.ParseSession(document); err != nil && !errors.Is(err, policy.ErrSize) {
			t.Fatalf("Parse takes what ParseSession refuses: %v", err)
		}
		for _, r := range requests {
			if got, want := policy.Evaluate(r, nil, []*policy.Policy{p}).Decision.String(), modelDecide(t, document, r); got != want {
				t.Fatalf("%s on %s: %s, the model says %s: %q", r.Action, r.Resource, got, want, document)
			}
		}
	})
}
