package secrets_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// tags returns the tags of a resource, as in "a=1 b=2".
func (w *world) tags(param, id string) string {
	w.t.Helper()
	d := w.ok("ListResourceTags", param, id)
	var out []string
	for i := range d.at("Tags", "Tag").([]any) {
		if got := d.str("Tags", "Tag", i, param); got != id {
			w.t.Errorf("a tag is of %s %q, want %q", param, got, id)
		}
		out = append(out, d.str("Tags", "Tag", i, "TagKey")+"="+d.str("Tags", "Tag", i, "TagValue"))
	}
	return strings.Join(out, " ")
}

// pairs returns n tags as the first generation of operations has them.
func pairs(from, n int) string {
	var list []map[string]string
	for i := range n {
		list = append(list, map[string]string{"TagKey": fmt.Sprintf("k%02d", from+i), "TagValue": "v"})
	}
	doc, _ := json.Marshal(list)
	return string(doc)
}

func TestTagsOfOneResource(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "x")
	for param, id := range map[string]string{"KeyId": w.key(), "SecretName": "s"} {
		t.Run(param, func(t *testing.T) {
			if got := w.tags(param, id); got != "" {
				t.Errorf("a new resource has the tags %s", got)
			}
			w.ok("TagResource", param, id, "Tags", `[{"TagKey":"b","TagValue":"2"},{"TagKey":"a","TagValue":"1"}]`)
			w.ok("TagResource", param, id, "Tags", `[{"TagKey":"b","TagValue":"3"},{"TagKey":"项目/\\_-.+=:@","TagValue":""}]`)
			if got, want := w.tags(param, id), `a=1 b=3 项目/\_-.+=:@=`; got != want {
				t.Errorf("the tags are %s, want %s", got, want)
			}
			w.ok("UntagResource", param, id, "TagKeys", `["a","none","项目/\\_-.+=:@","a"]`)
			if got := w.tags(param, id); got != "b=3" {
				t.Errorf("the tags are %s, want b=3", got)
			}
			w.ok("TagResource", param, id, "Tags", pairs(0, 19))
			w.refused(call.ErrLimitExceeded, "TagResource", param, id, "Tags", pairs(18, 2))
			w.ok("TagResource", param, id, "Tags", pairs(0, 19)) // those that are there do not count twice
			w.refused(call.ErrLimitExceeded, "TagResource", param, id, "Tags", pairs(20, 21))
			if got := len(strings.Fields(w.tags(param, id))); got != 20 {
				t.Errorf("there are %d tags, want 20", got)
			}
			w.ok("TagResource", param, id, "Tags", "[]")
			w.ok("UntagResource", param, id, "TagKeys", "[]")
			for _, bad := range []string{"x", "null", "{}", `[{"TagKey":""}]`, `[{"TagValue":"v"}]`, `[{"TagKey":"a","TagValue":"!"}]`, `[{"TagKey":"a b"}]`,
				`[{"TagKey":"aliyunx"}]`, `[{"TagKey":"Aliyun"}]`, `[{"TagKey":"acs:x"}]`, `[{"TagKey":"x"},{"TagKey":"x"}]`,
				`[{"TagKey":"` + strings.Repeat("k", 129) + `"}]`, `[{"TagKey":"k","TagValue":"` + strings.Repeat("v", 129) + `"}]`} {
				w.refused(call.Invalid("Tags"), "TagResource", param, id, "Tags", bad)
			}
			for _, bad := range []string{"x", "null", `"a"`, `[""]`, `[1]`, `["` + strings.Repeat("k", 129) + `"]`, "[" + strings.Repeat(" ", 64<<10) + "]"} {
				w.refused(call.Invalid("TagKeys"), "UntagResource", param, id, "TagKeys", bad)
			}
			w.refused(call.Missing("Tags"), "TagResource", param, id)
			w.refused(call.Missing("TagKeys"), "UntagResource", param, id)
		})
	}
}

