// ECDSA over P-256, which is the standard library's, and over secp256k1, which is decred's. Private keys are stored as
// scalars of 32 bytes.

package material

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secp256k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

type p256Private struct{ key *ecdsa.PrivateKey }

type p256Public struct{ key *ecdsa.PublicKey }

func generateP256() (privateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &p256Private{key}, nil
}

func parseP256Private(b []byte) (privateKey, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b)
	if err != nil {
		return nil, err
	}
	return &p256Private{key}, nil
}

func (k *p256Private) public() publicKey { return &p256Public{&k.key.PublicKey} }

func (k *p256Private) marshal() ([]byte, error) { return k.key.Bytes() }

func (k *p256Private) sign(_ Algorithm, digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, k.key, digest)
}

func parseP256Public(point []byte) (publicKey, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, err
	}
	return &p256Public{key}, nil
}

func (p *p256Public) spki() ([]byte, error) {
	point, err := p.key.Bytes()
	if err != nil {
		return nil, err
	}
	return marshalPoint(oidP256, point)
}

func (p *p256Public) verify(_ Algorithm, digest, signature []byte) bool {
	return ecdsa.VerifyASN1(p.key, digest, signature)
}

// p256kPrivate signs with the deterministic nonces of RFC 6979 and a low s; its arithmetic does not take constant time.
type p256kPrivate struct{ key *secp256k1.PrivateKey }

type p256kPublic struct{ key *secp256k1.PublicKey }

func generateP256K() (privateKey, error) {
	key, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, err
	}
	return &p256kPrivate{key}, nil
}

func parseP256KPrivate(b []byte) (privateKey, error) {
	// The package's own parser takes any bytes and reduces them.
	var d secp256k1.ModNScalar
	if len(b) != scalarSize || d.SetByteSlice(b) || d.IsZero() {
		return nil, ErrPrivateKey
	}
	return &p256kPrivate{secp256k1.NewPrivateKey(&d)}, nil
}

func (k *p256kPrivate) public() publicKey { return &p256kPublic{k.key.PubKey()} }

func (k *p256kPrivate) marshal() ([]byte, error) { return k.key.Serialize(), nil }

func (k *p256kPrivate) sign(_ Algorithm, digest []byte) ([]byte, error) {
	return secp256k1ecdsa.Sign(k.key, digest).Serialize(), nil
}

// parseP256KPublic is given an uncompressed point; the package would take compressed and hybrid ones as well.
func parseP256KPublic(point []byte) (publicKey, error) {
	key, err := secp256k1.ParsePubKey(point)
	if err != nil {
		return nil, err
	}
	return &p256kPublic{key}, nil
}

func (p *p256kPublic) spki() ([]byte, error) {
	return marshalPoint(oidP256K, p.key.SerializeUncompressed())
}

func (p *p256kPublic) verify(_ Algorithm, digest, signature []byte) bool {
	parsed, err := secp256k1ecdsa.ParseDERSignature(signature)
	return err == nil && parsed.Verify(digest, p.key)
}
