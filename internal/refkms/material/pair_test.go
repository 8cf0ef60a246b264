package material_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

// digest is what most tests sign.
var digest = func() []byte { d := sha256.Sum256([]byte("message digest")); return d[:] }()

// sharedPairs holds a pair of each spec for the tests that need any one, made on first use: RSA_4096 takes a second.
var sharedPairs = func() map[material.PairSpec]func() *material.KeyPair {
	m := map[material.PairSpec]func() *material.KeyPair{}
	for _, s := range allPairSpecs {
		m[s] = sync.OnceValue(func() *material.KeyPair {
			k, err := material.GeneratePair(s)
			if err != nil {
				panic(err)
			}
			return k
		})
	}
	return m
}()

// forEachAlgorithm runs f for each spec and algorithm that the table has for the use.
func forEachAlgorithm(t *testing.T, u material.Use, f func(t *testing.T, k *material.KeyPair, a material.Algorithm)) {
	t.Helper()
	n := 0
	for _, s := range allPairSpecs {
		for _, a := range s.Algorithms(u) {
			n++
			t.Run(fmt.Sprintf("%v/%v", s, a), func(t *testing.T) { f(t, sharedPairs[s](), a) })
		}
	}
	if n == 0 {
		t.Fatalf("no algorithm for %v", u)
	}
}

func TestSignVerify(t *testing.T) {
	forEachAlgorithm(t, material.SignVerify, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		sig, err := k.Sign(a, digest)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := k.Public().Verify(a, digest, sig); !ok || err != nil {
			t.Fatalf("Verify = %v, %v", ok, err)
		}
		other := bytes.Clone(digest)
		other[31] ^= 1
		if ok, err := k.Public().Verify(a, other, sig); ok || err != nil {
			t.Errorf("Verify of another digest = %v, %v, want false, nil", ok, err)
		}
		for i := range sig {
			bad := bytes.Clone(sig)
			bad[i] ^= 1
			if ok, err := k.Public().Verify(a, digest, bad); ok || err != nil {
				t.Errorf("Verify with byte %d flipped = %v, %v, want false, nil", i, ok, err)
			}
		}
		for n := range sig {
			if ok, err := k.Public().Verify(a, digest, sig[:n]); ok || err != nil {
				t.Errorf("Verify of %d bytes = %v, %v, want false, nil", n, ok, err)
			}
		}
		if ok, err := k.Public().Verify(a, digest, append(bytes.Clone(sig), 0)); ok || err != nil {
			t.Errorf("Verify with a byte more = %v, %v, want false, nil", ok, err)
		}
		if ok, err := k.Public().Verify(a, digest, append([]byte{0}, sig...)); ok || err != nil {
			t.Errorf("Verify with a zero before = %v, %v, want false, nil", ok, err)
		}
		if k.Spec() == material.RSA3072 || k.Spec() == material.RSA4096 {
			return // RSA_2048 stands for them: another pair takes too long
		}
		fresh, err := material.GeneratePair(k.Spec())
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := fresh.Public().Verify(a, digest, sig); ok || err != nil {
			t.Errorf("Verify under another key = %v, %v, want false, nil", ok, err)
		}
	})
}

func TestEncryptDecrypt(t *testing.T) {
	forEachAlgorithm(t, material.EncryptDecrypt, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		limit := k.Spec().MaxPlaintext(a)
		for _, n := range []int{1, 2, 31, 32, 33, 100, limit - 1, limit} {
			plaintext := bytes.Repeat([]byte{byte(n)}, n)
			ct, err := k.Public().Encrypt(a, plaintext)
			if err != nil {
				t.Fatalf("Encrypt of %d bytes: %v", n, err)
			}
			if want := k.Spec().CiphertextSize(a, n); len(ct) != want {
				t.Errorf("ciphertext of %d bytes has %d, want %d", n, len(ct), want)
			}
			got, err := k.Decrypt(a, ct)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("Decrypt of %d bytes = %x, %v", n, got, err)
			}
			again, err := k.Public().Encrypt(a, plaintext)
			if err != nil || bytes.Equal(again, ct) {
				t.Errorf("Encrypt twice gave the same ciphertext (%v)", err)
			}
		}
		for _, n := range []int{0, limit + 1, 2 * limit} {
			if ct, err := k.Public().Encrypt(a, make([]byte, n)); ct != nil || !errors.Is(err, material.ErrPlaintextSize) {
				t.Errorf("Encrypt of %d bytes = %x, %v, want ErrPlaintextSize", n, ct, err)
			}
		}
		ct, err := k.Public().Encrypt(a, []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		step := 1
		if a != material.SM2PKE {
			step = 61 // RSA is slow, and its padding knows no positions
		}
		for i := 0; i < len(ct); i += step {
			bad := bytes.Clone(ct)
			bad[i] ^= 0x40
			if got, err := k.Decrypt(a, bad); got != nil || err != material.ErrCiphertext {
				t.Errorf("Decrypt with byte %d flipped = %x, %v, want ErrCiphertext", i, got, err)
			}
		}
		for _, bad := range [][]byte{nil, {}, ct[1:], ct[:len(ct)-1], append(bytes.Clone(ct), 0), append([]byte{0}, ct...), make([]byte, 1<<16)} {
			if got, err := k.Decrypt(a, bad); got != nil || err != material.ErrCiphertext {
				t.Errorf("Decrypt of %d bytes = %x, %v, want ErrCiphertext", len(bad), got, err)
			}
		}
	})
}

