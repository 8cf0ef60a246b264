package keyring_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// fakeKMS is the least service that a provider can be tested with: it counts calls, and its answers can be edited. The
// reference KMS is tested against the same provider in its own package.
type fakeKMS struct {
	mu      sync.Mutex
	keys    map[string]cipher.AEAD
	aliases map[string]string
	calls   map[string]int
	fail    map[string]error // by operation

	editGenerate  func(*kmsapi.GenerateDataKeyResponse)
	editDecrypt   func(*kmsapi.DecryptResponse)
	editEncrypt   func(*kmsapi.EncryptResponse)
	editReEncrypt func(*kmsapi.ReEncryptResponse)
	editDescribe  func(*kmsapi.DescribeKeyResponse)

	lastKeyID string            // of the last request that had one
	lastEC    map[string]string // of the last request that had one
}

func newFakeKMS(keys ...string) *fakeKMS {
	f := &fakeKMS{keys: map[string]cipher.AEAD{}, aliases: map[string]string{}, calls: map[string]int{}, fail: map[string]error{}}
	for _, k := range keys {
		material := make([]byte, 32)
		rand.Read(material)
		block, err := aes.NewCipher(material)
		if err != nil {
			panic(err)
		}
		if f.keys[k], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			panic(err)
		}
	}
	return f
}

func (f *fakeKMS) begin(ctx context.Context, op, keyID string, ec map[string]string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if err := f.fail[op]; err != nil {
		return "", err
	}
	f.lastKeyID, f.lastEC = keyID, ec
	if target, ok := f.aliases[keyID]; ok {
		keyID = target
	}
	if _, ok := f.keys[keyID]; keyID != "" && !ok {
		return "", fmt.Errorf("fake: %w", kmsapi.ErrKeyNotFound)
	}
	return keyID, nil
}

func (f *fakeKMS) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		n += c
	}
	return n
}

func (f *fakeKMS) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[op]
}

func (f *fakeKMS) point(alias, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aliases[alias] = key
}

func aad(ec map[string]string) []byte {
	b, _ := json.Marshal(ec)
	if len(ec) == 0 {
		return nil
	}
	return b
}

// seal makes base64(key id || 0 || GCM).
func (f *fakeKMS) seal(key string, text []byte, ec map[string]string) string {
	b := append([]byte(key), 0)
	return base64.StdEncoding.EncodeToString(f.keys[key].Seal(b, nil, text, aad(ec)))
}

func (f *fakeKMS) open(blob string, ec map[string]string) (key string, text []byte, err error) {
	b, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return "", nil, fmt.Errorf("fake: %w", kmsapi.ErrInvalidCiphertext)
	}
	key, sealed, _ := strings.Cut(string(b), "\x00")
	aead, ok := f.keys[key]
	if !ok {
		return "", nil, fmt.Errorf("fake: %w", kmsapi.ErrKeyNotFound)
	}
	text, err = aead.Open(nil, nil, []byte(sealed), aad(ec))
	if err != nil {
		return "", nil, fmt.Errorf("fake: %w", kmsapi.ErrInvalidCiphertext)
	}
	return key, text, nil
}

func (f *fakeKMS) GenerateDataKey(ctx context.Context, req *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	key, err := f.begin(ctx, "GenerateDataKey", req.KeyID, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	b := make([]byte, req.NumberOfBytes)
	rand.Read(b)
	text := base64.StdEncoding.AppendEncode(nil, b)
	resp := &kmsapi.GenerateDataKeyResponse{KeyID: key, CiphertextBlob: f.seal(key, text, req.EncryptionContext), Plaintext: kmsapi.NewPlaintext(text)}
	if f.editGenerate != nil {
		f.editGenerate(resp)
	}
	return resp, nil
}

func (f *fakeKMS) Encrypt(ctx context.Context, req *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	key, err := f.begin(ctx, "Encrypt", req.KeyID, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	resp := &kmsapi.EncryptResponse{KeyID: key, CiphertextBlob: f.seal(key, req.Plaintext.Bytes(), req.EncryptionContext)}
	if f.editEncrypt != nil {
		f.editEncrypt(resp)
	}
	return resp, nil
}

func (f *fakeKMS) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	if _, err := f.begin(ctx, "Decrypt", "", req.EncryptionContext); err != nil {
		return nil, err
	}
	key, text, err := f.open(req.CiphertextBlob, req.EncryptionContext)
	if err != nil {
		return nil, err
	}
	resp := &kmsapi.DecryptResponse{KeyID: key, Plaintext: kmsapi.NewPlaintext(text)}
	if f.editDecrypt != nil {
		f.editDecrypt(resp)
	}
	return resp, nil
}

func (f *fakeKMS) ReEncrypt(ctx context.Context, req *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	to, err := f.begin(ctx, "ReEncrypt", req.DestinationKeyID, req.DestinationEncryptionContext)
	if err != nil {
		return nil, err
	}
	from, text, err := f.open(req.CiphertextBlob, req.SourceEncryptionContext)
	if err != nil {
		return nil, err
	}
	resp := &kmsapi.ReEncryptResponse{KeyID: from, CiphertextBlob: f.seal(to, text, req.DestinationEncryptionContext)}
	if f.editReEncrypt != nil {
		f.editReEncrypt(resp)
	}
	return resp, nil
}

func (f *fakeKMS) DescribeKey(ctx context.Context, req *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	key, err := f.begin(ctx, "DescribeKey", req.KeyID, nil)
	if err != nil {
		return nil, err
	}
	resp := &kmsapi.DescribeKeyResponse{KeyID: key, KeyState: "Enabled"}
	if f.editDescribe != nil {
		f.editDescribe(resp)
	}
	return resp, nil
}
