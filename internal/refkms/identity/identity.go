// Package identity is the part of the reference KMS that knows who there is: accounts, RAM users, groups and roles, their
// access keys and the policies attached to them. It proves callers, decides what they may do, and has the operations of
// STS.
//
// # What grows
//
// Sessions take no memory: a security token carries its session, sealed under a key of the server. What is kept ready is
// the rights of the 2^16 principals that called last, and 2^14 compiled documents; when one of these is full, it is
// forgotten as a whole and filled anew by need.
//
// # Compatibility
//
// Internal. What a token holds may change with every release: tokens live for hours.
package identity

import (
	"crypto/rand"
	"sync/atomic"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Service has the handlers, and what of identities is not state: keys and rights that are kept ready. It is safe for
// concurrent use.
type Service struct {
	vault     atomic.Pointer[vault]
	documents documents
	rights    rights
}

// New returns a Service.
func New() *Service { return new(Service) }

// tokenKey is the name of the server's key for sessions.
const tokenKey = "sts"

// Prepared reports whether there is nothing for Prepare to do.
func (s *Service) Prepared(tx state.Tx) bool {
	return state.ServerKeys.Get(tx, state.Everywhere, tokenKey) != nil
}

// Prepare makes the key that sessions are sealed under, if the store has none yet.
func (s *Service) Prepare(tx state.Tx) {
	if s.Prepared(tx) {
		return
	}
	key := make([]byte, vaultKeySize)
	rand.Read(key)
	state.ServerKeys.Put(tx, state.Everywhere, tokenKey, &state.ServerKey{Name: tokenKey, Key: state.NewMaterial(key)})
}
