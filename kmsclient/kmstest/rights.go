package kmstest

// powerless returns the kit as it is to a user without rights. It skips the check if the target has none.
func (k *kit) powerless() *kit {
	k.Helper()
	if k.target.Powerless == nil {
		k.Skip("the target has no user without rights")
	}
	other := newKit(k.T, k.target.Powerless(k.T))
	other.region, other.store = k.region, k.store
	return other
}

// rightsChecks are those of where in the order of checks rights are asked for.
func rightsChecks() []check {
	const denied = "Forbidden.NoPermission"
	return []check{
		{"Rights: without them every operation on a key is Forbidden.NoPermission", func(k *kit) {
			nobody := k.powerless()
			key, version := k.pair("EC_SM2", signVerify)
			for _, o := range keyOperations {
				nobody.refused(denied, o.name, o.with(key)...)
			}
			nobody.refused(denied, "Decrypt", "CiphertextBlob", k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello").str("CiphertextBlob"))
			nobody.refused(denied, "GetPublicKey", "KeyId", key, "KeyVersionId", version)
			nobody.refused(denied, "SetDeletionProtection", "KeyId", key, "EnableDeletionProtection", "true")
			for _, name := range []string{"CreateKey", "ListKeys", "ListAliases", "DescribeAccountKmsStatus", "OpenKmsService"} {
				nobody.refused(denied, name)
			}
		}},
		{"Rights: DescribeRegions needs none", func(k *kit) { k.powerless().ok("DescribeRegions") }},
		{"Rights: what is missing or not valid is told before", func(k *kit) {
			nobody := k.powerless()
			nobody.refused("MissingParameter Plaintext", "Encrypt", "KeyId", k.enabled())
			nobody.refused("InvalidParameter EncryptionContext", "Encrypt", "KeyId", k.enabled(), "Plaintext", "hello", "EncryptionContext", "a=1")
			nobody.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", "hello")
		}},
		{"Rights: an alias is looked for before", func(k *kit) {
			nobody := k.powerless()
			nobody.refused("Forbidden.AliasNotFound", "Encrypt", "KeyId", newAliasName(), "Plaintext", "hello")
			nobody.refused("Forbidden.AliasNotFound", "UpdateAlias", "AliasName", newAliasName(), "KeyId", k.enabled())
			nobody.refused("Unsupported.Alias", "EnableKey", "KeyId", newAliasName())
			nobody.refused("Forbidden.KeyNotFound", "Decrypt", "CiphertextBlob", encode(append([]byte(absentKey), make([]byte, 40)...)))
		}},
		{"Rights: a key is looked for after, by its id", func(k *kit) {
			nobody := k.powerless()
			nobody.refused(denied, "DescribeKey", "KeyId", absentKey)
			nobody.refused(denied, "Encrypt", "KeyId", absentKey, "Plaintext", "hello")
		}},
		{"Rights: kind and state of the key are looked at after", func(k *kit) {
			nobody := k.powerless()
			nobody.refused(denied, "Encrypt", "KeyId", k.fixture("Disabled"), "Plaintext", "hello")
			nobody.refused(denied, "CancelKeyDeletion", "KeyId", k.enabled())
			nobody.refused(denied, "CreateKeyVersion", "KeyId", k.enabled())
			nobody.refused(denied, "CreateAlias", "AliasName", k.fixtureAlias(), "KeyId", k.enabled())
		}},
	}
}
