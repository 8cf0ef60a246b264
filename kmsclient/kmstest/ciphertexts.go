package kmstest

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/asn1"
	"encoding/binary"
	"hash"
	"math/big"
)

// An oaepEncoding is what an encoded message of OAEP (RFC 8017, Section 7.1.1) consists of, each part to be damaged alone.
type oaepEncoding struct {
	first     byte
	label     []byte
	padding   []byte // PS
	separator []byte
	message   []byte
	mask      func() hash.Hash // of MGF1
}

// bytes returns the encoded message of size bytes.
func (e *oaepEncoding) bytes(newHash func() hash.Hash, size int) []byte {
	h := newHash()
	h.Write(e.label)
	db := bytes.Join([][]byte{h.Sum(nil), e.padding, e.separator, e.message}, nil)
	db = append(db, make([]byte, size-1-h.Size()-len(db))...)
	seed := bytes.Repeat([]byte{0x77}, h.Size())
	subtle.XORBytes(db, db, mgf1(e.mask, seed, len(db)))
	subtle.XORBytes(seed, seed, mgf1(e.mask, db, len(seed)))
	return bytes.Join([][]byte{{e.first}, seed, db}, nil)
}

// mgf1 is the mask of RFC 8017, Appendix B.2.1.
func mgf1(newHash func() hash.Hash, seed []byte, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		h := newHash()
		h.Write(seed)
		h.Write(binary.BigEndian.AppendUint32(nil, i))
		out = h.Sum(out)
	}
	return out[:n]
}

// power returns the RSA ciphertext of an encoded message.
func power(key *rsa.PublicKey, encoded []byte) []byte {
	m := new(big.Int).SetBytes(encoded)
	return m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
}

// ciphertextChecks are those of encodings of ciphertexts that no library makes.
func ciphertextChecks() []check {
	type damage struct {
		rule string
		do   func(e *oaepEncoding, other func() hash.Hash)
	}
	damages := []damage{
		{"a first byte that is not zero", func(e *oaepEncoding, _ func() hash.Hash) { e.first = 1 }},
		{"a label", func(e *oaepEncoding, _ func() hash.Hash) { e.label = []byte("label") }},
		{"a label of one zero", func(e *oaepEncoding, _ func() hash.Hash) { e.label = []byte{0} }},
		{"MGF1 of another hash", func(e *oaepEncoding, other func() hash.Hash) { e.mask = other }},
		{"no separator", func(e *oaepEncoding, _ func() hash.Hash) { e.separator, e.padding, e.message = nil, nil, nil }},
		{"another separator", func(e *oaepEncoding, _ func() hash.Hash) { e.separator = []byte{2} }},
		{"padding that does not begin with zero", func(e *oaepEncoding, _ func() hash.Hash) { e.padding[0] = 0xff }},
		{"padding that does not end with zero", func(e *oaepEncoding, _ func() hash.Hash) { e.padding[len(e.padding)-1] = 0x80 }},
	}
	var checks []check
	for _, name := range []string{"RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"} {
		newHash, other := sha256.New, sha1.New
		if name == "RSAES_OAEP_SHA_1" {
			newHash, other = sha1.New, sha256.New
		}
		prepare := func(k *kit, message string) (s *sealer, key *rsa.PublicKey, e *oaepEncoding) {
			k.Helper()
			s = k.sealer("RSA_2048", name)
			key = k.publicKey("RSA_2048", s.key, s.version).rsa
			room := key.Size() - 2*newHash().Size() - 2
			return s, key, &oaepEncoding{padding: make([]byte, room-len(message)), separator: []byte{1}, message: []byte(message), mask: newHash}
		}
		checks = append(checks, check{"AsymmetricDecrypt: " + name + ": messages that begin as padding or separator do open", func(k *kit) {
			for _, message := range []string{"hello", "\x01\x01lo!", "\x00\x00\x00lo", "\x00", "\x01"} {
				s, key, e := prepare(k, message)
				s.opensTo([]byte(message), power(key, e.bytes(newHash, key.Size())), "the encoding")
			}
		}})
		for _, d := range damages {
			checks = append(checks, check{"AsymmetricDecrypt: " + name + ": " + d.rule + " is InvalidParameter CiphertextBlob", func(k *kit) {
				s, key, e := prepare(k, "hello")
				d.do(e, other)
				s.opensNot(power(key, e.bytes(newHash, key.Size())), d.rule)
			}})
		}
	}
	numbers := []struct {
		rule string
		of   func(n, c *big.Int) *big.Int
	}{
		{"0", func(_, _ *big.Int) *big.Int { return new(big.Int) }},
		{"1", func(_, _ *big.Int) *big.Int { return big.NewInt(1) }},
		{"N-1", func(n, _ *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }},
		{"N", func(n, _ *big.Int) *big.Int { return n }},
		{"N+1", func(n, _ *big.Int) *big.Int { return new(big.Int).Add(n, big.NewInt(1)) }},
		{"2^2048-1", func(n, _ *big.Int) *big.Int {
			return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2048), big.NewInt(1))
		}},
		{"a ciphertext plus N", func(n, c *big.Int) *big.Int { return new(big.Int).Add(n, c) }},
	}
	for _, number := range numbers {
		checks = append(checks, check{"AsymmetricDecrypt: RSA_2048: the number " + number.rule + " is InvalidParameter CiphertextBlob", func(k *kit) {
			s := k.sealer("RSA_2048", "RSAES_OAEP_SHA_256")
			n := k.publicKey("RSA_2048", s.key, s.version).rsa.N
			c := new(big.Int).SetBytes(s.seal([]byte("hello")))
			v := number.of(n, c)
			for v.BitLen() > 2048 { // N plus a ciphertext that happens to be too large
				v = number.of(n, new(big.Int).SetBytes(s.seal([]byte("hello"))))
			}
			s.opensNot(v.FillBytes(make([]byte, 256)), number.rule)
		}})
	}
	return append(checks, sm2CiphertextChecks()...)
}

