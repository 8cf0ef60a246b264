// The closed table of what key pairs can do: which algorithm is valid for which spec and use, and the sizes that follow.

package material

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"
)

// A PairSpec is a kind of key pair, as CreateKey names it in KeySpec. The zero value is none of them.
type PairSpec uint8

// The specs of key pairs. Symmetric specs are not among them.
const (
	RSA2048 PairSpec = iota + 1 // RSA_2048, public exponent 65537 as in all three
	RSA3072                     // RSA_3072
	RSA4096                     // RSA_4096
	ECP256                      // EC_P256: NIST P-256
	ECP256K                     // EC_P256K: secp256k1
	ECSM2                       // EC_SM2: the curve of GB/T 32918.5
)

// A Use is what an algorithm serves. The first two are the usages of CMKs; the others are those of the pairs that wrap
// key material on its way in, and of the public keys of callers that wrap data keys on their way out. The zero value is
// none of them.
type Use uint8

// The uses of key pairs.
const (
	EncryptDecrypt Use = iota + 1 // usage ENCRYPT/DECRYPT: AsymmetricEncrypt, AsymmetricDecrypt, ReEncrypt
	SignVerify                    // usage SIGN/VERIFY: AsymmetricSign, AsymmetricVerify
	Import                        // GetParametersForImport, ImportKeyMaterial
	Export                        // ExportDataKey, GenerateAndExportDataKey
)

// An Algorithm is one asymmetric algorithm, as the service names it. The zero value is none of them.
type Algorithm uint8

// The algorithms. Each is complete: hash, mask, salt, label and encoding are fixed by the name.
const (
	// RSAPSSSHA256 is RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of exactly 32 bytes (RFC 8017, Section 8.1).
	RSAPSSSHA256 Algorithm = iota + 1
	// RSAPKCS1SHA256 is RSASSA-PKCS1-v1_5 with the DigestInfo of SHA-256 (RFC 8017, Section 8.2).
	RSAPKCS1SHA256
	// ECDSASHA256 is ECDSA over P-256 or secp256k1; a signature is the DER of SEQUENCE{INTEGER r, INTEGER s}.
	ECDSASHA256
	// SM2DSA is the signature of GB/T 32918.2 over e = SM3(Z_A || M), which the caller computes; encoded as in ECDSASHA256.
	SM2DSA
	// OAEPSHA256 is RSAES-OAEP with SHA-256 for label and MGF1, and the empty label (RFC 8017, Section 7.1).
	OAEPSHA256
	// OAEPSHA1 is RSAES-OAEP with SHA-1 for label and MGF1, and the empty label. It does not rest on SHA-1's resistance
	// to collisions.
	OAEPSHA1
	// PKCS1v15 is RSAES-PKCS1-v1_5 (RFC 8017, Section 7.2), which only imports may use.
	PKCS1v15
	// SM2PKE is the public-key encryption of GB/T 32918.4, a ciphertext being 04 || X || Y || C3 || C2.
	SM2PKE
)

const (
	// DigestSize is the length in bytes of what every signing algorithm signs: a SHA-256, or the e of SM2.
	DigestSize = 32
	// SM2Overhead is the number of bytes by which an SM2PKE ciphertext is longer than its plaintext: an uncompressed
	// point and an SM3 hash.
	SM2Overhead = 1 + 2*scalarSize + 32
	// MaxSM2Plaintext is the longest plaintext of SM2PKE in bytes, so that a ciphertext has at most 6144.
	MaxSM2Plaintext = 6144 - SM2Overhead
)

// scalarSize is the length in bytes of a scalar and of a coordinate of each of the three curves.
const scalarSize = 32

// A pairRow is everything that the spec alone decides.
type pairRow struct {
	name    string
	modulus int  // length in bytes of the RSA modulus and of everything that it makes, 0 for a curve
	slow    bool // takes so long to generate that [Spares] makes it ahead
	valid   [Export + 1][]Algorithm
}

var (
	oaep    = []Algorithm{OAEPSHA256, OAEPSHA1}
	rsaSign = []Algorithm{RSAPSSSHA256, RSAPKCS1SHA256}
	sm2PKE  = []Algorithm{SM2PKE}
)

// pairRows is the table. Nothing writes to it.
var pairRows = [...]pairRow{
	RSA2048: {name: "RSA_2048", modulus: 256, valid: [...][]Algorithm{
		EncryptDecrypt: oaep, SignVerify: rsaSign, Import: {PKCS1v15, OAEPSHA1, OAEPSHA256}, Export: oaep}},
	RSA3072: {name: "RSA_3072", modulus: 384, slow: true, valid: [...][]Algorithm{
		EncryptDecrypt: oaep, SignVerify: rsaSign, Export: nil}},
	RSA4096: {name: "RSA_4096", modulus: 512, slow: true, valid: [...][]Algorithm{
		EncryptDecrypt: oaep, SignVerify: rsaSign, Export: nil}},
	ECP256:  {name: "EC_P256", valid: [...][]Algorithm{SignVerify: {ECDSASHA256}, Export: nil}},
	ECP256K: {name: "EC_P256K", valid: [...][]Algorithm{SignVerify: {ECDSASHA256}, Export: nil}},
	ECSM2: {name: "EC_SM2", valid: [...][]Algorithm{
		EncryptDecrypt: sm2PKE, SignVerify: {SM2DSA}, Import: sm2PKE, Export: sm2PKE}},
}

