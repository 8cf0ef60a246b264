package refkms_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity/identitytest"
)

// What a server must do about rights and records to be accepted, row by row, by the official SDK and over the wire
// protocol.
func TestAcceptAccess(t *testing.T) {
	for _, row := range []struct {
		name string
		test func(t *testing.T, root *caller)
	}{
		{"1 the rights of every operation", acceptRows},
		{"2 deny before allow, and nothing by default", acceptDeny},
		{"3 containers and what is in them", acceptContainers},
		{"4 conditions", acceptConditions},
		{"5 the right on a key by its alias", acceptAlias},
		{"6 UpdateAlias", acceptUpdateAlias},
		{"7 ReEncrypt", acceptReEncrypt},
		{"8 GetRandomPassword", acceptRandomPassword},
		{"9 DescribeRegions", acceptDescribeRegions},
		{"10 sessions of a role", acceptSessions},
		{"11 records of denied calls, and no secret in any", acceptRecords},
		{"12 records of calls inside a call", acceptInnerRecords},
		{"13 LookupEvents", acceptLookupEvents},
		{"sample policies", acceptSamples},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(t, rootCaller(t, frozen())) })
	}
}

// acceptRows has every operation denied for want of each of the rights that it needs, on the resource of that right, and
// allowed with all of them.
func acceptRows(t *testing.T, _ *caller) {
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(&pair.PublicKey)
	must(t, err)
	for _, row := range identitytest.Rows {
		t.Run(row.Action+" "+row.Params, func(t *testing.T) {
			root := rootCaller(t, nil)
			k1, k2 := root.key(), root.key()
			root.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k1)
			root.secret("s", "x", "EncryptionKeyId", k1)
			root.secret("d", "x")
			params, pairs := row.Fill(strings.NewReplacer("$1", k1, "$2", k2, "$none", "11111111-1111-4111-8111-111111111111", "$R:", arns,
				"$blob", root.ok("Encrypt", "KeyId", k1, "Plaintext", "x").str("CiphertextBlob"),
				"$digest", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "$rsa", base64.StdEncoding.EncodeToString(der)))
			if _, err := root.user("nobody").call(row.Action, params...); serverCode(err) == "InvalidAction.NotFound" {
				t.Skip("the service does not have it")
			}
			rights := func(pairs [][2]string) (policies []string) {
				for _, p := range pairs {
					policies = append(policies, grant(p[0], p[1]))
				}
				return policies
			}
			denied := func(name, resource string, policies ...string) {
				t.Helper()
				u := root.user(name, policies...)
				switch {
				case versions[row.Action] != "":
					u.refused(403, "NoPermission", row.Action, params...)
				case resource == "*":
					u.denied("", row.Action, params...)
				default:
					u.denied(resource, row.Action, params...)
				}
			}
			for i, p := range pairs {
				denied(fmt.Sprint("without", i), p[1], rights(slices.Delete(slices.Clone(pairs), i, i+1))...)
				denied(fmt.Sprint("denied", i), p[1], fullAccess, statement("Deny", p[0], p[1]))
			}
			// With the rights it may be refused for what it asks, and for no want of them.
			_, err := root.user("with", rights(pairs)...).call(row.Action, params...)
			if code := serverCode(err); strings.HasSuffix(code, "NoPermission") {
				t.Errorf("with all rights it is refused: %v", err)
			}
		})
	}
}

func acceptDeny(t *testing.T, root *caller) {
	cmk := root.key()
	root.user("nobody").denied(arns+"key/"+cmk, "DescribeKey", "KeyId", cmk)
	root.user("allowed", grant("kms:*", "*")).ok("DescribeKey", "KeyId", cmk)
	for name, policies := range map[string][]string{
		"deny-last":  {grant("kms:*", "*"), statement("Deny", "kms:DescribeKey", arns+"key/"+cmk)},
		"deny-first": {statement("Deny", "kms:Describe*", "*"), grant("kms:*", "*")},
	} {
		u := root.user(name, policies...)
		u.denied(arns+"key/"+cmk, "DescribeKey", "KeyId", cmk)
		u.ok("ListKeys")
	}
	ram := root.server.RAM("")
	u := root.user("member", grant("kms:*", "*"))
	must(t, ram.CreateGroup("group"), ram.PutPolicy("no", statement("Deny", "kms:ListKeys", "*")), ram.AttachPolicyToGroup("no", "group"), ram.AddUserToGroup("member", "group"))
	u.denied(arns+"key", "ListKeys")
}

