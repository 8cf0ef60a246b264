package kmstest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// wrappings holds what key material may be wrapped with on its way in.
var wrappings = []struct{ spec, algorithm string }{
	{"RSA_2048", "RSAES_PKCS1_V1_5"}, {"RSA_2048", "RSAES_OAEP_SHA_1"}, {"RSA_2048", "RSAES_OAEP_SHA_256"}, {"EC_SM2", "SM2PKE"},
}

// A parcel is what GetParametersForImport answers: somebody's means to import material into a key.
type parcel struct {
	*kit
	key, algorithm, token string
	public                *publicKey
}

// parcel asks for the means. Without a spec they are those of SM2, which take no time; the key must be in an HSM.
func (k *kit) parcel(key string, wrapping ...string) *parcel {
	k.Helper()
	if wrapping == nil {
		wrapping = []string{"EC_SM2", "SM2PKE"}
	}
	d := k.ok("GetParametersForImport", "KeyId", key, "WrappingKeySpec", wrapping[0], "WrappingAlgorithm", wrapping[1])
	return &parcel{k, key, wrapping[1], d.str("ImportToken"), k.parsePublicKey(wrapping[0], k.decode(d.str("PublicKey")))}
}

// with returns the parameters of ImportKeyMaterial for some material, those in set in place of others.
func (p *parcel) with(material []byte, set ...string) []string {
	p.Helper()
	return append([]string{"KeyId", p.key, "ImportToken", p.token, "EncryptedKeyMaterial", encode(p.encrypt(p.public, p.algorithm, material))}, set...)
}

// imports imports some material.
func (p *parcel) imports(material []byte, set ...string) {
	p.Helper()
	p.ok("ImportKeyMaterial", p.with(material, set...)...)
}

// external makes a key in an HSM that waits for its material.
func (k *kit) external(pairs ...string) string {
	k.Helper()
	return k.key(append([]string{"Origin", "EXTERNAL", "ProtectionLevel", "HSM", "KeySpec", "Aliyun_AES_256"}, pairs...)...)
}

// imported makes a key with imported material.
func (k *kit) imported(material []byte, set ...string) string {
	k.Helper()
	key := k.external()
	k.parcel(key).imports(material, set...)
	return key
}

// externalIn makes a key of EXTERNAL origin in a state.
func (k *kit) externalIn(state string) string {
	k.Helper()
	switch state {
	case "PendingImport":
		return k.external()
	case "Enabled":
		return k.imported(bytesOf(32))
	}
	key := k.imported(bytesOf(32))
	if state == "Disabled" {
		k.ok("DisableKey", "KeyId", key)
	} else {
		k.ok("ScheduleKeyDeletion", "KeyId", key)
	}
	return key
}

