// Package catalog is the one table of operations of the reference KMS. Everything that is true of an operation stands
// in its row: its parameters are the fields of its request, the rest is a call.Row.
//
// # Compatibility
//
// Internal.
package catalog

import (
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// Rooms are the parts of the service whose handlers the table has. One that is nil has no rows; all need Keys.
type Rooms struct {
	Keys     *keys.Service
	Secrets  *secrets.Service
	Identity *identity.Service
	Trail    *trail.Trail
}

// A Table is the operations, and what is done when something falls due. It is immutable.
type Table struct {
	operations map[string]*call.Operation
	dues       map[state.DueKind]call.DueFunc
}

// New returns the table over rooms. A row that is declared twice panics.
func New(r Rooms) *Table {
	t := &Table{
		operations: map[string]*call.Operation{},
		dues: map[state.DueKind]call.DueFunc{
			state.DueRotation:       r.Keys.Rotate,
			state.DueDestruction:    r.Keys.Destroy,
			state.DueMaterialExpiry: r.Keys.Expire,

			state.DueSecretRotation: r.Secrets.Rotate,
			state.DuePurge:          r.Secrets.Purge,
		},
	}
	for _, op := range slices.Concat(
		keysTable(r.Keys),
		certificatesTable(r.Keys),
		secretsTable(r.Secrets),
		identityTable(r.Identity),
		trailTable(r.Trail),
	) {
		if t.operations[op.Name] != nil {
			panic("catalog: " + op.Name + " is declared twice")
		}
		t.operations[op.Name] = op
	}
	return t
}

// Lookup returns the operation of a name, nil if there is none.
func (t *Table) Lookup(name string) *call.Operation { return t.operations[name] }

// Names returns the names of all operations, ascending.
func (t *Table) Names() []string {
	names := make([]string, 0, len(t.operations))
	for name := range t.operations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Due returns what is done when an event of a kind falls due.
func (t *Table) Due(kind state.DueKind) call.DueFunc { return t.dues[kind] }
