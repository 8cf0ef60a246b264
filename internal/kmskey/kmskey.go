// Package kmskey is a CMK as the readers and writers of foreign formats use it: it generates, wraps and unwraps data keys
// of any length over kmsapi, and lets no answer through that came from another key than the one asked for.
//
// The providers of package keyring do the same for our own format, with data keys that never show. The foreign formats use
// the service's data keys as they are, 16 bytes at times, so here they are byte slices, which the caller wipes.
//
// # Compatibility
//
// Internal: everything here may change tomorrow.
package kmskey

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

var (
	// ErrWrongKey: the service answered with another key than the one asked for. The answer was wiped.
	ErrWrongKey = errors.New("another key answered")
	// ErrInvalidDataKey: what a wrapped key held is no data key: not strict base64, or of a length that does not fit.
	ErrInvalidDataKey = errors.New("invalid data key")
	// ErrInvalidWrappedKey: a wrapped key is not strict base64, or longer than [MaxBlob].
	ErrInvalidWrappedKey = errors.New("invalid wrapped key")
	// ErrInvalidContext: an encryption context is not UTF-8, or longer than the service takes.
	ErrInvalidContext = errors.New("invalid encryption context")
)

const (
	// MaxBlob bounds a wrapped key in characters of base64. That of a data key of 32 bytes has 144.
	MaxBlob = 8192
	// MaxContext is the limit of KMS on an encryption context, in characters of its JSON.
	MaxContext = 8192
	// MaxDataKey bounds a data key in bytes: what GenerateDataKey makes at most.
	MaxDataKey = 1024
	// maxOpens bounds the further keys of a Key.
	maxOpens = 64
)

// A Key is one CMK that is written under, and any number that may be read under. It is safe for concurrent use.
type Key struct {
	api   kmsapi.API
	own   Name
	opens []Name
}

// New returns the key of that id, alias or ARN, and checks the names. opens are further keys, by id or key ARN, that may
// open what is read, at most 64. It makes no call.
func New(api kmsapi.API, keyID string, opens []string) (*Key, error) {
	if api == nil {
		return nil, errors.New("kmskey: no API")
	}
	own, err := ParseName(keyID)
	if err != nil {
		return nil, err
	}
	if len(opens) > maxOpens {
		return nil, fmt.Errorf("kmskey: %d further keys, limit %d", len(opens), maxOpens)
	}
	k := &Key{api: api, own: own}
	for _, id := range opens {
		n, err := ParseName(id)
		if err != nil {
			return nil, err
		}
		if n.IsAlias() {
			return nil, fmt.Errorf("kmskey: further key %s is an alias: %w", Quote(id), ErrName)
		}
		k.opens = append(k.opens, n)
	}
	return k, nil
}

// Name returns the name of the key that is written under.
func (k *Key) Name() Name { return k.own }

// Generate asks for a new data key of size bytes: one GenerateDataKey call. The blob is what the service answered, strict
// base64 of at most [MaxBlob] characters. The caller wipes the data key.
//
// Errors: the causes of kmsapi, [ErrWrongKey], [ErrInvalidDataKey], [ErrInvalidWrappedKey].
func (k *Key) Generate(ctx context.Context, size int, ec map[string]string) (dataKey []byte, blob string, err error) {
	resp, err := k.api.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: k.own.id, NumberOfBytes: size, EncryptionContext: ec})
	if err != nil {
		return nil, "", fmt.Errorf("generate data key under %v: %w", k.own, err)
	}
	defer resp.Plaintext.Clear()
	if err := k.wrapped(resp.KeyID, resp.CiphertextBlob); err != nil {
		return nil, "", fmt.Errorf("generate data key under %v: %w", k.own, err)
	}
	dataKey, err = decode(resp.Plaintext, func(n int) bool { return n == size })
	if err != nil {
		return nil, "", fmt.Errorf("generate data key under %v: %w", k.own, err)
	}
	return dataKey, resp.CiphertextBlob, nil
}

// Wrap wraps a data key, as its base64: one Encrypt call. The blob is as that of [Key.Generate]. dataKey is neither kept
// nor modified.
//
// Errors: the causes of kmsapi, [ErrWrongKey], [ErrInvalidWrappedKey].
func (k *Key) Wrap(ctx context.Context, dataKey []byte, ec map[string]string) (blob string, err error) {
	text := kmsapi.NewPlaintext(base64.StdEncoding.AppendEncode(nil, dataKey))
	defer text.Clear()
	resp, err := k.api.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: k.own.id, Plaintext: text, EncryptionContext: ec})
	if err != nil {
		return "", fmt.Errorf("encrypt under %v: %w", k.own, err)
	}
	if err := k.wrapped(resp.KeyID, resp.CiphertextBlob); err != nil {
		return "", fmt.Errorf("encrypt under %v: %w", k.own, err)
	}
	return resp.CiphertextBlob, nil
}

