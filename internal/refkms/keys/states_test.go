package keys_test

import (
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The answers of the table below, as the service's own table abbreviates them.
var (
	ok  error
	d   error = call.ErrDisabled
	pd  error = call.ErrPendingDeletion
	pi  error = call.ErrPendingImport
	smf error = call.ErrStateModifiedFailed
	rej error = call.ErrRejectedOperation
)

// matrix is the table of operations and states: what each operation answers for a key that is Enabled, Disabled,
// PendingDeletion and PendingImport.
var matrix = []struct {
	name string
	want [4]error
	call func(w *world, key, blob string) (string, []string)
}{
	{"Encrypt", [4]error{ok, d, pd, pi}, onKey("Encrypt", "Plaintext", "x")},
	{"Decrypt", [4]error{ok, d, pd, pi}, func(_ *world, _, blob string) (string, []string) {
		return "Decrypt", []string{"CiphertextBlob", blob}
	}},
	{"GenerateDataKey", [4]error{ok, d, pd, pi}, onKey("GenerateDataKey")},
	{"GenerateDataKeyWithoutPlaintext", [4]error{ok, d, pd, pi}, onKey("GenerateDataKeyWithoutPlaintext")},
	{"ReEncrypt, source", [4]error{ok, d, pd, pi}, func(w *world, _, blob string) (string, []string) {
		return "ReEncrypt", []string{"CiphertextBlob", blob, "DestinationKeyId", w.key()}
	}},
	{"ReEncrypt, destination", [4]error{ok, d, pd, pi}, func(w *world, key, _ string) (string, []string) {
		_, blob := w.keyIn(state.Enabled)
		return "ReEncrypt", []string{"CiphertextBlob", blob, "DestinationKeyId", key}
	}},
	{"CreateKeyVersion", [4]error{rej, d, pd, pi}, onKey("CreateKeyVersion")}, // symmetric keys rotate by policy
	{"UpdateRotationPolicy", [4]error{ok, d, pd, pi}, onKey("UpdateRotationPolicy", "EnableAutomaticRotation", "false")},
	{"ListKeys", [4]error{}, func(*world, string, string) (string, []string) { return "ListKeys", nil }},
	{"DescribeKey", [4]error{}, onKey("DescribeKey")},
	{"ListAliases", [4]error{}, func(*world, string, string) (string, []string) { return "ListAliases", nil }},
	{"ListAliasesByKeyId", [4]error{}, onKey("ListAliasesByKeyId")},
	{"DescribeKeyVersion", [4]error{}, func(w *world, key, _ string) (string, []string) {
		return "DescribeKeyVersion", []string{"KeyId", key, "KeyVersionId", w.describe(key).str("PrimaryKeyVersion")}
	}},
	{"ListKeyVersions", [4]error{}, onKey("ListKeyVersions")},
	{"UpdateKeyDescription", [4]error{ok, ok, pd, ok}, onKey("UpdateKeyDescription", "Description", "x")},
	{"EnableKey", [4]error{ok, ok, smf, smf}, onKey("EnableKey")},
	{"DisableKey", [4]error{ok, ok, smf, smf}, onKey("DisableKey")},
	{"ScheduleKeyDeletion", [4]error{ok, ok, smf, ok}, onKey("ScheduleKeyDeletion")},
	{"CancelKeyDeletion", [4]error{smf, smf, ok, smf}, onKey("CancelKeyDeletion")},
	{"CreateAlias", [4]error{ok, ok, smf, ok}, onKey("CreateAlias", "AliasName", "alias/new")},
	{"UpdateAlias, target", [4]error{ok, ok, pd, ok}, func(w *world, key, _ string) (string, []string) {
		other, _ := w.keyIn(state.Enabled)
		return "UpdateAlias", []string{"AliasName", "alias/" + other, "KeyId", key}
	}},
	{"UpdateAlias, old key", [4]error{}, func(w *world, key, _ string) (string, []string) {
		return "UpdateAlias", []string{"AliasName", "alias/" + key, "KeyId", w.key()}
	}},
	{"DeleteAlias", [4]error{}, func(_ *world, key, _ string) (string, []string) {
		return "DeleteAlias", []string{"AliasName", "alias/" + key}
	}},
}

func onKey(action string, params ...string) func(*world, string, string) (string, []string) {
	return func(_ *world, key, _ string) (string, []string) {
		return action, append([]string{"KeyId", key}, params...)
	}
}

func TestOperationsByState(t *testing.T) {
	for _, row := range matrix {
		for i, want := range row.want {
			st := state.KeyState(i + 1)
			t.Run(row.name+"/"+st.String(), func(t *testing.T) {
				w := newWorld(t, keys.Options{})
				key, blob := w.keyIn(st)
				if got := w.describe(key)["KeyState"]; got != st.String() {
					t.Fatalf("the key is %v, want %v", got, st)
				}
				action, params := row.call(w, key, blob)
				if want != nil {
					w.refused(want, action, params...)
				} else {
					w.ok(action, params...)
				}
			})
		}
	}
}

// After its window a key, its versions and its aliases are gone for every operation.
func TestDestroyedKey(t *testing.T) {
	for _, row := range matrix {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			key, blob := w.keyIn(state.Enabled)
			version := w.describe(key).str("PrimaryKeyVersion")
			action, params := row.call(w, key, blob)
			w.ok("ScheduleKeyDeletion", "KeyId", key, "PendingWindowInDays", "7")
			w.advance(7 * day)
			var want error = call.ErrKeyNotFound
			switch row.name {
			case "ListKeys", "ListAliases":
				if n := w.ok(action, params...).at("TotalCount"); n != 0.0 {
					t.Errorf("%s counts %v", action, n)
				}
				return
			case "UpdateAlias, old key", "DeleteAlias":
				want = call.ErrAliasNotFound
			}
			w.refused(want, action, params...)
			w.refused(call.ErrKeyNotFound, "DescribeKeyVersion", "KeyId", key, "KeyVersionId", version)
			w.refused(call.ErrAliasNotFound, "DescribeKey", "KeyId", "alias/"+key)
			// The name is free again.
			w.ok("CreateAlias", "AliasName", "alias/"+key, "KeyId", w.key())
		})
	}
}

