package keys_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

// openssl is a folder in which openssl commands run and find their files: the part of the client, which has nothing but
// what the operations answer.
type openssl struct {
	t   *testing.T
	dir string
}

// newOpenSSL skips the test where there is no openssl command, and where it does not know a curve of ours.
func newOpenSSL(t *testing.T, curve string) *openssl {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is missing: not cross-checked")
	}
	o := &openssl{t, t.TempDir()}
	if curve == "" {
		return o
	}
	if out, err := o.try("ecparam", "-name", curve, "-noout"); err != nil {
		t.Skipf("openssl does not know %s: not cross-checked: %v: %s", curve, err, out)
	}
	return o
}

func (o *openssl) try(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(o.t.Context(), "openssl", args...)
	cmd.Dir = o.dir
	return cmd.CombinedOutput()
}

func (o *openssl) run(args ...string) {
	o.t.Helper()
	if out, err := o.try(args...); err != nil {
		o.t.Fatalf("openssl %q: %v: %s", args, err, out)
	}
}

func (o *openssl) write(name string, b []byte) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), b, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *openssl) read(name string) []byte {
	o.t.Helper()
	b, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

// pkeyutl has in transformed to out by the options of an algorithm.
func (o *openssl) pkeyutl(do, algorithm string, options ...string) {
	o.t.Helper()
	o.run(append(append([]string{"pkeyutl", do, "-in", "in", "-out", "out"}, options...), pkeyutlOptions[algorithm]...)...)
}

var pkeyutlOptions = map[string][]string{
	"RSA_PSS_SHA_256":    {"-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:-1"},
	"RSA_PKCS1_SHA_256":  {"-pkeyopt", "digest:sha256", "-pkeyopt", "rsa_padding_mode:pkcs1"},
	"ECDSA_SHA_256":      {"-pkeyopt", "digest:sha256"},
	"SM2DSA":             {"-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"},
	"RSAES_OAEP_SHA_256": {"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256"},
	"RSAES_OAEP_SHA_1":   {"-pkeyopt", "rsa_padding_mode:oaep"},
	"RSAES_PKCS1_V1_5":   {"-pkeyopt", "rsa_padding_mode:pkcs1"},
	"SM2PKE":             nil,
}

// curveOf is what openssl calls the curve of a spec.
var curveOf = map[string]string{"EC_P256": "prime256v1", "EC_P256K": "secp256k1", "EC_SM2": "SM2"}

// sm2Ciphertext is the form that SM2 ciphertexts have in openssl, x, y, C3, C2, which is not that of the service.
type sm2Ciphertext struct {
	X, Y   *big.Int
	C3, C2 []byte
}

func sm2ToRaw(t *testing.T, der []byte) []byte {
	t.Helper()
	var v sm2Ciphertext
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{{4}, v.X.FillBytes(make([]byte, 32)), v.Y.FillBytes(make([]byte, 32)), v.C3, v.C2}, nil)
}

func sm2ToDER(t *testing.T, raw []byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(sm2Ciphertext{new(big.Int).SetBytes(raw[1:33]), new(big.Int).SetBytes(raw[33:65]), raw[65:97], raw[97:]})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// sm2Digest returns e = SM3(Z_A || message), of the default id: what a caller of AsymmetricSign computes.
func sm2Digest(t *testing.T, publicPEM string, message []byte) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(publicPEM))
	if block == nil {
		t.Fatal("no PEM")
	}
	// ENTL, id, then a, b, xG, yG of the curve and xA, yA of the key.
	head, err := hex.DecodeString("0080" + hex.EncodeToString([]byte("1234567812345678")) +
		"fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93" +
		"32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0")
	if err != nil {
		t.Fatal(err)
	}
	z := sm3.Sum(append(head, block.Bytes[len(block.Bytes)-64:]...))
	e := sm3.Sum(append(z[:], message...))
	return e[:]
}

func TestOpenSSLVerifiesSignatures(t *testing.T) {
	for _, tt := range []struct{ spec, algorithm string }{
		{"RSA_2048", "RSA_PSS_SHA_256"}, {"RSA_3072", "RSA_PKCS1_SHA_256"}, {"RSA_4096", "RSA_PSS_SHA_256"},
		{"EC_P256", "ECDSA_SHA_256"}, {"EC_P256K", "ECDSA_SHA_256"}, {"EC_SM2", "SM2DSA"},
	} {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			o, w := newOpenSSL(t, curveOf[tt.spec]), newWorld(t, keys.Options{})
			key, version := w.pair(tt.spec, "SIGN/VERIFY")
			public := w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version).str("PublicKey")
			o.write("public.pem", []byte(public)) // as it is answered
			signed, input := digest, digest
			if tt.algorithm == "SM2DSA" { // openssl takes the message
				input = []byte("message digest")
				signed = sm2Digest(t, public, input)
			}
			value := w.ok("AsymmetricSign", "KeyId", key, "KeyVersionId", version, "Algorithm", tt.algorithm, "Digest", b64(signed)).str("Value")
			o.write("in", input)
			o.write("signature", unb64(t, value))
			o.run(append([]string{"pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-in", "in", "-sigfile", "signature"},
				pkeyutlOptions[tt.algorithm]...)...)
		})
	}
}

