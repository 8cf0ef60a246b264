package keys_test

import (
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func TestSetDeletionProtection(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	is := func(protection string, description any) {
		t.Helper()
		if m := w.describe(k); m["DeletionProtection"] != protection || m["DeletionProtectionDescription"] != description {
			t.Errorf("DescribeKey answers %v and %v, want %v and %v", m["DeletionProtection"], m["DeletionProtectionDescription"], protection, description)
		}
	}
	is("Disabled", nil)
	for _, named := range [][]string{
		{"KeyId", k}, {"KeyId", arns + "key/" + k}, {"ProtectedResourceArn", arns + "key/" + k},
		{"ProtectedResourceArn", arns + "key/" + k, "KeyId", "none"}, // the ARN counts
	} {
		set := func(params ...string) { t.Helper(); w.ok("SetDeletionProtection", append(params, named...)...) }
		set("EnableDeletionProtection", "true", "DeletionProtectionDescription", "prod")
		is("Enabled", "prod")
		w.refused(call.ErrDeletionProtection, "ScheduleKeyDeletion", "KeyId", k)
		set("EnableDeletionProtection", "TRUE") // again, with another description
		is("Enabled", nil)
		set("EnableDeletionProtection", "false", "DeletionProtectionDescription", "not used")
		is("Disabled", nil)
		set("EnableDeletionProtection", "false")
		is("Disabled", nil)
	}
	w.ok("ScheduleKeyDeletion", "KeyId", k)
	w.refused(pd, "SetDeletionProtection", "KeyId", k, "EnableDeletionProtection", "true")
}

func TestSetDeletionProtectionRefusals(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	on := func(params ...string) []string { return append(params, "EnableDeletionProtection", "true") }
	for _, tt := range []struct {
		name   string
		want   error
		params []string
	}{
		{"nothing", call.Missing("EnableDeletionProtection"), nil},
		{"no key", call.Missing("ProtectedResourceArn"), on()},
		{"no switch", call.Missing("EnableDeletionProtection"), []string{"KeyId", k}},
		{"missing before invalid", call.Missing("ProtectedResourceArn"), []string{"EnableDeletionProtection", "yes"}},
		{"no boolean", call.Invalid("EnableDeletionProtection"), []string{"KeyId", k, "EnableDeletionProtection", "yes"}},
		{"key id for an ARN", call.Invalid("ProtectedResourceArn"), on("ProtectedResourceArn", k)},
		{"ARN of an alias", call.Invalid("ProtectedResourceArn"), on("ProtectedResourceArn", arns+"alias/a")},
		{"ARN of the container", call.Invalid("ProtectedResourceArn"), on("ProtectedResourceArn", arns+"key")},
		{"ARN without a key", call.Invalid("ProtectedResourceArn"), on("ProtectedResourceArn", arns+"key/")},
		{"ARN of another service", call.Invalid("ProtectedResourceArn"), on("ProtectedResourceArn", strings.Replace(arns, "kms", "oss", 1)+"key/"+k)},
		{"ARN with a part too many", call.Invalid("ProtectedResourceArn"), on("ProtectedResourceArn", arns+"key/"+k+":x")},
		{"ARN of another region", call.ErrKeyNotFound, on("ProtectedResourceArn", "acs:kms:cn-beijing:"+account+":key/"+k)},
		{"ARN of another account", call.ErrKeyNotFound, on("ProtectedResourceArn", "acs:kms:"+region+":42:key/"+k)},
		{"ARN of no key", call.ErrKeyNotFound, on("ProtectedResourceArn", arns+"key/none")},
		{"no such key", call.ErrKeyNotFound, on("KeyId", "none")},
		{"alias", call.ErrUnsupportedAlias, on("KeyId", "alias/a")},
		{"description too long", call.Invalid("DeletionProtectionDescription"), on("KeyId", k, "DeletionProtectionDescription", strings.Repeat("张", 8193))},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refused(tt.want, "SetDeletionProtection", tt.params...) })
	}
	w.nobody().refused(call.NoPermission(arns+"key/none"), "SetDeletionProtection", on("KeyId", "none")...)
	w.ok("SetDeletionProtection", on("KeyId", k, "DeletionProtectionDescription", strings.Repeat("张", 8192))...)
}

func TestSetDeletionProtectionByState(t *testing.T) {
	for st, want := range map[state.KeyState]error{state.Enabled: nil, state.Disabled: nil, state.PendingDeletion: pd, state.PendingImport: nil} {
		w := newWorld(t, keys.Options{})
		k, _ := w.keyIn(st)
		params := []string{"KeyId", k, "EnableDeletionProtection", "true"}
		if want != nil {
			w.refused(want, "SetDeletionProtection", params...)
			continue
		}
		w.ok("SetDeletionProtection", params...)
	}
}
