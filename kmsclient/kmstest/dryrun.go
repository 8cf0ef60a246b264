package kmstest

// needsDryRun skips a check of a parameter that the target does not know.
func (k *kit) needsDryRun() {
	k.Helper()
	if !k.target.DryRun {
		k.Skip("the target does not know DryRun")
	}
}

// dryRunChecks are those of DryRun: a call that is checked, has no effect and is always refused.
func dryRunChecks() []check {
	const would = "DryRunOperationError"
	calls := []struct {
		name   string
		params func(k *kit) []string
	}{
		{"Encrypt", func(k *kit) []string { return []string{"KeyId", k.enabled(), "Plaintext", "hello"} }},
		{"Decrypt", func(k *kit) []string {
			return []string{"CiphertextBlob", k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello").str("CiphertextBlob")}
		}},
		{"GenerateDataKey", func(k *kit) []string { return []string{"KeyId", k.fixtureAlias()} }},
		{"GenerateDataKeyWithoutPlaintext", func(k *kit) []string { return []string{"KeyId", k.enabled()} }},
		{"GenerateAndExportDataKey", func(k *kit) []string { return k.recipient("EC_SM2").with("SM2PKE", "KeyId", k.enabled()) }},
		{"ExportDataKey", func(k *kit) []string {
			return k.recipient("EC_SM2").with("SM2PKE", "CiphertextBlob", k.ok("GenerateDataKey", "KeyId", k.enabled()).str("CiphertextBlob"))
		}},
		{"ReEncrypt", func(k *kit) []string {
			return []string{"DestinationKeyId", k.enabled(), "CiphertextBlob", k.ok("GenerateDataKey", "KeyId", k.enabled()).str("CiphertextBlob")}
		}},
		{"AsymmetricSign", func(k *kit) []string { return k.signer("EC_SM2", "SM2DSA").with("Digest", digest) }},
		{"AsymmetricVerify", func(k *kit) []string { return k.signer("EC_SM2", "SM2DSA").with("Digest", digest, "Value", "AAAA") }},
		{"AsymmetricEncrypt", func(k *kit) []string { return k.sealer("EC_SM2", "SM2PKE").with("Plaintext", "AAAA") }},
		{"AsymmetricDecrypt", func(k *kit) []string {
			s := k.sealer("EC_SM2", "SM2PKE")
			return s.with("CiphertextBlob", encode(s.seal([]byte("hello"))))
		}},
		{"GetPublicKey", func(k *kit) []string {
			key, version := k.pair("EC_SM2", signVerify)
			return []string{"KeyId", key, "KeyVersionId", version}
		}},
	}
	var checks []check
	for _, c := range calls {
		checks = append(checks,
			check{"DryRun: of " + c.name + " that would succeed it is " + would, func(k *kit) {
				k.needsDryRun()
				k.refused(would, c.name, append(c.params(k), "DryRun", "true")...)
				k.ok(c.name, append(c.params(k), "DryRun", "false")...)
			}},
			check{"DryRun: of " + c.name + " without its parameters it is ValidationError", func(k *kit) {
				k.needsDryRun()
				k.refused("ValidationError", c.name, "DryRun", "true")
			}},
			check{"DryRun: of " + c.name + " without rights it is AccessDeniedError", func(k *kit) {
				k.needsDryRun()
				k.powerless().refused("AccessDeniedError", c.name, append(c.params(k), "DryRun", "true")...)
			}},
		)
	}
	return append(checks,
		check{"DryRun: what is not valid is ValidationError", func(k *kit) {
			k.needsDryRun()
			k.refused("ValidationError", "Encrypt", "KeyId", k.enabled(), "Plaintext", "hello", "EncryptionContext", "a=1", "DryRun", "true")
			k.refused("ValidationError", "Decrypt", "CiphertextBlob", "hello", "DryRun", "True")
		}},
		check{"DryRun: a value that is no boolean is InvalidParameter DryRun", func(k *kit) {
			k.needsDryRun()
			k.refused("InvalidParameter DryRun", "Encrypt", "KeyId", k.enabled(), "Plaintext", "hello", "DryRun", "perhaps")
		}},
		check{"DryRun: operations that change something take no notice of it", func(k *kit) {
			k.needsDryRun()
			key := k.key("DryRun", "true")
			k.ok("DisableKey", "KeyId", key, "DryRun", "true")
			k.state(key, "Disabled")
		}},
	)
}
