package kmstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm4"
)

// materialChecks are those of the life of imported material.
func materialChecks() []check {
	encrypt := func(k *kit, key string) string {
		k.Helper()
		return k.ok("Encrypt", "KeyId", key, "Plaintext", "hello").str("CiphertextBlob")
	}
	opens := func(k *kit, blob string) {
		k.Helper()
		k.equal("Plaintext", k.ok("Decrypt", "CiphertextBlob", blob).str("Plaintext"), "hello")
	}
	other := bytes.Repeat([]byte{0x5a}, 32)
	checks := []check{
		{"Material: imported without a date it never expires", func(k *kit) {
			for _, set := range [][]string{nil, {"KeyMaterialExpireUnix", "0"}} {
				m := k.metadata(k.imported(bytesOf(32), set...))
				k.equal("MaterialExpireTime", m.str("MaterialExpireTime"), "")
				k.equal("Origin", m.str("Origin"), "EXTERNAL")
			}
		}},
		{"Material: its date is told", func(k *kit) {
			seconds, date := k.unixIn(10 * day)
			k.equal("MaterialExpireTime", k.metadata(k.imported(bytesOf(32), "KeyMaterialExpireUnix", seconds)).str("MaterialExpireTime"), date)
		}},
		{"Material: on its date it is deleted, and the key waits for it", func(k *kit) {
			k.needsTime()
			seconds, _ := k.unixIn(day)
			key := k.imported(bytesOf(32), "KeyMaterialExpireUnix", seconds)
			blob := encrypt(k, key)
			k.advance(day - time.Minute)
			opens(k, blob)
			k.advance(time.Minute)
			k.state(key, "PendingImport")
			k.equal("MaterialExpireTime", k.metadata(key).str("MaterialExpireTime"), "")
			k.refused(pendingImport, "Decrypt", "CiphertextBlob", blob)
			k.parcel(key).imports(bytesOf(32))
			k.state(key, "Enabled")
			opens(k, blob)
		}},
		{"Material: imported again it has another date, or none", func(k *kit) {
			k.needsTime()
			soon, _ := k.unixIn(day)
			later, date := k.unixIn(5 * day)
			key := k.imported(bytesOf(32), "KeyMaterialExpireUnix", soon)
			k.parcel(key).imports(bytesOf(32), "KeyMaterialExpireUnix", later)
			k.equal("MaterialExpireTime", k.metadata(key).str("MaterialExpireTime"), date)
			k.advance(2 * day)
			k.state(key, "Enabled")
			k.parcel(key).imports(bytesOf(32))
			k.equal("MaterialExpireTime", k.metadata(key).str("MaterialExpireTime"), "")
			k.advance(10 * day)
			k.state(key, "Enabled")
		}},
		{"Material: after it was deleted the same alone may take its place, and ciphertexts open again", func(k *kit) {
			key := k.imported(bytesOf(32))
			version := k.metadata(key).str("PrimaryKeyVersion")
			blob := encrypt(k, key)
			k.ok("DeleteKeyMaterial", "KeyId", key)
			k.state(key, "PendingImport")
			k.refused(pendingImport, "Decrypt", "CiphertextBlob", blob)
			k.refused(pendingImport, "Encrypt", "KeyId", key, "Plaintext", "hello")
			p := k.parcel(key)
			k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(other)...)
			k.state(key, "PendingImport")
			p.imports(bytesOf(32))
			opens(k, blob)
			k.equal("PrimaryKeyVersion", k.metadata(key).str("PrimaryKeyVersion"), version)
		}},
		{"Material: other material is InvalidKeyMaterial while there is some, and changes nothing", func(k *kit) {
			key := k.imported(bytesOf(32))
			blob := encrypt(k, key)
			k.refused("InvalidKeyMaterial", "ImportKeyMaterial", k.parcel(key).with(other)...)
			opens(k, blob)
		}},
		{"Material: an import that was refused binds nothing", func(k *kit) {
			p := k.parcel(k.external())
			k.refused("InvalidKeyMaterial", "ImportKeyMaterial", p.with(bytesOf(31))...)
			p.imports(other)
		}},
		{"Material: imported into a disabled key it renews the date, and the key stays disabled", func(k *kit) {
			key := k.externalIn("Disabled")
			seconds, date := k.unixIn(10 * day)
			k.parcel(key).imports(bytesOf(32), "KeyMaterialExpireUnix", seconds)
			m := k.metadata(key)
			k.equal("KeyState", m.str("KeyState"), "Disabled")
			k.equal("MaterialExpireTime", m.str("MaterialExpireTime"), date)
		}},
		{"Material: a disabled key that loses it waits for it, and is enabled by the next import", func(k *kit) {
			key := k.externalIn("Disabled")
			k.ok("DeleteKeyMaterial", "KeyId", key)
			k.state(key, "PendingImport")
			k.parcel(key).imports(bytesOf(32))
			k.state(key, "Enabled")
		}},
		{"Material: deleted in PendingDeletion it leaves state and date, and CancelKeyDeletion then has the key wait", func(k *kit) {
			key := k.externalIn("PendingDeletion")
			date := k.metadata(key).str("DeleteDate")
			k.ok("DeleteKeyMaterial", "KeyId", key)
			m := k.metadata(key)
			k.equal("KeyState", m.str("KeyState"), "PendingDeletion")
			k.equal("DeleteDate", m.str("DeleteDate"), date)
			k.ok("CancelKeyDeletion", "KeyId", key)
			k.state(key, "PendingImport")
		}},
		{"Material: that expires in PendingDeletion leaves state and date", func(k *kit) {
			k.needsTime()
			seconds, _ := k.unixIn(day)
			key := k.imported(bytesOf(32), "KeyMaterialExpireUnix", seconds)
			k.ok("ScheduleKeyDeletion", "KeyId", key)
			date := k.metadata(key).str("DeleteDate")
			k.advance(2 * day)
			m := k.metadata(key)
			k.equal("KeyState", m.str("KeyState"), "PendingDeletion")
			k.equal("DeleteDate", m.str("DeleteDate"), date)
			k.equal("MaterialExpireTime", m.str("MaterialExpireTime"), "")
			k.ok("CancelKeyDeletion", "KeyId", key)
			k.state(key, "PendingImport")
		}},
		{"Material: DeleteKeyMaterial may be repeated", func(k *kit) {
			key := k.imported(bytesOf(32))
			k.ok("DeleteKeyMaterial", "KeyId", key)
			k.ok("DeleteKeyMaterial", "KeyId", key)
			k.state(key, "PendingImport")
		}},
		{"Material: CancelKeyDeletion of a key that has it enables the key", func(k *kit) {
			key := k.externalIn("PendingDeletion")
			k.ok("CancelKeyDeletion", "KeyId", key)
			k.state(key, "Enabled")
		}},
		{"Material: two keys with the same do not open each other's ciphertexts", func(k *kit) {
			first, second := k.imported(bytesOf(32)), k.imported(bytesOf(32))
			blob := k.decode(encrypt(k, first))
			forged := append([]byte(k.metadata(second).str("PrimaryKeyVersion")), blob[36:]...)
			k.refused("InvalidParameter CiphertextBlob", "Decrypt", "CiphertextBlob", encode(forged))
		}},
		{"Material: a key that has imported it does not rotate, by policy or by hand", func(k *kit) {
			key := k.imported(bytesOf(32))
			k.refused("Unsupported.Origin", "UpdateRotationPolicy", "KeyId", key, "EnableAutomaticRotation", "true", "RotationInterval", "30d")
			k.refused("Rejected.UnsupportedOperation", "CreateKeyVersion", "KeyId", key)
			k.equal("AutomaticRotation", k.metadata(key).str("AutomaticRotation"), "Disabled")
			k.equal("TotalCount", k.number(k.ok("ListKeyVersions", "KeyId", key), "TotalCount"), 1)
		}},
		{"Material: a key has one version from the beginning on, before its material too", func(k *kit) {
			key := k.external()
			version := k.metadata(key).str("PrimaryKeyVersion")
			k.equal("KeyVersionId", k.ok("ListKeyVersions", "KeyId", key).str("KeyVersions.KeyVersion.0.KeyVersionId"), version)
			k.parcel(key).imports(bytesOf(32))
			k.equal("PrimaryKeyVersion", k.metadata(key).str("PrimaryKeyVersion"), version)
			k.equal("KeyVersionId of Encrypt", k.ok("Encrypt", "KeyId", key, "Plaintext", "hello").str("KeyVersionId"), version)
		}},
		{"Material: at the end of the deletion window the key is gone for imports too", func(k *kit) {
			k.needsTime()
			key := k.imported(bytesOf(32))
			k.ok("ScheduleKeyDeletion", "KeyId", key, "PendingWindowInDays", "7")
			k.advance(7 * day)
			k.refused("Forbidden.KeyNotFound", "ImportKeyMaterial", "KeyId", key, "EncryptedKeyMaterial", "AAAA", "ImportToken", "AAAA")
			k.refused("Forbidden.KeyNotFound", "DeleteKeyMaterial", "KeyId", key)
		}},
	}
	for _, c := range []struct {
		spec string
		key  []byte
		new  func(key []byte) (cipher.Block, error)
	}{
		{"Aliyun_AES_256", bytesOf(32), aes.NewCipher},
		{"Aliyun_SM4", []byte("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"), sm4.NewCipher}, // of the standard's example
	} {
		checks = append(checks, check{"Material: " + c.spec + ": the ciphertext is that of GCM under the material", func(k *kit) {
			key := k.external("KeySpec", c.spec)
			k.parcel(key).imports(c.key)
			const plaintext = "a text of more than one block and less than three"
			blob := k.decode(k.ok("Encrypt", "KeyId", key, "Plaintext", plaintext).str("CiphertextBlob"))
			block, err := c.new(c.key)
			if err != nil {
				k.Fatal(err)
			}
			// GCM encrypts in counter mode, from the nonce and 2 on (NIST SP 800-38D, Section 7.1).
			stream := cipher.NewCTR(block, binary.BigEndian.AppendUint32(bytes.Clone(blob[36:48]), 2))
			opened := make([]byte, len(plaintext))
			stream.XORKeyStream(opened, blob[48:48+len(plaintext)])
			if subtle.ConstantTimeCompare(opened, []byte(plaintext)) != 1 {
				k.Error("it is not")
			}
			k.equal("bytes of the blob", fmt.Sprint(len(blob)), fmt.Sprint(48+len(plaintext)+16))
		}})
	}
	return checks
}
