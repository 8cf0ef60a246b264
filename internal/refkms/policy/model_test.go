package policy_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

// The model is the language once more, as slow and as plain as can be: it interprets the document at each request, patterns
// are regular expressions, numbers are fractions, networks are package net's. It shares nothing with the package.

// modelDecide returns what a document says. The document is one that Parse takes.
func modelDecide(t testing.TB, document []byte, r *policy.Request) string {
	t.Helper()
	var doc struct {
		Statement []struct {
			Effect                      string
			Action, NotAction, Resource any
			Condition                   map[string]map[string]any
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatalf("Parse took what is not JSON: %v: %q", err, document)
	}
	verdict := "ImplicitDeny"
	for _, s := range doc.Statement {
		applies := modelAny(s.Action, func(p string) bool { return modelGlob("(?i)", p, r.Action) })
		if s.NotAction != nil {
			applies = !modelAny(s.NotAction, func(p string) bool { return modelGlob("(?i)", p, r.Action) })
		}
		applies = applies && modelAny(s.Resource, func(p string) bool { return modelGlob("", p, r.Resource) })
		for operator, keys := range s.Condition {
			for key, values := range keys {
				positive, not := modelPositive(operator)
				if i := strings.Index(key, "/"); i < 0 {
					key = strings.ToLower(key)
				} else {
					key = strings.ToLower(key[:i]) + key[i:]
				}
				met := false
				request, _ := r.Lookup(key)
				for _, v := range request {
					met = met || modelAny(values, func(p string) bool { return modelMeets(positive, v, p) })
				}
				applies = applies && met != not
			}
		}
		if applies && s.Effect == "Deny" {
			return "ExplicitDeny"
		}
		if applies {
			verdict = "Allow"
		}
	}
	return verdict
}

func modelAny(v any, f func(string) bool) bool {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return f(e.(string)) })
	}
	return false
}

func modelGlob(flags, pattern, s string) bool {
	re := regexp.QuoteMeta(pattern)
	re = strings.ReplaceAll(re, `\*`, `(?s:.*)`)
	re = strings.ReplaceAll(re, `\?`, `(?s:.)`)
	return regexp.MustCompile(flags + "^(?:" + re + ")$").MatchString(s)
}

func modelPositive(operator string) (positive string, not bool) {
	for p, n := range negated {
		if n == operator {
			return p, true
		}
	}
	return operator, false
}

var modelDecimal = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

func modelMeets(operator, v, p string) bool {
	holds := func(order int) bool {
		switch {
		case strings.HasSuffix(operator, "LessThan"):
			return order < 0
		case strings.HasSuffix(operator, "LessThanEquals"):
			return order <= 0
		case strings.HasSuffix(operator, "GreaterThan"):
			return order > 0
		case strings.HasSuffix(operator, "GreaterThanEquals"):
			return order >= 0
		}
		return order == 0
	}
	switch {
	case operator == "StringEquals":
		return v == p
	case operator == "StringEqualsIgnoreCase":
		return strings.EqualFold(v, p)
	case operator == "StringLike":
		return modelGlob("", p, v)
	case operator == "Bool":
		v, p = strings.ToLower(v), strings.ToLower(p)
		return v == p && (v == "true" || v == "false")
	case operator == "IpAddress":
		ip := net.ParseIP(v)
		if one := net.ParseIP(p); one != nil {
			return one.Equal(ip)
		}
		_, network, err := net.ParseCIDR(p)
		return err == nil && ip != nil && network.Contains(ip)
	case strings.HasPrefix(operator, "Numeric"):
		if !modelDecimal.MatchString(v) || !modelDecimal.MatchString(p) {
			return false
		}
		x, _ := new(big.Rat).SetString(strings.TrimPrefix(v, "+"))
		y, _ := new(big.Rat).SetString(strings.TrimPrefix(p, "+"))
		return holds(x.Cmp(y))
	case strings.HasPrefix(operator, "Date"):
		x, err1 := modelDate(v)
		y, err2 := modelDate(p)
		return err1 == nil && err2 == nil && holds(x.Compare(y))
	}
	panic("the model does not know " + operator)
}

