// Package identitytest holds the rights that operations need, for the tests of those who ask for them: of the rooms by
// themselves, and of the server as official clients see it.
//
// # Compatibility
//
// Internal.
package identitytest

import (
	"slices"
	"strings"
)

// A Row is the rights that a call needs. In its texts $1 and $2 are keys, of which the first has the alias alias/a; $blob
// is encrypted under the first; the secret s lies under the first key, and d under the default one; $none is a key that is
// not there; $R: is the beginning of ARNs, $digest a digest of 32 bytes, $rsa a public key.
type Row struct {
	Action string
	Params string // name=value, apart by blanks
	Pairs  string // action resource, apart by commas: in the order in which they are asked
}

// Fill returns the parameters of the call, names and values in turn, and the rights that it needs, action and resource
// each, none twice.
func (r *Row) Fill(fill *strings.Replacer) (params []string, pairs [][2]string) {
	for _, p := range strings.Fields(fill.Replace(r.Params)) {
		name, value, _ := strings.Cut(p, "=")
		params = append(params, name, value)
	}
	for pair := range strings.SplitSeq(fill.Replace(r.Pairs), ",") {
		if action, resource, ok := strings.Cut(pair, " "); ok && !slices.Contains(pairs, [2]string{action, resource}) {
			pairs = append(pairs, [2]string{action, resource})
		}
	}
	return params, pairs
}

