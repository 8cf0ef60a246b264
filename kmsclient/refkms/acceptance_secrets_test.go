package refkms_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a server of secrets must do to be accepted, row by row, by the official SDK and over the wire protocol.
func TestAcceptSecrets(t *testing.T) {
	for _, row := range []struct {
		name string
		test func(t *testing.T, root *caller)
	}{
		{"1 the commands of the guide", acceptGuide},
		{"2 versions and labels after random calls", acceptLabels},
		{"3 the eleventh version", acceptRecycling},
		{"4 the same version again", acceptPutAgain},
		{"5 the recovery window", acceptWindow},
		{"6 a CMK that is disabled", acceptDisabledCMK},
		{"7 a CMK that is rotated", acceptRotatedCMK},
		{"8 no right to decrypt under the CMK", acceptCMKRights},
		{"9 secrets are not their container", acceptSecretContainer},
		{"10 XML for every answer", acceptXML},
	} {
		t.Run(row.name, func(t *testing.T) { row.test(t, rootCaller(t, frozen())) })
	}
}

// acceptGuide runs the commands of the user guide's chapter, and compares the answers with what it shows.
func acceptGuide(t *testing.T, root *caller) {
	cmk := root.key()
	const pair = `{"uname": "alice", "pwd": "12****"}`
	fill := strings.NewReplacer("$T", "2026-01-02T03:04:05Z", "$K", cmk, "$A", arns+"secret/")
	for _, tt := range []struct {
		action string
		params []string
		want   string // without the request id
	}{
		{"CreateSecret", []string{"SecretName", "db_cred", "SecretData", pair, "VersionId", "v1"},
			`{"Arn":"$Adb_cred","SecretName":"db_cred","SecretType":"Generic","VersionId":"v1"}`},
		{"CreateSecret", []string{"SecretName", "ssh_key", "SecretData", "ssh-key-blob", "VersionId", "v1", "EncryptionKeyId", cmk},
			`{"Arn":"$Assh_key","SecretName":"ssh_key","SecretType":"Generic","VersionId":"v1"}`},
		{"ListSecrets", nil, `{"PageNumber":1,"PageSize":10,"SecretList":{"Secret":[{"CreateTime":"$T","SecretName":"db_cred","SecretType":"Generic","UpdateTime":"$T"},` +
			`{"CreateTime":"$T","SecretName":"ssh_key","SecretType":"Generic","UpdateTime":"$T"}]},"TotalCount":2}`},
		{"DescribeSecret", []string{"SecretName", "ssh_key"},
			`{"Arn":"$Assh_key","CreateTime":"$T","Description":"","EncryptionKeyId":"$K","SecretName":"ssh_key","SecretType":"Generic","UpdateTime":"$T"}`},
		{"GetSecretValue", []string{"SecretName", "db_cred"}, `{"CreateTime":"$T","SecretData":"{\"uname\": \"alice\", \"pwd\": \"12****\"}","SecretDataType":"text",` +
			`"SecretName":"db_cred","SecretType":"Generic","VersionId":"v1","VersionStages":{"VersionStage":["ACSCurrent"]}}`},
		{"DeleteSecret", []string{"SecretName", "ssh_key"}, `{"PlannedDeleteTime":"2026-02-01T03:04:05Z","SecretName":"ssh_key"}`},
		{"RestoreSecret", []string{"SecretName", "ssh_key"}, `{"SecretName":"ssh_key"}`},
		{"DeleteSecret", []string{"SecretName", "ssh_key", "RecoveryWindowInDays", "7"}, `{"PlannedDeleteTime":"2026-01-09T03:04:05Z","SecretName":"ssh_key"}`},
		{"RestoreSecret", []string{"SecretName", "ssh_key"}, `{"SecretName":"ssh_key"}`},
		{"DeleteSecret", []string{"SecretName", "ssh_key", "ForceDeleteWithoutRecovery", "true"}, `{"PlannedDeleteTime":"2026-01-02T03:04:05Z","SecretName":"ssh_key"}`},
		{"PutSecretValue", []string{"SecretName", "db_cred", "SecretData", "new", "VersionId", "v2", "VersionStages", `["MyPendingLabel"]`},
			`{"SecretName":"db_cred","VersionId":"v2","VersionStages":{"VersionStage":["MyPendingLabel"]}}`},
		{"ListSecretVersionIds", []string{"SecretName", "db_cred"}, `{"PageNumber":1,"PageSize":20,"SecretName":"db_cred","TotalCount":2,"VersionIds":{"VersionId":[` +
			`{"CreateTime":"$T","VersionId":"v1","VersionStages":{"VersionStage":["ACSCurrent"]}},` +
			`{"CreateTime":"$T","VersionId":"v2","VersionStages":{"VersionStage":["MyPendingLabel"]}}]}}`},
		{"UpdateSecretVersionStage", []string{"SecretName", "db_cred", "VersionStage", "ACSCurrent", "MoveToVersion", "v2"}, `{"SecretName":"db_cred"}`},
		{"GetSecretValue", []string{"SecretName", "db_cred"}, `{"CreateTime":"$T","SecretData":"new","SecretDataType":"text","SecretName":"db_cred",` +
			`"SecretType":"Generic","VersionId":"v2","VersionStages":{"VersionStage":["ACSCurrent","MyPendingLabel"]}}`},
		{"UpdateSecret", []string{"SecretName", "db_cred", "Description", "d"}, `{"SecretName":"db_cred"}`},
	} {
		d := root.ok(tt.action, tt.params...)
		delete(d, "RequestId")
		var got strings.Builder
		enc := json.NewEncoder(&got) // which orders names
		enc.SetEscapeHTML(false)
		must(t, enc.Encode(d))
		if got, want := strings.TrimSpace(got.String()), fill.Replace(tt.want); got != want {
			t.Errorf("%s(%q) =\n%s, want\n%s", tt.action, tt.params, got, want)
		}
	}
	if password := root.ok("GetRandomPassword", "ExcludePunctuation", "true").str("RandomPassword"); !regexp.MustCompile(`^[0-9A-Za-z]{32}$`).MatchString(password) {
		t.Errorf("the password is %q, want 32 letters and digits", password)
	}
}

