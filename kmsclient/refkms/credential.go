package refkms

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// maxAccessKeySize is the longest access key, id or secret, in bytes.
const maxAccessKeySize = 128

// An accessKey is the key of the account itself.
type accessKey struct {
	id         string
	credential *call.Credential
}

// newAccessKey returns the key of an account: as given, or made where both are empty.
func newAccessKey(id, secret, account string) (*accessKey, error) {
	switch {
	case id == "" && secret == "":
		id, secret = "LTAI"+rand.Text()[:20], rand.Text()
	case id == "" || secret == "":
		return nil, errors.New("refkms: options: an access key without id or without secret")
	}
	if len(id) > maxAccessKeySize || len(secret) > maxAccessKeySize {
		return nil, fmt.Errorf("refkms: options: an access key of more than %d bytes", maxAccessKeySize)
	}
	if strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune(accessKeyID, r) }) {
		return nil, fmt.Errorf("refkms: options: access key id %q: want letters, digits, dots, hyphens and underscores", cut(id))
	}
	return &accessKey{id, &call.Credential{
		Principal: call.Principal{Kind: call.Root, Account: account},
		Secret:    state.NewMaterial([]byte(secret)),
	}}, nil
}

// accessKeyID holds the characters of an access key id: none that ends it where a signature names it.
const accessKeyID = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

// lookup is the server's hook for access keys.
func (k *accessKey) lookup(_ state.Tx, id string) *call.Credential {
	if id != k.id {
		return nil
	}
	return k.credential
}
