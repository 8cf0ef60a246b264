package keys_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func unb64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var digest = func() []byte { d := sha256.Sum256([]byte("message digest")); return d[:] }()

// bytesOf returns n bytes that are neither zero nor all the same.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	return b
}

var signing = []struct{ spec, algorithm string }{
	{"RSA_2048", "RSA_PSS_SHA_256"}, {"RSA_2048", "RSA_PKCS1_SHA_256"}, {"RSA_3072", "RSA_PSS_SHA_256"},
	{"RSA_4096", "RSA_PKCS1_SHA_256"}, {"EC_P256", "ECDSA_SHA_256"}, {"EC_P256K", "ECDSA_SHA_256"}, {"EC_SM2", "SM2DSA"},
}

func TestSignAndVerify(t *testing.T) {
	for _, tt := range signing {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			key, version := w.pair(tt.spec, "SIGN/VERIFY")
			w.ok("CreateAlias", "AliasName", "alias/sign", "KeyId", key)
			params := func(more ...string) []string {
				return append([]string{"KeyId", "alias/sign", "KeyVersionId", version, "Algorithm", tt.algorithm}, more...)
			}
			signed := w.ok("AsymmetricSign", params("Digest", b64(digest))...)
			if signed.str("KeyId") != key || signed.str("KeyVersionId") != version {
				t.Errorf("AsymmetricSign answers %v, want key and version", signed)
			}
			value := signed.str("Value")
			verify := func(digest []byte, value string, want bool) {
				t.Helper()
				answer := w.ok("AsymmetricVerify", params("Digest", b64(digest), "Value", value)...)
				if got, isBool := answer.at("Value").(bool); !isBool || got != want || answer.str("KeyId") != key ||
					answer.str("KeyVersionId") != version {
					t.Errorf("AsymmetricVerify answers %v, want %v", answer, want)
				}
			}
			verify(digest, value, true)
			verify(digest, "\r\n"+value[:20]+"\n \t"+value[20:]+"\n", true) // folded

			raw := unb64(t, value)
			raw[len(raw)-1] ^= 1
			verify(digest, b64(raw), false)
			verify(digest, b64(raw[:len(raw)-1]), false)
			verify(digest, b64(append(raw, 0)), false)
			verify(digest, "AA==", false)
			other := sha256.Sum256([]byte("another message"))
			verify(other[:], value, false)

			w.refused(call.Invalid("Value"), "AsymmetricVerify", params("Digest", b64(digest), "Value", "not base64")...)
			for _, op := range []string{"AsymmetricSign", "AsymmetricVerify"} {
				for _, bad := range []string{b64(digest[:31]), b64(append(bytes.Clone(digest), 0)), "not base64", b64(digest)[1:], " "} {
					w.refused(call.Invalid("Digest"), op, params("Digest", bad, "Value", value)...)
				}
			}
		})
	}
}

var encrypting = []struct {
	spec, algorithm string
	longest, size   int // of a plaintext, of its ciphertext
}{
	{"RSA_2048", "RSAES_OAEP_SHA_256", 190, 256}, {"RSA_2048", "RSAES_OAEP_SHA_1", 214, 256},
	{"RSA_3072", "RSAES_OAEP_SHA_256", 318, 384}, {"RSA_3072", "RSAES_OAEP_SHA_1", 342, 384},
	{"RSA_4096", "RSAES_OAEP_SHA_256", 446, 512}, {"RSA_4096", "RSAES_OAEP_SHA_1", 470, 512},
	{"EC_SM2", "SM2PKE", 6047, 6144},
}

