package secrets_test

import (
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Checks are made in one order: each row fails all checks from its own on, and is told of the first.
func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t, secrets.Options{MaxSecrets: 3})
	disabled := w.key()
	w.secret("s", "x", "EncryptionKeyId", disabled)
	w.secret("dying", "x", "EncryptionKeyId", disabled)
	w.secret("rds", `{"Accounts":[{"AccountName":"a","AccountPassword":"p"}]}`, "SecretType", "Rds", "EncryptionKeyId", disabled,
		"ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`)
	w.ok("DeleteSecret", "SecretName", "dying")
	w.ok("DisableKey", "KeyId", disabled)
	nine := `["a","b","c","d","e","f","g","h"]` // with ACSCurrent
	create := func(name, key string, more ...string) []string {
		return append([]string{"SecretName", name, "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", key}, more...)
	}
	put := func(name string, more ...string) []string {
		return append([]string{"SecretName", name, "VersionId", "v2", "SecretData", "x", "VersionStages", nine}, more...)
	}
	s := arns + "secret"
	for _, tt := range []struct {
		name    string
		allowed []string // nil: everything
		want    error
		action  string
		params  []string
	}{
		{"missing before invalid", []string{}, call.Missing("SecretData"), "CreateSecret", []string{"SecretName", "a b", "VersionId", "v1"}},
		{"missing in the order of the parameters", []string{}, call.Missing("SecretName"), "CreateSecret", nil},
		{"the second of them", []string{}, call.Missing("VersionId"), "PutSecretValue", []string{"SecretName", "s"}},
		{"empty is missing", []string{}, call.Missing("SecretName"), "DescribeSecret", []string{"SecretName", ""}},
		{"invalid before rights", []string{}, call.Invalid("SecretName"), "CreateSecret", create("a b", disabled)},
		{"an alias before rights", []string{}, call.ErrUnsupportedAlias, "CreateSecret", create("s", "alias/a")},
		{"rights on the container before existence", []string{}, call.NoPermission(s), "CreateSecret", create("s", disabled)},
		{"rights on the secret before existence", []string{}, call.NoPermission(s + "/none"), "GetSecretValue", []string{"SecretName", "none"}},
		{"existence before the instance", []string{"kms:CreateSecret " + s}, call.ErrSecretExists, "CreateSecret", create("s", disabled, "DKMSInstanceId", "i")},
		{"the window before the instance", []string{"kms:CreateSecret " + s}, call.ErrSecretPlanned, "CreateSecret", create("dying", disabled, "DKMSInstanceId", "i")},
		{"the instance before the policy", []string{"kms:CreateSecret " + s}, call.ErrInstanceNotFound, "CreateSecret", create("new", disabled, "DKMSInstanceId", "i", "Policy", "{}")},
		{"the policy before the quota", []string{"kms:CreateSecret " + s}, call.ErrPolicyUnsupported, "CreateSecret", create("new", disabled, "Policy", "{}")},
		{"the quota before rights on the CMK", []string{"kms:CreateSecret " + s}, call.ErrSecretQuota, "CreateSecret", create("new", disabled)},
		{"existence before anything of the secret", nil, call.ErrSecretNotFound, "PutSecretValue", put("none")},
		{"the window before the type", []string{"kms:PutSecretValue " + s + "/dying"}, call.ErrSecretInWindow, "PutSecretValue", put("dying")},
		{"the type before the labels", []string{"kms:PutSecretValue " + s + "/rds"}, call.ErrUnsupportedOperation, "PutSecretValue", put("rds")},
		{"the type before the version", nil, call.ErrStageStatus, "UpdateSecretVersionStage", []string{"SecretName", "rds", "VersionStage", "A", "MoveToVersion", "v9"}},
		{"the labels before rights on the CMK", []string{"kms:PutSecretValue " + s + "/s"}, call.ErrSecretLimits, "PutSecretValue", put("s")},
		{"the version before rights on the CMK", []string{"kms:GetSecretValue " + s + "/s"}, call.ErrSecretValueNotFound, "GetSecretValue", []string{"SecretName", "s", "VersionId", "v9"}},
		{"rights on the CMK before its state", []string{"kms:GetSecretValue " + s + "/s"}, call.NoPermission(arns + "key/" + disabled), "GetSecretValue", []string{"SecretName", "s"}},
		{"rights on the CMK before whether the version is there", []string{"kms:PutSecretValue " + s + "/s"}, call.NoPermission(arns + "key/" + disabled), "PutSecretValue",
			[]string{"SecretName", "s", "VersionId", "v1", "SecretData", "y"}},
		{"the CMK's state before whether the version is there", nil, call.ErrDisabled, "PutSecretValue", []string{"SecretName", "s", "VersionId", "v1", "SecretData", "y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			as := w
			if tt.allowed != nil {
				as = w.as(tt.allowed...)
			}
			as.refused(tt.want, tt.action, tt.params...)
		})
	}

	// And the rest of it, where the quota does not stand before.
	w = newWorld(t, secrets.Options{})
	asymmetric := w.key()
	w.changeKey(asymmetric, func(k *state.Key) { k.Spec, k.State = "RSA_2048", state.Disabled })
	may := w.as("kms:CreateSecret " + s)
	may.refused(call.NoPermission(arns+"key/none"), "CreateSecret", create("new", "none")...)
	may.refused(call.NoPermission(arns+"key/"+asymmetric), "CreateSecret", create("new", asymmetric)...)
	w.refused(call.ErrKeyNotFound, "CreateSecret", create("new", "none")...)
	w.refused(call.ErrUnsupportedOperation, "CreateSecret", create("new", asymmetric)...)
}

