//lint:file-ignore SA1019 signatures that no library makes are made by the arithmetic of the curve

package material_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/emmansun/gmsm/sm2"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

var curveSpecs = []material.PairSpec{material.ECP256, material.ECP256K, material.ECSM2}

// parseDER returns r and s of a signature.
func parseDER(t testing.TB, sig []byte) (r, s *big.Int) {
	t.Helper()
	var v struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &v); err != nil || len(rest) > 0 {
		t.Fatalf("signature %x: %v, %d bytes left", sig, err, len(rest))
	}
	return v.R, v.S
}

func TestSignaturesAreMinimalDER(t *testing.T) {
	for _, spec := range curveSpecs {
		k, n := sharedPairs[spec](), order(spec)
		a := spec.Algorithms(material.SignVerify)[0]
		for i := range 300 { // about one in 256 has an integer of 31 bytes, half of them one of 33
			sig, err := k.Sign(a, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 16))
			if err != nil {
				t.Fatal(err)
			}
			r, s := parseDER(t, sig)
			if again := derSignature(t, r, s); !bytes.Equal(again, sig) || len(sig) > 72 {
				t.Errorf("%v: signature %x, want %x", spec, sig, again)
			}
			if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
				t.Errorf("%v: signature %x out of range", spec, sig)
			}
		}
	}
}

func TestHighAndLowS(t *testing.T) {
	for _, spec := range []material.PairSpec{material.ECP256, material.ECP256K} {
		k, n := sharedPairs[spec](), order(spec)
		sig, err := k.Sign(material.ECDSASHA256, digest)
		if err != nil {
			t.Fatal(err)
		}
		r, s := parseDER(t, sig)
		other := derSignature(t, r, new(big.Int).Sub(n, s))
		if bytes.Equal(other, sig) {
			t.Fatal("the same signature")
		}
		if ok, err := k.Public().Verify(material.ECDSASHA256, digest, other); !ok || err != nil {
			t.Errorf("%v: Verify with n-s = %v, %v, want true", spec, ok, err)
		}
	}
	// SM2 has no such twin.
	k := sharedPairs[material.ECSM2]()
	sig, err := k.Sign(material.SM2DSA, digest)
	if err != nil {
		t.Fatal(err)
	}
	r, s := parseDER(t, sig)
	if ok, err := k.Public().Verify(material.SM2DSA, digest, derSignature(t, r, new(big.Int).Sub(order(material.ECSM2), s))); ok || err != nil {
		t.Errorf("EC_SM2: Verify with n-s = %v, %v, want false", ok, err)
	}
}

// length encodes a DER length in as many bytes of its own as asked for.
func length(n, size int) []byte {
	if size == 0 {
		return []byte{byte(n)}
	}
	b := []byte{0x80 | byte(size)}
	return append(b, big.NewInt(int64(n)).FillBytes(make([]byte, size))...)
}

