// Package kmsapi is what the library asks of Alibaba Cloud KMS: an interface of five operations, their requests and
// answers as plain Go types, and the causes of their errors. It is a leaf: providers, clients, the reference KMS and
// the readers of foreign formats meet here, and none of them imports another.
//
// Texts are as the service has them: ciphertext blobs and data keys are base64 text, and whoever uses them decodes
// them. Nothing here talks to a network or keeps a key.
//
// # Specification
//
// Requests and answers are named after the operations of KMS, API version 2016-01-20, and their fields after the
// parameters: KeyId is KeyID.
package kmsapi

import "context"

// API is KMS as the library uses it. kmsclient.Client is the real service and the client of refkms the one in
// process; anything else that has the five operations will do.
//
// All methods may be called concurrently, keep and modify neither requests nor their maps, and return as soon as their
// context is done, with an error that matches context.Canceled or context.DeadlineExceeded. A refusal of the service
// matches one of the sentinels of this package.
type API interface {
	GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*GenerateDataKeyResponse, error)
	Encrypt(ctx context.Context, req *EncryptRequest) (*EncryptResponse, error)
	Decrypt(ctx context.Context, req *DecryptRequest) (*DecryptResponse, error)
	// ReEncrypt matches errors.ErrUnsupported at the gateway of a dedicated instance, which has no such operation.
	ReEncrypt(ctx context.Context, req *ReEncryptRequest) (*ReEncryptResponse, error)
	DescribeKey(ctx context.Context, req *DescribeKeyRequest) (*DescribeKeyResponse, error)
}

// GenerateDataKeyRequest asks for a new data key, in the clear and wrapped.
type GenerateDataKeyRequest struct {
	KeyID             string            // key id or alias name
	NumberOfBytes     int               // 1 to 1024; 0 leaves the size to the service, 32
	EncryptionContext map[string]string // at most 8192 characters as JSON; empty is none
}

// GenerateDataKeyResponse answers a [GenerateDataKeyRequest].
type GenerateDataKeyResponse struct {
	KeyID, KeyVersionID string    // the key and version that wrapped it, never an alias
	Plaintext           Plaintext // base64 of the data key: 44 characters for 32 bytes
	CiphertextBlob      string    // base64; it wraps the text in Plaintext, not the bytes
	RequestID           string
}

// EncryptRequest asks for the encryption of a short text.
type EncryptRequest struct {
	KeyID             string    // key id or alias name
	Plaintext         Plaintext // 1 to 6144 bytes of UTF-8, as it is; bytes go as base64
	EncryptionContext map[string]string
}

// EncryptResponse answers an [EncryptRequest].
type EncryptResponse struct {
	KeyID, KeyVersionID, CiphertextBlob, RequestID string
}

// DecryptRequest asks for the text in a blob of Encrypt, GenerateDataKey or ReEncrypt. It names no key: the blob does,
// and whoever cares compares the KeyID of the answer.
type DecryptRequest struct {
	CiphertextBlob    string
	EncryptionContext map[string]string // as it was at encryption
}

// DecryptResponse answers a [DecryptRequest].
type DecryptResponse struct {
	KeyID, KeyVersionID string // the key and version that opened it
	Plaintext           Plaintext
	RequestID           string
}

// ReEncryptRequest asks to open a blob and to encrypt what is in it anew, without showing it.
type ReEncryptRequest struct {
	CiphertextBlob               string
	SourceEncryptionContext      map[string]string
	DestinationKeyID             string // key id or alias name
	DestinationEncryptionContext map[string]string
}

// ReEncryptResponse answers a [ReEncryptRequest].
type ReEncryptResponse struct {
	KeyID, KeyVersionID string // the key and version that opened the source, not the destination
	CiphertextBlob      string // under the destination key
	RequestID           string
}

// DescribeKeyRequest asks for what the service says of a key.
type DescribeKeyRequest struct {
	KeyID string // key id or alias name
}

// DescribeKeyResponse answers a [DescribeKeyRequest] with the part of KeyMetadata that the library needs.
type DescribeKeyResponse struct {
	KeyID             string // never an alias
	ARN               string // acs:kms:<region>:<account>:key/<key id>
	KeyState          string // Enabled, Disabled, PendingDeletion, PendingImport, Unavailable
	KeySpec           string
	KeyUsage          string
	PrimaryKeyVersion string // "" for asymmetric keys
	RequestID         string
}
