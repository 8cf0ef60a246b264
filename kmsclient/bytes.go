package kmsclient

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// MaxBytes is the most that EncryptBytes takes, in bytes: their base64 is 6144 long.
const MaxBytes = MaxPlaintext / 4 * 3

// EncryptBytes encrypts 1 to 4608 bytes under a CMK in the service itself, as base64, and returns the ciphertext blob:
// one call of KMS. data is neither kept nor modified. It goes to the service within TLS; nothing local is encrypted.
//
// Errors: [ErrTooLarge] before any call.
func (c *Client) EncryptBytes(ctx context.Context, keyID string, data []byte, ec map[string]string) (string, error) {
	if len(data) > MaxBytes {
		err := newError("Encrypt", CodeTooLarge, 0, fmt.Sprintf("%d bytes, limit %d", len(data), MaxBytes))
		return "", c.do(ctx, "Encrypt", keyID, err, nil, nil)
	}
	text := kmsapi.NewPlaintext(base64.StdEncoding.AppendEncode(nil, data))
	defer text.Clear()
	resp, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: keyID, Plaintext: text, EncryptionContext: ec})
	if err != nil {
		return "", err
	}
	return resp.CiphertextBlob, nil
}

// DecryptBytes opens what EncryptBytes has made: one call of KMS. The blob names the key. The result belongs to the
// caller.
//
// Errors: [ErrNotBytes] if the ciphertext is of a text that is not base64.
func (c *Client) DecryptBytes(ctx context.Context, ciphertext string, ec map[string]string) ([]byte, error) {
	resp, err := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: ciphertext, EncryptionContext: ec})
	if err != nil {
		return nil, err
	}
	defer resp.Plaintext.Clear()
	data := make([]byte, base64.StdEncoding.DecodedLen(len(resp.Plaintext.Bytes())))
	n, err := base64.StdEncoding.Strict().Decode(data, resp.Plaintext.Bytes())
	if err != nil || base64.StdEncoding.EncodedLen(n) != len(resp.Plaintext.Bytes()) { // the decoder skips newlines
		clear(data)
		e := newError("Decrypt", CodeNotBytes, 0, "")
		e.RequestID, e.Attempts = resp.RequestID, 1
		return nil, e
	}
	return data[:n], nil
}
