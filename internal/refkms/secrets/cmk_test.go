package secrets_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The state of the CMK decides on storing and reading values, and on nothing else.
func TestStateOfTheCMK(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world, cmk string)
		want   error
	}{
		{"Enabled", func(*world, string) {}, nil},
		{"Disabled", func(w *world, cmk string) { w.ok("DisableKey", "KeyId", cmk) }, call.ErrDisabled},
		{"PendingDeletion", func(w *world, cmk string) { w.ok("ScheduleKeyDeletion", "KeyId", cmk) }, call.ErrPendingDeletion},
		{"PendingImport", func(w *world, cmk string) {
			w.changeKey(cmk, func(k *state.Key) { k.Origin, k.State = keys.OriginExternal, state.PendingImport })
		}, call.ErrPendingImport},
		{"destroyed", func(w *world, cmk string) {
			w.ok("ScheduleKeyDeletion", "KeyId", cmk, "PendingWindowInDays", "7")
			w.advance(7 * day)
		}, call.ErrKeyNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, secrets.Options{})
			cmk := w.key()
			w.secret("s", "value", "EncryptionKeyId", cmk)
			w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "value 2")
			tt.change(w, cmk)
			try := func(action string, params ...string) {
				t.Helper()
				if tt.want == nil {
					w.ok(action, params...)
					return
				}
				w.refused(tt.want, action, params...)
			}
			try("CreateSecret", "SecretName", "new", "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk)
			try("PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "x")
			try("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "value 2") // a repetition too
			try("GetSecretValue", "SecretName", "s")
			try("GetSecretValue", "SecretName", "s", "VersionId", "v1")

			w.ok("DescribeSecret", "SecretName", "s")
			w.ok("ListSecrets")
			w.ok("ListSecretVersionIds", "SecretName", "s")
			w.ok("UpdateSecret", "SecretName", "s", "Description", "d")
			w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "ACSCurrent", "MoveToVersion", "v1")
			w.ok("TagResource", "SecretName", "s", "Tags", `[{"TagKey":"k","TagValue":"v"}]`)
			w.ok("UntagResource", "SecretName", "s", "TagKeys", `["k"]`)
			w.ok("TagResources", "ResourceType", "secret", "ResourceId.1", "s", "Tag.1.Key", "k")
			w.ok("ListTagResources", "ResourceType", "secret")
			w.ok("DeleteSecret", "SecretName", "s")
			w.ok("RestoreSecret", "SecretName", "s")
			w.ok("DeleteSecret", "SecretName", "s", "ForceDeleteWithoutRecovery", "true")
		})
	}
}

func TestDisableAndEnableTheCMK(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	w.secret("s", "value", "EncryptionKeyId", cmk)
	w.ok("DisableKey", "KeyId", cmk)
	w.refused(call.ErrDisabled, "GetSecretValue", "SecretName", "s")
	w.ok("EnableKey", "KeyId", cmk)
	if got := w.value("s"); got != "value" {
		t.Errorf("the value is %q", got)
	}
}

// Values open after their CMK has rotated: each under the version of the CMK that it was stored under.
func TestRotationOfTheCMK(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.secret("s", "value 1", "EncryptionKeyId", cmk)
	for n := 2; n <= 4; n++ {
		w.advance(7 * day)
		w.ok("PutSecretValue", "SecretName", "s", "VersionId", fmt.Sprintf("v%d", n), "SecretData", fmt.Sprintf("value %d", n))
	}
	for n := 1; n <= 4; n++ {
		if got, want := w.value("s", "VersionId", fmt.Sprintf("v%d", n)), fmt.Sprintf("value %d", n); got != want {
			t.Errorf("version %d has the value %q, want %q", n, got, want)
		}
	}
	wrapping := map[string]bool{}
	w.view(func(tx state.Tx) {
		for _, v := range state.SecretValues.All(tx, w.scope) {
			wrapping[v.WrappedKey[:48]] = true // the version of the CMK
		}
	})
	if len(wrapping) != 4 {
		t.Errorf("four values are wrapped by %d versions of the CMK", len(wrapping))
	}
}

