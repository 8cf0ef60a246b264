package kmstest

import (
	"slices"
	"strings"
)

// serviceAlias is the alias of the key that the service of the checks has.
const serviceAlias = "alias/acs/oss"

// serviceKey returns the key of a cloud service, OSS. It skips the check if the target makes none.
func (k *kit) serviceKey() string {
	k.Helper()
	if k.target.ServiceKey == nil {
		k.Skip("the target makes no keys for cloud services")
	}
	id, err := k.target.ServiceKey(k.region, "OSS")
	if err != nil {
		k.Fatal(err)
	}
	return id
}

// serviceKeyChecks are those of keys that cloud services have in the account.
func serviceKeyChecks() []check {
	checks := []check{
		{"Service keys: the creator is the service, and its alias leads to the key", func(k *kit) {
			id := k.serviceKey()
			m := k.metadata(serviceAlias)
			for name, want := range map[string]string{"KeyId": id, "Creator": "OSS", "KeyState": "Enabled", "Origin": "Aliyun_KMS", "AutomaticRotation": "Disabled"} {
				k.equal(name, m.str(name), want)
			}
			k.equal("TotalCount", k.number(k.ok("ListKeyVersions", "KeyId", id), "TotalCount"), 1)
		}},
		{"Service keys: they and their aliases are listed, and told apart by CreatorType", func(k *kit) {
			id := k.serviceKey()
			for creator, want := range map[string]bool{"Service": true, "User": false} {
				d := k.ok("ListKeys", "PageSize", "100", "Filters", `[{"Key":"CreatorType","Values":["`+creator+`"]}]`)
				ids := []string{}
				for _, entry := range k.list(d, "Keys.Key") {
					ids = append(ids, doc(entry.(map[string]any)).str("KeyId"))
				}
				if slices.Contains(ids, id) != want && k.number(d, "TotalCount") <= 100 {
					k.Errorf("CreatorType %s lists it: %v", creator, !want)
				}
			}
			d := k.ok("ListAliasesByKeyId", "KeyId", id)
			k.equal("AliasName", d.str("Aliases.Alias.0.AliasName"), serviceAlias)
		}},
		{"Service keys: the account may encrypt and decrypt with one", func(k *kit) {
			k.serviceKey()
			d := k.ok("GenerateDataKey", "KeyId", serviceAlias)
			if k.ok("Decrypt", "CiphertextBlob", d.str("CiphertextBlob")).str("Plaintext") != d.str("Plaintext") {
				k.Error("it opens to another text")
			}
		}},
		{"Service keys: UpdateAlias and DeleteAlias of their alias are UnsupportedOperation", func(k *kit) {
			id := k.serviceKey()
			k.refused("UnsupportedOperation", "UpdateAlias", "AliasName", serviceAlias, "KeyId", k.enabled())
			k.refused("UnsupportedOperation", "DeleteAlias", "AliasName", serviceAlias)
			k.equal("KeyId", k.metadata(serviceAlias).str("KeyId"), id)
		}},
		{"Service keys: an alias of the account onto one is UnsupportedOperation", func(k *kit) {
			id := k.serviceKey()
			k.refused("UnsupportedOperation", "CreateAlias", "AliasName", newAliasName(), "KeyId", id)
			k.refused("UnsupportedOperation", "UpdateAlias", "AliasName", k.fixtureAlias(), "KeyId", id)
		}},
		{"Service keys: CreateKeyVersion and UpdateRotationPolicy are Rejected.UnsupportedOperation", func(k *kit) {
			id := k.serviceKey()
			k.refused("Rejected.UnsupportedOperation", "CreateKeyVersion", "KeyId", id)
			k.refused("Rejected.UnsupportedOperation", "UpdateRotationPolicy", "KeyId", id, "EnableAutomaticRotation", "true", "RotationInterval", "30d")
		}},
		{"CreateAlias: a name that begins with alias/acs is InvalidParameter AliasName", func(k *kit) {
			for _, name := range []string{"alias/acs", "alias/acs/", "alias/acs/rds", "alias/acsx"} {
				k.refused("InvalidParameter AliasName", "CreateAlias", "AliasName", name, "KeyId", k.enabled())
			}
			name := "alias/ACS/" + strings.TrimPrefix(newAliasName(), "alias/")
			k.ok("CreateAlias", "AliasName", name, "KeyId", k.enabled())
			k.ok("DeleteAlias", "AliasName", name)
		}},
		{"Service keys: they do not count towards the quotas of keys and aliases", func(k *kit) {
			k = k.limited(1, 1)
			k.serviceKey()
			k.alias(k.enabled())
			k.refused("Rejected.LimitExceeded", "CreateKey")
		}},
	}
	for _, call := range [][]string{
		{"UpdateKeyDescription", "Description", "mine"}, {"EnableKey"}, {"DisableKey"}, {"ScheduleKeyDeletion"}, {"CancelKeyDeletion"},
		{"SetDeletionProtection", "EnableDeletionProtection", "true"}, {"DeleteKeyMaterial"},
		{"ImportKeyMaterial", "EncryptedKeyMaterial", "AAAA", "ImportToken", "AAAA"}, {"TagResource", "Tags", `[{"TagKey":"k","TagValue":"v"}]`},
		{"UntagResource", "TagKeys", `["k"]`},
	} {
		checks = append(checks, check{"Service keys: " + call[0] + " is UnsupportedOperation", func(k *kit) {
			k.refused("UnsupportedOperation", call[0], append([]string{"KeyId", k.serviceKey()}, call[1:]...)...)
		}})
	}
	return checks
}