func TestTargetsOfTags(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	k := w.key()
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k)
	w.secret("s", "x")
	for _, tt := range []struct {
		name   string
		params []string
		want   error // nil: accepted
	}{
		{"none", nil, call.Invalid("KeyId")},
		{"two", []string{"KeyId", k, "SecretName", "s"}, call.Invalid("KeyId")},
		{"two with a certificate", []string{"CertificateId", "c", "SecretName", "s"}, call.Invalid("KeyId")},
		{"a certificate", []string{"CertificateId", "c"}, call.ErrSecretNotFound},
		{"key by ARN", []string{"KeyId", arns + "key/" + k}, nil},
		{"key by alias", []string{"KeyId", "alias/a"}, call.ErrUnsupportedAlias},
		{"unknown key", []string{"KeyId", "none"}, call.ErrKeyNotFound},
		{"key of another region", []string{"KeyId", "acs:kms:cn-beijing:123456:key/" + k}, call.ErrKeyNotFound},
		{"secret by ARN", []string{"SecretName", arns + "secret/s"}, nil},
		{"unknown secret", []string{"SecretName", "none"}, call.ErrSecretNotFound},
		{"no name of a secret", []string{"SecretName", "a b"}, call.Invalid("SecretName")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for action, more := range map[string][]string{
				"TagResource": {"Tags", `[{"TagKey":"k"}]`}, "UntagResource": {"TagKeys", `["k"]`}, "ListResourceTags": nil,
			} {
				want := tt.want
				if action == "ListResourceTags" && len(tt.params) > 0 && tt.params[0] == "CertificateId" {
					want = map[int]error{2: call.Invalid("KeyId"), 4: nil}[len(tt.params)] // it has no such parameter
				}
				params := append(append([]string{}, tt.params...), more...)
				if want == nil {
					w.ok(action, params...)
				} else {
					w.refused(want, action, params...)
				}
			}
		})
	}
}

// Tags of a key can be changed in every state but one, and are listed in all; a service's key has those it was given.
func TestTagsByStateOfTheKey(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	writes := func(k string) map[string][]string {
		return map[string][]string{
			"TagResource":    {"KeyId", k, "Tags", `[{"TagKey":"k"}]`},
			"UntagResource":  {"KeyId", k, "TagKeys", `["k"]`},
			"TagResources":   {"ResourceType", "key", "ResourceId.1", k, "Tag.1.Key", "k"},
			"UntagResources": {"ResourceType", "key", "ResourceId.1", k, "TagKey.1", "k"},
		}
	}
	for st, want := range map[state.KeyState]error{
		state.Enabled: nil, state.Disabled: nil, state.PendingImport: nil, state.PendingDeletion: call.ErrPendingDeletion,
	} {
		k := w.key()
		w.changeKey(k, func(key *state.Key) { key.State = st })
		for action, params := range writes(k) {
			if want == nil {
				w.ok(action, params...)
			} else {
				w.refused(want, action, params...)
			}
		}
		w.tags("KeyId", k)
		w.ok("ListTagResources", "ResourceType", "key", "ResourceId.1", k)
	}
	service := w.key()
	w.changeKey(service, func(key *state.Key) { key.Service = "OSS" })
	for action, params := range writes(service) {
		w.refused(call.ErrUnsupportedOperation, action, params...)
	}
	w.tags("KeyId", service)
}

