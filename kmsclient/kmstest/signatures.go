package kmstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
)

// rs is what a signature on a curve consists of.
type rs struct{ R, S *big.Int }

// integer returns the DER of an integer with contents as they are.
func integer(contents ...byte) []byte { return append([]byte{2, byte(len(contents))}, contents...) }

// sequence returns the DER of a sequence of less than 128 bytes.
func sequence(parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append([]byte{0x30, byte(len(body))}, body...)
}

// signatureChecks are those of encodings of signatures on curves: of the two integers there is one.
func signatureChecks() []check {
	digest := sha256.Sum256([]byte("encodings"))
	type variant struct {
		rule string
		of   func(v rs, n *big.Int) []byte
	}
	der := func(r, s *big.Int) []byte {
		b, err := asn1.Marshal(rs{r, s})
		if err != nil {
			panic("kmstest: internal error: " + err.Error()) // unreachable: two integers
		}
		return b
	}
	add := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	sub := func(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
	minimal := func(v *big.Int) []byte { return der(v, new(big.Int))[2 : len(der(v, new(big.Int)))-3] }
	zero, first := new(big.Int), big.NewInt(1)
	variants := []variant{
		{"an empty sequence", func(rs, *big.Int) []byte { return []byte{0x30, 0} }},
		{"a length in long form", func(v rs, n *big.Int) []byte { b := der(v.R, v.S); return append([]byte{0x30, 0x81}, b[1:]...) }},
		{"an indefinite length", func(v rs, n *big.Int) []byte {
			return append(append([]byte{0x30, 0x80}, der(v.R, v.S)[2:]...), 0, 0)
		}},
		{"a length too large", func(v rs, n *big.Int) []byte { b := der(v.R, v.S); b[1]++; return b }},
		{"a length too small", func(v rs, n *big.Int) []byte { b := der(v.R, v.S); b[1]--; return b }},
		{"a length beyond all memory", func(v rs, n *big.Int) []byte {
			return append([]byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, der(v.R, v.S)[2:]...)
		}},
		{"a set", func(v rs, n *big.Int) []byte { b := der(v.R, v.S); b[0] = 0x31; return b }},
		{"a sequence in a sequence", func(v rs, n *big.Int) []byte { return sequence(der(v.R, v.S)) }},
		{"bytes after the sequence", func(v rs, n *big.Int) []byte { return append(der(v.R, v.S), 5, 0) }},
		{"a third integer", func(v rs, n *big.Int) []byte { return sequence(minimal(v.R), minimal(v.S), minimal(v.R)) }},
		{"one integer", func(v rs, n *big.Int) []byte { return sequence(minimal(v.R)) }},
		{"an integer of no bytes", func(v rs, n *big.Int) []byte { return sequence(integer(), minimal(v.S)) }},
		{"a leading zero of r", func(v rs, n *big.Int) []byte {
			return sequence(integer(append([]byte{0}, minimal(v.R)[2:]...)...), minimal(v.S))
		}},
		{"a leading zero of s", func(v rs, n *big.Int) []byte {
			return sequence(minimal(v.R), integer(append([]byte{0}, minimal(v.S)[2:]...)...))
		}},
		{"an octet string for r", func(v rs, n *big.Int) []byte {
			r := minimal(v.R)
			r[0] = 4
			return sequence(r, minimal(v.S))
		}},
		{"r and s exchanged", func(v rs, n *big.Int) []byte { return der(v.S, v.R) }},
		{"r and s bare", func(v rs, n *big.Int) []byte {
			return append(v.R.FillBytes(make([]byte, 32)), v.S.FillBytes(make([]byte, 32))...)
		}},
		{"r = 0", func(v rs, n *big.Int) []byte { return der(zero, v.S) }},
		{"s = 0", func(v rs, n *big.Int) []byte { return der(v.R, zero) }},
		{"r = s = 0", func(v rs, n *big.Int) []byte { return der(zero, zero) }},
		{"r = s = 1", func(v rs, n *big.Int) []byte { return der(first, first) }},
		{"r = n", func(v rs, n *big.Int) []byte { return der(n, v.S) }},
		{"s = n", func(v rs, n *big.Int) []byte { return der(v.R, n) }},
		{"r + n", func(v rs, n *big.Int) []byte { return der(add(v.R, n), v.S) }},
		{"s + n", func(v rs, n *big.Int) []byte { return der(v.R, add(v.S, n)) }},
		{"r - n", func(v rs, n *big.Int) []byte { return der(sub(v.R, n), v.S) }},
		{"s - n", func(v rs, n *big.Int) []byte { return der(v.R, sub(v.S, n)) }},
		{"-r", func(v rs, n *big.Int) []byte { return der(new(big.Int).Neg(v.R), v.S) }},
		{"r + s = n", func(v rs, n *big.Int) []byte { return der(v.R, sub(n, v.R)) }},
		{"r of 1 KiB", func(v rs, n *big.Int) []byte { return der(new(big.Int).Lsh(first, 8192), v.S) }},
	}
	var checks []check
	for _, a := range signAlgorithms {
		if curves[a.spec].order == nil {
			continue
		}
		signed := func(k *kit) (*signer, rs) {
			k.Helper()
			s := k.signer(a.spec, a.name)
			var v rs
			if _, err := asn1.Unmarshal(s.sign(digest[:]), &v); err != nil {
				k.Fatal(err)
			}
			s.verifies(true, "as signed", digest[:], der(v.R, v.S))
			return s, v
		}
		for _, variant := range variants {
			checks = append(checks, check{"AsymmetricVerify: " + a.spec + ": with " + variant.rule + " it is false", func(k *kit) {
				s, v := signed(k)
				s.verifies(false, variant.rule, digest[:], variant.of(v, curves[a.spec].order))
			}})
		}
		if a.name == "ECDSA_SHA_256" {
			checks = append(checks, check{"AsymmetricVerify: " + a.spec + ": with n - s in place of s it is true, as of any ECDSA signature", func(k *kit) {
				s, v := signed(k)
				s.verifies(true, "n - s", digest[:], der(v.R, sub(curves[a.spec].order, v.S)))
			}})
		}
	}
	return checks
}
