package secrets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

func TestUpdateSecretVersionStage(t *testing.T) {
	const before = "v1[ACSPrevious A] v2[ACSCurrent B] v3[]"
	for _, tt := range []struct {
		name              string
		stage, move, from string
		want              string // after; "" for as before
		err               error
	}{
		{"says nothing", "A", "", "", "", call.Invalid("MoveToVersion")},
		{"ACSCurrent is not removed", "ACSCurrent", "", "v2", "", call.Invalid("MoveToVersion")},
		{"ACSPrevious is not removed", "ACSPrevious", "", "v1", "", call.Invalid("MoveToVersion")},
		{"to no version", "A", "v9", "", "", call.ErrSecretNotFound},
		{"from no version", "A", "", "v9", "", call.ErrSecretNotFound},
		{"from no version to one", "A", "v2", "v9", "", call.ErrSecretNotFound},
		{"from where it is not", "A", "", "v2", "", call.ErrStageMismatch},
		{"a label that is not there, from somewhere", "C", "", "v1", "", call.ErrStageMismatch},
		{"moved from where it is not", "A", "v3", "v2", "", call.ErrStageMismatch},
		{"from a version to the same", "A", "v1", "v1", "", call.ErrStageMismatch},
		{"removed", "A", "", "v1", "v1[ACSPrevious] v2[ACSCurrent B] v3[]", nil},
		{"moved", "A", "v3", "", "v1[ACSPrevious] v2[ACSCurrent B] v3[A]", nil},
		{"moved from where it is", "A", "v3", "v1", "v1[ACSPrevious] v2[ACSCurrent B] v3[A]", nil},
		{"made", "C", "v1", "", "v1[ACSPrevious A C] v2[ACSCurrent B] v3[]", nil},
		{"is there already", "A", "v1", "", "", nil},
		{"ACSCurrent is there already", "ACSCurrent", "v2", "", "", nil},
		{"rollback is a swap", "ACSCurrent", "v1", "", "v1[ACSCurrent A] v2[ACSPrevious B] v3[]", nil},
		{"ACSCurrent moves on", "ACSCurrent", "v3", "v2", "v1[A] v2[ACSPrevious B] v3[ACSCurrent]", nil},
		{"ACSPrevious is moved by hand", "ACSPrevious", "v3", "", "v1[A] v2[ACSCurrent B] v3[ACSPrevious]", nil},
		{"ACSPrevious onto the current version", "ACSPrevious", "v2", "", "v1[A] v2[ACSCurrent ACSPrevious B] v3[]", nil},
		{"custom labels may begin with ACS", "ACSNext", "v3", "", "v1[ACSPrevious A] v2[ACSCurrent B] v3[ACSNext]", nil},
		{"not a label", "a label", "v3", "", "", call.Invalid("VersionStage")},
		{"too long for a label", strings.Repeat("l", 65), "v3", "", "", call.Invalid("VersionStage")},
		{"no label", "", "v3", "", "", call.Missing("VersionStage")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, secrets.Options{})
			w.secret("s", "1")
			w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "2")
			w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "3", "VersionStages", `["C"]`)
			w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "C", "RemoveFromVersion", "v3")
			w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "A", "MoveToVersion", "v1")
			w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "B", "MoveToVersion", "v2")
			if got := w.labels("s"); got != before {
				t.Fatalf("the test begins with %s, want %s", got, before)
			}
			w.advance(time.Minute)
			params := []string{"SecretName", "s", "VersionStage", tt.stage, "MoveToVersion", tt.move, "RemoveFromVersion", tt.from}
			if tt.err != nil {
				w.refused(tt.err, "UpdateSecretVersionStage", params...)
			} else {
				w.ok("UpdateSecretVersionStage", params...)
			}
			want, updated := tt.want, date(start.Add(time.Minute))
			if want == "" {
				want, updated = before, date(start)
			}
			if got := w.labels("s"); got != want {
				t.Errorf("the labels are %s, want %s", got, want)
			}
			if got := w.ok("DescribeSecret", "SecretName", "s").str("UpdateTime"); got != updated {
				t.Errorf("UpdateTime is %s, want %s", got, updated)
			}
		})
	}
}

