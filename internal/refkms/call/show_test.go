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

// showParams returns what the trail shows of the parameters of a call, whatever text the notes do not repeat.
func showParams(t *testing.T, op *call.Operation, c *call.Call) string {
	t.Helper()
	var shown string
	for i, same := range []string{"", "a", "k", "-7", "Id.1"} {
		notes := append(op.NoteParams([]byte("before"), c, same), "rest"...)
		doc, rest := op.AppendParams([]byte("before"), notes[len("before"):], same)
		if string(rest) != "rest" || string(doc[:6]) != "before" || i > 0 && string(doc[6:]) != shown {
			t.Errorf("without repeating %q the parameters are %.300q and %.300q is left, want %.300s", same, doc, rest, shown)
		}
		shown = string(doc[6:])
	}
	return shown
}

func TestShowParams(t *testing.T) {
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
		got := showParams(t, op, tt.c)
		if tt.name == "what is not UTF-8" {
			got = strings.ReplaceAll(got, `\ufffd`, "�")
		}
		if got != tt.want || !json.Valid([]byte(got)) {
			t.Errorf("%s: the parameters are %.300s, want %.300s", tt.name, got, tt.want)
		}
	}
}

func TestShowAnswer(t *testing.T) {
	show := func(op *call.Operation, answer any, same string) string {
		notes := op.NoteAnswer(nil, new(call.Call), answer, same)
		if strings.Contains(string(notes), "secret") {
			t.Errorf("a secret is noted: %q", notes)
		}
		return string(op.AppendAnswer(nil, notes, same))
	}
	a := &shownAnswer{Name: "<a>\n", Renamed: 2, Full: "f", Secret: call.Text("secret"), Hidden: "secret", Long: "l", Never: "n", private: "p",
		Nested: nested{Inside: []map[string]call.Text{{"a": call.Text("secret")}}}}
	a.Plain.A = "x"
	want := `{"Name":"\u003ca\u003e\n","renamed":2,"full":"f","Secret":"***","Nested":"***","Hidden":"***","Plain":{"A":"x","B":""}}`
	for _, same := range []string{"", "<a>\n", "f", "2", "x"} {
		if got := show(shownOperation(), a, same); got != want {
			t.Errorf("without repeating %q the answer is %s, want %s", same, got, want)
		}
	}
	empty := call.Define("Op", func(*call.Call, *shownRequest) (*call.Answer, error) { return nil, nil }, call.Row[shownRequest]{})
	if got := show(empty, new(call.Answer), ""); got != `{}` {
		t.Errorf("an answer of nothing is %s", got)
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
