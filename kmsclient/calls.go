package kmsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// Limits of KMS, checked before a call is made.
const (
	// MaxPlaintext is the longest text that Encrypt takes, in bytes.
	MaxPlaintext = 6144
	// MaxContext is the longest encryption context, in characters of its JSON.
	MaxContext = 8192
	// maxBlob bounds a CiphertextBlob, in bytes of base64. The longest that KMS makes, of 6144 bytes of text, has 8280.
	maxBlob = 1 << 16
)

// GenerateDataKey makes a data key of 1 to 1024 bytes, 32 by default, and returns it wrapped and in the clear: one call
// of KMS, sent again as the package comment says. The answer's Plaintext belongs to the caller, who clears it.
func (c *Client) GenerateDataKey(ctx context.Context, req *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	const op = "GenerateDataKey"
	ec, err := encodeContext(op, req.EncryptionContext)
	var r generateDataKeyResult
	if err := c.do(ctx, op, req.KeyID, err, func() requests.AcsRequest {
		r := kms.CreateGenerateDataKeyRequest()
		r.KeyId, r.EncryptionContext = req.KeyID, ec
		if req.NumberOfBytes != 0 {
			r.NumberOfBytes = requests.Integer(strconv.Itoa(req.NumberOfBytes))
		}
		return r
	}, &r); err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyResponse{KeyID: r.KeyID, KeyVersionID: r.KeyVersionID,
		Plaintext: kmsapi.NewPlaintext(r.Plaintext), CiphertextBlob: r.CiphertextBlob, RequestID: r.requestID()}, nil
}

// Encrypt encrypts a text of 1 to 6144 bytes of UTF-8 under a CMK, as it is: one call of KMS, sent again as the package
// comment says. [Client.EncryptBytes] is for bytes; data of any size is for package envelope.
//
// Errors: [ErrTooLarge] before any call.
func (c *Client) Encrypt(ctx context.Context, req *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	const op = "Encrypt"
	ec, err := encodeContext(op, req.EncryptionContext)
	switch text := req.Plaintext.Bytes(); {
	case err != nil:
	case len(text) > MaxPlaintext:
		err = newError(op, CodeTooLarge, 0, fmt.Sprintf("plaintext of %d bytes, limit %d", len(text), MaxPlaintext))
	case len(text) == 0:
		err = newError(op, CodeInvalidRequest, 0, "plaintext is empty")
	case !utf8.Valid(text):
		err = newError(op, CodeInvalidRequest, 0, "plaintext is not UTF-8; bytes are for EncryptBytes")
	}
	var r encryptResult
	if err := c.do(ctx, op, req.KeyID, err, func() requests.AcsRequest {
		r := kms.CreateEncryptRequest()
		r.KeyId, r.EncryptionContext = req.KeyID, ec
		r.Plaintext = string(req.Plaintext.Bytes())
		return r
	}, &r); err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{KeyID: r.KeyID, KeyVersionID: r.KeyVersionID, CiphertextBlob: r.CiphertextBlob, RequestID: r.requestID()}, nil
}

// Decrypt opens a blob of Encrypt, GenerateDataKey or ReEncrypt: one call of KMS, sent again as the package comment says.
// The blob names the key; KeyID of the answer says which it was. The answer's Plaintext belongs to the caller, who clears
// it.
func (c *Client) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	const op = "Decrypt"
	ec, err := encodeContext(op, req.EncryptionContext)
	if err == nil {
		err = checkBlob(op, req.CiphertextBlob)
	}
	var r decryptResult
	if err := c.do(ctx, op, "", err, func() requests.AcsRequest {
		r := kms.CreateDecryptRequest()
		r.CiphertextBlob, r.EncryptionContext = req.CiphertextBlob, ec
		return r
	}, &r); err != nil {
		return nil, err
	}
	return &kmsapi.DecryptResponse{KeyID: r.KeyID, KeyVersionID: r.KeyVersionID, Plaintext: kmsapi.NewPlaintext(r.Plaintext), RequestID: r.requestID()}, nil
}

