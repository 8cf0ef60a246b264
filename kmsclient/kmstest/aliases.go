package kmstest

import (
	"fmt"
	"slices"
	"strings"
)

// aliasChecks are those of aliases.
func aliasChecks() []check {
	checks := []check{
		{"CreateAlias: the alias leads to its key at once", func(k *kit) {
			id := k.key()
			k.equal("KeyId", k.metadata(k.alias(id)).str("KeyId"), id)
		}},
		{"CreateAlias: a key may have several", func(k *kit) {
			id := k.key()
			want := []string{k.alias(id), k.alias(id), k.alias(id)}
			slices.Sort(want)
			if got := pagedLists[2].of(k, id); !slices.Equal(got, want) {
				k.Errorf("the aliases are %v, want %v", got, want)
			}
		}},
		{"CreateAlias: a name there is already is AliasAlreadyExists, of the same key too", func(k *kit) {
			k.refused("AliasAlreadyExists", "CreateAlias", "AliasName", k.fixtureAlias(), "KeyId", k.enabled())
			k.refused("AliasAlreadyExists", "CreateAlias", "AliasName", k.fixtureAlias(), "KeyId", k.fixture("Disabled"))
		}},
		{"CreateAlias: the same name may be in another region", func(k *kit) {
			other := k.in(k.target.OtherRegion)
			name := k.alias(k.enabled())
			other.ok("CreateAlias", "AliasName", name, "KeyId", other.enabled())
			k.store.made = append(k.store.made, made{region: other.region, alias: name})
			k.equal("KeyId", k.metadata(name).str("KeyId"), k.enabled())
			k.equal("KeyId", other.metadata(name).str("KeyId"), other.enabled())
		}},
		{"CreateAlias: without AliasName it is MissingParameter AliasName", func(k *kit) {
			k.refused("MissingParameter AliasName", "CreateAlias", "KeyId", k.enabled())
			k.refused("MissingParameter AliasName", "CreateAlias", "KeyId", k.enabled(), "AliasName", "")
		}},
		{"CreateAlias: what is missing is told before what is not valid, AliasName first", func(k *kit) {
			k.refused("MissingParameter AliasName", "CreateAlias")
			k.refused("MissingParameter KeyId", "CreateAlias", "AliasName", "no alias")
		}},
		{"CreateAlias: an ARN stands for its key", func(k *kit) {
			name := newAliasName()
			k.ok("CreateAlias", "AliasName", name, "KeyId", k.arn("key/"+k.enabled()))
			k.ok("DeleteAlias", "AliasName", name)
		}},
		{"CreateAlias: names differ by case", func(k *kit) {
			name := k.alias(k.enabled())
			other := "alias/" + strings.ToUpper(strings.TrimPrefix(name, "alias/"))
			k.refused("Forbidden.AliasNotFound", "DescribeKey", "KeyId", other)
			k.ok("CreateAlias", "AliasName", other, "KeyId", k.enabled())
			k.ok("DeleteAlias", "AliasName", other)
			k.metadata(name)
		}},
		{"CreateAlias: the quota of aliases is Rejected.LimitExceeded", func(k *kit) {
			k = k.limited(0, 2)
			k.alias(k.enabled())
			name := k.alias(k.enabled())
			k.refused("Rejected.LimitExceeded", "CreateAlias", "AliasName", newAliasName(), "KeyId", k.enabled())
			k.ok("DeleteAlias", "AliasName", name)
			k.alias(k.enabled())
		}},
		{"UpdateAlias: it leads to the other key at once, and ciphertexts of the old one still open", func(k *kit) {
			first, second := k.key(), k.key()
			name := k.alias(first)
			blob := k.ok("Encrypt", "KeyId", name, "Plaintext", "before").str("CiphertextBlob")
			k.ok("UpdateAlias", "AliasName", name, "KeyId", second)
			k.equal("KeyId of Encrypt", k.ok("Encrypt", "KeyId", name, "Plaintext", "after").str("KeyId"), second)
			k.equal("KeyId of Decrypt", k.ok("Decrypt", "CiphertextBlob", blob).str("KeyId"), first)
			if got := pagedLists[2].of(k, first); len(got) != 0 {
				k.Errorf("the first key still has %v", got)
			}
			if got := pagedLists[2].of(k, second); !slices.Equal(got, []string{name}) {
				k.Errorf("the second key has %v", got)
			}
		}},
		{"UpdateAlias: to the same key it changes nothing", func(k *kit) {
			k.ok("UpdateAlias", "AliasName", k.fixtureAlias(), "KeyId", k.enabled())
			k.equal("KeyId", k.metadata(k.fixtureAlias()).str("KeyId"), k.enabled())
		}},
		{"UpdateAlias: an unknown alias is Forbidden.AliasNotFound", func(k *kit) {
			k.refused("Forbidden.AliasNotFound", "UpdateAlias", "AliasName", newAliasName(), "KeyId", k.enabled())
		}},
		{"UpdateAlias: an unknown key is Forbidden.KeyNotFound", func(k *kit) {
			k.refused("Forbidden.KeyNotFound", "UpdateAlias", "AliasName", k.fixtureAlias(), "KeyId", absentKey)
		}},
		{"UpdateAlias: an alias is no key to lead to", func(k *kit) {
			k.refused("Unsupported.Alias", "UpdateAlias", "AliasName", k.fixtureAlias(), "KeyId", k.fixtureAlias())
		}},
		{"UpdateAlias: the state of the key it leaves does not matter", func(k *kit) {
			id := k.key()
			name := k.alias(id)
			k.ok("ScheduleKeyDeletion", "KeyId", id)
			k.ok("UpdateAlias", "AliasName", name, "KeyId", k.enabled())
			k.equal("KeyId", k.metadata(name).str("KeyId"), k.enabled())
		}},
		{"UpdateAlias: what is missing is told", func(k *kit) {
			k.refused("MissingParameter AliasName", "UpdateAlias", "KeyId", k.enabled())
			k.refused("MissingParameter KeyId", "UpdateAlias", "AliasName", k.fixtureAlias())
		}},
		{"DeleteAlias: the alias is gone and the key stays", func(k *kit) {
			name := k.alias(k.enabled())
			k.ok("DeleteAlias", "AliasName", name)
			k.refused("Forbidden.AliasNotFound", "DescribeKey", "KeyId", name)
			k.state(k.enabled(), "Enabled")
		}},
		{"DeleteAlias: a second call is Forbidden.AliasNotFound", func(k *kit) {
			name := k.alias(k.enabled())
			k.ok("DeleteAlias", "AliasName", name)
			k.refused("Forbidden.AliasNotFound", "DeleteAlias", "AliasName", name)
		}},
		{"DeleteAlias: the name is free again", func(k *kit) {
			name := k.alias(k.enabled())
			k.ok("DeleteAlias", "AliasName", name)
			k.ok("CreateAlias", "AliasName", name, "KeyId", k.fixture("Disabled"))
			k.equal("KeyId", k.metadata(name).str("KeyId"), k.fixture("Disabled"))
		}},
		{"DeleteAlias: the state of the key does not matter", func(k *kit) {
			for _, state := range []string{"Disabled", "PendingImport"} {
				k.ok("DeleteAlias", "AliasName", k.alias(k.fixture(state)))
			}
			id := k.key()
			name := k.alias(id)
			k.ok("ScheduleKeyDeletion", "KeyId", id)
			k.ok("DeleteAlias", "AliasName", name)
		}},
		{"DeleteAlias: without AliasName it is MissingParameter AliasName", func(k *kit) {
			k.refused("MissingParameter AliasName", "DeleteAlias")
		}},
		{"ListAliases: items have name, ARN and key", func(k *kit) {
			name := k.fixtureAlias()
			for n := 1; ; n++ {
				d := k.ok("ListAliases", "PageSize", "100", "PageNumber", fmt.Sprint(n))
				items := k.list(d, "Aliases.Alias")
				for i := range items {
					item := fmt.Sprintf("Aliases.Alias.%d.", i)
					k.equal("AliasArn", d.str(item+"AliasArn"), k.arn(d.str(item+"AliasName")))
					if d.str(item+"AliasName") == name {
						k.equal("KeyId", d.str(item+"KeyId"), k.enabled())
						return
					}
				}
				if len(items) == 0 {
					k.Fatalf("%s is not listed", name)
				}
			}
		}},
		{"ListAliases: it is ordered by name", func(k *kit) {
			k.fixtureAlias()
			k.alias(k.enabled())
			if got := pagedLists[1].all(k, 100); !slices.IsSorted(got) {
				k.Errorf("the order is %v", got)
			}
		}},
		{"ListAliasesByKeyId: it lists those of one key, and of one without any none", func(k *kit) {
			if got := pagedLists[2].of(k, k.enabled()); !slices.Contains(got, k.fixtureAlias()) {
				k.Errorf("%s is not among %v", k.fixtureAlias(), got)
			}
			if got := pagedLists[2].of(k, k.key()); len(got) != 0 {
				k.Errorf("a new key has %v", got)
			}
		}},
	}

	for _, n := range []struct{ rule, name string }{
		{"one character", "alias/_"},
		{"255 characters", longAlias(255)},
		{"slashes", newAliasName() + "/a//b/"},
		{"digits, hyphens and underscores", newAliasName() + "-0_9"},
	} {
		checks = append(checks, check{"CreateAlias: a name may have " + n.rule, func(k *kit) {
			k.ok("CreateAlias", "AliasName", n.name, "KeyId", k.enabled())
			k.equal("KeyId", k.metadata(n.name).str("KeyId"), k.enabled())
			k.ok("DeleteAlias", "AliasName", n.name)
		}})
	}
	for _, n := range []struct{ rule, name string }{
		{"without its prefix", "kmstest"},
		{"in capitals up to the slash", "Alias/kmstest"},
		{"of the prefix alone", "alias/"},
		{"of 256 characters", longAlias(256)},
		{"with a blank", "alias/kms test"},
		{"with a dot", "alias/kms.test"},
		{"with a colon", "alias/kms:test"},
		{"with letters of another script", "alias/测试"},
		{"with a line feed", "alias/kmstest\n"},
		{"that the service keeps for itself", "alias/acs/kmstest"},
		{"that begins as those of services do", "alias/acsx"},
		{"that is an ARN", "acs:kms:cn-hangzhou:1:alias/kmstest"},
	} {
		checks = append(checks, check{"CreateAlias: a name " + n.rule + " is InvalidParameter AliasName", func(k *kit) {
			k.refused("InvalidParameter AliasName", "CreateAlias", "AliasName", n.name, "KeyId", k.enabled())
		}})
	}
	return checks
}

// longAlias returns a name with n characters after the prefix.
func longAlias(n int) string {
	name := strings.TrimPrefix(newAliasName(), "alias/")
	return "alias/" + name + strings.Repeat("x", n-len(name))
}

// of returns the aliases of a key.
func (l *pagedList) of(k *kit, key string) []string {
	k.Helper()
	var got []string
	d := k.ok(l.operation, "KeyId", key, "PageSize", "100")
	for i := range k.list(d, l.path) {
		got = append(got, d.str(fmt.Sprintf("%s.%d.%s", l.path, i, l.id)))
	}
	return got
}
