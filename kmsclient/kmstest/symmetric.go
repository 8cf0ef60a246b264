package kmstest

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// symmetricChecks are those of Encrypt and Decrypt.
func symmetricChecks() []check {
	encrypt := func(k *kit, plaintext string) string {
		k.Helper()
		return k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", plaintext).str("CiphertextBlob")
	}
	opensTo := func(k *kit, want, blob string, pairs ...string) {
		k.Helper()
		k.equal("Plaintext", k.ok("Decrypt", append([]string{"CiphertextBlob", blob}, pairs...)...).str("Plaintext"), want)
	}
	checks := []check{
		{"Encrypt: the answer names the key and its primary version", func(k *kit) {
			d := k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello")
			k.equal("KeyId", d.str("KeyId"), k.enabled())
			k.equal("KeyVersionId", d.str("KeyVersionId"), k.metadata(k.enabled()).str("PrimaryKeyVersion"))
		}},
		{"Decrypt: the answer names the key and the version that opened", func(k *kit) {
			sealed := k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello")
			opened := k.ok("Decrypt", "CiphertextBlob", sealed.str("CiphertextBlob"))
			k.equal("KeyId", opened.str("KeyId"), k.enabled())
			k.equal("KeyVersionId", opened.str("KeyVersionId"), sealed.str("KeyVersionId"))
		}},
		{"Encrypt: the blob is base64 of the version's id, a nonce of 12 bytes, the ciphertext and a tag of 16", func(k *kit) {
			d := k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello world")
			blob := k.decode(d.str("CiphertextBlob"))
			k.equal("length of the blob", len(blob), 36+12+len("hello world")+16)
			k.equal("first 36 bytes", string(blob[:36]), d.str("KeyVersionId"))
		}},
		{"Encrypt: the same twice gives different blobs", func(k *kit) {
			first := encrypt(k, "hello")
			if encrypt(k, "hello") == first {
				k.Error("they are equal")
			}
		}},
		{"Encrypt: without Plaintext it is MissingParameter Plaintext", func(k *kit) {
			k.refused("MissingParameter Plaintext", "Encrypt", "KeyId", k.enabled())
			k.refused("MissingParameter Plaintext", "Encrypt", "KeyId", k.enabled(), "Plaintext", "")
		}},
		{"Encrypt: what is missing is told in the order of the parameters, before what is not valid", func(k *kit) {
			k.refused("MissingParameter KeyId", "Encrypt")
			k.refused("MissingParameter Plaintext", "Encrypt", "KeyId", absentKey, "EncryptionContext", "no JSON")
		}},
		{"Encrypt: what is not valid is told before the key is looked for", func(k *kit) {
			k.refused("InvalidParameter EncryptionContext", "Encrypt", "KeyId", absentKey, "Plaintext", "hello", "EncryptionContext", "no JSON")
		}},
		{"Encrypt: a plaintext that is not UTF-8 is InvalidParameter Plaintext", func(k *kit) {
			k.refused("InvalidParameter Plaintext", "Encrypt", "KeyId", k.enabled(), "Plaintext", "a\xffb")
		}},
		{"Encrypt: 6145 bytes are InvalidParameter Plaintext", func(k *kit) {
			k.refused("InvalidParameter Plaintext", "Encrypt", "KeyId", k.enabled(), "Plaintext", strings.Repeat("x", 6145))
			k.refused("InvalidParameter Plaintext", "Encrypt", "KeyId", k.enabled(), "Plaintext", strings.Repeat("é", 3073))
		}},
		{"Encrypt: an HSM key of SM4 encrypts and opens", func(k *kit) {
			id := k.key("ProtectionLevel", "HSM", "KeySpec", "Aliyun_SM4")
			d := k.ok("Encrypt", "KeyId", id, "Plaintext", "hello", "EncryptionContext", `{"a":"b"}`)
			opened := k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"a":"b"}`)
			k.equal("Plaintext", opened.str("Plaintext"), "hello")
			k.equal("KeyId", opened.str("KeyId"), id)
		}},
		{"Decrypt: without CiphertextBlob it is MissingParameter CiphertextBlob", func(k *kit) {
			k.refused("MissingParameter CiphertextBlob", "Decrypt")
			k.refused("MissingParameter CiphertextBlob", "Decrypt", "CiphertextBlob", "", "EncryptionContext", "no JSON")
		}},
		{"Decrypt: a KeyId that is sent is ignored", func(k *kit) {
			opensTo(k, "hello", encrypt(k, "hello"), "KeyId", absentKey)
		}},
		{"Decrypt: a blob opens in other folds and without its line feed", func(k *kit) {
			blob := encrypt(k, "hello")
			for _, spelling := range []string{blob + "\n", "\r\n" + blob, blob[:20] + "\n" + blob[20:], " " + blob + "\t"} {
				opensTo(k, "hello", spelling)
			}
		}},
		{"Decrypt: a blob that is decoded and encoded again opens", func(k *kit) {
			opensTo(k, "hello", base64.StdEncoding.EncodeToString(k.decode(encrypt(k, "hello"))))
		}},
		{"Decrypt: a blob opens any number of times", func(k *kit) {
			blob := encrypt(k, "hello")
			for range 3 {
				opensTo(k, "hello", blob)
			}
		}},
		{"Decrypt: what is no base64 is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := encrypt(k, "hello")
			for _, bad := range []string{"!", "hello world!", blob[:len(blob)-1], blob + "=", strings.Repeat("=", 8), "张三", "\xff", "-_" + blob[2:]} {
				k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", bad)
			}
		}},
		{"Decrypt: a blob without room for a version and a nonce is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := k.decode(encrypt(k, "hello"))
			for _, n := range []int{1, 12, 36, 48} {
				k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", base64.StdEncoding.EncodeToString(blob[:n]))
			}
		}},
		{"Decrypt: a blob that is cut short is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := k.decode(encrypt(k, "hello"))
			for _, n := range []int{49, 63, 64, len(blob) - 1} {
				k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", base64.StdEncoding.EncodeToString(blob[:n]))
			}
		}},
		{"Decrypt: a blob with more at its end is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := k.decode(encrypt(k, "hello"))
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", base64.StdEncoding.EncodeToString(append(blob, 0)))
		}},
		{"Decrypt: one bit changed behind the version is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := k.decode(encrypt(k, "hello"))
			for i := 36; i < len(blob); i++ {
				changed := append([]byte(nil), blob...)
				changed[i] ^= 1 << (i % 8)
				k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", base64.StdEncoding.EncodeToString(changed))
			}
		}},
		{"Decrypt: a blob of no version there is is Forbidden.KeyNotFound", func(k *kit) {
			blob := k.decode(encrypt(k, "hello"))
			copy(blob, absentKey)
			k.refused("Forbidden.KeyNotFound", "Decrypt", "CiphertextBlob", base64.StdEncoding.EncodeToString(blob))
		}},
		{"Decrypt: a blob under the version of another key is InvalidParameter CiphertextBlob", func(k *kit) {
			blob := k.decode(encrypt(k, "hello"))
			copy(blob, k.metadata(k.key()).str("PrimaryKeyVersion"))
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", base64.StdEncoding.EncodeToString(blob))
		}},
		{"Decrypt: a blob of another region is Forbidden.KeyNotFound", func(k *kit) {
			k.in(k.target.OtherRegion).refused("Forbidden.KeyNotFound", "Decrypt", "CiphertextBlob", encrypt(k, "hello"))
		}},
	}
	for _, t := range []struct{ rule, plaintext string }{
		{"one byte", "x"},
		{"a text that is not base64", "plaintext"},
		{"base64, which is not decoded", "aGVsbG8="},
		{"base64 without its padding", "aGVsbG8"},
		{"the text of a PEM file", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"},
		{"blanks and line feeds at both ends", " \r\n\thello\t\r\n "},
		{"what queries are made of", "a=b&c=d+e%20f;g#h?i/j*~!'()"},
		{"letters of other scripts", "张三 é ß 🔑"},
		{"control characters", "\x00\x01\x1f\x7f"},
		{"markup", "<a href=\"x\">&amp;\u2028</a>"},
		{"JSON", `{"a":["b",1,null]}`},
		{"6144 bytes", strings.Repeat("x", 6144)},
		{"6144 bytes that are escaped on the wire", strings.Repeat("é", 3072)},
	} {
		checks = append(checks, check{"Decrypt: it gives back " + t.rule, func(k *kit) { opensTo(k, t.plaintext, encrypt(k, t.plaintext)) }})
	}
	return checks
}

// contextChecks are those of the encryption context.
func contextChecks() []check {
	with := func(k *kit, context string) string {
		k.Helper()
		return k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello", "EncryptionContext", context).str("CiphertextBlob")
	}
	var checks []check
	for _, t := range []struct{ rule, context, other string }{
		{"the same text", `{"a":"1","b":"2"}`, `{"a":"1","b":"2"}`},
		{"another order", `{"a":"1","b":"2"}`, `{"b":"2","a":"1"}`},
		{"other white space", `{"a":"1","b":"2"}`, " {\t\"a\" : \"1\",\n\"b\":\r\n\"2\" } "},
		{"escapes", `{"a":"<é>/"}`, `{"\u0061":"\u003c\u00E9>\/"}`},
		{"surrogates", `{"a":"🔑"}`, `{"a":"\ud83d\udd11"}`},
		{"a key twice, of which the last counts", `{"a":"2"}`, `{"a":"1","a":"2"}`},
		{"empty key and value", `{"":"","a":""}`, `{"a":"","":""}`},
		{"no context: absent and {}", ``, `{}`},
		{"no context: {} and null", `{ }`, ` null `},
		{"letters of other scripts", `{"所有者":"张三"}`, `{"所有者":"张三"}`},
	} {
		checks = append(checks, check{"EncryptionContext: a blob opens under " + t.rule, func(k *kit) {
			for _, pair := range [][2]string{{t.context, t.other}, {t.other, t.context}} {
				k.equal("Plaintext", k.ok("Decrypt", "CiphertextBlob", with(k, pair[0]), "EncryptionContext", pair[1]).str("Plaintext"), "hello")
			}
		}})
	}
	for _, t := range []struct{ rule, context, other string }{
		{"no context", `{"a":"1"}`, ``},
		{"a context where there was none", ``, `{"a":"1"}`},
		{"another value", `{"a":"1"}`, `{"a":"2"}`},
		{"another key", `{"a":"1"}`, `{"b":"1"}`},
		{"a pair more", `{"a":"1"}`, `{"a":"1","b":"2"}`},
		{"a pair fewer", `{"a":"1","b":"2"}`, `{"a":"1"}`},
		{"values exchanged", `{"a":"1","b":"2"}`, `{"a":"2","b":"1"}`},
		{"a value in other letters", `{"a":"x"}`, `{"a":"X"}`},
		{"a value with a blank", `{"a":"x"}`, `{"a":"x "}`},
		{"an empty pair", ``, `{"":""}`},
		{"a text that is equal when it is normalised", "{\"a\":\"é\"}", "{\"a\":\"e\u0301\"}"},
		{"pairs that are equal when they are joined by = and &", `{"a":"1&b=2"}`, `{"a":"1","b":"2"}`},
		{"a key and value that are equal when they are joined", `{"ab":"c"}`, `{"a":"bc"}`},
	} {
		checks = append(checks, check{"EncryptionContext: under " + t.rule + " it is InvalidParameter CiphertextBlob", func(k *kit) {
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", with(k, t.context), "EncryptionContext", t.other)
		}})
	}
	for _, t := range []struct{ rule, context string }{
		{"no JSON", `a=1`},
		{"a list", `[{"a":"1"}]`},
		{"a text", `"a"`},
		{"a number", `1`},
		{"a number as value", `{"a":1}`},
		{"a boolean as value", `{"a":true}`},
		{"null as value", `{"a":null}`},
		{"an object as value", `{"a":{"b":"c"}}`},
		{"a list as value", `{"a":["b"]}`},
		{"a key without quotes", `{a:"1"}`},
		{"single quotes", `{'a':'1'}`},
		{"a comma too many", `{"a":"1",}`},
		{"more after the object", `{"a":"1"}x`},
		{"two objects", `{"a":"1"}{"b":"2"}`},
		{"an object without its end", `{"a":"1"`},
		{"half a surrogate pair", `{"a":"\ud83d"}`},
		{"a control character", "{\"a\":\"\n\"}"},
		{"text that is not UTF-8", "{\"a\":\"\xff\"}"},
		{"8193 characters", contextOf(8193)},
	} {
		checks = append(checks, check{"EncryptionContext: " + t.rule + " is InvalidParameter EncryptionContext, in every operation", func(k *kit) {
			blob := k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello").str("CiphertextBlob")
			k.refused("InvalidParameter EncryptionContext", "Encrypt", "KeyId", k.enabled(), "Plaintext", "hello", "EncryptionContext", t.context)
			k.refused("InvalidParameter EncryptionContext", "Decrypt", "CiphertextBlob", blob, "EncryptionContext", t.context)
			k.refused("InvalidParameter EncryptionContext", "GenerateDataKey", "KeyId", k.enabled(), "EncryptionContext", t.context)
			k.refused("InvalidParameter EncryptionContext", "GenerateDataKeyWithoutPlaintext", "KeyId", k.enabled(), "EncryptionContext", t.context)
			k.refused("InvalidParameter SourceEncryptionContext", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.enabled(), "SourceEncryptionContext", t.context)
			k.refused("InvalidParameter DestinationEncryptionContext", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k.enabled(), "DestinationEncryptionContext", t.context)
		}})
	}
	return append(checks, check{"EncryptionContext: 8192 characters are allowed, of any number of bytes", func(k *kit) {
		context := contextOf(8192)
		k.equal("Plaintext", k.ok("Decrypt", "CiphertextBlob", with(k, context), "EncryptionContext", context).str("Plaintext"), "hello")
	}})
}

// contextOf returns an encryption context of n characters, most of them three bytes long.
func contextOf(n int) string {
	return fmt.Sprintf(`{"a":"%s"}`, strings.Repeat("境", n-len(`{"a":""}`)))
}

// decode decodes base64 of the service. It ends the test if it is none.
func (k *kit) decode(text string) []byte {
	k.Helper()
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		k.Fatalf("no standard base64: %v", err)
	}
	return b
}
