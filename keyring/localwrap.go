package keyring

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A localWrap names a wrapping key that the program itself has (SPEC.md, Section 4.3): what its wrapped keys are bound to
// besides the key.
type localWrap struct {
	provider, keyID string
}

// newLocalWrap returns the names, or format.ErrInvalid if no wrapped key can bear them. size is that of the provider's
// ciphertexts.
func newLocalWrap(provider, keyID string, size int) (localWrap, error) {
	if err := (format.Record{{Provider: provider, KeyID: keyID, Ciphertext: make([]byte, size)}}).Check(); err != nil {
		return localWrap{}, fmt.Errorf("keyring: %s: key id: %w", provider, err)
	}
	return localWrap{provider, keyID}, nil
}

// find returns the index of the entry with the names, or [ErrNoMatch].
func (l localWrap) find(r format.Record) (int, error) {
	for i, e := range r {
		if e.Provider == l.provider && e.KeyID == l.keyID {
			return i, nil
		}
	}
	return 0, fmt.Errorf("keyring: %v: %w", l, ErrNoMatch)
}

// String returns provider and key id, for people and errors.
func (l localWrap) String() string { return l.provider + " " + quote(l.keyID) }

// algorithms returns those of a suite, or format.ErrUnsupportedSuite.
func (l localWrap) algorithms(s format.Suite) (*suite.Suite, error) {
	if a := suite.Lookup(uint16(s)); a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("keyring: %s: %v: %w", l.provider, s, format.ErrUnsupportedSuite)
}

// newKey makes a data key and has wrap make its entry.
func (l localWrap) newKey(s format.Suite, wrap func(key []byte) (format.WrappedKey, error)) (*DataKey, error) {
	var key [suite.DataKeySize]byte
	defer clear(key[:])
	rand.Read(key[:])
	entry, err := wrap(key[:])
	if err != nil {
		return nil, err
	}
	return NewDataKey(s, key[:], format.Record{entry}, 0)
}

// wrapLent has wrap make the entry of a data key that is there already.
func (l localWrap) wrapLent(k *DataKey, wrap func(key []byte) (format.WrappedKey, error)) (format.Record, error) {
	if k == nil {
		return nil, fmt.Errorf("keyring: %s: %w", l.provider, ErrNeedKey)
	}
	var entry format.WrappedKey
	err := k.Lend(func(key []byte) (err error) {
		entry, err = wrap(key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return format.Record{entry}, nil
}

// seal appends salt || wc || GCM(wrapKey, nonce, data key) to dst, 112 bytes. x is the state of the wrapping key.
//
// The key of the GCM is derived anew for every salt, hence a fixed nonce is right: it seals once. wc commits to the
// wrapping key, because one GCM ciphertext can be made to open under several.
func (l localWrap) seal(dst []byte, a *suite.Suite, x *suite.State, pairs format.Pairs, key []byte) ([]byte, error) {
	var salt [suite.SaltSize]byte
	rand.Read(salt[:])
	w, wc, err := a.Wrap(x, &salt, l.provider, l.keyID, pairs)
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, salt[:]...), wc[:]...)
	var nonce [suite.NonceSize]byte
	w.Nonce(&nonce, 0, false)
	return w.AEAD.Seal(dst, nonce[:], key, nil), nil
}

// open sets key to what seal has sealed. Anything else is [ErrAuthentication], the commitment first.
func (l localWrap) open(key *[suite.DataKeySize]byte, a *suite.Suite, x *suite.State, pairs format.Pairs, c []byte) error {
	if len(c) != format.LocalWrapSize {
		return l.notAuthentic()
	}
	salt := [suite.SaltSize]byte(c)
	w, wc, err := a.Wrap(x, &salt, l.provider, l.keyID, pairs)
	if err != nil {
		return err
	}
	c = c[suite.SaltSize:]
	if subtle.ConstantTimeCompare(wc[:], c[:suite.CommitSize]) != 1 {
		return l.notAuthentic()
	}
	var nonce [suite.NonceSize]byte
	w.Nonce(&nonce, 0, false)
	if _, err := w.AEAD.Open(key[:0], nonce[:], c[suite.CommitSize:], nil); err != nil {
		clear(key[:])
		return l.notAuthentic()
	}
	return nil
}

func (l localWrap) notAuthentic() error {
	return fmt.Errorf("keyring: %s: wrapped key: %w", l.provider, ErrAuthentication)
}
