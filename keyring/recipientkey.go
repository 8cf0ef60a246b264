package keyring

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// A KEM says of what kind a key of a recipient is: how it encapsulates keys, by its number in HPKE (RFC 9180, Section
// 7.1). The zero value is never valid.
type KEM uint16

const (
	// X25519 is DHKEM(X25519, HKDF-SHA256). A wrapped key takes 80 bytes. Whoever keeps messages until there is a large
	// quantum computer can open them then.
	X25519 KEM = 0x0020
	// MLKEM768X25519 is the hybrid of ML-KEM-768 and X25519 that is also called X-Wing: it holds as long as one of them
	// does. A wrapped key takes 1168 bytes, a public key as text about 1650 characters.
	MLKEM768X25519 KEM = 0x647a
)

// String returns the name of the kind in texts and key ids, or KEM(0x0007) for a number without one.
func (k KEM) String() string {
	if a := k.algorithm(); a != nil {
		return a.name
	}
	return fmt.Sprintf("KEM(0x%04x)", uint16(k))
}

// A kemAlgorithm is what there is to know of a KEM.
type kemAlgorithm struct {
	id           KEM
	name         string
	hpke         hpke.KEM
	public       int // length of a public key in bytes; the point of X25519 is its last 32
	encapsulated int // length of what stands before the sealed data key
}

// privateKeySize is the length of a private key of either kind: a scalar, or the seed of both keys.
const privateKeySize = 32

var kems = [...]*kemAlgorithm{
	{X25519, "x25519", hpke.DHKEM(ecdh.X25519()), 32, 32},
	{MLKEM768X25519, "mlkem768-x25519", hpke.MLKEM768X25519(), 1184 + 32, 1088 + 32},
}

func (k KEM) algorithm() *kemAlgorithm {
	for _, a := range kems {
		if a.id == k {
			return a
		}
	}
	return nil
}

// The texts of keys (SPEC.md, Section 4.5): prefix, kind and a colon, then key and check in base64url without padding. The
// check tells a slip of the pen from a key, of which any 32 bytes are one: a message for a key that nobody has is lost.
const (
	publicPrefix  = "xinfeng-public-"
	privatePrefix = "xinfeng-private-"
	keyCheckSize  = 4
	keyIDSize     = 16
)

var keyEncoding = base64.RawURLEncoding.Strict()

// keyText returns the text of a key under the prefix, which has kind and colon.
func keyText(prefix string, key []byte) []byte {
	sum := keySum(prefix, key)
	b := append(append(make([]byte, 0, len(key)+keyCheckSize), key...), sum[:keyCheckSize]...)
	defer clear(b)
	return keyEncoding.AppendEncode([]byte(prefix), b)
}

func keySum(prefix string, key []byte) [sha256.Size]byte {
	h := sha256.New()
	io.WriteString(h, prefix)
	h.Write(key)
	return [sha256.Size]byte(h.Sum(nil))
}

// parseKeyText is the inverse of keyText: it takes what keyText makes and nothing else. No error holds any of the text,
// which may be a private key in the place of a public one.
func parseKeyText(prefix string, text []byte, size func(*kemAlgorithm) int) (*kemAlgorithm, []byte, error) {
	for _, a := range kems {
		full := prefix + a.name + ":"
		rest, ok := bytes.CutPrefix(text, []byte(full))
		if !ok {
			continue
		}
		n := size(a)
		if want := keyEncoding.EncodedLen(n + keyCheckSize); len(rest) != want {
			return nil, nil, fmt.Errorf("%d characters behind %q, want %d: %w", len(rest), full, want, ErrInvalidKey)
		}
		b := make([]byte, n+keyCheckSize+1)
		// Decode passes over line ends, and would find too few bytes.
		if got, err := keyEncoding.Decode(b, rest); err != nil || got != n+keyCheckSize {
			clear(b)
			return nil, nil, fmt.Errorf("behind %q stands no base64url: %w", full, ErrInvalidKey)
		}
		sum := keySum(full, b[:n])
		if subtle.ConstantTimeCompare(sum[:keyCheckSize], b[n:n+keyCheckSize]) != 1 {
			clear(b)
			return nil, nil, fmt.Errorf("the check of %q is wrong, a character has changed: %w", full, ErrInvalidKey)
		}
		return a, b[:n:n], nil
	}
	return nil, nil, fmt.Errorf("it does not begin with %q and a kind of key: %w", prefix, ErrInvalidKey)
}

// A PublicKey is what a message is encrypted to, so that the holder of the [PrivateKey] can open it. It is no secret; where
// it came from matters, since whoever exchanges it reads what was meant for another. It is immutable and safe for
// concurrent use. The zero value is not usable: see [ParsePublicKey] and [PrivateKey.PublicKey].
type PublicKey struct {
	alg *kemAlgorithm
	key hpke.PublicKey
	id  string
}

// ParsePublicKey parses what [PublicKey.String] returns, and nothing else: no space, no line end. Any other text is
// [ErrInvalidKey], as is a key of which it shows that nobody can have its private key.
func ParsePublicKey(text string) (*PublicKey, error) {
	a, b, err := parseKeyText(publicPrefix, []byte(text), func(a *kemAlgorithm) int { return a.public })
	if err != nil {
		return nil, fmt.Errorf("keyring: public key: %w", err)
	}
	key, err := a.hpke.NewPublicKey(b)
	if err != nil || !canonicalX25519([32]byte(b[len(b)-32:])) {
		return nil, fmt.Errorf("keyring: public key: not of %v: %w", a.id, ErrInvalidKey)
	}
	// The points of small order, under which all secrets are one, show when a secret is made.
	if _, _, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.AES256GCM(), nil); err != nil {
		return nil, fmt.Errorf("keyring: public key: not of %v: %w", a.id, ErrInvalidKey)
	}
	return newPublicKey(a, key), nil
}

