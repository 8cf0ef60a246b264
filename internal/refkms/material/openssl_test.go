package material_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

// An opensslDir is a folder in which openssl commands run and find their files.
type opensslDir struct {
	t   *testing.T
	dir string
}

// newOpenSSL skips the test where there is no openssl command, and where the one that is there does not know the spec:
// LibreSSL and OpenSSL before 1.1.1 lack SM2, some distributions leave out secp256k1.
func newOpenSSL(t *testing.T, k *material.KeyPair) *opensslDir {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is missing: not cross-checked")
	}
	o := &opensslDir{t, t.TempDir()}
	o.write("public.pem", []byte(k.Public().PEM()))
	o.write("private.pem", privatePEM(t, k))
	if out, err := o.run("pkey", "-in", "private.pem", "-noout"); err != nil {
		t.Skipf("openssl does not know %v: not cross-checked: %v: %s", k.Spec(), err, out)
	}
	return o
}

func (o *opensslDir) write(name string, b []byte) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), b, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *opensslDir) read(name string) []byte {
	o.t.Helper()
	b, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

func (o *opensslDir) run(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(o.t.Context(), "openssl", args...)
	cmd.Dir = o.dir
	return cmd.CombinedOutput()
}

func (o *opensslDir) must(args ...string) {
	o.t.Helper()
	if out, err := o.run(args...); err != nil {
		o.t.Fatalf("openssl %q: %v: %s", args, err, out)
	}
}

// privatePEM is the private key as openssl reads it: RSAPrivateKey, or the ECPrivateKey of RFC 5915.
func privatePEM(t *testing.T, k *material.KeyPair) []byte {
	t.Helper()
	private, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	curve, ok := map[material.PairSpec]asn1.ObjectIdentifier{
		material.ECP256: {1, 2, 840, 10045, 3, 1, 7}, material.ECP256K: {1, 3, 132, 0, 10}, material.ECSM2: {1, 2, 156, 10197, 1, 301},
	}[k.Spec()]
	if !ok {
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: private})
	}
	point := k.Public().DER()
	point = point[len(point)-65:]
	der, err := asn1.Marshal(struct {
		Version    int
		PrivateKey []byte
		Curve      asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
		PublicKey  asn1.BitString        `asn1:"explicit,tag:1"`
	}{1, private, curve, asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// opensslOptions are what makes pkeyutl do exactly what an algorithm is.
var opensslOptions = map[material.Algorithm][]string{
	material.RSAPSSSHA256: {"-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:32",
		"-pkeyopt", "rsa_mgf1_md:sha256"},
	material.RSAPKCS1SHA256: {"-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:pkcs1"},
	material.ECDSASHA256:    {"-pkeyopt", "digest:sha256"},
	material.SM2DSA:         {"-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"},
	material.OAEPSHA256:     {"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256"},
	material.OAEPSHA1:       {"-pkeyopt", "rsa_padding_mode:oaep"}, // SHA-1 in both places is openssl's default
	material.PKCS1v15:       {"-pkeyopt", "rsa_padding_mode:pkcs1"},
	material.SM2PKE:         nil,
}

// signingInput returns what openssl signs and what the service signs of one message: the same digest, but for SM2, where
// openssl takes the message and hashes it with Z_A before it.
func signingInput(k *material.KeyPair, a material.Algorithm) (forOpenSSL, digest []byte) {
	message := []byte("message digest")
	if a != material.SM2DSA {
		d := sha256.Sum256(message)
		return d[:], d[:]
	}
	der := k.Public().DER()
	h := sm3.New()
	h.Write([]byte{0, 0x80})
	h.Write([]byte("1234567812345678"))
	for _, c := range []string{ // a, b, xG, yG
		"fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc", "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93",
		"32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7", "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
	} {
		n, _ := new(big.Int).SetString(c, 16)
		h.Write(n.FillBytes(make([]byte, 32)))
	}
	h.Write(der[len(der)-64:])
	e := sm3.Sum(append(h.Sum(nil), message...))
	return message, e[:]
}

func TestOpenSSLReadsOurPublicKeys(t *testing.T) {
	for _, s := range allPairSpecs {
		t.Run(s.String(), func(t *testing.T) {
			k := sharedPairs[s]()
			o := newOpenSSL(t, k)
			o.must("pkey", "-pubin", "-in", "public.pem", "-pubout", "-outform", "DER", "-out", "read.der")
			if got := o.read("read.der"); !bytes.Equal(got, k.Public().DER()) {
				t.Errorf("openssl read %x, want %x", got, k.Public().DER())
			}
			o.must("pkey", "-in", "private.pem", "-pubout", "-outform", "DER", "-out", "derived.der")
			if got := o.read("derived.der"); !bytes.Equal(got, k.Public().DER()) {
				t.Errorf("openssl derived %x, want %x", got, k.Public().DER())
			}
		})
	}
}

func TestOpenSSLSignatures(t *testing.T) {
	forEachAlgorithm(t, material.SignVerify, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		o := newOpenSSL(t, k)
		input, digest := signingInput(k, a)
		o.write("input", input)

		ours, err := k.Sign(a, digest)
		if err != nil {
			t.Fatal(err)
		}
		o.write("ours.sig", ours)
		verify := append([]string{"pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-in", "input", "-sigfile", "ours.sig"}, opensslOptions[a]...)
		o.must(verify...)
		ours[len(ours)-1] ^= 1
		o.write("ours.sig", ours)
		if out, err := o.run(verify...); err == nil {
			t.Errorf("openssl verifies a damaged signature: %s", out)
		}

		o.must(append([]string{"pkeyutl", "-sign", "-inkey", "private.pem", "-in", "input", "-out", "theirs.sig"}, opensslOptions[a]...)...)
		if ok, err := k.Public().Verify(a, digest, o.read("theirs.sig")); !ok || err != nil {
			t.Errorf("Verify of openssl's signature = %v, %v", ok, err)
		}
	})
}

// sm2ASN1 is the form of SM2 ciphertexts that openssl has (GM/T 0009).
type sm2ASN1 struct {
	X, Y   *big.Int
	C3, C2 []byte
}

func TestOpenSSLCiphertexts(t *testing.T) {
	check := func(t *testing.T, k *material.KeyPair, a material.Algorithm, encrypt func(plaintext []byte) ([]byte, error), decrypt func(ct []byte) ([]byte, error)) {
		o := newOpenSSL(t, k)
		for _, plaintext := range [][]byte{[]byte("this is plain text \r\n"), bytes.Repeat([]byte{0}, 32), bytes.Repeat([]byte{0xc3}, k.Spec().MaxPlaintext(a))} {
			ours, err := encrypt(plaintext)
			if err != nil {
				t.Fatal(err)
			}
			if a == material.SM2PKE {
				ours, err = asn1.Marshal(sm2ASN1{new(big.Int).SetBytes(ours[1:33]), new(big.Int).SetBytes(ours[33:65]), ours[65:97], ours[97:]})
				if err != nil {
					t.Fatal(err)
				}
			}
			o.write("ours", ours)
			o.must(append([]string{"pkeyutl", "-decrypt", "-inkey", "private.pem", "-in", "ours", "-out", "opened"}, opensslOptions[a]...)...)
			if got := o.read("opened"); !bytes.Equal(got, plaintext) {
				t.Errorf("openssl decrypts %x, want %x", got, plaintext)
			}

			o.write("plain", plaintext)
			o.must(append([]string{"pkeyutl", "-encrypt", "-pubin", "-inkey", "public.pem", "-in", "plain", "-out", "theirs"}, opensslOptions[a]...)...)
			theirs := o.read("theirs")
			if a == material.SM2PKE {
				var v sm2ASN1
				if _, err := asn1.Unmarshal(theirs, &v); err != nil {
					t.Fatal(err)
				}
				theirs = bytes.Join([][]byte{{4}, v.X.FillBytes(make([]byte, 32)), v.Y.FillBytes(make([]byte, 32)), v.C3, v.C2}, nil)
			}
			if got, err := decrypt(theirs); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("Decrypt of openssl's ciphertext = %x, %v, want %x", got, err, plaintext)
			}
		}
	}
	forEachAlgorithm(t, material.EncryptDecrypt, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		check(t, k, a,
			func(p []byte) ([]byte, error) { return k.Public().Encrypt(a, p) },
			func(ct []byte) ([]byte, error) { return k.Decrypt(a, ct) })
	})
	t.Run("import by PKCS #1 v1.5", func(t *testing.T) {
		k := sharedPairs[material.RSA2048]()
		size := 0
		check(t, k, material.PKCS1v15,
			func(p []byte) ([]byte, error) { size = len(p); return k.Public().Wrap(material.PKCS1v15, p) },
			func(ct []byte) ([]byte, error) { return k.Unwrap(material.PKCS1v15, ct, size) })
	})
}
