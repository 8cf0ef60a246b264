package kmstest

import (
	"strings"
)

// signAlgorithms holds what every spec signs with.
var signAlgorithms = []struct{ spec, name string }{
	{"RSA_2048", "RSA_PSS_SHA_256"}, {"RSA_2048", "RSA_PKCS1_SHA_256"},
	{"RSA_3072", "RSA_PSS_SHA_256"}, {"RSA_3072", "RSA_PKCS1_SHA_256"},
	{"RSA_4096", "RSA_PSS_SHA_256"}, {"RSA_4096", "RSA_PKCS1_SHA_256"},
	{"EC_P256", "ECDSA_SHA_256"}, {"EC_P256K", "ECDSA_SHA_256"}, {"EC_SM2", "SM2DSA"},
}

// encryptAlgorithms holds what every spec encrypts with, the longest plaintext in bytes and the length of its ciphertext.
var encryptAlgorithms = []struct {
	spec, name    string
	longest, size int
}{
	{"RSA_2048", "RSAES_OAEP_SHA_256", 190, 256}, {"RSA_2048", "RSAES_OAEP_SHA_1", 214, 256},
	{"RSA_3072", "RSAES_OAEP_SHA_256", 318, 384}, {"RSA_3072", "RSAES_OAEP_SHA_1", 342, 384},
	{"RSA_4096", "RSAES_OAEP_SHA_256", 446, 512}, {"RSA_4096", "RSAES_OAEP_SHA_1", 470, 512},
	{"EC_SM2", "SM2PKE", 6047, 6144},
}

const (
	signVerify     = "SIGN/VERIFY"
	encryptDecrypt = "ENCRYPT/DECRYPT"
)

// pairSpecs holds the specs of key pairs with the usages that each can have, the default one first.
var pairSpecs = []struct {
	name   string
	usages []string
}{
	{"RSA_2048", []string{encryptDecrypt, signVerify}},
	{"RSA_3072", []string{encryptDecrypt, signVerify}},
	{"RSA_4096", []string{encryptDecrypt, signVerify}},
	{"EC_P256", []string{signVerify}},
	{"EC_P256K", []string{signVerify}},
	{"EC_SM2", []string{encryptDecrypt, signVerify}},
}

// A pairOperation is an operation of key pairs, and its parameters for a key of EC_SM2.
type pairOperation struct {
	name, usage string
	params      []string
}

// digest is that of a sample in the service's guide, SHA-256 of "this is message \r\n".
const digest = "hRP2cuRFSlfEoUXCGuPyi7kZr18VCTZeVOTw0jbUB6w="

// pairOperations holds all of them.
var pairOperations = []pairOperation{
	{"AsymmetricSign", signVerify, []string{"Algorithm", "SM2DSA", "Digest", digest}},
	{"AsymmetricVerify", signVerify, []string{"Algorithm", "SM2DSA", "Digest", digest, "Value", "AAAA"}},
	{"AsymmetricEncrypt", encryptDecrypt, []string{"Algorithm", "SM2PKE", "Plaintext", "AAAA"}},
	{"AsymmetricDecrypt", encryptDecrypt, []string{"Algorithm", "SM2PKE", "CiphertextBlob", "AAAA"}},
	{"GetPublicKey", signVerify, nil},
}

// with returns the parameters of the operation for a version of a key, those in set in place of its own.
func (o *pairOperation) with(key, version string, set ...string) []string {
	all := append([]string{"KeyId", key, "KeyVersionId", version}, o.params...)
	return append(all, set...) // the last of a name counts
}

// newPair makes a key of a spec and usage.
func (k *kit) newPair(spec, usage string) string {
	k.Helper()
	if spec == "RSA_4096" && !k.target.RSA4096 {
		k.Skip("the target has no RSA_4096")
	}
	pairs := []string{"KeySpec", spec, "KeyUsage", usage}
	if spec == "EC_SM2" {
		pairs = append(pairs, "ProtectionLevel", "HSM")
	}
	return k.key(pairs...)
}

