package keys

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A recipient is whom a data key is exported to: a public key that the caller brought.
type recipient struct {
	key       *material.PublicKey
	algorithm material.Algorithm
}

// parseRecipient reads the three parameters that name one.
func parseRecipient(specName, algorithmName string, publicKey []byte) (recipient, error) {
	spec, algorithm, err := parseWrapping(material.Export, specName, algorithmName)
	if err != nil {
		return recipient{}, err
	}
	key, err := material.ParsePublicKey(spec, publicKey)
	if err != nil {
		return recipient{}, call.Invalid("PublicKeyBlob")
	}
	return recipient{key, algorithm}, nil
}

// longest returns the length in bytes of the longest data key that can be exported to the recipient.
func (r *recipient) longest() int { return r.key.Spec().MaxPlaintext(r.algorithm) }

// wrap returns the data key whose text a blob holds, wrapped for the recipient. If it is too long, the parameter that
// decided its length is refused.
func (r *recipient) wrap(text []byte, param string) (string, error) {
	dataKey := keyOfText(text)
	defer clear(dataKey)
	wrapped, err := r.key.Wrap(r.algorithm, dataKey)
	switch {
	case errors.Is(err, material.ErrPlaintextSize):
		return "", call.Invalid(param)
	case err != nil:
		return "", call.Invalid("PublicKeyBlob") // a modulus that looks like one and cannot be reckoned with
	}
	return encode(wrapped), nil
}

// keyOfText returns the bytes of a data key, of which a blob holds the base64. A text that is none, as Encrypt may have
// been given, stands for itself. The bytes are a copy.
func keyOfText(text []byte) []byte {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	// The one encoding of the bytes, that is: no line breaks, no bits beyond the last byte.
	if err != nil || !bytes.Equal(base64.StdEncoding.AppendEncode(nil, b), text) {
		return bytes.Clone(text)
	}
	return b
}

// ExportDataKeyRequest is the request of ExportDataKey.
type ExportDataKeyRequest struct {
	CiphertextBlob    material.Blob    `param:"CiphertextBlob,required"`
	EncryptionContext material.Context `param:"EncryptionContext"`
	PublicKeyBlob     material.Base64  `param:"PublicKeyBlob,required"` // DER of SubjectPublicKeyInfo
	WrappingAlgorithm string           `param:"WrappingAlgorithm,required"`
	WrappingKeySpec   string           `param:"WrappingKeySpec,required"`
	DryRun            bool             `param:"DryRun"`

	to      recipient      // checked
	version *state.Version // found
}

// ExportDataKeyResponse is the answer of ExportDataKey.
type ExportDataKeyResponse struct {
	KeyID           string `json:"KeyId"`
	KeyVersionID    string `json:"KeyVersionId"`
	ExportedDataKey string
	call.Answer
}

// CheckExportDataKey reads the recipient.
func (s *Service) CheckExportDataKey(_ *call.Call, req *ExportDataKeyRequest) (err error) {
	req.to, err = parseRecipient(req.WrappingKeySpec, req.WrappingAlgorithm, req.PublicKeyBlob)
	return err
}

// FindExportDataKey finds the key in the blob.
func (s *Service) FindExportDataKey(c *call.Call, req *ExportDataKeyRequest) (err error) {
	req.version, err = findVersion(c, &req.CiphertextBlob)
	return err
}

// ExportDataKey opens a blob and wraps the data key in it for a public key.
func (s *Service) ExportDataKey(c *call.Call, req *ExportDataKeyRequest) (*ExportDataKeyResponse, error) {
	k, err := usable(c, 0)
	if err != nil {
		return nil, err
	}
	text, err := s.open(k, req.version, &req.CiphertextBlob, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	exported, err := req.to.wrap(text, "CiphertextBlob")
	if err != nil {
		return nil, err
	}
	return &ExportDataKeyResponse{KeyID: k.ID, KeyVersionID: req.version.ID, ExportedDataKey: exported}, nil
}

// GenerateAndExportDataKeyRequest is the request of GenerateAndExportDataKey.
type GenerateAndExportDataKeyRequest struct {
	KeyID             string           `param:"KeyId,required,key,alias"`
	KeySpec           string           `param:"KeySpec"`
	NumberOfBytes     int              `param:"NumberOfBytes,min=1,max=1024"`
	EncryptionContext material.Context `param:"EncryptionContext"`
	PublicKeyBlob     material.Base64  `param:"PublicKeyBlob,required"` // DER of SubjectPublicKeyInfo
	WrappingAlgorithm string           `param:"WrappingAlgorithm,required"`
	WrappingKeySpec   string           `param:"WrappingKeySpec,required"`
	DryRun            bool             `param:"DryRun"`

	to recipient // checked
}

// GenerateAndExportDataKeyResponse is the answer of GenerateAndExportDataKey.
type GenerateAndExportDataKeyResponse struct {
	KeyID           string `json:"KeyId"`
	KeyVersionID    string `json:"KeyVersionId"`
	CiphertextBlob  string
	ExportedDataKey string
	call.Answer
}

// CheckGenerateAndExportDataKey settles the size and reads the recipient, whom the data key must not be too long for.
func (s *Service) CheckGenerateAndExportDataKey(_ *call.Call, req *GenerateAndExportDataKeyRequest) (err error) {
	if err := setSize(&req.NumberOfBytes, req.KeySpec); err != nil {
		return err
	}
	if req.to, err = parseRecipient(req.WrappingKeySpec, req.WrappingAlgorithm, req.PublicKeyBlob); err != nil {
		return err
	}
	if req.NumberOfBytes > req.to.longest() {
		return call.Invalid("NumberOfBytes")
	}
	return nil
}

// GenerateAndExportDataKey makes a data key, wrapped under a CMK and for a public key, and not in the clear.
func (s *Service) GenerateAndExportDataKey(c *call.Call, req *GenerateAndExportDataKeyRequest) (*GenerateAndExportDataKeyResponse, error) {
	k, text, blob, err := s.newDataKey(c, req.NumberOfBytes, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	exported, err := req.to.wrap(text, "NumberOfBytes")
	if err != nil {
		return nil, err
	}
	return &GenerateAndExportDataKeyResponse{KeyID: k.ID, KeyVersionID: k.Primary, CiphertextBlob: blob, ExportedDataKey: exported}, nil
}
