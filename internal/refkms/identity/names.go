package identity

import (
	cryptorand "crypto/rand"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// The limits of names, in characters.
const (
	maxName       = 64 // of a user, group or role
	maxPolicyName = 128
	maxAccount    = 64
	maxAccessKey  = 128 // of an access key, its id or secret
)

// The characters of names: none that means something in an ARN or a pattern.
const (
	letters        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits         = "0123456789"
	nameCharacters = letters + digits + ".@-_"
)

// CheckName refuses what is no name of a User, Group, Role or Policy.
func CheckName(kind, name string) error {
	limit := maxName
	if kind == "Policy" {
		limit = maxPolicyName
	}
	if name == "" || len(name) > limit || strings.Trim(name, nameCharacters) != "" {
		return call.InvalidName(kind)
	}
	return nil
}

// CheckAccount refuses what is no account.
func CheckAccount(account string) error {
	if account == "" || len(account) > maxAccount || strings.Trim(account, digits) != "" {
		return call.InvalidName("Account")
	}
	return nil
}

// CheckAccessKey refuses what is no access key of long term: the id is of characters that end in no signature, and
// not that of a session.
func CheckAccessKey(id, secret string) error {
	if id == "" || len(id) > maxAccessKey || strings.Trim(id, letters+digits+".-_") != "" || strings.HasPrefix(id, sessionPrefix) {
		return call.InvalidName("AccessKey")
	}
	if secret == "" || len(secret) > maxAccessKey {
		return call.Invalid("AccessKeySecret")
	}
	return nil
}

// NewAccessKey returns a random access key.
func NewAccessKey() (id, secret string) { return "LTAI" + cryptorand.Text()[:20], cryptorand.Text() }

// newID returns the id of a new user or role, eighteen digits of which the first is given. It protects nothing.
func newID(first uint64) string {
	const rest = 1e17
	return strconv.FormatUint(first*rest+rand.Uint64N(rest), 10)
}
