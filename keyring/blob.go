package keyring

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// maxContextJSON is the limit of KMS on an encryption context, in characters of its JSON.
const maxContextJSON = 8192

// openBlob makes the one Decrypt call for a wrapped key of KMS and checks who answered: m.own and nobody else.
func openBlob(ctx context.Context, api kmsapi.API, req *DecryptRequest, m match, ec map[string]string) (*DataKey, error) {
	ciphertext := req.Record[m.index].Ciphertext
	if len(ciphertext) == 0 || len(ciphertext) > format.MaxCiphertextSize {
		return nil, fmt.Errorf("keyring: kms: wrapped key of %d bytes under %v: %w", len(ciphertext), m.own, ErrAuthentication)
	}
	resp, err := api.Decrypt(ctx, &kmsapi.DecryptRequest{
		CiphertextBlob:    base64.StdEncoding.EncodeToString(ciphertext),
		EncryptionContext: ec,
	})
	if err != nil {
		if errors.Is(err, kmsapi.ErrInvalidCiphertext) {
			return nil, fmt.Errorf("keyring: kms: decrypt under %v: %w: %w", m.own, ErrAuthentication, err)
		}
		return nil, fmt.Errorf("keyring: kms: decrypt under %v: %w", m.own, err)
	}
	defer resp.Plaintext.Clear()
	// Whoever may encrypt under any CMK that we may decrypt under can label his wrapped key with ours. The key that
	// answered is the truth; a difference is as if the entry were not there.
	if answered, err := parseKeyName(resp.KeyID); err != nil || !answered.same(m.own) {
		return nil, fmt.Errorf("keyring: kms: decrypt under %v: %s: %w: %w", m.own, quote(resp.KeyID), ErrWrongKey, ErrNoMatch)
	}
	key, err := textKey(req.Suite, resp.Plaintext, req.Record, m.index)
	if errors.Is(err, ErrInvalidDataKey) {
		return nil, fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	return key, err
}

// textKey decodes the text that KMS gave. Encodings are strict, as two texts for one key would be a second way to say the
// same, and one length for all suites leaves no room for keys that pad each other.
func textKey(s format.Suite, text kmsapi.Plaintext, record format.Record, opener int) (*DataKey, error) {
	const size = 44 // base64 of 32 bytes
	if n := len(text.Bytes()); n != size {
		return nil, fmt.Errorf("keyring: kms: data key of %d characters, want %d: %w", n, size, ErrInvalidDataKey)
	}
	var key [33]byte // what 44 characters without padding would decode to
	defer clear(key[:])
	n, err := base64.StdEncoding.Strict().Decode(key[:], text.Bytes())
	if err != nil || n != suite.DataKeySize {
		return nil, fmt.Errorf("keyring: kms: data key is not base64 of %d bytes: %w", suite.DataKeySize, ErrInvalidDataKey)
	}
	return NewDataKey(s, key[:n], record, opener)
}

// encryptionContext returns the stored pairs as KMS takes them: all of them and nothing else, none as nil. Its limit
// counts characters of JSON as clients of KMS make it, without escaping for HTML.
func encryptionContext(pairs format.Pairs) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	m := pairs.Map()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("keyring: kms: encryption context: %w", err) // unreachable: a map of strings
	}
	if n := utf8.RuneCount(bytes.TrimSuffix(b.Bytes(), []byte("\n"))); n > maxContextJSON {
		return nil, fmt.Errorf("keyring: kms: encryption context of %d characters of JSON, limit %d: %w", n, maxContextJSON, ErrContextTooLong)
	}
	return m, nil
}
