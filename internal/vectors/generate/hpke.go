package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"encoding/binary"
)

// HPKE in base mode (RFC 9180) with what was drawn at random given, which the standard library does not let one give.
// Errors are those of wrong lengths, and panic.

// A recipient is a key pair of the provider hpke (SPEC.md, Section 4.5).
type recipient struct {
	kem     uint16
	name    string
	private []byte // a scalar, or a seed
	scalar  *ecdh.PrivateKey
	mlkem   *mlkem.DecapsulationKey768 // none with X25519 alone
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newX25519 makes a key from 32 bytes, with the bits set and cleared that X25519 does not look at (RFC 7748, Section 5).
func newX25519(b []byte) *recipient {
	b = edited(b, 0, b[0]&7)
	b[31] = b[31]&0x7f | 0x40
	return &recipient{kem: 0x0020, name: "x25519", private: b, scalar: must(ecdh.X25519().NewPrivateKey(b))}
}

// newHybrid makes a key from a seed of 32 bytes (draft-connolly-cfrg-xwing-kem, Section 5.2).
func newHybrid(seed []byte) *recipient {
	b := sha3.SumSHAKE256(seed, 96)
	return &recipient{
		kem: 0x647a, name: "mlkem768-x25519", private: seed,
		scalar: must(ecdh.X25519().NewPrivateKey(b[64:])), mlkem: must(mlkem.NewDecapsulationKey768(b[:64])),
	}
}

func (r *recipient) public() []byte {
	if r.mlkem == nil {
		return r.scalar.PublicKey().Bytes()
	}
	return join(r.mlkem.EncapsulationKey().Bytes(), r.scalar.PublicKey().Bytes())
}

func (r *recipient) keyID() string {
	sum := sha256.Sum256(append([]byte("xinfeng-public-"+r.name+":"), r.public()...))
	return r.name + ":" + hexString(sum[:16])
}

// text is the private key as text.
func (r *recipient) text() string {
	prefix := "xinfeng-private-" + r.name + ":"
	sum := sha256.Sum256(append([]byte(prefix), r.private...))
	return prefix + base64.RawURLEncoding.EncodeToString(join(r.private, sum[:4]))
}

// encapsulate makes a secret from an ephemeral scalar and, for ML-KEM, 32 bytes of randomness.
func (r *recipient) encapsulate(scalar, random []byte) (secret, enc []byte) {
	ephemeral := must(ecdh.X25519().NewPrivateKey(scalar))
	dh := must(ephemeral.ECDH(r.scalar.PublicKey()))
	enc = ephemeral.PublicKey().Bytes()
	if r.mlkem == nil {
		id := binary.BigEndian.AppendUint16([]byte("KEM"), r.kem)
		prk := labeledExtract(id, nil, "eae_prk", dh)
		return labeledExpand(id, prk, "shared_secret", join(enc, r.public()), 32), enc
	}
	shared, ciphertext, err := mlkemtest.Encapsulate768(r.mlkem.EncapsulationKey(), random)
	if err != nil {
		panic(err)
	}
	sum := sha3.Sum256(join(shared, dh, enc, r.scalar.PublicKey().Bytes(), []byte(`\.//^\`)))
	return sum[:], join(ciphertext, enc)
}

// seal is SealBase with HKDF-SHA256, AES-256-GCM and no associated data.
func (r *recipient) seal(scalar, random, info, plaintext []byte) []byte {
	secret, enc := r.encapsulate(scalar, random)
	id := binary.BigEndian.AppendUint16([]byte("HPKE"), r.kem)
	id = append(id, 0x00, 0x01, 0x00, 0x02)
	context := join([]byte{0}, labeledExtract(id, nil, "psk_id_hash", nil), labeledExtract(id, nil, "info_hash", info))
	prk := labeledExtract(id, secret, "secret", nil)
	block := must(aes.NewCipher(labeledExpand(id, prk, "key", context, 32)))
	return must(cipher.NewGCM(block)).Seal(enc, labeledExpand(id, prk, "base_nonce", context, 12), plaintext, nil)
}

func labeledExtract(id, salt []byte, label string, ikm []byte) []byte {
	return must(hkdf.Extract(sha256.New, join([]byte("HPKE-v1"), id, []byte(label), ikm), salt))
}

func labeledExpand(id, prk []byte, label string, info []byte, n int) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(n))
	return must(hkdf.Expand(sha256.New, prk, string(join(b, []byte("HPKE-v1"), id, []byte(label), info)), n))
}
