package keys

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// GenerateDataKeyRequest is the request of GenerateDataKey and GenerateDataKeyWithoutPlaintext.
type GenerateDataKeyRequest struct {
	KeyID             string           `param:"KeyId,required,key,alias"`
	KeySpec           string           `param:"KeySpec"`
	NumberOfBytes     int              `param:"NumberOfBytes,min=1,max=1024"`
	EncryptionContext material.Context `param:"EncryptionContext"`
	DryRun            bool             `param:"DryRun"`
}

// errKeySpec has the words of this operation, which are not those of the others.
var errKeySpec = &call.Error{Code: call.ErrInvalidParameter.Code, Status: call.ErrInvalidParameter.Status,
	Message: "The specified parameter KeySpec is not valid.", Param: "KeySpec"}

// setSize settles the size of a data key: NumberOfBytes before KeySpec, which is then not looked at, before 32.
func setSize(numberOfBytes *int, keySpec string) error {
	if *numberOfBytes != 0 {
		return nil
	}
	switch keySpec {
	case "", "AES_256":
		*numberOfBytes = 32
	case "AES_128":
		*numberOfBytes = 16
	default:
		return errKeySpec
	}
	return nil
}

// CheckGenerateDataKey settles the size.
func (s *Service) CheckGenerateDataKey(_ *call.Call, req *GenerateDataKeyRequest) error {
	return setSize(&req.NumberOfBytes, req.KeySpec)
}

// GenerateDataKeyResponse is the answer of GenerateDataKey.
type GenerateDataKeyResponse struct {
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	Plaintext      call.Text
	CiphertextBlob string
	call.Answer
}

// GenerateDataKeyWithoutPlaintextResponse is the answer of GenerateDataKeyWithoutPlaintext.
type GenerateDataKeyWithoutPlaintextResponse struct {
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	CiphertextBlob string
	call.Answer
}

// GenerateDataKey makes a data key, in the clear and wrapped.
func (s *Service) GenerateDataKey(c *call.Call, req *GenerateDataKeyRequest) (*GenerateDataKeyResponse, error) {
	k, text, blob, err := s.newDataKey(c, req.NumberOfBytes, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	a := call.Room[GenerateDataKeyResponse](c)
	*a = GenerateDataKeyResponse{KeyID: k.ID, KeyVersionID: k.Primary, Plaintext: text, CiphertextBlob: blob}
	return a, nil
}

// GenerateDataKeyWithoutPlaintext makes a wrapped data key, for whoever may open it later.
func (s *Service) GenerateDataKeyWithoutPlaintext(c *call.Call, req *GenerateDataKeyRequest) (*GenerateDataKeyWithoutPlaintextResponse, error) {
	k, _, blob, err := s.newDataKey(c, req.NumberOfBytes, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &GenerateDataKeyWithoutPlaintextResponse{KeyID: k.ID, KeyVersionID: k.Primary, CiphertextBlob: blob}, nil
}

// newDataKey makes a data key of size bytes under the key that the call found.
func (s *Service) newDataKey(c *call.Call, size int, ec material.Context) (k *state.Key, text []byte, blob string, err error) {
	if k, err = usable(c, 0); err != nil {
		return nil, nil, "", err
	}
	aead, version, err := s.primary(c, k)
	if err != nil {
		return nil, nil, "", err
	}
	text, blob = material.NewDataKey(aead, version, size, ec, s.opts.AAD)
	return k, text, blob, nil
}
