package call_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

type lists struct {
	IDs  []string                    `param:"Id,required,max=3"`
	Tags []struct{ Key, Val string } `param:"Tag,max=2"`
}

func TestLists(t *testing.T) {
	for _, tt := range []struct {
		name  string
		texts []string // names and values in turn
		want  string   // of the request, or of the error
	}{
		{"one item", []string{"Id.1", "a"}, "{[a] []}"},
		{"as many as may be", []string{"Id.1", "a", "Id.2", "b", "Id.3", "a"}, "{[a b a] []}"},
		{"numbers left out", []string{"Id.3", "c", "Id.1", "a"}, "{[a c] []}"},
		{"items with fields", []string{"Id.1", "a", "Tag.1.Key", "k", "Tag.1.Val", "v", "Tag.2.Val", "w"}, "{[a] [{k v} { w}]}"},
		{"an empty item is absent", []string{"Id.1", "", "Id.2", "b", "Tag.1.Key", "", "Tag.1.Val", ""}, "{[b] []}"},
		{"none", nil, call.Missing("Id").Error()},
		{"only empty ones", []string{"Id.1", "", "Id.2", ""}, call.Missing("Id").Error()},
		{"under the bare name", []string{"Id", "a"}, call.Missing("Id").Error()},
		{"number zero", []string{"Id.0", "a"}, call.Missing("Id").Error()},
		{"one too many", []string{"Id.1", "a", "Id.4", "d"}, call.Invalid("Id").Error()},
		{"only one beyond", []string{"Id.4", "d"}, call.Invalid("Id").Error()},
		{"one too many with fields", []string{"Id.1", "a", "Tag.3.Key", "k"}, call.Invalid("Tag").Error()},
		{"not UTF-8", []string{"Id.1", "\xff"}, call.Invalid("Id").Error()},
		{"a field not UTF-8", []string{"Id.1", "a", "Tag.1.Val", "\xff"}, call.Invalid("Tag").Error()},
		{"missing before invalid", []string{"Tag.3.Key", "k"}, call.Missing("Id").Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			texts := map[string]string{}
			for i := 0; i < len(tt.texts); i += 2 {
				texts[tt.texts[i]] = tt.texts[i+1]
			}
			var kept lists
			op, c := define(&kept), &call.Call{}
			got := ""
			if err := op.Decode(c, texts); err != nil {
				got = err.Error()
			} else {
				got = fmt.Sprint(*c.Request.(*lists))
			}
			if got != tt.want {
				t.Errorf("Decode(%v) = %s, want %s", texts, got, tt.want)
			}
		})
	}
}

func TestTypedLists(t *testing.T) {
	var kept lists
	op := define(&kept)
	for _, tt := range []struct {
		name string
		req  lists
		want error
	}{
		{"valid", lists{IDs: []string{"a", "b", "c"}}, nil},
		{"none", lists{IDs: []string{}}, call.Missing("Id")},
		{"too many", lists{IDs: []string{"a", "b", "c", "d"}}, call.Invalid("Id")},
		{"not UTF-8", lists{IDs: []string{"\xff"}}, call.Invalid("Id")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := op.Accept(&call.Call{}, &tt.req)
			if !(err == nil && tt.want == nil) && !reflect.DeepEqual(err, tt.want) {
				t.Errorf("Accept = %v, want %v", err, tt.want)
			}
		})
	}
}

// The trail shows a list as it was sent, or as a typed one would have been.
func TestListsAreShown(t *testing.T) {
	var kept lists
	op := define(&kept)
	const want = `{"Id.1":"a","Id.2":"b","Tag.1.Key":"k","Tag.1.Val":"v","Tag.2.Key":"l"}`
	texts := map[string]string{"Id.1": "a", "Id.2": "b", "Tag.1.Key": "k", "Tag.1.Val": "v", "Tag.2.Key": "l", "Id.9": "unseen"}
	if got := showParams(t, op, &call.Call{Texts: texts}); got != want {
		t.Errorf("texts are shown as %s, want %s", got, want)
	}
	typed := &lists{IDs: []string{"a", "b"}, Tags: []struct{ Key, Val string }{{"k", "v"}, {"l", ""}}}
	if got := showParams(t, op, &call.Call{Request: typed}); got != want {
		t.Errorf("typed items are shown as %s, want %s", got, want)
	}
}

func TestNoItemsOfAList(t *testing.T) {
	for name, define := range map[string]func(){
		"a number": func() {
			define(new(struct {
				X []int `param:"X"`
			}))
		},
		"a field with a number": func() {
			define(new(struct {
				X []struct{ N int } `param:"X"`
			}))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a list of items with %s was accepted", name)
				}
			}()
			define()
		}()
	}
}
