package keys_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// What was encrypted to an asymmetric key becomes a blob under a symmetric one, as if it had been a data key.
func TestReEncryptFromAsymmetricKey(t *testing.T) {
	for _, tt := range []struct{ spec, algorithm string }{
		{"RSA_2048", "RSAES_OAEP_SHA_256"}, {"RSA_2048", "RSAES_OAEP_SHA_1"}, {"RSA_4096", "RSAES_OAEP_SHA_256"}, {"EC_SM2", "SM2PKE"},
	} {
		t.Run(tt.spec+"/"+tt.algorithm, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			src, version := w.pair(tt.spec, "ENCRYPT/DECRYPT")
			dst := w.key()
			w.ok("CreateAlias", "AliasName", "alias/dst", "KeyId", dst)
			plaintext := []byte{0, 0xff, 0xfe, 'a'} // no text
			sealed := w.ok("AsymmetricEncrypt", "KeyId", src, "KeyVersionId", version, "Algorithm", tt.algorithm, "Plaintext", b64(plaintext))
			d := w.ok("ReEncrypt", "CiphertextBlob", sealed.str("CiphertextBlob")+"\n", "SourceKeyId", src, "SourceKeyVersionId", version,
				"SourceEncryptionAlgorithm", tt.algorithm, "DestinationKeyId", "alias/dst", "DestinationEncryptionContext", `{"a":"1"}`)
			if d.str("KeyId") != src || d.str("KeyVersionId") != version {
				t.Errorf("ReEncrypt answers %v, want key and version of the source", d)
			}
			opened := w.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"a":"1"}`)
			if opened.str("KeyId") != dst || opened.str("Plaintext") != b64(plaintext) {
				t.Errorf("Decrypt answers %v, want the base64 of the plaintext under the destination", opened)
			}
		})
	}
}

func TestReEncryptFromAsymmetricKeyRefusals(t *testing.T) {
	w := newWorld(t, keys.Options{})
	src, version := w.pair("EC_SM2", "ENCRYPT/DECRYPT")
	signing, signingVersion := w.pair("EC_SM2", "SIGN/VERIFY")
	dst, blob := w.keyIn(state.Enabled)
	sealed := w.ok("AsymmetricEncrypt", "KeyId", src, "KeyVersionId", version, "Algorithm", "SM2PKE", "Plaintext", "AAAA").str("CiphertextBlob")
	good := []string{"CiphertextBlob", sealed, "SourceKeyId", src, "SourceKeyVersionId", version, "SourceEncryptionAlgorithm", "SM2PKE", "DestinationKeyId", dst}
	with := func(set ...string) []string { return append(append([]string{}, good...), set...) }
	w.ok("ReEncrypt", good...)
	disabled := func(key string, try func()) {
		w.ok("DisableKey", "KeyId", key)
		try()
		w.ok("EnableKey", "KeyId", key)
	}
	for _, tt := range []struct {
		name string
		want error
		set  []string
	}{
		{"no key", call.Missing("SourceKeyId"), []string{"SourceKeyId", ""}},
		{"no version", call.Missing("SourceKeyVersionId"), []string{"SourceKeyVersionId", ""}},
		{"no algorithm", call.Missing("SourceEncryptionAlgorithm"), []string{"SourceEncryptionAlgorithm", ""}},
		{"a key alone", call.Missing("SourceKeyVersionId"), []string{"SourceKeyVersionId", "", "SourceEncryptionAlgorithm", ""}},
		{"missing before invalid", call.Missing("SourceKeyId"), []string{"SourceKeyId", "", "CiphertextBlob", "x"}},
		{"alias", call.ErrUnsupportedAlias, []string{"SourceKeyId", "alias/x"}},
		{"unknown algorithm", call.Invalid("SourceEncryptionAlgorithm"), []string{"SourceEncryptionAlgorithm", "SM2", "SourceKeyId", "none"}},
		{"signing algorithm", call.Invalid("SourceEncryptionAlgorithm"), []string{"SourceEncryptionAlgorithm", "SM2DSA"}},
		{"algorithm of another spec", call.Invalid("SourceEncryptionAlgorithm"), []string{"SourceEncryptionAlgorithm", "RSAES_OAEP_SHA_256"}},
		{"unknown source", call.ErrKeyNotFound, []string{"SourceKeyId", "none"}},
		{"unknown version", call.ErrKeyVersionNotFound, []string{"SourceKeyVersionId", "none"}},
		{"version of another key", call.ErrKeyVersionNotFound, []string{"SourceKeyVersionId", signingVersion}},
		{"unknown destination before the version", call.ErrKeyNotFound, []string{"SourceKeyVersionId", "none", "DestinationKeyId", "none"}},
		{"signing key", call.ErrRejectedOperation, []string{"SourceKeyId", signing, "SourceKeyVersionId", signingVersion}},
		{"symmetric key", call.ErrRejectedOperation, []string{"SourceKeyId", dst, "SourceKeyVersionId", w.describe(dst).str("PrimaryKeyVersion")}},
		{"asymmetric destination", call.ErrUnsupportedOperation, []string{"DestinationKeyId", src}},
		{"not a ciphertext", call.Invalid("CiphertextBlob"), []string{"CiphertextBlob", b64(make([]byte, 100))}},
		{"too short for one", call.Invalid("CiphertextBlob"), []string{"CiphertextBlob", "AAAA"}},
		{"a blob", call.Invalid("CiphertextBlob"), []string{"CiphertextBlob", blob}},
		{"taken for a blob", call.ErrKeyNotFound, []string{"SourceKeyId", "", "SourceKeyVersionId", "", "SourceEncryptionAlgorithm", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refused(tt.want, "ReEncrypt", with(tt.set...)...) })
	}
	disabled(src, func() { w.refused(d, "ReEncrypt", good...) })
	disabled(dst, func() { w.refused(d, "ReEncrypt", good...) })
	w.nobody().refused(call.NoPermission(arns+"key/"+src), "ReEncrypt", good...)
}

// A plaintext that no blob can hold is refused: an empty one, and one whose base64 is longer than 6144 bytes.
func TestReEncryptBounds(t *testing.T) {
	w := newWorld(t, keys.Options{})
	src, version := w.pair("EC_SM2", "ENCRYPT/DECRYPT")
	dst := w.key()
	for size, want := range map[int]error{4608: nil, 4609: call.Invalid("CiphertextBlob"), 6047: call.Invalid("CiphertextBlob")} {
		sealed := w.ok("AsymmetricEncrypt", "KeyId", src, "KeyVersionId", version, "Algorithm", "SM2PKE", "Plaintext", b64(bytesOf(size))).str("CiphertextBlob")
		params := []string{"CiphertextBlob", sealed, "SourceKeyId", src, "SourceKeyVersionId", version, "SourceEncryptionAlgorithm", "SM2PKE", "DestinationKeyId", dst}
		if want != nil {
			w.refused(want, "ReEncrypt", params...)
			continue
		}
		blob := w.ok("ReEncrypt", params...).str("CiphertextBlob")
		if got := w.ok("Decrypt", "CiphertextBlob", blob).str("Plaintext"); got != b64(bytesOf(size)) {
			t.Errorf("Decrypt of %d bytes has another text", size)
		}
	}

	src, version = w.pair("RSA_2048", "ENCRYPT/DECRYPT")
	public := w.publicKey(src, version, material.RSA2048)
	empty, err := rsaEncryptNothing(public.DER())
	if err != nil {
		t.Fatal(err)
	}
	w.refused(call.Invalid("CiphertextBlob"), "ReEncrypt", "CiphertextBlob", b64(empty), "SourceKeyId", src, "SourceKeyVersionId", version,
		"SourceEncryptionAlgorithm", "RSAES_OAEP_SHA_256", "DestinationKeyId", dst)
	if got := w.ok("AsymmetricDecrypt", "CiphertextBlob", b64(empty), "KeyId", src, "KeyVersionId", version, "Algorithm", "RSAES_OAEP_SHA_256").at("Plaintext"); got != "" {
		t.Errorf("AsymmetricDecrypt of nothing = %v", got)
	}
}
