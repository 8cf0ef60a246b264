package material_test

import (
	"bytes"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

// fuzzPairs are fixed for the curves, so that a crasher that is found stays one.
func fuzzPairs(f *testing.F) map[material.PairSpec]*material.KeyPair {
	pairs := map[material.PairSpec]*material.KeyPair{material.RSA2048: sharedPairs[material.RSA2048]()}
	for _, s := range curveSpecs {
		k, err := material.ParsePair(s, fromHex(f, sm2Private))
		if err != nil {
			f.Fatal(err)
		}
		pairs[s] = k
	}
	return pairs
}

// Verify never panics, and what it accepts is the one encoding of its two numbers.
func FuzzVerify(f *testing.F) {
	pairs := fuzzPairs(f)
	for s, k := range pairs {
		for _, a := range s.Algorithms(material.SignVerify) {
			sig, err := k.Sign(a, digest)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(s), uint8(a), sig)
			f.Add(uint8(s), uint8(a), sig[:len(sig)-1])
			f.Add(uint8(s), uint8(a), append([]byte{0x30, 0x81}, sig[1:]...))
			f.Add(uint8(s), uint8(a), []byte{0x30, 6, 2, 1, 1, 2, 1, 1})
		}
	}
	f.Fuzz(func(t *testing.T, spec, algorithm uint8, sig []byte) {
		s, a := material.PairSpec(spec), material.Algorithm(algorithm)
		k := pairs[s]
		if k == nil {
			return
		}
		ok, err := k.Public().Verify(a, digest, sig)
		if !ok || err != nil {
			if ok {
				t.Fatalf("Verify = true, %v", err)
			}
			return
		}
		switch {
		case s == material.RSA2048 && len(sig) != 256:
			t.Fatalf("signature of %d bytes accepted", len(sig))
		case s != material.RSA2048:
			r, s := parseDER(t, sig)
			if again := derSignature(t, r, s); !bytes.Equal(again, sig) {
				t.Fatalf("accepted %x, which encodes as %x", sig, again)
			}
		}
	})
}

// Decrypt and Unwrap never panic, and answer a plaintext of a possible size or the one error.
func FuzzDecrypt(f *testing.F) {
	pairs := fuzzPairs(f)
	for s, k := range pairs {
		for _, a := range s.Algorithms(material.Import) {
			ct, err := k.Public().Wrap(a, digest)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(s), uint8(a), ct)
			f.Add(uint8(s), uint8(a), ct[:len(ct)-1])
		}
	}
	f.Add(uint8(material.ECSM2), uint8(material.SM2PKE), append([]byte{4}, make([]byte, 97)...))
	f.Fuzz(func(t *testing.T, spec, algorithm uint8, ct []byte) {
		s, a := material.PairSpec(spec), material.Algorithm(algorithm)
		k := pairs[s]
		if k == nil {
			return
		}
		if _, ok := s.Algorithm(material.EncryptDecrypt, a.String()); ok {
			pt, err := k.Decrypt(a, ct)
			if err != nil && err != material.ErrCiphertext || err == nil && (pt == nil || len(pt) > s.MaxPlaintext(a)) {
				t.Fatalf("Decrypt = %x, %v", pt, err)
			}
		}
		if _, ok := s.Algorithm(material.Import, a.String()); ok {
			pt, err := k.Unwrap(a, ct, 32)
			if err != nil && err != material.ErrCiphertext || err == nil && len(pt) != 32 {
				t.Fatalf("Unwrap = %x, %v", pt, err)
			}
		}
	})
}

// What parses as a public key encodes as it was, and can be used.
func FuzzParsePublicKey(f *testing.F) {
	for _, s := range allPairSpecs {
		if s == material.RSA3072 || s == material.RSA4096 {
			continue // to make one takes long, and nothing differs
		}
		f.Add(uint8(s), sharedPairs[s]().Public().DER())
	}
	f.Add(uint8(material.ECSM2), fromBase64(f, sm2SPKI))
	f.Fuzz(func(t *testing.T, spec uint8, der []byte) {
		s := material.PairSpec(spec)
		public, err := material.ParsePublicKey(s, der)
		if err != nil {
			if public != nil {
				t.Fatalf("ParsePublicKey = %v, %v", public, err)
			}
			return
		}
		if got := public.DER(); !bytes.Equal(got, der) {
			t.Fatalf("DER = %x, want %x", got, der)
		}
		for _, a := range s.Algorithms(material.Export) {
			if ct, err := public.Wrap(a, digest); err != nil || len(ct) != s.CiphertextSize(a, len(digest)) {
				t.Fatalf("Wrap by %v = %x, %v", a, ct, err)
			}
		}
	})
}

// What parses as a private key encodes as it was, and its signatures verify.
func FuzzParsePair(f *testing.F) {
	for s, k := range fuzzPairs(f) {
		b, err := k.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(s), b)
	}
	f.Fuzz(func(t *testing.T, spec uint8, b []byte) {
		s := material.PairSpec(spec)
		k, err := material.ParsePair(s, b)
		if err != nil {
			return
		}
		if again, err := k.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("Marshal = %v, not what was parsed", err)
		}
		a := s.Algorithms(material.SignVerify)[0]
		sig, err := k.Sign(a, digest)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := k.Public().Verify(a, digest, sig); !ok || err != nil {
			t.Fatalf("Verify = %v, %v", ok, err)
		}
	})
}
