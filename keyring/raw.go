package keyring

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// RawAES is the [KeyProvider] of a 32-byte key that the program holds itself: for tests, for data that never leaves a
// machine, and as a recovery key beside a CMK. It calls nobody. Whoever has the key can read and write.
//
// A wrapped key is 112 bytes: a salt, a commitment to the wrapping key, and the data key sealed under a key derived from
// the raw key, the salt, the key id and the stored pairs, with the algorithms of the message's suite (SPEC.md, Section
// 4). Each wrap has a key of its own, so any number may be made.
//
// It is safe for concurrent use. Package fmt shows nothing of its key.
type RawAES struct {
	keyID  string
	states func(s format.Suite) *suite.State // a func, because fmt prints no more than its address
}

var (
	_ KeyProvider = (*RawAES)(nil)
	_ Wrapper     = (*RawAES)(nil)
)

// NewRawAES returns the provider of a raw key. keyID names the key in messages, 1 to 512 characters of printable ASCII;
// it is shown to whoever sees a message, and another one is format.ErrInvalid. key is 32 bytes, uniformly random, and is
// neither kept nor modified; another length is [ErrInvalidDataKey].
func NewRawAES(keyID string, key []byte) (*RawAES, error) {
	if err := (format.Record{{Provider: format.ProviderRaw, KeyID: keyID, Ciphertext: make([]byte, format.LocalWrapSize)}}).Check(); err != nil {
		return nil, fmt.Errorf("keyring: raw: key id: %w", err)
	}
	if len(key) != suite.DataKeySize {
		return nil, fmt.Errorf("keyring: raw: key of %d bytes, want %d: %w", len(key), suite.DataKeySize, ErrInvalidDataKey)
	}
	states := map[format.Suite]*suite.State{}
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		st, err := suite.Lookup(uint16(s)).Extract(key)
		if err != nil {
			return nil, err // unreachable: the length was checked
		}
		states[s] = st
	}
	return &RawAES{keyID: keyID, states: func(s format.Suite) *suite.State { return states[s] }}, nil
}

// GenerateDataKey makes a data key from the system's random source. A suite that the format does not have is
// format.ErrUnsupportedSuite.
func (p *RawAES) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: raw: %w", err)
	}
	var key [suite.DataKeySize]byte
	defer clear(key[:])
	rand.Read(key[:])
	entry, err := p.seal(req.Suite, req.Context, key[:])
	if err != nil {
		return nil, err
	}
	return NewDataKey(req.Suite, key[:], format.Record{entry}, 0)
}

// Decrypt opens the wrapped key with the provider's key id. [ErrNoMatch] if there is none, [ErrAuthentication] if it was
// made under another key, for other pairs, or is damaged.
func (p *RawAES) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: raw: %w", err)
	}
	for i, e := range req.Record {
		if e.Provider == format.ProviderRaw && e.KeyID == p.keyID {
			return p.open(req, i)
		}
	}
	return nil, fmt.Errorf("keyring: raw: %s: %w", quote(p.keyID), ErrNoMatch)
}

// Wrap wraps the data key of the request. Without one it is [ErrNeedKey], with one that is destroyed [ErrDestroyed].
func (p *RawAES) Wrap(ctx context.Context, req *WrapRequest) (format.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: raw: %w", err)
	}
	if req.Key == nil {
		return nil, fmt.Errorf("keyring: raw: %w", ErrNeedKey)
	}
	var entry format.WrappedKey
	err := req.Key.Lend(func(key []byte) (err error) {
		entry, err = p.seal(req.Suite, req.Context, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return format.Record{entry}, nil
}

// seal makes salt || wc || GCM(wrapKey, nonce, data key). The wrapping key is derived anew for every salt, hence a fixed
// nonce is right: it seals once. wc commits to the raw key, because one GCM ciphertext can be made to open under several.
func (p *RawAES) seal(s format.Suite, pairs format.Pairs, key []byte) (format.WrappedKey, error) {
	var salt [suite.SaltSize]byte
	rand.Read(salt[:])
	w, wc, err := p.wrapping(s, &salt, pairs)
	if err != nil {
		return format.WrappedKey{}, err
	}
	ciphertext := make([]byte, 0, format.LocalWrapSize)
	ciphertext = append(append(ciphertext, salt[:]...), wc[:]...)
	ciphertext = w.AEAD.Seal(ciphertext, w.Mask[:], key, nil)
	return format.WrappedKey{Provider: format.ProviderRaw, KeyID: p.keyID, Ciphertext: ciphertext}, nil
}

func (p *RawAES) open(req *DecryptRequest, i int) (*DataKey, error) {
	c := req.Record[i].Ciphertext
	if len(c) != format.LocalWrapSize {
		return nil, fmt.Errorf("keyring: raw: wrapped key: %w", ErrAuthentication)
	}
	salt := [suite.SaltSize]byte(c)
	w, wc, err := p.wrapping(req.Suite, &salt, req.Context)
	if err != nil {
		return nil, err
	}
	c = c[suite.SaltSize:]
	if subtle.ConstantTimeCompare(wc[:], c[:suite.CommitSize]) != 1 {
		return nil, fmt.Errorf("keyring: raw: wrapped key: %w", ErrAuthentication)
	}
	var key [suite.DataKeySize]byte
	defer clear(key[:])
	if _, err := w.AEAD.Open(key[:0], w.Mask[:], c[suite.CommitSize:], nil); err != nil {
		return nil, fmt.Errorf("keyring: raw: wrapped key: %w", ErrAuthentication)
	}
	return NewDataKey(req.Suite, key[:], req.Record, i)
}

func (p *RawAES) wrapping(s format.Suite, salt *[suite.SaltSize]byte, pairs format.Pairs) (w suite.Sealer, wc [suite.CommitSize]byte, err error) {
	algorithms := suite.Lookup(uint16(s))
	if algorithms == nil {
		return w, wc, fmt.Errorf("keyring: raw: %v: %w", s, format.ErrUnsupportedSuite)
	}
	return algorithms.Wrap(p.states(s), salt, format.ProviderRaw, p.keyID, pairs)
}

// Format prints the key id, whatever the verb.
func (p RawAES) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// String returns the provider's name and key id.
func (p RawAES) String() string { return "raw " + quote(p.keyID) }

// LogValue returns the provider's name and key id.
func (p RawAES) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText fails: a provider that holds a key is not written down.
func (RawAES) MarshalText() ([]byte, error) {
	return nil, errors.New("keyring: a raw key is not marshalled")
}