func modelDate(s string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04Z07:00", s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

func TestRandomPoliciesAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	list := func(from ...string) string {
		texts := make([]string, 1+random.IntN(3))
		for i := range texts {
			texts[i] = pick(from...)
		}
		b, err := json.Marshal(texts)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	conditions := []func() string{
		func() string {
			return fmt.Sprintf(`"%s":{"acs:Key":%s}`, pick("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), list("a", "A", "ab", "*"))
		},
		func() string {
			return fmt.Sprintf(`"%s":{"KMS:tag/K":%s}`, pick("StringLike", "StringNotLike"), list("a*", "?", "*b", "A?", "*"))
		},
		func() string {
			return fmt.Sprintf(`"Numeric%s":{"acs:N":%s}`, pick("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"), list("0", "-1", "1.0", "01", "2.5", "x"))
		},
		func() string {
			return fmt.Sprintf(`"Date%s":{"acs:T":%s}`, pick("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"),
				list("2020-01-01T00:00:00Z", "2020-01-01T08:00:00+08:00", "2019-12-31T23:59:59Z", "2021-01-01T00:00Z", "x"))
		},
		func() string {
			return fmt.Sprintf(`"%s":{"acs:IP":%s}`, pick("IpAddress", "NotIpAddress"), list("10.0.0.0/8", "10.1.2.3", "::ffff:10.1.0.0/112", "2001:db8::/32", "x"))
		},
		func() string { return fmt.Sprintf(`"Bool":{"acs:B":%s}`, list("true", "False", "x")) },
	}
	statement := func() string {
		condition := ""
		if n := random.IntN(3); n > 0 {
			var parts []string
			for _, i := range random.Perm(len(conditions))[:n] {
				parts = append(parts, conditions[i]())
			}
			condition = `,"Condition":{` + strings.Join(parts, ",") + `}`
		}
		return fmt.Sprintf(`{"Effect":"%s","%s":%s,"Resource":%s%s}`, pick("Allow", "Allow", "Deny"), pick("Action", "Action", "Action", "NotAction"),
			list("*", "kms:*", "kms:Encrypt", "KMS:de*", "kms:?ncrypt", "ram:*"), list("*", "acs:kms:*:*:key/*", "acs:kms:*:*:key*", "acs:*:1", "acs:kms:r:a:key/?"), condition)
	}
	counts := map[string]int{}
	for range 1000 {
		var documents []string
		for range 1 + random.IntN(3) {
			var ss []string
			for range 1 + random.IntN(3) {
				ss = append(ss, statement())
			}
			documents = append(documents, statements(ss...))
		}
		var policies []*policy.Policy
		for _, d := range documents {
			policies = append(policies, mustParse(t, d))
		}
		for range 5 {
			var pairs []string
			for key, values := range map[string][]string{
				"acs:key": {"a", "A", "ab", "x", ""}, "kms:tag/K": {"a", "ab", "b"}, "acs:n": {"0", "1", "-1", "2.50", "x"},
				"acs:t": {"2020-01-01T00:00:00Z", "2020-06-01T00:00:00Z", "2019-01-01T00:00:00Z"}, "acs:ip": {"10.1.2.3", "10.9.9.9", "2001:db8::1", "8.8.8.8"},
				"acs:b": {"true", "false", "TRUE"},
			} {
				if random.IntN(4) > 0 {
					pairs = append(pairs, key, pick(values...))
				}
			}
			r := &policy.Request{Action: pick("kms:Encrypt", "kms:Decrypt", "kms:encrypt", "ram:X"),
				Resource: pick("acs:kms:r:a:key", "acs:kms:r:a:key/1", "acs:kms:r:a:secret/1", "*"), Lookup: lookup(pairs...)}
			want := "ImplicitDeny"
			for _, d := range documents {
				switch one := modelDecide(t, []byte(d), r); {
				case one == "ExplicitDeny", one == "Allow" && want == "ImplicitDeny":
					want = one
				}
			}
			counts[want]++
			if got := policy.Evaluate(r, nil, policies[:1], policies[1:]).Decision.String(); got != want {
				t.Fatalf("seed %d: %s on %s with %q: %s, the model says %s:\n%s", seed, r.Action, r.Resource, pairs, got, want, strings.Join(documents, "\n"))
			}
		}
	}
	for _, d := range []string{"ImplicitDeny", "Allow", "ExplicitDeny"} {
		if counts[d] < 200 {
			t.Errorf("only %d of the requests are %s: the test has lost its point", counts[d], d)
		}
	}
}
