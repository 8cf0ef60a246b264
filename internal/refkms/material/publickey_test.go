package material_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func TestPublicKeyRoundTrip(t *testing.T) {
	sizes := map[material.PairSpec]int{
		material.RSA2048: 294, material.RSA3072: 422, material.RSA4096: 550,
		material.ECP256: 91, material.ECP256K: 88, material.ECSM2: 91,
	}
	for _, s := range allPairSpecs {
		t.Run(s.String(), func(t *testing.T) {
			k := sharedPairs[s]()
			der := k.Public().DER()
			if len(der) != sizes[s] {
				t.Errorf("DER has %d bytes, want %d", len(der), sizes[s])
			}
			input := bytes.Clone(der)
			public, err := material.ParsePublicKey(s, input)
			if err != nil {
				t.Fatal(err)
			}
			clear(input) // nothing of it is kept
			if public.Spec() != s || !bytes.Equal(public.DER(), der) {
				t.Errorf("parsed another key")
			}
			clear(public.DER()) // the slice is the caller's
			if !bytes.Equal(public.DER(), der) {
				t.Errorf("DER returned the key's own bytes")
			}
			for _, a := range s.Algorithms(material.SignVerify) {
				sig, err := k.Sign(a, digest)
				if err != nil {
					t.Fatal(err)
				}
				if ok, err := public.Verify(a, digest, sig); !ok || err != nil {
					t.Errorf("Verify(%v) by the parsed key = %v, %v", a, ok, err)
				}
			}
			for _, a := range s.Algorithms(material.EncryptDecrypt) {
				ct, err := public.Encrypt(a, []byte("hello"))
				if err != nil {
					t.Fatal(err)
				}
				if pt, err := k.Decrypt(a, ct); string(pt) != "hello" || err != nil {
					t.Errorf("Decrypt(%v) of the parsed key's ciphertext = %q, %v", a, pt, err)
				}
			}
		})
	}
}

// What crypto/x509 knows, it encodes alike.
func TestPublicKeyAsX509HasIt(t *testing.T) {
	for _, s := range []material.PairSpec{material.RSA2048, material.RSA3072, material.RSA4096, material.ECP256} {
		der := sharedPairs[s]().Public().DER()
		key, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Errorf("%v: x509: %v", s, err)
			continue
		}
		if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, der) {
			t.Errorf("%v: x509 encodes %x, %v, want %x", s, again, err, der)
		}
		if key, ok := key.(*rsa.PublicKey); ok && key.E != 65537 {
			t.Errorf("%v: exponent %d, want 65537", s, key.E)
		}
	}
}

func TestPublicKeyPEM(t *testing.T) {
	for _, s := range allPairSpecs {
		public := sharedPairs[s]().Public()
		text := public.PEM()
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "PUBLIC KEY" || len(block.Headers) > 0 || len(rest) > 0 || !bytes.Equal(block.Bytes, public.DER()) {
			t.Errorf("%v: PEM does not decode to the key: %q", s, text)
		}
		if !strings.HasPrefix(text, "-----BEGIN PUBLIC KEY-----\n") || !strings.HasSuffix(text, "\n-----END PUBLIC KEY-----\n") || strings.Contains(text, "\r") {
			t.Errorf("%v: PEM = %q", s, text)
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		for i, line := range lines[1 : len(lines)-1] {
			if len(line) != 64 && i != len(lines)-3 || len(line) > 64 {
				t.Errorf("%v: line %d has %d characters", s, i, len(line))
			}
		}
		if _, err := material.ParsePublicKey(s, []byte(text)); !errors.Is(err, material.ErrPublicKey) {
			t.Errorf("%v: ParsePublicKey of PEM: %v, want ErrPublicKey", s, err)
		}
	}
}

func TestPublicKeyOfAnotherSpec(t *testing.T) {
	for _, s := range allPairSpecs {
		der := sharedPairs[s]().Public().DER()
		for _, other := range append(allPairSpecs, 0, 7) {
			if other == s {
				continue
			}
			if got, err := material.ParsePublicKey(other, der); got != nil || !errors.Is(err, material.ErrPublicKey) {
				t.Errorf("ParsePublicKey(%v) of a key of %v = %v, %v, want ErrPublicKey", other, s, got, err)
			}
		}
	}
}

func TestPublicKeyTampered(t *testing.T) {
	for _, s := range allPairSpecs {
		der := sharedPairs[s]().Public().DER()
		for n := range der {
			if _, err := material.ParsePublicKey(s, der[:n]); !errors.Is(err, material.ErrPublicKey) {
				t.Errorf("%v: %d of %d bytes: %v, want ErrPublicKey", s, n, len(der), err)
			}
		}
		for _, bad := range [][]byte{append(bytes.Clone(der), 0), append([]byte{0}, der...), make([]byte, material.MaxPublicKeySize), make([]byte, 1<<20)} {
			if _, err := material.ParsePublicKey(s, bad); !errors.Is(err, material.ErrPublicKey) {
				t.Errorf("%v: %d bytes: %v, want ErrPublicKey", s, len(bad), err)
			}
		}
		for i := range der {
			bad := bytes.Clone(der)
			bad[i] ^= 1
			public, err := material.ParsePublicKey(s, bad)
			if err != nil {
				if !errors.Is(err, material.ErrPublicKey) {
					t.Errorf("%v: byte %d: %v, want ErrPublicKey", s, i, err)
				}
				continue
			}
			// Another odd number is as good a modulus; a point on the curve is not to be hit so.
			if !strings.HasPrefix(s.String(), "RSA") || !bytes.Equal(public.DER(), bad) {
				t.Errorf("%v: byte %d flipped is accepted", s, i)
			}
		}
	}
}

func TestPublicKeyPoints(t *testing.T) {
	primes := map[material.PairSpec]string{
		material.ECP256:  "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
		material.ECP256K: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
		material.ECSM2:   "fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff",
	}
	for s, prime := range primes {
		p := bigFromHex(t, prime)
		der := sharedPairs[s]().Public().DER()
		prefix, point := der[:len(der)-65], der[len(der)-65:]
		x, y := new(big.Int).SetBytes(point[1:33]), new(big.Int).SetBytes(point[33:])
		join := func(first byte, x, y *big.Int) []byte {
			b := make([]byte, 65)
			b[0] = first
			x.FillBytes(b[1:33])
			y.FillBytes(b[33:])
			return b
		}
		for _, tc := range []struct {
			name  string
			point []byte
		}{
			{"infinity", []byte{0}},
			{"infinity, padded", make([]byte, 65)},
			{"zero coordinates", join(4, new(big.Int), new(big.Int))},
			{"coordinates of the prime", join(4, p, p)},
			{"coordinates of ff", join(4, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), y)},
			{"not on the curve", join(4, x, new(big.Int).Xor(y, big.NewInt(1)))},
			{"swapped", join(4, y, x)},
			{"compressed", append([]byte{2 + byte(y.Bit(0))}, point[1:33]...)},
			{"hybrid", join(6+byte(y.Bit(0)), x, y)},
			{"unknown form", join(5, x, y)},
			{"empty", nil},
		} {
			bad := append(bytes.Clone(prefix), tc.point...)
			// Lengths of the outer SEQUENCE and of the BIT STRING, so that nothing but the point is wrong.
			bad[1] = byte(len(bad) - 2)
			bad[len(prefix)-2] = byte(len(tc.point) + 1)
			if got, err := material.ParsePublicKey(s, bad); got != nil || !errors.Is(err, material.ErrPublicKey) {
				t.Errorf("%v: %s = %v, %v, want ErrPublicKey", s, tc.name, got, err)
			}
		}
		// The negative of a point is a point.
		good := append(bytes.Clone(prefix), join(4, x, new(big.Int).Sub(p, y))...)
		if _, err := material.ParsePublicKey(s, good); err != nil {
			t.Errorf("%v: negative: %v", s, err)
		}
	}
}

