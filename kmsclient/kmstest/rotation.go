package kmstest

import (
	"fmt"
	"strings"
	"time"
)

// rotationChecks are those of versions, of the rotation of symmetric keys and of descriptions.
func rotationChecks() []check {
	rotating := func(k *kit, interval string) string {
		k.Helper()
		return k.key("EnableAutomaticRotation", "true", "RotationInterval", interval)
	}
	count := func(k *kit, key string) int {
		k.Helper()
		return k.number(k.ok("ListKeyVersions", "KeyId", key), "TotalCount")
	}
	checks := []check{
		{"ListKeyVersions: a new symmetric key has one version, its primary one", func(k *kit) {
			m := k.metadata(k.enabled())
			d := k.ok("ListKeyVersions", "KeyId", k.enabled())
			k.equal("TotalCount", k.number(d, "TotalCount"), 1)
			k.equal("KeyVersionId", d.str("KeyVersions.KeyVersion.0.KeyVersionId"), m.str("PrimaryKeyVersion"))
			k.equal("KeyId", d.str("KeyVersions.KeyVersion.0.KeyId"), k.enabled())
			k.equal("CreationDate", d.str("KeyVersions.KeyVersion.0.CreationDate"), m.str("CreationDate"))
		}},
		{"ListKeyVersions: by an alias it is the list of the key", func(k *kit) {
			d := k.ok("ListKeyVersions", "KeyId", k.fixtureAlias())
			k.equal("KeyId", d.str("KeyVersions.KeyVersion.0.KeyId"), k.enabled())
		}},
		{"DescribeKeyVersion: it tells key, version and date", func(k *kit) {
			m := k.metadata(k.enabled())
			for _, key := range []string{k.enabled(), k.fixtureAlias()} {
				d := k.ok("DescribeKeyVersion", "KeyId", key, "KeyVersionId", m.str("PrimaryKeyVersion"))
				k.equal("KeyId", d.str("KeyVersion.KeyId"), k.enabled())
				k.equal("KeyVersionId", d.str("KeyVersion.KeyVersionId"), m.str("PrimaryKeyVersion"))
				k.equal("CreationDate", d.str("KeyVersion.CreationDate"), m.str("CreationDate"))
			}
		}},
		{"DescribeKeyVersion: in every state", func(k *kit) {
			for _, state := range states[:3] {
				version := k.metadata(k.fixture(state)).str("PrimaryKeyVersion")
				k.ok("DescribeKeyVersion", "KeyId", k.fixture(state), "KeyVersionId", version)
			}
		}},
		{"DescribeKeyVersion: an unknown version is Forbidden.KeyVersionNotFound", func(k *kit) {
			k.refused("Forbidden.KeyVersionNotFound", "DescribeKeyVersion", "KeyId", k.enabled(), "KeyVersionId", absentKey)
			k.refused("Forbidden.KeyVersionNotFound", "DescribeKeyVersion", "KeyId", k.enabled(), "KeyVersionId", "x")
		}},
		{"DescribeKeyVersion: a version of another key is Forbidden.KeyVersionNotFound", func(k *kit) {
			version := k.metadata(k.fixture("Disabled")).str("PrimaryKeyVersion")
			k.refused("Forbidden.KeyVersionNotFound", "DescribeKeyVersion", "KeyId", k.enabled(), "KeyVersionId", version)
		}},
		{"DescribeKeyVersion: without KeyVersionId it is MissingParameter KeyVersionId", func(k *kit) {
			k.refused("MissingParameter KeyVersionId", "DescribeKeyVersion", "KeyId", k.enabled())
		}},
		{"CreateKeyVersion: a symmetric key is Rejected.UnsupportedOperation, by an alias too", func(k *kit) {
			k.refused("Rejected.UnsupportedOperation", "CreateKeyVersion", "KeyId", k.fixtureAlias())
		}},
		{"UpdateRotationPolicy: it sets the policy, counted from the last rotation", func(k *kit) {
			id := k.key()
			k.ok("UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "true", "RotationInterval", "30d")
			m := k.metadata(id)
			k.equal("AutomaticRotation", m.str("AutomaticRotation"), "Enabled")
			k.equal("RotationInterval", m.str("RotationInterval"), "2592000s")
			k.equal("time to the next rotation", k.date(m.str("NextRotationDate")).Sub(k.date(m.str("LastRotationDate"))), 30*day)
		}},
		{"UpdateRotationPolicy: false removes the policy, with its dates", func(k *kit) {
			id := rotating(k, "30d")
			k.ok("UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "false")
			m := k.metadata(id)
			k.equal("AutomaticRotation", m.str("AutomaticRotation"), "Disabled")
			for _, name := range []string{"RotationInterval", "NextRotationDate"} {
				if _, has := m[name]; has {
					k.Errorf("%s is %v", name, m[name])
				}
			}
		}},
		{"UpdateRotationPolicy: an interval with false is ignored, whatever it is", func(k *kit) {
			k.ok("UpdateRotationPolicy", "KeyId", k.enabled(), "EnableAutomaticRotation", "false", "RotationInterval", "nonsense")
		}},
		{"UpdateRotationPolicy: booleans may be in any case", func(k *kit) {
			id := k.key()
			k.ok("UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "True", "RotationInterval", "30d")
			k.equal("AutomaticRotation", k.metadata(id).str("AutomaticRotation"), "Enabled")
			k.ok("UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "FALSE")
			k.equal("AutomaticRotation", k.metadata(id).str("AutomaticRotation"), "Disabled")
		}},
		{"UpdateRotationPolicy: what is missing is told", func(k *kit) {
			k.refused("MissingParameter EnableAutomaticRotation", "UpdateRotationPolicy", "KeyId", k.enabled())
			k.refused("MissingParameter RotationInterval", "UpdateRotationPolicy", "KeyId", k.enabled(), "EnableAutomaticRotation", "true")
		}},
		{"UpdateRotationPolicy: an EXTERNAL key that waits for its material is Rejected.PendingImport, before its origin", func(k *kit) {
			k.refused(pendingImport, "UpdateRotationPolicy", "KeyId", k.fixture("PendingImport"), "EnableAutomaticRotation", "true", "RotationInterval", "30d")
		}},
		{"Rotation: when it is due there is a new primary version, dated so", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			before := k.metadata(id)
			k.advance(7*day + time.Hour)
			after := k.metadata(id)
			if after.str("PrimaryKeyVersion") == before.str("PrimaryKeyVersion") {
				k.Error("the primary version is the old one")
			}
			k.equal("LastRotationDate", after.str("LastRotationDate"), before.str("NextRotationDate"))
			k.equal("time to the next rotation", k.date(after.str("NextRotationDate")).Sub(k.date(after.str("LastRotationDate"))), 7*day)
			k.equal("CreationDate", after.str("CreationDate"), before.str("CreationDate"))
			k.equal("versions", count(k, id), 2)
		}},
		{"Rotation: not a second before it is due", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			k.advance(7*day - time.Minute)
			k.equal("versions", count(k, id), 1)
			k.advance(time.Minute)
			k.equal("versions", count(k, id), 2)
		}},
		{"Rotation: encryption takes the new version, and the old one still opens", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			old := k.ok("Encrypt", "KeyId", id, "Plaintext", "old")
			k.advance(8 * day)
			primary := k.metadata(id).str("PrimaryKeyVersion")
			k.equal("KeyVersionId of Encrypt", k.ok("Encrypt", "KeyId", id, "Plaintext", "new").str("KeyVersionId"), primary)
			opened := k.ok("Decrypt", "CiphertextBlob", old.str("CiphertextBlob"))
			k.equal("KeyVersionId of Decrypt", opened.str("KeyVersionId"), old.str("KeyVersionId"))
			k.equal("Plaintext", opened.str("Plaintext"), "old")
		}},
		{"Rotation: ReEncrypt moves an old ciphertext to the new version", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			old := k.ok("Encrypt", "KeyId", id, "Plaintext", "moved").str("CiphertextBlob")
			k.advance(8 * day)
			moved := k.ok("ReEncrypt", "CiphertextBlob", old, "DestinationKeyId", id).str("CiphertextBlob")
			opened := k.ok("Decrypt", "CiphertextBlob", moved)
			k.equal("KeyVersionId", opened.str("KeyVersionId"), k.metadata(id).str("PrimaryKeyVersion"))
			k.equal("Plaintext", opened.str("Plaintext"), "moved")
		}},
		{"Rotation: a long time makes a version for each interval, listed newest first", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			first := k.date(k.metadata(id).str("CreationDate"))
			k.advance(29 * day)
			d := k.ok("ListKeyVersions", "KeyId", id)
			k.equal("TotalCount", k.number(d, "TotalCount"), 5)
			for i := range 5 {
				k.equal(fmt.Sprintf("date of version %d", i), k.date(d.str(fmt.Sprintf("KeyVersions.KeyVersion.%d.CreationDate", i))), first.Add(time.Duration(4-i)*7*day))
			}
			k.equal("the first listed", d.str("KeyVersions.KeyVersion.0.KeyVersionId"), k.metadata(id).str("PrimaryKeyVersion"))
		}},
		{"Rotation: a policy whose next date is past already rotates at once, dated now", func(k *kit) {
			k.needsTime()
			id := k.key()
			k.advance(40 * day)
			now := k.date(k.metadata(k.key()).str("CreationDate"))
			k.ok("UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "true", "RotationInterval", "30d")
			m := k.metadata(id)
			k.equal("versions", count(k, id), 2)
			if rotated := k.date(m.str("LastRotationDate")).Sub(now); rotated < 0 || rotated > time.Minute {
				k.Errorf("it is dated %v after now", rotated)
			}
		}},
		{"Rotation: a disabled key does not rotate; what was missed is made up for by one version when it is enabled", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			k.ok("DisableKey", "KeyId", id)
			k.advance(30 * day)
			k.equal("versions", count(k, id), 1)
			k.ok("EnableKey", "KeyId", id)
			k.equal("versions", count(k, id), 2)
			k.advance(7 * day)
			k.equal("versions", count(k, id), 3)
		}},
		{"Rotation: a removed policy rotates nothing", func(k *kit) {
			k.needsTime()
			id := rotating(k, "7d")
			k.ok("UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "false")
			k.advance(30 * day)
			k.equal("versions", count(k, id), 1)
		}},
		{"Rotation: it moves neither the alias nor the description nor the state", func(k *kit) {
			k.needsTime()
			id := k.key("EnableAutomaticRotation", "true", "RotationInterval", "7d", "Description", "stays")
			alias := k.alias(id)
			k.advance(8 * day)
			m := k.metadata(alias)
			k.equal("KeyId", m.str("KeyId"), id)
			k.equal("Description", m.str("Description"), "stays")
			k.equal("KeyState", m.str("KeyState"), "Enabled")
		}},
		{"UpdateKeyDescription: it replaces the description", func(k *kit) {
			id := k.key("Description", "before")
			k.ok("UpdateKeyDescription", "KeyId", id, "Description", "after")
			k.equal("Description", k.metadata(id).str("Description"), "after")
		}},
		{"UpdateKeyDescription: an empty description, where it is sent, clears it", func(k *kit) {
			id := k.key("Description", "before")
			k.ok("UpdateKeyDescription", "KeyId", id, "Description", "")
			k.equal("Description", k.metadata(id).str("Description"), "")
		}},
		{"UpdateKeyDescription: without Description it is MissingParameter Description", func(k *kit) {
			k.refused("MissingParameter Description", "UpdateKeyDescription", "KeyId", k.enabled())
		}},
		{"UpdateKeyDescription: 8193 characters are InvalidParameter Description", func(k *kit) {
			k.refused("InvalidParameter Description", "UpdateKeyDescription", "KeyId", k.enabled(), "Description", strings.Repeat("x", 8193))
		}},
	}
	for _, interval := range []string{"6d", "731d", "30", "d", "30 d", "1w"} {
		checks = append(checks, check{"UpdateRotationPolicy: an interval of " + interval + " is InvalidParameter RotationInterval", func(k *kit) {
			k.refused("InvalidParameter RotationInterval", "UpdateRotationPolicy", "KeyId", k.enabled(), "EnableAutomaticRotation", "true", "RotationInterval", interval)
		}})
	}
	for _, boolean := range []string{"yes", "1", "0", "on", " true"} {
		checks = append(checks, check{"UpdateRotationPolicy: EnableAutomaticRotation " + boolean + " is InvalidParameter EnableAutomaticRotation", func(k *kit) {
			k.refused("InvalidParameter EnableAutomaticRotation", "UpdateRotationPolicy", "KeyId", k.enabled(), "EnableAutomaticRotation", boolean)
		}})
	}
	return checks
}
