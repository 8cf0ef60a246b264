package kmstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"hash"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secp256k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/emmansun/gmsm/sm2"
)

// A publicKey is one that the server told, in the hands of somebody who has nothing else: he verifies and encrypts with
// the parameters that the documentation gives, by libraries.
type publicKey struct {
	spec  string
	rsa   *rsa.PublicKey // nil for a curve
	point []byte         // 04 || X || Y
}

// A curve is what the documentation says of a KeySpec that is one.
type curve struct {
	oid   asn1.ObjectIdentifier
	order *big.Int
}

func bigHex(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("kmstest: internal error: " + s) // unreachable: constants
	}
	return n
}

var curves = map[string]curve{
	"EC_P256":  {asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, bigHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")},
	"EC_P256K": {asn1.ObjectIdentifier{1, 3, 132, 0, 10}, bigHex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")},
	"EC_SM2":   {asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}, bigHex("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123")},
}

// sm2ExampleKey is the public key of the standard's example (GB/T 32918.5), as base64 of SubjectPublicKeyInfo.
const sm2ExampleKey = "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60YM/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw=="

// modulusSizes holds the length in bytes of the modulus of the specs of RSA.
var modulusSizes = map[string]int{"RSA_2048": 256, "RSA_3072": 384, "RSA_4096": 512}

// parsePublicKey reads the DER of a SubjectPublicKeyInfo. It ends the test if that is not the key of a spec.
func (k *kit) parsePublicKey(spec string, der []byte) *publicKey {
	k.Helper()
	p := &publicKey{spec: spec}
	if size := modulusSizes[spec]; size != 0 {
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			k.Fatal(err)
		}
		key, ok := parsed.(*rsa.PublicKey)
		if !ok || key.Size() != size || key.N.BitLen() != 8*size || key.E != 65537 {
			k.Fatalf("no key of %s with the exponent 65537", spec)
		}
		p.rsa = key
		return p
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(der, &info)
	if err != nil || len(rest) != 0 {
		k.Fatalf("no SubjectPublicKeyInfo: %v, %d bytes more", err, len(rest))
	}
	oid, err := asn1.Marshal(curves[spec].oid)
	if err != nil {
		k.Fatal(err)
	}
	if !info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) || !bytes.Equal(info.Algorithm.Parameters.FullBytes, oid) ||
		info.Key.BitLength != 8*65 || info.Key.Bytes[0] != 4 {
		k.Fatalf("no uncompressed point on the curve of %s", spec)
	}
	p.point = info.Key.Bytes
	return p
}

// publicKey asks for the public key of a version.
func (k *kit) publicKey(spec, key, version string) *publicKey {
	k.Helper()
	block, rest := pem.Decode([]byte(k.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version).str("PublicKey")))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 {
		k.Fatal("GetPublicKey answers no PEM of one PUBLIC KEY")
	}
	return k.parsePublicKey(spec, block.Bytes)
}

// verify reports whether a signature is one of a digest.
func (p *publicKey) verify(algorithm string, digest, signature []byte) bool {
	switch algorithm {
	case "RSA_PSS_SHA_256":
		return rsa.VerifyPSS(p.rsa, crypto.SHA256, digest, signature, &rsa.PSSOptions{SaltLength: sha256.Size}) == nil
	case "RSA_PKCS1_SHA_256":
		return rsa.VerifyPKCS1v15(p.rsa, crypto.SHA256, digest, signature) == nil
	case "SM2DSA":
		key, err := sm2.NewPublicKey(p.point)
		return err == nil && sm2.VerifyASN1(key, digest, signature)
	}
	if p.spec == "EC_P256" {
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), p.point)
		return err == nil && ecdsa.VerifyASN1(key, digest, signature)
	}
	key, err := secp256k1.ParsePubKey(p.point)
	if err != nil {
		return false
	}
	parsed, err := secp256k1ecdsa.ParseDERSignature(signature)
	return err == nil && parsed.Verify(digest, key)
}

// encrypt encrypts at least 8 bytes to the key, or wraps key material for it. It ends the test if that cannot be. The
// library's SM2 errs where the mask is all zeros, for a single byte once in 256 times.
func (k *kit) encrypt(p *publicKey, algorithm string, plaintext []byte) []byte {
	k.Helper()
	var ciphertext []byte
	var err error
	switch algorithm {
	case "SM2PKE":
		var key *ecdsa.PublicKey
		if key, err = sm2.NewPublicKey(p.point); err == nil {
			ciphertext, err = sm2.Encrypt(rand.Reader, key, plaintext, nil) // 04 || X || Y || C3 || C2
		}
	case "RSAES_PKCS1_V1_5":
		//lint:ignore SA1019 the service offers this padding to importers
		ciphertext, err = rsa.EncryptPKCS1v15(rand.Reader, p.rsa, plaintext)
	default:
		ciphertext, err = rsa.EncryptOAEP(oaepHash(algorithm)(), rand.Reader, p.rsa, plaintext, nil)
	}
	if err != nil {
		k.Fatalf("%s: %v", algorithm, err)
	}
	return ciphertext
}

// oaepHash returns the hash of an OAEP algorithm, for the label and for the mask.
func oaepHash(algorithm string) func() hash.Hash {
	if algorithm == "RSAES_OAEP_SHA_1" {
		return sha1.New
	}
	return sha256.New
}

// encode encodes as parameters have it.
func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