// importChecks are those of GetParametersForImport, and of the parameters of ImportKeyMaterial.
func importChecks() []check {
	var checks []check
	for _, w := range wrappings {
		for spec, size := range map[string]int{"Aliyun_AES_256": 32, "Aliyun_SM4": 16} {
			checks = append(checks, check{"ImportKeyMaterial: wrapped for " + w.spec + " by " + w.algorithm + " an " + spec + " key gets its material and is enabled", func(k *kit) {
				key := k.external("KeySpec", spec)
				k.parcel(key, w.spec, w.algorithm).imports(bytesOf(size))
				k.state(key, "Enabled")
				blob := k.ok("Encrypt", "KeyId", key, "Plaintext", "hello").str("CiphertextBlob")
				k.equal("Plaintext", k.ok("Decrypt", "CiphertextBlob", blob).str("Plaintext"), "hello")
			}})
		}
	}
	for i, state := range states {
		checks = append(checks,
			check{"GetParametersForImport: of a key in " + state + " it succeeds", func(k *kit) { k.parcel(k.externalIn(state)) }},
			check{"ImportKeyMaterial: of a key in " + state + " it " + map[bool]string{true: "is " + failed, false: "succeeds"}[i == 2], func(k *kit) {
				p := k.parcel(k.externalIn(state))
				if i == 2 {
					k.refused(failed, "ImportKeyMaterial", p.with(bytesOf(32))...)
					return
				}
				p.imports(bytesOf(32))
			}},
			check{"DeleteKeyMaterial: of a key in " + state + " it succeeds", func(k *kit) {
				key := k.externalIn(state)
				k.ok("DeleteKeyMaterial", "KeyId", key)
				k.state(key, [...]string{"PendingImport", "PendingImport", "PendingDeletion", "PendingImport"}[i])
			}},
		)
	}
	for _, operation := range keyOperations {
		if operation.name != "GetParametersForImport" && operation.name != "ImportKeyMaterial" && operation.name != "DeleteKeyMaterial" {
			continue
		}
		checks = append(checks, check{operation.name + ": a key whose material is the service's is Unsupported.Origin", func(k *kit) {
			k.refused("Unsupported.Origin", operation.name, operation.with(k.enabled())...)
		}})
		for i := 0; i < len(operation.more); i += 2 {
			name := operation.more[i]
			checks = append(checks, check{operation.name + ": without " + name + " it is MissingParameter " + name, func(k *kit) {
				k.refused("MissingParameter "+name, operation.name, append(operation.with(k.fixture("PendingImport")), name, "")...)
			}})
		}
	}
	for _, t := range []struct{ spec, algorithm, want string }{
		{"RSA_2048", "SM2PKE", "InvalidParameter WrappingAlgorithm"},
		{"EC_SM2", "RSAES_OAEP_SHA_256", "InvalidParameter WrappingAlgorithm"},
		{"RSA_2048", "rsaes_oaep_sha_256", "InvalidParameter WrappingAlgorithm"},
		{"RSA_2048", "RSA_PSS_SHA_256", "InvalidParameter WrappingAlgorithm"},
		{"RSA_3072", "RSAES_OAEP_SHA_256", "InvalidParameter WrappingKeySpec"},
		{"rsa_2048", "RSAES_OAEP_SHA_256", "InvalidParameter WrappingKeySpec"},
		{"EC_P256", "SM2PKE", "InvalidParameter WrappingKeySpec"},
	} {
		checks = append(checks, check{"GetParametersForImport: " + t.spec + " with " + t.algorithm + " is " + t.want, func(k *kit) {
			k.refused(t.want, "GetParametersForImport", "KeyId", k.fixture("PendingImport"), "WrappingKeySpec", t.spec, "WrappingAlgorithm", t.algorithm)
		}})
	}
	for _, expires := range []string{"1546272000", "-1", "never", "1.5", "99999999999999999999", "2030-01-01T00:00:00Z"} {
		checks = append(checks, check{"ImportKeyMaterial: KeyMaterialExpireUnix " + expires + " is InvalidParameter KeyMaterialExpireUnix", func(k *kit) {
			k.refused("InvalidParameter KeyMaterialExpireUnix", "ImportKeyMaterial", "KeyId", k.fixture("PendingImport"),
				"EncryptedKeyMaterial", "AAAA", "ImportToken", "AAAA", "KeyMaterialExpireUnix", expires)
		}})
	}
	return append(checks, tokenChecks()...)
}