func TestSignatureEncodings(t *testing.T) {
	for _, spec := range curveSpecs {
		k, n := sharedPairs[spec](), order(spec)
		a := spec.Algorithms(material.SignVerify)[0]
		good, err := k.Sign(a, digest)
		if err != nil {
			t.Fatal(err)
		}
		r, s := parseDER(t, good)
		integer := func(v *big.Int) []byte {
			b, err := asn1.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		sequence := func(parts ...[]byte) []byte {
			body := bytes.Join(parts, nil)
			return append(append([]byte{0x30}, length(len(body), 0)...), body...)
		}
		ri, si := integer(r), integer(s)
		raw := func(content ...byte) []byte { return append([]byte{2, byte(len(content))}, content...) }
		huge := new(big.Int).Lsh(big.NewInt(1), 1<<14)
		body := good[2:]
		add := func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) }
		sub := func(x, y *big.Int) *big.Int { return new(big.Int).Sub(x, y) }
		zero, one := new(big.Int), big.NewInt(1)

		for _, tc := range []struct {
			name string
			sig  []byte
		}{
			{"nothing", nil},
			{"empty sequence", []byte{0x30, 0}},
			{"tag alone", []byte{0x30}},
			{"null", []byte{5, 0}},
			{"long form of length", bytes.Join([][]byte{{0x30}, length(len(body), 1), body}, nil)},
			{"long form of length, 2 bytes", bytes.Join([][]byte{{0x30}, length(len(body), 2), body}, nil)},
			{"long form of length, 8 bytes", bytes.Join([][]byte{{0x30}, length(len(body), 8), body}, nil)},
			{"length of 126 bytes", append([]byte{0x30, 0xfe}, bytes.Repeat([]byte{0xff}, 126)...)},
			{"length too large", append([]byte{0x30, byte(len(body) + 1)}, body...)},
			{"length too small", append([]byte{0x30, byte(len(body) - 1)}, body...)},
			{"length beyond int", append([]byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, body...)},
			{"indefinite length", append(append([]byte{0x30, 0x80}, body...), 0, 0)},
			{"indefinite length, no end", append([]byte{0x30, 0x80}, body...)},
			{"set for sequence", append([]byte{0x31, byte(len(body))}, body...)},
			{"constructed bit missing", append([]byte{0x10, byte(len(body))}, body...)},
			{"high tag number", append([]byte{0x3f, 0x10, byte(len(body))}, body...)},
			{"sequence in sequence", sequence(good)},
			{"zero bytes after", append(bytes.Clone(good), 0, 0)},
			{"null after", append(bytes.Clone(good), 5, 0)},
			{"null inside", sequence(ri, si, []byte{5, 0})},
			{"third integer", sequence(ri, si, ri)},
			{"one integer", sequence(ri)},
			{"swapped", sequence(si, ri)},
			{"r missing", sequence(nil, si)},
			{"r of no bytes", sequence([]byte{2, 0}, si)},
			{"s of no bytes", sequence(ri, []byte{2, 0})},
			{"leading zero of r", sequence(raw(append([]byte{0}, ri[2:]...)...), si)},
			{"leading zero of s", sequence(ri, raw(append([]byte{0}, si[2:]...)...))},
			{"enumerated for integer", sequence(append([]byte{10}, ri[1:]...), si)},
			{"octet string for integer", sequence(append([]byte{4}, ri[1:]...), si)},
			{"long form of length of r", sequence([]byte{2, 0x81, ri[1]}, ri[2:], si)},
			{"length of r too large", sequence([]byte{2, ri[1] + 1}, ri[2:], si)},
			{"length of r beyond all", sequence([]byte{2, 0x7f}, ri[2:], si)},
			{"r = 0", derSignature(t, zero, s)},
			{"s = 0", derSignature(t, r, zero)},
			{"r = s = 0", derSignature(t, zero, zero)},
			{"r = 1", derSignature(t, one, s)},
			{"r = s = 1", derSignature(t, one, one)},
			{"r = -1", derSignature(t, big.NewInt(-1), s)},
			{"-r", derSignature(t, new(big.Int).Neg(r), s)},
			{"-s", derSignature(t, r, new(big.Int).Neg(s))},
			{"r - n, negative", derSignature(t, sub(r, n), s)},
			{"s - n, negative", derSignature(t, r, sub(s, n))},
			{"r + n", derSignature(t, add(r, n), s)},
			{"s + n", derSignature(t, r, add(s, n))},
			{"r = n", derSignature(t, n, s)},
			{"s = n", derSignature(t, r, n)},
			{"r = s = n", derSignature(t, n, n)},
			{"n-1", derSignature(t, sub(n, one), sub(n, one))},
			{"n+1", derSignature(t, add(n, one), add(n, one))},
			{"r + s = n", derSignature(t, r, sub(n, r))},
			{"r + 2^256", derSignature(t, add(r, new(big.Int).Lsh(one, 256)), s)},
			{"s + 2^320", derSignature(t, r, add(s, new(big.Int).Lsh(one, 320)))},
			{"r of 2 KiB", derSignature(t, huge, s)},
			{"s of 2 KiB", derSignature(t, r, huge)},
			{"r and s raw", append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)},
			{"hex", fmt.Appendf(nil, "%x", good)},
			{"64 KiB of zeros", make([]byte, 1<<16)},
			{"64 KiB of nested sequences", bytes.Repeat([]byte{0x30, 0x80}, 1<<15)},
		} {
			if bytes.Equal(tc.sig, good) {
				t.Fatalf("%v: %s: nothing changed", spec, tc.name)
			}
			if ok, err := k.Public().Verify(a, digest, tc.sig); ok || err != nil {
				t.Errorf("%v: Verify(%s) = %v, %v, want false, nil", spec, tc.name, ok, err)
			}
		}
	}
}

