package kmstest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
)

// A recipient is somebody with a key pair, to whom data keys are exported.
type recipient struct {
	spec, public string // base64 of SubjectPublicKeyInfo
	rsa          *rsa.PrivateKey
	sm2          *sm2.PrivateKey
}

// recipient returns the one whom checks share.
func (k *kit) recipient(spec string) *recipient {
	k.Helper()
	if r := k.store.recipients[spec]; r != nil {
		return r
	}
	r := &recipient{spec: spec}
	var err error
	if spec == "RSA_2048" {
		if r.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			k.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&r.rsa.PublicKey)
		if err != nil {
			k.Fatal(err)
		}
		r.public = encode(der)
	} else {
		if r.sm2, err = sm2.GenerateKey(rand.Reader); err != nil {
			k.Fatal(err)
		}
		point, err := sm2.PublicKeyToECDH(&r.sm2.PublicKey)
		if err != nil {
			k.Fatal(err)
		}
		example := k.decode(sm2ExampleKey) // another point of the same curve
		r.public = encode(append(example[:len(example)-65], point.Bytes()...))
	}
	k.store.recipients[spec] = r
	return r
}

// with returns the parameters of an export by an algorithm.
func (r *recipient) with(algorithm string, pairs ...string) []string {
	return append([]string{"PublicKeyBlob", r.public, "WrappingKeySpec", r.spec, "WrappingAlgorithm", algorithm}, pairs...)
}

// open returns the data key that was exported.
func (k *kit) open(r *recipient, algorithm, exported string) []byte {
	k.Helper()
	var dataKey []byte
	var err error
	if r.rsa != nil {
		dataKey, err = rsa.DecryptOAEP(oaepHash(algorithm)(), nil, r.rsa, k.decode(exported), nil)
	} else {
		dataKey, err = r.sm2.Decrypt(nil, k.decode(exported), nil)
	}
	if err != nil {
		k.Fatalf("%s: %v", algorithm, err)
	}
	return dataKey
}

// exports holds how data keys are exported, and the longest that can be.
var exports = []struct {
	spec, algorithm string
	longest         int
}{
	{"RSA_2048", "RSAES_OAEP_SHA_256", 190}, {"RSA_2048", "RSAES_OAEP_SHA_1", 214}, {"EC_SM2", "SM2PKE", 1024},
}

