package keyring_test

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// recipient is the least provider of a public key: whoever has it wraps, whoever has the private one opens, and opening
// shows nothing about who wrapped.
type recipient struct {
	public  hpke.PublicKey
	private hpke.PrivateKey // nil: only writes
}

var _ keyring.UnauthenticatedSender = recipient{}

func newRecipient(t *testing.T) recipient {
	t.Helper()
	private, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return recipient{private.PublicKey(), private}
}

// writing is what everybody can make of the public key.
func (r recipient) writing() recipient { return recipient{public: r.public} }

func (recipient) UnauthenticatedSender() {}

func (r recipient) seal(key []byte, ec format.Pairs) (format.Record, error) {
	c, err := hpke.Seal(r.public, hpke.HKDFSHA256(), hpke.AES256GCM(), ec, key)
	return format.Record{{Provider: format.ProviderHPKE, KeyID: "recovery", Ciphertext: c}}, err
}

func (r recipient) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	key := make([]byte, 32)
	rand.Read(key)
	record, err := r.seal(key, req.Context)
	if err != nil {
		return nil, err
	}
	return keyring.NewDataKey(req.Suite, key, record, 0)
}

func (r recipient) Wrap(ctx context.Context, req *keyring.WrapRequest) (record format.Record, err error) {
	if req.Key == nil {
		return nil, keyring.ErrNeedKey
	}
	err = req.Key.Lend(func(key []byte) (err error) {
		record, err = r.seal(key, req.Context)
		return err
	})
	return record, err
}

func (r recipient) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	for i, e := range req.Record {
		if e.Provider != format.ProviderHPKE {
			continue
		}
		if r.private == nil {
			return nil, errors.New("recipient: no private key")
		}
		key, err := hpke.Open(r.private, hpke.HKDFSHA256(), hpke.AES256GCM(), req.Context, e.Ciphertext)
		if err != nil {
			return nil, fmt.Errorf("recipient: %w", keyring.ErrAuthentication)
		}
		return keyring.NewDataKey(req.Suite, key, req.Record, i)
	}
	return nil, fmt.Errorf("recipient: %w", keyring.ErrNoMatch)
}