// canonicalX25519 reports whether a point is below 2^255 - 19. Others are the points of other bytes, by which the holder of
// the private key knows his own: what is sealed under them he could not open.
func canonicalX25519(point [32]byte) bool {
	for i := 30; i > 0; i-- {
		if point[i] != 0xff {
			return point[31] <= 0x7f
		}
	}
	return point[31] < 0x7f || point[31] == 0x7f && point[0] < 0xed
}

func newPublicKey(a *kemAlgorithm, key hpke.PublicKey) *PublicKey {
	sum := keySum(publicPrefix+a.name+":", key.Bytes())
	return &PublicKey{a, key, a.name + ":" + hex.EncodeToString(sum[:keyIDSize])}
}

// KEM returns the kind of the key.
func (k *PublicKey) KEM() KEM { return k.alg.id }

// ID returns the key id that wrapped keys under this key bear: the kind, a colon, and 32 hexadecimal digits of a hash of
// the key. Two keys of which one was not made to look like the other differ in it.
func (k *PublicKey) ID() string { return k.id }

// Equal reports whether both are the same key. A nil one equals none.
func (k *PublicKey) Equal(o *PublicKey) bool {
	return k != nil && o != nil && k.alg == o.alg && bytes.Equal(k.key.Bytes(), o.key.Bytes())
}

// String returns the key as text, on one line: "xinfeng-public-x25519:" and 48 characters, or
// "xinfeng-public-mlkem768-x25519:" and 1627. [ParsePublicKey] reads it.
func (k *PublicKey) String() string {
	return string(keyText(publicPrefix+k.alg.name+":", k.key.Bytes()))
}

// MarshalText returns what String does.
func (k *PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue returns the key id, which is short.
func (k *PublicKey) LogValue() slog.Value { return slog.StringValue(k.id) }

// A PrivateKey opens what was encrypted to its [PublicKey]. Package fmt under every verb, log/slog and encoding/json show
// nothing of it; [PrivateKey.Text] does. It is immutable and safe for concurrent use, and cannot be wiped: what HPKE of
// the standard library keeps is out of reach. The zero value is not usable: see [GeneratePrivateKey] and
// [ParsePrivateKey].
type PrivateKey struct {
	_      [0]func() // not comparable with ==
	public *PublicKey
	key    func() hpke.PrivateKey // a func, because fmt prints no more than its address
}

// GeneratePrivateKey makes a key from the system's random source. A number that is none of the constants of [KEM] is
// [ErrInvalidKey].
func GeneratePrivateKey(kem KEM) (*PrivateKey, error) {
	a := kem.algorithm()
	if a == nil {
		return nil, fmt.Errorf("keyring: private key: %v: %w", kem, ErrInvalidKey)
	}
	key, err := a.hpke.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("keyring: private key: %w", err) // unreachable: the system's random source does not fail
	}
	return newPrivateKey(a, key), nil
}

// ParsePrivateKey parses what [PrivateKey.Text] returns, and nothing else: no space, no line end. Any other text is
// [ErrInvalidKey], and the error shows none of it. text is neither kept nor modified, and the caller clears it.
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	a, b, err := parseKeyText(privatePrefix, text, func(*kemAlgorithm) int { return privateKeySize })
	if err != nil {
		return nil, fmt.Errorf("keyring: private key: %w", err)
	}
	defer clear(b)
	key, err := a.hpke.NewPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("keyring: private key: not of %v: %w", a.id, ErrInvalidKey) // unreachable: the length is right
	}
	// Scalars of X25519 that differ in bits which are not used are one key, and one of them is its encoding.
	if is, err := key.Bytes(); err != nil || subtle.ConstantTimeCompare(is, b) != 1 {
		return nil, fmt.Errorf("keyring: private key: not of %v: %w", a.id, ErrInvalidKey)
	}
	return newPrivateKey(a, key), nil
}

func newPrivateKey(a *kemAlgorithm, key hpke.PrivateKey) *PrivateKey {
	return &PrivateKey{public: newPublicKey(a, key.PublicKey()), key: func() hpke.PrivateKey { return key }}
}

// PublicKey returns the public key, to be given away.
func (k *PrivateKey) PublicKey() *PublicKey { return k.public }

// Text returns the key itself as text, on one line: "xinfeng-private-x25519:" or "xinfeng-private-mlkem768-x25519:" and 48
// characters. Whoever reads it can open all that was encrypted to the public key. The caller writes it where nobody else
// can, and clears it. [ParsePrivateKey] reads it.
func (k *PrivateKey) Text() ([]byte, error) {
	b, err := k.key().Bytes()
	if err != nil {
		return nil, fmt.Errorf("keyring: private key: %w", err) // unreachable: made here from bytes
	}
	return keyText(privatePrefix+k.public.alg.name+":", b), nil
}

// Format prints the key id, whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// String returns the id of the public key, in words that say so.
func (k PrivateKey) String() string {
	if k.public == nil {
		return "[private key]"
	}
	return "[private key of " + k.public.id + "]"
}

// LogValue returns what String does.
func (k PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText fails: a private key is written down by Text, by one who means it.
func (PrivateKey) MarshalText() ([]byte, error) {
	return nil, errors.New("keyring: a private key is not marshalled")
}
