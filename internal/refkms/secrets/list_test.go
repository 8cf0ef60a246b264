package secrets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

// names returns the names in an answer of ListSecrets, and how many there are in all.
func names(d doc) string {
	var out []string
	for i := range d.at("SecretList", "Secret").([]any) {
		out = append(out, d.str("SecretList", "Secret", i, "SecretName"))
	}
	return fmt.Sprintf("%s of %v", strings.Join(out, " "), d.at("TotalCount"))
}

func TestListSecrets(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("z", "x", "Description", "one", "Tags", `[{"TagKey":"Project","TagValue":"Apollo"},{"TagKey":"Env","TagValue":"prod"}]`)
	w.secret("b", "x", "Tags", `[{"TagKey":"Project","TagValue":"Gemini"}]`)
	w.advance(time.Second)
	w.secret("a/1", "x", "Description", "two")
	w.secret("a", `{"Accounts":[{"AccountName":"a","AccountPassword":"p"}]}`, "SecretType", "Rds",
		"ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`)
	for _, tt := range []struct {
		name   string
		params []string
		want   string
	}{
		{"all, oldest first", nil, "b z a a/1 of 4"},
		{"first page", []string{"PageSize", "3"}, "b z a of 4"},
		{"second page", []string{"PageSize", "3", "PageNumber", "2"}, "a/1 of 4"},
		{"beyond the end", []string{"PageSize", "3", "PageNumber", "3"}, " of 4"},
		{"far beyond the end", []string{"PageNumber", "9223372036854775807"}, " of 4"},
		{"no filter", []string{"Filters", "[]"}, "b z a a/1 of 4"},
		{"a filter without values", []string{"Filters", `[{"Key":"SecretName","Values":[]}]`}, "b z a a/1 of 4"},
		{"a filter without any", []string{"Filters", `[{"Key":"SecretName"}]`}, "b z a a/1 of 4"},
		{"name", []string{"Filters", `[{"Key":"SecretName","Values":["a"]}]`}, "a of 1"},
		{"values are alternatives", []string{"Filters", `[{"Key":"SecretName","Values":["a","z","none"]}]`}, "z a of 2"},
		{"filters are all to be met", []string{"Filters", `[{"Key":"SecretName","Values":["a","z"]},{"Key":"Description","Values":["one"]}]`}, "z of 1"},
		{"the same key twice", []string{"Filters", `[{"Key":"SecretName","Values":["a"]},{"Key":"SecretName","Values":["z"]}]`}, " of 0"},
		{"equality, not a part", []string{"Filters", `[{"Key":"Description","Values":["on"]}]`}, " of 0"},
		{"tag key", []string{"Filters", `[{"Key":"TagKey","Values":["Project"]}]`}, "b z of 2"},
		{"tag value", []string{"Filters", `[{"Key":"TagValue","Values":["Apollo"]}]`}, "z of 1"},
		{"key and value of different tags", []string{"Filters", `[{"Key":"TagKey","Values":["Env"]},{"Key":"TagValue","Values":["Apollo"]}]`}, "z of 1"},
		{"type", []string{"Filters", `[{"Key":"SecretType","Values":["Rds"]}]`}, "a of 1"},
		{"creator", []string{"Filters", `[{"Key":"Creator","Values":["123456"]}]`}, "b z a a/1 of 4"},
		{"another creator", []string{"Filters", `[{"Key":"Creator","Values":["42"]}]`}, " of 0"},
		{"instance", []string{"Filters", `[{"Key":"DKMSInstanceId","Values":["i"]}]`}, " of 0"},
		{"pages of what is left", []string{"PageSize", "1", "PageNumber", "2", "Filters", `[{"Key":"TagKey","Values":["Project"]}]`}, "z of 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := names(w.ok("ListSecrets", tt.params...)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	filter := `{"Key":"SecretName","Values":["a"]}`
	for _, bad := range [][2]string{
		{"PageNumber", "0"}, {"PageNumber", "x"}, {"PageSize", "0"}, {"PageSize", "101"}, {"FetchTags", "1"},
		{"Filters", "x"}, {"Filters", "null"}, {"Filters", `{"Key":"SecretName"}`}, {"Filters", `[{"Key":"secretname","Values":["a"]}]`},
		{"Filters", `[{"Key":"SecretName","Values":"a"}]`}, {"Filters", `[{"Key":"SecretName","Values":[1]}]`}, {"Filters", `[{"Values":["a"]}]`},
		{"Filters", `[{"Key":"SecretName","Values":["a b"]}]`}, {"Filters", `[{"Key":"SecretName","Values":[""]}]`},
		{"Filters", `[{"Key":"Description","Values":["` + strings.Repeat("x", 257) + `"]}]`},
		{"Filters", "[" + strings.Repeat(filter+",", 10) + filter + "]"},
		{"Filters", `[{"Key":"SecretName","Values":[` + strings.Repeat(`"a",`, 10) + `"a"]}]`},
		{"Filters", "[" + strings.Repeat(" ", 64<<10) + "]"}, {"Filters", "[null]"},
	} {
		w.refused(call.Invalid(bad[0]), "ListSecrets", bad[0], bad[1])
	}
	if got := names(w.ok("ListSecrets", "Filters", "["+strings.Repeat(filter+",", 9)+filter+"]")); got != "a of 1" {
		t.Errorf("ten filters: %s", got)
	}
}