// tokenChecks are those of what binds an import token, and for how long.
func tokenChecks() []check {
	return []check{
		{"GetParametersForImport: SM2 for a key in software is InvalidParameter WrappingKeySpec", func(k *kit) {
			k.refused("InvalidParameter WrappingKeySpec", "GetParametersForImport", "KeyId", k.fixture("PendingImport"),
				"WrappingKeySpec", "EC_SM2", "WrappingAlgorithm", "SM2PKE")
		}},
		{"GetParametersForImport: SM2 where it is not allowed is InvalidParameter WrappingKeySpec", func(k *kit) {
			k = k.in(k.target.OtherRegion)
			k.refused("InvalidParameter WrappingKeySpec", "GetParametersForImport", "KeyId", k.external(),
				"WrappingKeySpec", "EC_SM2", "WrappingAlgorithm", "SM2PKE")
		}},
		{"GetParametersForImport: it answers a key of RSA_2048 as base64 of DER in one line, and a token of 24 hours", func(k *kit) {
			key := k.fixture("PendingImport")
			d := k.ok("GetParametersForImport", "KeyId", key, "WrappingKeySpec", "RSA_2048", "WrappingAlgorithm", "RSAES_OAEP_SHA_1")
			k.equal("KeyId", d.str("KeyId"), key)
			if strings.ContainsAny(d.str("PublicKey")+d.str("ImportToken"), " \r\n") || d.str("ImportToken") == "" {
				k.Error("a line break, or no token")
			}
			k.decode(d.str("ImportToken"))
			k.parsePublicKey("RSA_2048", k.decode(d.str("PublicKey")))
			now := k.date(k.metadata(k.key()).str("CreationDate"))
			if left := k.date(d.str("TokenExpireTime")).Sub(now); left > day || left < day-time.Minute {
				k.Errorf("the token expires in %v", left)
			}
		}},
		{"GetParametersForImport: each call makes another pair and token, and those before stay good", func(k *kit) {
			key := k.external()
			first, second := k.parcel(key), k.parcel(key)
			if first.token == second.token || encode(first.public.point) == encode(second.public.point) {
				k.Error("two calls answer the same")
			}
			first.imports(bytesOf(32))
			second.imports(bytesOf(32))
		}},
		{"ImportKeyMaterial: a token may be used again", func(k *kit) {
			p := k.parcel(k.external())
			for range 3 {
				p.imports(bytesOf(32))
			}
		}},
		{"ImportKeyMaterial: a token of another pair for the same key is InvalidKeyMaterial: it does not unwrap", func(k *kit) {
			key := k.external()
			p, other := k.parcel(key), k.parcel(key)
			k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(bytesOf(32), "ImportToken", other.token)...)
		}},
		{"ImportKeyMaterial: another key's token is InvalidImportToken", func(k *kit) {
			key := k.external()
			p, other := k.parcel(key), k.parcel(k.external())
			k.refused("InvalidImportToken", "ImportKeyMaterial", p.with(bytesOf(32), "ImportToken", other.token)...)
			k.state(key, "PendingImport")
		}},
		{"ImportKeyMaterial: what is no token, or was changed, is InvalidImportToken", func(k *kit) {
			p := k.parcel(k.external())
			token := k.decode(p.token)
			changed := append([]byte(nil), token...)
			changed[len(changed)/2] ^= 1
			for _, bad := range []string{"token", "AAAA", "!", "张三", strings.Repeat("A", 8000), encode(changed), encode(token[:len(token)-1]), encode(append(token, 0))} {
				k.refused("InvalidImportToken", "ImportKeyMaterial", p.with(bytesOf(32), "ImportToken", bad)...)
			}
		}},
		{"ImportKeyMaterial: after 24 hours a token is ExpiredImportToken", func(k *kit) {
			k.needsTime()
			p := k.parcel(k.external())
			k.advance(day - time.Minute)
			p.imports(bytesOf(32))
			k.advance(time.Minute)
			k.refused("ExpiredImportToken", "ImportKeyMaterial", p.with(bytesOf(32))...)
			k.refused("InvalidImportToken", "ImportKeyMaterial", p.with(bytesOf(32), "ImportToken", "AAAA")...)
			k.refused("ExpiredImportToken", "ImportKeyMaterial", p.with(bytesOf(31))...) // before it is unwrapped
		}},
		{"ImportKeyMaterial: a token is bound to its algorithm", func(k *kit) {
			p := k.parcel(k.external(), "RSA_2048", "RSAES_OAEP_SHA_256")
			p.algorithm = "RSAES_OAEP_SHA_1"
			k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(bytesOf(32))...)
			p.algorithm = "RSAES_PKCS1_V1_5"
			k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(bytesOf(32))...)
			p.algorithm = "RSAES_OAEP_SHA_256"
			p.imports(bytesOf(32))
		}},
		{"ImportKeyMaterial: material of another length is InvalidKeyMaterial", func(k *kit) {
			p := k.parcel(k.external())
			for _, n := range []int{1, 16, 24, 31, 33, 64} {
				k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(bytesOf(n))...)
			}
			sm4 := k.parcel(k.external("KeySpec", "Aliyun_SM4"))
			for _, n := range []int{15, 17, 32} {
				k.refused("InvalidKeyMaterial", "ImportKeyMaterial", sm4.with(bytesOf(n))...)
			}
		}},
		{"ImportKeyMaterial: what does not unwrap is InvalidKeyMaterial, of whatever length", func(k *kit) {
			p := k.parcel(k.external())
			for _, n := range []int{1, 97, 129, 256, 6145} {
				k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(bytesOf(32), "EncryptedKeyMaterial", encode(bytesOf(n)))...)
			}
			rsa := k.parcel(k.external(), "RSA_2048", "RSAES_PKCS1_V1_5")
			for _, n := range []int{1, 255, 256, 257} {
				wrapped := bytesOf(n)
				wrapped[0] = 0 // below the modulus
				k.refused("InvalidKeyMaterial", "ImportKeyMaterial", rsa.with(bytesOf(32), "EncryptedKeyMaterial", encode(wrapped))...)
			}
		}},
		{"ImportKeyMaterial: RSAES_PKCS1_V1_5: a padding that is none is InvalidKeyMaterial", func(k *kit) {
			p := k.parcel(k.external(), "RSA_2048", "RSAES_PKCS1_V1_5")
			for rule, head := range map[string][]byte{"first byte": {1, 2}, "block type, 1": {0, 1}, "block type, 0": {0, 0}} {
				encoded := append(head, bytesOf(254)...)
				for i := 2; i < 223; i++ {
					encoded[i] |= 1 // no zero in the padding
				}
				encoded[223] = 0
				_, err := k.try("ImportKeyMaterial", p.with(bytesOf(32), "EncryptedKeyMaterial", encode(power(p.public.rsa, encoded)))...)
				k.isRefusal("InvalidKeyMaterial", err, "ImportKeyMaterial with another "+rule)
			}
		}},
		{"ImportKeyMaterial: what is no base64 is InvalidParameter EncryptedKeyMaterial, before the key is looked for", func(k *kit) {
			for _, bad := range []string{"!", "AAA", "张三", "=AAA"} {
				k.refused("InvalidParameter EncryptedKeyMaterial", "ImportKeyMaterial", "KeyId", absentKey, "EncryptedKeyMaterial", bad, "ImportToken", "AAAA")
			}
		}},
		{"ImportKeyMaterial: base64 may be folded", func(k *kit) {
			p := k.parcel(k.external())
			pairs := params(p.with(bytesOf(32)))
			k.ok("ImportKeyMaterial", "KeyId", p.key, "ImportToken", pairs["ImportToken"][:64]+"\n"+pairs["ImportToken"][64:]+"\n",
				"EncryptedKeyMaterial", pairs["EncryptedKeyMaterial"][:64]+"\r\n"+pairs["EncryptedKeyMaterial"][64:]+"\n")
		}},
		{"ImportKeyMaterial: the origin is told before the token, and the state too", func(k *kit) {
			k.refused("Unsupported.Origin", "ImportKeyMaterial", "KeyId", k.enabled(), "EncryptedKeyMaterial", "AAAA", "ImportToken", "none")
			k.refused(failed, "ImportKeyMaterial", "KeyId", k.externalIn("PendingDeletion"), "EncryptedKeyMaterial", "AAAA", "ImportToken", "none")
		}},
	}
}

// unixIn returns the time of the service that is so far from now, in seconds since 1970, and as the service tells it.
func (k *kit) unixIn(d time.Duration) (seconds, date string) {
	k.Helper()
	at := k.date(k.metadata(k.key()).str("CreationDate")).Add(d)
	return strconv.FormatInt(at.Unix(), 10), fmt.Sprint(at.Format("2006-01-02T15:04:05Z"))
}
