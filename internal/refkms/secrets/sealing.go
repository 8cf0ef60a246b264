package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The value of a version is sealed by AES-256-GCM under a data key of its own. The data key is wrapped by the CMK that
// was chosen for the secret, whose rights, state and trail are those of a call of GenerateDataKey or Decrypt; or by the
// default key of the account in the region, which nobody is asked for and nobody sees. Since a blob names the version of
// the CMK that wrapped it, old values open after the CMK has rotated.

const dataKeySize = 32 // bytes

// A dataKey is a data key as GenerateDataKey has it.
type dataKey struct {
	text    call.Text // base64 of dataKeySize bytes
	wrapped string
}

// wipe clears the text. Best effort: the runtime may have copied it.
func (k *dataKey) wipe() { clear(k.text) }

// A right is by whose right the CMK of a secret is used.
type right uint8

const (
	ofCaller  right = iota // rights are asked, and the trail has a record
	ofService              // the service does what it has been told to do: neither
)

// newDataKey makes a data key for a value of a secret.
func (s *Service) newDataKey(c *call.Call, secret *state.Secret, by right) (*dataKey, error) {
	if secret.KeyID == "" {
		return s.newDefaultDataKey(c)
	}
	req := &keys.GenerateDataKeyRequest{KeyID: secret.KeyID, NumberOfBytes: dataKeySize}
	var made *keys.GenerateDataKeyResponse
	var err error
	if by == ofCaller {
		made, err = call.Inner[*keys.GenerateDataKeyResponse](c, "GenerateDataKey", req)
	} else {
		made, err = s.keys.GenerateDataKey(s.own(c, call.Resource{Kind: call.KeyKind, ID: secret.KeyID}), req)
	}
	// The key of a cloud service is for that service, whatever it answers: but first comes the right to ask.
	if k := state.Keys.Get(c.Tx, c.Scope, secret.KeyID); k != nil && k.Service != "" && !errors.Is(err, call.ErrNoPermission) {
		return nil, call.ErrUnsupportedOperation
	}
	if err != nil {
		return nil, err
	}
	return &dataKey{made.Plaintext, made.CiphertextBlob}, nil
}

// openDataKey opens the data key of a value of a secret.
func (s *Service) openDataKey(c *call.Call, secret *state.Secret, wrapped string, by right) (*dataKey, error) {
	if secret.KeyID == "" {
		return s.openDefaultDataKey(c, wrapped)
	}
	req := &keys.DecryptRequest{CiphertextBlob: material.Blob{Text: wrapped}}
	var opened *keys.DecryptResponse
	var err error
	if by == ofCaller {
		opened, err = call.Inner[*keys.DecryptResponse](c, "Decrypt", req)
	} else {
		opened, err = s.decrypt(s.own(c), req)
	}
	if errors.Is(err, call.ErrInvalidParameter) { // it is the service that keeps the blob
		return nil, call.ErrInternalFailure
	}
	if err != nil {
		return nil, err
	}
	return &dataKey{opened.Plaintext, wrapped}, nil
}

// own returns a call of the service itself, in the transaction of c, that has found things. Its handler is called past
// the corridor: nobody's rights are asked.
func (s *Service) own(c *call.Call, found ...call.Resource) *call.Call {
	return &call.Call{Context: c.Context, Scope: c.Scope, RequestID: c.RequestID, Now: c.Now, Instant: c.Instant, Tx: c.Tx, Found: found}
}

// decrypt is Decrypt of the keys, without the corridor.
func (s *Service) decrypt(c *call.Call, req *keys.DecryptRequest) (*keys.DecryptResponse, error) {
	if err := req.CiphertextBlob.CheckParam(); err != nil {
		return nil, call.Invalid("CiphertextBlob")
	}
	if err := s.keys.FindDecrypt(c, req); err != nil {
		return nil, err
	}
	return s.keys.Decrypt(c, req)
}