// Which keys a secret can be under.
func TestChoiceOfTheCMK(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key()
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", cmk)
	asymmetric := w.key()
	w.changeKey(asymmetric, func(k *state.Key) { k.Spec = "RSA_2048" })
	service := w.key()
	w.changeKey(service, func(k *state.Key) { k.Service = "OSS" })
	dying := w.key()
	w.changeKey(dying, func(k *state.Key) { k.Service, k.State = "OSS", state.PendingDeletion })
	create := func(name, cmk string) []string {
		return []string{"SecretName", name, "VersionId", "v1", "SecretData", "x", "EncryptionKeyId", cmk}
	}
	for name, tt := range map[string]struct {
		cmk  string
		want error
	}{
		"alias":             {"alias/a", call.ErrUnsupportedAlias},
		"alias ARN":         {arns + "alias/a", call.ErrUnsupportedAlias},
		"unknown":           {"none", call.ErrKeyNotFound},
		"another region's":  {"acs:kms:cn-beijing:123456:key/" + cmk, call.ErrKeyNotFound},
		"another account's": {"acs:kms:us-east-1:42:key/" + cmk, call.ErrKeyNotFound},
		"asymmetric":        {asymmetric, call.ErrUnsupportedOperation},
		"a cloud service's": {service, call.ErrUnsupportedOperation},
		"kind before state": {dying, call.ErrUnsupportedOperation},
	} {
		t.Run(name, func(t *testing.T) { w.refused(tt.want, "CreateSecret", create("s", tt.cmk)...) })
	}
	if got := w.ok("ListSecrets").at("TotalCount"); got != 0.0 {
		t.Errorf("refused calls left %v secrets", got)
	}
	w.ok("CreateSecret", create("by-arn", arns+"key/"+cmk)...)
	if got := w.ok("DescribeSecret", "SecretName", "by-arn").str("EncryptionKeyId"); got != cmk {
		t.Errorf("EncryptionKeyId is %s, want the bare id %s", got, cmk)
	}
}

// The default key is one of the account in a region, made with the first secret that needs it; nobody sees it, and
// nothing that the account can do is done with it.
func TestDefaultKey(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	defaultKey := func(w *world) (found *state.DefaultKey) {
		w.view(func(tx state.Tx) { found = state.DefaultKeys.Get(tx, w.scope, "") })
		return found
	}
	w.secret("under a CMK"[:5], "x", "EncryptionKeyId", w.key())
	if defaultKey(w) != nil {
		t.Error("there is a default key before anything needs one")
	}
	w.secret("a", "value")
	k := defaultKey(w)
	w.secret("b", "x")
	if k == nil || defaultKey(w) != k {
		t.Fatalf("the default key is %v and then %v", k, defaultKey(w))
	}
	elsewhere := w.in(account, "cn-beijing")
	elsewhere.secret("a", "x")
	other := w.in("42", region)
	other.secret("a", "x")
	if e, o := defaultKey(elsewhere), defaultKey(other); e.ID == k.ID || o.ID == k.ID || bytes.Equal(e.Material.Bytes(), k.Material.Bytes()) {
		t.Error("other worlds have the same default key")
	}
	if got := w.ok("ListKeys").at("TotalCount"); got != 1.0 {
		t.Errorf("ListKeys tells of %v keys, want the CMK alone", got)
	}
	w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", k.ID)
	w.refused(call.ErrKeyNotFound, "ScheduleKeyDeletion", "KeyId", k.ID)
	var wrapped string
	w.view(func(tx state.Tx) {
		wrapped = state.SecretValues.Get(tx, w.scope, state.SecretValueID("a", "v1")).WrappedKey
	})
	w.refused(call.ErrKeyNotFound, "Decrypt", "CiphertextBlob", wrapped)
}