var versionWithLabels = regexp.MustCompile(`(\S+)\[([^\]]*)\]`)

// acceptLabels makes random calls and looks after each whether what must always be true is: one version is current, one
// at most the previous one and none before the current one has changed, a label is on one version, there are no more than
// ten versions and eight labels, and a version that is there has the value that was put.
func acceptLabels(t *testing.T, root *caller) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	root.secret("s", "of v1")
	values, moved := map[string]string{"v1": "of v1"}, false
	labels := []string{"ACSCurrent", "ACSPrevious", "ACSNext", "A", "B", "C", "D", "E", "F", "G"}
	pick := func(from []string) string {
		if label := from[random.IntN(len(from))]; label != "ACSPrevious" || moved {
			return label
		}
		return "ACSNext"
	}
	on := map[string]string{} // versions by their labels
	for step := range 150 {
		version := fmt.Sprint("v", 1+random.IntN(14))
		if step == 75 && !moved {
			// Eight other labels are taken, so that there is none for the previous version, and the current one stays.
			for label, version := range on {
				if label != "ACSCurrent" {
					root.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", label, "RemoveFromVersion", version)
				}
			}
			root.ok("PutSecretValue", "SecretName", "s", "VersionId", "v15", "SecretData", "of v15")
			values["v15"] = "of v15"
		}
		if random.IntN(2) == 0 {
			value := fmt.Sprint("of ", version, " in step ", step)
			params := []string{"SecretName", "s", "VersionId", version, "SecretData", value}
			if random.IntN(2) == 0 {
				some, err := json.Marshal([]string{pick(labels[:5]), pick(labels[5:])})
				must(t, err)
				params = append(params, "VersionStages", string(some))
			}
			if _, err := root.call("PutSecretValue", params...); err == nil {
				values[version] = value
			}
		} else if label := pick(labels); random.IntN(3) == 0 {
			root.call("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", label, "RemoveFromVersion", version)
		} else {
			root.call("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", label, "MoveToVersion", version)
		}

		clear(on)
		found := versionWithLabels.FindAllStringSubmatch(root.labels("s"), -1)
		var there []string
		for _, v := range found {
			there = append(there, v[1])
			for _, label := range strings.Fields(v[2]) {
				if on[label] != "" {
					t.Fatalf("step %d: %s is on %s and %s", step, label, on[label], v[1])
				}
				on[label] = v[1]
			}
		}
		if moved = moved || on["ACSCurrent"] != "v1"; on["ACSCurrent"] == "" || on["ACSPrevious"] != "" && !moved {
			t.Fatalf("step %d: the labels are %v", step, on)
		}
		if len(there) > 10 || len(on) > 8 {
			t.Fatalf("step %d: there are %d versions and %d labels", step, len(there), len(on))
		}
		maps.DeleteFunc(values, func(version, _ string) bool { return !slices.Contains(there, version) })
		if len(values) != len(there) {
			t.Fatalf("step %d: the versions are %v, and %v were put", step, there, values)
		}
		if step%10 == 0 {
			for version, want := range values {
				if got := root.value("s", "VersionId", version); got != want {
					t.Fatalf("step %d: the value of %s is %q, want %q", step, version, got, want)
				}
			}
		}
	}
	if !moved {
		t.Error("the current version has never changed: the test has lost its point")
	}
}

