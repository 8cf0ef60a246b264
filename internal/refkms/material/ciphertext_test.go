//lint:file-ignore SA1019 ciphertexts that no library makes are made by the arithmetic of the curve

package material_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"hash"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func rsaPublicKey(t testing.TB, k *material.KeyPair) *rsa.PublicKey {
	t.Helper()
	key, err := x509.ParsePKIXPublicKey(k.Public().DER())
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

// rawRSA encrypts an encoded message of the modulus's length as it is.
func rawRSA(t testing.TB, key *rsa.PublicKey, em []byte) []byte {
	t.Helper()
	m := new(big.Int).SetBytes(em)
	if m.Cmp(key.N) >= 0 {
		t.Fatal("encoded message is not below the modulus")
	}
	return m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
}

// mgf1 is RFC 8017, Appendix B.2.1.
func mgf1(h hash.Hash, seed []byte, n int) []byte {
	var out []byte
	for i := uint32(0); len(out) < n; i++ {
		h.Reset()
		h.Write(binary.BigEndian.AppendUint32(bytes.Clone(seed), i))
		out = h.Sum(out)
	}
	return out[:n]
}

// oaepParts are what an OAEP encoding (RFC 8017, Section 7.1.1) is made of, each to be damaged alone.
type oaepParts struct {
	first     byte
	label     []byte
	padding   []byte // PS, after lHash
	separator byte
	message   []byte
	mask      hash.Hash
}

func (p *oaepParts) encode(h hash.Hash, k int) []byte {
	h.Reset()
	h.Write(p.label)
	db := append(h.Sum(nil), p.padding...)
	if p.separator != 0 {
		db = append(db, p.separator)
	}
	db = append(db, p.message...)
	db = append(db, make([]byte, k-1-h.Size()-len(db))...)
	seed := bytes.Repeat([]byte{0x77}, h.Size())
	masked := make([]byte, len(db))
	subtle.XORBytes(masked, db, mgf1(p.mask, seed, len(db)))
	maskedSeed := make([]byte, len(seed))
	subtle.XORBytes(maskedSeed, seed, mgf1(p.mask, masked, len(seed)))
	return append(append([]byte{p.first}, maskedSeed...), masked...)
}

func TestOAEPEncodings(t *testing.T) {
	k := sharedPairs[material.RSA2048]()
	key := rsaPublicKey(t, k)
	for a, newHash := range map[material.Algorithm]func() hash.Hash{material.OAEPSHA256: sha256.New, material.OAEPSHA1: sha1.New} {
		h := newHash()
		room := key.Size() - 2*h.Size() - 2
		parts := func(change func(*oaepParts)) *oaepParts {
			p := &oaepParts{padding: make([]byte, room-5), separator: 1, message: []byte("hello"), mask: newHash()}
			change(p)
			return p
		}
		otherHash := sha1.New()
		if a == material.OAEPSHA1 {
			otherHash = sha256.New()
		}
		for _, tc := range []struct {
			name  string
			parts *oaepParts
			want  string
			ok    bool
		}{
			{"correct", parts(func(*oaepParts) {}), "hello", true},
			{"empty message", parts(func(p *oaepParts) { p.padding, p.message = make([]byte, room), nil }), "", true},
			{"longest message", parts(func(p *oaepParts) { p.padding, p.message = nil, bytes.Repeat([]byte{9}, room) }), string(bytes.Repeat([]byte{9}, room)), true},
			{"message begins with 01", parts(func(p *oaepParts) { p.message = []byte("\x01\x01lo!") }), "\x01\x01lo!", true},
			{"message begins with 00", parts(func(p *oaepParts) { p.message = []byte("\x00\x00\x00lo") }), "\x00\x00\x00lo", true},
			{"first byte 01", parts(func(p *oaepParts) { p.first = 1 }), "", false},
			{"a label", parts(func(p *oaepParts) { p.label = []byte("label") }), "", false},
			{"a label of one zero", parts(func(p *oaepParts) { p.label = []byte{0} }), "", false},
			{"MGF1 with another hash", parts(func(p *oaepParts) { p.mask = otherHash }), "", false},
			{"no separator", parts(func(p *oaepParts) { p.separator, p.padding, p.message = 0, nil, nil }), "", false},
			{"separator 02", parts(func(p *oaepParts) { p.separator = 2 }), "", false},
			{"separator ff", parts(func(p *oaepParts) { p.separator = 0xff }), "", false},
			{"padding not zero", parts(func(p *oaepParts) { p.padding[len(p.padding)-1] = 0x80 }), "", false},
			{"padding begins with ff", parts(func(p *oaepParts) { p.padding[0] = 0xff }), "", false},
		} {
			ct := rawRSA(t, key, tc.parts.encode(newHash(), key.Size()))
			got, err := k.Decrypt(a, ct)
			if tc.ok {
				if err != nil || string(got) != tc.want {
					t.Errorf("%v: Decrypt(%s) = %q, %v, want %q", a, tc.name, got, err, tc.want)
				}
			} else if got != nil || err != material.ErrCiphertext {
				t.Errorf("%v: Decrypt(%s) = %q, %v, want ErrCiphertext", a, tc.name, got, err)
			}
		}
	}
}

func TestRSACiphertextNumbers(t *testing.T) {
	for _, spec := range []material.PairSpec{material.RSA2048, material.RSA3072} {
		k := sharedPairs[spec]()
		key := rsaPublicKey(t, k)
		size := key.Size()
		good, err := k.Public().Encrypt(material.OAEPSHA256, []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		one := big.NewInt(1)
		limit := new(big.Int).Lsh(one, uint(8*size))
		for name, n := range map[string]*big.Int{
			"0": new(big.Int), "1": one, "N-1": new(big.Int).Sub(key.N, one), "N": key.N, "N+1": new(big.Int).Add(key.N, one),
			"all ones": new(big.Int).Sub(limit, one),
			"c + N":    new(big.Int).Add(new(big.Int).SetBytes(good), key.N),
		} {
			if n.Cmp(limit) >= 0 {
				continue // c + N happens not to fit
			}
			if got, err := k.Decrypt(material.OAEPSHA256, n.FillBytes(make([]byte, size))); got != nil || err != material.ErrCiphertext {
				t.Errorf("%v: Decrypt(%s) = %q, %v, want ErrCiphertext", spec, name, got, err)
			}
		}
		// A ciphertext that begins with zero has that zero.
		for i := 0; ; i++ {
			ct, err := k.Public().Encrypt(material.OAEPSHA256, []byte("hello"))
			if err != nil {
				t.Fatal(err)
			}
			if ct[0] != 0 {
				continue
			}
			if got, err := k.Decrypt(material.OAEPSHA256, ct); err != nil || string(got) != "hello" {
				t.Errorf("%v: Decrypt with a leading zero = %q, %v", spec, got, err)
			}
			if got, err := k.Decrypt(material.OAEPSHA256, ct[1:]); got != nil || err != material.ErrCiphertext {
				t.Errorf("%v: Decrypt without the leading zero = %q, %v, want ErrCiphertext", spec, got, err)
			}
			break
		}
	}
}

func TestPKCS1v15Encodings(t *testing.T) {
	k := sharedPairs[material.RSA2048]()
	key := rsaPublicKey(t, k)
	secret := bytes.Repeat([]byte{0x42}, 32)
	encode := func(first, kind byte, padding int, fill byte, separator []byte) []byte {
		em := append([]byte{first, kind}, bytes.Repeat([]byte{fill}, padding)...)
		return append(append(em, separator...), secret...)
	}
	full := key.Size() - 3 - len(secret)
	short := func(n int) []byte { // a message so long that n bytes are left to pad
		em := append([]byte{0, 2}, bytes.Repeat([]byte{9}, n)...)
		return append(append(em, 0), bytes.Repeat([]byte{0x42}, key.Size()-3-n)...)
	}
	for _, tc := range []struct {
		name string
		em   []byte
		size int
		ok   bool
	}{
		{"correct", encode(0, 2, full, 9, []byte{0}), 32, true},
		{"8 bytes of padding", short(8), key.Size() - 11, true},
		{"7 bytes of padding", short(7), key.Size() - 10, false},
		{"no padding", short(0), key.Size() - 3, false},
		{"first byte 01", encode(1, 2, full, 9, []byte{0}), 32, false},
		{"type 00", encode(0, 0, full, 9, []byte{0}), 32, false},
		{"type 01, a signature's", encode(0, 1, full, 0xff, []byte{0}), 32, false},
		{"no separator", encode(0, 2, full+1, 9, nil), 32, false},
		{"zero inside the padding", encode(0, 2, 20, 9, append([]byte{0}, bytes.Repeat([]byte{9}, full-20)...)), 32, false},
		{"nothing but zeros", make([]byte, key.Size()), 32, false},
	} {
		got, err := k.Unwrap(material.PKCS1v15, rawRSA(t, key, tc.em), tc.size)
		if tc.ok {
			if err != nil || !bytes.Equal(got, tc.em[len(tc.em)-tc.size:]) {
				t.Errorf("Unwrap(%s) = %x, %v", tc.name, got, err)
			}
		} else if got != nil || err != material.ErrCiphertext {
			t.Errorf("Unwrap(%s) = %x, %v, want ErrCiphertext", tc.name, got, err)
		}
	}
}

func TestPSSSaltLengths(t *testing.T) {
	k := sharedPairs[material.RSA2048]()
	private, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{rsa.PSSSaltLengthAuto, 1, 20, 31, 32, 33, 64, 222} {
		sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest, &rsa.PSSOptions{SaltLength: n})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := k.Public().Verify(material.RSAPSSSHA256, digest, sig); ok != (n == 32) || err != nil {
			t.Errorf("Verify with a salt of %d bytes = %v, %v, want %v", n, ok, err, n == 32)
		}
		if ok, err := k.Public().Verify(material.RSAPKCS1SHA256, digest, sig); ok || err != nil {
			t.Errorf("Verify of PSS as PKCS #1 = %v, %v, want false", ok, err)
		}
	}
}

// sm2Ciphertext encrypts by the curve alone (GB/T 32918.4, Section 6.1), with the scalar n.
func sm2Ciphertext(k *material.KeyPair, n int64, plaintext []byte) []byte {
	der := k.Public().DER()
	px, py := new(big.Int).SetBytes(der[len(der)-64:len(der)-32]), new(big.Int).SetBytes(der[len(der)-32:])
	curve := sm2.P256()
	scalar := big.NewInt(n).FillBytes(make([]byte, 32))
	x1, y1 := curve.ScalarBaseMult(scalar)
	x2, y2 := curve.ScalarMult(px, py, scalar)
	coordinate := func(v *big.Int) []byte { return v.FillBytes(make([]byte, 32)) }
	mask := sm3.Kdf(append(coordinate(x2), coordinate(y2)...), len(plaintext))
	c3 := sm3.Sum(bytes.Join([][]byte{coordinate(x2), plaintext, coordinate(y2)}, nil))
	c2 := make([]byte, len(plaintext))
	subtle.XORBytes(c2, plaintext, mask)
	return bytes.Join([][]byte{{4}, coordinate(x1), coordinate(y1), c3[:], c2}, nil)
}

// A ciphertext whose C2 is all zeros is one in 256 for a single byte, and must decrypt; a mask of all zeros is no mask.
func TestSM2ZeroCiphertext(t *testing.T) {
	k := sharedPairs[material.ECSM2]()
	zeroC2, zeroMask := 0, 0
	for n := int64(1); zeroC2 < 2 || zeroMask < 1; n++ {
		plaintext := []byte{7}
		ct := sm2Ciphertext(k, n, plaintext)
		if ct[97] == 7 { // the mask is zero: not to be sent, and not looked at unless C2 is zero as well
			zeroMask++
			plaintext = []byte{0}
			ct = sm2Ciphertext(k, n, plaintext)
			if got, err := k.Decrypt(material.SM2PKE, ct); got != nil || err != material.ErrCiphertext {
				t.Errorf("Decrypt of a zero under a zero mask = %x, %v, want ErrCiphertext", got, err)
			}
			continue
		}
		if ct[97] != 0 {
			continue
		}
		zeroC2++
		if got, err := k.Decrypt(material.SM2PKE, ct); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("Decrypt = %x, %v, want %x", got, err, plaintext)
		}
		for i := range 97 {
			bad := bytes.Clone(ct)
			bad[i] ^= 1
			if got, err := k.Decrypt(material.SM2PKE, bad); got != nil || err != material.ErrCiphertext {
				t.Errorf("Decrypt with byte %d flipped = %x, %v, want ErrCiphertext", i, got, err)
			}
		}
	}
}

