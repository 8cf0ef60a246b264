package keys

import (
	"encoding/base64"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// ReEncryptRequest is the request of ReEncrypt. The source is a blob or, where three parameters name its key, what was
// encrypted to an asymmetric key, here or elsewhere; that has no encryption context.
type ReEncryptRequest struct {
	CiphertextBlob               material.Blob    `param:"CiphertextBlob,required"`
	SourceEncryptionContext      material.Context `param:"SourceEncryptionContext"`
	SourceKeyID                  string           `param:"SourceKeyId,key,with=SourceKeyVersionId|SourceEncryptionAlgorithm"`
	SourceKeyVersionID           string           `param:"SourceKeyVersionId,with=SourceKeyId|SourceEncryptionAlgorithm"`
	SourceEncryptionAlgorithm    string           `param:"SourceEncryptionAlgorithm,with=SourceKeyId|SourceKeyVersionId"`
	DestinationKeyID             string           `param:"DestinationKeyId,required,key,alias"`
	DestinationEncryptionContext material.Context `param:"DestinationEncryptionContext"`
	DryRun                       bool             `param:"DryRun"`

	version *state.Version // found in the blob; nil for an asymmetric source
}

func (r *ReEncryptRequest) asymmetric() bool { return r.SourceKeyID != "" }

// ReEncryptResponse is the answer of ReEncrypt: key and version are those that opened the source.
type ReEncryptResponse struct {
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	CiphertextBlob string
	call.Answer
}

// CheckReEncrypt checks the algorithm as far as it does not depend on the key.
func (s *Service) CheckReEncrypt(_ *call.Call, req *ReEncryptRequest) error {
	if req.asymmetric() && !material.EncryptDecrypt.Serves(req.SourceEncryptionAlgorithm) {
		return call.Invalid("SourceEncryptionAlgorithm")
	}
	return nil
}

// FindReEncrypt finds the key of the source, then the destination.
func (s *Service) FindReEncrypt(c *call.Call, req *ReEncryptRequest) (err error) {
	if req.asymmetric() {
		_, err = findKey(c, req.SourceKeyID)
	} else {
		req.version, err = findVersion(c, &req.CiphertextBlob)
	}
	if err != nil {
		return err
	}
	id, err := c.ResolveKey(req.DestinationKeyID, true)
	if err != nil {
		return err
	}
	c.Touch(call.Resource{Kind: call.KeyKind, ID: id})
	return nil
}

// ReEncrypt opens the source and encrypts what was in it anew, under the primary version of the destination. Each check
// is made of the source first, then of the destination.
func (s *Service) ReEncrypt(c *call.Call, req *ReEncryptRequest) (*ReEncryptResponse, error) {
	src, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	dst, err := load(c, 1)
	if err != nil {
		return nil, err
	}
	v := req.version
	var algorithm material.Algorithm
	if req.asymmetric() {
		if v, err = version(c, src, req.SourceKeyVersionID); err == nil {
			algorithm, err = fits(src, material.EncryptDecrypt, "SourceEncryptionAlgorithm", req.SourceEncryptionAlgorithm)
		}
	} else {
		err = symmetric(src)
	}
	if err != nil {
		return nil, err
	}
	if err := symmetric(dst); err != nil {
		return nil, err
	}
	for _, k := range []*state.Key{src, dst} {
		if err := toUse.of(k); err != nil {
			return nil, err
		}
	}
	text, err := s.openSource(req, src, v, algorithm)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	blob, err := s.seal(c, dst, text, req.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	return &ReEncryptResponse{KeyID: src.ID, KeyVersionID: v.ID, CiphertextBlob: blob}, nil
}

// openSource returns the text that is to be encrypted anew. The bytes of an asymmetric source become base64, which is
// what a blob of GenerateDataKey holds: binary text could not be answered by Decrypt. Where there are none, or more than
// a blob holds, they are refused.
func (s *Service) openSource(req *ReEncryptRequest, k *state.Key, v *state.Version, a material.Algorithm) ([]byte, error) {
	if !req.asymmetric() {
		return s.open(k, v, &req.CiphertextBlob, req.SourceEncryptionContext)
	}
	pair, err := s.pair(k, v)
	if err != nil {
		return nil, err
	}
	plaintext, err := pair.Decrypt(a, req.CiphertextBlob.Bytes())
	if err != nil {
		return nil, call.Invalid("CiphertextBlob")
	}
	defer clear(plaintext)
	if n := base64.StdEncoding.EncodedLen(len(plaintext)); n < 1 || n > material.MaxPlaintext {
		return nil, call.Invalid("CiphertextBlob")
	}
	return base64.StdEncoding.AppendEncode(nil, plaintext), nil
}
