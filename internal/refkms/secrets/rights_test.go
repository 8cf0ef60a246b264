package secrets_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Each operation needs the rights in its row, no more and no fewer; without one of them it is refused, naming what the
// right was missing on.
func TestRights(t *testing.T) {
	const s, cs, ck = arns + "secret/s", arns + "secret", arns + "key"
	for _, tt := range []struct {
		action string
		params []string
		needs  []string // $K is the CMK
	}{
		{"CreateSecret", []string{"SecretName", "new", "VersionId", "v", "SecretData", "x"}, []string{"kms:CreateSecret " + cs}},
		{"CreateSecret", []string{"SecretName", "new", "VersionId", "v", "SecretData", "x", "EncryptionKeyId", "$K", "Tags", `[{"TagKey":"k"}]`},
			[]string{"kms:CreateSecret " + cs, "kms:GenerateDataKey " + ck + "/$K"}},
		{"ListSecrets", nil, []string{"kms:ListSecrets " + cs}},
		{"DescribeSecret", []string{"SecretName", "s"}, []string{"kms:DescribeSecret " + s}},
		{"UpdateSecret", []string{"SecretName", "s", "Description", "d"}, []string{"kms:UpdateSecret " + s}},
		{"DeleteSecret", []string{"SecretName", "s"}, []string{"kms:DeleteSecret " + s}},
		{"RestoreSecret", []string{"SecretName", "dying"}, []string{"kms:RestoreSecret " + arns + "secret/dying"}},
		{"GetSecretValue", []string{"SecretName", "s"}, []string{"kms:GetSecretValue " + s, "kms:Decrypt " + ck + "/$K"}},
		{"GetSecretValue", []string{"SecretName", "plain"}, []string{"kms:GetSecretValue " + arns + "secret/plain"}},
		{"PutSecretValue", []string{"SecretName", "s", "VersionId", "v2", "SecretData", "x"},
			[]string{"kms:PutSecretValue " + s, "kms:GenerateDataKey " + ck + "/$K"}},
		{"PutSecretValue", []string{"SecretName", "s", "VersionId", "v1", "SecretData", "value"}, // again: no right to decrypt
			[]string{"kms:PutSecretValue " + s, "kms:GenerateDataKey " + ck + "/$K"}},
		{"PutSecretValue", []string{"SecretName", "plain", "VersionId", "v2", "SecretData", "x"}, []string{"kms:PutSecretValue " + arns + "secret/plain"}},
		{"ListSecretVersionIds", []string{"SecretName", "s"}, []string{"kms:ListSecretVersionIds " + s}},
		{"UpdateSecretVersionStage", []string{"SecretName", "s", "VersionStage", "A", "MoveToVersion", "v1"}, []string{"kms:UpdateSecretVersionStage " + s}},
		{"GetRandomPassword", nil, []string{"kms:GetRandomPassword *"}},
		{"RotateSecret", []string{"SecretName", "rds", "VersionId", "v2"}, []string{"kms:RotateSecret " + arns + "secret/rds"}},
		{"UpdateSecretRotationPolicy", []string{"SecretName", "rds", "EnableAutomaticRotation", "false"}, []string{"kms:UpdateSecretRotationPolicy " + arns + "secret/rds"}},
		{"TagResource", []string{"SecretName", "s", "Tags", `[{"TagKey":"k"}]`}, []string{"kms:TagResource " + s}},
		{"TagResource", []string{"KeyId", "$K", "Tags", `[{"TagKey":"k"}]`}, []string{"kms:TagResource " + ck + "/$K"}},
		{"UntagResource", []string{"SecretName", "s", "TagKeys", `["k"]`}, []string{"kms:UntagResource " + s}},
		{"ListResourceTags", []string{"SecretName", "s"}, []string{"kms:ListResourceTags " + s}},
		{"ListResourceTags", []string{"KeyId", "$K"}, []string{"kms:ListResourceTags " + ck + "/$K"}},
		{"TagResources", []string{"ResourceType", "secret", "ResourceId.1", "s", "ResourceId.2", "plain", "Tag.1.Key", "k"},
			[]string{"kms:TagResources " + s, "kms:TagResources " + arns + "secret/plain"}},
		{"UntagResources", []string{"ResourceType", "key", "ResourceId.1", "$K", "All", "true"}, []string{"kms:UntagResources " + ck + "/$K"}},
		{"ListTagResources", []string{"ResourceType", "secret", "ResourceId.1", "s"}, []string{"kms:ListTagResources " + s}},
		{"ListTagResources", []string{"ResourceType", "secret"}, []string{"kms:ListTagResources " + cs}},
		{"ListTagResources", []string{"ResourceType", "key"}, []string{"kms:ListTagResources " + ck}},
	} {
		t.Run(tt.action, func(t *testing.T) {
			// Each call is made in a world of its own: with all rights, and without each of them.
			make := func() (w *world, params, needs []string) {
				w = newWorld(t, secrets.Options{})
				cmk := w.key()
				w.secret("s", "value", "EncryptionKeyId", cmk)
				w.secret("plain", "x")
				w.secret("dying", "x")
				w.ok("DeleteSecret", "SecretName", "dying")
				w.secret("rds", `{"Accounts":[{"AccountName":"a","AccountPassword":"p"}]}`, "SecretType", "Rds", "EncryptionKeyId", cmk,
					"ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`)
				for _, p := range tt.params {
					params = append(params, strings.ReplaceAll(p, "$K", cmk))
				}
				for _, n := range tt.needs {
					needs = append(needs, strings.ReplaceAll(n, "$K", cmk))
				}
				return w, params, needs
			}
			w, params, needs := make()
			w.as(needs...).ok(tt.action, params...)
			// A call that writes asks twice.
			if asked := slices.Compact(slices.Sorted(slices.Values(w.rights.asked))); !slices.Equal(asked, slices.Sorted(slices.Values(needs))) {
				t.Errorf("it asks for %q, want %q", asked, needs)
			}
			for i := range needs {
				w, params, needs := make()
				without := slices.Delete(slices.Clone(needs), i, i+1)
				_, on, _ := strings.Cut(needs[i], " ")
				w.as(without...).refused(call.NoPermission(on), tt.action, params...)
			}
		})
	}
}

// Who may read a secret and not decrypt under its CMK is told which key it is; under the default key nothing is asked.
func TestReadingNeedsTheCMK(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	w.secret("encrypted", "x", "EncryptionKeyId", cmk)
	w.secret("plain", "value")
	reader := w.as("kms:GetSecretValue "+arns+"secret/encrypted", "kms:GetSecretValue "+arns+"secret/plain")
	reader.refused(call.NoPermission(arns+"key/"+cmk), "GetSecretValue", "SecretName", "encrypted")
	if got := reader.value("plain"); got != "value" {
		t.Errorf("the value is %q", got)
	}
}

// A right on all secrets is none on the container: making and listing are not granted by it.
func TestContainerIsNoSecret(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	nobody := w.as()
	nobody.refused(call.NoPermission(arns+"secret"), "CreateSecret", "SecretName", "s", "VersionId", "v", "SecretData", "x")
	nobody.refused(call.NoPermission(arns+"secret"), "ListSecrets")
	nobody.refused(call.NoPermission(arns+"secret/none"), "DescribeSecret", "SecretName", "none") // before it is told that there is none
	nobody.refused(call.NoPermission("*"), "GetRandomPassword")
}

// The use of a CMK has a record of its own, before that of the call it was made in, and whether it succeeds or not; that
// of the default key has none.
func TestTrail(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	w.trail.take()
	k := "key/" + cmk
	for _, tt := range []struct {
		name   string
		action string
		params []string
		want   string
	}{
		{"create", "CreateSecret", []string{"SecretName", "s", "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk},
			"  GenerateDataKey ok " + k + "\nCreateSecret ok secret secret/s"},
		{"create under the default key", "CreateSecret", []string{"SecretName", "plain", "VersionId", "v1", "SecretData", "x"},
			"CreateSecret ok secret secret/plain"},
		{"create again", "CreateSecret", []string{"SecretName", "s", "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk},
			"CreateSecret Rejected.ResourceExist secret secret/s"},
		{"get", "GetSecretValue", []string{"SecretName", "s"},
			"  Decrypt ok " + k + "\nGetSecretValue ok secret/s"},
		{"get under the default key", "GetSecretValue", []string{"SecretName", "plain"}, "GetSecretValue ok secret/plain"},
		{"get nothing", "GetSecretValue", []string{"SecretName", "s", "VersionId", "v9"}, "GetSecretValue Forbidden.ResourceNotFound secret/s"},
		{"put", "PutSecretValue", []string{"SecretName", "s", "VersionId", "v2", "SecretData", "x"},
			"  GenerateDataKey ok " + k + "\nPutSecretValue ok secret/s"},
		{"put again", "PutSecretValue", []string{"SecretName", "s", "VersionId", "v2", "SecretData", "x"},
			"  GenerateDataKey ok " + k + "\nPutSecretValue ok secret/s"},
		{"put another value", "PutSecretValue", []string{"SecretName", "s", "VersionId", "v2", "SecretData", "y"},
			"  GenerateDataKey ok " + k + "\nPutSecretValue Rejected.ResourceExist secret/s"},
		{"put under the default key", "PutSecretValue", []string{"SecretName", "plain", "VersionId", "v2", "SecretData", "x"}, "PutSecretValue ok secret/plain"},
		{"tag both kinds", "TagResource", []string{"KeyId", cmk, "Tags", `[{"TagKey":"k"}]`}, "TagResource ok " + k},
		{"tag a secret", "TagResource", []string{"SecretName", "s", "Tags", `[{"TagKey":"k"}]`}, "TagResource ok secret/s"},
		{"password", "GetRandomPassword", nil, "GetRandomPassword ok *"},
		{"disable", "DisableKey", []string{"KeyId", cmk}, "DisableKey ok " + k},
		{"get with a disabled key", "GetSecretValue", []string{"SecretName", "s"},
			"  Decrypt Rejected.Disabled " + k + "\nGetSecretValue Rejected.Disabled secret/s"},
		{"delete", "DeleteSecret", []string{"SecretName", "plain", "RecoveryWindowInDays", "7"}, "DeleteSecret ok secret/plain"},
	} {
		w.call(tt.action, tt.params...)
		if got := strings.ReplaceAll(w.trail.take(), arns, ""); got != tt.want {
			t.Errorf("%s leaves\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	w.advance(8 * day)
	if got, want := w.trail.take(), fmt.Sprintf("PurgeSecret %s plain", state.At(start.Add(7*day))); got != want {
		t.Errorf("the end of the window leaves %q, want %q", got, want)
	}
	w.ok("EnableKey", "KeyId", cmk)
	w.trail.take()
	w.as("kms:GetSecretValue "+arns+"secret/s").refused(call.NoPermission(arns+k), "GetSecretValue", "SecretName", "s")
	if got, want := w.trail.take(), "  Decrypt Forbidden.NoPermission "+k+"\nGetSecretValue Forbidden.NoPermission secret/s"; got != want {
		t.Errorf("a right that is missing on the CMK leaves\n%s\nwant\n%s", got, want)
	}
}
