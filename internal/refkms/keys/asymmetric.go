package keys

import (
	"encoding/base64"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// An operand is what an asymmetric operation works with: a version of a key, its pair, and the algorithm that was named.
type operand struct {
	key       *state.Key
	pair      *material.KeyPair
	algorithm material.Algorithm // 0 if none was named
}

// operand returns the version of the key in place 0 that a call names. The key has the use, unless that is 0, and the
// algorithm fits its spec, unless that is "".
func (s *Service) operand(c *call.Call, versionID string, use material.Use, algorithm string) (operand, error) {
	k, err := load(c, 0)
	if err != nil {
		return operand{}, err
	}
	v, err := version(c, k, versionID)
	if err != nil {
		return operand{}, err
	}
	a, err := fits(k, use, "Algorithm", algorithm)
	if err != nil {
		return operand{}, err
	}
	if err := toUse.of(k); err != nil {
		return operand{}, err
	}
	pair, err := s.pair(k, v)
	return operand{k, pair, a}, err
}

// fits refuses a key that is symmetric or has another use, and an algorithm, named by a parameter, that its spec does not
// have.
func fits(k *state.Key, use material.Use, param, algorithm string) (material.Algorithm, error) {
	sp := specs[k.Spec]
	if sp.symmetric() || use != 0 && k.Usage != use.String() {
		return 0, call.ErrRejectedOperation
	}
	if algorithm == "" {
		return 0, nil
	}
	a, ok := sp.pair.Algorithm(use, algorithm)
	if !ok {
		return 0, call.Invalid(param)
	}
	return a, nil
}

// pair returns the pair of a version of an asymmetric key.
func (s *Service) pair(k *state.Key, v *state.Version) (*material.KeyPair, error) {
	return s.pairs.Pair(specs[k.Spec].pair, v.ID, v.Material.Bytes())
}

// encode returns bytes as answers have them.
func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// checkSigning refuses an algorithm that no key signs with, and what is no digest: all of them sign 32 bytes.
func checkSigning(algorithm string, digest []byte) error {
	switch {
	case !material.SignVerify.Serves(algorithm):
		return call.Invalid("Algorithm")
	case len(digest) != material.DigestSize:
		return call.Invalid("Digest")
	}
	return nil
}

// AsymmetricSignRequest is the request of AsymmetricSign.
type AsymmetricSignRequest struct {
	KeyID        string          `param:"KeyId,required,key,alias"`
	KeyVersionID string          `param:"KeyVersionId,required"`
	Algorithm    string          `param:"Algorithm,required"`
	Digest       material.Base64 `param:"Digest,required"`
	DryRun       bool            `param:"DryRun"`
}

// CheckAsymmetricSign checks algorithm and digest as far as they do not depend on the key.
func (s *Service) CheckAsymmetricSign(_ *call.Call, req *AsymmetricSignRequest) error {
	return checkSigning(req.Algorithm, req.Digest)
}

// AsymmetricSignResponse is the answer of AsymmetricSign.
type AsymmetricSignResponse struct {
	KeyID        string `json:"KeyId"`
	KeyVersionID string `json:"KeyVersionId"`
	Value        string // the signature
	call.Answer
}

// AsymmetricSign signs a digest.
func (s *Service) AsymmetricSign(c *call.Call, req *AsymmetricSignRequest) (*AsymmetricSignResponse, error) {
	o, err := s.operand(c, req.KeyVersionID, material.SignVerify, req.Algorithm)
	if err != nil {
		return nil, err
	}
	signature, err := o.pair.Sign(o.algorithm, req.Digest)
	if err != nil {
		return nil, err // unreachable: algorithm and digest fit
	}
	return &AsymmetricSignResponse{KeyID: o.key.ID, KeyVersionID: req.KeyVersionID, Value: encode(signature)}, nil
}

// AsymmetricVerifyRequest is the request of AsymmetricVerify.
type AsymmetricVerifyRequest struct {
	KeyID        string          `param:"KeyId,required,key,alias"`
	KeyVersionID string          `param:"KeyVersionId,required"`
	Algorithm    string          `param:"Algorithm,required"`
	Digest       material.Base64 `param:"Digest,required"`
	Value        material.Base64 `param:"Value,required"` // the signature
	DryRun       bool            `param:"DryRun"`
}

// CheckAsymmetricVerify checks algorithm and digest as far as they do not depend on the key.
func (s *Service) CheckAsymmetricVerify(_ *call.Call, req *AsymmetricVerifyRequest) error {
	return checkSigning(req.Algorithm, req.Digest)
}

// AsymmetricVerifyResponse is the answer of AsymmetricVerify.
type AsymmetricVerifyResponse struct {
	KeyID        string `json:"KeyId"`
	KeyVersionID string `json:"KeyVersionId"`
	Value        bool   // whether the signature is one
	call.Answer
}

// AsymmetricVerify says whether a signature is one of a digest. One that is malformed is not.
func (s *Service) AsymmetricVerify(c *call.Call, req *AsymmetricVerifyRequest) (*AsymmetricVerifyResponse, error) {
	o, err := s.operand(c, req.KeyVersionID, material.SignVerify, req.Algorithm)
	if err != nil {
		return nil, err
	}
	valid, err := o.pair.Public().Verify(o.algorithm, req.Digest, req.Value)
	if err != nil {
		return nil, err // unreachable: algorithm and digest fit
	}
	return &AsymmetricVerifyResponse{KeyID: o.key.ID, KeyVersionID: req.KeyVersionID, Value: valid}, nil
}

// checkEncrypting refuses an algorithm that no key encrypts with.
func checkEncrypting(algorithm string) error {
	if !material.EncryptDecrypt.Serves(algorithm) {
		return call.Invalid("Algorithm")
	}
	return nil
}

// AsymmetricEncryptRequest is the request of AsymmetricEncrypt. Unlike that of Encrypt, its plaintext is base64.
type AsymmetricEncryptRequest struct {
	KeyID        string          `param:"KeyId,required,key,alias"`
	KeyVersionID string          `param:"KeyVersionId,required"`
	Algorithm    string          `param:"Algorithm,required"`
	Plaintext    material.Base64 `param:"Plaintext,required"`
	DryRun       bool            `param:"DryRun"`
}

// CheckAsymmetricEncrypt checks the algorithm as far as it does not depend on the key.
func (s *Service) CheckAsymmetricEncrypt(_ *call.Call, req *AsymmetricEncryptRequest) error {
	return checkEncrypting(req.Algorithm)
}

// AsymmetricEncryptResponse is the answer of AsymmetricEncrypt.
type AsymmetricEncryptResponse struct {
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	CiphertextBlob string
	call.Answer
}

// AsymmetricEncrypt encrypts bytes to a version of a key: as anyone can who has its public key.
func (s *Service) AsymmetricEncrypt(c *call.Call, req *AsymmetricEncryptRequest) (*AsymmetricEncryptResponse, error) {
	o, err := s.operand(c, req.KeyVersionID, material.EncryptDecrypt, req.Algorithm)
	if err != nil {
		return nil, err
	}
	ciphertext, err := o.pair.Public().Encrypt(o.algorithm, req.Plaintext)
	if err != nil {
		return nil, call.Invalid("Plaintext")
	}
	return &AsymmetricEncryptResponse{KeyID: o.key.ID, KeyVersionID: req.KeyVersionID, CiphertextBlob: encode(ciphertext)}, nil
}

// AsymmetricDecryptRequest is the request of AsymmetricDecrypt.
type AsymmetricDecryptRequest struct {
	KeyID          string          `param:"KeyId,required,key,alias"`
	KeyVersionID   string          `param:"KeyVersionId,required"`
	Algorithm      string          `param:"Algorithm,required"`
	CiphertextBlob material.Base64 `param:"CiphertextBlob,required"`
	DryRun         bool            `param:"DryRun"`
}

// CheckAsymmetricDecrypt checks the algorithm as far as it does not depend on the key.
func (s *Service) CheckAsymmetricDecrypt(_ *call.Call, req *AsymmetricDecryptRequest) error {
	return checkEncrypting(req.Algorithm)
}

// AsymmetricDecryptResponse is the answer of AsymmetricDecrypt.
type AsymmetricDecryptResponse struct {
	KeyID        string    `json:"KeyId"`
	KeyVersionID string    `json:"KeyVersionId"`
	Plaintext    call.Text // base64 of the bytes
	call.Answer
}

// AsymmetricDecrypt decrypts what was encrypted to a version of a key, here or elsewhere.
func (s *Service) AsymmetricDecrypt(c *call.Call, req *AsymmetricDecryptRequest) (*AsymmetricDecryptResponse, error) {
	o, err := s.operand(c, req.KeyVersionID, material.EncryptDecrypt, req.Algorithm)
	if err != nil {
		return nil, err
	}
	plaintext, err := o.pair.Decrypt(o.algorithm, req.CiphertextBlob)
	if err != nil {
		return nil, call.Invalid("CiphertextBlob")
	}
	text := base64.StdEncoding.AppendEncode(nil, plaintext)
	clear(plaintext)
	return &AsymmetricDecryptResponse{KeyID: o.key.ID, KeyVersionID: req.KeyVersionID, Plaintext: text}, nil
}

// GetPublicKeyRequest is the request of GetPublicKey.
type GetPublicKeyRequest struct {
	KeyID        string `param:"KeyId,required,key,alias"`
	KeyVersionID string `param:"KeyVersionId,required"`
	DryRun       bool   `param:"DryRun"`
}

// GetPublicKeyResponse is the answer of GetPublicKey.
type GetPublicKeyResponse struct {
	KeyID        string `json:"KeyId"`
	KeyVersionID string `json:"KeyVersionId"`
	PublicKey    string // PEM of SubjectPublicKeyInfo
	call.Answer
}

// GetPublicKey tells the public key of a version, whatever the key's usage.
func (s *Service) GetPublicKey(c *call.Call, req *GetPublicKeyRequest) (*GetPublicKeyResponse, error) {
	o, err := s.operand(c, req.KeyVersionID, 0, "")
	if err != nil {
		return nil, err
	}
	return &GetPublicKeyResponse{KeyID: o.key.ID, KeyVersionID: req.KeyVersionID, PublicKey: o.pair.Public().PEM()}, nil
}