// pair returns a key of a spec and usage that checks share, and its version.
func (k *kit) pair(spec, usage string) (key, version string) {
	k.Helper()
	name := k.region + "/" + spec + "/" + usage
	if k.store.fixtures[name] == "" {
		k.store.fixtures[name] = k.newPair(spec, usage)
		k.store.fixtures[name+"/version"] = k.version(k.store.fixtures[name])
	}
	return k.store.fixtures[name], k.store.fixtures[name+"/version"]
}

// version returns the newest version of a key.
func (k *kit) version(key string) string {
	k.Helper()
	return k.ok("ListKeyVersions", "KeyId", key).str("KeyVersions.KeyVersion.0.KeyVersionId")
}

// pairChecks are those of making key pairs, of their public keys, and of what all operations of pairs refuse.
func pairChecks() []check {
	var checks []check
	for _, spec := range pairSpecs {
		for _, usage := range spec.usages {
			checks = append(checks,
				check{"CreateKey: " + spec.name + " for " + usage + " is enabled, and has no primary version and no rotation", func(k *kit) {
					key, version := k.pair(spec.name, usage)
					m := k.metadata(key)
					for name, want := range map[string]string{"KeySpec": spec.name, "KeyUsage": usage, "KeyState": "Enabled", "Origin": "Aliyun_KMS",
						"AutomaticRotation": "Disabled", "LastRotationDate": m.str("CreationDate")} {
						k.equal(name, m.str(name), want)
					}
					if _, has := m["PrimaryKeyVersion"]; has {
						k.Error("it has PrimaryKeyVersion")
					}
					if !isUUID(version) {
						k.Errorf("its version is %q", version)
					}
				}},
				check{"GetPublicKey: " + spec.name + " for " + usage + " is told as PEM of SubjectPublicKeyInfo, in lines of 64", func(k *kit) {
					key, version := k.pair(spec.name, usage)
					d := k.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version)
					k.equal("KeyId", d.str("KeyId"), key)
					k.equal("KeyVersionId", d.str("KeyVersionId"), version)
					lines := strings.Split(d.str("PublicKey"), "\n")
					if len(lines) < 4 || lines[0] != "-----BEGIN PUBLIC KEY-----" || lines[len(lines)-2] != "-----END PUBLIC KEY-----" || lines[len(lines)-1] != "" {
						k.Fatalf("the PEM is %q", d.str("PublicKey"))
					}
					for i, line := range lines[1 : len(lines)-2] {
						if len(line) != 64 && i != len(lines)-4 || len(line) > 64 {
							k.Errorf("line %d has %d characters", i+1, len(line))
						}
					}
					k.publicKey(spec.name, key, version)
				}},
			)
		}
		if len(spec.usages) == 1 {
			checks = append(checks, check{"CreateKey: " + spec.name + " for ENCRYPT/DECRYPT is InvalidParameter KeyUsage", func(k *kit) {
				k.refused("InvalidParameter KeyUsage", "CreateKey", "KeySpec", spec.name, "KeyUsage", encryptDecrypt)
			}})
		}
		checks = append(checks,
			check{"CreateKey: " + spec.name + " of EXTERNAL origin is InvalidParameter Origin", func(k *kit) {
				k.refused("InvalidParameter Origin", "CreateKey", "KeySpec", spec.name, "Origin", "EXTERNAL", "ProtectionLevel", "HSM")
			}},
			check{"CreateKey: " + spec.name + " with rotation is InvalidParameter EnableAutomaticRotation", func(k *kit) {
				k.refused("InvalidParameter EnableAutomaticRotation", "CreateKey", "KeySpec", spec.name, "ProtectionLevel", "HSM",
					"EnableAutomaticRotation", "true", "RotationInterval", "365d")
			}},
		)
		if spec.name == "RSA_3072" || spec.name == "RSA_4096" {
			continue // slow to make, and no other than RSA_2048 in what follows
		}
		checks = append(checks, check{"CreateKey: in an HSM and without KeyUsage " + spec.name + " is for " + spec.usages[0], func(k *kit) {
			m := k.metadata(k.key("KeySpec", spec.name, "ProtectionLevel", "HSM"))
			k.equal("KeyUsage", m.str("KeyUsage"), spec.usages[0])
			k.equal("ProtectionLevel", m.str("ProtectionLevel"), "HSM")
		}})
	}
	for _, o := range pairOperations {
		checks = append(checks, o.checks()...)
	}
	return append(checks,
		check{"CreateKey: EC_SM2 in software is InvalidParameter KeySpec", func(k *kit) {
			k.refused("InvalidParameter KeySpec", "CreateKey", "KeySpec", "EC_SM2")
			k.refused("InvalidParameter KeySpec", "CreateKey", "KeySpec", "EC_SM2", "ProtectionLevel", "SOFTWARE")
		}},
		check{"CreateKey: EC_SM2 is InvalidParameter KeySpec where it is not allowed", func(k *kit) {
			k.in(k.target.OtherRegion).refused("InvalidParameter KeySpec", "CreateKey", "KeySpec", "EC_SM2", "ProtectionLevel", "HSM")
		}},
		check{"CreateKey: EC_P256 in an HSM where there is none is Unsupported.ProtectionLevel", func(k *kit) {
			k.in(k.target.PlainRegion).refused("Unsupported.ProtectionLevel", "CreateKey", "KeySpec", "EC_P256", "ProtectionLevel", "HSM")
		}},
		check{"CreateKey: specs of pairs in other letters are InvalidParameter KeySpec", func(k *kit) {
			for _, spec := range []string{"rsa_2048", "RSA2048", "RSA_1024", "RSA_8192", "EC_P384", "EC_p256", "SM2"} {
				k.refused("InvalidParameter KeySpec", "CreateKey", "KeySpec", spec)
			}
		}},
		check{"GetPublicKey: two keys and two calls: the same key has one public key, another another", func(k *kit) {
			key, version := k.pair("EC_P256", signVerify)
			first := k.ok("GetPublicKey", "KeyId", key, "KeyVersionId", version).str("PublicKey")
			k.equal("the public key, once more", k.ok("GetPublicKey", "KeyId", k.alias(key), "KeyVersionId", version).str("PublicKey"), first)
			other := k.newPair("EC_P256", signVerify)
			if k.ok("GetPublicKey", "KeyId", other, "KeyVersionId", k.version(other)).str("PublicKey") == first {
				k.Error("another key has the same")
			}
		}},
		check{"UpdateRotationPolicy: a key pair is Rejected.UnsupportedOperation", func(k *kit) {
			key, _ := k.pair("EC_P256", signVerify)
			k.refused("Rejected.UnsupportedOperation", "UpdateRotationPolicy", "KeyId", key, "EnableAutomaticRotation", "true", "RotationInterval", "365d")
			k.refused("Rejected.UnsupportedOperation", "UpdateRotationPolicy", "KeyId", key, "EnableAutomaticRotation", "false")
		}},
		check{"Encrypt and data keys: a key pair is UnsupportedOperation", func(k *kit) {
			key, version := k.pair("EC_SM2", encryptDecrypt)
			k.refused("UnsupportedOperation", "Encrypt", "KeyId", key, "Plaintext", "hello")
			k.refused("UnsupportedOperation", "GenerateDataKey", "KeyId", key)
			k.refused("UnsupportedOperation", "GenerateDataKeyWithoutPlaintext", "KeyId", key)
			k.refused("UnsupportedOperation", "GenerateAndExportDataKey", "KeyId", key, "PublicKeyBlob", sm2ExampleKey, "WrappingKeySpec", "EC_SM2", "WrappingAlgorithm", "SM2PKE")
			blob := k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", "hello").str("CiphertextBlob")
			k.refused("UnsupportedOperation", "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", key)
			k.refused("UnsupportedOperation", "Decrypt", "CiphertextBlob", encode(append([]byte(version), k.decode(blob)[36:]...)))
		}},
	)
}

