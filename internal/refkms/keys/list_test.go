package keys_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func TestListKeys(t *testing.T) {
	w := newWorld(t, keys.Options{})
	if d := w.ok("ListKeys"); d.at("TotalCount") != 0.0 || d.at("Keys", "Key") == nil {
		t.Errorf("without keys ListKeys answers %v, want an empty array", d)
	}
	names := map[string]string{}
	for name, params := range map[string][]string{
		"aes": nil, "hsm": {"KeySpec", "Aliyun_AES_256", "ProtectionLevel", "HSM"}, "sm4": {"ProtectionLevel", "HSM"},
		"external": {"Origin", "EXTERNAL"}, "disabled": nil, "dying": nil, "oss": nil,
	} {
		names[w.key(params...)] = name
	}
	for id, name := range names {
		switch name {
		case "disabled":
			w.ok("DisableKey", "KeyId", id)
		case "dying":
			w.ok("ScheduleKeyDeletion", "KeyId", id)
		case "oss":
			w.change(id, func(k *state.Key) { k.Service = "OSS" })
		}
	}
	list := w.ok("ListKeys")
	var ids []string
	for i := range len(names) {
		id := list.str("Keys", "Key", i, "KeyId")
		if got := list.str("Keys", "Key", i, "KeyArn"); got != arns+"key/"+id {
			t.Errorf("KeyArn = %s, want that of %s", got, id)
		}
		ids = append(ids, id)
	}
	if !slices.IsSorted(ids) || len(ids) != len(names) || slices.Contains(ids, "") {
		t.Errorf("ListKeys answers %v, want the ids of all keys ascending", ids)
	}

	invalid := call.Invalid("Filters")
	filter := func(key string, values ...string) string {
		return `{"Key":"` + key + `","Values":["` + strings.Join(values, `","`) + `"]}`
	}
	many := make([]string, 11)
	for i := range many {
		many[i] = "Enabled"
	}
	for _, tt := range []struct {
		name, filters string
		want          string // names, sorted
		err           error
	}{
		{name: "none", filters: `[]`, want: "aes disabled dying external hsm oss sm4"},
		{name: "state", filters: `[` + filter("KeyState", "Disabled") + `]`, want: "disabled"},
		{name: "or within a key", filters: `[` + filter("KeyState", "Disabled", "PendingDeletion") + `]`, want: "disabled dying"},
		{name: "and between keys", filters: `[` + filter("ProtectionLevel", "HSM") + `,` + filter("KeySpec", "Aliyun_SM4") + `]`, want: "sm4"},
		{name: "one key twice is merged", filters: `[` + filter("KeyState", "Disabled") + `,` + filter("KeyState", "PendingImport") + `]`, want: "disabled external"},
		{name: "creator", filters: `[` + filter("CreatorType", "Service") + `]`, want: "oss"},
		{name: "user", filters: `[` + filter("CreatorType", "User") + `,` + filter("KeyState", "Enabled") + `]`, want: "aes hsm sm4"},
		{name: "usage", filters: `[` + filter("KeyUsage", "SIGN/VERIFY") + `]`, want: ""},
		{name: "a value nobody has", filters: `[` + filter("KeySpec", "EC_P256", "Nonsense") + `]`, want: ""},
		{name: "no values restrict nothing", filters: `[{"Key":"KeyState","Values":[]}]`, want: "aes disabled dying external hsm oss sm4"},
		{name: "values absent", filters: `[{"Key":"KeyState"}]`, want: "aes disabled dying external hsm oss sm4"},
		{name: "ten values", filters: `[` + filter("KeyState", many[:10]...) + `]`, want: "aes hsm oss sm4"},
		{name: "eleven values", filters: `[` + filter("KeyState", many...) + `]`, err: invalid},
		{name: "ten filters", filters: `[` + strings.Repeat(filter("KeyState", "Disabled")+`,`, 9) + filter("KeyState", "Disabled") + `]`, want: "disabled"},
		{name: "eleven filters", filters: `[` + strings.Repeat(filter("KeyState", "Disabled")+`,`, 10) + filter("KeyState", "Disabled") + `]`, err: invalid},
		{name: "unknown key", filters: `[` + filter("Origin", "EXTERNAL") + `]`, err: invalid},
		{name: "object", filters: filter("KeyState", "Disabled"), err: invalid},
		{name: "null", filters: `null`, err: invalid},
		{name: "not JSON", filters: `[`, err: invalid},
		{name: "value no string", filters: `[{"Key":"KeyState","Values":[1]}]`, err: invalid},
		{name: "far too long", filters: strings.Repeat(" ", 64<<10) + "[]", err: invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err != nil {
				w.refused(tt.err, "ListKeys", "Filters", tt.filters)
				return
			}
			d := w.ok("ListKeys", "Filters", tt.filters, "PageSize", "100")
			got := []string{}
			for _, item := range d.at("Keys", "Key").([]any) {
				got = append(got, names[item.(map[string]any)["KeyId"].(string)])
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tt.want || d.at("TotalCount") != float64(len(got)) {
				t.Errorf("Filters %s: %v of %v, want %s", tt.filters, got, d.at("TotalCount"), tt.want)
			}
		})
	}
}

// Filters of a typed request are checked like those of a text.
func TestListKeysTyped(t *testing.T) {
	w := newWorld(t, keys.Options{})
	w.key()
	for name, want := range map[string]error{"KeyState": nil, "Origin": call.Invalid("Filters")} {
		_, err := w.server.Call(t.Context(), &server.Request{Action: "ListKeys", Scope: w.scope, Principal: w.caller,
			Typed: &keys.ListKeysRequest{Filters: keys.Filters{name: {"Enabled"}}}})
		if !errors.Is(err, want) {
			t.Errorf("ListKeys filtered by %s = %v, want %v", name, err, want)
		}
	}
}
