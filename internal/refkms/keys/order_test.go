package keys_test

import (
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Checks are made in one order: each row fails all checks from its own on, and is told of the first.
func TestOrderOfChecks(t *testing.T) {
	w := newWorld(t, keys.Options{MaxAliases: 1})
	enabled, blob := w.keyIn(state.Enabled) // with its alias, the quota is used up
	asymmetric := w.key()
	w.change(asymmetric, func(k *state.Key) { k.Spec, k.State = "RSA_2048", state.Disabled })
	service := w.key()
	w.change(service, func(k *state.Key) { k.Service, k.State = "OSS", state.PendingDeletion })
	dying := w.key()
	w.change(dying, func(k *state.Key) { k.State, k.DeletionProtection = state.PendingDeletion, true })
	noPermission := func(resource string) error { return call.NoPermission(arns + resource) }
	nobody := w.nobody()

	for _, tt := range []struct {
		name   string
		as     *world
		want   error
		action string
		params []string
	}{
		{"missing before invalid", nobody, call.Missing("Plaintext"), "Encrypt", []string{"KeyId", "alias/none", "EncryptionContext", "x"}},
		{"invalid before resolution", nobody, call.Invalid("EncryptionContext"), "Encrypt", []string{"KeyId", "alias/none", "Plaintext", "x", "EncryptionContext", "x"}},
		{"resolution of an alias before rights", nobody, call.ErrAliasNotFound, "Encrypt", []string{"KeyId", "alias/none", "Plaintext", "x"}},
		{"alias refused before rights", nobody, call.ErrUnsupportedAlias, "EnableKey", []string{"KeyId", "alias/none"}},
		{"resolution of a blob before rights", nobody.in2("cn-beijing"), call.ErrKeyNotFound, "Decrypt", []string{"CiphertextBlob", blob}},
		{"resolution of an alias to be moved before rights", nobody, call.ErrAliasNotFound, "UpdateAlias", []string{"AliasName", "alias/none", "KeyId", "none"}},
		{"rights before existence", nobody, noPermission("key/none"), "Encrypt", []string{"KeyId", "none", "Plaintext", "x"}},
		{"rights on the key, not its alias", nobody, noPermission("key/" + enabled), "Encrypt", []string{"KeyId", "alias/" + enabled, "Plaintext", "x"}},
		{"rights before the state", nobody, noPermission("key/" + dying), "EnableKey", []string{"KeyId", dying}},
		{"rights on the source of a blob first", nobody, noPermission("key/" + enabled), "ReEncrypt", []string{"CiphertextBlob", blob, "DestinationKeyId", "none"}},
		{"rights on the container", nobody, noPermission("key"), "CreateKey", nil},
		{"rights on the container of aliases", nobody, noPermission("alias"), "ListAliases", nil},
		{"rights on an alias before its key", nobody, noPermission("alias/new"), "CreateAlias", []string{"AliasName", "alias/new", "KeyId", "none"}},
		{"rights on an alias to be moved", nobody, noPermission("alias/" + enabled), "UpdateAlias", []string{"AliasName", "alias/" + enabled, "KeyId", "none"}},
		{"rights on an alias to be removed", nobody, noPermission("alias/" + enabled), "DeleteAlias", []string{"AliasName", "alias/" + enabled}},
		{"existence before anything about the key", w, call.ErrKeyNotFound, "Encrypt", []string{"KeyId", "none", "Plaintext", "x"}},
		{"existence of the version before the rest", w, call.ErrKeyVersionNotFound, "DescribeKeyVersion", []string{"KeyId", dying, "KeyVersionId", "none"}},
		{"kind before state", w, call.ErrUnsupportedOperation, "Encrypt", []string{"KeyId", asymmetric, "Plaintext", "x"}},
		{"kind of a service's key before state", w, call.ErrUnsupportedOperation, "ScheduleKeyDeletion", []string{"KeyId", service}},
		{"state before kind, for versions", w, call.ErrDisabled, "CreateKeyVersion", []string{"KeyId", asymmetric}},
		{"state before kind, for policies", w, call.ErrPendingDeletion, "UpdateRotationPolicy", []string{"KeyId", service, "EnableAutomaticRotation", "false"}},
		{"state before protection", w, call.ErrStateModifiedFailed, "ScheduleKeyDeletion", []string{"KeyId", dying}},
		{"state before the quota", w, call.ErrStateModifiedFailed, "CreateAlias", []string{"AliasName", "alias/" + enabled, "KeyId", dying}},
		{"quota before uniqueness", w, call.ErrLimitExceeded, "CreateAlias", []string{"AliasName", "alias/" + enabled, "KeyId", enabled}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.as.exactly(tt.want, tt.action, tt.params...) })
	}
}

// exactly makes a call that is refused with want, in every word.
func (w *world) exactly(want error, action string, params ...string) {
	w.t.Helper()
	_, err := w.call(action, params...)
	if err == nil || err.Error() != want.Error() {
		w.t.Errorf("%s(%.200q) = %v, want %v", action, params, err, want)
	}
}

// in2 returns the world of another region, seen by the same caller.
func (w *world) in2(region string) *world {
	v := w.in(w.account, region)
	v.caller = w.caller
	return v
}

// A name that can be nobody's is a key that is not found, and does no harm.
func TestHostileKeyNames(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k)
	for _, name := range []string{"x", "/", "../" + k, k + "/", k + "\x00", strings.ToUpper(k), " " + k, "\xff", strings.Repeat("k", 1<<20),
		"acs:", "acs:kms", arns, arns + "key/", arns + "key", arns + "secret/x", "acs:kms::" + account + ":key/" + k} {
		w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", name)
		w.refused(call.ErrKeyNotFound, "EnableKey", "KeyId", name)
	}
	for _, name := range []string{"alias/", "alias/b", "alias/A", "alias/a/", "alias/\x00", arns + "alias/b"} {
		w.refused(call.ErrAliasNotFound, "DescribeKey", "KeyId", name)
		w.refused(call.ErrUnsupportedAlias, "EnableKey", "KeyId", name)
	}
}
