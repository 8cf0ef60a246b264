package keys_test

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

// FuzzImportKeyMaterial sends arbitrary parameters to a key that waits for its material. Whatever they are, they are
// refused as a client's mistake, or the key has its material.
func FuzzImportKeyMaterial(f *testing.F) {
	f.Add("AAAA", "AQAA", "0", false)
	f.Add("", "", "", true)
	f.Add("not base64", "token!", "253402300799", true)
	f.Add("BA==", "", "1546272000", true)
	f.Fuzz(func(t *testing.T, wrapped, token, expires string, ours bool) {
		w := newWorld(t, keys.Options{})
		key := w.externalKey()
		if ours { // a good token, for what is no material
			token = w.sm2Parcel(key).token
		}
		_, err := w.call("ImportKeyMaterial", "KeyId", key, "EncryptedKeyMaterial", wrapped, "ImportToken", token, "KeyMaterialExpireUnix", expires)
		var refusal *call.Error
		if err == nil || !errors.As(err, &refusal) || refusal.Status != 400 {
			t.Errorf("ImportKeyMaterial = %v, want a refusal: nobody has wrapped anything", err)
		}
		if got := w.describe(key)["KeyState"]; got != "PendingImport" {
			t.Errorf("the key is %v", got)
		}
	})
}

// FuzzAsymmetric sends arbitrary parameters to the asymmetric operations on a key that fits them.
func FuzzAsymmetric(f *testing.F) {
	f.Add("ECDSA_SHA_256", b64(digest), "MEUCIQ==", "AAAA")
	f.Add("SM2DSA", b64(digest), "MAYCAQECAQE=", "BA==")
	f.Add("SM2PKE", "AA", "", "BATr/HGOjReYYgQyJo53")
	f.Fuzz(func(t *testing.T, algorithm, digest, value, ciphertext string) {
		w := newWorld(t, keys.Options{})
		for _, pair := range []struct{ spec, usage string }{{"EC_P256", "SIGN/VERIFY"}, {"EC_P256K", "SIGN/VERIFY"}, {"EC_SM2", "SIGN/VERIFY"}, {"EC_SM2", "ENCRYPT/DECRYPT"}} {
			key, version := w.pair(pair.spec, pair.usage)
			for _, op := range pairOperations {
				answer, err := w.call(op.name, "KeyId", key, "KeyVersionId", version, "Algorithm", algorithm, "Digest", digest,
					"Value", value, "Plaintext", value, "CiphertextBlob", ciphertext)
				var refusal *call.Error
				switch {
				case err != nil && (!errors.As(err, &refusal) || refusal.Status != 400):
					t.Errorf("%s = %v, want an answer or a refusal of the parameters", op.name, err)
				case err == nil && op.name == "AsymmetricVerify" && answer.at("Value") != false:
					t.Errorf("AsymmetricVerify = %v, of a key that signed nothing", answer)
				}
			}
		}
	})
}
