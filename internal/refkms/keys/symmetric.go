package keys

import (
	"crypto/cipher"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// symmetric refuses a key that cannot encrypt symmetrically.
func symmetric(k *state.Key) error {
	if !specOf(k).symmetric() {
		return call.ErrUnsupportedOperation
	}
	return nil
}

// usable returns the key in place i if it encrypts and is enabled.
func usable(c *call.Call, i int) (*state.Key, error) {
	k, err := load(c, i)
	if err != nil {
		return nil, err
	}
	if err := symmetric(k); err != nil {
		return nil, err
	}
	return k, toUse.of(k)
}

func (s *Service) aead(k *state.Key, v *state.Version) (cipher.AEAD, error) {
	return s.aeads.AEAD(specOf(k).cipher, v.ID, v.Material.Bytes())
}

// primary returns the cipher of a usable key that encrypts, and the id of its version.
func (s *Service) primary(c *call.Call, k *state.Key) (cipher.AEAD, string, error) {
	v := state.Versions.Get(c.Tx, c.Scope, k.Primary)
	aead, err := s.aead(k, v)
	return aead, v.ID, err
}

// seal returns the blob of a text under the primary version of a usable key.
func (s *Service) seal(c *call.Call, k *state.Key, text []byte, ec material.Context) (string, error) {
	aead, version, err := s.primary(c, k)
	if err != nil {
		return "", err
	}
	return material.Seal(aead, version, text, ec, s.opts.AAD), nil
}

// open returns the text of a blob under the version that it names, of a usable key.
func (s *Service) open(k *state.Key, v *state.Version, blob *material.Blob, ec material.Context) ([]byte, error) {
	aead, err := s.aead(k, v)
	if err != nil {
		return nil, err
	}
	text, err := blob.Open(aead, ec, s.opts.AAD)
	if err != nil {
		return nil, call.Invalid("CiphertextBlob")
	}
	return text, nil
}

// findVersion finds the version that a blob names, and its key. A version that is unknown here, in another region, of
// another account or destroyed, is that of no key.
func findVersion(c *call.Call, blob *material.Blob) (*state.Version, error) {
	v := state.Versions.Get(c.Tx, c.Scope, blob.VersionID())
	if v == nil {
		return nil, call.ErrKeyNotFound
	}
	c.Touch(call.Resource{Kind: call.KeyKind, ID: v.KeyID})
	return v, nil
}

// EncryptRequest is the request of Encrypt.
type EncryptRequest struct {
	KeyID             string           `param:"KeyId,required,key,alias"`
	Plaintext         call.Text        `param:"Plaintext,required,max=6144"`
	EncryptionContext material.Context `param:"EncryptionContext"`
	DryRun            bool             `param:"DryRun"`
}

// EncryptResponse is the answer of Encrypt.
type EncryptResponse struct {
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	CiphertextBlob string
	call.Answer
}

// Encrypt encrypts the bytes of the text as they are: nothing is decoded, trimmed or repaired.
func (s *Service) Encrypt(c *call.Call, req *EncryptRequest) (*EncryptResponse, error) {
	k, err := usable(c, 0)
	if err != nil {
		return nil, err
	}
	blob, err := s.seal(c, k, req.Plaintext, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	a := call.Room[EncryptResponse](c)
	*a = EncryptResponse{KeyID: k.ID, KeyVersionID: k.Primary, CiphertextBlob: blob}
	return a, nil
}

// DecryptRequest is the request of Decrypt.
type DecryptRequest struct {
	CiphertextBlob    material.Blob    `param:"CiphertextBlob,required"`
	EncryptionContext material.Context `param:"EncryptionContext"`
	DryRun            bool             `param:"DryRun"`

	version *state.Version // found
}

// DecryptResponse is the answer of Decrypt.
type DecryptResponse struct {
	KeyID        string `json:"KeyId"`
	KeyVersionID string `json:"KeyVersionId"`
	Plaintext    call.Text
	call.Answer
}

// FindDecrypt finds the key in the blob.
func (s *Service) FindDecrypt(c *call.Call, req *DecryptRequest) (err error) {
	req.version, err = findVersion(c, &req.CiphertextBlob)
	return err
}

// Decrypt opens a blob.
func (s *Service) Decrypt(c *call.Call, req *DecryptRequest) (*DecryptResponse, error) {
	k, err := usable(c, 0)
	if err != nil {
		return nil, err
	}
	text, err := s.open(k, req.version, &req.CiphertextBlob, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	a := call.Room[DecryptResponse](c)
	*a = DecryptResponse{KeyID: k.ID, KeyVersionID: req.version.ID, Plaintext: text}
	return a, nil
}