func TestCreateSecretParameters(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	for _, tt := range []struct {
		name, param, value string
		want               error
	}{
		{"reserved name", "SecretName", "acs/x", call.Invalid("SecretName")},
		{"reserved name as ARN", "SecretName", arns + "secret/acs/x", call.Invalid("SecretName")},
		{"unknown type", "SecretType", "generic", call.Invalid("SecretType")},
		{"rotation of a generic secret", "EnableAutomaticRotation", "true", call.Invalid("EnableAutomaticRotation")},
		{"tag twice", "Tags", `[{"TagKey":"k"},{"TagKey":"k"}]`, call.Invalid("Tags")},
		{"reserved tag", "Tags", `[{"TagKey":"ACS:x"}]`, call.Invalid("Tags")},
		{"description too long", "Description", strings.Repeat("x", 8193), call.Invalid("Description")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refused(tt.want, "CreateSecret", "SecretName", "s", "VersionId", "v1", "SecretData", "x", tt.param, tt.value)
		})
	}
	var tags []string
	for c := range 21 {
		tags = append(tags, `{"TagKey":"`+string(rune('a'+c))+`"}`)
	}
	w.refused(call.ErrSecretQuota, "CreateSecret", "SecretName", "s", "VersionId", "v1", "SecretData", "x", "Tags", "["+strings.Join(tags, ",")+"]")
	w.secret("s", "x", "Tags", "["+strings.Join(tags[:20], ",")+"]",
		"ExtendedConfig", "anything", "RotationInterval", "anything", "EnableAutomaticRotation", "false", "SecretType", "Generic") // ignored
}

func TestQuota(t *testing.T) {
	w := newWorld(t, secrets.Options{MaxSecrets: 2})
	w.secret("a", "x")
	w.secret("b", "x")
	w.in(account, "eu-west-1").secret("c", "x") // each world has its own
	w.refused(call.ErrSecretQuota, "CreateSecret", "SecretName", "c", "VersionId", "v1", "SecretData", "x")
	w.refused(call.ErrSecretExists, "CreateSecret", "SecretName", "a", "VersionId", "v1", "SecretData", "x")
	w.ok("DeleteSecret", "SecretName", "a", "RecoveryWindowInDays", "7")
	w.refused(call.ErrSecretQuota, "CreateSecret", "SecretName", "c", "VersionId", "v1", "SecretData", "x") // it may come back
	w.advance(7 * day)
	w.secret("c", "x")
}

// Worlds do not mix.
func TestWorlds(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	w.secret("s", "x", "EncryptionKeyId", cmk)
	for _, other := range []*world{w.in(account, "cn-beijing"), w.in("42", region)} {
		other.refused(call.ErrSecretNotFound, "DescribeSecret", "SecretName", "s")
		other.refused(call.ErrKeyNotFound, "CreateSecret", "SecretName", "s", "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk)
		other.secret("s", "another")
		if got := other.value("s"); got != "another" {
			t.Errorf("the value is %q", got)
		}
	}
	if got := w.value("s"); got != "x" {
		t.Errorf("the value is %q", got)
	}
}
