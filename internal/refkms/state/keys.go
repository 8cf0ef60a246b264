package state

import "fmt"

// KeyState is the state of a CMK.
type KeyState uint8

// The states of a CMK. A key whose deletion window is over has no record.
const (
	Enabled         KeyState = 1
	Disabled        KeyState = 2
	PendingDeletion KeyState = 3
	PendingImport   KeyState = 4
)

var keyStates = [...]string{Enabled: "Enabled", Disabled: "Disabled", PendingDeletion: "PendingDeletion", PendingImport: "PendingImport"}

// String returns the state as the service writes it.
func (s KeyState) String() string {
	if int(s) >= len(keyStates) || keyStates[s] == "" {
		return fmt.Sprintf("KeyState(%d)", uint8(s))
	}
	return keyStates[s]
}

// A Key is a CMK. Names of specs, usages, origins and protection levels are those of the service.
type Key struct {
	ID              string
	Description     string
	Spec            string
	Usage           string
	Origin          string
	ProtectionLevel string
	State           KeyState
	Service         string // code of the cloud service that owns the key; "" for the account's own
	Created         Time
	Tags            map[string]string // never changed in place

	Versions     uint32 // made so far: the number of the newest
	Primary      string // version that encrypts; "" for asymmetric keys
	LastRotation Time   // creation of the newest version

	RotationInterval int64 // seconds; 0 if there is no policy
	RotationSince    Time  // when the policy was set, or the key last enabled: no rotation is dated before

	DeletionDate Time // end of the deletion window; 0 unless PendingDeletion

	// Of keys whose material is imported.
	ImportSecret    Material // random: what import tokens are sealed under and the mark is made with
	MaterialMark    []byte   // keyed hash of the material that the key is bound to; nil before the first import
	MaterialExpires Time     // of the material; 0 for never, and without material

	DeletionProtection            bool
	DeletionProtectionDescription string
}

// RotationDue returns when the key rotates next: 0 for a key without a policy or whose policy is suspended. It is the
// date the service shows, LastRotation + RotationInterval, unless that was past when the policy took effect.
func (k *Key) RotationDue() Time {
	if k.RotationInterval == 0 || k.State != Enabled {
		return 0
	}
	return max(k.LastRotation+Time(k.RotationInterval), k.RotationSince)
}

// Keys holds the CMKs, by key id. Their dates are in [Dues].
var Keys = Table[Key]{id: tableKeys, derive: func(tx Tx, s Scope, id string, was, is *Key) {
	var before, after Key
	if was != nil {
		before = *was
	}
	if is != nil {
		after = *is
	}
	moveDue(tx, s, id, DueRotation, before.RotationDue(), after.RotationDue())
	moveDue(tx, s, id, DueDestruction, before.DeletionDate, after.DeletionDate)
	moveDue(tx, s, id, DueMaterialExpiry, before.MaterialExpires, after.MaterialExpires)
}}

// A Version is one version of a CMK: an independent key.
type Version struct {
	ID       string // 36 bytes: it begins every CiphertextBlob of the version
	KeyID    string
	Number   uint32 // 1 for the first of its key
	Created  Time
	Material Material // none if it is to be imported
}

// Versions holds the versions of all keys, by version id; a blob names no key.
var Versions = Table[Version]{id: tableVersions, derive: func(tx Tx, s Scope, id string, was, is *Version) {
	if was != nil {
		keyVersions.Delete(tx, s, was.indexID())
	}
	if is != nil {
		keyVersions.Put(tx, s, is.indexID(), present)
	}
}}

// keyVersions holds key id / complement of the number / version id: the versions of a key, newest first.
var keyVersions = Table[Index]{id: tableKeyVersions}

func (v *Version) indexID() string { return fmt.Sprintf("%s/%08x/%s", v.KeyID, ^v.Number, v.ID) }

// VersionsOf calls yield with the ids of the versions of a key, newest first, until it returns false.
func VersionsOf(tx Tx, s Scope, keyID string, yield func(versionID string) bool) {
	for id := range keyVersions.From(tx, s, keyID+"/") {
		// The id of a key holds no slash, the complement has eight digits.
		if len(id) <= len(keyID)+10 || id[:len(keyID)+1] != keyID+"/" || !yield(id[len(keyID)+10:]) {
			return
		}
	}
}

// An Alias is a name of a key.
type Alias struct {
	Name  string // with its prefix, alias/
	KeyID string
}

// Aliases holds the aliases, by name.
var Aliases = Table[Alias]{id: tableAliases, derive: func(tx Tx, s Scope, id string, was, is *Alias) {
	if was != nil {
		keyAliases.Delete(tx, s, was.KeyID+"/"+was.Name)
	}
	if is != nil {
		keyAliases.Put(tx, s, is.KeyID+"/"+is.Name, present)
	}
}}

// keyAliases holds key id / alias name.
var keyAliases = Table[Index]{id: tableKeyAliases}

// AliasesOf calls yield with the names of the aliases of a key, ascending, until it returns false.
func AliasesOf(tx Tx, s Scope, keyID string, yield func(name string) bool) {
	for id := range keyAliases.From(tx, s, keyID+"/") {
		if len(id) <= len(keyID)+1 || id[:len(keyID)+1] != keyID+"/" || !yield(id[len(keyID)+1:]) {
			return
		}
	}
}