func TestTagsOfSeveralResources(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	k1, k2 := w.key(), w.key()
	w.secret("a", "x")
	w.secret("b", "x")
	w.secret("dying", "x")
	w.ok("DeleteSecret", "SecretName", "dying")
	tag := func(kind string, ids []string, more ...string) []string {
		params := []string{"ResourceType", kind, "RegionId", region}
		for i, id := range ids {
			params = append(params, fmt.Sprintf("ResourceId.%d", i+1), id)
		}
		return append(params, more...)
	}
	w.ok("TagResources", tag("secret", []string{"a", "b", "a"}, "Tag.1.Key", "k", "Tag.1.Value", "v", "Tag.2.Key", "l")...)
	w.ok("TagResources", tag("key", []string{k1, arns + "key/" + k2}, "Tag.1.Key", "k", "Tag.1.Value", "v")...)
	for _, got := range []string{w.tags("SecretName", "a"), w.tags("SecretName", "b")} {
		if got != "k=v l=" {
			t.Errorf("the tags are %s", got)
		}
	}
	if got := w.tags("KeyId", k1) + w.tags("KeyId", k2); got != "k=vk=v" {
		t.Errorf("the tags of the keys are %s", got)
	}

	// All or none.
	for _, tt := range []struct {
		ids  []string
		want error
	}{
		{[]string{"a", "none"}, call.ErrResourceIDNotFound}, {[]string{"a", "dying"}, call.ErrSecretInWindow}, {[]string{"a", "not a name"}, call.ErrResourceIDNotFound},
	} {
		w.refused(tt.want, "TagResources", tag("secret", tt.ids, "Tag.1.Key", "new")...)
		w.refused(tt.want, "UntagResources", tag("secret", tt.ids, "All", "true")...)
	}
	for _, id := range []string{"none", "alias/a", "acs:kms:cn-beijing:123456:key/" + k1, strings.Repeat("k", 1000)} {
		w.refused(call.ErrResourceIDNotFound, "TagResources", tag("key", []string{k1, id}, "Tag.1.Key", "new")...)
		w.refused(call.ErrResourceIDNotFound, "ListTagResources", tag("key", []string{k1, id})...)
	}
	if got := w.tags("SecretName", "a") + w.tags("KeyId", k1); got != "k=v l=k=v" {
		t.Errorf("refused calls left the tags %s", got)
	}

	w.ok("UntagResources", tag("secret", []string{"a"}, "TagKey.1", "k", "TagKey.2", "none", "All", "true")...) // All does not count
	if got := w.tags("SecretName", "a"); got != "l=" {
		t.Errorf("the tags are %s, want l=", got)
	}
	w.ok("UntagResources", tag("secret", []string{"a", "b"}, "All", "true")...)
	if got := w.tags("SecretName", "a") + w.tags("SecretName", "b"); got != "" {
		t.Errorf("the tags are %s, want none", got)
	}

	many := make([]string, 50)
	for i := range many {
		many[i] = "a"
	}
	w.ok("TagResources", tag("secret", many, "Tag.1.Key", "k")...)
	for _, tt := range []struct {
		want   error
		action string
		params []string
	}{
		{call.Missing("ResourceType"), "TagResources", []string{"ResourceId.1", "a", "Tag.1.Key", "k"}},
		{call.Missing("ResourceId"), "TagResources", []string{"ResourceType", "secret", "Tag.1.Key", "k"}},
		{call.Missing("Tag"), "TagResources", tag("secret", []string{"a"})},
		{call.Missing("TagKey"), "UntagResources", tag("secret", []string{"a"})},
		{call.Missing("TagKey"), "UntagResources", tag("secret", []string{"a"}, "All", "false")},
		{call.Invalid("ResourceType"), "TagResources", tag("alias", []string{"a"}, "Tag.1.Key", "k")},
		{call.Invalid("ResourceType"), "ListTagResources", tag("Key", []string{"a"})},
		{call.Invalid("ResourceId"), "TagResources", tag("secret", append(many, "a"), "Tag.1.Key", "k")},
		{call.Invalid("Tag"), "TagResources", tag("secret", []string{"a"}, "Tag.21.Key", "k")},
		{call.ErrTagKey, "TagResources", tag("secret", []string{"a"}, "Tag.1.Key", "acs:k")},
		{call.ErrTagKey, "TagResources", tag("secret", []string{"a"}, "Tag.1.Value", "v")},
		{call.ErrTagKey, "TagResources", tag("secret", []string{"a"}, "Tag.1.Key", strings.Repeat("k", 129))},
		{call.ErrTagValue, "TagResources", tag("secret", []string{"a"}, "Tag.1.Key", "k", "Tag.1.Value", "!")},
		{call.ErrDuplicateTagKey, "TagResources", tag("secret", []string{"a"}, "Tag.1.Key", "k", "Tag.2.Key", "k")},
		{call.ErrDuplicateTagKey, "ListTagResources", tag("secret", nil, "Tag.1.Key", "k", "Tag.2.Key", "k", "Tag.2.Value", "v")},
	} {
		w.refused(tt.want, tt.action, tt.params...)
	}
	var limit []string
	for i := range 20 {
		limit = append(limit, fmt.Sprintf("Tag.%d.Key", i+1), fmt.Sprintf("k%d", i))
	}
	w.ok("TagResources", tag("secret", []string{"b"}, limit...)...)
	w.refused(call.ErrLimitExceeded, "TagResources", tag("secret", []string{"a", "b"}, "Tag.1.Key", "one-more")...)
}

// rows returns the rows of an answer of ListTagResources.
func rows(d doc) []string {
	var out []string
	for i := range d.at("TagResources", "TagResource").([]any) {
		at := func(field string) string { return d.str("TagResources", "TagResource", i, field) }
		out = append(out, at("ResourceType")+" "+at("ResourceId")+" "+at("TagKey")+"="+at("TagValue"))
	}
	return out
}

