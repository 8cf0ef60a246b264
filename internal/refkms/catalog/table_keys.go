package catalog

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

// Calls per second and user.
const (
	cryptoRate    = 1000
	reEncryptRate = 750
	pairRate      = 200
)

// What the trail hides or drops.
var (
	plaintext      = []string{"Plaintext"}
	ciphertextBlob = []string{"CiphertextBlob"}
	exported       = []string{"CiphertextBlob", "ExportedDataKey"}
	value          = []string{"Value"} // a signature
	importToken    = []string{"ImportToken"}
)

func keysTable(k *keys.Service) []*call.Operation {
	return []*call.Operation{
		// Keys.
		call.Define("CreateKey", k.CreateKey, call.Row[keys.CreateKeyRequest]{
			Check: k.CheckCreateKey, Find: k.FindCreateKey, Prepare: k.PrepareCreateKey, Writes: true, Event: call.Write}),
		call.Define("DescribeKey", k.DescribeKey, call.Row[keys.DescribeKeyRequest]{Event: call.Read}),
		call.Define("ListKeys", k.ListKeys, call.Row[keys.ListKeysRequest]{On: call.KeyContainer, Event: call.Read}),
		call.Define("UpdateKeyDescription", k.UpdateKeyDescription, call.Row[keys.UpdateKeyDescriptionRequest]{
			Writes: true, Event: call.Write}),
		call.Define("EnableKey", k.EnableKey, call.Row[keys.EnableKeyRequest]{Writes: true, Event: call.Write}),
		call.Define("DisableKey", k.DisableKey, call.Row[keys.DisableKeyRequest]{Writes: true, Event: call.Write}),
		call.Define("ScheduleKeyDeletion", k.ScheduleKeyDeletion, call.Row[keys.ScheduleKeyDeletionRequest]{
			Check: k.CheckScheduleKeyDeletion, Writes: true, Event: call.Write}),
		call.Define("CancelKeyDeletion", k.CancelKeyDeletion, call.Row[keys.CancelKeyDeletionRequest]{
			Writes: true, Event: call.Write}),

		call.Define("SetDeletionProtection", k.SetDeletionProtection, call.Row[keys.SetDeletionProtectionRequest]{
			Find: k.FindSetDeletionProtection, Writes: true, Event: call.Write}),

		// Import of key material.
		call.Define("GetParametersForImport", k.GetParametersForImport, call.Row[keys.GetParametersForImportRequest]{
			Check: k.CheckGetParametersForImport, Find: k.FindGetParametersForImport, Prepare: k.PrepareGetParametersForImport,
			Event: call.Read, Hide: importToken, Drop: []string{"PublicKey"}}),
		call.Define("ImportKeyMaterial", k.ImportKeyMaterial, call.Row[keys.ImportKeyMaterialRequest]{
			Check: k.CheckImportKeyMaterial, Find: k.FindImportKeyMaterial, Prepare: k.PrepareImportKeyMaterial,
			Writes: true, Event: call.Write, Hide: []string{"ImportToken", "EncryptedKeyMaterial"}}),
		call.Define("DeleteKeyMaterial", k.DeleteKeyMaterial, call.Row[keys.DeleteKeyMaterialRequest]{
			Writes: true, Event: call.Write}),

		// Aliases.
		call.Define("CreateAlias", k.CreateAlias, call.Row[keys.CreateAliasRequest]{
			Check: k.CheckCreateAlias, Find: k.FindCreateAlias, Writes: true, Event: call.Write}),
		call.Define("UpdateAlias", k.UpdateAlias, call.Row[keys.UpdateAliasRequest]{
			Find: k.FindUpdateAlias, Writes: true, Event: call.Write}),
		call.Define("DeleteAlias", k.DeleteAlias, call.Row[keys.DeleteAliasRequest]{
			Find: k.FindDeleteAlias, Writes: true, Event: call.Write}),
		call.Define("ListAliases", k.ListAliases, call.Row[keys.ListAliasesRequest]{On: call.AliasContainer, Event: call.Read}),
		call.Define("ListAliasesByKeyId", k.ListAliasesByKeyID, call.Row[keys.ListAliasesByKeyIDRequest]{Event: call.Read}),

		// Versions and rotation.
		call.Define("CreateKeyVersion", k.CreateKeyVersion, call.Row[keys.CreateKeyVersionRequest]{
			Find: k.FindCreateKeyVersion, Prepare: k.PrepareCreateKeyVersion, Writes: true, Event: call.Write}),
		call.Define("DescribeKeyVersion", k.DescribeKeyVersion, call.Row[keys.DescribeKeyVersionRequest]{Event: call.Read}),
		call.Define("ListKeyVersions", k.ListKeyVersions, call.Row[keys.ListKeyVersionsRequest]{Event: call.Read}),
		call.Define("UpdateRotationPolicy", k.UpdateRotationPolicy, call.Row[keys.UpdateRotationPolicyRequest]{
			Writes: true, Event: call.Write}),

		// Symmetric cryptography. It changes nothing, and the trail calls it reading.
		call.Define("Encrypt", k.Encrypt, call.Row[keys.EncryptRequest]{
			Event: call.Read, Hide: plaintext, Drop: ciphertextBlob, Rate: cryptoRate}),
		call.Define("Decrypt", k.Decrypt, call.Row[keys.DecryptRequest]{
			Find: k.FindDecrypt, Event: call.Read, Hide: plaintext, Drop: ciphertextBlob, Rate: cryptoRate}),
		call.Define("GenerateDataKey", k.GenerateDataKey, call.Row[keys.GenerateDataKeyRequest]{
			Check: k.CheckGenerateDataKey, Event: call.Read, Hide: plaintext, Drop: ciphertextBlob, Rate: cryptoRate}),
		call.Define("GenerateDataKeyWithoutPlaintext", k.GenerateDataKeyWithoutPlaintext, call.Row[keys.GenerateDataKeyRequest]{
			Check: k.CheckGenerateDataKey, Event: call.Read, Drop: ciphertextBlob, Rate: cryptoRate}),
		call.Define("ExportDataKey", k.ExportDataKey, call.Row[keys.ExportDataKeyRequest]{
			Check: k.CheckExportDataKey, Find: k.FindExportDataKey, Event: call.Read, Drop: exported, Rate: cryptoRate}),
		call.Define("GenerateAndExportDataKey", k.GenerateAndExportDataKey, call.Row[keys.GenerateAndExportDataKeyRequest]{
			Check: k.CheckGenerateAndExportDataKey, Event: call.Read, Drop: exported, Rate: cryptoRate}),
		call.Define("ReEncrypt", k.ReEncrypt, call.Row[keys.ReEncryptRequest]{
			Check: k.CheckReEncrypt, Find: k.FindReEncrypt, Actions: []string{"kms:ReEncryptFrom", "kms:ReEncryptTo"},
			Event: call.Read, Drop: ciphertextBlob, Rate: reEncryptRate}),

		// Asymmetric cryptography.
		call.Define("AsymmetricSign", k.AsymmetricSign, call.Row[keys.AsymmetricSignRequest]{
			Check: k.CheckAsymmetricSign, Event: call.Read, Drop: value, Rate: pairRate}),
		call.Define("AsymmetricVerify", k.AsymmetricVerify, call.Row[keys.AsymmetricVerifyRequest]{
			Check: k.CheckAsymmetricVerify, Event: call.Read, Drop: value, Rate: pairRate}),
		call.Define("AsymmetricEncrypt", k.AsymmetricEncrypt, call.Row[keys.AsymmetricEncryptRequest]{
			Check: k.CheckAsymmetricEncrypt, Event: call.Read, Hide: plaintext, Drop: ciphertextBlob, Rate: pairRate}),
		call.Define("AsymmetricDecrypt", k.AsymmetricDecrypt, call.Row[keys.AsymmetricDecryptRequest]{
			Check: k.CheckAsymmetricDecrypt, Event: call.Read, Hide: plaintext, Drop: ciphertextBlob, Rate: pairRate}),
		call.Define("GetPublicKey", k.GetPublicKey, call.Row[keys.GetPublicKeyRequest]{
			Event: call.Read, Drop: []string{"PublicKey"}, Rate: pairRate}),

		// The account and the regions.
		call.Define("DescribeRegions", k.DescribeRegions, call.Row[keys.NoRequest]{
			Event: call.Read, Anytime: true, Unrecorded: true}),
		call.Define("DescribeAccountKmsStatus", k.DescribeAccountKmsStatus, call.Row[keys.NoRequest]{
			On: call.Nothing, Event: call.Read, Anytime: true}),
		call.Define("OpenKmsService", k.OpenKmsService, call.Row[keys.NoRequest]{
			On: call.Nothing, Writes: true, Event: call.Write, Anytime: true}),
	}
}
