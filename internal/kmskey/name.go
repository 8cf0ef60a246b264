package kmskey

import (
	"errors"
	"fmt"
	"strings"
)

// A Name is the id, alias or ARN of a CMK, taken apart.
type Name struct {
	region, account string // both or neither
	id              string // bare key id, or alias with its prefix
}

const (
	aliasPrefix = "alias/"
	maxName     = 512 // characters of a name; an ARN has about 80
	maxPart     = 32  // characters of a region or an account
)

// ErrName: a text is no name of a CMK.
var ErrName = errors.New("not a key id, alias or ARN")

// ParseName takes a key id, alias name ("alias/..."), key ARN (acs:kms:<region>:<account>:key/<id>) or alias ARN apart.
// It is strict, since ids also come from files and answers. Anything else is [ErrName].
func ParseName(s string) (Name, error) {
	fail := func() (Name, error) { return Name{}, fmt.Errorf("kmskey: %s: %w", Quote(s), ErrName) }
	if len(s) > maxName {
		return fail()
	}
	n := Name{id: s}
	if rest, ok := strings.CutPrefix(s, "acs:kms:"); ok {
		parts := strings.Split(rest, ":")
		if len(parts) != 3 || !only(parts[0], maxPart, isRegion) || !only(parts[1], maxPart, isDigit) {
			return fail()
		}
		n = Name{parts[0], parts[1], parts[2]}
		if id, ok := strings.CutPrefix(n.id, "key/"); ok {
			n.id = id
		} else if !n.IsAlias() {
			return fail()
		}
	}
	if alias, ok := strings.CutPrefix(n.id, aliasPrefix); ok {
		if !only(alias, maxName, isAlias) {
			return fail()
		}
	} else if !only(n.id, maxName, isKeyID) {
		return fail()
	}
	return n, nil
}

// IsAlias reports whether the name is an alias, or the ARN of one.
func (n Name) IsAlias() bool { return strings.HasPrefix(n.id, aliasPrefix) }

// IsARN reports whether region and account are known.
func (n Name) IsARN() bool { return n.region != "" }

// ID returns what requests carry: the bare key id, or the alias.
func (n Name) ID() string { return n.id }

// Same reports whether two names are of one key: the bare ids are equal and, where both are ARNs, region and account too.
// An alias names no key here.
func (n Name) Same(o Name) bool {
	return n.id == o.id && !n.IsAlias() && (!n.IsARN() || !o.IsARN() || n.region == o.region && n.account == o.account)
}

// String spells the name as it was parsed.
func (n Name) String() string {
	switch {
	case !n.IsARN():
		return n.id
	case n.IsAlias():
		return "acs:kms:" + n.region + ":" + n.account + ":" + n.id
	}
	return "acs:kms:" + n.region + ":" + n.account + ":key/" + n.id
}

// Quote prints a text that a peer chose, cut to a length at which it stays readable.
func Quote(s string) string {
	const most = 128
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

func only(s string, limit int, ok func(c byte) bool) bool {
	if len(s) == 0 || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isRegion(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) || c == '-' }
func isKeyID(c byte) bool  { return isRegion(c) || 'A' <= c && c <= 'Z' || c == '_' }
func isAlias(c byte) bool  { return isKeyID(c) || c == '/' }