// Rows are those of all operations but those of certificates, which find none, whoever asks.
var Rows = []Row{
	{"DescribeRegions", "", ""},
	{"DescribeAccountKmsStatus", "", "kms:DescribeAccountKmsStatus *"},
	{"OpenKmsService", "", "kms:OpenKmsService *"},
	{"ListKeys", "", "kms:ListKeys $R:key"},
	{"CreateKey", "", "kms:CreateKey $R:key"},
	{"DescribeKey", "KeyId=$1", "kms:DescribeKey $R:key/$1"},
	{"DescribeKey", "KeyId=alias/a", "kms:DescribeKey $R:key/$1"},
	{"DescribeKey", "KeyId=$R:key/$1", "kms:DescribeKey $R:key/$1"},
	{"DescribeKey", "KeyId=$none", "kms:DescribeKey $R:key/$none"},
	{"UpdateKeyDescription", "KeyId=$1 Description=x", "kms:UpdateKeyDescription $R:key/$1"},
	{"EnableKey", "KeyId=$1", "kms:EnableKey $R:key/$1"},
	{"DisableKey", "KeyId=$1", "kms:DisableKey $R:key/$1"},
	{"ScheduleKeyDeletion", "KeyId=$1", "kms:ScheduleKeyDeletion $R:key/$1"},
	{"CancelKeyDeletion", "KeyId=$1", "kms:CancelKeyDeletion $R:key/$1"},
	{"SetDeletionProtection", "ProtectedResourceArn=$R:key/$1 EnableDeletionProtection=true", "kms:SetDeletionProtection $R:key/$1"},
	{"GetParametersForImport", "KeyId=$1 WrappingAlgorithm=RSAES_OAEP_SHA_256 WrappingKeySpec=RSA_2048", "kms:GetParametersForImport $R:key/$1"},
	{"ImportKeyMaterial", "KeyId=$1 EncryptedKeyMaterial=eA== ImportToken=x KeyMaterialExpireUnix=0", "kms:ImportKeyMaterial $R:key/$1"},
	{"DeleteKeyMaterial", "KeyId=$1", "kms:DeleteKeyMaterial $R:key/$1"},
	{"CreateKeyVersion", "KeyId=$1", "kms:CreateKeyVersion $R:key/$1"},
	{"DescribeKeyVersion", "KeyId=$1 KeyVersionId=v", "kms:DescribeKeyVersion $R:key/$1"},
	{"ListKeyVersions", "KeyId=$1", "kms:ListKeyVersions $R:key/$1"},
	{"UpdateRotationPolicy", "KeyId=$1 EnableAutomaticRotation=false", "kms:UpdateRotationPolicy $R:key/$1"},
	{"ListAliases", "", "kms:ListAliases $R:alias"},
	{"ListAliasesByKeyId", "KeyId=$1", "kms:ListAliasesByKeyId $R:key/$1"},
	{"CreateAlias", "AliasName=alias/b KeyId=$1", "kms:CreateAlias $R:alias/b,kms:CreateAlias $R:key/$1"},
	{"UpdateAlias", "AliasName=alias/a KeyId=$2", "kms:UpdateAlias $R:alias/a,kms:UpdateAlias $R:key/$1,kms:UpdateAlias $R:key/$2"},
	{"DeleteAlias", "AliasName=alias/a", "kms:DeleteAlias $R:alias/a,kms:DeleteAlias $R:key/$1"},
	{"Encrypt", "KeyId=$1 Plaintext=x", "kms:Encrypt $R:key/$1"},
	{"Encrypt", "KeyId=alias/a Plaintext=x", "kms:Encrypt $R:key/$1"},
	{"Encrypt", "KeyId=$R:alias/a Plaintext=x", "kms:Encrypt $R:key/$1"},
	{"GenerateDataKey", "KeyId=$1", "kms:GenerateDataKey $R:key/$1"},
	{"GenerateDataKey", "KeyId=alias/a", "kms:GenerateDataKey $R:key/$1"},
	{"GenerateDataKeyWithoutPlaintext", "KeyId=alias/a", "kms:GenerateDataKeyWithoutPlaintext $R:key/$1"},
	{"Decrypt", "CiphertextBlob=$blob", "kms:Decrypt $R:key/$1"},
	{"ReEncrypt", "CiphertextBlob=$blob DestinationKeyId=$2", "kms:ReEncryptFrom $R:key/$1,kms:ReEncryptTo $R:key/$2"},
	{"ReEncrypt", "CiphertextBlob=$blob DestinationKeyId=alias/a", "kms:ReEncryptFrom $R:key/$1,kms:ReEncryptTo $R:key/$1"},
	{"ExportDataKey", "CiphertextBlob=$blob WrappingAlgorithm=RSAES_OAEP_SHA_256 WrappingKeySpec=RSA_2048 PublicKeyBlob=$rsa", "kms:ExportDataKey $R:key/$1"},
	{"GenerateAndExportDataKey", "KeyId=$1 WrappingAlgorithm=RSAES_OAEP_SHA_256 WrappingKeySpec=RSA_2048 PublicKeyBlob=$rsa", "kms:GenerateAndExportDataKey $R:key/$1"},
	{"AsymmetricSign", "KeyId=$1 KeyVersionId=v Algorithm=ECDSA_SHA_256 Digest=$digest", "kms:AsymmetricSign $R:key/$1"},
	{"AsymmetricVerify", "KeyId=$1 KeyVersionId=v Algorithm=ECDSA_SHA_256 Digest=$digest Value=eA==", "kms:AsymmetricVerify $R:key/$1"},
	{"AsymmetricEncrypt", "KeyId=$1 KeyVersionId=v Algorithm=RSAES_OAEP_SHA_256 Plaintext=eA==", "kms:AsymmetricEncrypt $R:key/$1"},
	{"AsymmetricDecrypt", "KeyId=alias/a KeyVersionId=v Algorithm=RSAES_OAEP_SHA_256 CiphertextBlob=eA==", "kms:AsymmetricDecrypt $R:key/$1"},
	{"GetPublicKey", "KeyId=$1 KeyVersionId=v", "kms:GetPublicKey $R:key/$1"},
	{"CreateSecret", "SecretName=new VersionId=v SecretData=x", "kms:CreateSecret $R:secret"},
	{"CreateSecret", "SecretName=new VersionId=v SecretData=x EncryptionKeyId=$2", "kms:CreateSecret $R:secret,kms:GenerateDataKey $R:key/$2"},
	{"ListSecrets", "", "kms:ListSecrets $R:secret"},
	{"DescribeSecret", "SecretName=s", "kms:DescribeSecret $R:secret/s"},
	{"DescribeSecret", "SecretName=$R:secret/s", "kms:DescribeSecret $R:secret/s"},
	{"DescribeSecret", "SecretName=none", "kms:DescribeSecret $R:secret/none"},
	{"UpdateSecret", "SecretName=s Description=x", "kms:UpdateSecret $R:secret/s"},
	{"DeleteSecret", "SecretName=s", "kms:DeleteSecret $R:secret/s"},
	{"RestoreSecret", "SecretName=s", "kms:RestoreSecret $R:secret/s"},
	{"GetSecretValue", "SecretName=s", "kms:GetSecretValue $R:secret/s,kms:Decrypt $R:key/$1"},
	{"GetSecretValue", "SecretName=d", "kms:GetSecretValue $R:secret/d"},
	{"PutSecretValue", "SecretName=s VersionId=v2 SecretData=x", "kms:PutSecretValue $R:secret/s,kms:GenerateDataKey $R:key/$1"},
	{"PutSecretValue", "SecretName=d VersionId=v2 SecretData=x", "kms:PutSecretValue $R:secret/d"},
	{"ListSecretVersionIds", "SecretName=s", "kms:ListSecretVersionIds $R:secret/s"},
	{"UpdateSecretVersionStage", "SecretName=s VersionStage=x MoveToVersion=v", "kms:UpdateSecretVersionStage $R:secret/s"},
	{"GetRandomPassword", "", "kms:GetRandomPassword *"},
	{"RotateSecret", "SecretName=s VersionId=v9", "kms:RotateSecret $R:secret/s"},
	{"UpdateSecretRotationPolicy", "SecretName=s EnableAutomaticRotation=false", "kms:UpdateSecretRotationPolicy $R:secret/s"},
	{"GetSecretPolicy", "SecretName=s", "kms:GetSecretPolicy $R:secret/s"},
	{"SetSecretPolicy", "SecretName=s Policy={}", "kms:SetSecretPolicy $R:secret/s"},
	{"GetKeyPolicy", "KeyId=$1", "kms:GetKeyPolicy $R:key/$1"},
	{"SetKeyPolicy", "KeyId=$1 Policy={}", "kms:SetKeyPolicy $R:key/$1"},
	{"TagResource", `KeyId=$1 Tags=[{"TagKey":"a","TagValue":"b"}]`, "kms:TagResource $R:key/$1"},
	{"TagResource", `SecretName=s Tags=[{"TagKey":"a","TagValue":"b"}]`, "kms:TagResource $R:secret/s"},
	{"UntagResource", `KeyId=$1 TagKeys=["a"]`, "kms:UntagResource $R:key/$1"},
	{"UntagResource", `SecretName=s TagKeys=["a"]`, "kms:UntagResource $R:secret/s"},
	{"ListResourceTags", "KeyId=$1", "kms:ListResourceTags $R:key/$1"},
	{"TagResources", "ResourceType=key ResourceId.1=$1 ResourceId.2=$2 Tag.1.Key=a Tag.1.Value=b", "kms:TagResources $R:key/$1,kms:TagResources $R:key/$2"},
	{"TagResources", "ResourceType=secret ResourceId.1=s ResourceId.2=d Tag.1.Key=a Tag.1.Value=b", "kms:TagResources $R:secret/s,kms:TagResources $R:secret/d"},
	{"UntagResources", "ResourceType=key ResourceId.1=$2 TagKey.1=a", "kms:UntagResources $R:key/$2"},
	{"ListTagResources", "ResourceType=key ResourceId.1=$1", "kms:ListTagResources $R:key/$1"},
	{"ListTagResources", "ResourceType=key", "kms:ListTagResources $R:key"},
	{"ListTagResources", "ResourceType=secret", "kms:ListTagResources $R:secret"},
	{"LookupEvents", "", "actiontrail:LookupEvents *"},
	{"AssumeRole", "RoleArn=acs:ram::42:role/app RoleSessionName=test", "sts:AssumeRole acs:ram::42:role/app"},
	{"GetCallerIdentity", "", ""},
}
