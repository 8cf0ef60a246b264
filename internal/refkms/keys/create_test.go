package keys_test

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// A key made without parameters has every field of the metadata, and DescribeKey tells the same.
func TestCreateKeyMetadata(t *testing.T) {
	w := newWorld(t, keys.Options{})
	made := w.ok("CreateKey")
	m := doc(made.at("KeyMetadata").(map[string]any))
	id, version := m.str("KeyId"), m.str("PrimaryKeyVersion")
	if !uuid.MatchString(id) || !uuid.MatchString(version) || id == version {
		t.Errorf("key id %q, version id %q: want two UUIDs in lower case", id, version)
	}
	want := doc{
		"CreationDate": date(start), "Description": "", "KeyId": id, "KeySpec": "Aliyun_AES_256", "KeyState": "Enabled",
		"KeyUsage": "ENCRYPT/DECRYPT", "PrimaryKeyVersion": version, "DeleteDate": "", "Creator": account,
		"Arn": arns + "key/" + id, "Origin": "Aliyun_KMS", "MaterialExpireTime": "", "ProtectionLevel": "SOFTWARE",
		"LastRotationDate": date(start), "AutomaticRotation": "Disabled", "DeletionProtection": "Disabled",
	}
	if !maps.Equal(m, want) {
		t.Errorf("CreateKey answers %v, want %v", m, want)
	}
	if got := w.describe(id); !maps.Equal(got, m) {
		t.Errorf("DescribeKey answers %v, want what CreateKey did, %v", got, m)
	}
	for _, name := range []string{arns + "key/" + id} {
		if got := w.describe(name); !maps.Equal(got, m) {
			t.Errorf("DescribeKey(%s) = %v", name, got)
		}
	}
}