func acceptRecycling(t *testing.T, root *caller) {
	root.secret("s", "of v1", "SecretDataType", "text")
	root.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "Keep", "MoveToVersion", "v1")
	for i := 2; i <= 10; i++ {
		root.ok("PutSecretValue", "SecretName", "s", "VersionId", fmt.Sprint("v", i), "SecretData", fmt.Sprint("of v", i))
	}
	if got, want := root.labels("s"), "v1[Keep] v2[] v3[] v4[] v5[] v6[] v7[] v8[] v9[ACSPrevious] v10[ACSCurrent]"; got != want {
		t.Fatalf("ten versions are %s, want %s", got, want)
	}
	root.ok("PutSecretValue", "SecretName", "s", "VersionId", "v11", "SecretData", "of v11")
	if got, want := root.labels("s"), "v1[Keep] v3[] v4[] v5[] v6[] v7[] v8[] v9[] v10[ACSPrevious] v11[ACSCurrent]"; got != want {
		t.Errorf("after the eleventh they are %s, want %s", got, want)
	}
	root.refused(404, "Forbidden.ResourceNotFound", "GetSecretValue", "SecretName", "s", "VersionId", "v2")
	if got := root.value("s", "VersionStage", "Keep"); got != "of v1" {
		t.Errorf("the oldest, which has a label, is %q", got)
	}
}

