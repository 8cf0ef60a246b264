package keyring

import (
	"context"
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
	names  localWrap
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
	names, err := newLocalWrap(format.ProviderRaw, keyID, format.LocalWrapSize)
	if err != nil {
		return nil, err
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
	return &RawAES{names: names, states: func(s format.Suite) *suite.State { return states[s] }}, nil
}

// GenerateDataKey makes a data key from the system's random source. A suite that the format does not have is
// format.ErrUnsupportedSuite.
func (p *RawAES) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: raw: %w", err)
	}
	return p.names.newKey(req.Suite, func(key []byte) (format.WrappedKey, error) {
		return p.seal(req.Suite, req.Context, key)
	})
}

// Decrypt opens the wrapped key with the provider's key id. [ErrNoMatch] if there is none, [ErrAuthentication] if it was
// made under another key, for other pairs, or is damaged.
func (p *RawAES) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: raw: %w", err)
	}
	i, err := p.names.find(req.Record)
	if err != nil {
		return nil, err
	}
	algorithms, err := p.names.algorithms(req.Suite)
	if err != nil {
		return nil, err
	}
	var key [suite.DataKeySize]byte
	defer clear(key[:])
	if err := p.names.open(&key, algorithms, p.states(req.Suite), req.Context, req.Record[i].Ciphertext); err != nil {
		return nil, err
	}
	return NewDataKey(req.Suite, key[:], req.Record, i)
}

// Wrap wraps the data key of the request. Without one it is [ErrNeedKey], with one that is destroyed [ErrDestroyed].
func (p *RawAES) Wrap(ctx context.Context, req *WrapRequest) (format.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: raw: %w", err)
	}
	return p.names.wrapLent(req.Key, func(key []byte) (format.WrappedKey, error) {
		return p.seal(req.Suite, req.Context, key)
	})
}

func (p *RawAES) seal(s format.Suite, pairs format.Pairs, key []byte) (format.WrappedKey, error) {
	algorithms, err := p.names.algorithms(s)
	if err != nil {
		return format.WrappedKey{}, err
	}
	c, err := p.names.seal(make([]byte, 0, format.LocalWrapSize), algorithms, p.states(s), pairs, key)
	return format.WrappedKey{Provider: p.names.provider, KeyID: p.names.keyID, Ciphertext: c}, err
}

// Format prints the key id, whatever the verb.
func (p RawAES) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// String returns the provider's name and key id.
func (p RawAES) String() string { return p.names.String() }

// LogValue returns the provider's name and key id.
func (p RawAES) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText fails: a provider that holds a key is not written down.
func (RawAES) MarshalText() ([]byte, error) {
	return nil, errors.New("keyring: a raw key is not marshalled")
}