// checks are those of what an operation of pairs refuses whatever its own parameters are.
func (o *pairOperation) checks() []check {
	checks := []check{
		{o.name + ": without KeyVersionId it is MissingParameter KeyVersionId", func(k *kit) {
			key, version := k.pair("EC_SM2", o.usage)
			k.refused("MissingParameter KeyVersionId", o.name, o.with(key, version, "KeyVersionId", "")...)
		}},
		{o.name + ": an unknown version is Forbidden.KeyVersionNotFound, and one of another key", func(k *kit) {
			key, version := k.pair("EC_SM2", o.usage)
			other, otherVersion := k.pair("EC_P256", signVerify)
			k.refused("Forbidden.KeyVersionNotFound", o.name, o.with(key, absentKey)...)
			k.refused("Forbidden.KeyVersionNotFound", o.name, o.with(key, otherVersion)...)
			k.refused("Forbidden.KeyVersionNotFound", o.name, o.with(other, version)...)
		}},
		{o.name + ": a symmetric key is Rejected.UnsupportedOperation", func(k *kit) {
			k.refused("Rejected.UnsupportedOperation", o.name, o.with(k.enabled(), k.metadata(k.enabled()).str("PrimaryKeyVersion"))...)
		}},
		{o.name + ": an alias stands for its key, and the answer names the key", func(k *kit) {
			key, version := k.pair("EC_SM2", o.usage)
			params := o.with(k.alias(key), version)
			if o.name == "AsymmetricDecrypt" {
				params = o.with(k.alias(key), version, "CiphertextBlob", k.ok("AsymmetricEncrypt", "KeyId", key, "KeyVersionId", version,
					"Algorithm", "SM2PKE", "Plaintext", "AAAA").str("CiphertextBlob"))
			}
			d := k.ok(o.name, params...)
			k.equal("KeyId", d.str("KeyId"), key)
			k.equal("KeyVersionId", d.str("KeyVersionId"), version)
		}},
	}
	for _, state := range states[1:3] {
		checks = append(checks, check{o.name + ": of a key in " + state + " it is Rejected." + state, func(k *kit) {
			key := k.newPair("EC_SM2", o.usage)
			version := k.version(key)
			if state == "Disabled" {
				k.ok("DisableKey", "KeyId", key)
			} else {
				k.ok("ScheduleKeyDeletion", "KeyId", key, "PendingWindowInDays", "7")
			}
			k.refused("Rejected."+state, o.name, o.with(key, version)...)
		}})
	}
	if o.params == nil {
		return checks
	}
	other := map[string]string{signVerify: encryptDecrypt, encryptDecrypt: signVerify}[o.usage]
	for i := 0; i < len(o.params); i += 2 {
		name := o.params[i]
		checks = append(checks, check{o.name + ": without " + name + " it is MissingParameter " + name, func(k *kit) {
			key, version := k.pair("EC_SM2", o.usage)
			k.refused("MissingParameter "+name, o.name, o.with(key, version, name, "")...)
		}})
		if name == "Algorithm" {
			continue
		}
		checks = append(checks, check{o.name + ": what is no base64 is InvalidParameter " + name, func(k *kit) {
			key, version := k.pair("EC_SM2", o.usage)
			for _, bad := range []string{"!", "AAA", "AA=A", "=", "-_-_", "张三", "\xff"} {
				k.refused("InvalidParameter "+name, o.name, o.with(key, version, name, bad)...)
			}
		}})
	}
	return append(checks,
		check{o.name + ": a key for " + other + " is Rejected.UnsupportedOperation", func(k *kit) {
			key, version := k.pair("EC_SM2", other)
			k.refused("Rejected.UnsupportedOperation", o.name, o.with(key, version)...)
		}},
		check{o.name + ": an algorithm of another spec, of the other usage or of none is InvalidParameter Algorithm", func(k *kit) {
			key, version := k.pair("EC_SM2", o.usage)
			for _, algorithm := range []string{"RSA_PSS_SHA_256", "RSAES_OAEP_SHA_256", "ECDSA_SHA_256", "RSAES_PKCS1_V1_5", "sm2dsa", "sm2pke", "SM2DSA ",
				"SM3", "SHA_256", map[string]string{signVerify: "SM2PKE", encryptDecrypt: "SM2DSA"}[o.usage]} {
				k.refused("InvalidParameter Algorithm", o.name, o.with(key, version, "Algorithm", algorithm)...)
			}
		}},
	)
}