func TestAsymmetricEncryptAndDecrypt(t *testing.T) {
	for _, tt := range encrypting {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			key, version := w.pair(tt.spec, "ENCRYPT/DECRYPT")
			w.ok("CreateAlias", "AliasName", "alias/encrypt", "KeyId", key)
			params := func(more ...string) []string {
				return append([]string{"KeyId", "alias/encrypt", "KeyVersionId", version, "Algorithm", tt.algorithm}, more...)
			}
			for _, n := range []int{1, 32, tt.longest} {
				plaintext := bytesOf(n)
				sealed := w.ok("AsymmetricEncrypt", params("Plaintext", b64(plaintext))...)
				blob := sealed.str("CiphertextBlob")
				if sealed.str("KeyId") != key || sealed.str("KeyVersionId") != version {
					t.Errorf("AsymmetricEncrypt answers %v, want key and version", sealed)
				}
				if n == tt.longest && len(unb64(t, blob)) != tt.size {
					t.Errorf("a ciphertext of %d bytes, want %d", len(unb64(t, blob)), tt.size)
				}
				opened := w.ok("AsymmetricDecrypt", params("CiphertextBlob", blob[:9]+"\n"+blob[9:]+"\n")...)
				if opened.str("Plaintext") != b64(plaintext) || opened.str("KeyId") != key || opened.str("KeyVersionId") != version {
					t.Errorf("AsymmetricDecrypt answers %.200v, want the plaintext, key and version", opened)
				}
				if again := w.ok("AsymmetricEncrypt", params("Plaintext", b64(plaintext))...).str("CiphertextBlob"); again == blob {
					t.Error("two ciphertexts of one plaintext are the same")
				}
				damaged := unb64(t, blob)
				damaged[len(damaged)/2] ^= 1
				for _, bad := range [][]byte{damaged, damaged[:len(damaged)-1], append(damaged, 0), {4}, make([]byte, tt.size), make([]byte, 6145)} {
					w.refused(call.Invalid("CiphertextBlob"), "AsymmetricDecrypt", params("CiphertextBlob", b64(bad))...)
				}
			}
			for _, bad := range []string{b64(make([]byte, tt.longest+1)), b64(make([]byte, 12<<10)), "not base64", "AAE", " \n"} {
				w.refused(call.Invalid("Plaintext"), "AsymmetricEncrypt", params("Plaintext", bad)...)
			}
			w.refused(call.Invalid("CiphertextBlob"), "AsymmetricDecrypt", params("CiphertextBlob", "not base64")...)
		})
	}
}

// The public key is PEM of SubjectPublicKeyInfo; what is encrypted to it elsewhere decrypts, and what is signed verifies.
func TestGetPublicKey(t *testing.T) {
	w := newWorld(t, keys.Options{})
	for _, tt := range []struct {
		spec, usage string
		algorithm   material.Algorithm
	}{
		{"RSA_2048", "ENCRYPT/DECRYPT", material.OAEPSHA256}, {"RSA_2048", "SIGN/VERIFY", material.RSAPSSSHA256},
		{"EC_P256", "SIGN/VERIFY", material.ECDSASHA256}, {"EC_P256K", "SIGN/VERIFY", material.ECDSASHA256},
		{"EC_SM2", "ENCRYPT/DECRYPT", material.SM2PKE}, {"EC_SM2", "SIGN/VERIFY", material.SM2DSA},
	} {
		t.Run(tt.spec+"/"+tt.usage, func(t *testing.T) {
			key, version := w.pair(tt.spec, tt.usage)
			d := w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version)
			text := d.str("PublicKey")
			block, rest := pem.Decode([]byte(text))
			if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 || strings.Contains(text, "\r") || !strings.HasSuffix(text, "-\n") ||
				d.str("KeyId") != key || d.str("KeyVersionId") != version {
				t.Fatalf("GetPublicKey answers %v", d)
			}
			spec, _ := material.ParsePairSpec(tt.spec)
			public, err := material.ParsePublicKey(spec, block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			named := []string{"KeyId", key, "KeyVersionId", version, "Algorithm", tt.algorithm.String()}
			if tt.usage == "SIGN/VERIFY" {
				value := w.ok("AsymmetricSign", append(named, "Digest", b64(digest))...).str("Value")
				if ok, err := public.Verify(tt.algorithm, digest, unb64(t, value)); !ok || err != nil {
					t.Errorf("Verify = %v, %v", ok, err)
				}
				return
			}
			ciphertext, err := public.Encrypt(tt.algorithm, []byte("made elsewhere"))
			if err != nil {
				t.Fatal(err)
			}
			if got := w.ok("AsymmetricDecrypt", append(named, "CiphertextBlob", b64(ciphertext))...).str("Plaintext"); got != b64([]byte("made elsewhere")) {
				t.Errorf("AsymmetricDecrypt = %q", got)
			}
		})
	}
}

