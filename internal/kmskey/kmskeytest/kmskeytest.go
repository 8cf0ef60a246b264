// Package kmskeytest has a KMS that protects nothing, for the tests of the foreign formats: it answers for blobs that a
// test plants, as vectors need them, besides those it makes itself, counts calls, and can be told to fail or to lie.
package kmskeytest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"sync"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A KMS is the service of one region. Its zero value has no blobs and any key. It is safe for concurrent use.
type KMS struct {
	mu      sync.Mutex
	blobs   map[string]planted
	aliases map[string]string
	calls   map[string]int
	random  func(b []byte)

	// Fail makes an operation fail, by its name.
	Fail map[string]error
	// AnswerKeyID, if set, edits the key id of every answer.
	AnswerKeyID func(op, keyID string) string
	// AnswerBlob, if set, edits the blob of every answer.
	AnswerBlob func(op, blob string) string
	// AnswerText, if set, edits the text of every answer.
	AnswerText func(op, text string) string
	// Asked, if set, sees every request that has a context.
	Asked func(op, keyID string, ec map[string]string)
}

type planted struct {
	keyID, text string
	ec          map[string]string
}

var _ kmsapi.API = (*KMS)(nil)

// Plant makes blob decrypt to text under a key and a context.
func (f *KMS) Plant(blob, keyID, text string, ec map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blobs == nil {
		f.blobs = map[string]planted{}
	}
	f.blobs[blob] = planted{keyID, text, maps.Clone(ec)}
}

// Alias points an alias at a key.
func (f *KMS) Alias(alias, keyID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.aliases == nil {
		f.aliases = map[string]string{}
	}
	f.aliases[alias] = keyID
}

// Random replaces the source of data keys.
func (f *KMS) Random(fill func(b []byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.random = fill
}

// Calls returns how often an operation was called; "" is all of them.
func (f *KMS) Calls(op string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for o, c := range f.calls {
		if op == "" || o == op {
			n += c
		}
	}
	return n
}

func (f *KMS) begin(ctx context.Context, op, keyID string, ec map[string]string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[op]++
	if f.Asked != nil {
		f.Asked(op, keyID, ec)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := f.Fail[op]; err != nil {
		return "", err
	}
	if target, ok := f.aliases[keyID]; ok {
		return target, nil
	}
	return keyID, nil
}

func edit(f func(op, s string) string, op, s string) string {
	if f == nil {
		return s
	}
	return f(op, s)
}

// seal makes a blob that looks like those of the service, about as long, and plants it.
func (f *KMS) seal(op, keyID, text string, ec map[string]string) string {
	b := make([]byte, 108)
	rand.Read(b)
	blob := base64.StdEncoding.EncodeToString(b)
	f.Plant(blob, keyID, text, ec)
	return edit(f.AnswerBlob, op, blob)
}

// GenerateDataKey makes a data key of the length asked for.
func (f *KMS) GenerateDataKey(ctx context.Context, req *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	const op = "GenerateDataKey"
	key, err := f.begin(ctx, op, req.KeyID, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	b := make([]byte, req.NumberOfBytes)
	f.mu.Lock()
	if f.random != nil {
		f.random(b)
	} else {
		rand.Read(b)
	}
	f.mu.Unlock()
	text := base64.StdEncoding.EncodeToString(b)
	return &kmsapi.GenerateDataKeyResponse{
		KeyID:          edit(f.AnswerKeyID, op, key),
		CiphertextBlob: f.seal(op, key, text, req.EncryptionContext),
		Plaintext:      kmsapi.NewPlaintext([]byte(edit(f.AnswerText, op, text))),
	}, nil
}

// Encrypt makes a blob of any text.
func (f *KMS) Encrypt(ctx context.Context, req *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	const op = "Encrypt"
	key, err := f.begin(ctx, op, req.KeyID, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{
		KeyID:          edit(f.AnswerKeyID, op, key),
		CiphertextBlob: f.seal(op, key, string(req.Plaintext.Bytes()), req.EncryptionContext),
	}, nil
}

// Decrypt opens planted blobs and its own, with the context they were made with; others match
// kmsapi.ErrInvalidCiphertext.
func (f *KMS) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	const op = "Decrypt"
	if _, err := f.begin(ctx, op, "", req.EncryptionContext); err != nil {
		return nil, err
	}
	f.mu.Lock()
	b, ok := f.blobs[req.CiphertextBlob]
	f.mu.Unlock()
	if !ok || !maps.Equal(b.ec, req.EncryptionContext) {
		return nil, fmt.Errorf("fake: %w", kmsapi.ErrInvalidCiphertext)
	}
	return &kmsapi.DecryptResponse{
		KeyID:     edit(f.AnswerKeyID, op, b.keyID),
		Plaintext: kmsapi.NewPlaintext([]byte(edit(f.AnswerText, op, b.text))),
	}, nil
}

// ReEncrypt is not offered, as at the gateway of a dedicated instance.
func (f *KMS) ReEncrypt(ctx context.Context, _ *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	if _, err := f.begin(ctx, "ReEncrypt", "", nil); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("fake: %w", kmsapi.ErrUnsupportedOperation)
}

// DescribeKey tells what an alias points at.
func (f *KMS) DescribeKey(ctx context.Context, req *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	const op = "DescribeKey"
	key, err := f.begin(ctx, op, req.KeyID, nil)
	if err != nil {
		return nil, err
	}
	return &kmsapi.DescribeKeyResponse{KeyID: edit(f.AnswerKeyID, op, key), KeyState: "Enabled"}, nil
}
