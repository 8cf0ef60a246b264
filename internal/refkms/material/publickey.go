// Public keys, and their one encoding: SubjectPublicKeyInfo (RFC 5280, Section 4.1) in DER, as GetPublicKey,
// GetParametersForImport and PublicKeyBlob have it.

package material

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
)

// MaxPublicKeySize is the length in bytes beyond which [ParsePublicKey] does not look at its input. The longest public
// key, that of RSA_4096, has 550.
const MaxPublicKeySize = 1024

// A PublicKey is the public half of a pair, ready for use. It is immutable and safe for concurrent use.
type PublicKey struct {
	spec PairSpec
	key  publicKey
	der  []byte
}

// ParsePublicKey parses the DER of a SubjectPublicKeyInfo and keeps nothing of it. What it accepts, [PublicKey.DER]
// returns byte for byte: there is one encoding of each key, points are uncompressed and on the curve, RSA moduli have
// exactly the spec's length, and nothing follows. RSA exponents are odd and from 3 to 2^31-1. Everything else, PEM
// included, is [ErrPublicKey].
func ParsePublicKey(spec PairSpec, der []byte) (*PublicKey, error) {
	if len(der) > MaxPublicKeySize {
		return nil, fmt.Errorf("%w: %v: %d bytes, limit %d", ErrPublicKey, spec, len(der), MaxPublicKeySize)
	}
	var key publicKey
	var err error
	switch spec {
	case RSA2048, RSA3072, RSA4096:
		key, err = parseRSAPublic(spec, der)
	case ECP256:
		key, err = parsePoint(der, parseP256Public)
	case ECP256K:
		key, err = parsePoint(der, parseP256KPublic)
	case ECSM2:
		key, err = parsePoint(der, parseSM2Public)
	default:
		err = ErrPublicKey
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrPublicKey, spec)
	}
	public, err := newPublicKey(spec, key)
	if err != nil || !bytes.Equal(public.der, der) {
		return nil, fmt.Errorf("%w: %v", ErrPublicKey, spec)
	}
	return public, nil
}

func newPublicKey(spec PairSpec, key publicKey) (*PublicKey, error) {
	der, err := key.spki()
	if err != nil {
		return nil, fmt.Errorf("material: encode public key of %v: %w", spec, err)
	}
	return &PublicKey{spec: spec, key: key, der: der}, nil
}

// Spec returns the spec of the key.
func (p *PublicKey) Spec() PairSpec { return p.spec }

// DER returns the SubjectPublicKeyInfo. The caller owns the slice.
func (p *PublicKey) DER() []byte { return bytes.Clone(p.der) }

// PEM returns the SubjectPublicKeyInfo as GetPublicKey does: type PUBLIC KEY, lines of 64 characters, each ended by LF.
func (p *PublicKey) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der}))
}

// Verify reports whether signature is one of digest, of [DigestSize] bytes, by the key. A signature that is malformed,
// of the wrong length, or DER with anything but minimal positive integers is not one; it is no error. ECDSA signatures
// are accepted with a high s as well as with a low one. It returns [ErrAlgorithm] or [ErrDigestSize].
func (p *PublicKey) Verify(a Algorithm, digest, signature []byte) (bool, error) {
	if err := checkSigning(p.spec, a, digest); err != nil {
		return false, err
	}
	return p.key.verify(a, digest, signature), nil
}

// Encrypt encrypts 1..[PairSpec.MaxPlaintext] bytes to the key, as AsymmetricEncrypt does. The ciphertext has
// [PairSpec.CiphertextSize] bytes and is a different one each time. It returns [ErrAlgorithm] or [ErrPlaintextSize].
func (p *PublicKey) Encrypt(a Algorithm, plaintext []byte) ([]byte, error) {
	if !p.spec.supports(a, EncryptDecrypt) {
		return nil, fmt.Errorf("%w: encrypt: %v, %v", ErrAlgorithm, p.spec, a)
	}
	return p.encrypt(a, plaintext)
}

// encrypt encrypts under an algorithm that the spec has in some use.
func (p *PublicKey) encrypt(a Algorithm, plaintext []byte) ([]byte, error) {
	if limit := p.spec.MaxPlaintext(a); len(plaintext) < 1 || len(plaintext) > limit {
		return nil, fmt.Errorf("%w: %d bytes, want 1..%d", ErrPlaintextSize, len(plaintext), limit)
	}
	return p.key.(encrypter).encrypt(a, plaintext)
}

// The object identifiers of a public key on a curve. crypto/x509 knows the first two only.
var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}    // RFC 5480, Section 2.1.1
	oidP256        = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7} // RFC 5480, Section 2.1.1.1
	oidP256K       = asn1.ObjectIdentifier{1, 3, 132, 0, 10}          // SEC 2, Appendix A.2
	oidSM2         = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}  // GM/T 0006
)

// pointSize is the length in bytes of an uncompressed point: 04 || X || Y (SEC 1, Section 2.3.3).
const pointSize = 1 + 2*scalarSize

// marshalPoint returns the SubjectPublicKeyInfo of an uncompressed point on the named curve.
func marshalPoint(curve asn1.ObjectIdentifier, point []byte) ([]byte, error) {
	parameters, err := asn1.Marshal(curve)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: parameters}},
		asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	})
}

// parsePoint hands the point of a SubjectPublicKeyInfo to parse, uncompressed. It need not understand DER: the encoding of
// a key ends in the point, and whether what stands before it is right, [ParsePublicKey] sees by encoding the key again.
func parsePoint(der []byte, parse func(point []byte) (publicKey, error)) (publicKey, error) {
	if len(der) < pointSize || der[len(der)-pointSize] != 4 {
		return nil, ErrPublicKey
	}
	return parse(der[len(der)-pointSize:])
}