func acceptContainers(t *testing.T, root *caller) {
	cmk := root.key()
	root.ok("CreateAlias", "AliasName", "alias/example", "KeyId", cmk)
	root.secret("team/a", "x")
	children := root.user("children", grant("kms:*", "acs:kms:*:*:key/* acs:kms:*:*:secret/* acs:kms:*:*:alias/*"))
	children.denied(arns+"key", "ListKeys")
	children.denied(arns+"secret", "ListSecrets")
	children.denied(arns+"alias", "ListAliases")
	children.ok("DescribeKey", "KeyId", cmk)
	children.ok("DescribeSecret", "SecretName", "team/a")
	containers := root.user("containers", grant("kms:*", "acs:kms:*:*:key acs:kms:*:*:secret acs:kms:*:*:alias"))
	containers.ok("ListKeys")
	containers.ok("ListSecrets")
	containers.ok("ListAliases")
	containers.denied(arns+"key/"+cmk, "DescribeKey", "KeyId", cmk)
	containers.denied(arns+"secret/team/a", "DescribeSecret", "SecretName", "team/a")
	both := root.user("both", grant("kms:*", "acs:kms:*:*:key*"))
	both.ok("ListKeys")
	both.ok("DescribeKey", "KeyId", cmk)
	// The prefix of an alias stands once in its ARN.
	alias := root.user("alias", grant("kms:DeleteAlias", arns+"alias/example "+arns+"key/"+cmk))
	alias.ok("DeleteAlias", "AliasName", "alias/example")
}

