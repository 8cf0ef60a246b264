package vectors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// KMS answers Decrypt and DescribeKey as the head of a vector says. It protects nothing, and is safe for concurrent use.
type KMS struct {
	v        *Vector
	decrypts atomic.Int64
}

var _ kmsapi.API = (*KMS)(nil)

// NewKMS returns the key service of a vector.
func NewKMS(v *Vector) *KMS { return &KMS{v: v} }

// Decrypts returns how often Decrypt was called.
func (k *KMS) Decrypts() int { return int(k.decrypts.Load()) }

// Decrypt answers with the first entry of the vector's that has the blob and the context of the request, or with
// [kmsapi.ErrInvalidCiphertext].
func (k *KMS) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	k.decrypts.Add(1)
	for _, a := range k.v.KMSDecrypt {
		if a.Ciphertext == req.CiphertextBlob && maps.Equal(a.Context, req.EncryptionContext) {
			return &kmsapi.DecryptResponse{KeyID: a.KeyID, Plaintext: kmsapi.NewPlaintext([]byte(a.Plaintext))}, nil
		}
	}
	return nil, fmt.Errorf("vectors: decrypt: %w", kmsapi.ErrInvalidCiphertext)
}

// DescribeKey answers with the vector's entry for the alias, or with [kmsapi.ErrKeyNotFound].
func (k *KMS) DescribeKey(ctx context.Context, req *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	for _, a := range k.v.KMSDescribe {
		if a.Alias == req.KeyID {
			return &kmsapi.DescribeKeyResponse{KeyID: a.KeyID}, nil
		}
	}
	return nil, fmt.Errorf("vectors: describe %q: %w", req.KeyID, kmsapi.ErrKeyNotFound)
}

// GenerateDataKey is not a reader's.
func (k *KMS) GenerateDataKey(context.Context, *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	return nil, errors.ErrUnsupported
}

// Encrypt is not a reader's.
func (k *KMS) Encrypt(context.Context, *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	return nil, errors.ErrUnsupported
}

// ReEncrypt is not a reader's.
func (k *KMS) ReEncrypt(context.Context, *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	return nil, errors.ErrUnsupported
}