func TestCreateKeyParameters(t *testing.T) {
	for _, tt := range []struct {
		name   string
		region string
		params []string
		want   doc   // fields of the metadata
		err    error // or a refusal
	}{
		{name: "description of 8192 characters", params: []string{"Description", strings.Repeat("张", 8192)},
			want: doc{"Description": strings.Repeat("张", 8192)}},
		{name: "description of 8193 characters", params: []string{"Description", strings.Repeat("张", 8193)},
			err: call.Invalid("Description")},
		{name: "spec spelt out", params: []string{"KeySpec", "Aliyun_AES_256", "KeyUsage", "ENCRYPT/DECRYPT", "Origin", "Aliyun_KMS"},
			want: doc{"KeySpec": "Aliyun_AES_256"}},
		{name: "spec unknown", params: []string{"KeySpec", "AES_256"}, err: call.Invalid("KeySpec")},
		{name: "spec in another case", params: []string{"KeySpec", "aliyun_aes_256"}, err: call.Invalid("KeySpec")},
		{name: "spec of dedicated instances", params: []string{"KeySpec", "Aliyun_AES_128"}, err: call.Invalid("KeySpec")},
		{name: "SM4 in a mainland HSM", params: []string{"KeySpec", "Aliyun_SM4", "ProtectionLevel", "HSM"},
			want: doc{"KeySpec": "Aliyun_SM4", "ProtectionLevel": "HSM", "KeyUsage": "ENCRYPT/DECRYPT"}},
		{name: "SM4 is the default in a mainland HSM", params: []string{"ProtectionLevel", "HSM"}, want: doc{"KeySpec": "Aliyun_SM4"}},
		{name: "AES in a mainland HSM", params: []string{"KeySpec", "Aliyun_AES_256", "ProtectionLevel", "HSM"},
			want: doc{"KeySpec": "Aliyun_AES_256", "ProtectionLevel": "HSM"}},
		{name: "SM4 in software", params: []string{"KeySpec", "Aliyun_SM4"}, err: call.Invalid("KeySpec")},
		{name: "SM4 in a FIPS HSM", region: "us-east-1", params: []string{"KeySpec", "Aliyun_SM4", "ProtectionLevel", "HSM"}, err: call.Invalid("KeySpec")},
		{name: "AES is the default in a FIPS HSM", region: "us-east-1", params: []string{"ProtectionLevel", "HSM"}, want: doc{"KeySpec": "Aliyun_AES_256"}},
		{name: "HSM where there is none", region: "eu-central-1", params: []string{"ProtectionLevel", "HSM"}, err: call.ErrUnsupportedLevel},
		{name: "level in another case", params: []string{"ProtectionLevel", "hsm"}, err: call.Invalid("ProtectionLevel")},
		{name: "usage the spec cannot have", params: []string{"KeyUsage", "SIGN/VERIFY"}, err: call.Invalid("KeyUsage")},
		{name: "usage unknown", params: []string{"KeyUsage", "ENCRYPT"}, err: call.Invalid("KeyUsage")},
		{name: "external", params: []string{"Origin", "EXTERNAL"}, want: doc{"Origin": "EXTERNAL", "KeyState": "PendingImport"}},
		{name: "origin in another case", params: []string{"Origin", "External"}, err: call.Invalid("Origin")},
		{name: "rotation", params: []string{"EnableAutomaticRotation", "true", "RotationInterval", "365d"},
			want: doc{"AutomaticRotation": "Enabled", "RotationInterval": "31536000s", "NextRotationDate": date(start.Add(365 * day))}},
		{name: "rotation without an interval", params: []string{"EnableAutomaticRotation", "true"}, err: call.Missing("RotationInterval")},
		{name: "interval without rotation is not parsed", params: []string{"EnableAutomaticRotation", "false", "RotationInterval", "often"},
			want: doc{"AutomaticRotation": "Disabled"}},
		{name: "interval alone is not parsed", params: []string{"RotationInterval", "often"}, want: doc{"AutomaticRotation": "Disabled"}},
		{name: "rotation of an external key", params: []string{"Origin", "EXTERNAL", "EnableAutomaticRotation", "true", "RotationInterval", "365d"},
			err: call.Invalid("EnableAutomaticRotation")},
		{name: "rotation neither true nor false", params: []string{"EnableAutomaticRotation", "yes"}, err: call.Invalid("EnableAutomaticRotation")},
		{name: "parameters of newer editions are ignored", params: []string{"DKMSInstanceId", "x", "Policy", "{}", "KeyStorageMechanism", "y", "RegionId", "z"},
			want: doc{"KeyState": "Enabled"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			if tt.region != "" {
				w = w.in(account, tt.region)
			}
			if tt.err != nil {
				w.refused(tt.err, "CreateKey", tt.params...)
				if n := w.ok("ListKeys").at("TotalCount"); n != 0.0 {
					t.Errorf("a refused CreateKey made %v keys", n)
				}
				return
			}
			m := w.describe(w.key(tt.params...))
			for name, want := range tt.want {
				if m[name] != want {
					t.Errorf("%s = %.40v, want %.40v", name, m[name], want)
				}
			}
		})
	}
}

func TestRotationInterval(t *testing.T) {
	for text, want := range map[string]string{
		"7d": "604800s", "730d": "63072000s", "168h": "604800s", "10080m": "604800s", "604800s": "604800s", "63072000s": "63072000s",
		"": "", "6d": "", "604799s": "", "731d": "", "63072001s": "", "365": "", "d": "", "7D": "", "7w": "", "-7d": "", "+7d": "", "7.5d": "",
		"7 d": "", "4294967303d": "", "99999999999999999999d": "", "７d": "",
	} {
		w := newWorld(t, keys.Options{})
		d, err := w.call("CreateKey", "EnableAutomaticRotation", "true", "RotationInterval", text)
		if got := d.str("KeyMetadata", "RotationInterval"); got != want || (err == nil) != (want != "") {
			t.Errorf("RotationInterval %q is %q, %v, want %q", text, got, err, want)
		}
	}
}

