package kmstest

import (
	"bytes"
	"fmt"
)

// A sealer is a version of a key, and an algorithm.
type sealer struct {
	*kit
	spec, algorithm, key, version string
}

func (k *kit) sealer(spec, algorithm string) *sealer {
	k.Helper()
	key, version := k.pair(spec, encryptDecrypt)
	return &sealer{k, spec, algorithm, key, version}
}

// with returns the parameters of an operation.
func (s *sealer) with(pairs ...string) []string {
	return append([]string{"KeyId", s.key, "KeyVersionId", s.version, "Algorithm", s.algorithm}, pairs...)
}

// seal encrypts to the key, by the server.
func (s *sealer) seal(plaintext []byte) []byte {
	s.Helper()
	return s.decode(s.ok("AsymmetricEncrypt", s.with("Plaintext", encode(plaintext))...).str("CiphertextBlob"))
}

// opensTo checks that a ciphertext decrypts.
func (s *sealer) opensTo(want, ciphertext []byte, what string) {
	s.Helper()
	if got := s.ok("AsymmetricDecrypt", s.with("CiphertextBlob", encode(ciphertext))...).str("Plaintext"); got != encode(want) {
		s.Errorf("%s decrypts to %q, want %q", what, got, encode(want))
	}
}

// opensNot checks that a ciphertext does not decrypt, and that nothing is told of why.
func (s *sealer) opensNot(ciphertext []byte, what string) {
	s.Helper()
	_, err := s.try("AsymmetricDecrypt", s.with("CiphertextBlob", encode(ciphertext))...)
	s.isRefusal("InvalidParameter CiphertextBlob", err, "AsymmetricDecrypt of "+what)
}

// bytesOf returns n bytes that are neither zero nor all the same.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	return b
}

