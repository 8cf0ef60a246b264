package kmstest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// createKeyChecks are those of CreateKey for symmetric keys, and of what DescribeKey then tells.
func createKeyChecks() []check {
	checks := []check{
		{"CreateKey: without parameters it makes an enabled Aliyun_AES_256 key", func(k *kit) {
			id := k.key()
			m := k.metadata(id)
			for name, want := range map[string]string{
				"KeyId": id, "KeySpec": "Aliyun_AES_256", "KeyUsage": "ENCRYPT/DECRYPT", "KeyState": "Enabled", "Origin": "Aliyun_KMS",
				"ProtectionLevel": "SOFTWARE", "Description": "", "DeleteDate": "", "MaterialExpireTime": "", "AutomaticRotation": "Disabled",
			} {
				k.equal(name, m[name], want)
			}
		}},
		{"CreateKey: the answer is what DescribeKey tells, but for deletion protection", func(k *kit) {
			created, _ := k.ok("CreateKey", "Description", "the same").at("KeyMetadata").(map[string]any)
			k.store.made = append(k.store.made, made{region: k.region, key: doc(created).str("KeyId")})
			described := k.metadata(doc(created).str("KeyId"))
			for name := range described {
				if !strings.HasPrefix(name, "DeletionProtection") {
					k.equal(name, created[name], described[name])
				}
			}
		}},
		{"CreateKey: key and version ids are UUIDs in lower case", func(k *kit) {
			m := k.metadata(k.enabled())
			for _, name := range []string{"KeyId", "PrimaryKeyVersion"} {
				if !isUUID(m.str(name)) {
					k.Errorf("%s is %q", name, m.str(name))
				}
			}
		}},
		{"CreateKey: the ARN names region, account and key", func(k *kit) {
			m := k.metadata(k.enabled())
			k.equal("Arn", m.str("Arn"), k.arn("key/"+m.str("KeyId")))
			k.equal("parts of the ARN", strings.Count(m.str("Arn"), ":"), 4)
		}},
		{"CreateKey: the creator is the account, not the user", func(k *kit) {
			account := strings.Split(k.metadata(k.enabled()).str("Arn"), ":")[3]
			k.equal("Creator", k.metadata(k.enabled()).str("Creator"), account)
		}},
		{"CreateKey: dates are UTC in whole seconds, and the last rotation is the creation", func(k *kit) {
			m := k.metadata(k.enabled())
			k.date(m.str("CreationDate"))
			k.equal("LastRotationDate", m.str("LastRotationDate"), m.str("CreationDate"))
		}},
		{"CreateKey: a key without a policy has neither RotationInterval nor NextRotationDate", func(k *kit) {
			m := k.metadata(k.enabled())
			for _, name := range []string{"RotationInterval", "NextRotationDate"} {
				if _, has := m[name]; has {
					k.Errorf("%s is %v", name, m[name])
				}
			}
		}},
		{"CreateKey: every value of KeyMetadata is a string", func(k *kit) {
			for name, value := range k.metadata(k.enabled()) {
				if _, ok := value.(string); !ok {
					k.Errorf("%s is %T", name, value)
				}
			}
		}},
		{"CreateKey: a key of no instance has no DKMSInstanceId", func(k *kit) {
			if id := k.metadata(k.enabled())["DKMSInstanceId"]; id != nil && id != "" {
				k.Errorf("DKMSInstanceId is %v", id)
			}
		}},
		{"CreateKey: each call makes another key", func(k *kit) {
			first := k.key("Description", "twice")
			if k.key("Description", "twice") == first {
				k.Error("the key is the same")
			}
		}},
		{"CreateKey: an EXTERNAL key waits for its material", func(k *kit) {
			m := k.metadata(k.fixture("PendingImport"))
			k.equal("Origin", m.str("Origin"), "EXTERNAL")
			k.equal("KeyState", m.str("KeyState"), "PendingImport")
			k.equal("MaterialExpireTime", m.str("MaterialExpireTime"), "")
			k.equal("AutomaticRotation", m.str("AutomaticRotation"), "Disabled")
		}},
		{"CreateKey: with ProtectionLevel HSM and no KeySpec it makes an Aliyun_SM4 key", func(k *kit) {
			m := k.metadata(k.key("ProtectionLevel", "HSM"))
			k.equal("KeySpec", m.str("KeySpec"), "Aliyun_SM4")
			k.equal("ProtectionLevel", m.str("ProtectionLevel"), "HSM")
		}},
		{"CreateKey: an HSM key may be of AES", func(k *kit) {
			m := k.metadata(k.key("ProtectionLevel", "HSM", "KeySpec", "Aliyun_AES_256"))
			k.equal("KeySpec", m.str("KeySpec"), "Aliyun_AES_256")
		}},
		{"CreateKey: where SM4 is not allowed an HSM key is of AES by default", func(k *kit) {
			k = k.in(k.target.OtherRegion)
			k.equal("KeySpec", k.metadata(k.key("ProtectionLevel", "HSM")).str("KeySpec"), "Aliyun_AES_256")
		}},
		{"CreateKey: SM4 is InvalidParameter KeySpec where it is not allowed", func(k *kit) {
			k.in(k.target.OtherRegion).refused("InvalidParameter KeySpec", "CreateKey", "KeySpec", "Aliyun_SM4", "ProtectionLevel", "HSM")
		}},
		{"CreateKey: HSM is Unsupported.ProtectionLevel in a region without managed HSMs", func(k *kit) {
			k.in(k.target.PlainRegion).refused("Unsupported.ProtectionLevel", "CreateKey", "ProtectionLevel", "HSM")
		}},
		{"CreateKey: rotation is told in seconds and counts from the creation", func(k *kit) {
			m := k.metadata(k.key("EnableAutomaticRotation", "true", "RotationInterval", "365d"))
			k.equal("AutomaticRotation", m.str("AutomaticRotation"), "Enabled")
			k.equal("RotationInterval", m.str("RotationInterval"), "31536000s")
			k.equal("time to the next rotation", k.date(m.str("NextRotationDate")).Sub(k.date(m.str("LastRotationDate"))), 365*day)
		}},
		{"CreateKey: an interval without rotation is ignored, whatever it is", func(k *kit) {
			for _, enable := range []string{"false", "False", ""} {
				m := k.metadata(k.key("EnableAutomaticRotation", enable, "RotationInterval", "nonsense"))
				k.equal("AutomaticRotation", m.str("AutomaticRotation"), "Disabled")
			}
		}},
		{"CreateKey: rotation without an interval is MissingParameter RotationInterval", func(k *kit) {
			k.refused("MissingParameter RotationInterval", "CreateKey", "EnableAutomaticRotation", "true")
		}},
		{"CreateKey: unknown parameters are ignored", func(k *kit) {
			k.key("fields", "KeyId", "SourceIp", "192.0.2.1", "DKMSInstanceId", "", "keyspec", "Aliyun_None")
		}},
		{"CreateKey: more than 20 tags are Rejected.LimitExceeded", func(k *kit) {
			k.refused("Rejected.LimitExceeded", "CreateKey", "Tags", tags(21))
			k.key("Tags", tags(20))
		}},
		{"CreateKey: the quota of keys is Rejected.LimitExceeded, and counts keys of any state", func(k *kit) {
			k = k.limited(3, 0)
			for _, state := range []string{"Enabled", "PendingDeletion", "PendingImport"} {
				k.keyIn(state)
			}
			k.refused("Rejected.LimitExceeded", "CreateKey")
		}},
		{"CreateKey: the quota is that of one region", func(k *kit) {
			k = k.limited(1, 0)
			k.key()
			k.in(k.target.OtherRegion).key()
			k.refused("Rejected.LimitExceeded", "CreateKey")
		}},
	}

	for _, n := range []int{0, 1, 8192} {
		checks = append(checks, check{fmt.Sprintf("CreateKey: a description of %d characters is kept", n), func(k *kit) {
			description := strings.Repeat("描", n) // of three bytes each: characters are counted
			k.equal("Description", k.metadata(k.key("Description", description)).str("Description"), description)
		}})
	}
	checks = append(checks, check{"CreateKey: a description is kept as it is, markup and controls included", func(k *kit) {
		const description = " <b>&amp;\"\\'\t\r\n\u2028é "
		k.equal("Description", k.metadata(k.key("Description", description)).str("Description"), description)
	}})

	for _, r := range []struct {
		rule, want string
		pairs      []string
	}{
		{"a description of 8193 characters", "InvalidParameter Description", []string{"Description", strings.Repeat("描", 8193)}},
		{"a description that is not UTF-8", "InvalidParameter Description", []string{"Description", "\xff"}},
		{"an unknown KeySpec", "InvalidParameter KeySpec", []string{"KeySpec", "Aliyun_AES_512"}},
		{"a KeySpec in other letters", "InvalidParameter KeySpec", []string{"KeySpec", "ALIYUN_AES_256"}},
		{"a KeySpec of dedicated instances", "InvalidParameter KeySpec", []string{"KeySpec", "Aliyun_AES_128"}},
		{"SM4 in software", "InvalidParameter KeySpec", []string{"KeySpec", "Aliyun_SM4"}},
		{"an unknown KeyUsage", "InvalidParameter KeyUsage", []string{"KeyUsage", "WRAP/UNWRAP"}},
		{"a symmetric key that signs", "InvalidParameter KeyUsage", []string{"KeyUsage", "SIGN/VERIFY"}},
		{"an unknown Origin", "InvalidParameter Origin", []string{"Origin", "External_KMS"}},
		{"an Origin in other letters", "InvalidParameter Origin", []string{"Origin", "External"}},
		{"an unknown ProtectionLevel", "InvalidParameter ProtectionLevel", []string{"ProtectionLevel", "NONE"}},
		{"a ProtectionLevel in other letters", "InvalidParameter ProtectionLevel", []string{"ProtectionLevel", "Software"}},
		{"EnableAutomaticRotation that is no boolean", "InvalidParameter EnableAutomaticRotation", []string{"EnableAutomaticRotation", "yes"}},
		{"rotation of an EXTERNAL key", "InvalidParameter EnableAutomaticRotation", []string{"Origin", "EXTERNAL", "EnableAutomaticRotation", "true", "RotationInterval", "365d"}},
	} {
		checks = append(checks, check{"CreateKey: " + r.rule + " is " + r.want, func(k *kit) { k.refused(r.want, "CreateKey", r.pairs...) }})
	}

	for _, interval := range []string{"604800s", "10080m", "168h", "7d", "730d", "17520h", "63072000s"} {
		checks = append(checks, check{"CreateKey: an interval of " + interval + " is one", func(k *kit) {
			k.key("EnableAutomaticRotation", "true", "RotationInterval", interval)
		}})
	}
	for _, interval := range []string{"604799s", "6d", "731d", "63072001s", "365", "d", "365D", "365 d", "-7d", "7.5d", "1w", "99999999999999999999d"} {
		checks = append(checks, check{"CreateKey: an interval of " + interval + " is InvalidParameter RotationInterval", func(k *kit) {
			k.refused("InvalidParameter RotationInterval", "CreateKey", "EnableAutomaticRotation", "true", "RotationInterval", interval)
		}})
	}

	for _, t := range []struct{ rule, tags string }{
		{"no JSON", `Project=Apollo`},
		{"an object", `{"TagKey":"Project","TagValue":"Apollo"}`},
		{"an empty key", `[{"TagKey":"","TagValue":"Apollo"}]`},
		{"a key twice", `[{"TagKey":"a","TagValue":"1"},{"TagKey":"a","TagValue":"2"}]`},
		{"a key of 129 characters", oneTag(strings.Repeat("k", 129), "v")},
		{"a value of 129 characters", oneTag("k", strings.Repeat("v", 129))},
		{"a key that begins with aliyun", oneTag("aliyunX", "v")},
		{"a key that begins with acs:", oneTag("acs:x", "v")},
	} {
		checks = append(checks, check{"CreateKey: tags with " + t.rule + " are InvalidParameter Tags", func(k *kit) {
			k.refused("InvalidParameter Tags", "CreateKey", "Tags", t.tags)
		}})
	}
	return checks
}

// oneTag returns the parameter Tags with one tag.
func oneTag(key, value string) string {
	text, err := json.Marshal([]map[string]string{{"TagKey": key, "TagValue": value}})
	if err != nil {
		panic("kmstest: internal error: " + err.Error()) // unreachable: texts
	}
	return string(text)
}

// tags returns the parameter Tags with n tags.
func tags(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"TagKey":"k%d","TagValue":"v"}`, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}