// newDefaultDataKey makes a data key under the default key, and the default key if there is none yet.
func (s *Service) newDefaultDataKey(c *call.Call) (*dataKey, error) {
	k := state.DefaultKeys.Get(c.Tx, c.Scope, "")
	if k == nil {
		key := make([]byte, dataKeySize)
		rand.Read(key)
		k = &state.DefaultKey{ID: call.NewID(), Created: c.Now, Material: state.NewMaterial(key)}
		state.DefaultKeys.Put(c.Tx, c.Scope, "", k)
	}
	aead, err := s.aeads.AEAD(material.AES256GCM, k.ID, k.Material.Bytes())
	if err != nil {
		return nil, call.ErrInternalFailure
	}
	// The same text in the same blob as of a CMK: one form of data key, whatever wraps it.
	text, blob := material.NewDataKey(aead, k.ID, dataKeySize, nil, material.InjectiveAAD)
	return &dataKey{text, blob}, nil
}

// openDefaultDataKey opens a data key under the default key.
func (s *Service) openDefaultDataKey(c *call.Call, wrapped string) (*dataKey, error) {
	k := state.DefaultKeys.Get(c.Tx, c.Scope, "")
	blob := material.Blob{Text: wrapped}
	if k == nil || blob.CheckParam() != nil {
		return nil, call.ErrInternalFailure
	}
	aead, err := s.aeads.AEAD(material.AES256GCM, k.ID, k.Material.Bytes())
	if err != nil {
		return nil, call.ErrInternalFailure
	}
	text, err := blob.Open(aead, nil, material.InjectiveAAD)
	if err != nil {
		return nil, call.ErrInternalFailure
	}
	return &dataKey{text, wrapped}, nil
}

// aead returns the cipher of a value. Nonces are random and stand before the ciphertext; each key seals one value.
func (k *dataKey) aead() (cipher.AEAD, error) {
	raw, err := base64.StdEncoding.AppendDecode(make([]byte, 0, dataKeySize+1), k.text) // one more, as DecodedLen has it
	defer clear(raw)
	if err != nil || len(raw) != dataKeySize {
		return nil, call.ErrInternalFailure
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, call.ErrInternalFailure // unreachable: the length was checked
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal seals the value of a version.
func (k *dataKey) seal(scope state.Scope, name, version string, value []byte) (*state.SecretValue, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	return &state.SecretValue{WrappedKey: k.wrapped, Sealed: aead.Seal(nil, nil, value, valueAAD(scope, name, version))}, nil
}

// open opens the value of a version. A value that does not open was damaged, or is that of another version.
func (k *dataKey) open(scope state.Scope, name, version string, v *state.SecretValue) (call.Text, error) {
	aead, err := k.aead()
	if err != nil {
		return nil, err
	}
	value, err := aead.Open(nil, nil, v.Sealed, valueAAD(scope, name, version))
	if err != nil {
		return nil, call.ErrInternalFailure
	}
	return value, nil
}

// valueAAD says whose value it is, so that stored values cannot be exchanged: account and region, name and version, each
// after its length as a u32.
func valueAAD(scope state.Scope, name, version string) []byte {
	parts := [...]string{string(scope), name, version}
	aad := make([]byte, 0, 12+len(scope)+len(name)+len(version))
	for _, part := range parts {
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(part)))
		aad = append(aad, part...)
	}
	return aad
}

// store seals a value as that of a version of a secret, and keeps it.
func (s *Service) store(c *call.Call, secret *state.Secret, version string, value []byte, k *dataKey) error {
	sealed, err := k.seal(c.Scope, secret.Name, version, value)
	if err != nil {
		return err
	}
	state.SecretValues.Put(c.Tx, c.Scope, state.SecretValueID(secret.Name, version), sealed)
	return nil
}

// reveal returns the value of a version of a secret.
func (s *Service) reveal(c *call.Call, secret *state.Secret, version string, by right) (call.Text, error) {
	v := state.SecretValues.Get(c.Tx, c.Scope, state.SecretValueID(secret.Name, version))
	if v == nil {
		return nil, call.ErrInternalFailure
	}
	k, err := s.openDataKey(c, secret, v.WrappedKey, by)
	if err != nil {
		return nil, err
	}
	defer k.wipe()
	return k.open(c.Scope, secret.Name, version, v)
}
