package refkms

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// maxAccessKeySize is the longest access key, id or secret, in bytes.
const maxAccessKeySize = 128

// checkRootAccessKey checks the access key of the account itself that options have: none, or both parts.
func checkRootAccessKey(id, secret string) error {
	switch {
	case id == "" && secret == "":
		return nil
	case id == "" || secret == "":
		return errors.New("refkms: options: an access key without id or without secret")
	}
	if len(id) > maxAccessKeySize || len(secret) > maxAccessKeySize {
		return fmt.Errorf("refkms: options: an access key of more than %d bytes", maxAccessKeySize)
	}
	if strings.HasPrefix(id, "STS.") {
		return fmt.Errorf("refkms: options: access key id %q: those of sessions begin like that", cut(id))
	}
	if identity.CheckAccessKey(id, secret) != nil {
		return fmt.Errorf("refkms: options: access key id %q: want letters, digits, dots, hyphens and underscores", cut(id))
	}
	return nil
}

// findAccessKey finds the access key of the account itself that the server goes by, and reports whether there is one: the
// one of the options, or else the first that is enabled, or else the first.
func (s *Server) findAccessKey(tx state.Tx, id, secret string) bool {
	if id != "" {
		k := state.AccessKeys.Get(tx, state.Everywhere, id)
		if k == nil || k.Account != s.account || k.User != "" || string(k.Secret.Bytes()) != secret {
			return false
		}
		s.accessKeyID = id
		return true
	}
	found := ""
	state.AccessKeysOf(tx, s.account, "", func(id string) bool {
		enabled := !state.AccessKeys.Get(tx, state.Everywhere, id).Disabled
		if found == "" || enabled {
			found = id
		}
		return !enabled
	})
	s.accessKeyID = found
	return found != ""
}

// AccessKey returns the access key of the account itself: what [Options] says, or one made at random, or, of a server in a
// file, one that it has already; nothing if it was deleted since.
func (s *Server) AccessKey() (id, secret string) {
	s.store.View(func(tx state.Tx) error {
		if k := state.AccessKeys.Get(tx, state.Everywhere, s.accessKeyID); k != nil {
			id, secret = k.ID, string(k.Secret.Bytes())
		}
		return nil
	})
	return id, secret
}