// acceptConditions asks for tags of keys, which can be texts, numbers, dates and addresses: every operator and its
// contrary, of one value, of several, and of a tag that the key has not.
func acceptConditions(t *testing.T, root *caller) {
	untagged, keys := root.key(), map[string]string{}
	tagged := func(value string) string {
		if keys[value] == "" {
			keys[value] = root.key("Tags", `[{"TagKey":"Key","TagValue":"`+value+`"}]`)
		}
		return keys[value]
	}
	n := 0
	for _, tt := range []struct {
		operator, not string // and its contrary, "" for none
		values        string // of the policy
		yes, no       []string
	}{
		{"StringEquals", "StringNotEquals", `"Apollo"`, []string{"Apollo"}, []string{"apollo", "Gemini"}},
		{"StringEquals", "StringNotEquals", `["Apollo","Gemini"]`, []string{"Apollo", "Gemini"}, []string{"apollo"}},
		{"StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", `"Apollo"`, []string{"Apollo", "apollo"}, []string{"Gemini"}},
		{"StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", `["x","Apollo"]`, []string{"X", "apollo"}, []string{"Gemini"}},
		{"StringLike", "StringNotLike", `"A*l?o"`, []string{"Apollo"}, []string{"apollo", "Gemini"}},
		{"StringLike", "StringNotLike", `["A*","?emini"]`, []string{"Apollo", "Gemini"}, []string{"apollo"}},
		{"NumericEquals", "NumericNotEquals", `"7"`, []string{"7", "7.0"}, []string{"8", "Apollo"}},
		{"NumericEquals", "NumericNotEquals", `["7","9"]`, []string{"7", "9"}, []string{"8"}},
		{"NumericLessThan", "", `"7"`, []string{"6.9", "-1"}, []string{"7", "8"}},
		{"NumericLessThan", "", `["7","9"]`, []string{"8"}, []string{"9"}},
		{"NumericLessThanEquals", "", `"7"`, []string{"7"}, []string{"7.1"}},
		{"NumericLessThanEquals", "", `["7","9"]`, []string{"9"}, []string{"9.1"}},
		{"NumericGreaterThan", "", `"7"`, []string{"8"}, []string{"7"}},
		{"NumericGreaterThan", "", `["7","9"]`, []string{"8"}, []string{"7"}},
		{"NumericGreaterThanEquals", "", `"7"`, []string{"7"}, []string{"6.9"}},
		{"NumericGreaterThanEquals", "", `["7","9"]`, []string{"7"}, []string{"6.9"}},
		{"DateEquals", "DateNotEquals", `"2026-01-02T03:04:05Z"`, []string{"2026-01-02T03:04:05Z", "2026-01-02T11:04:05+08:00"}, []string{"2026-01-02T03:04:06Z", "Apollo"}},
		{"DateEquals", "DateNotEquals", `["2026-01-02T03:04:05Z","2027-01-02T03:04:05Z"]`, []string{"2027-01-02T03:04:05Z"}, []string{"2028-01-02T03:04:05Z"}},
		{"DateLessThan", "", `"2026-01-02T03:04:05Z"`, []string{"2026-01-02T03:04:04Z"}, []string{"2026-01-02T03:04:05Z"}},
		{"DateLessThan", "", `["2026-01-02T03:04:05Z","2028-01-01T00:00:00Z"]`, []string{"2027-01-02T03:04:05Z"}, []string{"2028-01-02T03:04:05Z"}},
		{"DateLessThanEquals", "", `"2026-01-02T03:04:05Z"`, []string{"2026-01-02T03:04:05Z"}, []string{"2026-01-02T03:04:06Z"}},
		{"DateLessThanEquals", "", `["2026-01-02T03:04:05Z","2027-01-02T03:04:05Z"]`, []string{"2027-01-02T03:04:05Z"}, []string{"2028-01-02T03:04:05Z"}},
		{"DateGreaterThan", "", `"2026-01-02T03:04:05Z"`, []string{"2026-01-02T03:04:06Z"}, []string{"2026-01-02T03:04:05Z"}},
		{"DateGreaterThan", "", `["2026-01-02T03:04:05Z","2028-01-01T00:00:00Z"]`, []string{"2027-01-02T03:04:05Z"}, []string{"2026-01-02T03:04:04Z"}},
		{"DateGreaterThanEquals", "", `"2026-01-02T03:04:05Z"`, []string{"2026-01-02T03:04:05Z"}, []string{"2026-01-02T03:04:04Z"}},
		{"DateGreaterThanEquals", "", `["2026-01-02T03:04:05Z","2027-01-02T03:04:05Z"]`, []string{"2026-01-02T03:04:06Z"}, []string{"2026-01-02T03:04:04Z"}},
		{"Bool", "", `"true"`, []string{"true", "TRUE"}, []string{"false", "Apollo"}},
		{"Bool", "", `["true","false"]`, []string{"true", "false"}, []string{"Apollo"}},
		{"IpAddress", "NotIpAddress", `"192.168.1.0/24"`, []string{"192.168.1.77"}, []string{"192.168.2.77", "Apollo"}},
		{"IpAddress", "NotIpAddress", `["10.0.0.1","2001:db8::/32"]`, []string{"10.0.0.1", "2001:db8::1"}, []string{"10.0.0.2", "2001:db9::1"}},
	} {
		check := func(operator string, yes, no []string, missing bool) {
			t.Helper()
			n++
			u := root.user(fmt.Sprint("u", n), grant("kms:DescribeKey", "*", `{"`+operator+`":{"kms:tag/Key":`+tt.values+`}}`))
			for _, value := range yes {
				u.ok("DescribeKey", "KeyId", tagged(value))
			}
			for _, value := range no {
				u.denied(arns+"key/"+tagged(value), "DescribeKey", "KeyId", tagged(value))
			}
			if missing {
				u.ok("DescribeKey", "KeyId", untagged)
			} else {
				u.denied(arns+"key/"+untagged, "DescribeKey", "KeyId", untagged)
			}
		}
		check(tt.operator, tt.yes, tt.no, false)
		if tt.not != "" {
			check(tt.not, tt.no, tt.yes, true)
		}
	}

	// The keys that the server supplies. Operators are AND-ed, and so are the keys under one.
	list := func(condition string) *caller {
		n++
		return root.user(fmt.Sprint("u", n), grant("kms:ListKeys", "*", condition))
	}
	inside := list(`{"IpAddress":{"acs:SourceIp":"192.168.1.0/24"}}`)
	inside.denied(arns+"key", "ListKeys")
	inside.from("192.168.1.77").ok("ListKeys")
	inside.from("192.168.2.77").denied(arns+"key", "ListKeys")
	secure := list(`{"Bool":{"acs:SecureTransport":"true"}}`)
	secure.ok("ListKeys")
	secure.plain().denied(arns+"key", "ListKeys")
	list(`{"DateGreaterThan":{"acs:CurrentTime":"2026-01-02T03:04:04Z"},"Bool":{"acs:SecureTransport":"true"}}`).ok("ListKeys")
	list(`{"DateGreaterThan":{"acs:CurrentTime":"2026-01-02T03:04:05Z"},"Bool":{"acs:SecureTransport":"true"}}`).denied(arns+"key", "ListKeys")
	list(`{"Bool":{"acs:SecureTransport":"true","acs:MFAPresent":"false"}}`).denied(arns+"key", "ListKeys")
	arn := fmt.Sprint("acs:ram::1234567890123456:user/u", n+1)
	list(`{"StringEquals":{"acs:PrincipalArn":"` + arn + `"}}`).ok("ListKeys")
}

