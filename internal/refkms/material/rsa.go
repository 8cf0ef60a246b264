// RSA: all of it is the standard library's. What is decided here is the parameters: salts of 32 bytes, one hash for label
// and mask, lengths that are exact.

package material

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"hash"
	"math"
)

type rsaPrivate struct{ key *rsa.PrivateKey }

type rsaPublic struct{ key *rsa.PublicKey }

// pssOptions is the one form of PSS that there is: verification refuses any other length of salt.
var pssOptions = &rsa.PSSOptions{SaltLength: sha256.Size, Hash: crypto.SHA256}

func generateRSA(spec PairSpec) (privateKey, error) {
	// crypto/rsa uses the exponent 65537 and no other.
	key, err := rsa.GenerateKey(rand.Reader, 8*spec.row().modulus)
	if err != nil {
		return nil, err
	}
	return &rsaPrivate{key}, nil
}

func parseRSAPrivate(spec PairSpec, b []byte) (privateKey, error) {
	key, err := x509.ParsePKCS1PrivateKey(b)
	if err != nil {
		return nil, err
	}
	if key.N.BitLen() != 8*spec.row().modulus {
		return nil, ErrPrivateKey
	}
	return &rsaPrivate{key}, nil
}

func (k *rsaPrivate) public() publicKey { return &rsaPublic{&k.key.PublicKey} }

func (k *rsaPrivate) marshal() ([]byte, error) { return x509.MarshalPKCS1PrivateKey(k.key), nil }

func (k *rsaPrivate) sign(a Algorithm, digest []byte) ([]byte, error) {
	if a == RSAPSSSHA256 {
		return rsa.SignPSS(rand.Reader, k.key, crypto.SHA256, digest, pssOptions)
	}
	return rsa.SignPKCS1v15(rand.Reader, k.key, crypto.SHA256, digest)
}

func (k *rsaPrivate) decrypt(a Algorithm, ciphertext []byte) ([]byte, error) {
	// Shorter ciphertexts are numbers as well and would decrypt; the format has one length.
	if len(ciphertext) != k.key.Size() {
		return nil, ErrCiphertext
	}
	if a == PKCS1v15 {
		// That this fails or not tells the sender about the padding, which is how PKCS #1 v1.5 is broken (Bleichenbacher,
		// 1998). The remedy, rsa.DecryptPKCS1v15SessionKey, answers random bytes in place of the failure: an import would
		// take them for the key's material. The service has the same leak; a wrapping pair lives for 24 hours.
		//
		//lint:ignore SA1019 the service offers this padding to importers
		return rsa.DecryptPKCS1v15(nil, k.key, ciphertext)
	}
	return rsa.DecryptOAEP(oaepHash(a), nil, k.key, ciphertext, nil)
}

func parseRSAPublic(spec PairSpec, der []byte) (publicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	// crypto/rsa looks at modulus and exponent only when the key is used.
	if !ok || key.N.BitLen() != 8*spec.row().modulus || key.N.Bit(0) == 0 || key.E < 3 || key.E > math.MaxInt32 || key.E&1 == 0 {
		return nil, ErrPublicKey
	}
	return &rsaPublic{key}, nil
}

func (p *rsaPublic) spki() ([]byte, error) { return x509.MarshalPKIXPublicKey(p.key) }

func (p *rsaPublic) verify(a Algorithm, digest, signature []byte) bool {
	if a == RSAPSSSHA256 {
		return rsa.VerifyPSS(p.key, crypto.SHA256, digest, signature, pssOptions) == nil
	}
	return rsa.VerifyPKCS1v15(p.key, crypto.SHA256, digest, signature) == nil
}

func (p *rsaPublic) encrypt(a Algorithm, plaintext []byte) ([]byte, error) {
	if a == PKCS1v15 {
		//lint:ignore SA1019 the service offers this padding to importers
		return rsa.EncryptPKCS1v15(rand.Reader, p.key, plaintext)
	}
	return rsa.EncryptOAEP(oaepHash(a), rand.Reader, p.key, plaintext, nil)
}

// oaepHash returns the hash that serves both label and MGF1 of an OAEP algorithm.
func oaepHash(a Algorithm) hash.Hash {
	if a == OAEPSHA1 {
		return sha1.New()
	}
	return sha256.New()
}
