package kmstest

import "strings"

// protectionChecks are those of deletion protection.
func protectionChecks() []check {
	protect := func(k *kit, key string, pairs ...string) {
		k.Helper()
		k.ok("SetDeletionProtection", append([]string{"KeyId", key, "EnableDeletionProtection", "true"}, pairs...)...)
	}
	checks := []check{
		{"SetDeletionProtection: a new key has none", func(k *kit) {
			m := k.metadata(k.enabled())
			k.equal("DeletionProtection", m.str("DeletionProtection"), "Disabled")
			k.equal("DeletionProtectionDescription", m.str("DeletionProtectionDescription"), "")
		}},
		{"SetDeletionProtection: while it is on, ScheduleKeyDeletion is Rejected.DeletionProtection", func(k *kit) {
			key := k.key()
			protect(k, key, "DeletionProtectionDescription", "the ledger's")
			m := k.metadata(key)
			k.equal("DeletionProtection", m.str("DeletionProtection"), "Enabled")
			k.equal("DeletionProtectionDescription", m.str("DeletionProtectionDescription"), "the ledger's")
			k.refused("Rejected.DeletionProtection", "ScheduleKeyDeletion", "KeyId", key)
			k.state(key, "Enabled")
			k.ok("SetDeletionProtection", "KeyId", key, "EnableDeletionProtection", "false", "DeletionProtectionDescription", "ignored")
			m = k.metadata(key)
			k.equal("DeletionProtection", m.str("DeletionProtection"), "Disabled")
			k.equal("DeletionProtectionDescription", m.str("DeletionProtectionDescription"), "")
			k.ok("ScheduleKeyDeletion", "KeyId", key)
		}},
		{"SetDeletionProtection: it may be repeated, and the last description counts", func(k *kit) {
			key := k.key()
			protect(k, key, "DeletionProtectionDescription", "one")
			protect(k, key, "DeletionProtectionDescription", "two")
			k.equal("DeletionProtectionDescription", k.metadata(key).str("DeletionProtectionDescription"), "two")
			protect(k, key)
			k.equal("DeletionProtectionDescription", k.metadata(key).str("DeletionProtectionDescription"), "")
			for range 2 {
				k.ok("SetDeletionProtection", "KeyId", key, "EnableDeletionProtection", "false")
			}
		}},
		{"SetDeletionProtection: the key may be named by its ARN, which counts before KeyId", func(k *kit) {
			key := k.key()
			k.ok("SetDeletionProtection", "ProtectedResourceArn", k.arn("key/"+key), "EnableDeletionProtection", "true")
			k.equal("DeletionProtection", k.metadata(key).str("DeletionProtection"), "Enabled")
			k.ok("SetDeletionProtection", "ProtectedResourceArn", k.arn("key/"+key), "KeyId", absentKey, "EnableDeletionProtection", "false")
			k.equal("DeletionProtection", k.metadata(key).str("DeletionProtection"), "Disabled")
		}},
		{"SetDeletionProtection: without ARN and KeyId it is MissingParameter ProtectedResourceArn", func(k *kit) {
			k.refused("MissingParameter ProtectedResourceArn", "SetDeletionProtection", "EnableDeletionProtection", "true")
		}},
		{"SetDeletionProtection: without EnableDeletionProtection it is MissingParameter EnableDeletionProtection", func(k *kit) {
			k.refused("MissingParameter EnableDeletionProtection", "SetDeletionProtection", "KeyId", k.enabled())
		}},
		{"SetDeletionProtection: what is no boolean is InvalidParameter EnableDeletionProtection", func(k *kit) {
			for _, bad := range []string{"yes", "1", "tru"} {
				k.refused("InvalidParameter EnableDeletionProtection", "SetDeletionProtection", "KeyId", k.enabled(), "EnableDeletionProtection", bad)
			}
		}},
		{"SetDeletionProtection: what is no ARN of a key is InvalidParameter ProtectedResourceArn", func(k *kit) {
			for _, bad := range []string{k.enabled(), k.arn("alias/x"), k.arn("key/"), "acs:ecs:" + k.region + ":1:key/x", "arn"} {
				k.refused("InvalidParameter ProtectedResourceArn", "SetDeletionProtection", "ProtectedResourceArn", bad, "EnableDeletionProtection", "true")
			}
		}},
		{"SetDeletionProtection: an unknown key is Forbidden.KeyNotFound, an alias Unsupported.Alias", func(k *kit) {
			k.refused("Forbidden.KeyNotFound", "SetDeletionProtection", "KeyId", absentKey, "EnableDeletionProtection", "true")
			k.refused("Forbidden.KeyNotFound", "SetDeletionProtection", "ProtectedResourceArn", k.arn("key/"+absentKey), "EnableDeletionProtection", "true")
			k.refused("Unsupported.Alias", "SetDeletionProtection", "KeyId", k.fixtureAlias(), "EnableDeletionProtection", "true")
		}},
		{"SetDeletionProtection: a description of 8193 characters is InvalidParameter DeletionProtectionDescription", func(k *kit) {
			key := k.key()
			protect(k, key, "DeletionProtectionDescription", strings.Repeat("描", 8192))
			k.refused("InvalidParameter DeletionProtectionDescription", "SetDeletionProtection", "KeyId", key, "EnableDeletionProtection", "true",
				"DeletionProtectionDescription", strings.Repeat("描", 8193))
		}},
		{"SetDeletionProtection: it leaves all but deletion as it is", func(k *kit) {
			key := k.key()
			protect(k, key)
			k.ok("DisableKey", "KeyId", key)
			k.ok("EnableKey", "KeyId", key)
			k.ok("Encrypt", "KeyId", key, "Plaintext", "hello")
			k.equal("DeletionProtection", k.metadata(key).str("DeletionProtection"), "Enabled")
		}},
	}
	for _, state := range states {
		rule := "SetDeletionProtection: of a key in " + state + " it "
		if state == "PendingDeletion" {
			checks = append(checks, check{rule + "is " + deletion, func(k *kit) {
				k.refused(deletion, "SetDeletionProtection", "KeyId", k.fixture(state), "EnableDeletionProtection", "true")
			}})
			continue
		}
		checks = append(checks, check{rule + "succeeds", func(k *kit) { protect(k, k.keyIn(state)) }})
	}
	return checks
}
