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

// rootAccessKey returns the access key of the account itself: as given, or made where both are empty.
func rootAccessKey(id, secret string) (string, string, error) {
	switch {
	case id == "" && secret == "":
		id, secret = identity.NewAccessKey()
	case id == "" || secret == "":
		return "", "", errors.New("refkms: options: an access key without id or without secret")
	}
	if len(id) > maxAccessKeySize || len(secret) > maxAccessKeySize {
		return "", "", fmt.Errorf("refkms: options: an access key of more than %d bytes", maxAccessKeySize)
	}
	if strings.HasPrefix(id, "STS.") {
		return "", "", fmt.Errorf("refkms: options: access key id %q: those of sessions begin like that", cut(id))
	}
	if identity.CheckAccessKey(id, secret) != nil {
		return "", "", fmt.Errorf("refkms: options: access key id %q: want letters, digits, dots, hyphens and underscores", cut(id))
	}
	return id, secret, nil
}

// AccessKey returns the access key of the account itself: what [Options] says, or one made at random; nothing if it was
// deleted since.
func (s *Server) AccessKey() (id, secret string) {
	s.store.View(func(tx state.Tx) error {
		if k := state.AccessKeys.Get(tx, state.Everywhere, s.accessKeyID); k != nil {
			id, secret = k.ID, string(k.Secret.Bytes())
		}
		return nil
	})
	return id, secret
}
