package secrets_test

import (
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

// What each operation answers on a secret as it should be, in its recovery window, and gone.
func TestOperationsByState(t *testing.T) {
	with := func(params ...string) []string { return append([]string{"SecretName", "s"}, params...) }
	for _, tt := range []struct {
		action               string
		params               []string
		normal, window, gone error
	}{
		{"CreateSecret", with("VersionId", "v1", "SecretData", "x"), call.ErrSecretExists, call.ErrSecretPlanned, nil},
		{"DescribeSecret", with(), nil, nil, call.ErrSecretNotFound},
		{"ListSecretVersionIds", with(), nil, nil, call.ErrSecretNotFound},
		{"GetSecretValue", with(), nil, call.ErrSecretInWindow, call.ErrSecretValueNotFound},
		{"PutSecretValue", with("VersionId", "v2", "SecretData", "x"), nil, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"UpdateSecret", with("Description", "d"), nil, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"UpdateSecretVersionStage", with("VersionStage", "A", "MoveToVersion", "v1"), nil, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"UpdateSecretRotationPolicy", with("EnableAutomaticRotation", "false"), call.Invalid("SecretName"), call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"RotateSecret", with("VersionId", "v2"), call.Invalid("SecretName"), call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"GetSecretPolicy", with(), call.ErrPolicyUnsupported, call.ErrPolicyUnsupported, call.ErrSecretNotFound},
		{"SetSecretPolicy", with("Policy", "{}"), call.ErrPolicyUnsupported, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"TagResource", with("Tags", `[{"TagKey":"k"}]`), nil, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"UntagResource", with("TagKeys", `["k"]`), nil, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"ListResourceTags", with(), nil, nil, call.ErrSecretNotFound},
		{"TagResources", []string{"ResourceType", "secret", "ResourceId.1", "s", "Tag.1.Key", "k"}, nil, call.ErrSecretInWindow, call.ErrResourceIDNotFound},
		{"UntagResources", []string{"ResourceType", "secret", "ResourceId.1", "s", "All", "true"}, nil, call.ErrSecretInWindow, call.ErrResourceIDNotFound},
		{"ListTagResources", []string{"ResourceType", "secret", "ResourceId.1", "s"}, nil, nil, call.ErrResourceIDNotFound},
		{"RestoreSecret", with(), call.ErrSecretNotInWindow, nil, call.ErrSecretNotFound},
		{"DeleteSecret", with(), nil, call.ErrSecretInWindow, call.ErrSecretNotFound},
		{"DeleteSecret", with("ForceDeleteWithoutRecovery", "true"), nil, nil, call.ErrSecretNotFound},
	} {
		t.Run(tt.action, func(t *testing.T) {
			for _, state := range []struct {
				name string
				want error
				make func(w *world)
			}{
				{"normal", tt.normal, func(*world) {}},
				{"window", tt.window, func(w *world) { w.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7") }},
				{"gone by force", tt.gone, func(w *world) { w.ok("DeleteSecret", "SecretName", "s", "ForceDeleteWithoutRecovery", "true") }},
				{"gone with time", tt.gone, func(w *world) {
					w.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7")
					w.advance(7 * day)
				}},
			} {
				w := newWorld(t, secrets.Options{})
				w.secret("s", "x")
				state.make(w)
				if state.want == nil {
					w.ok(tt.action, tt.params...)
				} else {
					w.refused(state.want, tt.action, tt.params...)
				}
			}
		})
	}
}

func TestRecoveryWindow(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "value", "Tags", `[{"TagKey":"k","TagValue":"v"}]`)
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "value 2")
	before := w.labels("s")
	for _, bad := range []string{"6", "31", "0", "-7", "7.0", "x", "99999999999999999999"} {
		w.refused(call.Invalid("RecoveryWindowInDays"), "DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", bad)
	}
	w.refused(call.Invalid("ForceDeleteWithoutRecovery"), "DeleteSecret", "SecretName", "s", "ForceDeleteWithoutRecovery", "yes")
	for _, days := range []struct {
		text string
		want time.Duration
	}{{"", 30 * day}, {"7", 7 * day}, {"30", 30 * day}} {
		d := w.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", days.text)
		if got, want := d.str("PlannedDeleteTime"), start.Add(days.want).Format(time.RFC3339Nano); got != want {
			t.Errorf("a window of %q days ends %s, want %s", days.text, got, want)
		}
		if got, want := w.ok("DescribeSecret", "SecretName", "s").str("PlannedDeleteTime"), date(start.Add(days.want)); got != want {
			t.Errorf("DescribeSecret says %s, want %s", got, want)
		}
		w.ok("RestoreSecret", "SecretName", "s")
		if got := w.ok("DescribeSecret", "SecretName", "s").at("PlannedDeleteTime"); got != nil {
			t.Errorf("after RestoreSecret PlannedDeleteTime is %v", got)
		}
	}
	w.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7")
	w.advance(7*day - 2*time.Second)
	w.ok("RestoreSecret", "SecretName", "s")
	if got := w.labels("s"); got != before {
		t.Errorf("the restored secret has %s, want %s", got, before)
	}
	if got := w.value("s"); got != "value 2" {
		t.Errorf("the restored value is %q", got)
	}
	if got := w.ok("ListResourceTags", "SecretName", "s").str("Tags", "Tag", 0, "TagValue"); got != "v" {
		t.Errorf("the restored tag is %q", got)
	}
	w.advance(10 * day)
	if got := w.value("s"); got != "value 2" {
		t.Errorf("a window that was left has deleted the value: %q", got)
	}
	w.ok("DeleteSecret", "SecretName", "s", "RecoveryWindowInDays", "7")
	w.advance(7 * day)
	w.refused(call.ErrSecretNotFound, "RestoreSecret", "SecretName", "s")
	w.secret("s", "new")
	if got := w.labels("s"); got != "v1[ACSCurrent]" {
		t.Errorf("a new secret of the name has %s", got)
	}
	if got := w.ok("ListResourceTags", "SecretName", "s").list("Tags", "Tag"); got != "" {
		t.Errorf("a new secret of the name has the tags %s", got)
	}
}

// Times of whole seconds have no fraction at all.
func TestPlannedDeleteTimeIsTrimmed(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.advance(time.Second - 165242211)
	for name, days := range map[string]string{"a": "7", "b": "8"} {
		w.secret(name, "x")
		d := w.ok("DeleteSecret", "SecretName", name, "RecoveryWindowInDays", days)
		if got, want := d.str("PlannedDeleteTime"), "2020-01-29T03:55:19Z"; days == "7" && got != want {
			t.Errorf("PlannedDeleteTime is %s, want %s", got, want)
		}
	}
}

func TestUpdateTime(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x")
	updated := date(start)
	for _, tt := range []struct {
		moves  bool
		action string
		params []string
	}{
		{true, "UpdateSecret", []string{"Description", "d"}},
		{true, "PutSecretValue", []string{"VersionId", "v2", "SecretData", "x"}},
		{false, "PutSecretValue", []string{"VersionId", "v2", "SecretData", "x"}},
		{true, "UpdateSecretVersionStage", []string{"VersionStage", "A", "MoveToVersion", "v1"}},
		{true, "DeleteSecret", nil},
		{true, "RestoreSecret", nil},
		{false, "TagResource", []string{"Tags", `[{"TagKey":"k"}]`}},
		{false, "UntagResource", []string{"TagKeys", `["k"]`}},
		{false, "GetSecretValue", nil},
		{false, "ListSecretVersionIds", nil},
	} {
		w.advance(time.Minute)
		w.ok(tt.action, append([]string{"SecretName", "s"}, tt.params...)...)
		got := w.ok("DescribeSecret", "SecretName", "s").str("UpdateTime")
		if moved := got != updated; moved != tt.moves {
			t.Errorf("%s(%q) moves UpdateTime: %v, want %v", tt.action, tt.params, moved, tt.moves)
		}
		updated = got
	}
}

func TestPolicies(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x")
	w.refused(call.ErrPolicyUnsupported, "SetSecretPolicy", "SecretName", "s", "PolicyName", "default", "Policy", strings.Repeat("x", 32768))
	w.refused(call.Invalid("Policy"), "SetSecretPolicy", "SecretName", "s", "Policy", strings.Repeat("张", 10923))
	w.refused(call.Missing("Policy"), "SetSecretPolicy", "SecretName", "s")
}
