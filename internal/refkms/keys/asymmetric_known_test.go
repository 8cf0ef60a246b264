package keys_test

import (
	"encoding/hex"
	"encoding/pem"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The private key, public key, digest, signature and ciphertext of a widely used example of SM2 (GB/T 32918, with the
// message "message digest" and the default id), through the operations.
func TestSM2KnownAnswers(t *testing.T) {
	const (
		private   = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
		public    = "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60YM/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw=="
		e         = "8LQ+lLpFrMqs5pLtU0OC6xfmq1oZznsx9Ehv38DShkA="
		signature = "MEYCIQD1oDsGSNLEYw7qxRPhu4GhWUTaOCfVt0FDrH6s7ucgswIhALG2qinfIS/YdjGCvA1CHKG7kDj9H39C1IQLacSFu8Gq"
		sealed    = "BATr/HGOjReYYgQyJo53/rZBXi7eDgc8D09kDs0uFJpz6Fj52B5UMKV7Ntqrj5UKPGTm7mpjCU2ZKDr/dn4STfBZmDwY+AniYpI8U67CldMDg7VOOdYJ0WCvyxkI0L2HZiGIbKmJypx9WAhzB8qTCS1lHvo="
		opened    = "encryption standard"
	)
	w := newWorld(t, keys.Options{})
	scalar, err := hex.DecodeString(private)
	if err != nil {
		t.Fatal(err)
	}
	known := func(usage string) []string {
		key, version := w.pair("EC_SM2", usage)
		w.setMaterial(version, state.NewMaterial(scalar))
		return []string{"KeyId", key, "KeyVersionId", version}
	}
	sign := known("SIGN/VERIFY")
	block, _ := pem.Decode([]byte(w.ok("GetPublicKey", sign...).str("PublicKey")))
	if block == nil || b64(block.Bytes) != public {
		t.Errorf("GetPublicKey = %v, want %s", block, public)
	}
	sign = append(sign, "Algorithm", "SM2DSA", "Digest", e)
	for _, value := range []string{signature, w.ok("AsymmetricSign", sign...).str("Value")} {
		if got := w.ok("AsymmetricVerify", append(sign, "Value", value)...).at("Value"); got != true {
			t.Errorf("AsymmetricVerify(%s) = %v", value, got)
		}
	}
	encrypt := append(known("ENCRYPT/DECRYPT"), "Algorithm", "SM2PKE")
	if got := w.ok("AsymmetricDecrypt", append(encrypt, "CiphertextBlob", sealed)...).str("Plaintext"); got != b64([]byte(opened)) {
		t.Errorf("AsymmetricDecrypt = %q, want %q", got, b64([]byte(opened)))
	}
}
