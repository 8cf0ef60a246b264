package keys

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Rotate gives a key a new primary version, dated when it was due. A long jump of the clock makes one version for each
// interval that has passed, since every rotation sets the date of the next.
func (s *Service) Rotate(tx state.Tx, d *state.Due) *call.Happening {
	k := state.Keys.Get(tx, d.Scope, d.ID)
	rotated, _ := addVersion(tx, d.Scope, *k, random(specs[k.Spec].cipher), d.At)
	state.Keys.Put(tx, d.Scope, k.ID, &rotated)
	return &call.Happening{Name: "RotateKey", At: d.At, Scope: d.Scope, Resource: call.Resource{Kind: call.KeyKind, ID: d.ID}}
}

// Destroy removes a key whose deletion window is over, its versions and its aliases, for good.
func (s *Service) Destroy(tx state.Tx, d *state.Due) *call.Happening {
	var versions, aliases []string
	state.VersionsOf(tx, d.Scope, d.ID, func(id string) bool { versions = append(versions, id); return true })
	state.AliasesOf(tx, d.Scope, d.ID, func(name string) bool { aliases = append(aliases, name); return true })
	for _, id := range versions {
		state.Versions.Delete(tx, d.Scope, id)
	}
	for _, name := range aliases {
		state.Aliases.Delete(tx, d.Scope, name)
	}
	state.Keys.Delete(tx, d.Scope, d.ID)
	return &call.Happening{Name: "DeleteKey", At: d.At, Scope: d.Scope, Resource: call.Resource{Kind: call.KeyKind, ID: d.ID}}
}
