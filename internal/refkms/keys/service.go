// Package keys is the part of the reference KMS that has to do with customer master keys: their life, their aliases,
// versions and rotation, and cryptography with them.
//
// Its handlers are methods of [Service]. They are called by the corridor (package server), which has checked the
// parameters, found the keys that are meant and asked for the rights on them. What is left for a handler is, in this
// order: that the key is there, that its kind fits, that its state allows it, the quota, and the effect.
//
// # Compatibility
//
// Internal.
package keys

import (
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Options are the settings of a [Service].
type Options struct {
	MaxKeys         int          // made by users, of an account in a region, in any state; 0 is no limit
	MaxAliases      int          // of an account in a region, those of services not counted; 0 is no limit
	MaxDeletionDays int          // longest deletion window, 30 or more; 0 is 30
	MaxVersions     int          // made by CreateKeyVersion, of a key; 0 is no limit
	Spares          int          // pairs of each slow spec that are made ahead once one was asked for
	Regions         []string     // that the server has, ascending
	AAD             material.AAD // how blobs authenticate their encryption context
}

// A Service has the handlers, and what of keys is not state: the settings, spare key pairs, and the ciphers and pairs used
// lately. It is safe for concurrent use.
type Service struct {
	opts   Options
	aeads  material.Cache
	pairs  material.PairCache
	spares *material.Spares
}

// New returns a Service.
func New(opts Options) *Service {
	if opts.MaxDeletionDays == 0 {
		opts.MaxDeletionDays = 30
	}
	return &Service{opts: opts, spares: material.NewSpares(opts.Spares)}
}

// load returns the key that the call found in place i.
func load(c *call.Call, i int) (*state.Key, error) {
	k := state.Keys.Get(c.Tx, c.Scope, c.Found[i].ID)
	if k == nil {
		return nil, call.ErrKeyNotFound
	}
	return k, nil
}

// save replaces a key by its changed copy.
func save(c *call.Call, k state.Key) { state.Keys.Put(c.Tx, c.Scope, k.ID, &k) }

// own refuses to change a key that a cloud service owns.
func own(k *state.Key) error {
	if k.Service != "" {
		return call.ErrUnsupportedOperation
	}
	return nil
}

// A verdict is what each state of a key answers to an operation, nil where it allows it.
type verdict [state.PendingImport + 1]error

// The verdicts. Where a key is used or edited, the state is named; where its state would change, the change has failed.
var (
	toUse = verdict{
		state.Disabled:        call.ErrDisabled,
		state.PendingDeletion: call.ErrPendingDeletion,
		state.PendingImport:   call.ErrPendingImport,
	}
	toEdit   = verdict{state.PendingDeletion: call.ErrPendingDeletion} // also to have an alias moved to it
	toSwitch = verdict{
		state.PendingDeletion: call.ErrStateModifiedFailed,
		state.PendingImport:   call.ErrStateModifiedFailed,
	}
	toSchedule = verdict{state.PendingDeletion: call.ErrStateModifiedFailed} // also to get an alias, or material
	toCancel   = verdict{
		state.Enabled:       call.ErrStateModifiedFailed,
		state.Disabled:      call.ErrStateModifiedFailed,
		state.PendingImport: call.ErrStateModifiedFailed,
	}
)

// of returns what the state of k answers.
func (v *verdict) of(k *state.Key) error { return v[k.State] }

// serviceAlias reports whether an alias is one of those that cloud services have.
func serviceAlias(name string) bool { return strings.HasPrefix(name, call.AliasPrefix+"acs") }