func TestOpenSSLEncryptsToUs(t *testing.T) {
	for _, tt := range []struct{ spec, algorithm string }{
		{"RSA_2048", "RSAES_OAEP_SHA_256"}, {"RSA_3072", "RSAES_OAEP_SHA_1"}, {"RSA_4096", "RSAES_OAEP_SHA_256"}, {"EC_SM2", "SM2PKE"},
	} {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			o, w := newOpenSSL(t, curveOf[tt.spec]), newWorld(t, keys.Options{})
			key, version := w.pair(tt.spec, "ENCRYPT/DECRYPT")
			o.write("public.pem", []byte(w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version).str("PublicKey")))
			o.write("in", []byte("this is plaintext \r\n"))
			o.pkeyutl("-encrypt", tt.algorithm, "-pubin", "-inkey", "public.pem")
			ciphertext := o.read("out")
			if tt.algorithm == "SM2PKE" {
				ciphertext = sm2ToRaw(t, ciphertext)
			}
			got := w.ok("AsymmetricDecrypt", "KeyId", key, "KeyVersionId", version, "Algorithm", tt.algorithm, "CiphertextBlob", b64(ciphertext)).str("Plaintext")
			if got != "dGhpcyBpcyBwbGFpbnRleHQgDQo=" {
				t.Errorf("AsymmetricDecrypt = %q", got)
			}
		})
	}
}

func TestOpenSSLImports(t *testing.T) {
	for _, tt := range []struct{ spec, algorithm string }{
		{"RSA_2048", "RSAES_PKCS1_V1_5"}, {"RSA_2048", "RSAES_OAEP_SHA_1"}, {"RSA_2048", "RSAES_OAEP_SHA_256"}, {"EC_SM2", "SM2PKE"},
	} {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			o, w := newOpenSSL(t, curveOf[tt.spec]), newWorld(t, keys.Options{})
			key := w.externalKey()
			d := w.ok("GetParametersForImport", "KeyId", key, "WrappingKeySpec", tt.spec, "WrappingAlgorithm", tt.algorithm)
			o.write("public.der", unb64(t, d.str("PublicKey")))
			o.write("in", aesMaterial)
			o.pkeyutl("-encrypt", tt.algorithm, "-pubin", "-keyform", "DER", "-inkey", "public.der")
			wrapped := o.read("out")
			if tt.algorithm == "SM2PKE" {
				wrapped = sm2ToRaw(t, wrapped)
			}
			w.ok("ImportKeyMaterial", "KeyId", key, "ImportToken", d.str("ImportToken"), "EncryptedKeyMaterial", b64(wrapped))
			// It is the material that went in: the same, wrapped by us, is no other.
			w.ok("ImportKeyMaterial", w.sm2Parcel(key).params(aesMaterial)...)
		})
	}
}

func TestOpenSSLTakesExports(t *testing.T) {
	for _, tt := range []struct{ spec, algorithm string }{
		{"RSA_2048", "RSAES_OAEP_SHA_256"}, {"RSA_2048", "RSAES_OAEP_SHA_1"}, {"EC_SM2", "SM2PKE"},
	} {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			o, w := newOpenSSL(t, curveOf[tt.spec]), newWorld(t, keys.Options{})
			if tt.spec == "EC_SM2" {
				o.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "private.pem")
			} else {
				o.run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "private.pem")
			}
			o.run("pkey", "-in", "private.pem", "-pubout", "-outform", "DER", "-out", "public.der")
			d := w.ok("GenerateAndExportDataKey", "KeyId", w.key(), "PublicKeyBlob", b64(o.read("public.der")),
				"WrappingKeySpec", tt.spec, "WrappingAlgorithm", tt.algorithm)
			exported := unb64(t, d.str("ExportedDataKey"))
			if tt.spec == "EC_SM2" {
				exported = sm2ToDER(t, exported)
			}
			o.write("in", exported)
			o.pkeyutl("-decrypt", tt.algorithm, "-inkey", "private.pem")
			want := w.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob")).str("Plaintext")
			if got := base64.StdEncoding.EncodeToString(o.read("out")); got != want {
				t.Error("openssl has another data key than Decrypt")
			}
		})
	}
}
