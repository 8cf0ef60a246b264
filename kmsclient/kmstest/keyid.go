package kmstest

import "strings"

// A keyOperation is an operation that names a key, with what else it needs.
type keyOperation struct {
	name  string
	alias bool     // an alias may stand for the key
	param string   // the parameter that names the key
	more  []string // the other parameters, names and values in turn
}

// keyOperations holds the operations on keys. Their other parameters are valid, and none of them
// changes a key that does not exist.
var keyOperations = []keyOperation{
	{"DescribeKey", true, "KeyId", nil},
	{"Encrypt", true, "KeyId", []string{"Plaintext", "hello"}},
	{"GenerateDataKey", true, "KeyId", nil},
	{"GenerateDataKeyWithoutPlaintext", true, "KeyId", nil},
	{"CreateKeyVersion", true, "KeyId", nil},
	{"DescribeKeyVersion", true, "KeyId", []string{"KeyVersionId", absentKey}},
	{"ListKeyVersions", true, "KeyId", nil},
	{"UpdateKeyDescription", false, "KeyId", []string{"Description", "kmstest"}},
	{"EnableKey", false, "KeyId", nil},
	{"DisableKey", false, "KeyId", nil},
	{"ScheduleKeyDeletion", false, "KeyId", []string{"PendingWindowInDays", "7"}},
	{"CancelKeyDeletion", false, "KeyId", nil},
	{"UpdateRotationPolicy", false, "KeyId", []string{"EnableAutomaticRotation", "false"}},
	{"ListAliasesByKeyId", false, "KeyId", nil},
	{"CreateAlias", false, "KeyId", []string{"AliasName", "alias/kmstest/never-made"}},
	{"GetParametersForImport", false, "KeyId", []string{"WrappingKeySpec", "RSA_2048", "WrappingAlgorithm", "RSAES_OAEP_SHA_256"}},
	{"ImportKeyMaterial", false, "KeyId", []string{"EncryptedKeyMaterial", "AAAA", "ImportToken", "AAAA"}},
	{"DeleteKeyMaterial", false, "KeyId", nil},
	{"GenerateAndExportDataKey", true, "KeyId", []string{"PublicKeyBlob", sm2ExampleKey, "WrappingKeySpec", "EC_SM2", "WrappingAlgorithm", "SM2PKE"}},
	{"AsymmetricSign", true, "KeyId", []string{"KeyVersionId", absentKey, "Algorithm", "SM2DSA", "Digest", digest}},
	{"AsymmetricVerify", true, "KeyId", []string{"KeyVersionId", absentKey, "Algorithm", "SM2DSA", "Digest", digest, "Value", "AAAA"}},
	{"AsymmetricEncrypt", true, "KeyId", []string{"KeyVersionId", absentKey, "Algorithm", "SM2PKE", "Plaintext", "AAAA"}},
	{"AsymmetricDecrypt", true, "KeyId", []string{"KeyVersionId", absentKey, "Algorithm", "SM2PKE", "CiphertextBlob", "AAAA"}},
	{"GetPublicKey", true, "KeyId", []string{"KeyVersionId", absentKey}},
}

// with returns the parameters of the operation for a key.
func (o *keyOperation) with(key string) []string { return append([]string{o.param, key}, o.more...) }

