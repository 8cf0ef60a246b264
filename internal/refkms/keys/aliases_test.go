package keys_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func TestAliasNames(t *testing.T) {
	invalid := call.Invalid("AliasName")
	for _, tt := range []struct {
		name, alias string
		want        error // of CreateAlias
	}{
		{"plain", "alias/WorkKey", nil},
		{"slashes", "alias/Apollo/WorkKey", nil},
		{"every character", "alias/aZ09_-/", nil},
		{"one character", "alias/a", nil},
		{"255 characters", "alias/" + strings.Repeat("a", 255), nil},
		{"256 characters", "alias/" + strings.Repeat("a", 256), invalid},
		{"nothing after the prefix", "alias/", invalid},
		{"no prefix", "WorkKey", invalid},
		{"prefix in another case", "Alias/WorkKey", invalid},
		{"dot", "alias/Work.Key", invalid},
		{"blank", "alias/Work Key", invalid},
		{"letter of another script", "alias/工作", invalid},
		{"kept for services", "alias/acs/oss", invalid},
		{"kept for services, without a slash", "alias/acsomething", invalid},
		{"like a kept one", "alias/ac", nil},
		{"ARN", arns + "alias/a", invalid},
		{"empty", "", call.Missing("AliasName")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			k := w.key()
			if tt.want != nil {
				w.refused(tt.want, "CreateAlias", "AliasName", tt.alias, "KeyId", k)
				if n := w.ok("ListAliases").at("TotalCount"); n != 0.0 {
					t.Errorf("a refused CreateAlias made %v aliases", n)
				}
				return
			}
			w.ok("CreateAlias", "AliasName", tt.alias, "KeyId", k)
			if got := w.describe(tt.alias)["KeyId"]; got != k {
				t.Errorf("the alias leads to %v, want %s", got, k)
			}
			if got := w.describe(arns + tt.alias)["KeyId"]; got != k {
				t.Errorf("the alias's ARN leads to %v, want %s", got, k)
			}
		})
	}
}

func TestAliasLife(t *testing.T) {
	w := newWorld(t, keys.Options{})
	a, b := w.key(), w.key()
	w.ok("CreateAlias", "AliasName", "alias/x", "KeyId", a)
	w.refused(call.ErrAliasExists, "CreateAlias", "AliasName", "alias/x", "KeyId", b)
	w.refused(call.ErrAliasExists, "CreateAlias", "AliasName", "alias/x", "KeyId", a) // the same key, too
	w.ok("CreateAlias", "AliasName", "alias/X", "KeyId", b)                           // case matters
	w.ok("CreateAlias", "AliasName", "alias/y", "KeyId", a)                           // a key has any number

	// Blobs of the old key open after the alias has moved; the new one encrypts.
	blob := w.ok("Encrypt", "KeyId", "alias/x", "Plaintext", "old").str("CiphertextBlob")
	w.ok("UpdateAlias", "AliasName", "alias/x", "KeyId", b)
	if got := w.ok("Encrypt", "KeyId", "alias/x", "Plaintext", "new").str("KeyId"); got != b {
		t.Errorf("after UpdateAlias %s encrypts, want %s", got, b)
	}
	if got := w.ok("Decrypt", "CiphertextBlob", blob); got.str("KeyId") != a || got.str("Plaintext") != "old" {
		t.Errorf("the old blob opens as %v", got)
	}
	w.ok("UpdateAlias", "AliasName", "alias/x", "KeyId", b) // to where it leads already
	w.refused(call.ErrAliasNotFound, "UpdateAlias", "AliasName", "alias/z", "KeyId", b)
	w.refused(call.ErrKeyNotFound, "UpdateAlias", "AliasName", "alias/x", "KeyId", "nobody")
	w.refused(call.ErrUnsupportedAlias, "UpdateAlias", "AliasName", "alias/x", "KeyId", "alias/y")
	w.refused(call.Invalid("AliasName"), "UpdateAlias", "AliasName", "x", "KeyId", b)

	w.ok("DeleteAlias", "AliasName", "alias/x")
	w.refused(call.ErrAliasNotFound, "DeleteAlias", "AliasName", "alias/x")
	w.refused(call.ErrAliasNotFound, "Encrypt", "KeyId", "alias/x", "Plaintext", "y")
	w.refused(call.Invalid("AliasName"), "DeleteAlias", "AliasName", "x")
	w.describe(a)
	w.describe(b)
}

// An alias is unique in one account and region, and may be another's elsewhere.
func TestAliasWorlds(t *testing.T) {
	w := newWorld(t, keys.Options{})
	for _, other := range []*world{w, w.in(account, "cn-beijing"), w.in("42", region)} {
		k := other.key()
		other.ok("CreateAlias", "AliasName", "alias/x", "KeyId", k)
		if got := other.describe("alias/x")["KeyId"]; got != k {
			t.Errorf("in %s the alias leads to %v, want %s", other.scope, got, k)
		}
	}
	beijing := w.in(account, "cn-beijing").describe("alias/x").str("KeyId")
	w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", beijing)
	w.refused(call.ErrKeyNotFound, "CreateAlias", "AliasName", "alias/y", "KeyId", beijing)
}

