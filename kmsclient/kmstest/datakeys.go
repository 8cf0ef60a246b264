package kmstest

// dataKeyChecks are those of data keys and of ReEncrypt between symmetric keys.
func dataKeyChecks() []check {
	var checks []check
	for _, t := range []struct {
		rule  string
		bytes int
		pairs []string
	}{
		{"by default", 32, nil},
		{"with KeySpec AES_256", 32, []string{"KeySpec", "AES_256"}},
		{"with KeySpec AES_128", 16, []string{"KeySpec", "AES_128"}},
		{"with NumberOfBytes 1", 1, []string{"NumberOfBytes", "1"}},
		{"with NumberOfBytes 16", 16, []string{"NumberOfBytes", "16"}},
		{"with NumberOfBytes 33", 33, []string{"NumberOfBytes", "33"}},
		{"with NumberOfBytes 1024", 1024, []string{"NumberOfBytes", "1024"}},
		{"with NumberOfBytes 64, whatever KeySpec says", 64, []string{"NumberOfBytes", "64", "KeySpec", "AES_128"}},
		{"with NumberOfBytes 64, even if KeySpec is none", 64, []string{"NumberOfBytes", "64", "KeySpec", "AES_512"}},
	} {
		checks = append(checks,
			check{"GenerateDataKey: " + t.rule + " it is that long, and opens to the same text", func(k *kit) {
				d := k.ok("GenerateDataKey", append([]string{"KeyId", k.enabled()}, t.pairs...)...)
				k.equal("bytes of the data key", len(k.decode(d.str("Plaintext"))), t.bytes)
				opened := k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"))
				if opened.str("Plaintext") != d.str("Plaintext") {
					k.Error("it opens to another text")
				}
				k.equal("KeyId", d.str("KeyId"), k.enabled())
				k.equal("KeyVersionId", d.str("KeyVersionId"), opened.str("KeyVersionId"))
			}},
			check{"GenerateDataKeyWithoutPlaintext: " + t.rule + " it opens to that many bytes, and is not told", func(k *kit) {
				d := k.ok("GenerateDataKeyWithoutPlaintext", append([]string{"KeyId", k.enabled()}, t.pairs...)...)
				if _, has := d["Plaintext"]; has {
					k.Error("the answer has Plaintext")
				}
				opened := k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"))
				k.equal("bytes of the data key", len(k.decode(opened.str("Plaintext"))), t.bytes)
			}},
		)
	}
	for _, operation := range []string{"GenerateDataKey", "GenerateDataKeyWithoutPlaintext"} {
		for _, n := range []string{"0", "-1", "1025", "16.0", "sixteen", "99999999999999999999"} {
			checks = append(checks, check{operation + ": NumberOfBytes " + n + " is InvalidParameter NumberOfBytes", func(k *kit) {
				k.refused("InvalidParameter NumberOfBytes", operation, "KeyId", k.enabled(), "NumberOfBytes", n)
			}})
		}
		for _, spec := range []string{"AES_192", "aes_256", "Aliyun_AES_256"} {
			checks = append(checks, check{operation + ": KeySpec " + spec + " is InvalidParameter KeySpec", func(k *kit) {
				k.refused("InvalidParameter KeySpec", operation, "KeyId", k.enabled(), "KeySpec", spec)
			}})
		}
	}

	reEncrypt := func(k *kit, blob, key string, pairs ...string) doc {
		k.Helper()
		return k.ok("ReEncrypt", append([]string{"CiphertextBlob", blob, "DestinationKeyId", key}, pairs...)...)
	}
	encrypt := func(k *kit, key string, pairs ...string) string {
		k.Helper()
		return k.ok("Encrypt", append([]string{"KeyId", key, "Plaintext", "hello"}, pairs...)...).str("CiphertextBlob")
	}
	return append(checks,
		check{"GenerateDataKey: the blob of 32 bytes is 108 long: the text of the key is what is encrypted", func(k *kit) {
			k.equal("length", len(k.decode(k.ok("GenerateDataKey", "KeyId", k.enabled()).str("CiphertextBlob"))), 108)
		}},
		check{"GenerateDataKey: no two are the same", func(k *kit) {
			first, second := k.ok("GenerateDataKey", "KeyId", k.enabled()), k.ok("GenerateDataKey", "KeyId", k.enabled())
			if first.str("Plaintext") == second.str("Plaintext") || first.str("CiphertextBlob") == second.str("CiphertextBlob") {
				k.Error("two are")
			}
		}},
		check{"GenerateDataKey: the encryption context is bound", func(k *kit) {
			d := k.ok("GenerateDataKey", "KeyId", k.enabled(), "EncryptionContext", `{"tenant":"42"}`)
			k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"tenant":"42"}`)
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", d.str("CiphertextBlob"))
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"tenant":"43"}`)
		}},
		check{"GenerateDataKeyWithoutPlaintext: the encryption context is bound", func(k *kit) {
			d := k.ok("GenerateDataKeyWithoutPlaintext", "KeyId", k.enabled(), "EncryptionContext", `{"tenant":"42"}`)
			k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"tenant":"42"}`)
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", d.str("CiphertextBlob"))
		}},
		check{"ReEncrypt: under another key it opens to the same, and the answer names what opened the source", func(k *kit) {
			source, destination := k.enabled(), k.key()
			d := reEncrypt(k, encrypt(k, source), destination)
			k.equal("KeyId", d.str("KeyId"), source)
			k.equal("KeyVersionId", d.str("KeyVersionId"), k.metadata(source).str("PrimaryKeyVersion"))
			opened := k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"))
			k.equal("Plaintext", opened.str("Plaintext"), "hello")
			k.equal("KeyId of Decrypt", opened.str("KeyId"), destination)
		}},
		check{"ReEncrypt: it tells no plaintext", func(k *kit) {
			if _, has := reEncrypt(k, encrypt(k, k.enabled()), k.enabled())["Plaintext"]; has {
				k.Error("it does")
			}
		}},
		check{"ReEncrypt: under the same key it is another blob", func(k *kit) {
			blob := encrypt(k, k.enabled())
			if reEncrypt(k, blob, k.enabled()).str("CiphertextBlob") == blob {
				k.Error("it is not")
			}
		}},
		check{"ReEncrypt: the destination may be an alias", func(k *kit) {
			d := reEncrypt(k, encrypt(k, k.enabled()), k.fixtureAlias())
			k.equal("KeyId of Decrypt", k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob")).str("KeyId"), k.enabled())
		}},
		check{"ReEncrypt: a data key of 1024 bytes is not too long", func(k *kit) {
			d := k.ok("GenerateDataKey", "KeyId", k.enabled(), "NumberOfBytes", "1024")
			moved := reEncrypt(k, d.str("CiphertextBlob"), k.enabled())
			if k.ok("Decrypt", "CiphertextBlob", moved.str("CiphertextBlob")).str("Plaintext") != d.str("Plaintext") {
				k.Error("it opens to another text")
			}
		}},
		check{"ReEncrypt: it changes the encryption context", func(k *kit) {
			blob := encrypt(k, k.enabled(), "EncryptionContext", `{"a":"1"}`)
			moved := reEncrypt(k, blob, k.enabled(), "SourceEncryptionContext", `{"a":"1"}`, "DestinationEncryptionContext", `{"b":"2"}`).str("CiphertextBlob")
			k.ok("Decrypt", "CiphertextBlob", moved, "EncryptionContext", `{"b":"2"}`)
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", moved, "EncryptionContext", `{"a":"1"}`)
		}},
		check{"ReEncrypt: it drops the encryption context", func(k *kit) {
			blob := encrypt(k, k.enabled(), "EncryptionContext", `{"a":"1"}`)
			k.ok("Decrypt", "CiphertextBlob", reEncrypt(k, blob, k.enabled(), "SourceEncryptionContext", `{"a":"1"}`).str("CiphertextBlob"))
		}},
		check{"ReEncrypt: under another source context it is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := encrypt(k, k.enabled(), "EncryptionContext", `{"a":"1"}`)
			k.refused("InvalidParameter CiphertextBlob", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.enabled())
			k.refused("InvalidParameter CiphertextBlob", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.enabled(),
				"SourceEncryptionContext", `{"a":"2"}`, "DestinationEncryptionContext", `{"a":"1"}`)
		}},
		check{"ReEncrypt: what is missing is told", func(k *kit) {
			k.refused("MissingParameter CiphertextBlob", "ReEncrypt", "DestinationKeyId", k.enabled())
			k.refused("MissingParameter DestinationKeyId", "ReEncrypt", "CiphertextBlob", encrypt(k, k.enabled()))
		}},
		check{"ReEncrypt: an unknown destination is Forbidden.KeyNotFound, an unknown alias Forbidden.AliasNotFound", func(k *kit) {
			blob := encrypt(k, k.enabled())
			k.refused("Forbidden.KeyNotFound", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", absentKey)
			k.refused("Forbidden.AliasNotFound", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", newAliasName())
		}},
		check{"ReEncrypt: the state of the source is told before that of the destination", func(k *kit) {
			source := k.key()
			blob := encrypt(k, source)
			k.refused(disabled, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.fixture("Disabled"))
			k.refused(deletion, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.fixture("PendingDeletion"))
			k.refused(pendingImport, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.fixture("PendingImport"))
			k.ok("DisableKey", "KeyId", source)
			k.refused(disabled, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.fixture("PendingDeletion"))
		}},
		check{"ReEncrypt: a blob that does not open is InvalidParameter CiphertextBlob", func(k *kit) {
			k.refused("InvalidParameter CiphertextBlob", "ReEncrypt", "CiphertextBlob", "hello", "DestinationKeyId", k.enabled())
		}},
	)
}