func TestDisableAndEnable(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	for _, step := range []struct{ action, want string }{
		{"EnableKey", "Enabled"}, // idempotent, like the others
		{"DisableKey", "Disabled"}, {"DisableKey", "Disabled"}, {"EnableKey", "Enabled"},
	} {
		w.ok(step.action, "KeyId", k)
		if got := w.describe(k)["KeyState"]; got != step.want {
			t.Errorf("after %s the key is %v, want %s", step.action, got, step.want)
		}
	}
}

func TestDeletionWindow(t *testing.T) {
	for _, tt := range []struct {
		name, days string
		max        int
		want       time.Duration
		err        error
	}{
		{"default", "", 0, 30 * day, nil},
		{"shortest", "7", 0, 7 * day, nil},
		{"longest", "30", 0, 30 * day, nil},
		{"too short", "6", 0, 0, call.Invalid("PendingWindowInDays")},
		{"too long", "31", 0, 0, call.Invalid("PendingWindowInDays")},
		{"not a number", "seven", 0, 0, call.Invalid("PendingWindowInDays")},
		{"longest by setting", "366", 366, 366 * day, nil},
		{"too long by setting", "367", 366, 0, call.Invalid("PendingWindowInDays")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, keys.Options{MaxDeletionDays: tt.max})
			k := w.key()
			if tt.err != nil {
				w.refused(tt.err, "ScheduleKeyDeletion", "KeyId", k, "PendingWindowInDays", tt.days)
				return
			}
			w.ok("ScheduleKeyDeletion", "KeyId", k, "PendingWindowInDays", tt.days)
			if got, want := w.describe(k)["DeleteDate"], date(start.Add(tt.want)); got != want {
				t.Errorf("DeleteDate = %v, want %v", got, want)
			}
			w.refused(smf, "ScheduleKeyDeletion", "KeyId", k) // a second one does not move the date
			w.advance(tt.want - time.Second)
			if got := w.describe(k)["KeyState"]; got != "PendingDeletion" {
				t.Errorf("a second before the end the key is %v", got)
			}
			w.advance(time.Second)
			w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", k)
			w.refused(call.ErrKeyNotFound, "CancelKeyDeletion", "KeyId", k)
		})
	}
}