// exportChecks are those of ExportDataKey and GenerateAndExportDataKey.
func exportChecks() []check {
	var checks []check
	for _, e := range exports {
		prefix := e.spec + " by " + e.algorithm
		checks = append(checks,
			check{"ExportDataKey: to " + prefix + ": it opens to the bytes of the data key, and names what opened the blob", func(k *kit) {
				r := k.recipient(e.spec)
				for _, n := range []string{"8", "32", fmt.Sprint(e.longest)} {
					d := k.ok("GenerateDataKey", "KeyId", k.enabled(), "NumberOfBytes", n)
					exported := k.ok("ExportDataKey", r.with(e.algorithm, "CiphertextBlob", d.str("CiphertextBlob"))...)
					k.equal("KeyId", exported.str("KeyId"), k.enabled())
					k.equal("KeyVersionId", exported.str("KeyVersionId"), d.str("KeyVersionId"))
					if encode(k.open(r, e.algorithm, exported.str("ExportedDataKey"))) != d.str("Plaintext") {
						k.Errorf("another data key than that of %s bytes", n)
					}
					if _, has := exported["Plaintext"]; has {
						k.Error("the answer has Plaintext")
					}
				}
			}},
			check{"GenerateAndExportDataKey: to " + prefix + ": it opens to what the blob opens to, and is not told", func(k *kit) {
				r := k.recipient(e.spec)
				for n, pairs := range map[int][]string{32: nil, 16: {"KeySpec", "AES_128"}, 8: {"NumberOfBytes", "8"}, e.longest: {"NumberOfBytes", fmt.Sprint(e.longest), "KeySpec", "none"}} {
					d := k.ok("GenerateAndExportDataKey", r.with(e.algorithm, append(pairs, "KeyId", k.fixtureAlias())...)...)
					k.equal("KeyId", d.str("KeyId"), k.enabled())
					dataKey := k.open(r, e.algorithm, d.str("ExportedDataKey"))
					k.equal("bytes of the data key", len(dataKey), n)
					opened := k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob"))
					k.equal("KeyVersionId", d.str("KeyVersionId"), opened.str("KeyVersionId"))
					if opened.str("Plaintext") != encode(dataKey) {
						k.Error("the blob opens to another data key")
					}
					if _, has := d["Plaintext"]; has {
						k.Error("the answer has Plaintext")
					}
				}
			}},
		)
		if e.longest == 1024 {
			continue
		}
		tooLong := fmt.Sprint(e.longest + 1)
		checks = append(checks, check{"ExportDataKey: to " + prefix + " " + tooLong + " bytes are too long", func(k *kit) {
			r := k.recipient(e.spec)
			k.refused("InvalidParameter NumberOfBytes", "GenerateAndExportDataKey", r.with(e.algorithm, "KeyId", k.enabled(), "NumberOfBytes", tooLong)...)
			blob := k.ok("GenerateDataKey", "KeyId", k.enabled(), "NumberOfBytes", tooLong).str("CiphertextBlob")
			k.refused("InvalidParameter CiphertextBlob", "ExportDataKey", r.with(e.algorithm, "CiphertextBlob", blob)...)
		}})
	}
	toSM2 := func(k *kit, pairs ...string) []string { return k.recipient("EC_SM2").with("SM2PKE", pairs...) }
	operations := []struct {
		name   string
		source func(k *kit) []string
	}{
		{"ExportDataKey", func(k *kit) []string {
			return []string{"CiphertextBlob", k.ok("GenerateDataKey", "KeyId", k.enabled()).str("CiphertextBlob")}
		}},
		{"GenerateAndExportDataKey", func(k *kit) []string { return []string{"KeyId", k.enabled()} }},
	}
	for _, o := range operations {
		for _, name := range []string{"PublicKeyBlob", "WrappingAlgorithm", "WrappingKeySpec"} {
			checks = append(checks, check{o.name + ": without " + name + " it is MissingParameter " + name, func(k *kit) {
				k.refused("MissingParameter "+name, o.name, append(toSM2(k, o.source(k)...), name, "")...)
			}})
		}
		for _, t := range []struct{ spec, algorithm, want string }{
			{"RSA_2048", "RSAES_PKCS1_V1_5", "InvalidParameter WrappingAlgorithm"},
			{"RSA_2048", "SM2PKE", "InvalidParameter WrappingAlgorithm"},
			{"EC_SM2", "RSAES_OAEP_SHA_256", "InvalidParameter WrappingAlgorithm"},
			{"RSA_3072", "RSAES_OAEP_SHA_256", "InvalidParameter WrappingKeySpec"},
			{"ec_sm2", "SM2PKE", "InvalidParameter WrappingKeySpec"},
		} {
			checks = append(checks, check{o.name + ": " + t.spec + " with " + t.algorithm + " is " + t.want, func(k *kit) {
				k.refused(t.want, o.name, append(toSM2(k, o.source(k)...), "WrappingKeySpec", t.spec, "WrappingAlgorithm", t.algorithm)...)
			}})
		}
		checks = append(checks,
			check{o.name + ": a PublicKeyBlob that is none of the spec is InvalidParameter PublicKeyBlob", func(k *kit) {
				example := k.decode(sm2ExampleKey)
				offCurve := append([]byte(nil), example...)
				offCurve[len(offCurve)-1] ^= 1
				text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: example}))
				for what, blob := range map[string]string{
					"no base64": "!", "PEM": text, "base64 of PEM": encode([]byte(text)), "one byte": "AA==", "another spec's": k.recipient("RSA_2048").public,
					"cut": encode(example[:len(example)-1]), "a byte more": encode(append(example[:len(example):len(example)], 0)), "off the curve": encode(offCurve),
				} {
					_, err := k.try(o.name, append(toSM2(k, o.source(k)...), "PublicKeyBlob", blob)...)
					k.isRefusal("InvalidParameter PublicKeyBlob", err, o.name+" for "+what)
				}
				rsa := k.recipient("RSA_2048")
				k.refused("InvalidParameter PublicKeyBlob", o.name, append(rsa.with("RSAES_OAEP_SHA_1", o.source(k)...), "PublicKeyBlob", sm2ExampleKey)...)
			}},
			check{o.name + ": the encryption context is bound", func(k *kit) {
				d := k.ok("GenerateAndExportDataKey", toSM2(k, "KeyId", k.enabled(), "EncryptionContext", `{"a":"1"}`)...)
				k.ok("ExportDataKey", toSM2(k, "CiphertextBlob", d.str("CiphertextBlob"), "EncryptionContext", `{"a":"1"}`)...)
				k.refused("InvalidParameter CiphertextBlob", "ExportDataKey", toSM2(k, "CiphertextBlob", d.str("CiphertextBlob"))...)
				k.refused("InvalidParameter EncryptionContext", o.name, append(toSM2(k, o.source(k)...), "EncryptionContext", "a=1")...)
			}},
		)
	}
	for i, state := range states[1:] {
		want := [...]string{disabled, deletion, pendingImport}[i]
		checks = append(checks, check{"ExportDataKey: of a key in " + state + " it is " + want + ", and so is GenerateAndExportDataKey", func(k *kit) {
			key := k.externalIn("Enabled")
			blob := k.ok("GenerateDataKey", "KeyId", key).str("CiphertextBlob")
			switch state {
			case "Disabled":
				k.ok("DisableKey", "KeyId", key)
			case "PendingDeletion":
				k.ok("ScheduleKeyDeletion", "KeyId", key)
			default:
				k.ok("DeleteKeyMaterial", "KeyId", key)
			}
			k.refused(want, "ExportDataKey", toSM2(k, "CiphertextBlob", blob)...)
			k.refused(want, "GenerateAndExportDataKey", toSM2(k, "KeyId", key)...)
		}})
	}
	return append(checks,
		check{"ExportDataKey: a text that is no base64 is exported as it is", func(k *kit) {
			r := k.recipient("EC_SM2")
			for _, text := range []string{"hello, world", "AAAA=", "AAA"} {
				blob := k.ok("Encrypt", "KeyId", k.enabled(), "Plaintext", text).str("CiphertextBlob")
				k.equal("what was exported", string(k.open(r, "SM2PKE", k.ok("ExportDataKey", toSM2(k, "CiphertextBlob", blob)...).str("ExportedDataKey"))), text)
			}
		}},
		check{"ExportDataKey: what is no blob is InvalidParameter CiphertextBlob, of no version here Forbidden.KeyNotFound", func(k *kit) {
			k.refused("InvalidParameter CiphertextBlob", "ExportDataKey", toSM2(k, "CiphertextBlob", "hello")...)
			k.refused("Forbidden.KeyNotFound", "ExportDataKey", toSM2(k, "CiphertextBlob", encode(append([]byte(absentKey), make([]byte, 40)...)))...)
			k.refused("MissingParameter CiphertextBlob", "ExportDataKey", toSM2(k)...)
		}},
		check{"GenerateAndExportDataKey: sizes are those of GenerateDataKey", func(k *kit) {
			for _, n := range []string{"0", "-1", "1025", "x"} {
				k.refused("InvalidParameter NumberOfBytes", "GenerateAndExportDataKey", toSM2(k, "KeyId", k.enabled(), "NumberOfBytes", n)...)
			}
			k.refused("InvalidParameter KeySpec", "GenerateAndExportDataKey", toSM2(k, "KeyId", k.enabled(), "KeySpec", "AES_192")...)
		}},
	)
}