// Each value has a data key of its own, and the stored bytes show nothing of it.
func TestValuesAreSealed(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	value := strings.Repeat("plain", 6144)
	w.secret("s", value, "EncryptionKeyId", w.key())
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", value)
	w.secret("t", value)
	seen := map[string]bool{}
	w.view(func(tx state.Tx) {
		for id, v := range state.SecretValues.All(tx, w.scope) {
			if bytes.Contains(v.Sealed, []byte("plain")) || len(v.Sealed) != 12+len(value)+16 {
				t.Errorf("value %q is stored in %d bytes, in the clear", id, len(v.Sealed))
			}
			if seen[v.WrappedKey] || seen[string(v.Sealed)] {
				t.Errorf("value %q is stored as another", id)
			}
			seen[v.WrappedKey], seen[string(v.Sealed)] = true, true
		}
	})
	if len(seen) != 6 {
		t.Errorf("%d values are stored, want 3", len(seen)/2)
	}
}

// Who exchanges or damages stored values gets an internal failure, and never the value of another version.
func TestStoredValuesCannotBeExchanged(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		w := newWorld(t, secrets.Options{})
		var under []string
		if encrypted {
			under = []string{"EncryptionKeyId", w.key()}
		}
		w.secret("s", "of v1", under...)
		w.secret("other", "of another", under...)
		w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "of v2")
		get := func(tx state.Tx, name, version string) *state.SecretValue {
			return state.SecretValues.Get(tx, w.scope, state.SecretValueID(name, version))
		}
		original := new(state.SecretValue)
		w.view(func(tx state.Tx) { *original = *get(tx, "s", "v1") })
		damage := func(b []byte) []byte {
			b = slices.Clone(b)
			b[len(b)/2] ^= 1
			return b
		}
		for name, swap := range map[string]func(tx state.Tx) *state.SecretValue{
			"another version's": func(tx state.Tx) *state.SecretValue { return get(tx, "s", "v2") },
			"another secret's":  func(tx state.Tx) *state.SecretValue { return get(tx, "other", "v1") },
			"with another data key": func(tx state.Tx) *state.SecretValue {
				return &state.SecretValue{WrappedKey: get(tx, "s", "v2").WrappedKey, Sealed: original.Sealed}
			},
			"damaged": func(tx state.Tx) *state.SecretValue {
				return &state.SecretValue{WrappedKey: original.WrappedKey, Sealed: damage(original.Sealed)}
			},
			"cut short": func(tx state.Tx) *state.SecretValue {
				return &state.SecretValue{WrappedKey: original.WrappedKey, Sealed: original.Sealed[:27]}
			},
			"with a damaged data key": func(tx state.Tx) *state.SecretValue {
				return &state.SecretValue{WrappedKey: string(damage([]byte(original.WrappedKey))), Sealed: original.Sealed}
			},
			"with no data key": func(tx state.Tx) *state.SecretValue {
				return &state.SecretValue{WrappedKey: "x", Sealed: original.Sealed}
			},
		} {
			w.values = map[string]*state.SecretValue{} // the test writes what no call would
			w.update(func(tx state.Tx) { state.SecretValues.Put(tx, w.scope, state.SecretValueID("s", "v1"), swap(tx)) })
			if d, err := w.call("GetSecretValue", "SecretName", "s", "VersionId", "v1"); !errors.Is(err, call.ErrInternalFailure) {
				t.Errorf("a value %s: GetSecretValue = %v, %v, want ErrInternalFailure", name, d, err)
			}
			if d, err := w.call("PutSecretValue", "SecretName", "s", "VersionId", "v1", "SecretData", "of v1"); !errors.Is(err, call.ErrInternalFailure) {
				t.Errorf("a value %s: PutSecretValue = %v, %v, want ErrInternalFailure", name, d, err)
			}
			w.values = map[string]*state.SecretValue{}
			w.update(func(tx state.Tx) { state.SecretValues.Put(tx, w.scope, state.SecretValueID("s", "v1"), original) })
		}
		if got := w.value("s", "VersionId", "v1"); got != "of v1" {
			t.Errorf("the value put back is %q", got)
		}
	}
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x")
	w.update(func(tx state.Tx) { state.DefaultKeys.Delete(tx, w.scope, "") })
	w.refused(call.ErrInternalFailure, "GetSecretValue", "SecretName", "s")
}