// encryptingChecks are those of AsymmetricEncrypt and AsymmetricDecrypt, and of ReEncrypt from key pairs.
func encryptingChecks() []check {
	var checks []check
	for _, a := range encryptAlgorithms {
		prefix := a.spec + " by " + a.name
		checks = append(checks,
			check{fmt.Sprintf("AsymmetricEncrypt: %s: 1 to %d bytes decrypt to what they were, each time from another ciphertext", prefix, a.longest), func(k *kit) {
				s := k.sealer(a.spec, a.name)
				for _, n := range []int{1, 32, a.longest} {
					plaintext := bytesOf(n)
					ciphertext := s.seal(plaintext)
					want := a.size
					if a.name == "SM2PKE" {
						want = n + 97
					}
					k.equal(fmt.Sprintf("length of the ciphertext of %d bytes", n), len(ciphertext), want)
					s.opensTo(plaintext, ciphertext, fmt.Sprintf("the ciphertext of %d bytes", n))
					if bytes.Equal(s.seal(plaintext), ciphertext) {
						k.Error("two ciphertexts are the same")
					}
				}
			}},
			check{fmt.Sprintf("AsymmetricEncrypt: %s: %d bytes are InvalidParameter Plaintext", prefix, a.longest+1), func(k *kit) {
				s := k.sealer(a.spec, a.name)
				for _, n := range []int{a.longest + 1, 10000} {
					k.refused("InvalidParameter Plaintext", "AsymmetricEncrypt", s.with("Plaintext", encode(bytesOf(n)))...)
				}
			}},
			check{"AsymmetricDecrypt: " + prefix + " opens what was encrypted elsewhere, to the public key", func(k *kit) {
				s := k.sealer(a.spec, a.name)
				public := k.publicKey(a.spec, s.key, s.version)
				for _, n := range []int{8, 32, a.longest} {
					s.opensTo(bytesOf(n), k.encrypt(public, a.name, bytesOf(n)), fmt.Sprintf("%d bytes", n))
				}
			}},
			check{"AsymmetricDecrypt: " + prefix + ": a ciphertext that was changed, cut or made longer is InvalidParameter CiphertextBlob", func(k *kit) {
				s := k.sealer(a.spec, a.name)
				ciphertext := s.seal([]byte("hello"))
				for _, i := range []int{0, 1, len(ciphertext) / 2, len(ciphertext) - 1} {
					changed := bytes.Clone(ciphertext)
					changed[i] ^= 1
					s.opensNot(changed, fmt.Sprintf("byte %d changed", i))
				}
				s.opensNot(ciphertext[:len(ciphertext)-1], "one that was cut")
				s.opensNot(append(bytes.Clone(ciphertext), 0), "one with a byte more")
				s.opensNot([]byte{4}, "one byte")
				s.opensNot(make([]byte, a.size), "zeros")
				s.opensNot(make([]byte, 6145), "6145 bytes")
			}},
		)
	}
	return append(checks,
		check{"AsymmetricDecrypt: what another key's public key encrypted is InvalidParameter CiphertextBlob", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			other := *s
			other.key = k.newPair("EC_SM2", encryptDecrypt)
			other.version = k.version(other.key)
			s.opensNot(other.seal([]byte("hello")), "another key's ciphertext")
		}},
		check{"AsymmetricDecrypt: by the other hash of OAEP it is InvalidParameter CiphertextBlob", func(k *kit) {
			sha256, sha1 := k.sealer("RSA_2048", "RSAES_OAEP_SHA_256"), k.sealer("RSA_2048", "RSAES_OAEP_SHA_1")
			sha1.opensNot(sha256.seal([]byte("hello")), "SHA-256 as SHA-1")
			sha256.opensNot(sha1.seal([]byte("hello")), "SHA-1 as SHA-256")
		}},
		check{"AsymmetricEncrypt: Plaintext is base64, that of the guide decrypts to itself, folded too", func(k *kit) {
			s := k.sealer("RSA_2048", "RSAES_OAEP_SHA_256")
			const plaintext = "dGhpcyBpcyBwbGFpbnRleHQgDQo="
			blob := k.ok("AsymmetricEncrypt", s.with("Plaintext", plaintext[:9]+"\n"+plaintext[9:]+"\n")...).str("CiphertextBlob")
			k.equal("Plaintext", k.ok("AsymmetricDecrypt", s.with("CiphertextBlob", blob[:64]+"\r\n"+blob[64:]+" \t\n")...).str("Plaintext"), plaintext)
		}},
		check{"ReEncrypt: from a key pair it opens to base64 of the bytes, and the answer names the pair", func(k *kit) {
			for _, a := range []struct{ spec, algorithm string }{{"RSA_2048", "RSAES_OAEP_SHA_256"}, {"RSA_2048", "RSAES_OAEP_SHA_1"}, {"EC_SM2", "SM2PKE"}} {
				s := k.sealer(a.spec, a.algorithm)
				ciphertext := k.encrypt(k.publicKey(a.spec, s.key, s.version), a.algorithm, bytesOf(32))
				d := k.ok("ReEncrypt", s.source(ciphertext, "DestinationEncryptionContext", `{"a":"1"}`)...)
				k.equal("KeyId", d.str("KeyId"), s.key)
				k.equal("KeyVersionId", d.str("KeyVersionId"), s.version)
				opened := k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"a":"1"}`)
				k.equal("Plaintext", opened.str("Plaintext"), encode(bytesOf(32)))
				k.equal("KeyId of Decrypt", opened.str("KeyId"), k.enabled())
			}
		}},
		check{"ReEncrypt: some but not all of the three parameters of a key pair are MissingParameter", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			ciphertext := s.seal([]byte("hello"))
			for _, name := range []string{"SourceKeyId", "SourceKeyVersionId", "SourceEncryptionAlgorithm"} {
				k.refused("MissingParameter "+name, "ReEncrypt", s.source(ciphertext, name, "")...)
			}
			k.refused("MissingParameter SourceKeyId", "ReEncrypt", "CiphertextBlob", encode(ciphertext), "DestinationKeyId", k.enabled(),
				"SourceEncryptionAlgorithm", "SM2PKE")
			k.refused("MissingParameter DestinationKeyId", "ReEncrypt", s.source(ciphertext, "DestinationKeyId", "")...)
		}},
		check{"ReEncrypt: an alias of the source is Unsupported.Alias, an unknown key or version is not found", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			ciphertext := s.seal([]byte("hello"))
			k.refused("Unsupported.Alias", "ReEncrypt", s.source(ciphertext, "SourceKeyId", k.alias(s.key))...)
			k.refused("Forbidden.KeyNotFound", "ReEncrypt", s.source(ciphertext, "SourceKeyId", absentKey)...)
			k.refused("Forbidden.KeyVersionNotFound", "ReEncrypt", s.source(ciphertext, "SourceKeyVersionId", absentKey)...)
		}},
		check{"ReEncrypt: from a key pair that signs, or a symmetric key, it is Rejected.UnsupportedOperation", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			ciphertext := s.seal([]byte("hello"))
			key, version := k.pair("EC_SM2", signVerify)
			k.refused("Rejected.UnsupportedOperation", "ReEncrypt", s.source(ciphertext, "SourceKeyId", key, "SourceKeyVersionId", version)...)
			k.refused("Rejected.UnsupportedOperation", "ReEncrypt", s.source(ciphertext, "SourceKeyId", k.enabled(),
				"SourceKeyVersionId", k.metadata(k.enabled()).str("PrimaryKeyVersion"))...)
		}},
		check{"ReEncrypt: an algorithm that does not fit the source is InvalidParameter SourceEncryptionAlgorithm", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			ciphertext := s.seal([]byte("hello"))
			for _, algorithm := range []string{"RSAES_OAEP_SHA_256", "SM2DSA", "sm2pke", "RSAES_PKCS1_V1_5"} {
				k.refused("InvalidParameter SourceEncryptionAlgorithm", "ReEncrypt", s.source(ciphertext, "SourceEncryptionAlgorithm", algorithm)...)
			}
		}},
		check{"ReEncrypt: from a key pair what does not decrypt is InvalidParameter CiphertextBlob", func(k *kit) {
			s := k.sealer("RSA_2048", "RSAES_OAEP_SHA_256")
			ciphertext := s.seal([]byte("hello"))
			ciphertext[100] ^= 1
			k.refused("InvalidParameter CiphertextBlob", "ReEncrypt", s.source(ciphertext)...)
			k.refused("InvalidParameter CiphertextBlob", "ReEncrypt", s.source(ciphertext[1:])...)
		}},
		check{"ReEncrypt: from a key pair of 4609 bytes, whose base64 is longer than 6144, it is InvalidParameter CiphertextBlob", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			k.ok("ReEncrypt", s.source(s.seal(bytesOf(4608)))...)
			k.refused("InvalidParameter CiphertextBlob", "ReEncrypt", s.source(s.seal(bytesOf(4609)))...)
		}},
	)
}

// source returns the parameters of ReEncrypt from the key pair to the shared key, those in set in place of others.
func (s *sealer) source(ciphertext []byte, set ...string) []string {
	s.Helper()
	return append([]string{"CiphertextBlob", encode(ciphertext), "SourceKeyId", s.key, "SourceKeyVersionId", s.version,
		"SourceEncryptionAlgorithm", s.algorithm, "DestinationKeyId", s.enabled()}, set...)
}
