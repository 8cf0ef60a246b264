package state

import "encoding/binary"

// A Secret is an entry of Secrets Manager without the values of its versions, which lie in [SecretValues]: what changes
// it does not carry them along. Lists and maps are never changed in place.
type Secret struct {
	Name        string
	Type        string // as the service writes it
	Description string
	KeyID       string // of the CMK that protects the values; "" for the default key
	Created     Time
	Updated     Time
	Deletion    Time // end of the recovery window; 0 outside one
	Tags        map[string]string
	Versions    []SecretVersion // in the order in which they were added
	Labels      []SecretLabel   // in the order in which the service lists them, no label twice

	// Of the types that the service rotates itself.
	Config           string   // the extended configuration, JSON
	Accounts         []string // names of the accounts that take turns, if the type has accounts
	Turn             int      // which of them the current version is of
	RotationInterval int64    // seconds; 0 if there is no policy
	RotationSince    Time     // when the policy was set, or the secret last restored: no rotation is dated before
	LastRotation     Time     // 0 if it never was rotated
	RotationFailed   bool     // the last rotation that was due has failed: none is until the policy is set anew
}

// A SecretVersion is what is known of one version of a secret besides its value.
type SecretVersion struct {
	ID       string
	Created  Time
	DataType string // as the service writes it
}

// A SecretLabel points at one version of a secret.
type SecretLabel struct{ Name, Version string }

// RotationDue returns when the secret rotates next, 0 if it does not: counted from its last rotation, or its creation,
// unless that was past when the policy took effect.
func (s *Secret) RotationDue() Time {
	if s.RotationInterval == 0 || s.Deletion != 0 || s.RotationFailed {
		return 0
	}
	return max(s.NextRotation(), s.RotationSince)
}

// NextRotation returns the date that the service shows.
func (s *Secret) NextRotation() Time {
	last := s.LastRotation
	if last == 0 {
		last = s.Created
	}
	return last + Time(s.RotationInterval)
}

// Secrets holds the secrets, by name. Their dates are in [Dues].
var Secrets = Table[Secret]{id: tableSecrets, derive: func(tx Tx, s Scope, id string, was, is *Secret) {
	var before, after Secret
	if was != nil {
		before = *was
	}
	if is != nil {
		after = *is
	}
	if before.ageID() != after.ageID() {
		if was != nil {
			secretAges.Delete(tx, s, was.ageID())
		}
		if is != nil {
			secretAges.Put(tx, s, is.ageID(), present)
		}
	}
	moveDue(tx, s, id, DuePurge, before.Deletion, after.Deletion)
	moveDue(tx, s, id, DueSecretRotation, before.RotationDue(), after.RotationDue())
}}

// secretAges holds date of creation / name: the secrets, oldest first.
var secretAges = Table[Index]{id: tableSecretAges}

const ageSize = 8 // bytes of a date

// ageID orders as the date does: dates are not negative.
func (s *Secret) ageID() string {
	return string(binary.BigEndian.AppendUint64(make([]byte, 0, ageSize+len(s.Name)), uint64(s.Created))) + s.Name
}

// SecretsByAge calls yield with the names of all secrets, oldest first, those of one second by name, until it returns
// false.
func SecretsByAge(tx Tx, s Scope, yield func(name string) bool) {
	for id := range secretAges.All(tx, s) {
		if !yield(id[ageSize:]) {
			return
		}
	}
}

// A SecretValue is the value of one version, sealed.
type SecretValue struct {
	WrappedKey string // the data key, as a blob of the CMK or of the default key
	Sealed     []byte // the value under it
}

// SecretValues holds the values, by [SecretValueID]. A value is written once.
var SecretValues = Table[SecretValue]{id: tableSecretValues}

// SecretValueID returns the id of the value of a version. The name of a secret holds no zero byte.
func SecretValueID(name, version string) string { return name + "\x00" + version }

// A DefaultKey protects the values of secrets that have no CMK of their own. It is no CMK: nobody can see or use it.
type DefaultKey struct {
	ID       string // 36 bytes: it begins every blob of the key
	Created  Time
	Material Material
}

// DefaultKeys holds at most one key, under "", in the scope of an account in a region.
var DefaultKeys = Table[DefaultKey]{id: tableDefaultKeys}