// There are eight labels, whichever call would make the ninth: ACSPrevious counts when it appears by itself.
func TestLabelLimit(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "1")
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "2", "VersionStages", `["a","b","c","d","e","f","g"]`)
	before := w.labels("s")
	for _, params := range [][]string{
		{"VersionId", "v3", "SecretData", "3", "VersionStages", `["h"]`},
		{"VersionId", "v3", "SecretData", "3"},
		{"VersionId", "v3", "SecretData", "3", "VersionStages", `["ACSCurrent","a"]`},
		{"VersionId", "v3", "SecretData", "3", "VersionStages", `["ACSPrevious"]`},
	} {
		w.refused(call.ErrSecretLimits, "PutSecretValue", append([]string{"SecretName", "s"}, params...)...)
	}
	for _, label := range []string{"h", "ACSCurrent", "ACSPrevious"} {
		w.refused(call.ErrSecretLimits, "UpdateSecretVersionStage", "SecretName", "s", "VersionStage", label, "MoveToVersion", "v2")
	}
	if got := w.labels("s"); got != before {
		t.Errorf("refused calls left %s, want %s", got, before)
	}
	w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "a", "RemoveFromVersion", "v2")
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "3")
	// An existing version is not labelled anew, so nothing can be too much.
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v3", "SecretData", "3", "VersionStages", `["h"]`)
	if got, want := w.labels("s"), "v1[ACSPrevious] v2[b c d e f g] v3[ACSCurrent]"; got != want {
		t.Errorf("the labels are %s, want %s", got, want)
	}
}

// Of one version that gets both labels of the service, ACSPrevious goes on to the former current one.
func TestBothLabelsOfTheService(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "1")
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "2", "VersionStages", `["ACSPrevious","ACSCurrent"]`)
	if got, want := w.labels("s"), "v1[ACSPrevious] v2[ACSCurrent]"; got != want {
		t.Errorf("the labels are %s, want %s", got, want)
	}
}

func TestRecycling(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "1", "VersionId", "v01")
	put := func(n int, params ...string) {
		t.Helper()
		id := fmt.Sprintf("v%02d", n)
		w.ok("PutSecretValue", append([]string{"SecretName", "s", "VersionId", id, "SecretData", "of " + id}, params...)...)
	}
	w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "Keep", "MoveToVersion", "v01")
	for n := 2; n <= 10; n++ {
		w.advance(time.Second)
		put(n)
	}
	if got, want := w.labels("s"), "v01[Keep] v02[] v03[] v04[] v05[] v06[] v07[] v08[] v09[ACSPrevious] v10[ACSCurrent]"; got != want {
		t.Fatalf("ten versions are %s, want %s", got, want)
	}
	put(11)
	if got, want := w.labels("s"), "v01[Keep] v03[] v04[] v05[] v06[] v07[] v08[] v09[] v10[ACSPrevious] v11[ACSCurrent]"; got != want {
		t.Errorf("after the eleventh: %s, want %s", got, want)
	}
	w.refused(call.ErrSecretValueNotFound, "GetSecretValue", "SecretName", "s", "VersionId", "v02")
	if got := w.value("s", "VersionId", "v01"); got != "1" {
		t.Errorf("the oldest, which is labelled, has the value %q", got)
	}
	put(12, "VersionStages", `["New"]`)
	put(2) // recycled, so it is as good as new
	if got, want := w.labels("s"), "v01[Keep] v05[] v06[] v07[] v08[] v09[] v10[] v11[ACSPrevious] v12[New] v02[ACSCurrent]"; got != want {
		t.Errorf("after two more: %s, want %s", got, want)
	}
	if got := w.value("s"); got != "of v02" {
		t.Errorf("the version whose id was used again has the value %q", got)
	}
}

func TestPutTheSameVersion(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		w := newWorld(t, secrets.Options{})
		var under []string
		if encrypted {
			under = []string{"EncryptionKeyId", w.key()}
		}
		w.secret("s", "one", under...)
		w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "two", "VersionStages", `["A"]`)
		w.advance(time.Minute)
		before := w.labels("s")
		d := w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "two", "SecretDataType", "binary", "VersionStages", `["ACSCurrent","B"]`)
		if got := d.list("VersionStages", "VersionStage"); got != "A" {
			t.Errorf("the same value again answers the labels %s, want those that are there", got)
		}
		for _, other := range []string{"two ", "tw", "TWO", "one"} {
			w.refused(call.ErrSecretVersionExists, "PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", other)
		}
		if got := w.labels("s"); got != before {
			t.Errorf("the labels have moved from %s to %s", before, got)
		}
		got := w.ok("GetSecretValue", "SecretName", "s", "VersionId", "v2")
		if got.str("SecretDataType") != "text" || got.str("SecretData") != "two" {
			t.Errorf("the version is %v, want it unchanged", got)
		}
		if got := w.ok("DescribeSecret", "SecretName", "s").str("UpdateTime"); got != date(start) {
			t.Errorf("UpdateTime has moved to %s", got)
		}
	}
}

// A model is the rules of versions and labels once more, the plain way.
type model struct {
	versions []modelVersion // by age
	labels   map[string]string
}

type modelVersion struct {
	id, value string
	age       int
}

func (m *model) index(id string) int {
	return slices.IndexFunc(m.versions, func(v modelVersion) bool { return v.id == id })
}

