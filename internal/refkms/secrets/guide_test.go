package secrets_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

// The commands of the user guide's chapter on secrets, with the answers that it shows.
func TestUserGuide(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	const pair = `{"uname": "alice", "pwd": "12****"}`
	for _, tt := range []struct {
		name   string
		action string
		params []string
		want   string // $T is the date of now, $K the CMK
	}{
		{"create", "CreateSecret", []string{"SecretName", "db_cred", "SecretData", pair, "VersionId", "v1"},
			`{"Arn":"acs:kms:us-east-1:123456:secret/db_cred","SecretName":"db_cred","VersionId":"v1","SecretType":"Generic","RequestId":"r"}`},
		{"create under a CMK", "CreateSecret", []string{"SecretName", "ssh_key", "SecretData", "ssh-key-blob", "VersionId", "v1", "EncryptionKeyId", cmk},
			`{"Arn":"acs:kms:us-east-1:123456:secret/ssh_key","SecretName":"ssh_key","VersionId":"v1","SecretType":"Generic","RequestId":"r"}`},
		{"list", "ListSecrets", nil,
			`{"SecretList":{"Secret":[{"SecretName":"db_cred","SecretType":"Generic","CreateTime":"$T","UpdateTime":"$T"},` +
				`{"SecretName":"ssh_key","SecretType":"Generic","CreateTime":"$T","UpdateTime":"$T"}]},"PageNumber":1,"PageSize":10,"TotalCount":2,"RequestId":"r"}`},
		{"describe", "DescribeSecret", []string{"SecretName", "ssh_key"},
			`{"Arn":"acs:kms:us-east-1:123456:secret/ssh_key","SecretName":"ssh_key","EncryptionKeyId":"$K","Description":"","SecretType":"Generic","CreateTime":"$T","UpdateTime":"$T","RequestId":"r"}`},
		{"describe under the default key", "DescribeSecret", []string{"SecretName", "db_cred"},
			`{"Arn":"acs:kms:us-east-1:123456:secret/db_cred","SecretName":"db_cred","Description":"","SecretType":"Generic","CreateTime":"$T","UpdateTime":"$T","RequestId":"r"}`},
		{"get", "GetSecretValue", []string{"SecretName", "db_cred"},
			`{"SecretName":"db_cred","VersionId":"v1","SecretData":"{\"uname\": \"alice\", \"pwd\": \"12****\"}","SecretDataType":"text","SecretType":"Generic",` +
				`"VersionStages":{"VersionStage":["ACSCurrent"]},"CreateTime":"$T","RequestId":"r"}`},
		{"get under a CMK", "GetSecretValue", []string{"SecretName", "ssh_key"},
			`{"SecretName":"ssh_key","VersionId":"v1","SecretData":"ssh-key-blob","SecretDataType":"text","SecretType":"Generic",` +
				`"VersionStages":{"VersionStage":["ACSCurrent"]},"CreateTime":"$T","RequestId":"r"}`},
		{"delete", "DeleteSecret", []string{"SecretName", "ssh_key"},
			`{"SecretName":"ssh_key","PlannedDeleteTime":"2020-02-21T03:55:18.165242211Z","RequestId":"r"}`},
		{"restore", "RestoreSecret", []string{"SecretName", "ssh_key"}, `{"SecretName":"ssh_key","RequestId":"r"}`},
		{"delete in a week", "DeleteSecret", []string{"SecretName", "ssh_key", "RecoveryWindowInDays", "7"},
			`{"SecretName":"ssh_key","PlannedDeleteTime":"2020-01-29T03:55:18.165242211Z","RequestId":"r"}`},
		{"restore again", "RestoreSecret", []string{"SecretName", "ssh_key"}, `{"SecretName":"ssh_key","RequestId":"r"}`},
		{"delete at once", "DeleteSecret", []string{"SecretName", "ssh_key", "ForceDeleteWithoutRecovery", "true"},
			`{"SecretName":"ssh_key","PlannedDeleteTime":"2020-01-22T03:55:18.165242211Z","RequestId":"r"}`},
		{"put, pending", "PutSecretValue", []string{"SecretName", "db_cred", "SecretData", `{"uname": "alice", "pwd": "new"}`, "VersionId", "v2", "VersionStages", `["MyPendingLabel"]`},
			`{"SecretName":"db_cred","VersionId":"v2","VersionStages":{"VersionStage":["MyPendingLabel"]},"RequestId":"r"}`},
		{"list versions", "ListSecretVersionIds", []string{"SecretName", "db_cred"},
			`{"SecretName":"db_cred","PageNumber":1,"PageSize":20,"TotalCount":2,"VersionIds":{"VersionId":[` +
				`{"VersionId":"v1","CreateTime":"$T","VersionStages":{"VersionStage":["ACSCurrent"]}},` +
				`{"VersionId":"v2","CreateTime":"$T","VersionStages":{"VersionStage":["MyPendingLabel"]}}]},"RequestId":"r"}`},
		{"make it current", "UpdateSecretVersionStage", []string{"SecretName", "db_cred", "VersionStage", "ACSCurrent", "MoveToVersion", "v2"},
			`{"SecretName":"db_cred","RequestId":"r"}`},
		{"get the new one", "GetSecretValue", []string{"SecretName", "db_cred"},
			`{"SecretName":"db_cred","VersionId":"v2","SecretData":"{\"uname\": \"alice\", \"pwd\": \"new\"}","SecretDataType":"text","SecretType":"Generic",` +
				`"VersionStages":{"VersionStage":["ACSCurrent","MyPendingLabel"]},"CreateTime":"$T","RequestId":"r"}`},
		{"update", "UpdateSecret", []string{"SecretName", "db_cred", "Description", "d"}, `{"SecretName":"db_cred","RequestId":"r"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := w.raw(tt.action, tt.params...)
			want := strings.NewReplacer("$T", date(start), "$K", cmk).Replace(tt.want)
			if err != nil || string(got) != want {
				t.Errorf("%s = %s, %v\nwant %s", tt.action, got, err, want)
			}
		})
	}
	password := w.ok("GetRandomPassword", "ExcludePunctuation", "true").str("RandomPassword")
	if !regexp.MustCompile(`^[0-9A-Za-z]{32}$`).MatchString(password) {
		t.Errorf("the password is %q, want 32 letters and digits", password)
	}
}

// Every operation says in its answer what the service says, and nothing else; a list is there when it is empty.
func TestAnswersWithOptionalParts(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x", "Tags", `[{"TagKey":"b","TagValue":"2"},{"TagKey":"a","TagValue":""}]`)
	w.secret("bare", "x")
	w.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7")
	fields := func(d doc) string { return strings.Join(slices.Sorted(maps.Keys(d)), " ") }

	d := w.ok("DescribeSecret", "SecretName", "s", "FetchTags", "TRUE")
	if got := fields(d); got != "Arn CreateTime Description PlannedDeleteTime RequestId SecretName SecretType Tags UpdateTime" {
		t.Errorf("DescribeSecret has the fields %s", got)
	}
	if got, want := d.str("PlannedDeleteTime"), date(start.Add(7*day)); got != want {
		t.Errorf("PlannedDeleteTime is %s, want %s", got, want)
	}
	tags, _ := json.Marshal(d.at("Tags"))
	if want := `{"Tag":[{"TagKey":"a","TagValue":""},{"TagKey":"b","TagValue":"2"}]}`; string(tags) != want {
		t.Errorf("Tags is %s, want %s", tags, want)
	}
	if got := fmt.Sprint(w.ok("DescribeSecret", "SecretName", "bare", "FetchTags", "true").at("Tags")); got != "map[Tag:[]]" {
		t.Errorf("no tags are %s", got)
	}
	list := w.ok("ListSecrets", "FetchTags", "true")
	if got := fmt.Sprint(list.at("SecretList", "Secret", 1, "Tags", "Tag", 0)); got != "map[TagKey:a TagValue:]" {
		t.Errorf("the first tag in the list is %s", got)
	}
	if got := list.str("SecretList", "Secret", 1, "PlannedDeleteTime"); got != date(start.Add(7*day)) {
		t.Errorf("PlannedDeleteTime in the list is %s", got)
	}
	if got := fmt.Sprint(list.at("SecretList", "Secret", 0, "PlannedDeleteTime"), list.at("SecretList", "Secret", 0, "Tags")); got != "<nil> map[Tag:[]]" {
		t.Errorf("of one that is not about to be deleted the list has %s", got)
	}
	if got := fmt.Sprint(w.in(account, "eu-west-1").ok("ListSecrets").at("SecretList")); got != "map[Secret:[]]" {
		t.Errorf("an empty list is %s", got)
	}
	w.ok("PutSecretValue", "SecretName", "bare", "SecretData", "y", "VersionId", "v2")
	w.ok("PutSecretValue", "SecretName", "bare", "SecretData", "z", "VersionId", "v3")
	if got := w.labels("bare"); got != "v1[] v2[ACSPrevious] v3[ACSCurrent]" {
		t.Errorf("the versions are %s", got)
	}
}

// The trace that the rules give, step by step.
func TestRotationTrace(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	put := func(version string, stages ...string) func() {
		return func() {
			params := []string{"SecretName", "s", "SecretData", "of " + version, "VersionId", version}
			w.ok("PutSecretValue", append(params, stages...)...)
		}
	}
	stage := func(params ...string) func() {
		return func() { w.ok("UpdateSecretVersionStage", append([]string{"SecretName", "s"}, params...)...) }
	}
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() { w.secret("s", "of v1") }, "v1[ACSCurrent]"},
		{put("v2", "VersionStages", `["MyPendingLabel"]`), "v1[ACSCurrent] v2[MyPendingLabel]"},
		{stage("VersionStage", "ACSCurrent", "MoveToVersion", "v2"), "v1[ACSPrevious] v2[ACSCurrent MyPendingLabel]"},
		{put("v3"), "v1[] v2[ACSPrevious MyPendingLabel] v3[ACSCurrent]"},
		{stage("VersionStage", "MyPendingLabel", "RemoveFromVersion", "v2"), "v1[] v2[ACSPrevious] v3[ACSCurrent]"},
		{put("v4", "VersionStages", `["ACSCurrent","ACSNext"]`), "v1[] v2[] v3[ACSPrevious] v4[ACSCurrent ACSNext]"},
		{stage("VersionStage", "ACSCurrent", "MoveToVersion", "v3"), "v1[] v2[] v3[ACSCurrent] v4[ACSPrevious ACSNext]"},
	} {
		step.do()
		if got := w.labels("s"); got != step.want {
			t.Fatalf("after step %d: %s, want %s", i+1, got, step.want)
		}
	}
	for version, params := range map[string][]string{
		"v1": {"VersionId", "v1"}, // deprecated, and readable
		"v3": nil,
		"v4": {"VersionStage", "ACSNext"},
	} {
		if got := w.value("s", params...); got != "of "+version {
			t.Errorf("GetSecretValue(%q) = %q", params, got)
		}
	}
}

// What clients do besides: the provider puts the version it has just created, asks by id and label together, and deletes
// with force and a window at once.
func TestWhatClientsDo(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "not base64!", "SecretDataType", "binary")
	w.ok("PutSecretValue", "SecretName", "s", "SecretData", "not base64!", "SecretDataType", "binary", "VersionId", "v1", "VersionStages", `["ACSCurrent"]`)
	d := w.ok("GetSecretValue", "SecretName", "s", "VersionId", "v1", "VersionStage", "ACSCurrent", "FetchExtendedConfig", "true")
	if d.str("SecretData") != "not base64!" || d.str("SecretDataType") != "binary" || d.at("ExtendedConfig") != nil {
		t.Errorf("GetSecretValue = %v", d)
	}
	if got := w.ok("ListTagResources", "ResourceType", "secret", "ResourceId.1", "s", "RegionId", region).list("TagResources", "TagResource"); got != "" {
		t.Errorf("ListTagResources = %s, want none", got)
	}
	w.ok("DeleteSecret", "SecretName", "s", "ForceDeleteWithoutRecovery", "true", "RecoveryWindowInDays", "30")
	w.refused(call.ErrSecretNotFound, "DescribeSecret", "SecretName", "s")
	w.secret("s", "again") // the name is free at once
}

// A secret can be named by its ARN wherever it can be named.
func TestNamesByARN(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret(arns+"secret/team/a", "x")
	w.secret("b", "x")
	for _, name := range []string{"team/a", arns + "secret/team/a"} {
		if got := w.ok("GetSecretValue", "SecretName", name).str("SecretName"); got != "team/a" {
			t.Errorf("GetSecretValue(%s) says it is of %q", name, got)
		}
		w.ok("TagResource", "SecretName", name, "Tags", `[{"TagKey":"k","TagValue":"v"}]`)
		w.ok("TagResources", "ResourceType", "secret", "ResourceId.1", name, "ResourceId.2", "b", "Tag.1.Key", "k")
		w.ok("UpdateSecret", "SecretName", name, "Description", "d")
	}
	elsewhere, foreign := "acs:kms:cn-hangzhou:123456:secret/b", "acs:kms:us-east-1:42:secret/b"
	w.refused(call.ErrSecretNotFound, "DescribeSecret", "SecretName", elsewhere)
	w.refused(call.ErrSecretValueNotFound, "GetSecretValue", "SecretName", elsewhere)
	w.refused(call.ErrCreateSecretNotFound, "CreateSecret", "SecretName", elsewhere, "VersionId", "v", "SecretData", "x")
	w.refused(call.ErrSecretNotFound, "TagResource", "SecretName", elsewhere, "Tags", "[]")
	w.refused(call.ErrResourceIDNotFound, "TagResources", "ResourceType", "secret", "ResourceId.1", elsewhere, "Tag.1.Key", "k")
	for _, action := range []string{"DescribeSecret", "GetSecretValue", "DeleteSecret", "RestoreSecret"} {
		w.refused(call.NoPermission(foreign), action, "SecretName", foreign)
	}
	w.refused(call.NoPermission(foreign), "CreateSecret", "SecretName", foreign, "VersionId", "v", "SecretData", "x")
	for _, name := range []string{"acs:kms:us-east-1:123456:key/b", "acs:kms:us-east-1:123456:secret", "acs:kms:us-east-1:123456:secret/", "acs:kms::123456:secret/b",
		"acs:kms:us-east-1:123456", "acs:oss:us-east-1:123456:secret/b", "acs:kms:*:123456:secret/b", "a:b", "a b", "张", "$Auto", "a\x00b", strings.Repeat("n", 193)} {
		w.refused(call.Invalid("SecretName"), "DescribeSecret", "SecretName", name)
		w.refused(call.Invalid("SecretName"), "CreateSecret", "SecretName", name, "VersionId", "v", "SecretData", "x")
	}
	w.secret(strings.Repeat("n", 192), "x")
	w.secret("AZaz09_/+=.-@", "x")
}

func TestDatesAreWholeSeconds(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x")
	w.advance(1500 * time.Millisecond)
	w.ok("PutSecretValue", "SecretName", "s", "SecretData", "y", "VersionId", "v2")
	d := w.ok("ListSecretVersionIds", "SecretName", "s")
	if got, want := d.str("VersionIds", "VersionId", 1, "CreateTime"), date(start.Add(1500*time.Millisecond)); got != want {
		t.Errorf("the version is of %s, want %s", got, want)
	}
	if got, want := w.ok("GetSecretValue", "SecretName", "s").str("CreateTime"), date(start); got != want {
		t.Errorf("GetSecretValue says %s, want %s, when the secret was made", got, want)
	}
}