// Every asymmetric operation with parameters that fit a key of some spec.
var pairOperations = []struct {
	name, usage string
	params      func(spec string) []string
}{
	{"AsymmetricSign", "SIGN/VERIFY", func(spec string) []string {
		return []string{"Algorithm", signs[spec], "Digest", b64(digest)}
	}},
	{"AsymmetricVerify", "SIGN/VERIFY", func(spec string) []string {
		return []string{"Algorithm", signs[spec], "Digest", b64(digest), "Value", "AAAA"}
	}},
	{"AsymmetricEncrypt", "ENCRYPT/DECRYPT", func(spec string) []string {
		return []string{"Algorithm", encrypts[spec], "Plaintext", "AAAA"}
	}},
	{"AsymmetricDecrypt", "ENCRYPT/DECRYPT", func(spec string) []string {
		return []string{"Algorithm", encrypts[spec], "CiphertextBlob", "AAAA"}
	}},
	{"GetPublicKey", "", func(string) []string { return nil }},
}

var (
	signs    = map[string]string{"RSA_2048": "RSA_PSS_SHA_256", "EC_SM2": "SM2DSA"}
	encrypts = map[string]string{"RSA_2048": "RSAES_OAEP_SHA_256", "EC_SM2": "SM2PKE"}
)

func TestAsymmetricRefusals(t *testing.T) {
	w := newWorld(t, keys.Options{})
	type key struct{ id, version string }
	pairs := map[string]key{}
	for _, usage := range []string{"SIGN/VERIFY", "ENCRYPT/DECRYPT"} {
		id, version := w.pair("EC_SM2", usage)
		pairs[usage] = key{id, version}
	}
	other := map[string]string{"SIGN/VERIFY": "ENCRYPT/DECRYPT", "ENCRYPT/DECRYPT": "SIGN/VERIFY"}
	symmetric := key{id: w.key()}
	symmetric.version = w.describe(symmetric.id).str("PrimaryKeyVersion")
	for _, op := range pairOperations {
		t.Run(op.name, func(t *testing.T) {
			usage := op.usage
			if usage == "" {
				usage = "SIGN/VERIFY"
			}
			fits, params := pairs[usage], op.params("EC_SM2")
			with := func(k key, set ...string) []string {
				all := append([]string{"KeyId", k.id, "KeyVersionId", k.version}, params...)
				return append(all, set...) // the last of a name counts
			}
			w.refused(call.Missing("KeyId"), op.name, with(fits, "KeyId", "")...)
			w.refused(call.Missing("KeyVersionId"), op.name, with(fits, "KeyVersionId", "")...)
			w.refused(call.ErrKeyNotFound, op.name, with(fits, "KeyId", "none")...)
			w.refused(call.ErrAliasNotFound, op.name, with(fits, "KeyId", "alias/none")...)
			w.refused(call.ErrKeyVersionNotFound, op.name, with(fits, "KeyVersionId", "none")...)
			w.refused(call.ErrKeyVersionNotFound, op.name, with(fits, "KeyVersionId", symmetric.version)...)
			w.refused(call.ErrRejectedOperation, op.name, with(symmetric)...)
			w.in(account, "cn-beijing").refused(call.ErrKeyNotFound, op.name, with(fits)...)
			w.nobody().refused(call.NoPermission(arns+"key/none"), op.name, with(fits, "KeyId", "none")...)
			if op.usage == "" {
				return
			}
			w.refused(call.ErrRejectedOperation, op.name, with(pairs[other[usage]])...)
			for i := 0; i < len(params); i += 2 {
				w.refused(call.Missing(params[i]), op.name, with(fits, params[i], "")...)
			}
			for _, algorithm := range []string{"SM2", "sm2dsa", "sm2pke", op.params("EC_SM2")[1] + " ",
				encrypts["RSA_2048"], signs["RSA_2048"], "RSAES_PKCS1_V1_5", "ECDSA_SHA_256"} {
				w.refused(call.Invalid("Algorithm"), op.name, with(fits, "Algorithm", algorithm)...)
			}
		})
	}
}

func TestAsymmetricOperationsByState(t *testing.T) {
	for _, op := range pairOperations {
		for st, want := range map[state.KeyState]error{state.Disabled: d, state.PendingDeletion: pd} {
			t.Run(op.name+"/"+st.String(), func(t *testing.T) {
				w := newWorld(t, keys.Options{})
				key, version := w.pair("EC_SM2", op.usage)
				if st == state.Disabled {
					w.ok("DisableKey", "KeyId", key)
				} else {
					w.ok("ScheduleKeyDeletion", "KeyId", key, "PendingWindowInDays", "7")
				}
				params := append([]string{"KeyId", key, "KeyVersionId", version}, op.params("EC_SM2")...)
				w.refused(want, op.name, params...)
				w.advance(7 * day)
				if st == state.PendingDeletion {
					w.refused(call.ErrKeyNotFound, op.name, params...)
				}
			})
		}
	}
}

