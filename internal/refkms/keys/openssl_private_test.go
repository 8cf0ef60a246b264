package keys_test

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// privatePEM returns the private key of a version as openssl reads it, RSAPrivateKey or the ECPrivateKey of RFC 5915: no
// operation tells it, so it is taken out of the store.
func (w *world) privatePEM(spec, version string) []byte {
	w.t.Helper()
	var private []byte
	if err := w.store.View(func(tx state.Tx) error {
		private = bytes.Clone(state.Versions.Get(tx, w.scope, version).Material.Bytes())
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	curve, ok := map[string]asn1.ObjectIdentifier{
		"EC_P256": {1, 2, 840, 10045, 3, 1, 7}, "EC_P256K": {1, 3, 132, 0, 10}, "EC_SM2": {1, 2, 156, 10197, 1, 301},
	}[spec]
	if !ok {
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: private})
	}
	pairSpec, _ := material.ParsePairSpec(spec)
	pair, err := material.ParsePair(pairSpec, private)
	if err != nil {
		w.t.Fatal(err)
	}
	public := pair.Public().DER()
	der, err := asn1.Marshal(struct {
		Version    int
		PrivateKey []byte
		Curve      asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
		PublicKey  asn1.BitString        `asn1:"explicit,tag:1"`
	}{1, private, curve, asn1.BitString{Bytes: public[len(public)-65:], BitLength: 8 * 65}})
	if err != nil {
		w.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func TestOpenSSLSignsForUs(t *testing.T) {
	for _, tt := range []struct{ spec, algorithm string }{
		{"RSA_2048", "RSA_PSS_SHA_256"}, {"RSA_2048", "RSA_PKCS1_SHA_256"}, {"RSA_3072", "RSA_PSS_SHA_256"}, {"RSA_4096", "RSA_PKCS1_SHA_256"},
		{"EC_P256", "ECDSA_SHA_256"}, {"EC_P256K", "ECDSA_SHA_256"}, {"EC_SM2", "SM2DSA"},
	} {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			o, w := newOpenSSL(t, curveOf[tt.spec]), newWorld(t, keys.Options{})
			key, version := w.pair(tt.spec, "SIGN/VERIFY")
			o.write("private.pem", w.privatePEM(tt.spec, version))
			signed, input := digest, digest
			if tt.algorithm == "SM2DSA" { // openssl takes the message
				input = []byte("message digest")
				signed = sm2Digest(t, w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version).str("PublicKey"), input)
			}
			o.write("in", input)
			o.pkeyutl("-sign", tt.algorithm, "-inkey", "private.pem")
			params := []string{"KeyId", key, "KeyVersionId", version, "Algorithm", tt.algorithm, "Digest", b64(signed), "Value", b64(o.read("out"))}
			if got := w.ok("AsymmetricVerify", params...).at("Value"); got != true {
				t.Errorf("AsymmetricVerify of openssl's signature = %v", got)
			}
		})
	}
	// A salt of any other length than the digest's is none of ours.
	t.Run("RSA_2048/RSA_PSS_SHA_256/salt", func(t *testing.T) {
		o, w := newOpenSSL(t, ""), newWorld(t, keys.Options{})
		key, version := w.pair("RSA_2048", "SIGN/VERIFY")
		o.write("private.pem", w.privatePEM("RSA_2048", version))
		o.write("in", digest)
		for _, size := range []string{"0", "20", "31", "33", "max"} {
			o.run("pkeyutl", "-sign", "-in", "in", "-out", "out", "-inkey", "private.pem", "-pkeyopt", "digest:sha256",
				"-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:"+size)
			params := []string{"KeyId", key, "KeyVersionId", version, "Algorithm", "RSA_PSS_SHA_256", "Digest", b64(digest), "Value", b64(o.read("out"))}
			if got := w.ok("AsymmetricVerify", params...).at("Value"); got != false {
				t.Errorf("AsymmetricVerify with a salt of %s bytes = %v", size, got)
			}
		}
	})
}

func TestOpenSSLDecryptsOurs(t *testing.T) {
	for _, tt := range encrypting {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			o, w := newOpenSSL(t, curveOf[tt.spec]), newWorld(t, keys.Options{})
			key, version := w.pair(tt.spec, "ENCRYPT/DECRYPT")
			o.write("private.pem", w.privatePEM(tt.spec, version))
			for _, n := range []int{32, tt.longest} {
				blob := w.ok("AsymmetricEncrypt", "KeyId", key, "KeyVersionId", version, "Algorithm", tt.algorithm, "Plaintext", b64(bytesOf(n))).str("CiphertextBlob")
				ciphertext := unb64(t, blob)
				if tt.algorithm == "SM2PKE" {
					ciphertext = sm2ToDER(t, ciphertext)
				}
				o.write("in", ciphertext)
				o.pkeyutl("-decrypt", tt.algorithm, "-inkey", "private.pem")
				if got := o.read("out"); !bytes.Equal(got, bytesOf(n)) {
					t.Errorf("openssl decrypts %d bytes to %d others", n, len(got))
				}
			}
		})
	}
}

// A ciphertext under imported material is that of counter mode from the nonce and 2 on, which is GCM's (NIST SP 800-38D,
// Section 7.1). The command has no GCM. The key of SM4 is that of the standard's example.
func TestOpenSSLReadsBlobs(t *testing.T) {
	sm4Key, err := hex.DecodeString("0123456789abcdeffedcba9876543210")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		spec, cipher string
		key          []byte
	}{{"Aliyun_AES_256", "-aes-256-ctr", aesMaterial}, {"Aliyun_SM4", "-sm4-ctr", sm4Key}} {
		t.Run(tt.spec, func(t *testing.T) {
			o, w := newOpenSSL(t, ""), newWorld(t, keys.Options{})
			if out, err := o.try("enc", "-ciphers"); err != nil || !bytes.Contains(out, []byte(tt.cipher)) {
				t.Skipf("openssl has no %s: not cross-checked", tt.cipher)
			}
			key := w.key("Origin", "EXTERNAL", "KeySpec", tt.spec, "ProtectionLevel", "HSM")
			w.ok("ImportKeyMaterial", w.sm2Parcel(key).params(tt.key)...)
			plaintext := "a text of more than one block and less than three"
			blob := unb64(t, w.ok("Encrypt", "KeyId", key, "Plaintext", plaintext, "EncryptionContext", `{"a":"b"}`).str("CiphertextBlob"))
			o.write("in", blob[48:len(blob)-16])
			o.run("enc", "-d", tt.cipher, "-in", "in", "-out", "out", "-K", hex.EncodeToString(tt.key), "-iv", hex.EncodeToString(blob[36:48])+"00000002")
			if got := string(o.read("out")); got != plaintext {
				t.Errorf("openssl decrypts to %q", got)
			}
		})
	}
}