func TestAlgorithmOfAnotherSpecOrUse(t *testing.T) {
	valid := func(s material.PairSpec, u material.Use, a material.Algorithm) bool {
		_, ok := s.Algorithm(u, a.String())
		return ok
	}
	for _, s := range allPairSpecs {
		k := sharedPairs[s]()
		for _, a := range append(allAlgorithms, 0, 99) {
			if !valid(s, material.SignVerify, a) {
				if sig, err := k.Sign(a, digest); sig != nil || !errors.Is(err, material.ErrAlgorithm) {
					t.Errorf("%v.Sign(%v) = %x, %v, want ErrAlgorithm", s, a, sig, err)
				}
				if ok, err := k.Public().Verify(a, digest, nil); ok || !errors.Is(err, material.ErrAlgorithm) {
					t.Errorf("%v.Verify(%v) = %v, %v, want ErrAlgorithm", s, a, ok, err)
				}
			}
			if !valid(s, material.EncryptDecrypt, a) {
				if ct, err := k.Public().Encrypt(a, digest); ct != nil || !errors.Is(err, material.ErrAlgorithm) {
					t.Errorf("%v.Encrypt(%v) = %x, %v, want ErrAlgorithm", s, a, ct, err)
				}
				if pt, err := k.Decrypt(a, make([]byte, 256)); pt != nil || !errors.Is(err, material.ErrAlgorithm) {
					t.Errorf("%v.Decrypt(%v) = %x, %v, want ErrAlgorithm", s, a, pt, err)
				}
			}
			if !valid(s, material.Import, a) {
				if pt, err := k.Unwrap(a, make([]byte, 256), 32); pt != nil || !errors.Is(err, material.ErrAlgorithm) {
					t.Errorf("%v.Unwrap(%v) = %x, %v, want ErrAlgorithm", s, a, pt, err)
				}
				if !valid(s, material.Export, a) {
					if ct, err := k.Public().Wrap(a, digest); ct != nil || !errors.Is(err, material.ErrAlgorithm) {
						t.Errorf("%v.Wrap(%v) = %x, %v, want ErrAlgorithm", s, a, ct, err)
					}
				}
			}
		}
	}
}

func TestDigestOfAnotherSize(t *testing.T) {
	forEachAlgorithm(t, material.SignVerify, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		for _, n := range []int{0, 20, 31, 33, 64} {
			if sig, err := k.Sign(a, make([]byte, n)); sig != nil || !errors.Is(err, material.ErrDigestSize) {
				t.Errorf("Sign of %d bytes = %x, %v, want ErrDigestSize", n, sig, err)
			}
			if ok, err := k.Public().Verify(a, make([]byte, n), nil); ok || !errors.Is(err, material.ErrDigestSize) {
				t.Errorf("Verify of %d bytes = %v, %v, want ErrDigestSize", n, ok, err)
			}
		}
	})
}

