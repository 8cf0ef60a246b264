package kmstest

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// A signer is a version of a key, and an algorithm.
type signer struct {
	*kit
	spec, algorithm, key, version string
}

func (k *kit) signer(spec, algorithm string) *signer {
	k.Helper()
	key, version := k.pair(spec, signVerify)
	return &signer{k, spec, algorithm, key, version}
}

// with returns the parameters of an operation.
func (s *signer) with(pairs ...string) []string {
	return append([]string{"KeyId", s.key, "KeyVersionId", s.version, "Algorithm", s.algorithm}, pairs...)
}

// sign returns a signature of a digest.
func (s *signer) sign(digest []byte) []byte {
	s.Helper()
	return s.decode(s.ok("AsymmetricSign", s.with("Digest", encode(digest))...).str("Value"))
}

// verifies checks what AsymmetricVerify says of a signature.
func (s *signer) verifies(want bool, what string, digest, signature []byte) {
	s.Helper()
	d := s.ok("AsymmetricVerify", s.with("Digest", encode(digest), "Value", encode(signature))...)
	if got, ok := d.at("Value").(bool); !ok || got != want {
		s.Errorf("%s: Value is %v, want the boolean %v", what, d.at("Value"), want)
	}
}

// signingChecks are those of AsymmetricSign and AsymmetricVerify.
func signingChecks() []check {
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	var checks []check
	for _, a := range signAlgorithms {
		prefix := a.spec + " by " + a.name
		checks = append(checks,
			check{"AsymmetricSign: " + prefix + " verifies elsewhere, by the public key", func(k *kit) {
				s := k.signer(a.spec, a.name)
				if !k.publicKey(a.spec, s.key, s.version).verify(a.name, one[:], s.sign(one[:])) {
					k.Error("it does not")
				}
			}},
			check{"AsymmetricSign: " + prefix + " has the length, or the DER, of the standard", func(k *kit) {
				value := k.signer(a.spec, a.name).sign(one[:])
				if size := modulusSizes[a.spec]; size != 0 {
					k.equal("length", len(value), size)
					return
				}
				var rs struct{ R, S *big.Int }
				rest, err := asn1.Unmarshal(value, &rs)
				if err != nil || len(rest) != 0 {
					k.Fatalf("no DER: %v, %d bytes more", err, len(rest))
				}
				again, err := asn1.Marshal(rs)
				if err != nil || encode(again) != encode(value) {
					k.Error("the integers are not minimal")
				}
			}},
			check{"AsymmetricVerify: " + prefix + " is true of a signature, and false of another digest's and of one that was changed", func(k *kit) {
				s := k.signer(a.spec, a.name)
				value := s.sign(one[:])
				s.verifies(true, "its own", one[:], value)
				s.verifies(false, "another digest", two[:], value)
				for _, i := range []int{0, len(value) / 2, len(value) - 1} {
					changed := append([]byte(nil), value...)
					changed[i] ^= 1
					s.verifies(false, fmt.Sprintf("byte %d changed", i), one[:], changed)
				}
				s.verifies(false, "cut", one[:], value[:len(value)-1])
				s.verifies(false, "a byte more", one[:], append(append([]byte(nil), value...), 0))
				s.verifies(false, "one byte", one[:], []byte{0})
				s.verifies(false, "zeros", one[:], make([]byte, len(value)))
			}},
			check{"AsymmetricSign: " + prefix + " of a digest of any other length than 32 bytes is InvalidParameter Digest", func(k *kit) {
				s := k.signer(a.spec, a.name)
				for _, n := range []int{1, 20, 31, 33, 48, 64} {
					k.refused("InvalidParameter Digest", "AsymmetricSign", s.with("Digest", encode(make([]byte, n)))...)
					k.refused("InvalidParameter Digest", "AsymmetricVerify", s.with("Digest", encode(make([]byte, n)), "Value", "AAAA")...)
				}
			}},
		)
	}
	return append(checks,
		check{"AsymmetricVerify: another key's signature is false, and another version's", func(k *kit) {
			s := k.signer("EC_P256", "ECDSA_SHA_256")
			other := *s
			other.key = k.newPair("EC_P256", signVerify)
			other.version = k.version(other.key)
			s.verifies(false, "another key's", one[:], other.sign(one[:]))
		}},
		check{"AsymmetricVerify: a signature by one algorithm of RSA is false by the other", func(k *kit) {
			pss, pkcs1 := k.signer("RSA_2048", "RSA_PSS_SHA_256"), k.signer("RSA_2048", "RSA_PKCS1_SHA_256")
			pkcs1.verifies(false, "PSS as PKCS #1", one[:], pss.sign(one[:]))
			pss.verifies(false, "PKCS #1 as PSS", one[:], pkcs1.sign(one[:]))
		}},
		check{"AsymmetricSign: by RSA_PKCS1_SHA_256 it is the same each time, by RSA_PSS_SHA_256 another", func(k *kit) {
			for algorithm, same := range map[string]bool{"RSA_PKCS1_SHA_256": true, "RSA_PSS_SHA_256": false} {
				s := k.signer("RSA_2048", algorithm)
				first := encode(s.sign(one[:]))
				if got := encode(s.sign(one[:])) == first; got != same {
					k.Errorf("%s: the second signature is the first one: %v", algorithm, got)
				}
			}
		}},
		check{"AsymmetricSign: base64 may be folded, as openssl folds it", func(k *kit) {
			s := k.signer("RSA_2048", "RSA_PSS_SHA_256")
			value := k.ok("AsymmetricSign", s.with("Digest", digest[:20]+"\n"+digest[20:]+"\n")...).str("Value")
			folded := ""
			for len(value) > 64 {
				folded, value = folded+value[:64]+"\n", value[64:]
			}
			k.equal("Value", k.ok("AsymmetricVerify", s.with("Digest", digest+"\r\n", "Value", folded+value+"\n")...).at("Value"), true)
		}},
		check{"AsymmetricSign: an algorithm of another spec is InvalidParameter Algorithm", func(k *kit) {
			for _, wrong := range []struct{ spec, algorithm string }{
				{"RSA_2048", "ECDSA_SHA_256"}, {"RSA_2048", "SM2DSA"}, {"EC_P256", "RSA_PSS_SHA_256"}, {"EC_P256", "SM2DSA"}, {"EC_P256K", "SM2DSA"},
				{"EC_SM2", "ECDSA_SHA_256"},
			} {
				k.refused("InvalidParameter Algorithm", "AsymmetricSign", k.signer(wrong.spec, wrong.algorithm).with("Digest", digest)...)
			}
		}},
	)
}