// keyIDChecks are those of what names a key.
func keyIDChecks() []check {
	var checks []check
	for _, o := range keyOperations {
		checks = append(checks,
			check{o.name + ": without " + o.param + " it is MissingParameter " + o.param, func(k *kit) {
				k.refused("MissingParameter "+o.param, o.name, o.more...)
			}},
			check{o.name + ": an empty " + o.param + " is MissingParameter " + o.param, func(k *kit) {
				k.refused("MissingParameter "+o.param, o.name, o.with("")...)
			}},
			check{o.name + ": an unknown key is Forbidden.KeyNotFound", func(k *kit) {
				k.refused("Forbidden.KeyNotFound", o.name, o.with(absentKey)...)
			}},
		)
		if o.alias {
			checks = append(checks, check{o.name + ": an unknown alias is Forbidden.AliasNotFound", func(k *kit) {
				k.refused("Forbidden.AliasNotFound", o.name, o.with(newAliasName())...)
			}})
		} else {
			checks = append(checks, check{o.name + ": an alias is Unsupported.Alias, known or not", func(k *kit) {
				k.refused("Unsupported.Alias", o.name, o.with(newAliasName())...)
				k.refused("Unsupported.Alias", o.name, o.with(k.fixtureAlias())...)
			}})
		}
	}

	return append(checks,
		check{"KeyId: an alias stands for its key, and the answer names the key", func(k *kit) {
			for _, call := range [][]string{
				{"Encrypt", "Plaintext", "hello"}, {"GenerateDataKey"}, {"GenerateDataKeyWithoutPlaintext"},
			} {
				k.equal("KeyId of "+call[0], k.ok(call[0], append([]string{"KeyId", k.fixtureAlias()}, call[1:]...)...).str("KeyId"), k.enabled())
			}
			k.equal("KeyId of DescribeKey", k.metadata(k.fixtureAlias()).str("KeyId"), k.enabled())
		}},
		check{"KeyId: the ARN of a key stands for it", func(k *kit) {
			arn := k.arn("key/" + k.enabled())
			k.equal("KeyId of DescribeKey", k.metadata(arn).str("KeyId"), k.enabled())
			k.equal("KeyId of Encrypt", k.ok("Encrypt", "KeyId", arn, "Plaintext", "hello").str("KeyId"), k.enabled())
			k.ok("UpdateKeyDescription", "KeyId", arn, "Description", "")
		}},
		check{"KeyId: the ARN of an alias stands for the alias", func(k *kit) {
			arn := k.arn(k.fixtureAlias())
			k.equal("KeyId of DescribeKey", k.metadata(arn).str("KeyId"), k.enabled())
			k.refused("Unsupported.Alias", "EnableKey", "KeyId", arn)
			k.refused("Forbidden.AliasNotFound", "DescribeKey", "KeyId", k.arn(newAliasName()))
		}},
		check{"KeyId: the ARN of another region is Forbidden.KeyNotFound", func(k *kit) {
			if k.target.OtherRegion == "" {
				k.Skip("the target has no other region")
			}
			arn := k.arn("key/" + k.enabled())
			k.refused("Forbidden.KeyNotFound", "DescribeKey", "KeyId", strings.Replace(arn, k.region, k.target.OtherRegion, 1))
		}},
		check{"KeyId: the ARN of another account is Forbidden.KeyNotFound", func(k *kit) {
			arn := strings.Split(k.arn("key/"+k.enabled()), ":")
			arn[3] = "1000000000000009"
			k.refused("Forbidden.KeyNotFound", "DescribeKey", "KeyId", strings.Join(arn, ":"))
		}},
		check{"KeyId: whatever is malformed is Forbidden.KeyNotFound", func(k *kit) {
			for _, id := range []string{
				"x", " " + k.enabled(), strings.ToUpper(k.enabled()) + "X", "acs:kms:", "acs:ecs:" + k.region + ":1:key/" + k.enabled(),
				"key/" + k.enabled(), "*", strings.Repeat("k", 5000), "\xff", "\x00", "../" + k.enabled(),
			} {
				k.refused("Forbidden.KeyNotFound", "DescribeKey", "KeyId", id)
			}
		}},
		check{"KeyId: a key of another region is Forbidden.KeyNotFound", func(k *kit) {
			k.in(k.target.OtherRegion).refused("Forbidden.KeyNotFound", "DescribeKey", "KeyId", k.enabled())
		}},
	)
}

// fixtureAlias returns an alias of the shared key, which no check changes.
func (k *kit) fixtureAlias() string {
	k.Helper()
	name := k.region + "/alias"
	if k.store.fixtures[name] == "" {
		k.store.fixtures[name] = k.alias(k.enabled())
	}
	return k.store.fixtures[name]
}
