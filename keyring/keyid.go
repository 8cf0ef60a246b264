package keyring

import (
	"errors"
	"strings"

	"github.com/xinfeng-kms/xinfeng/format"
)

// A keyName is the id, alias or ARN of a CMK, taken apart. Names of alias have the prefix "alias/".
type keyName struct {
	region, account string // both or neither
	name            string // bare key id, or alias
}

const (
	aliasPrefix = "alias/"
	maxAlias    = 255 // characters after the prefix
	maxRegion   = 32
	maxAccount  = 32
)

var errKeyName = errors.New("not a key id, alias or ARN")

// parseKeyName takes a key id, alias name, key ARN (acs:kms:<region>:<account>:key/<id>) or alias ARN
// (acs:kms:<region>:<account>:alias/<name>) apart. It is strict, since ARNs also come from messages: a region is lower-case
// letters, digits and hyphens, and nothing in it can become part of an address.
func parseKeyName(s string) (keyName, error) {
	if len(s) == 0 || len(s) > format.MaxKeyIDSize {
		return keyName{}, errKeyName
	}
	var k keyName
	if rest, ok := strings.CutPrefix(s, "acs:"); ok {
		parts := strings.SplitN(rest, ":", 4)
		if len(parts) != 4 || parts[0] != "kms" || !only(parts[1], maxRegion, isRegion) || !only(parts[2], maxAccount, isDigit) {
			return keyName{}, errKeyName
		}
		k.region, k.account = parts[1], parts[2]
		if id, ok := strings.CutPrefix(parts[3], "key/"); ok {
			k.name = id
			if !only(id, format.MaxKeyIDSize, isKeyID) {
				return keyName{}, errKeyName
			}
			return k, nil
		}
		if k.name = parts[3]; !k.isAlias() {
			return keyName{}, errKeyName
		}
	} else {
		k.name = s
	}
	if alias, ok := strings.CutPrefix(k.name, aliasPrefix); ok {
		if !only(alias, maxAlias, isAlias) {
			return keyName{}, errKeyName
		}
	} else if !only(k.name, format.MaxKeyIDSize, isKeyID) {
		return keyName{}, errKeyName
	}
	return k, nil
}

func (k keyName) isAlias() bool { return strings.HasPrefix(k.name, aliasPrefix) }
func (k keyName) isARN() bool   { return k.region != "" }

// String spells the name as an ARN where region and account are known, as a bare id or alias otherwise.
func (k keyName) String() string {
	switch {
	case !k.isARN():
		return k.name
	case k.isAlias():
		return "acs:kms:" + k.region + ":" + k.account + ":" + k.name
	}
	return "acs:kms:" + k.region + ":" + k.account + ":key/" + k.name
}

// same reports whether two names are of one key: the bare ids are equal and, where both are ARNs, region and account
// too. An alias names no key here.
func (k keyName) same(o keyName) bool {
	return k.name == o.name && !k.isAlias() && (!k.isARN() || !o.isARN() || k.region == o.region && k.account == o.account)
}

// with returns the key of the given bare id in k's region and account.
func (k keyName) with(id string) keyName {
	k.name = id
	return k
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
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isRegion(c byte) bool { return isLower(c) || isDigit(c) || c == '-' }
func isKeyID(c byte) bool  { return isRegion(c) || 'A' <= c && c <= 'Z' || c == '_' }
func isAlias(c byte) bool  { return isKeyID(c) || c == '/' }