// Masks of all zeros turn up in one attempt of 256 for a single byte: every ciphertext must decrypt all the same.
func TestSM2SingleBytes(t *testing.T) {
	k := sharedPairs[material.ECSM2]()
	for i := range 2000 {
		ct, err := k.Public().Encrypt(material.SM2PKE, []byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Decrypt(material.SM2PKE, ct); err != nil || !bytes.Equal(got, []byte{byte(i)}) {
			t.Fatalf("Decrypt = %x, %v, want %02x, ciphertext %x", got, err, byte(i), ct)
		}
		if ct[97] == byte(i) {
			t.Fatalf("ciphertext %x has its plaintext in the clear", ct)
		}
	}
}

func TestSM2CiphertextForms(t *testing.T) {
	k := sharedPairs[material.ECSM2]()
	plaintext := []byte("encryption standard")
	good := sm2Ciphertext(k, 0x5eed, plaintext)
	if got, err := k.Decrypt(material.SM2PKE, good); err != nil || !bytes.Equal(got, plaintext) {
		t.Fatalf("Decrypt = %x, %v", got, err)
	}
	x, y := new(big.Int).SetBytes(good[1:33]), new(big.Int).SetBytes(good[33:65])
	encoded, err := asn1.Marshal(struct {
		X, Y   *big.Int
		C3, C2 []byte
	}{x, y, good[65:97], good[97:]})
	if err != nil {
		t.Fatal(err)
	}
	rest := good[65:]
	join := func(first byte, x, y *big.Int) []byte {
		b := append([]byte{first}, x.FillBytes(make([]byte, 32))...)
		return append(append(b, y.FillBytes(make([]byte, 32))...), rest...)
	}
	p := sm2.P256().Params().P
	ones := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for _, tc := range []struct {
		name string
		ct   []byte
	}{
		{"ASN.1", encoded},
		{"compressed", append(append([]byte{2 + byte(y.Bit(0))}, good[1:33]...), rest...)},
		{"hybrid", join(6+byte(y.Bit(0)), x, y)},
		{"without the 04", good[1:]},
		{"infinity", append([]byte{0}, good[1:]...)},
		{"point of zeros", join(4, new(big.Int), new(big.Int))},
		{"point of the prime", join(4, p, p)},
		{"point of ones", join(4, ones, ones)},
		{"x below 2^256 only", join(4, ones, y)},
		{"not on the curve", join(4, x, new(big.Int).Xor(y, big.NewInt(1)))},
		{"the negative point", join(4, x, new(big.Int).Sub(p, y))},
		{"nothing encrypted", good[:97]},
		{"cut inside C3", good[:96]},
		{"cut inside C1", good[:64]},
		{"another byte", append(bytes.Clone(good), 0)},
		{"one byte longer than the limit", append(bytes.Clone(good[:97]), make([]byte, 6048)...)},
		{"C2 of zeros, point not on the curve", append(join(4, x, x)[:97], make([]byte, 4)...)},
		{"C2 of zeros, point of the prime", append(join(4, p, p)[:97], make([]byte, 4)...)},
	} {
		if got, err := k.Decrypt(material.SM2PKE, tc.ct); got != nil || err != material.ErrCiphertext {
			t.Errorf("Decrypt(%s) = %x, %v, want ErrCiphertext", tc.name, got, err)
		}
	}
}
