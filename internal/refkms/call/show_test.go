package call_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

type shownRequest struct {
	Name   string    `param:"Name"`
	Text   *string   `param:"Text"`
	Secret call.Text `param:"Secret"`
	Hidden string    `param:"Hidden"`
	Long   string    `param:"Long"`
	N      int       `param:"N"`
	Flag   bool      `param:"Flag,required"`
	Maybe  bool      `param:"Maybe"`
	Pairs  pairs     `param:"Pairs"`
	Listed listed    `param:"Listed"`
	Word   word      `param:"Word"`
}

// pairs is shown as its JSON, listed as it says, word as itself.
type pairs map[string]int

func (*pairs) SetParam(string) error { return nil }
func (*pairs) CheckParam() error     { return nil }

type listed []string

func (*listed) SetParam(string) error { return nil }
func (*listed) CheckParam() error     { return nil }
func (l *listed) ParamText() string   { return strings.Join(*l, "+") }

type word string

func (*word) SetParam(string) error { return nil }
func (*word) CheckParam() error     { return nil }

type nested struct {
	Inside []map[string]call.Text
	Self   *nested
}

type shownAnswer struct {
	Name    string
	Renamed int    `json:"renamed"`
	Empty   string `json:",omitempty"`
	Full    string `json:"full,omitempty"`
	Secret  call.Text
	Nested  nested
	Hidden  string
	Long    string
	Never   string `json:"-"`
	Plain   struct{ A, B string }
	private string
	call.Answer
}

func shownOperation() *call.Operation {
	return call.Define("Op", func(*call.Call, *shownRequest) (*shownAnswer, error) { return nil, nil },
		call.Row[shownRequest]{Hide: []string{"Hidden"}, Drop: []string{"Long"}})
}

func TestAppendParams(t *testing.T) {
	op := shownOperation()
	text := ""
	for _, tt := range []struct {
		name string
		c    *call.Call
		want string
	}{
		{"texts", &call.Call{Texts: map[string]string{"Name": `a"b`, "Text": "", "Secret": "s", "Hidden": "h", "Long": "l", "N": "x", "Undeclared": "u", "RegionId": "r"}},
			`{"Name":"a\"b","Text":"","Secret":"***","Hidden":"***","N":"x","RegionId":"r"}`},
		{"no texts", &call.Call{Texts: map[string]string{}}, `{}`},
		{"nothing at all", &call.Call{}, `{}`},
		{"types", &call.Call{Request: &shownRequest{Name: "a", Text: &text, Secret: call.Text("s"), Hidden: "h", Long: "l", N: -7, Pairs: pairs{"b": 2, "a": 1},
			Listed: listed{"x", "y"}, Word: "w"}},
			`{"Name":"a","Text":"","Secret":"***","Hidden":"***","N":"-7","Flag":"false","Pairs":"{\"a\":1,\"b\":2}","Listed":"x+y","Word":"w"}`},
		{"other types", &call.Call{Request: &shownRequest{Flag: true, Maybe: true}}, `{"Flag":"true","Maybe":"true"}`},
		{"what is not UTF-8", &call.Call{Texts: map[string]string{"Name": "a\xffb"}}, `{"Name":"a` + "�" + `b"}`},
		{"what is long", &call.Call{Texts: map[string]string{"Name": strings.Repeat("x", 32769)}}, `{"Name":"` + strings.Repeat("x", 32768) + `…"}`},
	} {
		got := string(op.AppendParams([]byte("before"), tt.c))
		if tt.name == "what is not UTF-8" {
			got = strings.ReplaceAll(got, `\ufffd`, "�")
		}
		if got != "before"+tt.want || !json.Valid([]byte(got[6:])) {
			t.Errorf("%s: AppendParams = %.300s, want %.300s", tt.name, got, tt.want)
		}
	}
}

func TestAppendAnswer(t *testing.T) {
	a := &shownAnswer{Name: "<a>\n", Renamed: 2, Full: "f", Secret: call.Text("s"), Hidden: "h", Long: "l", Never: "n", private: "p",
		Nested: nested{Inside: []map[string]call.Text{{"a": call.Text("s")}}}}
	a.Plain.A = "x"
	got := string(shownOperation().AppendAnswer(nil, a))
	want := `{"Name":"\u003ca\u003e\n","renamed":2,"full":"f","Secret":"***","Nested":"***","Hidden":"***","Plain":{"A":"x","B":""}}`
	if got != want {
		t.Errorf("AppendAnswer = %s, want %s", got, want)
	}
	empty := call.Define("Op", func(*call.Call, *shownRequest) (*call.Answer, error) { return nil, nil }, call.Row[shownRequest]{})
	if got := string(empty.AppendAnswer(nil, new(call.Answer))); got != `{}` {
		t.Errorf("AppendAnswer of nothing = %s", got)
	}
}

// Every byte at every place of a text that is read in words and of its rest, alone and with neighbours that borrow.
func TestAppendJSON(t *testing.T) {
	for c := range 256 {
		for at := range 19 {
			text := []byte(" !abcdefghijklmnopqrstuvwxyz~")[:19]
			text[at] = byte(c)
			got := call.AppendJSON([]byte("before"), string(text))
			var back string
			if err := json.Unmarshal(got[len("before"):], &back); err != nil || back != strings.ToValidUTF8(string(text), "\ufffd") {
				t.Fatalf("AppendJSON with %#x at %d = %q, %v", c, at, got, err)
			}
			if plain := c >= ' ' && c < 0x80 && c != '"' && c != '\\'; plain && string(got) != `before"`+string(text)+`"` {
				t.Fatalf("AppendJSON with %#x at %d = %q, want the text as it is", c, at, got)
			}
		}
	}
}
