package keys_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Every cryptographic operation, and GetPublicKey, can be rehearsed: it is checked as ever, and never succeeds.
func TestDryRun(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key, blob := w.keyIn(state.Enabled)
	encrypting, encryptingVersion := w.pair("EC_SM2", "ENCRYPT/DECRYPT")
	signing, signingVersion := w.pair("EC_SM2", "SIGN/VERIFY")
	sealed := w.ok("AsymmetricEncrypt", "KeyId", encrypting, "KeyVersionId", encryptingVersion, "Algorithm", "SM2PKE", "Plaintext", "AAAA").str("CiphertextBlob")
	to := newTaker(t, material.ECSM2, material.SM2PKE)
	encrypts := []string{"KeyId", encrypting, "KeyVersionId", encryptingVersion, "Algorithm", "SM2PKE"}
	signs := []string{"KeyId", signing, "KeyVersionId", signingVersion, "Algorithm", "SM2DSA", "Digest", b64(digest)}
	for _, op := range []struct {
		name, key string
		params    []string
	}{
		{"Encrypt", key, []string{"KeyId", key, "Plaintext", "x"}},
		{"Decrypt", key, []string{"CiphertextBlob", blob}},
		{"GenerateDataKey", key, []string{"KeyId", key}},
		{"GenerateDataKeyWithoutPlaintext", key, []string{"KeyId", key}},
		{"ReEncrypt", key, []string{"CiphertextBlob", blob, "DestinationKeyId", key}},
		{"ExportDataKey", key, to.params("CiphertextBlob", blob)},
		{"GenerateAndExportDataKey", key, to.params("KeyId", key)},
		{"AsymmetricEncrypt", encrypting, append(encrypts, "Plaintext", "AAAA")},
		{"AsymmetricDecrypt", encrypting, append(encrypts, "CiphertextBlob", sealed)},
		{"AsymmetricSign", signing, signs},
		{"AsymmetricVerify", signing, append(signs, "Value", "AAAA")},
		{"GetPublicKey", signing, signs[:4]},
	} {
		t.Run(op.name, func(t *testing.T) {
			dry := func(more ...string) []string {
				return append(append(append([]string{}, op.params...), "DryRun", "true"), more...)
			}
			w.ok(op.name, append(op.params, "DryRun", "false")...)
			w.refused(call.ErrDryRun, op.name, dry()...)
			w.refused(call.ErrValidation, op.name, dry(op.params[0], "")...)
			w.refused(call.Invalid("DryRun"), op.name, dry("DryRun", "yes")...)
			w.nobody().refused(call.ErrAccessDenied, op.name, dry()...)
			w.ok("DisableKey", "KeyId", op.key)
			w.refused(call.ErrDisabled, op.name, dry()...)
			w.ok("EnableKey", "KeyId", op.key)
		})
	}
	w.refused(call.ErrValidation, "Decrypt", "CiphertextBlob", blob, "EncryptionContext", `{"a":"1"}`, "DryRun", "true") // it does not open
	w.ok("CreateKey", "DryRun", "true")                                                                                  // which has none
}