func TestListTagResources(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	k := w.key("Tags", `[{"TagKey":"Project","TagValue":"Apollo"}]`)
	w.secret("b", "x", "Tags", `[{"TagKey":"Project","TagValue":"Apollo"},{"TagKey":"Env","TagValue":"prod"}]`)
	w.secret("a", "x", "Tags", `[{"TagKey":"Project","TagValue":"Gemini"}]`)
	w.secret("bare", "x")
	for _, tt := range []struct {
		name   string
		params []string
		want   string
	}{
		{"keys", []string{"ResourceType", "key"}, "key " + k + " Project=Apollo"},
		{"secrets", []string{"ResourceType", "secret"}, "secret a Project=Gemini, secret b Env=prod, secret b Project=Apollo"},
		{"one", []string{"ResourceType", "secret", "ResourceId.1", "b"}, "secret b Env=prod, secret b Project=Apollo"},
		{"two, and one twice", []string{"ResourceType", "secret", "ResourceId.1", "b", "ResourceId.2", "a", "ResourceId.3", "b"},
			"secret a Project=Gemini, secret b Env=prod, secret b Project=Apollo"},
		{"without tags", []string{"ResourceType", "secret", "ResourceId.1", "bare"}, ""},
		{"by key", []string{"ResourceType", "secret", "Tag.1.Key", "Project"}, "secret a Project=Gemini, secret b Env=prod, secret b Project=Apollo"},
		{"by key and value", []string{"ResourceType", "secret", "Tag.1.Key", "Project", "Tag.1.Value", "Gemini"}, "secret a Project=Gemini"},
		{"by two tags", []string{"ResourceType", "secret", "Tag.1.Key", "Project", "Tag.2.Key", "Env", "Tag.2.Value", "prod"}, "secret b Env=prod, secret b Project=Apollo"},
		{"by a tag nobody has", []string{"ResourceType", "secret", "Tag.1.Key", "project"}, ""},
		{"of one by a tag it has not", []string{"ResourceType", "secret", "ResourceId.1", "a", "Tag.1.Key", "Env"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := w.ok("ListTagResources", tt.params...)
			if got := strings.Join(rows(d), ", "); got != tt.want || d.str("NextToken") != "" || d.at("NextToken") == nil {
				t.Errorf("%s, next token %v, want %s", got, d.at("NextToken"), tt.want)
			}
		})
	}
}

// Pages have 200 tags, and show each tag once, wherever the resource it is of ends.
func TestPagesOfTags(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	var named []string
	for i := range 45 {
		name := fmt.Sprintf("s%02d", i)
		w.secret(name, "x", "Tags", pairs(0, 9+i%2))
		named = append(named, fmt.Sprintf("ResourceId.%d", i+1), name)
	}
	for _, ids := range [][]string{nil, named} {
		var got []string
		params := append([]string{"ResourceType", "secret"}, ids...)
		token, pages := "", 0
		for {
			d := w.ok("ListTagResources", append(params, "NextToken", token)...)
			page := rows(d)
			pages++
			got = append(got, page...)
			if token = d.str("NextToken"); token == "" {
				break
			}
			if len(page) != 200 {
				t.Errorf("a page has %d tags", len(page))
			}
			w.refused(call.Invalid("NextToken"), "ListTagResources", "ResourceType", "key", "NextToken", token)
		}
		i := 0
		for s := range 45 {
			for k := range 9 + s%2 {
				if want := fmt.Sprintf("secret s%02d k%02d=v", s, k); i >= len(got) || got[i] != want {
					t.Fatalf("tag %d is not %s", i, want)
				}
				i++
			}
		}
		if i != len(got) || pages != 3 {
			t.Errorf("%d tags on %d pages, want %d on 3", len(got), pages, i)
		}
	}
	// What goes between two pages is not missed by the rest.
	token := w.ok("ListTagResources", "ResourceType", "secret").str("NextToken")
	next := rows(w.ok("ListTagResources", "ResourceType", "secret", "NextToken", token))[0]
	name := strings.Fields(next)[1]
	w.ok("DeleteSecret", "SecretName", name, "ForceDeleteWithoutRecovery", "true")
	if got := rows(w.ok("ListTagResources", "ResourceType", "secret", "NextToken", token))[0]; !strings.HasSuffix(got, "k00=v") || got < next {
		t.Errorf("after %s has gone the page begins with %s", name, got)
	}
	for _, bad := range []string{"x", "!", strings.Repeat("A", 5000), "c2VjcmV0AGE", "YWxpYXMAYQBi"} {
		w.refused(call.Invalid("NextToken"), "ListTagResources", "ResourceType", "secret", "NextToken", bad)
	}
}
