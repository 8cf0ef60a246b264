// Key pairs: what is common to RSA and the three curves. Each algorithm lives in a file of its own.

package material

import (
	"errors"
	"fmt"
	"log/slog"
)

// The causes of errors of key pairs. None of them says more than that: a caller of the service learns from a decryption
// only that it failed.
var (
	// ErrAlgorithm: the algorithm is not one of the key's spec, or serves something else.
	ErrAlgorithm = errors.New("material: algorithm does not fit the key")
	// ErrDigestSize: what is to be signed or verified does not have DigestSize bytes.
	ErrDigestSize = errors.New("material: digest does not have 32 bytes")
	// ErrPlaintextSize: the plaintext is empty, or longer than the key can encrypt.
	ErrPlaintextSize = errors.New("material: size of plaintext out of range")
	// ErrCiphertext: the ciphertext does not decrypt, whatever the reason.
	ErrCiphertext = errors.New("material: ciphertext does not decrypt")
	// ErrPublicKey: not the DER of a valid public key of the spec.
	ErrPublicKey = errors.New("material: not a public key of the spec")
	// ErrPrivateKey: not the bytes of a private key of the spec, as [KeyPair.Marshal] writes them.
	ErrPrivateKey = errors.New("material: not a private key of the spec")
)

// A KeyPair is a private key, ready for use, with its public half. It is immutable and safe for concurrent use. It prints
// as its spec only. The memory of the private key cannot be cleared: the libraries underneath keep it in big integers.
type KeyPair struct {
	_      [0]func() // no ==
	secret *secret
	public *PublicKey
}

// secret stands between a KeyPair and its key, because fmt calls no methods on unexported fields and follows a pointer at
// the top under %s: here it finds but another pointer.
type secret struct{ key privateKey }

// privateKey is one of *rsaPrivate, *p256Private, *p256kPrivate and *sm2Private.
type privateKey interface {
	public() publicKey
	marshal() ([]byte, error)
	sign(a Algorithm, digest []byte) ([]byte, error)
}

// decrypter is a privateKey whose spec encrypts: the table gives the others no algorithm for it.
type decrypter interface {
	decrypt(a Algorithm, ciphertext []byte) ([]byte, error)
}

// publicKey is one of *rsaPublic, *p256Public, *p256kPublic and *sm2Public.
type publicKey interface {
	spki() ([]byte, error)
	verify(a Algorithm, digest, signature []byte) bool
}

// encrypter is a publicKey whose spec encrypts.
type encrypter interface {
	encrypt(a Algorithm, plaintext []byte) ([]byte, error)
}

// GeneratePair makes a new pair from the operating system's randomness. Curves take microseconds, RSA seconds at worst:
// see [Spares]. It returns [ErrAlgorithm] for a value that names no spec; there is no other error unless the randomness of
// the machine is broken.
func GeneratePair(spec PairSpec) (*KeyPair, error) {
	var key privateKey
	var err error
	switch spec {
	case RSA2048, RSA3072, RSA4096:
		key, err = generateRSA(spec)
	case ECP256:
		key, err = generateP256()
	case ECP256K:
		key, err = generateP256K()
	case ECSM2:
		key, err = generateSM2()
	default:
		return nil, fmt.Errorf("%w: %v", ErrAlgorithm, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("material: generate %v: %w", spec, err)
	}
	return newPair(spec, key)
}

// ParsePair returns the pair whose private key [KeyPair.Marshal] wrote. It copies what it needs of b. It returns
// [ErrPrivateKey] if b is anything else, a key of another spec included.
func ParsePair(spec PairSpec, b []byte) (*KeyPair, error) {
	var key privateKey
	var err error
	switch spec {
	case RSA2048, RSA3072, RSA4096:
		key, err = parseRSAPrivate(spec, b)
	case ECP256:
		key, err = parseP256Private(b)
	case ECP256K:
		key, err = parseP256KPrivate(b)
	case ECSM2:
		key, err = parseSM2Private(b)
	default:
		err = ErrPrivateKey
	}
	if err != nil {
		// The cause is left out: it may quote the bytes.
		return nil, fmt.Errorf("%w: %v", ErrPrivateKey, spec)
	}
	return newPair(spec, key)
}

func newPair(spec PairSpec, key privateKey) (*KeyPair, error) {
	public, err := newPublicKey(spec, key.public())
	if err != nil {
		return nil, err
	}
	return &KeyPair{secret: &secret{key}, public: public}, nil
}

// Spec returns the spec of the pair.
func (k *KeyPair) Spec() PairSpec { return k.public.spec }

// Public returns the public half.
func (k *KeyPair) Public() *PublicKey { return k.public }

// Marshal returns the private key as bytes that are the caller's to guard and to clear: the DER of RSAPrivateKey
// (RFC 8017, Appendix A.1.2; some 1200, 1770 or 2350 bytes), or the scalar of a curve as 32 bytes big-endian.
func (k *KeyPair) Marshal() ([]byte, error) { return k.secret.key.marshal() }

// Sign signs a digest of [DigestSize] bytes, as AsymmetricSign does. RSA signatures are as long as the modulus; the others
// are DER with minimal integers, at most 72 bytes. It returns [ErrAlgorithm] or [ErrDigestSize].
func (k *KeyPair) Sign(a Algorithm, digest []byte) ([]byte, error) {
	if err := checkSigning(k.Spec(), a, digest); err != nil {
		return nil, err
	}
	return k.secret.key.sign(a, digest)
}

// Decrypt decrypts what [PublicKey.Encrypt] or anyone else encrypted to the pair, as AsymmetricDecrypt does. RSA
// ciphertexts are exactly as long as the modulus, those of SM2 have 98..6144 bytes. A plaintext made elsewhere may be
// empty under RSA. It returns [ErrAlgorithm], or [ErrCiphertext] for everything that does not decrypt.
func (k *KeyPair) Decrypt(a Algorithm, ciphertext []byte) ([]byte, error) {
	if !k.Spec().supports(a, EncryptDecrypt) {
		return nil, fmt.Errorf("%w: decrypt: %v, %v", ErrAlgorithm, k.Spec(), a)
	}
	return k.decrypt(a, ciphertext)
}

// decrypt decrypts under an algorithm that the spec has in some use.
func (k *KeyPair) decrypt(a Algorithm, ciphertext []byte) ([]byte, error) {
	plaintext, err := k.secret.key.(decrypter).decrypt(a, ciphertext)
	if err != nil {
		return nil, ErrCiphertext // the cause is left out: it may tell an attacker more
	}
	return plaintext, nil
}

// Format prints the spec and nothing of the key, under every verb.
func (k *KeyPair) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%v key pair", k.Spec()) }

// LogValue is what slog prints: the spec.
func (k *KeyPair) LogValue() slog.Value { return slog.StringValue(k.Spec().String() + " key pair") }

func checkSigning(spec PairSpec, a Algorithm, digest []byte) error {
	if !spec.supports(a, SignVerify) {
		return fmt.Errorf("%w: sign: %v, %v", ErrAlgorithm, spec, a)
	}
	if len(digest) != DigestSize {
		return fmt.Errorf("%w: %d", ErrDigestSize, len(digest))
	}
	return nil
}