func TestPublicKeyEncodingsThatAreNotDER(t *testing.T) {
	der := sharedPairs[material.ECP256]().Public().DER()
	long := append([]byte{0x30, 0x81, der[1]}, der[2:]...)
	indefinite := append(append([]byte{0x30, 0x80}, der[2:]...), 0, 0)
	unused := bytes.Clone(der)
	unused[25] = 1 // one unused bit
	wrongParameters := bytes.Replace(der, fromHex(t, "06082a8648ce3d030107"), fromHex(t, "06082a8648ce3d030108"), 1)
	for name, bad := range map[string][]byte{"long length": long, "indefinite length": indefinite, "unused bits": unused, "curve": wrongParameters} {
		if bytes.Equal(bad, der) {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := material.ParsePublicKey(material.ECP256, bad); !errors.Is(err, material.ErrPublicKey) {
			t.Errorf("%s: %v, want ErrPublicKey", name, err)
		}
	}
}

func TestPublicKeyRSAParameters(t *testing.T) {
	n := func() *big.Int {
		key, err := x509.ParsePKIXPublicKey(sharedPairs[material.RSA2048]().Public().DER())
		if err != nil {
			t.Fatal(err)
		}
		return key.(*rsa.PublicKey).N
	}()
	large := int64(1)<<31 + 1 // a variable, as it is no int everywhere
	for _, tc := range []struct {
		name string
		key  rsa.PublicKey
		ok   bool
	}{
		{"e=3", rsa.PublicKey{N: n, E: 3}, true},
		{"e=2^31-1", rsa.PublicKey{N: n, E: 1<<31 - 1}, true},
		{"e=1", rsa.PublicKey{N: n, E: 1}, false},
		{"e=2", rsa.PublicKey{N: n, E: 2}, false},
		{"e=65536", rsa.PublicKey{N: n, E: 65536}, false},
		{"e=2^31+1", rsa.PublicKey{N: n, E: int(large)}, false},
		{"even modulus", rsa.PublicKey{N: new(big.Int).Sub(n, big.NewInt(1)), E: 65537}, false},
		{"2047 bits", rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Rsh(n, 1), 0, 1), E: 65537}, false},
		{"2049 bits", rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(n, 1), 0, 1), E: 65537}, false},
	} {
		der, err := x509.MarshalPKIXPublicKey(&tc.key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := material.ParsePublicKey(material.RSA2048, der)
		if !tc.ok {
			if public != nil || !errors.Is(err, material.ErrPublicKey) {
				t.Errorf("%s = %v, %v, want ErrPublicKey", tc.name, public, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if _, err := public.Wrap(material.OAEPSHA256, digest); err != nil {
			t.Errorf("%s: Wrap: %v", tc.name, err)
		}
	}
}