func TestCancelKeyDeletion(t *testing.T) {
	w := newWorld(t, keys.Options{})
	for _, before := range []state.KeyState{state.Enabled, state.Disabled, state.PendingImport} {
		k, _ := w.keyIn(before)
		w.ok("ScheduleKeyDeletion", "KeyId", k, "PendingWindowInDays", "7")
		w.ok("CancelKeyDeletion", "KeyId", k)
		want := "Enabled" // even if it was disabled before
		if before == state.PendingImport {
			want = "PendingImport" // there is no material to enable
		}
		if m := w.describe(k); m["KeyState"] != want || m["DeleteDate"] != "" {
			t.Errorf("%v, scheduled and cancelled, is %v with the date %q, want %v and none", before, m["KeyState"], m["DeleteDate"], want)
		}
		w.refused(smf, "CancelKeyDeletion", "KeyId", k)
	}
	w.advance(100 * day)
	if n := w.ok("ListKeys").at("TotalCount"); n != 3.0 {
		t.Errorf("%v keys are left, want 3", n)
	}
}

func TestDeletionProtection(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	w.change(k, func(k *state.Key) { k.DeletionProtection, k.DeletionProtectionDescription = true, "prod" })
	if m := w.describe(k); m["DeletionProtection"] != "Enabled" || m["DeletionProtectionDescription"] != "prod" {
		t.Errorf("DescribeKey answers %v", m)
	}
	w.refused(call.ErrDeletionProtection, "ScheduleKeyDeletion", "KeyId", k)
	w.change(k, func(k *state.Key) { k.State = state.PendingDeletion })
	w.refused(smf, "ScheduleKeyDeletion", "KeyId", k) // the state is told first
}

// serviceKey makes the key of a cloud service and returns its id.
func (w *world) serviceKey(service string) (id string) {
	w.t.Helper()
	w.update(func(tx state.Tx) {
		var err error
		if id, err = keys.ServiceKey(tx, w.scope, service, state.At(start)); err != nil {
			w.t.Fatal(err)
		}
	})
	return id
}

// The account may use and read the keys of cloud services, and change none of them.
func TestServiceKeys(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k, own := w.serviceKey("OSS"), w.key()
	w.ok("CreateAlias", "AliasName", "alias/mine", "KeyId", own)
	if m := w.describe("alias/acs/oss"); m["Creator"] != "OSS" || m["KeyId"] != k {
		t.Errorf("DescribeKey answers %v, want the creator OSS", m)
	}
	blob := w.ok("Encrypt", "KeyId", "alias/acs/oss", "Plaintext", "x").str("CiphertextBlob")
	w.ok("Decrypt", "CiphertextBlob", blob)
	for _, c := range [][]string{
		{"UpdateKeyDescription", "KeyId", k, "Description", "x"},
		{"EnableKey", "KeyId", k}, {"DisableKey", "KeyId", k},
		{"ScheduleKeyDeletion", "KeyId", k}, {"CancelKeyDeletion", "KeyId", k},
		{"SetDeletionProtection", "KeyId", k, "EnableDeletionProtection", "true"},
		{"ImportKeyMaterial", "KeyId", k, "EncryptedKeyMaterial", "AAAA", "ImportToken", "x"}, {"DeleteKeyMaterial", "KeyId", k},
		{"CreateAlias", "AliasName", "alias/new", "KeyId", k},
		{"UpdateAlias", "AliasName", "alias/mine", "KeyId", k},
		{"UpdateAlias", "AliasName", "alias/acs/oss", "KeyId", own},
		{"DeleteAlias", "AliasName", "alias/acs/oss"},
	} {
		w.refused(call.ErrUnsupportedOperation, c[0], c[1:]...)
	}
	w.refused(rej, "CreateKeyVersion", "KeyId", k)
	w.refused(rej, "UpdateRotationPolicy", "KeyId", k, "EnableAutomaticRotation", "true", "RotationInterval", "7d")
}
