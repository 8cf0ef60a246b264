package kmstest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// pairVersionChecks are those of the versions of key pairs.
func pairVersionChecks() []check {
	one := sha256.Sum256([]byte("one"))
	newest := func(k *kit, key string) string {
		k.Helper()
		return k.ok("CreateKeyVersion", "KeyId", key).str("KeyVersion.KeyVersionId")
	}
	checks := []check{
		{"ListKeyVersions: a new key pair has one version, as old as the key", func(k *kit) {
			key, version := k.pair("EC_P256", signVerify)
			d := k.ok("ListKeyVersions", "KeyId", key)
			k.equal("TotalCount", k.number(d, "TotalCount"), 1)
			described := k.ok("DescribeKeyVersion", "KeyId", key, "KeyVersionId", version)
			k.equal("KeyId", described.str("KeyVersion.KeyId"), key)
			k.equal("CreationDate", described.str("KeyVersion.CreationDate"), k.metadata(key).str("CreationDate"))
		}},
		{"CreateKeyVersion: less than 7 days after the key was made it is Rejected.UnsupportedOperation", func(k *kit) {
			k.refused("Rejected.UnsupportedOperation", "CreateKeyVersion", "KeyId", k.newPair("EC_P256", signVerify))
		}},
		{"CreateKeyVersion: after 7 days there is another version, of now, listed first", func(k *kit) {
			k.needsTime()
			key := k.newPair("EC_P256", signVerify)
			first := k.version(key)
			k.advance(7*day - time.Minute)
			k.refused("Rejected.UnsupportedOperation", "CreateKeyVersion", "KeyId", key)
			k.advance(time.Minute)
			d := k.ok("CreateKeyVersion", "KeyId", key)
			second := d.str("KeyVersion.KeyVersionId")
			k.equal("KeyId", d.str("KeyVersion.KeyId"), key)
			if !isUUID(second) || second == first {
				k.Errorf("the new version is %q", second)
			}
			list := k.ok("ListKeyVersions", "KeyId", key)
			k.equal("TotalCount", k.number(list, "TotalCount"), 2)
			k.equal("the first listed", list.str("KeyVersions.KeyVersion.0.KeyVersionId"), second)
			k.equal("the second listed", list.str("KeyVersions.KeyVersion.1.KeyVersionId"), first)
			m := k.metadata(key)
			k.equal("LastRotationDate", m.str("LastRotationDate"), d.str("KeyVersion.CreationDate"))
			if got := k.date(m.str("LastRotationDate")).Sub(k.date(m.str("CreationDate"))); got < 7*day {
				k.Errorf("the version was made %v after the key", got)
			}
			k.refused("Rejected.UnsupportedOperation", "CreateKeyVersion", "KeyId", key) // counted from the new version on
		}},
		{"CreateKeyVersion: an alias stands for the key", func(k *kit) {
			k.needsTime()
			key := k.newPair("EC_P256K", signVerify)
			k.advance(7 * day)
			k.equal("KeyId", k.ok("CreateKeyVersion", "KeyId", k.alias(key)).str("KeyVersion.KeyId"), key)
		}},
		{"CreateKeyVersion: the versions sign independently of each other, and old ones go on", func(k *kit) {
			k.needsTime()
			key := k.newPair("EC_SM2", signVerify)
			old := signer{k, "EC_SM2", "SM2DSA", key, k.version(key)}
			before := old.sign(one[:])
			k.advance(7 * day)
			fresh := old
			fresh.version = newest(k, key)
			old.verifies(true, "the old version's, by the old one", one[:], before)
			old.verifies(true, "the old version's, made now", one[:], old.sign(one[:]))
			fresh.verifies(true, "the new version's", one[:], fresh.sign(one[:]))
			fresh.verifies(false, "the old version's, by the new one", one[:], before)
			if k.publicKey("EC_SM2", key, old.version).verify("SM2DSA", one[:], fresh.sign(one[:])) {
				k.Error("both have one public key")
			}
		}},
		{"CreateKeyVersion: ciphertexts for the old version open with it alone", func(k *kit) {
			k.needsTime()
			key := k.newPair("EC_SM2", encryptDecrypt)
			old := sealer{k, "EC_SM2", "SM2PKE", key, k.version(key)}
			ciphertext := old.seal([]byte("hello"))
			k.advance(7 * day)
			fresh := old
			fresh.version = newest(k, key)
			old.opensTo([]byte("hello"), ciphertext, "the old ciphertext")
			fresh.opensNot(ciphertext, "the old ciphertext")
		}},
		{"CreateKeyVersion: more than 50 are Rejected.LimitExceeded", func(k *kit) {
			k.needsTime()
			k = k.limited(0, 0)
			key := k.newPair("EC_P256", signVerify)
			versions := []string{k.version(key)}
			for range 50 {
				k.advance(7 * day)
				versions = append(versions, newest(k, key))
			}
			k.advance(7 * day)
			k.refused("Rejected.LimitExceeded", "CreateKeyVersion", "KeyId", key)
			slices.Reverse(versions)
			for page, rest := 1, versions; len(rest) > 0; page++ {
				d := k.ok("ListKeyVersions", "KeyId", key, "PageSize", "20", "PageNumber", fmt.Sprint(page))
				k.equal("TotalCount", k.number(d, "TotalCount"), 51)
				n := len(k.list(d, "KeyVersions.KeyVersion"))
				for i := range min(n, len(rest)) {
					k.equal(fmt.Sprintf("version %d of page %d", i, page), d.str(fmt.Sprintf("KeyVersions.KeyVersion.%d.KeyVersionId", i)), rest[i])
				}
				rest = rest[min(max(n, 1), len(rest)):]
			}
		}},
	}
	for _, state := range states[1:3] {
		checks = append(checks, check{"CreateKeyVersion: of a key pair in " + state + " it is Rejected." + state, func(k *kit) {
			key := k.newPair("EC_P256", signVerify)
			if state == "Disabled" {
				k.ok("DisableKey", "KeyId", key)
			} else {
				k.ok("ScheduleKeyDeletion", "KeyId", key)
			}
			k.refused("Rejected."+state, "CreateKeyVersion", "KeyId", key)
			k.ok("ListKeyVersions", "KeyId", key)
			k.ok("DescribeKeyVersion", "KeyId", key, "KeyVersionId", k.version(key))
		}})
	}
	return checks
}