// The kind of key is told before its state, and the state before what is wrong with the operation itself.
func TestOrderOfAsymmetricChecks(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key, version := w.pair("EC_SM2", "ENCRYPT/DECRYPT")
	w.ok("DisableKey", "KeyId", key)
	named := []string{"KeyId", key, "KeyVersionId", version}
	w.refused(call.Invalid("Digest"), "AsymmetricSign", append(named, "Algorithm", "SM2DSA", "Digest", "AAAA")...)
	w.refused(call.ErrRejectedOperation, "AsymmetricSign", append(named, "Algorithm", "RSA_PSS_SHA_256", "Digest", b64(digest))...)
	w.refused(call.Invalid("Algorithm"), "AsymmetricDecrypt", append(named, "Algorithm", "RSAES_OAEP_SHA_1", "CiphertextBlob", "AAAA")...)
	w.refused(call.ErrDisabled, "AsymmetricDecrypt", append(named, "Algorithm", "SM2PKE", "CiphertextBlob", "AAAA")...)
	w.refused(call.ErrKeyVersionNotFound, "AsymmetricDecrypt", append(named, "KeyVersionId", "none", "Algorithm", "SM2PKE", "CiphertextBlob", "AAAA")...)
}

// Old versions go on working, each with its own pair.
func TestOldVersionsWork(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key, first := w.pair("EC_P256", "")
	sign := func(version string) string {
		return w.ok("AsymmetricSign", "KeyId", key, "KeyVersionId", version, "Algorithm", "ECDSA_SHA_256", "Digest", b64(digest)).str("Value")
	}
	verify := func(version, value string) any {
		return w.ok("AsymmetricVerify", "KeyId", key, "KeyVersionId", version, "Algorithm", "ECDSA_SHA_256", "Digest", b64(digest), "Value", value).at("Value")
	}
	old := sign(first)
	w.advance(7 * day)
	second := w.ok("CreateKeyVersion", "KeyId", key).str("KeyVersion", "KeyVersionId")
	for _, tt := range []struct {
		version, value string
		want           bool
	}{{first, old, true}, {first, sign(first), true}, {second, sign(second), true}, {second, old, false}, {first, sign(second), false}} {
		if got := verify(tt.version, tt.value); got != tt.want {
			t.Errorf("AsymmetricVerify = %v, want %v", got, tt.want)
		}
	}
	a := w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", first).str("PublicKey")
	if b := w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", second).str("PublicKey"); a == b {
		t.Error("two versions have one public key")
	}
}

// Asymmetric keys do not encrypt symmetrically, and no blob leads to one.
func TestAsymmetricKeysInSymmetricOperations(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key, version := w.pair("EC_SM2", "ENCRYPT/DECRYPT")
	w.refused(call.ErrUnsupportedOperation, "Encrypt", "KeyId", key, "Plaintext", "x")
	w.refused(call.ErrUnsupportedOperation, "GenerateDataKey", "KeyId", key)
	w.refused(call.ErrUnsupportedOperation, "GenerateDataKeyWithoutPlaintext", "KeyId", key)
	forged := append([]byte(version), make([]byte, 12+5+16)...)
	w.refused(call.ErrUnsupportedOperation, "Decrypt", "CiphertextBlob", b64(forged))
	_, blob := w.keyIn(state.Enabled)
	w.refused(call.ErrUnsupportedOperation, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", key)
}

// publicKey returns the public key of a version.
func (w *world) publicKey(key, version string, spec material.PairSpec) *material.PublicKey {
	w.t.Helper()
	block, _ := pem.Decode([]byte(w.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version).str("PublicKey")))
	if block == nil {
		w.t.Fatal("GetPublicKey answers no PEM")
	}
	public, err := material.ParsePublicKey(spec, block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	return public
}

// rsaEncryptNothing encrypts an empty plaintext by RSAES_OAEP_SHA_256, which no operation of the service does.
func rsaEncryptNothing(der []byte) ([]byte, error) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), nil, nil)
}