func (m *model) clone() *model {
	return &model{slices.Clone(m.versions), maps.Clone(m.labels)}
}

// setCurrent is the rule about ACSPrevious.
func (m *model) setCurrent(id string) {
	if was, ok := m.labels["ACSCurrent"]; ok && was != id {
		m.labels["ACSPrevious"] = was
	}
	m.labels["ACSCurrent"] = id
}

func (m *model) put(id, value string, labels []string, age int) (*model, error) {
	if i := m.index(id); i >= 0 {
		if m.versions[i].value != value {
			return m, call.ErrSecretVersionExists
		}
		return m, nil
	}
	n := m.clone()
	n.versions = append(n.versions, modelVersion{id, value, age})
	makeCurrent := len(labels) == 0
	for _, l := range labels {
		if l == "ACSCurrent" {
			makeCurrent = true
		} else {
			n.labels[l] = id
		}
	}
	if makeCurrent {
		n.setCurrent(id)
	}
	if len(n.labels) > 8 {
		return m, call.ErrSecretLimits
	}
	if len(n.versions) > 10 {
		pinned := slices.Collect(maps.Values(n.labels))
		slices.SortStableFunc(n.versions, func(a, b modelVersion) int { return a.age - b.age })
		oldest := slices.IndexFunc(n.versions, func(v modelVersion) bool { return !slices.Contains(pinned, v.id) })
		n.versions = slices.Delete(n.versions, oldest, oldest+1)
	}
	return n, nil
}

func (m *model) stage(label, move, from string) (*model, error) {
	builtIn := label == "ACSCurrent" || label == "ACSPrevious"
	if move == "" && (from == "" || builtIn) {
		return m, call.Invalid("MoveToVersion")
	}
	for _, id := range []string{move, from} {
		if id != "" && m.index(id) < 0 {
			return m, call.ErrSecretNotFound
		}
	}
	if from != "" && (m.labels[label] != from || move == from) {
		return m, call.ErrStageMismatch
	}
	n := m.clone()
	switch {
	case move == "":
		delete(n.labels, label)
	case label == "ACSCurrent":
		n.setCurrent(move)
	default:
		n.labels[label] = move
	}
	if len(n.labels) > 8 {
		return m, call.ErrSecretLimits
	}
	return n, nil
}

// String is what world.labels tells.
func (m *model) String() string {
	versions := slices.Clone(m.versions)
	slices.SortStableFunc(versions, func(a, b modelVersion) int { return a.age - b.age })
	var out []string
	for _, v := range versions {
		var labels []string
		for _, own := range []string{"ACSCurrent", "ACSPrevious"} {
			if m.labels[own] == v.id {
				labels = append(labels, own)
			}
		}
		for _, l := range slices.Sorted(maps.Keys(m.labels)) {
			if l != "ACSCurrent" && l != "ACSPrevious" && m.labels[l] == v.id {
				labels = append(labels, l)
			}
		}
		out = append(out, fmt.Sprintf("%s[%s]", v.id, strings.Join(labels, " ")))
	}
	return strings.Join(out, " ")
}