// An x coordinate of at least n: r is x-n, a few bits long, and r itself is on the curve as well or not. One signature in
// 2^128 is such a one, so it is built from r and s, and the public key found for it: Q = (sR - eG) / r.
func TestSignatureWithLargeCoordinate(t *testing.T) {
	for _, tc := range []struct {
		spec material.PairSpec
		// multiply returns uR + vG, uncompressed; R has the given x and an even y. It returns nil if there is no such R.
		multiply func(x, u, v *big.Int) []byte
	}{
		{material.ECP256, multiplyP256},
		{material.ECP256K, multiplyP256K},
	} {
		n := order(tc.spec)
		e := new(big.Int).SetBytes(digest)
		s := big.NewInt(0x5eed)
		found := 0
		for i := int64(1); found < 3; i++ {
			r := big.NewInt(i)
			x := new(big.Int).Add(n, r)
			inverse := new(big.Int).ModInverse(r, n)
			u := new(big.Int).Mul(s, inverse)
			v := new(big.Int).Neg(new(big.Int).Mul(e, inverse))
			point := tc.multiply(x, u.Mod(u, n), v.Mod(v, n))
			if point == nil {
				continue
			}
			found++
			prefix := sharedPairs[tc.spec]().Public().DER()
			public, err := material.ParsePublicKey(tc.spec, append(prefix[:len(prefix)-65], point...))
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := public.Verify(material.ECDSASHA256, digest, derSignature(t, r, s)); !ok || err != nil {
				t.Errorf("%v: r = %v, x = n + %v: Verify = %v, %v, want true", tc.spec, r, r, ok, err)
			}
			if ok, err := public.Verify(material.ECDSASHA256, digest, derSignature(t, x, s)); ok || err != nil {
				t.Errorf("%v: r = n + %v: Verify = %v, %v, want false", tc.spec, r, ok, err)
			}
			if ok, err := public.Verify(material.ECDSASHA256, digest, derSignature(t, big.NewInt(i+1), s)); ok || err != nil {
				t.Errorf("%v: r = %v + 1: Verify = %v, %v, want false", tc.spec, r, ok, err)
			}
		}
	}
}

func multiplyP256(x, u, v *big.Int) []byte {
	curve := elliptic.P256()
	x, y := elliptic.UnmarshalCompressed(curve, append([]byte{2}, x.FillBytes(make([]byte, 32))...))
	if x == nil {
		return nil
	}
	x1, y1 := curve.ScalarMult(x, y, u.Bytes())
	x2, y2 := curve.ScalarBaseMult(v.Bytes())
	x, y = curve.Add(x1, y1, x2, y2)
	return append(append([]byte{4}, x.FillBytes(make([]byte, 32))...), y.FillBytes(make([]byte, 32))...)
}

func multiplyP256K(x, u, v *big.Int) []byte {
	r, err := secp256k1.ParsePubKey(append([]byte{2}, x.FillBytes(make([]byte, 32))...))
	if err != nil {
		return nil
	}
	var us, vs secp256k1.ModNScalar
	us.SetByteSlice(u.Bytes())
	vs.SetByteSlice(v.Bytes())
	var point, ur, vg, sum secp256k1.JacobianPoint
	r.AsJacobian(&point)
	secp256k1.ScalarMultNonConst(&us, &point, &ur)
	secp256k1.ScalarBaseMultNonConst(&vs, &vg)
	secp256k1.AddNonConst(&ur, &vg, &sum)
	sum.ToAffine()
	return secp256k1.NewPublicKey(&sum.X, &sum.Y).SerializeUncompressed()
}

// Digests that are no numbers below n, and one that is none at all.
func TestUnusualDigests(t *testing.T) {
	for _, spec := range curveSpecs {
		k, n := sharedPairs[spec](), order(spec)
		a := spec.Algorithms(material.SignVerify)[0]
		for _, d := range [][]byte{
			make([]byte, 32), bytes.Repeat([]byte{0xff}, 32),
			n.Bytes(), new(big.Int).Add(n, big.NewInt(1)).Bytes(), new(big.Int).Sub(n, big.NewInt(1)).Bytes(),
		} {
			sig, err := k.Sign(a, d)
			if err != nil {
				t.Errorf("%v: Sign(%x): %v", spec, d, err)
				continue
			}
			if ok, err := k.Public().Verify(a, d, sig); !ok || err != nil {
				t.Errorf("%v: Verify(%x) = %v, %v", spec, d, ok, err)
			}
		}
	}
}

// The signature as the standard computes it, by the curve alone: t = r + s, (x, y) = sG + tP, accept if r = e + x.
func TestSM2SignatureEquation(t *testing.T) {
	k, curve, n := sharedPairs[material.ECSM2](), sm2.P256(), order(material.ECSM2)
	der := k.Public().DER()
	px, py := new(big.Int).SetBytes(der[len(der)-64:len(der)-32]), new(big.Int).SetBytes(der[len(der)-32:])
	sig, err := k.Sign(material.SM2DSA, digest)
	if err != nil {
		t.Fatal(err)
	}
	r, s := parseDER(t, sig)
	sum := new(big.Int).Add(r, s)
	x1, y1 := curve.ScalarBaseMult(s.FillBytes(make([]byte, 32)))
	x2, y2 := curve.ScalarMult(px, py, sum.Mod(sum, n).FillBytes(make([]byte, 32)))
	x, _ := curve.Add(x1, y1, x2, y2)
	x.Add(x, new(big.Int).SetBytes(digest))
	if x.Mod(x, n).Cmp(r) != 0 {
		t.Errorf("signature %x does not satisfy the equation", sig)
	}
}
