package keys_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

func TestDataKeySizes(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	bytes := call.Invalid("NumberOfBytes")
	for _, tt := range []struct {
		name        string
		spec, bytes string
		want        int
		err         error
	}{
		{name: "neither", want: 32},
		{name: "AES_256", spec: "AES_256", want: 32},
		{name: "AES_128", spec: "AES_128", want: 16},
		{name: "one byte", bytes: "1", want: 1},
		{name: "1024 bytes", bytes: "1024", want: 1024},
		{name: "number wins", spec: "AES_128", bytes: "20", want: 20},
		{name: "number wins over nonsense", spec: "nonsense", bytes: "20", want: 20},
		{name: "unknown spec", spec: "AES_192", err: call.Invalid("KeySpec")},
		{name: "spec in another case", spec: "aes_256", err: call.Invalid("KeySpec")},
		{name: "0 bytes", bytes: "0", err: bytes},
		{name: "0 bytes with a spec", spec: "AES_128", bytes: "0", err: bytes},
		{name: "1025 bytes", bytes: "1025", err: bytes},
		{name: "negative", bytes: "-1", err: bytes},
		{name: "not a number", bytes: "x", err: bytes},
	} {
		t.Run(tt.name, func(t *testing.T) {
			params := []string{"KeyId", k}
			if tt.spec != "" {
				params = append(params, "KeySpec", tt.spec)
			}
			if tt.bytes != "" {
				params = append(params, "NumberOfBytes", tt.bytes)
			}
			if tt.err != nil {
				w.refused(tt.err, "GenerateDataKey", params...)
				w.refused(tt.err, "GenerateDataKeyWithoutPlaintext", params...)
				return
			}
			d := w.ok("GenerateDataKey", params...)
			text := d.str("Plaintext")
			if raw, err := base64.StdEncoding.Strict().DecodeString(text); err != nil || len(raw) != tt.want {
				t.Errorf("the data key has %d bytes, want %d: %v", len(raw), tt.want, err)
			}
			// The blob wraps the text, so that Decrypt answers what GenerateDataKey did.
			if raw, err := base64.StdEncoding.DecodeString(d.str("CiphertextBlob")); err != nil || len(raw) != 64+len(text) {
				t.Errorf("the blob has %d bytes, want 64 more than the text's %d: %v", len(raw), len(text), err)
			}
			if got := w.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob")); got.str("Plaintext") != text || got.str("KeyId") != k {
				t.Errorf("Decrypt answers %v, want the same text", got)
			}
			// Any data key can be re-encrypted and encrypted again.
			w.ok("ReEncrypt", "CiphertextBlob", d.str("CiphertextBlob"), "DestinationKeyId", k)
			w.ok("Encrypt", "KeyId", k, "Plaintext", text)

			if again := w.ok("GenerateDataKey", params...); tt.want > 1 && again.str("Plaintext") == text {
				t.Error("two data keys are equal")
			}
			blind := w.ok("GenerateDataKeyWithoutPlaintext", params...)
			if _, shown := blind["Plaintext"]; shown || blind.str("KeyId") != k || blind.str("KeyVersionId") != d.str("KeyVersionId") {
				t.Errorf("GenerateDataKeyWithoutPlaintext answers %v", blind)
			}
			opened, err := base64.StdEncoding.DecodeString(w.ok("Decrypt", "CiphertextBlob", blind.str("CiphertextBlob")).str("Plaintext"))
			if err != nil || len(opened) != tt.want {
				t.Errorf("it opens as %d bytes, want %d: %v", len(opened), tt.want, err)
			}
		})
	}
	_, err := w.call("GenerateDataKey", "KeyId", k, "KeySpec", "AES_192")
	var refusal *call.Error
	if !errors.As(err, &refusal) || refusal.Message != "The specified parameter KeySpec is not valid." {
		t.Errorf("the message for a KeySpec is %v, want this operation's own", err)
	}
}