// ReEncrypt opens a blob and encrypts what is in it anew, without showing it: one call of KMS, sent again as the package
// comment says. KeyID and KeyVersionID of the answer are those that opened the blob.
//
// Errors: errors.ErrUnsupported if the endpoint has no such operation, as that of an instance.
func (c *Client) ReEncrypt(ctx context.Context, req *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	const op = "ReEncrypt"
	source, err := encodeContext(op, req.SourceEncryptionContext)
	destination := ""
	if err == nil {
		destination, err = encodeContext(op, req.DestinationEncryptionContext)
	}
	if err == nil {
		err = checkBlob(op, req.CiphertextBlob)
	}
	var r encryptResult // of the same form
	if err := c.do(ctx, op, req.DestinationKeyID, err, func() requests.AcsRequest {
		r := kms.CreateReEncryptRequest()
		r.CiphertextBlob, r.SourceEncryptionContext = req.CiphertextBlob, source
		r.DestinationKeyId, r.DestinationEncryptionContext = req.DestinationKeyID, destination
		return r
	}, &r); err != nil {
		return nil, err
	}
	return &kmsapi.ReEncryptResponse{KeyID: r.KeyID, KeyVersionID: r.KeyVersionID, CiphertextBlob: r.CiphertextBlob, RequestID: r.requestID()}, nil
}

// DescribeKey tells what the service says of a CMK: one call of KMS, sent again as the package comment says.
func (c *Client) DescribeKey(ctx context.Context, req *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	var r describeKeyResult
	if err := c.do(ctx, "DescribeKey", req.KeyID, nil, func() requests.AcsRequest {
		r := kms.CreateDescribeKeyRequest()
		r.KeyId = req.KeyID
		return r
	}, &r); err != nil {
		return nil, err
	}
	m := &r.KeyMetadata
	return &kmsapi.DescribeKeyResponse{KeyID: m.KeyID, ARN: m.ARN, KeyState: m.KeyState, KeySpec: m.KeySpec,
		KeyUsage: m.KeyUsage, PrimaryKeyVersion: m.PrimaryKeyVersion, RequestID: r.requestID()}, nil
}

// do makes a call of a request that is fine if refused is nil, and tells the hook.
func (c *Client) do(ctx context.Context, op, keyID string, refused *Error, request func() requests.AcsRequest, v result) error {
	start, attempts, err := time.Now(), 0, refused
	if err == nil {
		attempts, err = c.call(ctx, op, request, v)
	}
	if hook := c.shared.hook; hook != nil {
		info := CallInfo{Op: op, KeyID: keyID, Region: c.region, Start: start, Duration: time.Since(start), Attempts: attempts}
		if err != nil {
			info.Code, info.StatusCode, info.RequestID = err.Code, err.StatusCode, err.RequestID
		} else {
			info.RequestID = v.requestID()
			if r, ok := v.(*decryptResult); ok {
				info.KeyID = r.KeyID
			}
		}
		info.KeyID = cut(info.KeyID, maxMessage)
		hook(ctx, info)
	}
	if err != nil {
		err.Attempts = attempts
		return err
	}
	return nil
}

// encodeContext returns an encryption context as KMS takes it: JSON with its keys in order and nothing escaped for HTML,
// "" for none.
func encodeContext(op string, m map[string]string) (string, *Error) {
	if len(m) == 0 {
		return "", nil
	}
	for k, v := range m {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return "", newError(op, CodeInvalidRequest, 0, "encryption context is not UTF-8") // json would change it
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		panic("kmsclient: internal error: " + err.Error()) // unreachable: texts
	}
	text := string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	if n := utf8.RuneCountInString(text); n > MaxContext {
		e := newError(op, CodeTooLarge, 0, fmt.Sprintf("encryption context of %d characters of JSON, limit %d", n, MaxContext))
		e.remedy = "put a hash or a name of what is long into the context"
		return "", e
	}
	return text, nil
}

func checkBlob(op, blob string) *Error {
	if len(blob) > maxBlob {
		return newError(op, CodeInvalidRequest, 0, fmt.Sprintf("ciphertext blob of %d bytes, limit %d", len(blob), maxBlob))
	}
	return nil
}
