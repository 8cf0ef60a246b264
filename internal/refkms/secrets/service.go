// Package secrets is the part of the reference KMS that keeps secrets: their values in versions, the labels that point
// at versions, their deletion and rotation; and it tags secrets and keys.
//
// Its handlers are methods of [Service]. They are called by the corridor (package server), which has checked the
// parameters, found the secret that is meant and asked for the rights on it. What is left for a handler is, in this
// order: that the secret is there, that it is not about to be deleted, that its type fits, what can be said of versions
// and labels without a key; then everything about the CMK, which is a call of its own inside the call; and the effect.
//
// # Compatibility
//
// Internal.
package secrets

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Options are the settings of a [Service].
type Options struct {
	MaxSecrets int // of an account in a region, those in a recovery window included; 0 is no limit
}

// A Service has the handlers, and what of secrets is not state: the settings and the ciphers used lately. It is safe
// for concurrent use.
type Service struct {
	opts  Options
	keys  *keys.Service // does with CMKs what the service may do by itself
	aeads material.Cache
}

// New returns a Service whose secrets may be under the CMKs of k.
func New(k *keys.Service, opts Options) *Service { return &Service{opts: opts, keys: k} }

// load returns the secret that the call found first.
func load(c *call.Call) (*state.Secret, error) {
	s := state.Secrets.Get(c.Tx, c.Scope, c.Found[0].ID)
	if s == nil {
		return nil, call.ErrSecretNotFound
	}
	return s, nil
}

// loadNormal returns the secret that the call found first, unless it is about to be deleted.
func loadNormal(c *call.Call) (*state.Secret, error) {
	s, err := load(c)
	if err == nil && s.Deletion != 0 {
		return nil, call.ErrSecretInWindow
	}
	return s, err
}

// save replaces a secret by its changed copy.
func save(c *call.Call, s state.Secret) { state.Secrets.Put(c.Tx, c.Scope, s.Name, &s) }

// remove deletes a secret for good, with all its versions.
func remove(tx state.Tx, scope state.Scope, s *state.Secret) {
	for _, v := range s.Versions {
		state.SecretValues.Delete(tx, scope, state.SecretValueID(s.Name, v.ID))
	}
	state.Secrets.Delete(tx, scope, s.Name)
}
