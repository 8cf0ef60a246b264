package secrets_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

// A kind is a type of secret that rotates, with what makes one.
type kind struct {
	name, secretType, secretName, config, data string
}

var kinds = []kind{
	{"Rds, one user", "Rds", "rds", `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`, `{"Accounts":[{"AccountName":"u","AccountPassword":"p"}]}`},
	{"Rds, two users", "Rds", "rds", `{"SecretSubType":"DoubleUsers","DBInstanceId":"i"}`,
		`{"Accounts":[{"AccountName":"u","AccountPassword":"p"},{"AccountName":"u_clone","AccountPassword":"q"}]}`},
	{"Redis", "Redis", "redis", `{"SecretSubType":"DoubleUsers","AccountName":"u","CloneAccountName":"u_clone","AccountPrivilege":"RoleReadWrite","InstanceId":"i","RegionId":"us-east-1"}`, "$Auto"},
	{"PolarDB", "PolarDB", "polar", `{"SecretSubType":"DoubleUsers","AccountName":"u","DBClusterId":"i","DBType":"MySQL","RegionId":"us-east-1"}`, "$Auto"},
	{"RAM", "RAMCredentials", "$Auto", `{"SecretSubType":"RamUserAccessKey","UserName":"u"}`, `{"AccessKeys":[{"AccessKeyId":"LTAIold","AccessKeySecret":"s"}]}`},
	{"ECS password", "ECS", "acs/ecs/x", `{"SecretSubType":"Password","InstanceId":"i","RegionId":"us-east-1"}`, `{"UserName":"u","Password":"p"}`},
	{"ECS keys", "ECS", "acs/ecs/x", `{"SecretSubType":"SSHKey","InstanceId":"i","RegionId":"us-east-1"}`, `{"UserName":"u","PublicKey":"ssh-rsa x","PrivateKey":"y"}`},
}

func (k kind) params(more ...string) []string {
	return append([]string{"SecretName", k.secretName, "SecretType", k.secretType, "ExtendedConfig", k.config, "SecretData", k.data, "VersionId", "v1"}, more...)
}

// fields returns a value as JSON.
func fields(t *testing.T, value string) map[string]string {
	t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(value), &m); err != nil {
		t.Fatalf("the value %q is no JSON of texts: %v", value, err)
	}
	return m
}

func TestManagedTypes(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			w := newWorld(t, secrets.Options{})
			d := w.ok("CreateSecret", k.params()...)
			name := d.str("SecretName")
			if want := map[bool]string{true: "acs/ram/user/u", false: k.secretName}[k.secretName == "$Auto"]; name != want || d.str("Arn") != arns+"secret/"+want {
				t.Errorf("the secret is called %s, %s, want %s", name, d.str("Arn"), want)
			}
			if d.str("AutomaticRotation") != "Disabled" || d.at("RotationInterval") != nil || d.at("NextRotationDate") != nil {
				t.Errorf("CreateSecret = %v", d)
			}
			if config := d.str("ExtendedConfig"); !strings.Contains(config, `"CustomData":{}`) || !strings.Contains(config, `"SecretSubType":`) {
				t.Errorf("ExtendedConfig is %s", config)
			}
			current := func(params ...string) map[string]string {
				t.Helper()
				return fields(t, w.value(name, params...))
			}
			first := current()
			w.advance(day)
			w.ok("RotateSecret", "SecretName", name, "VersionId", "v2")
			if got := w.labels(name); got != "v1[ACSPrevious] v2[ACSCurrent]" {
				t.Errorf("after a rotation: %s", got)
			}
			second := current()
			for field, v := range second {
				if !strings.HasSuffix(field, "Name") && v == first[field] {
					t.Errorf("the rotation has not changed %s", field)
				}
			}
			if got := current("VersionStage", "ACSPrevious", "VersionId", "v9"); got["AccountPassword"] != first["AccountPassword"] {
				t.Errorf("the previous value is %v, want %v", got, first)
			}
			w.advance(day)
			w.ok("RotateSecret", "SecretName", name, "VersionId", "v3")
			third := current()
			users := first["AccountName"] + " " + second["AccountName"] + " " + third["AccountName"]
			switch {
			case strings.Contains(k.config, "DoubleUsers"):
				if users != "u u_clone u" {
					t.Errorf("the users take turns as %s", users)
				}
			case k.secretType == "Rds":
				if users != "u u u" {
					t.Errorf("the users are %s", users)
				}
			case k.secretType == "ECS":
				if first["UserName"]+second["UserName"]+third["UserName"] != "uuu" {
					t.Errorf("the users are %s, %s and %s", first["UserName"], second["UserName"], third["UserName"])
				}
			case k.secretType == "RAMCredentials":
				if first["AccessKeyId"] != "LTAIold" || first["GenerateTimestamp"] != date(start) || second["GenerateTimestamp"] != date(start.Add(day)) ||
					!regexp.MustCompile(`^LTAI5t[0-9A-Za-z]{18}$`).MatchString(second["AccessKeyId"]) || len(second["AccessKeySecret"]) != 30 {
					t.Errorf("the access keys are %v and %v", first, second)
				}
			}
			// A version that is there is not rotated to again.
			d = w.ok("RotateSecret", "SecretName", name, "VersionId", "v2")
			if d.str("Arn") != arns+"secret/"+name || d.str("SecretName") != name || d.str("VersionId") != "v2" {
				t.Errorf("RotateSecret = %v", d)
			}
			if got := w.labels(name); got != "v1[] v2[ACSPrevious] v3[ACSCurrent]" {
				t.Errorf("after a repetition: %s", got)
			}
			d = w.ok("DescribeSecret", "SecretName", name)
			if d.str("SecretType") != k.secretType || d.str("LastRotationDate") != date(start.Add(2*day)) || d.str("UpdateTime") != date(start.Add(2*day)) {
				t.Errorf("DescribeSecret = %v", d)
			}
			w.refused(call.ErrUnsupportedOperation, "PutSecretValue", "SecretName", name, "VersionId", "v4", "SecretData", "x")
			w.refused(call.ErrStageStatus, "UpdateSecretVersionStage", "SecretName", name, "VersionStage", "ACSCurrent", "MoveToVersion", "v1")
			w.refused(call.Invalid("VersionStage"), "GetSecretValue", "SecretName", name, "VersionStage", "A")
			w.refused(call.ErrSecretExists, "CreateSecret", k.params()...)
		})
	}
}