func acceptAlias(t *testing.T, root *caller) {
	cmk := root.key()
	root.ok("CreateAlias", "AliasName", "alias/a", "KeyId", cmk)
	root.user("key", grant("kms:Encrypt", arns+"key/"+cmk)).ok("Encrypt", "KeyId", "alias/a", "Plaintext", "x")
	root.user("alias", grant("kms:Encrypt", arns+"alias/a")).denied(arns+"key/"+cmk, "Encrypt", "KeyId", "alias/a", "Plaintext", "x")
}

func acceptUpdateAlias(t *testing.T, root *caller) {
	k1, k2 := root.key(), root.key()
	root.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k1)
	resources := []string{arns + "alias/a", arns + "key/" + k1, arns + "key/" + k2}
	for i, missing := range resources {
		rest := slices.Delete(slices.Clone(resources), i, i+1)
		root.user(fmt.Sprint("without", i), grant("kms:UpdateAlias", strings.Join(rest, " "))).denied(missing, "UpdateAlias", "AliasName", "alias/a", "KeyId", k2)
	}
	root.user("all", grant("kms:UpdateAlias", strings.Join(resources, " "))).ok("UpdateAlias", "AliasName", "alias/a", "KeyId", k2)
}

func acceptReEncrypt(t *testing.T, root *caller) {
	from, to := root.key(), root.key()
	blob := root.ok("Encrypt", "KeyId", from, "Plaintext", "x").str("CiphertextBlob")
	params := []string{"CiphertextBlob", blob, "DestinationKeyId", to}
	root.user("from", grant("kms:ReEncryptFrom", "*")).denied(arns+"key/"+to, "ReEncrypt", params...)
	root.user("to", grant("kms:ReEncryptTo", "*")).denied(arns+"key/"+from, "ReEncrypt", params...)
	root.user("bare", grant("kms:ReEncrypt", "*")).denied(arns+"key/"+from, "ReEncrypt", params...)
	root.user("both", grant("kms:ReEncryptFrom", arns+"key/"+from), grant("kms:ReEncryptTo", arns+"key/"+to)).ok("ReEncrypt", params...)
	root.user("glob", grant("kms:ReEncrypt*", "*")).ok("ReEncrypt", params...)
}

func acceptRandomPassword(t *testing.T, root *caller) {
	root.user("secrets", grant("kms:*", "acs:kms:*:*:secret/* acs:kms:*:*:*")).denied("", "GetRandomPassword")
	root.user("all", grant("kms:GetRandomPassword", "*")).ok("GetRandomPassword")
}

func acceptDescribeRegions(t *testing.T, root *caller) {
	if n := root.user("nobody").ok("DescribeRegions").len("Regions", "Region"); n == 0 {
		t.Error("there are no regions")
	}
	if events, err := root.server.Events(nil); err != nil || len(events) != 0 {
		t.Errorf("there are %d events, %v", len(events), err)
	}
}