// sm2CiphertextChecks are those of forms in which the standard's ciphertext, 04 || X || Y || C3 || C2, might come.
func sm2CiphertextChecks() []check {
	forms := []struct {
		rule string
		of   func(c []byte) []byte
	}{
		{"without 04", func(c []byte) []byte { return c[1:] }},
		{"a compressed point", func(c []byte) []byte { return append(append([]byte{2 | c[64]&1}, c[1:33]...), c[65:]...) }},
		{"a hybrid point", func(c []byte) []byte { return append([]byte{6 | c[64]&1}, c[1:]...) }},
		{"the point at infinity", func(c []byte) []byte { return append([]byte{0}, c[65:]...) }},
		{"a point of zeros", func(c []byte) []byte { return append(append([]byte{4}, make([]byte, 64)...), c[65:]...) }},
		{"a point that is not on the curve", func(c []byte) []byte { c[64] ^= 1; return c }},
		{"a coordinate of p and more", func(c []byte) []byte {
			return append(append([]byte{4}, bytes.Repeat([]byte{0xff}, 32)...), c[33:]...)
		}},
		{"the old order, C2 before C3", func(c []byte) []byte { return bytes.Join([][]byte{c[:65], c[97:], c[65:97]}, nil) }},
		{"ASN.1", func(c []byte) []byte {
			der, err := asn1.Marshal(struct {
				X, Y   *big.Int
				C3, C2 []byte
			}{new(big.Int).SetBytes(c[1:33]), new(big.Int).SetBytes(c[33:65]), c[65:97], c[97:]})
			if err != nil {
				panic("kmstest: internal error: " + err.Error()) // unreachable: integers and bytes
			}
			return der
		}},
		{"no C2", func(c []byte) []byte { return c[:97] }},
		{"another C3", func(c []byte) []byte { c[65] ^= 0x80; return c }},
	}
	var checks []check
	for _, form := range forms {
		checks = append(checks, check{"AsymmetricDecrypt: SM2PKE: " + form.rule + " is InvalidParameter CiphertextBlob", func(k *kit) {
			s := k.sealer("EC_SM2", "SM2PKE")
			s.opensNot(form.of(s.seal([]byte("hello"))), form.rule)
		}})
	}
	return append(checks, check{"AsymmetricDecrypt: SM2PKE: single bytes open, whatever their mask", func(k *kit) {
		s := k.sealer("EC_SM2", "SM2PKE")
		for i := range 256 {
			s.opensTo([]byte{byte(i)}, s.seal([]byte{byte(i)}), "a byte")
		}
	}})
}
