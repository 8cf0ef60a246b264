package refkms_test

import (
	"fmt"
	"strings"
	"testing"
)

// eventNames returns the names of the events in an answer.
func eventNames(d doc) string {
	var names []string
	for i := range d.len("Events") {
		names = append(names, d.str("Events", i, "eventName"))
	}
	return strings.Join(names, " ")
}

func acceptLookupEvents(t *testing.T, root *caller) {
	const forever = 200 * day
	lookup := func(params ...string) doc { t.Helper(); return root.ok("LookupEvents", params...) }
	cmk := root.key()
	root.server.Advance(8 * day)
	if got := eventNames(lookup()); got != "" {
		t.Errorf("the last week has %s", got)
	}
	all := []string{"StartTime", "2026-01-01T00:00:00Z", "EndTime", "2026-12-31T00:00:00Z"}
	if got := eventNames(lookup(all...)); got != "CreateKey" {
		t.Errorf("the year has %s", got)
	}
	alice := root.user("alice", fullAccess)
	alice.ok("DescribeKey", "KeyId", cmk)
	root.server.Advance(day)
	blob := alice.ok("Encrypt", "KeyId", cmk, "Plaintext", "x").str("CiphertextBlob")
	root.ok("Decrypt", "CiphertextBlob", blob)

	// The default is what is newest first, of the last seven days.
	d := lookup()
	if got := eventNames(d); got != "Decrypt Encrypt DescribeKey" || d.at("NextToken") != nil || d.str("StartTime") != "2026-01-04T03:04:05Z" || d.str("EndTime") != "2026-01-11T03:04:05Z" {
		t.Errorf("the last week is %v", d)
	}
	for direction, want := range map[string]string{"BACKWARD": "Decrypt Encrypt DescribeKey CreateKey", "FORWARD": "CreateKey DescribeKey Encrypt Decrypt"} {
		var got []string
		params := append([]string{"Direction", direction, "MaxResults", "1"}, all...)
		for token := ""; ; {
			d := lookup(append(params, "NextToken", token)...)
			got = append(got, eventNames(d))
			if token = d.str("NextToken"); token == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: page by page there are %s, want %s", direction, got, want)
		}
	}
	token := lookup(append([]string{"MaxResults", "1"}, all...)...).str("NextToken")
	root.refused(400, "InvalidQueryParameter", "LookupEvents", append([]string{"MaxResults", "2", "NextToken", token}, all...)...)
	root.refused(400, "InvalidQueryParameter", "LookupEvents", "NextToken", "x")

	attributes := func(pairs ...string) (params []string) {
		for i := 0; i < len(pairs); i += 2 {
			n := fmt.Sprint("LookupAttribute.", i/2+1)
			params = append(params, n+".Key", pairs[i], n+".Value", pairs[i+1])
		}
		return params
	}
	for want, pairs := range map[string][]string{
		"Encrypt DescribeKey": {"User", "alice"},
		"Encrypt":             {"User", "alice", "EventName", "Encrypt"},
		"":                    {"User", "alice", "EventName", "Decrypt"},
	} {
		if got := eventNames(lookup(attributes(pairs...)...)); got != want {
			t.Errorf("%q: there are %s, want %s", pairs, got, want)
		}
	}
	// The form of the walkthrough: seconds since 1970, and a list of names.
	d = lookup("StartTime", fmt.Sprint(start.Unix()), "EndTime", fmt.Sprint(start.Add(9*day).Unix()), "EventName", "Encrypt,Decrypt")
	if got := eventNames(d); got != "Decrypt Encrypt" || d.str("StartTime") != "2026-01-02T03:04:05Z" {
		t.Errorf("by seconds and names there is %v", d)
	}
	root.user("eve").refused(403, "NoPermission", "LookupEvents")

	root.server.Advance(forever)
	if got := eventNames(lookup(all...)); got != "" {
		t.Errorf("after 200 days there are %s", got)
	}
}

