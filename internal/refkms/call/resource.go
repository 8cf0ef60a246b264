package call

import (
	"strings"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Kind is the kind of a resource.
type Kind uint8

// The kinds of resources that keys bring.
const (
	KeyKind        Kind = 1 // ID is the key id
	AliasKind      Kind = 2 // ID is the name of the alias, with its prefix
	KeyContainer   Kind = 3
	AliasContainer Kind = 4
)

// The kinds of resources that secrets bring.
const (
	SecretKind      Kind = 5 // ID is the name of the secret
	SecretContainer Kind = 6
)

// The kinds of resources that no room of KMS brings.
const (
	Nothing  Kind = 100 // of an operation on no resource: only policies for all resources, *, grant it
	RoleKind Kind = 101 // ID is the ARN of the role, which may be of another account
)

// A Resource is something rights are asked on and the trail names. It need not exist.
type Resource struct {
	Kind Kind
	ID   string
}

// TrailType returns what the trail calls things of the kind, "" if it names none of them.
func (k Kind) TrailType() string {
	switch k {
	case KeyKind:
		return "ACS::KMS::Key"
	case AliasKind:
		return "ACS::KMS::Alias"
	case SecretKind:
		return "ACS::KMS::Secret"
	}
	return ""
}

// AliasPrefix begins every alias.
const AliasPrefix = "alias/"

// ARN returns the name of the resource in the world of the call.
func (c *Call) ARN(r Resource) string { return ARN(c.Account(), c.Region(), r) }

// ARN returns the name of a resource in an account and region.
func ARN(account, region string, r Resource) string {
	world := "acs:kms:" + region + ":" + account + ":"
	switch r.Kind {
	case KeyKind:
		return world + "key/" + r.ID
	case AliasKind:
		return world + r.ID
	case KeyContainer:
		return world + "key"
	case AliasContainer:
		return world + "alias"
	case SecretKind:
		return world + "secret/" + r.ID
	case SecretContainer:
		return world + "secret"
	case Nothing:
		return "*"
	case RoleKind:
		return r.ID
	}
	panic("call: internal error: a resource without a kind")
}

// maxKeyName is the longest name of a key that is looked up, in bytes: an alias ARN with 255 characters of name, and
// some. No longer one can exist.
const maxKeyName = 512

// ResolveKey returns the key id that a parameter names: an id, the ARN of a key or, where alias is set, an alias or its
// ARN. An id need not exist. It refuses with ErrUnsupportedAlias, ErrAliasNotFound and, for ARNs that lead out of this
// world or nowhere, ErrKeyNotFound: without key policies nothing of another account can be reached.
func (c *Call) ResolveKey(name string, alias bool) (string, error) {
	if len(name) > maxKeyName || !utf8.ValidString(name) {
		return "", ErrKeyNotFound
	}
	if strings.HasPrefix(name, "acs:") {
		parts := strings.SplitN(name, ":", 5) // acs:kms:<region>:<account>:<resource>
		if len(parts) != 5 || parts[1] != "kms" {
			return "", ErrKeyNotFound
		}
		foreign := parts[2] != c.Region() || parts[3] != c.Account()
		id, isKey := strings.CutPrefix(parts[4], "key/")
		switch {
		case isKey && !foreign:
			return id, nil
		case isKey || !strings.HasPrefix(parts[4], AliasPrefix):
			return "", ErrKeyNotFound
		case foreign && alias:
			return "", ErrAliasNotFound
		}
		name = parts[4]
	}
	if !strings.HasPrefix(name, AliasPrefix) {
		return name, nil
	}
	if !alias {
		return "", ErrUnsupportedAlias
	}
	a := state.Aliases.Get(c.Tx, c.Scope, name)
	if a == nil {
		return "", ErrAliasNotFound
	}
	return a.KeyID, nil
}

// ResolveSecret returns the name that a parameter names: a name or the ARN of a secret, which need not exist. An ARN
// that leads to another region is refused with ErrSecretNotFound, one that leads to another account with
// ErrNoPermission: without secret policies nothing of another account can be reached. name is well formed.
func (c *Call) ResolveSecret(name string) (string, error) {
	parts := strings.SplitN(name, ":", 5) // acs:kms:<region>:<account>:secret/<name>
	if len(parts) != 5 {
		return name, nil
	}
	switch {
	case parts[3] != c.Account():
		return "", NoPermission(name)
	case parts[2] != c.Region():
		return "", ErrSecretNotFound
	}
	return strings.TrimPrefix(parts[4], "secret/"), nil
}
