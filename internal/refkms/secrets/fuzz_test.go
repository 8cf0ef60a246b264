package secrets_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

// checked fails unless what a parser took passes the check of a typed face too.
func checked[P call.Param](t *testing.T, text string, p P) bool {
	t.Helper()
	if text == "" { // is absent, and never parsed
		return false
	}
	if p.SetParam(text) != nil {
		return false
	}
	if err := p.CheckParam(); err != nil {
		t.Errorf("%T takes %q and then refuses it: %v", p, text, err)
	}
	return true
}

func FuzzStages(f *testing.F) {
	for _, text := range []string{`["ACSCurrent"]`, `["ACSCurrent","ACSNext"]`, "[]", "null", `["a","a"]`, `["a b"]`, `[1]`, "{", `["\u0041"]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var stages secrets.Stages
		if !checked(t, text, &stages) {
			return
		}
		if len(stages) < 1 || len(stages) > 8 {
			t.Errorf("%q is %d labels", text, len(stages))
		}
		for i, label := range stages {
			if len(label) < 1 || len(label) > 64 || slices.Contains(stages[:i], label) {
				t.Errorf("%q has the label %q, too long or twice", text, label)
			}
		}
		again, err := json.Marshal(stages)
		if err != nil {
			t.Fatal(err)
		}
		var same secrets.Stages
		if same.SetParam(string(again)) != nil || !slices.Equal(same, stages) {
			t.Errorf("%q is %q, written and read again %q", text, stages, same)
		}
	})
}

func FuzzFilters(f *testing.F) {
	for _, text := range []string{`[]`, `[{"Key":"SecretName","Values":["a"]}]`, `[{"Key":"TagKey","Values":[]}]`, `[{"Key":"x"}]`, "null", `[null]`, `[{"key":"SecretName"}]`} {
		f.Add(text)
	}
	w := newWorld(f, secrets.Options{})
	w.secret("a", "x", "Tags", `[{"TagKey":"k","TagValue":"v"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var filters secrets.Filters
		if !checked(t, text, &filters) || !utf8.ValidString(text) {
			return
		}
		w.t = t
		w.ok("ListSecrets", "Filters", text)
	})
}

func FuzzTagKeys(f *testing.F) {
	for _, text := range []string{`["k1","k2"]`, "[]", "null", `[""]`, `"a"`, `[1]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var keys secrets.TagKeys
		if checked(t, text, &keys) && slices.Contains(keys, "") {
			t.Errorf("%q has an empty key", text)
		}
	})
}

func FuzzNextToken(f *testing.F) {
	w := newWorld(f, secrets.Options{})
	for i := range 11 {
		w.secret(fmt.Sprintf("s%02d", i), "x", "Tags", pairs(0, 20))
	}
	f.Add(w.ok("ListTagResources", "ResourceType", "secret").str("NextToken"))
	for _, text := range []string{"", "x", "c2VjcmV0AGEAYg", "c2VjcmV0AAAA", "a2V5AGEAYg"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var token secrets.NextToken
		if !checked(t, text, &token) {
			return
		}
		w.t = t
		for _, kind := range []string{"secret", "key"} {
			if d, err := w.call("ListTagResources", "ResourceType", kind, "NextToken", text); err == nil && len(rows(d)) > 200 {
				t.Errorf("a page has %d tags", len(rows(d)))
			}
		}
	})
}

func FuzzName(f *testing.F) {
	for _, text := range []string{"db_cred", "a/b", arns + "secret/a", "acs:kms:cn-beijing:1:secret/a", "acs:kms:::secret/", "$Auto", "acs:", "a:b", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var name secrets.Name
		if !checked(t, text, &name) {
			return
		}
		if strings.ContainsAny(text, "\x00*? \n") || len(text) > 192+64+64+len("acs:kms:::secret/") {
			t.Errorf("%q is a name", text)
		}
	})
}

// Whatever is said of a secret that rotates, it is refused by a code of the service, or makes one that rotates.
func FuzzExtendedConfig(f *testing.F) {
	for i, k := range kinds {
		f.Add(uint8(i), k.config, k.data)
	}
	f.Add(uint8(0), `{"SecretSubType":"SingleUser","DBInstanceId":"i","CustomData":{"a":1}}`, `{"Accounts":[{"AccountName":"u","AccountPassword":"p"}]}`)
	f.Fuzz(func(t *testing.T, which uint8, config, data string) {
		k := kinds[int(which)%len(kinds)]
		k.config, k.data = config, data
		w := newWorld(t, secrets.Options{})
		d, err := w.call("CreateSecret", k.params()...)
		if err != nil {
			if _, ok := err.(*call.Error); !ok {
				t.Errorf("CreateSecret = %v", err)
			}
			return
		}
		name := d.str("SecretName")
		w.ok("RotateSecret", "SecretName", name, "VersionId", "v2")
		w.ok("UpdateSecret", "SecretName", name, "ExtendedConfig.CustomData", "{}")
		w.ok("RotateSecret", "SecretName", name, "VersionId", "v3")
		var value map[string]string
		if err := json.Unmarshal([]byte(w.value(name)), &value); err != nil {
			t.Errorf("the value is no JSON: %v", err)
		}
	})
}