func TestManagedTypesRefuse(t *testing.T) {
	double := `{"SecretSubType":"DoubleUsers","DBInstanceId":"i"}`
	for _, tt := range []struct {
		name         string
		kind         int
		param, value string
		want         error
	}{
		{"no configuration", 0, "ExtendedConfig", "", call.Missing("ExtendedConfig")},
		{"binary", 0, "SecretDataType", "binary", call.Invalid("SecretDataType")},
		{"rotation without an interval", 0, "EnableAutomaticRotation", "true", call.Missing("RotationInterval")},
		{"reserved name", 0, "SecretName", "acs/x", call.Invalid("SecretName")},
		{"no name of its own", 0, "SecretName", "$Auto", call.Invalid("SecretName")},
		{"name of its own", 4, "SecretName", "x", call.Invalid("SecretName")},
		{"not the prefix of the type", 5, "SecretName", "x", call.Invalid("SecretName")},
		{"configuration not JSON", 0, "ExtendedConfig", "x", call.Invalid("ExtendedConfig")},
		{"configuration null", 0, "ExtendedConfig", "null", call.Invalid("ExtendedConfig")},
		{"configuration too long", 0, "ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"` + strings.Repeat("i", 1024) + `"}`, call.Invalid("ExtendedConfig")},
		{"unknown subtype", 0, "ExtendedConfig", `{"SecretSubType":"TripleUsers","DBInstanceId":"i"}`, call.Invalid("ExtendedConfig")},
		{"subtype of another type", 2, "ExtendedConfig", strings.Replace(kinds[2].config, "DoubleUsers", "SingleUser", 1), call.Invalid("ExtendedConfig")},
		{"no instance", 0, "ExtendedConfig", `{"SecretSubType":"SingleUser"}`, call.Invalid("ExtendedConfig")},
		{"instance not text", 0, "ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":1}`, call.Invalid("ExtendedConfig")},
		{"custom data not an object", 0, "ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i","CustomData":[]}`, call.Invalid("ExtendedConfig")},
		{"eleven pairs of custom data", 0, "ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i","CustomData":` + eleven + `}`, call.Invalid("ExtendedConfig")},
		{"a user that no name can have", 4, "ExtendedConfig", `{"SecretSubType":"RamUserAccessKey","UserName":"a b"}`, call.Invalid("ExtendedConfig")},
		{"clone of another name", 2, "ExtendedConfig", strings.Replace(kinds[2].config, "u_clone", "v_clone", 1), call.Invalid("SecretData")},
		{"value not JSON", 0, "SecretData", "x", call.Invalid("SecretData")},
		{"no account", 0, "SecretData", `{"Accounts":[]}`, call.Invalid("SecretData")},
		{"an account too many", 0, "SecretData", kinds[1].data, call.Invalid("SecretData")},
		{"an account too few", 0, "ExtendedConfig", double, call.Invalid("SecretData")},
		{"the same account twice", 1, "SecretData", `{"Accounts":[{"AccountName":"u","AccountPassword":"p"},{"AccountName":"u","AccountPassword":"q"}]}`, call.Invalid("SecretData")},
		{"no password", 0, "SecretData", `{"Accounts":[{"AccountName":"u"}]}`, call.Invalid("SecretData")},
		{"a value where the service makes it", 2, "SecretData", kinds[0].data, call.Invalid("SecretData")},
		{"no value where the caller makes it", 0, "SecretData", "$Auto", call.Invalid("SecretData")},
		{"no access key", 4, "SecretData", `{"AccessKeys":[]}`, call.Invalid("SecretData")},
		{"half an access key", 4, "SecretData", `{"AccessKeys":[{"AccessKeyId":"x"}]}`, call.Invalid("SecretData")},
		{"three access keys", 4, "SecretData", `{"AccessKeys":[{"AccessKeyId":"1","AccessKeySecret":"x"},{"AccessKeyId":"2","AccessKeySecret":"x"},{"AccessKeyId":"3","AccessKeySecret":"x"}]}`, call.Invalid("SecretData")},
		{"no user", 5, "SecretData", `{"Password":"p"}`, call.Invalid("SecretData")},
		{"no password of a user", 5, "SecretData", `{"UserName":"u"}`, call.Invalid("SecretData")},
		{"keys in place of a password", 5, "SecretData", kinds[6].data, call.Invalid("SecretData")},
		{"a password in place of keys", 6, "SecretData", kinds[5].data, call.Invalid("SecretData")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, secrets.Options{})
			w.refused(tt.want, "CreateSecret", kinds[tt.kind].params(tt.param, tt.value)...)
		})
	}
	for _, bad := range []string{"5h", "8761h", "366d", "21599s", "x", "7", "d", "-7d", "7.5d", "99999999999d"} {
		w := newWorld(t, secrets.Options{})
		w.refused(call.Invalid("RotationInterval"), "CreateSecret", kinds[0].params("EnableAutomaticRotation", "true", "RotationInterval", bad)...)
		w.ok("CreateSecret", kinds[0].params("EnableAutomaticRotation", "false", "RotationInterval", bad)...)
		w.refused(call.Invalid("RotationInterval"), "UpdateSecretRotationPolicy", "SecretName", "rds", "EnableAutomaticRotation", "true", "RotationInterval", bad)
	}
	w := newWorld(t, secrets.Options{})
	w.ok("CreateSecret", kinds[0].params()...)
	w.refused(call.Missing("EnableAutomaticRotation"), "UpdateSecretRotationPolicy", "SecretName", "rds")
	w.refused(call.Missing("RotationInterval"), "UpdateSecretRotationPolicy", "SecretName", "rds", "EnableAutomaticRotation", "true")
}

const eleven = `{"1":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":"","10":"","11":""}`

func TestCustomData(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.ok("CreateSecret", kinds[0].params("ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i","CustomData":{"a":"1"},"Other":"kept"}`)...)
	config := func() string {
		return w.ok("GetSecretValue", "SecretName", "rds", "FetchExtendedConfig", "true").str("ExtendedConfig")
	}
	if got, want := config(), `{"CustomData":{"a":"1"},"DBInstanceId":"i","Other":"kept","SecretSubType":"SingleUser"}`; got != want {
		t.Errorf("ExtendedConfig is %s, want %s", got, want)
	}
	if got := w.ok("GetSecretValue", "SecretName", "rds").at("ExtendedConfig"); got != nil {
		t.Errorf("ExtendedConfig comes unasked: %v", got)
	}
	w.ok("UpdateSecret", "SecretName", "rds", "ExtendedConfig.CustomData", `{"b":"2","n":3}`)
	if got, want := config(), `{"CustomData":{"b":"2","n":3},"DBInstanceId":"i","Other":"kept","SecretSubType":"SingleUser"}`; got != want {
		t.Errorf("ExtendedConfig is %s, want %s", got, want)
	}
	for _, bad := range []string{"x", "null", "[]", eleven, `{"a":"` + strings.Repeat("x", 2000) + `"}`} {
		w.refused(call.Invalid("ExtendedConfig.CustomData"), "UpdateSecret", "SecretName", "rds", "ExtendedConfig.CustomData", bad)
	}
}

func TestAutomaticRotation(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	d := w.ok("CreateSecret", kinds[1].params("EnableAutomaticRotation", "true", "RotationInterval", "7d")...)
	if d.str("AutomaticRotation") != "Enabled" || d.str("RotationInterval") != "604800s" || d.str("NextRotationDate") != date(start.Add(7*day)) {
		t.Errorf("CreateSecret = %v", d)
	}
	w.trail.take()
	w.advance(15 * day)
	if got, want := w.trail.take(), "RotateSecret "+date(start.Add(7*day))+" rds\nRotateSecret "+date(start.Add(14*day))+" rds"; got != want {
		t.Errorf("the trail has\n%s\nwant\n%s", got, want)
	}
	d = w.ok("GetSecretValue", "SecretName", "rds")
	if d.str("LastRotationDate") != date(start.Add(14*day)) || d.str("NextRotationDate") != date(start.Add(21*day)) || d.str("AutomaticRotation") != "Enabled" ||
		fields(t, d.str("SecretData"))["AccountName"] != "u" {
		t.Errorf("after two rotations of two users: %v", d)
	}
	versions := w.ok("ListSecretVersionIds", "SecretName", "rds")
	if got := versions.str("VersionIds", "VersionId", 1, "CreateTime"); got != date(start.Add(14*day)) {
		t.Errorf("the current version is of %s", got)
	}
	// A rotation by hand moves the next one; more than ten versions are never kept.
	w.ok("RotateSecret", "SecretName", "rds", "VersionId", "by-hand")
	if got := w.ok("DescribeSecret", "SecretName", "rds").str("NextRotationDate"); got != date(start.Add(22*day)) {
		t.Errorf("the next rotation is at %s", got)
	}
	w.advance(365 * day)
	if got := strings.Count(w.labels("rds"), "["); got != 10 {
		t.Errorf("there are %d versions", got)
	}
	w.ok("UpdateSecretRotationPolicy", "SecretName", "rds", "EnableAutomaticRotation", "false")
	w.trail.take()
	w.advance(100 * day)
	if got := w.trail.take(); got != "" {
		t.Errorf("without a policy: %s", got)
	}
	// The last rotation is longer ago than the interval: it rotates at once.
	w.ok("UpdateSecretRotationPolicy", "SecretName", "rds", "EnableAutomaticRotation", "true", "RotationInterval", "6h")
	d = w.ok("DescribeSecret", "SecretName", "rds")
	if d.str("LastRotationDate") != date(start.Add(480*day)) || d.str("RotationInterval") != "21600s" {
		t.Errorf("an interval that has passed: %v", d)
	}
}

// No rotation in the recovery window; what was due is made up for once.
func TestRotationInTheWindow(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.ok("CreateSecret", kinds[0].params("EnableAutomaticRotation", "true", "RotationInterval", "1d")...)
	w.ok("DeleteSecret", "SecretName", "rds")
	w.advance(10 * day)
	if got := w.labels("rds"); got != "v1[ACSCurrent]" {
		t.Errorf("in the window: %s", got)
	}
	w.ok("RestoreSecret", "SecretName", "rds")
	if got := w.ok("DescribeSecret", "SecretName", "rds").str("LastRotationDate"); got != date(start.Add(10*day)) {
		t.Errorf("after the window the last rotation is of %s", got)
	}
	if got := strings.Count(w.labels("rds"), "["); got != 2 {
		t.Errorf("after the window there are %d versions", got)
	}
}

// Where the CMK cannot be used, rotation fails, and waits for somebody.
func TestRotationFails(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	w.ok("CreateSecret", kinds[0].params("EncryptionKeyId", cmk, "EnableAutomaticRotation", "true", "RotationInterval", "1d")...)
	w.advance(day)
	w.ok("DisableKey", "KeyId", cmk)
	w.refused(call.ErrDisabled, "RotateSecret", "SecretName", "rds", "VersionId", "by-hand")
	before := w.labels("rds")
	w.trail.take()
	w.advance(5 * day)
	if got := w.trail.take(); got != "" || w.labels("rds") != before {
		t.Errorf("with a disabled CMK: %s, %s", got, w.labels("rds"))
	}
	if got := w.ok("DescribeSecret", "SecretName", "rds").str("AutomaticRotation"); got != "Invalid" {
		t.Errorf("AutomaticRotation is %s, want Invalid", got)
	}
	w.ok("EnableKey", "KeyId", cmk)
	w.ok("RotateSecret", "SecretName", "rds", "VersionId", "by-hand")
	w.advance(day)
	d := w.ok("DescribeSecret", "SecretName", "rds")
	if d.str("AutomaticRotation") != "Enabled" || d.str("LastRotationDate") != date(start.Add(7*day)) {
		t.Errorf("after a rotation by hand: %v", d)
	}
}

// The keys that are made are keys to OpenSSH.
func TestKeysOfOpenSSH(t *testing.T) {
	tool, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen here")
	}
	w := newWorld(t, secrets.Options{})
	w.ok("CreateSecret", kinds[6].params()...)
	w.ok("RotateSecret", "SecretName", "acs/ecs/x", "VersionId", "v2")
	pair := fields(t, w.value("acs/ecs/x"))
	file := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(file, []byte(pair["PrivateKey"]), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-y", "-f", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != pair["PublicKey"] {
		t.Errorf("ssh-keygen says the public key is\n%s, want\n%s", got, pair["PublicKey"])
	}
}
