package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A statement is compiled. It applies to a request if its action, its resource, all its conditions, and in a trust policy
// its principal match.
type statement struct {
	deny       bool
	notAction  bool        // it applies to the actions that none of actions matches
	actions    []glob      // in lower case
	resources  []glob      // none in a trust policy
	principals []principal // in a trust policy only
	conditions []condition
}

// A condition is one key under one operator, with its values: any of them may be met.
type condition struct {
	key   string // as conditionKey has it
	not   bool   // the operator is the complement of meets
	meets func(value string) bool
}

// An operator makes the test of its values, and is negated or not.
type operator struct {
	not     bool
	compile func(values []string) func(value string) bool
}

// operators are those that RAM has, by their exact names. …IfExists, Null, ForAnyValue: and ForAllValues: are not among
// them.
var operators = map[string]operator{
	"StringEquals":              {false, stringEquals},
	"StringNotEquals":           {true, stringEquals},
	"StringEqualsIgnoreCase":    {false, stringEqualsIgnoreCase},
	"StringNotEqualsIgnoreCase": {true, stringEqualsIgnoreCase},
	"StringLike":                {false, stringLike},
	"StringNotLike":             {true, stringLike},
	"NumericEquals":             {false, numeric(func(c int) bool { return c == 0 })},
	"NumericNotEquals":          {true, numeric(func(c int) bool { return c == 0 })},
	"NumericLessThan":           {false, numeric(func(c int) bool { return c < 0 })},
	"NumericLessThanEquals":     {false, numeric(func(c int) bool { return c <= 0 })},
	"NumericGreaterThan":        {false, numeric(func(c int) bool { return c > 0 })},
	"NumericGreaterThanEquals":  {false, numeric(func(c int) bool { return c >= 0 })},
	"DateEquals":                {false, date(func(c int) bool { return c == 0 })},
	"DateNotEquals":             {true, date(func(c int) bool { return c == 0 })},
	"DateLessThan":              {false, date(func(c int) bool { return c < 0 })},
	"DateLessThanEquals":        {false, date(func(c int) bool { return c <= 0 })},
	"DateGreaterThan":           {false, date(func(c int) bool { return c > 0 })},
	"DateGreaterThanEquals":     {false, date(func(c int) bool { return c >= 0 })},
	"Bool":                      {false, boolean},
	"IpAddress":                 {false, ipAddress},
	"NotIpAddress":              {true, ipAddress},
}

// matchAny reports whether one of the patterns matches s.
func matchAny(patterns []glob, s string) bool {
	for _, g := range patterns {
		if g.match(s) {
			return true
		}
	}
	return false
}

// conditionKey returns the form of a condition key in which keys are compared: lower case up to the first slash. What
// follows it, the name of a tag, keeps its case.
func conditionKey(key string) string {
	name, tag, ok := strings.Cut(key, "/")
	if !ok {
		return lower(key)
	}
	return lower(name) + "/" + tag
}

// actionPattern compiles service:Name, or * for all.
func actionPattern(pattern string) (glob, bool) {
	service, name, ok := strings.Cut(pattern, ":")
	return compileGlob(lower(pattern)), pattern == "*" || ok && service != "" && name != "" && !strings.Contains(name, ":")
}

// resourcePattern compiles a pattern of ARNs, which begin with acs:.
func resourcePattern(pattern string) (glob, bool) {
	return compileGlob(pattern), strings.HasPrefix(pattern, "*") || strings.HasPrefix(pattern, "acs:")
}

func stringEquals(values []string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func stringEqualsIgnoreCase(values []string) func(string) bool {
	return func(v string) bool {
		return slices.ContainsFunc(values, func(p string) bool { return strings.EqualFold(p, v) })
	}
}

func stringLike(values []string) func(string) bool {
	globs := make([]glob, len(values))
	for i, p := range values {
		globs[i] = compileGlob(p)
	}
	return func(v string) bool { return matchAny(globs, v) }
}

// numeric, date, boolean and ipAddress pass over values of the policy that are none, and are not met by such a value of the
// request.
func numeric(holds func(cmp int) bool) func([]string) func(string) bool {
	return compared(parseDecimal, decimal.compare, holds)
}

func date(holds func(cmp int) bool) func([]string) func(string) bool {
	return compared(parseDate, time.Time.Compare, holds)
}

// compared makes the operators of a type that is ordered.
func compared[T any](parse func(string) (T, bool), compare func(T, T) int, holds func(cmp int) bool) func([]string) func(string) bool {
	return func(values []string) func(string) bool {
		ps := parsed(values, parse)
		return func(v string) bool {
			x, ok := parse(v)
			return ok && slices.ContainsFunc(ps, func(p T) bool { return holds(compare(x, p)) })
		}
	}
}

func parsed[T any](values []string, parse func(string) (T, bool)) []T {
	var ps []T
	for _, value := range values {
		if p, ok := parse(value); ok {
			ps = append(ps, p)
		}
	}
	return ps
}

// parseDate reads an instant in ISO 8601 with Z or an offset; the seconds may be missing.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func boolean(values []string) func(string) bool {
	ps := parsed(values, parseBool)
	return func(v string) bool {
		b, ok := parseBool(v)
		return ok && slices.Contains(ps, b)
	}
}

func parseBool(s string) (value, ok bool) {
	value = strings.EqualFold(s, "true")
	return value, value || strings.EqualFold(s, "false")
}

func ipAddress(values []string) func(string) bool {
	ps := parsed(values, parsePrefix)
	return func(v string) bool {
		addr, err := netip.ParseAddr(v)
		if err != nil {
			return false
		}
		addr = addr.Unmap().WithZone("")
		return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(addr) })
	}
}

// parsePrefix reads an address or a CIDR block. IPv4 in IPv6 is IPv4, here as in the request.
func parsePrefix(s string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, false
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, true
}