// acceptSamples calls as the duties that are kept apart, and with the sample policies of the guides.
func acceptSamples(t *testing.T, root *caller) {
	cmk, other := root.key(), root.key()
	apollo := root.key("Tags", `[{"TagKey":"Project","TagValue":"apollo"}]`)
	lower := root.key("Tags", `[{"TagKey":"project","TagValue":"Apollo"}]`)
	blob := root.ok("Encrypt", "KeyId", cmk, "Plaintext", "x").str("CiphertextBlob")
	root.ok("CreateAlias", "AliasName", "alias/a", "KeyId", cmk)
	root.secret("s", "x", "EncryptionKeyId", cmk)
	const crypto = "kms:Encrypt kms:Decrypt kms:GenerateDataKey"
	uses := "kms:Encrypt kms:Decrypt kms:ReEncrypt* kms:GenerateDataKey* kms:GenerateAndExportDataKey kms:ExportDataKey kms:Asymmetric* kms:GetSecretValue"
	key := func(action, id string) []string { return []string{action, "KeyId", id} }
	encrypt := func(id string) []string { return []string{"Encrypt", "KeyId", id, "Plaintext", "x"} }
	inside := `{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}`
	for i, tt := range []struct {
		name        string
		policies    []string
		from        string
		may, mayNot [][]string
	}{
		{"security administrator", []string{grant("kms:*", "*"), statement("Deny", uses, "*")}, "",
			[][]string{{"CreateKey"}, key("ScheduleKeyDeletion", other), key("CancelKeyDeletion", other)},
			[][]string{encrypt(cmk), {"Decrypt", "CiphertextBlob", blob}, key("GenerateDataKey", cmk), {"ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", cmk}, {"GetSecretValue", "SecretName", "s"}}},
		{"user of cryptography", []string{grant(crypto, "acs:kms:*:*:key/"+cmk)}, "",
			[][]string{encrypt(cmk), {"Decrypt", "CiphertextBlob", blob}, key("GenerateDataKey", cmk)},
			[][]string{encrypt(other), {"GetParametersForImport", "KeyId", cmk, "WrappingAlgorithm", "RSAES_OAEP_SHA_256", "WrappingKeySpec", "RSA_2048"}, key("DescribeKey", cmk), {"CreateKey"}}},
		{"auditor", []string{grant("actiontrail:LookupEvents", "*")}, "", [][]string{{"LookupEvents"}}, [][]string{{"ListKeys"}, key("DisableKey", cmk), encrypt(cmk)}},
		{"everything", []string{grant("kms:*", "*")}, "", [][]string{{"CreateKey"}, encrypt(cmk), {"ListSecrets"}, {"GetRandomPassword"}, {"GetSecretValue", "SecretName", "s"}}, nil},
		{"reading and cryptography", []string{grant("kms:List* kms:Describe* "+crypto, "*")}, "",
			[][]string{{"ListKeys"}, {"ListSecrets"}, {"DescribeSecret", "SecretName", "s"}, encrypt(cmk)},
			[][]string{{"CreateKey"}, {"GetPublicKey", "KeyId", cmk, "KeyVersionId", "v"}, {"GetSecretValue", "SecretName", "s"}, {"ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", cmk},
				key("GenerateDataKeyWithoutPlaintext", cmk), {"TagResource", "KeyId", cmk, "Tags", `[{"TagKey":"k","TagValue":"v"}]`}}},
		{"cryptography with keys of a tag", []string{grant(crypto, "*", `{"StringEqualsIgnoreCase":{"kms:tag/Project":["Apollo"]}}`)}, "",
			[][]string{encrypt(apollo)}, [][]string{encrypt(cmk), encrypt(lower), key("DescribeKey", apollo)}},
		{"moving one alias between two keys", []string{grant("kms:UpdateAlias", arns+"key/"+cmk+" "+arns+"key/"+other+" "+arns+"alias/a")}, "",
			[][]string{{"UpdateAlias", "AliasName", "alias/a", "KeyId", other}, {"UpdateAlias", "AliasName", "alias/a", "KeyId", cmk}},
			[][]string{{"UpdateAlias", "AliasName", "alias/a", "KeyId", apollo}, {"DeleteAlias", "AliasName", "alias/a"}}},
		{"listing aliases", []string{grant("kms:ListAliases", arns+"alias")}, "", [][]string{{"ListAliases"}}, [][]string{key("ListAliasesByKeyId", cmk), {"DeleteAlias", "AliasName", "alias/a"}}},
		{"from inside", []string{grant("kms:*", "*", inside)}, "192.168.1.77", [][]string{encrypt(cmk), {"ListKeys"}}, nil},
		{"from outside", []string{grant("kms:*", "*", inside)}, "192.168.2.77", nil, [][]string{encrypt(cmk), {"ListKeys"}}},
		{"from nowhere", []string{grant("kms:*", "*", inside)}, "", nil, [][]string{encrypt(cmk), {"ListKeys"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := root.user(fmt.Sprint("sample", i), tt.policies...)
			if tt.from != "" {
				u = u.from(tt.from)
			}
			u.t = t
			for _, c := range tt.may {
				u.ok(c[0], c[1:]...)
			}
			for _, c := range tt.mayNot {
				u.refused(403, "Forbidden.NoPermission", c[0], c[1:]...)
			}
		})
	}
}