func acceptPutAgain(t *testing.T, root *caller) {
	root.secret("s", "one")
	put := []string{"SecretName", "s", "VersionId", "v2", "SecretData", "two"}
	root.ok("PutSecretValue", put...)
	root.ok("PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "three")
	before := root.labels("s")
	root.ok("PutSecretValue", append(put, "VersionStages", `["ACSCurrent","A"]`)...)
	root.refused(409, "Rejected.ResourceExist", "PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "other")
	if got := root.labels("s"); got != before || got != "v1[] v2[ACSPrevious] v3[ACSCurrent]" {
		t.Errorf("the labels were %s and are %s", before, got)
	}
	if got := root.value("s", "VersionId", "v2"); got != "two" {
		t.Errorf("the value is %q", got)
	}
}

func acceptWindow(t *testing.T, root *caller) {
	root.secret("s", "one")
	root.refused(409, "Rejected.ResourceInUse", "RestoreSecret", "SecretName", "s")
	root.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7")
	root.refused(409, "Rejected.ResourceInDeleteWindow", "CreateSecret", "SecretName", "s", "VersionId", "v1", "SecretData", "x")
	root.refused(409, "Rejected.ResourceInDeleteWindow", "GetSecretValue", "SecretName", "s")
	if got := root.ok("DescribeSecret", "SecretName", "s").str("PlannedDeleteTime"); got != "2026-01-09T03:04:05Z" {
		t.Errorf("PlannedDeleteTime is %q", got)
	}
	root.ok("RestoreSecret", "SecretName", "s")
	if got := root.ok("DescribeSecret", "SecretName", "s"); got["PlannedDeleteTime"] != nil || root.value("s") != "one" {
		t.Errorf("restored, it is %v", got)
	}
	root.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7")
	root.server.Advance(7 * day)
	root.refused(404, "Forbidden.ResourceNotFound", "RestoreSecret", "SecretName", "s")
	root.secret("s", "another")
}

func acceptDisabledCMK(t *testing.T, root *caller) {
	cmk := root.key()
	root.secret("s", "one", "EncryptionKeyId", cmk)
	root.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "two")
	root.ok("DisableKey", "KeyId", cmk)
	root.refused(409, "Rejected.Disabled", "GetSecretValue", "SecretName", "s")
	root.refused(409, "Rejected.Disabled", "PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "three")
	root.refused(409, "Rejected.Disabled", "CreateSecret", "SecretName", "t", "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk)
	root.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "ACSCurrent", "MoveToVersion", "v1")
	root.ok("DescribeSecret", "SecretName", "s")
	root.ok("ListSecretVersionIds", "SecretName", "s")
	root.ok("TagResource", "SecretName", "s", "Tags", `[{"TagKey":"k","TagValue":"v"}]`)
	root.ok("DeleteSecret", "SecretName", "s")
	root.ok("RestoreSecret", "SecretName", "s")
	root.ok("EnableKey", "KeyId", cmk)
	root.ok("PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "three")
	if got := root.value("s", "VersionId", "v1") + root.value("s"); got != "onethree" {
		t.Errorf("once the CMK is enabled the values are %q", got)
	}
}

func acceptRotatedCMK(t *testing.T, root *caller) {
	cmk := root.key()
	root.secret("s", "one", "EncryptionKeyId", cmk)
	first := root.ok("DescribeKey", "KeyId", cmk).str("KeyMetadata", "PrimaryKeyVersion")
	root.ok("UpdateRotationPolicy", "KeyId", cmk, "EnableAutomaticRotation", "true", "RotationInterval", "7d")
	root.server.Advance(8 * day)
	if now := root.ok("DescribeKey", "KeyId", cmk).str("KeyMetadata", "PrimaryKeyVersion"); now == first || now == "" {
		t.Fatalf("the primary version of the CMK was %q and is %q", first, now)
	}
	root.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "two")
	if got := root.value("s", "VersionId", "v1") + root.value("s"); got != "onetwo" {
		t.Errorf("the values are %q", got)
	}
}

func acceptCMKRights(t *testing.T, root *caller) {
	cmk := root.key()
	root.secret("under-cmk", "one", "EncryptionKeyId", cmk)
	root.secret("under-default", "two")
	reader := root.user("reader", grant("kms:GetSecretValue", arns+"secret/*"))
	reader.denied(arns+"key/"+cmk, "GetSecretValue", "SecretName", "under-cmk")
	if got := reader.value("under-default"); got != "two" {
		t.Errorf("the value is %q", got)
	}
	writer := root.user("writer", grant("kms:PutSecretValue kms:CreateSecret", "*"))
	writer.denied(arns+"key/"+cmk, "PutSecretValue", "SecretName", "under-cmk", "VersionId", "v2", "SecretData", "x")
	writer.denied(arns+"key/"+cmk, "CreateSecret", "SecretName", "new", "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk)
	writer.ok("PutSecretValue", "SecretName", "under-default", "VersionId", "v2", "SecretData", "x")
	if got := root.user("both", grant("kms:GetSecretValue kms:Decrypt", "*")).value("under-cmk"); got != "one" {
		t.Errorf("the value is %q", got)
	}
}

func acceptSecretContainer(t *testing.T, root *caller) {
	root.secret("s", "one")
	u := root.user("u", grant("kms:*", "acs:kms:*:*:secret/*"))
	u.denied(arns+"secret", "CreateSecret", "SecretName", "new", "VersionId", "v1", "SecretData", "x")
	u.denied(arns+"secret", "ListSecrets")
	u.ok("DescribeSecret", "SecretName", "s")
	container := root.user("container", grant("kms:*", "acs:kms:*:*:secret"))
	container.ok("ListSecrets")
	container.ok("CreateSecret", "SecretName", "new", "VersionId", "v1", "SecretData", "x")
	container.denied(arns+"secret/s", "DescribeSecret", "SecretName", "s")
}

// acceptXML has every operation on secrets and tags answer in XML, and be refused in it.
func acceptXML(t *testing.T, root *caller) {
	cmk := root.key()
	contains := func(elements []string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !slices.Contains(elements, w) {
				t.Errorf("%q holds no %s", elements, w)
			}
		}
	}
	contains(root.xml("CreateSecret", "SecretName", "s", "VersionId", "v1", "SecretData", "<a> & \"b\"", "EncryptionKeyId", cmk), "KMS/Arn="+arns+"secret/s", "KMS/VersionId=v1")
	contains(root.xml("GetSecretValue", "SecretName", "s"), "KMS/SecretData=<a> & \"b\"", "KMS/VersionStages/VersionStage=ACSCurrent")
	contains(root.xml("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "x", "VersionStages", `["A","B"]`),
		"KMS/VersionStages/VersionStage=A", "KMS/VersionStages/VersionStage=B")
	contains(root.xml("ListSecretVersionIds", "SecretName", "s"), "KMS/TotalCount=2", "KMS/VersionIds/VersionId/VersionId=v1", "KMS/VersionIds/VersionId/VersionId=v2")
	contains(root.xml("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "A", "RemoveFromVersion", "v2"), "KMS/SecretName=s")
	contains(root.xml("UpdateSecret", "SecretName", "s", "Description", "d"), "KMS/SecretName=s")
	tags := `[{"TagKey":"k","TagValue":"v"}]`
	root.xml("TagResource", "SecretName", "s", "Tags", tags)
	root.xml("TagResources", "ResourceType", "secret", "ResourceId.1", "s", "Tag.1.Key", "l", "Tag.1.Value", "w")
	contains(root.xml("ListResourceTags", "SecretName", "s"), "KMS/Tags/Tag/SecretName=s", "KMS/Tags/Tag/TagKey=k", "KMS/Tags/Tag/TagValue=w")
	contains(root.xml("ListTagResources", "ResourceType", "secret"), "KMS/TagResources/TagResource/ResourceId=s", "KMS/TagResources/TagResource/TagValue=v")
	contains(root.xml("DescribeSecret", "SecretName", "s", "FetchTags", "true"), "KMS/EncryptionKeyId="+cmk, "KMS/Tags/Tag/TagKey=l")
	contains(root.xml("ListSecrets", "FetchTags", "true"), "KMS/SecretList/Secret/SecretName=s", "KMS/SecretList/Secret/Tags/Tag/TagKey=l", "KMS/PageSize=10")
	root.xml("UntagResource", "SecretName", "s", "TagKeys", `["k"]`)
	root.xml("UntagResources", "ResourceType", "secret", "ResourceId.1", "s", "TagKey.1", "l")
	contains(root.xml("DeleteSecret", "SecretName", "s"), "KMS/PlannedDeleteTime=2026-02-01T03:04:05Z")
	contains(root.xml("RestoreSecret", "SecretName", "s"), "KMS/SecretName=s")
	root.xml("GetRandomPassword")
	contains(root.xml("CreateSecret", "SecretName", "rds", "VersionId", "v1", "SecretType", "Rds", "SecretData", `{"Accounts":[{"AccountName":"u","AccountPassword":"p"}]}`,
		"ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`), "KMS/SecretType=Rds")
	contains(root.xml("RotateSecret", "SecretName", "rds", "VersionId", "v2"), "KMS/VersionId=v2")
	contains(root.xml("UpdateSecretRotationPolicy", "SecretName", "rds", "EnableAutomaticRotation", "false"), "KMS/SecretName=rds")
	contains(root.xml("LookupEvents"), "KMS/Events/referencedResources/ACS__KMS__Secret=s", "KMS/Events/eventName=RotateSecret")
	for action, code := range map[string]string{
		"GetSecretValue": "MissingParameter", "CreateSecret": "MissingParameter", "DescribeSecret": "MissingParameter", "PutSecretValue": "MissingParameter",
		"ListSecretVersionIds": "MissingParameter", "UpdateSecretVersionStage": "MissingParameter", "UpdateSecret": "MissingParameter",
		"TagResource": "MissingParameter", "UntagResource": "MissingParameter", "ListTagResources": "MissingParameter", "TagResources": "MissingParameter",
		"UntagResources": "MissingParameter", "DeleteSecret": "MissingParameter", "RestoreSecret": "MissingParameter", "RotateSecret": "MissingParameter",
		"UpdateSecretRotationPolicy": "MissingParameter", "GetSecretPolicy": "MissingParameter", "SetSecretPolicy": "MissingParameter",
	} {
		contains(root.xml(action), "KMS/Code="+code, "KMS/HttpStatus=400")
	}
}
