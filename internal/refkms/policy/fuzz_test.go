package policy_test

import (
	"errors"
	"slices"
	"strings"
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

// Every operator says of any two values what the model says, and its contrary the opposite; of a key that the request does
// not have the one is false and the other true.
func FuzzCondition(f *testing.F) {
	for _, tc := range operatorCases {
		f.Add(tc.operator, tc.value, tc.values[0], tc.values[len(tc.values)-1])
	}
	f.Fuzz(func(t *testing.T, operator, value, p1, p2 string) {
		not, ok := negated[operator]
		if !ok && !slices.ContainsFunc(operatorCases, func(c operatorCase) bool { return c.operator == operator }) {
			return
		}
		for _, s := range []string{value, p1, p2} {
			if len(s) > 64 || !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
				return // no document has such a text; numbers of the model take time with their length
			}
			if strings.HasPrefix(operator, "Ip") && strings.Contains(s, "%") {
				return // the model knows no zones
			}
		}
		want := modelMeets(operator, value, p1) || modelMeets(operator, value, p2)
		if got := holds(t, operator, []string{value}, []string{p1, p2}); got != want {
			t.Fatalf("%s(%q, %q, %q) = %v, the model says %v", operator, value, p1, p2, got, want)
		}
		if holds(t, operator, nil, []string{p1, p2}) {
			t.Fatalf("%s of nothing and %q, %q is true", operator, p1, p2)
		}
		if !ok {
			return
		}
		if got := holds(t, not, []string{value}, []string{p1, p2}); got == want {
			t.Fatalf("%s(%q, %q, %q) = %v, as %s", not, value, p1, p2, got, operator)
		}
		if !holds(t, not, nil, []string{p1, p2}) {
			t.Fatalf("%s of nothing and %q, %q is false", not, p1, p2)
		}
	})
}