// wrapped checks an answer that wrapped something: who did it, and the blob. Under an alias only the service knows which
// key that is.
func (k *Key) wrapped(keyID, blob string) error {
	if n, err := ParseName(keyID); err != nil || n.IsAlias() || !k.own.IsAlias() && !n.Same(k.own) {
		return fmt.Errorf("%s: %w", Quote(keyID), ErrWrongKey)
	}
	return CheckBlob(blob)
}

// CheckBlob checks that a wrapped key is strict base64 of 1 to [MaxBlob] characters, as the service makes it. Else it is
// [ErrInvalidWrappedKey].
func CheckBlob(blob string) error {
	if len(blob) == 0 || len(blob) > MaxBlob {
		return fmt.Errorf("%d characters, want 1 to %d: %w", len(blob), MaxBlob, ErrInvalidWrappedKey)
	}
	if !IsBase64(blob) {
		return fmt.Errorf("not base64: %w", ErrInvalidWrappedKey)
	}
	return nil
}

// IsBase64 reports whether s is standard base64 in its one strict spelling: padded, no bits left over, no line ends.
func IsBase64(s string) bool {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == '\r' { // which the decoder would skip
			return false
		}
	}
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil
}

// Unwrap opens a wrapped key whose data key has a length that fits: one Decrypt call and, where the key is configured by
// an alias and none of the further keys answered, one DescribeKey. The caller wipes the data key.
//
// KMS takes no key id when it decrypts, so a blob proves nothing of the key it is under; the answer is compared with the
// configured keys, and wiped if it is of none of them.
//
// Errors: the causes of kmsapi, [ErrWrongKey], [ErrInvalidDataKey].
func (k *Key) Unwrap(ctx context.Context, blob string, ec map[string]string, fits func(size int) bool) (dataKey []byte, err error) {
	text, err := k.UnwrapText(ctx, blob, ec)
	if err != nil {
		return nil, err
	}
	defer text.Clear()
	dataKey, err = decode(text, fits)
	if err != nil {
		return nil, fmt.Errorf("decrypt under %v: %w", k.own, err)
	}
	return dataKey, nil
}

// UnwrapText is [Key.Unwrap] for a text that is no base64. The caller clears it.
func (k *Key) UnwrapText(ctx context.Context, blob string, ec map[string]string) (kmsapi.Plaintext, error) {
	resp, err := k.api.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: ec})
	if err != nil {
		return kmsapi.Plaintext{}, fmt.Errorf("decrypt under %v: %w", k.own, err)
	}
	if err := k.answered(ctx, resp.KeyID); err != nil {
		resp.Plaintext.Clear()
		return kmsapi.Plaintext{}, fmt.Errorf("decrypt under %v: %w", k.own, err)
	}
	return resp.Plaintext, nil
}

// answered checks that the key which answered is one of the configured keys.
func (k *Key) answered(ctx context.Context, keyID string) error {
	n, err := ParseName(keyID)
	if err != nil || n.IsAlias() {
		return fmt.Errorf("%s: %w", Quote(keyID), ErrWrongKey)
	}
	if n.Same(k.own) {
		return nil
	}
	for _, o := range k.opens {
		if n.Same(o) {
			return nil
		}
	}
	if k.own.IsAlias() {
		resp, err := k.api.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: k.own.id})
		if err != nil {
			return fmt.Errorf("describe %v: %w", k.own, err)
		}
		if target, err := ParseName(resp.KeyID); err == nil && n.Same(target) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", Quote(keyID), ErrWrongKey)
}

// decode returns the data key in a text of the service: strict base64 of a length that fits.
func decode(text kmsapi.Plaintext, fits func(size int) bool) ([]byte, error) {
	t := text.Bytes()
	if n := len(t); n == 0 || n > (MaxDataKey+2)/3*4 || bytes.ContainsAny(t, "\r\n") {
		return nil, fmt.Errorf("text of %d characters: %w", n, ErrInvalidDataKey)
	}
	key := make([]byte, base64.StdEncoding.DecodedLen(len(t)))
	n, err := base64.StdEncoding.Strict().Decode(key, t)
	if err != nil {
		clear(key)
		return nil, fmt.Errorf("not base64: %w", ErrInvalidDataKey) // not err, which says where in the key
	}
	if !fits(n) {
		clear(key)
		return nil, fmt.Errorf("%d bytes: %w", n, ErrInvalidDataKey)
	}
	return key[:n:n], nil
}

// CheckContext checks that KMS takes a map as encryption context: UTF-8, at most [MaxContext] characters of JSON as its
// clients make it, without escaping for HTML. Else it is [ErrInvalidContext].
func CheckContext(ec map[string]string) error {
	for k, v := range ec {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("pair %s is not UTF-8: %w", Quote(k), ErrInvalidContext)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(ec); err != nil {
		return err // unreachable: a map of strings
	}
	if n := utf8.RuneCount(bytes.TrimSuffix(b.Bytes(), []byte("\n"))); n > MaxContext {
		return fmt.Errorf("%d characters of JSON, limit %d: %w", n, MaxContext, ErrInvalidContext)
	}
	return nil
}