// tagList returns the parameter Tags with n tags.
func tagList(n int) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{"TagKey":"k%d","TagValue":"v"}`, i))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func TestCreateKeyTags(t *testing.T) {
	tag := func(key, value string) string { return `[{"TagKey":"` + key + `","TagValue":"` + value + `"}]` }
	for _, tt := range []struct {
		name, tags string
		want       error
	}{
		{"two", `[{"TagKey":"Project","TagValue":"Apollo"},{"TagKey":"项目","TagValue":""}]`, nil},
		{"every character", tag(`aZ09/_-.+=:@\\`, `/_-.+=:@\\`), nil},
		{"none", `[]`, nil},
		{"twenty", tagList(20), nil},
		{"twenty-one", tagList(21), call.ErrLimitExceeded},
		{"128 characters", tag(strings.Repeat("张", 128), strings.Repeat("张", 128)), nil},
		{"key of 129 characters", tag(strings.Repeat("张", 129), ""), call.Invalid("Tags")},
		{"value of 129 characters", tag("k", strings.Repeat("v", 129)), call.Invalid("Tags")},
		{"empty key", tag("", "v"), call.Invalid("Tags")},
		{"key twice", `[{"TagKey":"k","TagValue":"1"},{"TagKey":"k","TagValue":"2"}]`, call.Invalid("Tags")},
		{"kept prefix", tag("AliyunThing", "v"), call.Invalid("Tags")},
		{"other kept prefix", tag("ACS:thing", "v"), call.Invalid("Tags")},
		{"blank in a key", tag("a b", "v"), call.Invalid("Tags")},
		{"blank in a value", tag("a", "v v"), call.Invalid("Tags")},
		{"object", `{"TagKey":"k","TagValue":"1"}`, call.Invalid("Tags")},
		{"null", `null`, call.Invalid("Tags")},
		{"not JSON", `k=v`, call.Invalid("Tags")},
		{"value no string", `[{"TagKey":"k","TagValue":1}]`, call.Invalid("Tags")},
		{"far too long", "[" + strings.Repeat(" ", 64<<10) + "]", call.Invalid("Tags")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			d, err := w.call("CreateKey", "Tags", tt.tags)
			switch {
			case tt.want != nil:
				w.refused(tt.want, "CreateKey", "Tags", tt.tags)
			case err != nil:
				t.Errorf("CreateKey = %v", err)
			case tt.name == "two":
				w.store.View(func(tx state.Tx) error {
					got := state.Keys.Get(tx, w.scope, d.str("KeyMetadata", "KeyId")).Tags
					if want := (map[string]string{"Project": "Apollo", "项目": ""}); !maps.Equal(got, want) {
						t.Errorf("the key has the tags %v, want %v", got, want)
					}
					return nil
				})
			}
		})
	}
}

// The quota counts the user's keys of one account and region in any state.
func TestKeyQuota(t *testing.T) {
	w := newWorld(t, keys.Options{MaxKeys: 3})
	w.key()
	w.ok("ScheduleKeyDeletion", "KeyId", w.key(), "PendingWindowInDays", "7")
	service := w.key()
	w.refused(call.ErrLimitExceeded, "CreateKey")
	w.refused(call.Invalid("KeySpec"), "CreateKey", "KeySpec", "x") // the parameters come first

	w.in(account, "cn-beijing").key()
	w.in("42", region).key()

	w.change(service, func(k *state.Key) { k.Service = "OSS" }) // a service's key does not count
	w.key()
	w.refused(call.ErrLimitExceeded, "CreateKey")
	w.advance(7 * day) // nor does one that is destroyed
	w.key()
	w.refused(call.ErrLimitExceeded, "CreateKey")

	unlimited := newWorld(t, keys.Options{})
	for range 250 {
		unlimited.key()
	}
}

func TestUpdateKeyDescription(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key("Description", "old")
	for _, text := range []string{"new", "", strings.Repeat("张", 8192)} {
		w.ok("UpdateKeyDescription", "KeyId", k, "Description", text)
		if got := w.describe(k)["Description"]; got != text {
			t.Errorf("the description is %.40v, want %.40v", got, text)
		}
	}
	w.refused(call.Missing("Description"), "UpdateKeyDescription", "KeyId", k)
	w.refused(call.Invalid("Description"), "UpdateKeyDescription", "KeyId", k, "Description", strings.Repeat("x", 8193))
}

// Dates are whole seconds of the moment at which they were set.
func TestDatesAreWholeSeconds(t *testing.T) {
	w := newWorld(t, keys.Options{})
	w.advance(1500 * time.Millisecond)
	if got, want := w.describe(w.key())["CreationDate"], "2026-01-02T03:04:06Z"; got != want {
		t.Errorf("CreationDate = %v, want %v", got, want)
	}
}