// Random calls lead to what the model says, refusals included; what is always true is checked after each.
func TestLabelsAgreeWithAModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	ids := []string{"", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"}
	labels := []string{"ACSCurrent", "ACSCurrent", "ACSPrevious", "ACSNext", "A", "B", "C", "D", "E", "F", "G"}
	for range 20 {
		w := newWorld(t, secrets.Options{})
		var under []string
		if rnd.IntN(2) == 0 {
			under = []string{"EncryptionKeyId", w.key()}
		}
		w.secret("s", "of v1", under...)
		m, age := &model{[]modelVersion{{"v1", "of v1", 0}}, map[string]string{"ACSCurrent": "v1"}}, 0
		for step := range 150 {
			if rnd.IntN(3) == 0 {
				age++
				w.advance(time.Second)
			}
			var err, want error
			var next *model
			var said string
			if rnd.IntN(2) == 0 {
				id, value := "v"+ids[1+rnd.IntN(len(ids)-1)], "of "
				if value += id; rnd.IntN(5) == 0 {
					value = "other"
				}
				var some []string
				for _, i := range rnd.Perm(len(labels))[:rnd.IntN(4)] {
					if !slices.Contains(some, labels[i]) {
						some = append(some, labels[i])
					}
				}
				params := []string{"SecretName", "s", "VersionId", id, "SecretData", value}
				if len(some) > 0 {
					list, _ := json.Marshal(some)
					params = append(params, "VersionStages", string(list))
				}
				said = fmt.Sprint("PutSecretValue", params)
				next, want = m.put(id, value, some, age)
				_, err = w.call("PutSecretValue", params...)
			} else {
				version := func() string {
					id := ids[rnd.IntN(len(ids))]
					if id == "" {
						return ""
					}
					return "v" + id
				}
				label, move, from := labels[rnd.IntN(len(labels))], version(), version()
				if rnd.IntN(2) == 0 {
					from = m.labels[label]
				}
				if rnd.IntN(3) == 0 {
					move = ""
				}
				said = fmt.Sprintf("UpdateSecretVersionStage(%s, to %s, from %s)", label, move, from)
				next, want = m.stage(label, move, from)
				_, err = w.call("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", label, "MoveToVersion", move, "RemoveFromVersion", from)
			}
			if fmt.Sprint(err) != fmt.Sprint(want) {
				t.Fatalf("step %d: %s = %v, want %v\nfrom %v", step, said, err, want, m)
			}
			if got := w.labels("s"); got != next.String() {
				t.Fatalf("step %d: %s led from\n%v to\n%s, want\n%v", step, said, m, got, next)
			}
			m = next
			if step%10 > 0 {
				continue
			}
			for _, v := range m.versions {
				if got := w.value("s", "VersionId", v.id); got != v.value {
					t.Fatalf("step %d: the value of %s is %q, want %q", step, v.id, got, v.value)
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

// What GetSecretValue selects.
func TestGetSecretValueSelects(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "1")
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", "2")
	w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "A", "MoveToVersion", "v1")
	for _, tt := range []struct {
		name, id, stage, want string // "" for not found
	}{
		{"neither", "", "", "2"},
		{"ACSPrevious", "", "ACSPrevious", "1"},
		{"custom label", "", "A", "1"},
		{"no such label", "", "B", ""},
		{"labels are case-sensitive", "", "a", ""},
		{"id", "v1", "", "1"},
		{"no such id", "v3", "", ""},
		{"id and its label", "v1", "A", "1"},
		{"id and a label elsewhere", "v2", "A", ""},
		{"id and no such label", "v1", "B", ""},
		{"no such id and a label", "v3", "A", ""},
	} {
		params := []string{"SecretName", "s", "VersionId", tt.id, "VersionStage", tt.stage}
		if tt.want == "" {
			w.refused(call.ErrSecretValueNotFound, "GetSecretValue", params...)
			continue
		}
		if got := w.value(params[1], params[2:]...); got != tt.want {
			t.Errorf("%s: the value is %q, want %q", tt.name, got, tt.want)
		}
	}
	w.refused(call.ErrSecretValueNotFound, "GetSecretValue", "SecretName", "none")
	w.refused(call.Invalid("VersionStage"), "GetSecretValue", "SecretName", "s", "VersionStage", "a b")
	w.refused(call.Invalid("VersionId"), "GetSecretValue", "SecretName", "s", "VersionId", strings.Repeat("v", 65))
}

func TestListSecretVersionIds(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	w.secret("s", "1")
	for n := 2; n <= 6; n++ {
		w.advance(time.Second)
		w.ok("PutSecretValue", "SecretName", "s", "VersionId", fmt.Sprintf("v%d", n), "SecretData", "x")
	}
	for _, tt := range []struct {
		name   string
		params []string
		total  float64
		want   string
	}{
		{"labelled ones", nil, 2, "v5 v6"},
		{"all", []string{"IncludeDeprecated", "true"}, 6, "v1 v2 v3 v4 v5 v6"},
		{"first page", []string{"IncludeDeprecated", "true", "PageSize", "4"}, 6, "v1 v2 v3 v4"},
		{"second page", []string{"IncludeDeprecated", "true", "PageSize", "4", "PageNumber", "2"}, 6, "v5 v6"},
		{"beyond the end", []string{"PageNumber", "2"}, 2, ""},
	} {
		d := w.ok("ListSecretVersionIds", append([]string{"SecretName", "s"}, tt.params...)...)
		var ids []string
		for i := range d.at("VersionIds", "VersionId").([]any) {
			ids = append(ids, d.str("VersionIds", "VersionId", i, "VersionId"))
		}
		if got := strings.Join(ids, " "); got != tt.want || d.at("TotalCount") != tt.total {
			t.Errorf("%s: %s of %v, want %s of %v", tt.name, got, d.at("TotalCount"), tt.want, tt.total)
		}
	}
	for _, bad := range [][]string{{"PageNumber", "0"}, {"PageSize", "0"}, {"PageSize", "101"}, {"PageSize", "x"}, {"IncludeDeprecated", "1"}} {
		w.refused(call.Invalid(bad[0]), "ListSecretVersionIds", "SecretName", "s", bad[0], bad[1])
	}
	if _, err := w.call("ListSecretVersionIds"); !errors.Is(err, call.Missing("SecretName")) {
		t.Errorf("ListSecretVersionIds = %v", err)
	}
}