func acceptSessions(t *testing.T, root *caller) {
	ram := root.server.RAM("")
	cmk, other := root.key(), root.key()
	must(t, ram.CreateRole("app", trustRoot, 0), ram.PutPolicy("app", grant("kms:Encrypt", "*")), ram.AttachPolicyToRole("app", "app"), ram.CreateRole("bare", trustRoot, 0))
	alice := root.user("alice", grant("sts:AssumeRole", "*"))
	assume := func(role string, params ...string) *caller {
		d := alice.ok("AssumeRole", append([]string{"RoleArn", "acs:ram::1234567890123456:role/" + role, "RoleSessionName", "alice"}, params...)...)
		return root.with(d.str("Credentials", "AccessKeyId"), d.str("Credentials", "AccessKeySecret"), d.str("Credentials", "SecurityToken"))
	}
	encrypt := func(key string) []string { return []string{"KeyId", key, "Plaintext", "x"} }
	whole := assume("app")
	whole.ok("Encrypt", encrypt(cmk)...)
	whole.denied(arns+"key/"+cmk, "DescribeKey", "KeyId", cmk)
	narrowed := assume("app", "Policy", encryptOnly(cmk))
	narrowed.ok("Encrypt", encrypt(cmk)...)
	narrowed.denied(arns+"key/"+other, "Encrypt", encrypt(other)...)
	assume("bare", "Policy", fullAccess).denied(arns+"key/"+cmk, "Encrypt", encrypt(cmk)...)
	root.user("eve").refused(403, "NoPermission", "AssumeRole", "RoleArn", roleARN, "RoleSessionName", "eve")
	short := assume("app", "DurationSeconds", "900")
	root.server.Advance(15 * time.Minute)
	whole.ok("Encrypt", encrypt(cmk)...)
	short.refused(400, "InvalidSecurityToken.Expired", "Encrypt", encrypt(cmk)...)
}

func acceptRecords(t *testing.T, root *caller) {
	cmk := root.key()
	known := []string{"attack at dawn, as we said", "hunter2 and some more", "a data key of nobody's"}
	root.ok("Encrypt", "KeyId", cmk, "Plaintext", known[0])
	root.secret("s", known[1], "EncryptionKeyId", cmk)
	known = append(known, root.ok("GenerateDataKey", "KeyId", cmk).str("Plaintext"), root.ok("GetRandomPassword").str("RandomPassword"))
	if got := root.value("s"); got != known[1] {
		t.Errorf("the value is %q", got)
	}
	eve := root.user("eve")
	eve.denied(arns+"key/"+cmk, "Encrypt", "KeyId", cmk, "Plaintext", known[2])
	message := "This operation for " + arns + "key/" + cmk + " is forbidden by permission system."

	log, err := root.raw("LookupEvents", "MaxResults", "50")
	must(t, err)
	for _, secret := range known {
		if strings.Contains(string(log), secret) || strings.Contains(string(log), base64.StdEncoding.EncodeToString([]byte(secret))) {
			t.Errorf("the records hold %q", secret)
		}
	}
	d := root.ok("LookupEvents", "LookupAttribute.1.Key", "User", "LookupAttribute.1.Value", "eve")
	if d.len("Events") != 1 || d.str("Events", 0, "eventName") != "Encrypt" || d.str("Events", 0, "errorCode") != "Forbidden.NoPermission" ||
		d.str("Events", 0, "errorMessage") != message || d.at("Events", 0, "responseElements") != nil || d.str("Events", 0, "requestParameters", "Plaintext") != "***" {
		t.Errorf("the record of the denied call is %v", d["Events"])
	}
}

func acceptInnerRecords(t *testing.T, root *caller) {
	cmk := root.key()
	root.secret("under-cmk", "x", "EncryptionKeyId", cmk)
	root.secret("under-default", "x")
	before, err := root.server.Events(nil)
	must(t, err)
	reader := root.user("reader", grant("kms:GetSecretValue kms:Decrypt", "*"))
	reader.value("under-cmk")
	reader.value("under-default")
	events, err := root.server.Events(nil)
	must(t, err)
	if events = events[len(before):]; names(events) != "Decrypt GetSecretValue GetSecretValue" {
		t.Fatalf("reading two secrets leaves %s", names(events))
	}
	inner, outer, byDefault := events[0], events[1], events[2]
	if inner.RequestID != outer.RequestID || inner.EventID == outer.EventID || inner.ResourceName != cmk || inner.UserIdentity.UserName != "reader" ||
		inner.AdditionalEventData["invokedBy"] != "secretsmanager" || outer.ResourceName != "under-cmk" || byDefault.RequestID == outer.RequestID {
		t.Errorf("the records are %+v\nand %+v", inner, outer)
	}
}