func TestMarshalPrivate(t *testing.T) {
	for _, s := range allPairSpecs {
		t.Run(s.String(), func(t *testing.T) {
			k := sharedPairs[s]()
			b, err := k.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			kept := bytes.Clone(b)
			back, err := material.ParsePair(s, b)
			if err != nil {
				t.Fatal(err)
			}
			clear(b) // the pair keeps nothing of it
			if back.Spec() != s || !bytes.Equal(back.Public().DER(), k.Public().DER()) {
				t.Errorf("ParsePair returned another key")
			}
			if again, err := back.Marshal(); err != nil || !bytes.Equal(again, kept) {
				t.Errorf("Marshal of the parsed pair differs (%v)", err)
			}
			for _, other := range allPairSpecs {
				curves := !strings.HasPrefix(s.String(), "RSA") && !strings.HasPrefix(other.String(), "RSA")
				if other == s || curves {
					continue // a scalar of 32 bytes is one on each curve
				}
				if got, err := material.ParsePair(other, kept); got != nil || !errors.Is(err, material.ErrPrivateKey) {
					t.Errorf("ParsePair(%v) of a key of %v = %v, %v, want ErrPrivateKey", other, s, got, err)
				}
			}
			for _, bad := range [][]byte{nil, {}, kept[1:], kept[:len(kept)-1], append(bytes.Clone(kept), 0), make([]byte, len(kept))} {
				if got, err := material.ParsePair(s, bad); got != nil || !errors.Is(err, material.ErrPrivateKey) {
					t.Errorf("ParsePair of %d bytes = %v, %v, want ErrPrivateKey", len(bad), got, err)
				}
			}
		})
	}
	if got, err := material.ParsePair(0, make([]byte, 32)); got != nil || !errors.Is(err, material.ErrPrivateKey) {
		t.Errorf("ParsePair(0) = %v, %v, want ErrPrivateKey", got, err)
	}
	if got, err := material.GeneratePair(0); got != nil || !errors.Is(err, material.ErrAlgorithm) {
		t.Errorf("GeneratePair(0) = %v, %v, want ErrAlgorithm", got, err)
	}
}

// The orders of the three curves: NIST SP 800-186, SEC 2, GB/T 32918.5.
var orders = map[material.PairSpec]string{
	material.ECP256:  "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
	material.ECP256K: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
	material.ECSM2:   "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
}

func order(s material.PairSpec) *big.Int {
	n, _ := new(big.Int).SetString(orders[s], 16)
	return n
}

func TestScalarsOutOfRange(t *testing.T) {
	for s := range orders {
		n := order(s)
		for _, tc := range []struct {
			name string
			d    *big.Int
			ok   bool
		}{
			{"0", big.NewInt(0), false},
			{"1", big.NewInt(1), true},
			{"n-2", new(big.Int).Sub(n, big.NewInt(2)), true},
			{"n-1", new(big.Int).Sub(n, big.NewInt(1)), s != material.ECSM2}, // SM2 divides by 1+d
			{"n", n, false},
			{"n+1", new(big.Int).Add(n, big.NewInt(1)), false},
			{"2^256-1", new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), false},
		} {
			k, err := material.ParsePair(s, tc.d.FillBytes(make([]byte, 32)))
			if tc.ok != (err == nil) || !tc.ok && !errors.Is(err, material.ErrPrivateKey) {
				t.Errorf("ParsePair(%v, %s): %v, want ok %v", s, tc.name, err, tc.ok)
				continue
			}
			if !tc.ok {
				continue
			}
			a := s.Algorithms(material.SignVerify)[0]
			sig, err := k.Sign(a, digest)
			if err != nil {
				t.Errorf("%v, %s: Sign: %v", s, tc.name, err)
			}
			if ok, err := k.Public().Verify(a, digest, sig); !ok || err != nil {
				t.Errorf("%v, %s: Verify = %v, %v", s, tc.name, ok, err)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	for _, s := range []material.PairSpec{material.RSA2048, material.ECP256, material.ECP256K, material.ECSM2} {
		k := sharedPairs[s]()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 5 {
					a := s.Algorithms(material.SignVerify)[0]
					sig, err := k.Sign(a, digest)
					if err != nil {
						t.Error(err)
					}
					if ok, err := k.Public().Verify(a, digest, sig); !ok || err != nil {
						t.Errorf("%v: Verify = %v, %v", s, ok, err)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestPairsDoNotPrint(t *testing.T) {
	type holder struct {
		Exported   *material.KeyPair
		unexported *material.KeyPair
	}
	for _, s := range []material.PairSpec{material.RSA2048, material.ECP256, material.ECP256K, material.ECSM2} {
		k := sharedPairs[s]()
		b, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		secret := b[len(b)-8:] // of the scalar, or of the last of the RSA numbers
		value := new(big.Int).SetBytes(secret)
		h := &holder{k, k}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("pair", "pair", k, "holder", h)
		slog.New(slog.NewTextHandler(&log, nil)).Info("pair", "pair", k, "holder", h)
		out := []string{log.String()}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%p", "%t", "%e"} {
			out = append(out, fmt.Sprintf(verb, k), fmt.Sprintf(verb, *h), fmt.Sprintf(verb, h), fmt.Sprintf(verb, []*holder{h}))
		}
		for _, text := range out {
			for _, form := range []string{string(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), value.String(), fmt.Sprint(secret)} {
				if strings.Contains(text, form) {
					t.Errorf("%v: printed %q", s, text)
				}
			}
		}
		if got, want := fmt.Sprint(k), s.String()+" key pair"; got != want {
			t.Errorf("Sprint = %q, want %q", got, want)
		}
	}
}