func TestAliasQuota(t *testing.T) {
	w := newWorld(t, keys.Options{MaxAliases: 2})
	k := w.key()
	w.update(func(tx state.Tx) {
		state.Aliases.Put(tx, w.scope, "alias/acs/oss", &state.Alias{Name: "alias/acs/oss", KeyID: k})
	})
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k)
	w.ok("CreateAlias", "AliasName", "alias/b", "KeyId", k)
	w.refused(call.ErrLimitExceeded, "CreateAlias", "AliasName", "alias/c", "KeyId", k)
	w.refused(call.ErrLimitExceeded, "CreateAlias", "AliasName", "alias/b", "KeyId", k) // told before that it exists
	w.ok("DeleteAlias", "AliasName", "alias/a")
	w.ok("CreateAlias", "AliasName", "alias/c", "KeyId", k)
}

func TestListAliases(t *testing.T) {
	w := newWorld(t, keys.Options{})
	a, b := w.key(), w.key()
	for i, name := range []string{"alias/d", "alias/a", "alias/c", "alias/b/1"} {
		w.ok("CreateAlias", "AliasName", name, "KeyId", []string{a, b}[i%2])
	}
	list := w.ok("ListAliases")
	var names []string
	for i := range 4 {
		name, key := list.str("Aliases", "Alias", i, "AliasName"), list.str("Aliases", "Alias", i, "KeyId")
		names = append(names, name)
		if got := list.str("Aliases", "Alias", i, "AliasArn"); got != arns+name {
			t.Errorf("AliasArn = %s, want %s", got, arns+name)
		}
		if want := map[bool]string{true: a, false: b}[name == "alias/d" || name == "alias/c"]; key != want {
			t.Errorf("%s leads to %s, want %s", name, key, want)
		}
	}
	if want := []string{"alias/a", "alias/b/1", "alias/c", "alias/d"}; !slices.Equal(names, want) {
		t.Errorf("ListAliases answers %v, want %v", names, want)
	}
	of := w.ok("ListAliasesByKeyId", "KeyId", b)
	if of.at("TotalCount") != 2.0 || of.str("Aliases", "Alias", 0, "AliasName") != "alias/a" ||
		of.str("Aliases", "Alias", 1, "AliasName") != "alias/b/1" || of.str("Aliases", "Alias", 1, "AliasArn") != arns+"alias/b/1" {
		t.Errorf("ListAliasesByKeyId answers %v", of)
	}
	w.refused(call.ErrUnsupportedAlias, "ListAliasesByKeyId", "KeyId", "alias/a")
}

// Every list pages alike.
func TestPaging(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.advance(24 * 7 * day) // 25 versions
	for i := range 24 {
		w.key()
		w.ok("CreateAlias", "AliasName", fmt.Sprintf("alias/%02d", i), "KeyId", k)
	}
	w.ok("CreateAlias", "AliasName", "alias/24", "KeyId", k)
	for _, list := range []struct {
		action string
		path   [2]string
		field  string
		params []string
		zero   bool // whether a page of none may be asked for
	}{
		{"ListKeys", [2]string{"Keys", "Key"}, "KeyId", nil, false},
		{"ListAliases", [2]string{"Aliases", "Alias"}, "AliasName", nil, true},
		{"ListAliasesByKeyId", [2]string{"Aliases", "Alias"}, "AliasName", []string{"KeyId", k}, true},
		{"ListKeyVersions", [2]string{"KeyVersions", "KeyVersion"}, "KeyVersionId", []string{"KeyId", k}, true},
	} {
		t.Run(list.action, func(t *testing.T) {
			page := func(params ...string) (doc, []any) {
				d := w.ok(list.action, append(params, list.params...)...)
				items, isArray := d.at(list.path[0], list.path[1]).([]any)
				if !isArray || d.at("TotalCount") != 25.0 {
					t.Errorf("%s(%v) answers %v, want an array and a total of 25", list.action, params, d)
				}
				return d, items
			}
			d, items := page()
			if len(items) != 10 || d.at("PageNumber") != 1.0 || d.at("PageSize") != 10.0 {
				t.Errorf("by default %d items of page %v, size %v", len(items), d.at("PageNumber"), d.at("PageSize"))
			}
			seen := map[any]bool{}
			for number := 1; number <= 4; number++ {
				d, items := page("PageNumber", fmt.Sprint(number), "PageSize", "7")
				if want := []int{7, 7, 7, 4}[number-1]; len(items) != want || d.at("PageNumber") != float64(number) || d.at("PageSize") != 7.0 {
					t.Errorf("page %d has %d items, want %d", number, len(items), want)
				}
				for _, item := range items {
					seen[item.(map[string]any)[list.field]] = true
				}
			}
			if len(seen) != 25 {
				t.Errorf("the pages hold %d items, want 25", len(seen))
			}
			for _, beyond := range []string{"5", "9223372036854775807"} {
				if _, items := page("PageNumber", beyond, "PageSize", "7"); len(items) != 0 {
					t.Errorf("page %s has %d items, want none", beyond, len(items))
				}
			}
			if _, items := page("PageSize", "100"); len(items) != 25 {
				t.Errorf("a page of 100 has %d items", len(items))
			}
			for _, bad := range []string{"101", "-1", "ten"} {
				w.refused(call.Invalid("PageSize"), list.action, append([]string{"PageSize", bad}, list.params...)...)
			}
			for _, bad := range []string{"0", "-1", "1.5", "9223372036854775808"} {
				w.refused(call.Invalid("PageNumber"), list.action, append([]string{"PageNumber", bad}, list.params...)...)
			}
			if !list.zero {
				w.refused(call.Invalid("PageSize"), list.action, append([]string{"PageSize", "0"}, list.params...)...)
			} else if _, items := page("PageSize", "0"); len(items) != 0 {
				t.Errorf("a page of 0 has %d items", len(items))
			}
		})
	}
}