var useNames = [...]string{EncryptDecrypt: "ENCRYPT/DECRYPT", SignVerify: "SIGN/VERIFY", Import: "import", Export: "export"}

var algorithmNames = [...]string{
	RSAPSSSHA256: "RSA_PSS_SHA_256", RSAPKCS1SHA256: "RSA_PKCS1_SHA_256", ECDSASHA256: "ECDSA_SHA_256", SM2DSA: "SM2DSA",
	OAEPSHA256: "RSAES_OAEP_SHA_256", OAEPSHA1: "RSAES_OAEP_SHA_1", PKCS1v15: "RSAES_PKCS1_V1_5", SM2PKE: "SM2PKE",
}

// ParsePairSpec returns the spec that the service calls name, case-sensitively. It says false for every other name,
// those of the symmetric specs included.
func ParsePairSpec(name string) (PairSpec, bool) {
	for s := RSA2048; s <= ECSM2; s++ {
		if pairRows[s].name == name {
			return s, true
		}
	}
	return 0, false
}

// ParseUsage returns the use that a CMK of KeyUsage name has: [EncryptDecrypt] or [SignVerify], case-sensitively. It says
// false for every other name.
func ParseUsage(name string) (Use, bool) {
	for u := EncryptDecrypt; u <= SignVerify; u++ {
		if useNames[u] == name {
			return u, true
		}
	}
	return 0, false
}

// row returns the row of s, an empty one for a value that names no spec.
func (s PairSpec) row() *pairRow {
	if int(s) >= len(pairRows) {
		s = 0
	}
	return &pairRows[s]
}

// String returns the name of the spec as the service spells it.
func (s PairSpec) String() string { return nameOf(s.row().name, "PairSpec", uint8(s)) }

// String returns KeyUsage as the service spells it, and "import" or "export" for the uses that CMKs do not have.
func (u Use) String() string {
	if int(u) < len(useNames) {
		return nameOf(useNames[u], "Use", uint8(u))
	}
	return nameOf("", "Use", uint8(u))
}

// String returns the name of the algorithm as the service spells it.
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) {
		return nameOf(algorithmNames[a], "Algorithm", uint8(a))
	}
	return nameOf("", "Algorithm", uint8(a))
}

func nameOf(name, kind string, n uint8) string {
	if name == "" {
		return fmt.Sprintf("%s(%#02x)", kind, n)
	}
	return name
}

// Algorithms returns the algorithms that are valid for the spec in that use; none if the spec does not have the use at
// all. The caller owns the slice.
func (s PairSpec) Algorithms(u Use) []Algorithm {
	if u > Export {
		return nil
	}
	return slices.Clone(s.row().valid[u])
}

// Algorithm returns the algorithm of that name if it is valid for the spec in that use, and false otherwise. Names are
// case-sensitive.
func (s PairSpec) Algorithm(u Use, name string) (Algorithm, bool) {
	if u > Export {
		return 0, false
	}
	for _, a := range s.row().valid[u] {
		if algorithmNames[a] == name {
			return a, true
		}
	}
	return 0, false
}

// Serves reports whether any spec has an algorithm of that name in the use.
func (u Use) Serves(name string) bool {
	for s := RSA2048; s <= ECSM2; s++ {
		if _, ok := s.Algorithm(u, name); ok {
			return true
		}
	}
	return false
}

// Allows reports whether a key of the spec can have the use: whether there is an algorithm for it.
func (s PairSpec) Allows(u Use) bool { return u <= Export && len(s.row().valid[u]) > 0 }

// DefaultUsage is the usage of a CMK for which CreateKey was given none: ENCRYPT/DECRYPT where the spec has it, else
// SIGN/VERIFY.
func (s PairSpec) DefaultUsage() Use {
	if s.Allows(EncryptDecrypt) {
		return EncryptDecrypt
	}
	return SignVerify
}

// supports reports whether the spec has the algorithm in any of the given uses.
func (s PairSpec) supports(a Algorithm, uses ...Use) bool {
	return slices.ContainsFunc(uses, func(u Use) bool { return slices.Contains(s.row().valid[u], a) })
}

// MaxPlaintext returns the length in bytes of the longest plaintext that the algorithm encrypts under a key of the spec,
// and 0 if the two do not go together. The shortest has one byte.
func (s PairSpec) MaxPlaintext(a Algorithm) int {
	if !s.supports(a, EncryptDecrypt, Import, Export) {
		return 0
	}
	k := s.row().modulus
	switch a {
	case OAEPSHA256:
		return k - 2*sha256.Size - 2 // RFC 8017, Section 7.1.1
	case OAEPSHA1:
		return k - 2*sha1.Size - 2
	case PKCS1v15:
		return k - 11 // RFC 8017, Section 7.2.1
	default: // SM2PKE
		return MaxSM2Plaintext
	}
}

// CiphertextSize returns the length in bytes of the ciphertext of a plaintext of n bytes, and 0 if the spec does not
// have the algorithm or n is not in 1..[PairSpec.MaxPlaintext].
func (s PairSpec) CiphertextSize(a Algorithm, n int) int {
	switch {
	case n < 1 || n > s.MaxPlaintext(a):
		return 0
	case a == SM2PKE:
		return n + SM2Overhead
	default:
		return s.row().modulus
	}
}