// Values come back byte for byte, whatever they are called.
func TestValues(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	for i, tt := range []struct{ value, dataType string }{
		{"x", ""}, {"x", "text"}, {"\x00", "binary"}, {" leading and trailing ", "text"}, {"张三\n\"<&>\\", "text"},
		{"bm90IGNoZWNrZWQ", "binary"}, {strings.Repeat("x", 30720), "text"}, {strings.Repeat("张", 10240), "binary"},
	} {
		name := fmt.Sprintf("s%d", i)
		w.secret(name, tt.value, "SecretDataType", tt.dataType)
		d := w.ok("GetSecretValue", "SecretName", name)
		want := tt.dataType
		if want == "" {
			want = "text"
		}
		if d.str("SecretData") != tt.value || d.str("SecretDataType") != want {
			t.Errorf("value %d came back as %.40q, %s", i, d.str("SecretData"), d.str("SecretDataType"))
		}
	}
	for _, bad := range [][]string{
		{"SecretData", strings.Repeat("x", 30721)}, {"SecretData", strings.Repeat("张", 10240) + "x"}, {"SecretData", "\xff"},
		{"SecretDataType", "Text"}, {"VersionId", strings.Repeat("v", 65)}, {"VersionId", "\xff"},
	} {
		params := []string{"SecretName", "new", "VersionId", "v1", "SecretData", "x", bad[0], bad[1]}
		w.refused(call.Invalid(bad[0]), "CreateSecret", params...)
		params[1] = "s0"
		w.refused(call.Invalid(bad[0]), "PutSecretValue", params...)
	}
	w.secret("id", "x", "VersionId", strings.Repeat("张", 64))
	if got := w.ok("GetSecretValue", "SecretName", "id").str("VersionId"); got != strings.Repeat("张", 64) {
		t.Errorf("the version is %q", got)
	}
	for _, bad := range []string{"[]", `["A","A"]`, `["A B"]`, `[""]`, `"A"`, `{"VersionStage":["A"]}`, `[1]`, "null", "A", `["A"`, `["A"] x`,
		`["1","2","3","4","5","6","7","8","9"]`, `["` + strings.Repeat("l", 65) + `"]`, "[" + strings.Repeat(" ", 10000) + `"A"]`} {
		w.refused(call.Invalid("VersionStages"), "PutSecretValue", "SecretName", "s0", "VersionId", "v2", "SecretData", "x", "VersionStages", bad)
	}
}

func TestDescription(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x", "Description", strings.Repeat("张", 8192))
	description := func() string { return w.ok("DescribeSecret", "SecretName", "s").str("Description") }
	w.advance(time.Second)
	w.ok("UpdateSecret", "SecretName", "s")
	if description() != strings.Repeat("张", 8192) {
		t.Error("UpdateSecret without parameters has changed the description")
	}
	if got := w.ok("DescribeSecret", "SecretName", "s").str("UpdateTime"); got != date(start) {
		t.Errorf("UpdateSecret without parameters has moved UpdateTime to %s", got)
	}
	w.ok("UpdateSecret", "SecretName", "s", "Description", "d")
	if got := description(); got != "d" {
		t.Errorf("the description is %q, want d", got)
	}
	if got := w.ok("DescribeSecret", "SecretName", "s").str("UpdateTime"); got != date(start.Add(time.Second)) {
		t.Errorf("UpdateTime is %s", got)
	}
	w.ok("UpdateSecret", "SecretName", "s", "Description", "")
	if got := description(); got != "" {
		t.Errorf("the description is %q, want none", got)
	}
	w.refused(call.Invalid("Description"), "UpdateSecret", "SecretName", "s", "Description", strings.Repeat("x", 8193))
	w.refused(call.Invalid("ExtendedConfig.CustomData"), "UpdateSecret", "SecretName", "s", "ExtendedConfig.CustomData", `{}`)
}
