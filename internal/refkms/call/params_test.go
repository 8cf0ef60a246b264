package call_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// even is a Param: an even number of characters.
type even string

var errOdd = errors.New("odd")

func (e *even) SetParam(text string) error {
	*e = even(text)
	return e.CheckParam()
}

func (e *even) CheckParam() error {
	if len(*e)%2 != 0 {
		return errOdd
	}
	return nil
}

type request struct {
	First  string    `param:"First,required,max=3"`
	Second call.Text `param:"Second,required,max=4"`
	Note   *string   `param:"Note,required,max=3"`
	Count  int       `param:"Count,min=1,max=10,default=5"`
	Zero   int       `param:"Zero,max=10,default=7"`
	Signed int       `param:"Signed,min=-2"`
	On     bool      `param:"On"`
	Every  even      `param:"Every,if=On"`
	Even   even      `param:"Even"`
	Key    string    `param:"Key,key"`
	Other  int       // no parameter
}

type answer struct{ call.Answer }

// define makes an operation of a request type whose handler keeps the request.
func define[Req any](kept *Req) *call.Operation {
	return call.Define("Op", func(_ *call.Call, req *Req) (*answer, error) {
		*kept = *req
		return &answer{}, nil
	}, call.Row[Req]{})
}

func valid() map[string]string { return map[string]string{"First": "abc", "Second": "x", "Note": ""} }

func TestDecode(t *testing.T) {
	with := func(pairs ...string) map[string]string {
		m := valid()
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	without := func(name string) map[string]string {
		m := valid()
		delete(m, name)
		return m
	}
	for _, tt := range []struct {
		name  string
		texts map[string]string
		want  error // nil: accepted
	}{
		{"the least", valid(), nil},
		{"unknown names are ignored", with("RegionId", "x", "first", "y"), nil},
		{"nothing at all: the first is told", nil, call.Missing("First")},
		{"required and empty", with("First", ""), call.Missing("First")},
		{"second absent", without("Second"), call.Missing("Second")},
		{"an optional text may be empty, not absent", without("Note"), call.Missing("Note")},
		{"missing is told before invalid", with("First", "long", "Second", ""), call.Missing("Second")},
		{"the first invalid one is told", with("First", "long", "Second", "longer"), call.Invalid("First")},
		{"characters are counted, not bytes", with("First", "张三丰"), nil},
		{"one character too many", with("First", "张三丰!"), call.Invalid("First")},
		{"bytes of a text are counted", with("Second", "张"), nil},
		{"one byte too many", with("Second", "张三"), call.Invalid("Second")},
		{"string not UTF-8", with("First", "\xff"), call.Invalid("First")},
		{"text not UTF-8", with("Second", "\xc3"), call.Invalid("Second")},
		{"optional string not UTF-8", with("Note", "\xff"), call.Invalid("Note")},
		{"optional string too long", with("Note", "abcd"), call.Invalid("Note")},
		{"int in range", with("Count", "10"), nil},
		{"int above", with("Count", "11"), call.Invalid("Count")},
		{"int below", with("Count", "0"), call.Invalid("Count")},
		{"int not decimal", with("Count", "0x5"), call.Invalid("Count")},
		{"int with a fraction", with("Count", "5.0"), call.Invalid("Count")},
		{"int too large for a machine", with("Count", "99999999999999999999"), call.Invalid("Count")},
		{"negative", with("Count", "-1"), call.Invalid("Count")},
		{"negative where allowed", with("Signed", "-2"), nil},
		{"below a negative limit", with("Signed", "-3"), call.Invalid("Signed")},
		{"boolean in any case", with("On", "FALSE"), nil},
		{"boolean of another kind", with("On", "1"), call.Invalid("On")},
		{"conditional absent", with("On", "True"), call.Missing("Every")},
		{"conditional invalid", with("On", "true", "Every", "odd"), call.Invalid("Every")},
		{"conditional not looked at", with("On", "false", "Every", "odd"), nil},
		{"own syntax", with("Even", "odd"), call.Invalid("Even")},
		{"own syntax, valid", with("Even", "even"), nil},
		{"a malformed key is nobody's parameter error", with("Key", "\xff"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var kept request
			c := &call.Call{}
			err := define(&kept).Decode(c, tt.texts)
			if tt.want == nil {
				if err != nil {
					t.Fatalf("Decode(%v) = %v", tt.texts, err)
				}
				return
			}
			if !reflect.DeepEqual(err, tt.want) {
				t.Fatalf("Decode(%v) = %v, want %v", tt.texts, err, tt.want)
			}
			if c.Request != nil {
				t.Errorf("a request that is not valid was set: %+v", c.Request)
			}
		})
	}
}

func TestDecodeSets(t *testing.T) {
	var kept request
	op := define(&kept)
	c := &call.Call{RequestID: "r"}
	if err := op.Decode(c, map[string]string{"First": "a", "Second": "b", "Note": "", "Zero": "0", "On": "TRUE", "Every": "1234", "Key": "k"}); err != nil {
		t.Fatal(err)
	}
	got, err := op.Handle(c)
	if err != nil {
		t.Fatal(err)
	}
	empty := ""
	want := request{First: "a", Second: call.Text("b"), Note: &empty, Count: 5, Zero: 0, On: true, Every: "1234", Key: "k"}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("the handler got %+v, want %+v", kept, want)
	}
	if id := got.(*answer).RequestID; id != "r" {
		t.Errorf("the answer has request id %q, want r", id)
	}
}

// A typed request passes the checks that texts pass.
func TestAccept(t *testing.T) {
	note, long := "", "abcd"
	good := request{First: "abc", Second: call.Text("x"), Note: &note}
	for _, tt := range []struct {
		name   string
		change func(*request)
		want   error
	}{
		{"the least", func(r *request) {}, nil},
		{"first absent", func(r *request) { r.First = "" }, call.Missing("First")},
		{"second empty", func(r *request) { r.Second = call.Text{} }, call.Missing("Second")},
		{"optional absent", func(r *request) { r.Note = nil }, call.Missing("Note")},
		{"missing before invalid", func(r *request) { r.First, r.Second = "long", nil }, call.Missing("Second")},
		{"string too long", func(r *request) { r.First = "long" }, call.Invalid("First")},
		{"text too long", func(r *request) { r.Second = call.Text("12345") }, call.Invalid("Second")},
		{"optional too long", func(r *request) { r.Note = &long }, call.Invalid("Note")},
		{"int out of range", func(r *request) { r.Count = 11 }, call.Invalid("Count")},
		{"conditional absent", func(r *request) { r.On = true }, call.Missing("Every")},
		{"conditional invalid", func(r *request) { r.On, r.Every = true, "odd" }, call.Invalid("Every")},
		{"conditional not looked at", func(r *request) { r.Every = "odd" }, nil},
		{"own syntax", func(r *request) { r.Even = "odd" }, call.Invalid("Even")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var kept request
			r := good
			tt.change(&r)
			c := &call.Call{}
			err := define(&kept).Accept(c, &r)
			if tt.want == nil {
				if err != nil || r.Count != 5 || r.Zero != 7 {
					t.Fatalf("Accept = %v, request %+v, want the defaults 5 and 7", err, r)
				}
				return
			}
			if !reflect.DeepEqual(err, tt.want) {
				t.Errorf("Accept = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestDefinePanicsOnMistakes(t *testing.T) {
	for name, define := range map[string]func(){
		"type": func() {
			define(&struct {
				A float64 `param:"A"`
			}{})
		},
		"option": func() {
			define(&struct {
				A string `param:"A,requird"`
			}{})
		},
		"number": func() {
			define(&struct {
				A int `param:"A,max=x"`
			}{})
		},
		"condition": func() {
			define(&struct {
				A string `param:"A,if=B"`
			}{})
		},
		"relation": func() {
			define(&struct {
				A string `param:"A,with=B"`
			}{})
		},
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "call: ") {
					t.Errorf("Define with a mistaken %s: recover() = %v, want a panic of package call", name, r)
				}
			}()
			define()
		}()
	}
}

// related has two parameters of which one is needed, and three that are there together or not at all.
type related struct {
	A string `param:"A,or=B"`
	B string `param:"B"`
	X string `param:"X,with=Y|Z"`
	Y even   `param:"Y,with=X|Z"`
	Z string `param:"Z,with=X|Y"`
}

func TestRelations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		given string // a letter for each parameter that is there
		want  error
	}{
		{"one of two", "A", nil},
		{"the other", "B", nil},
		{"both", "AB", nil},
		{"neither: the first is told", "XYZ", call.Missing("A")},
		{"three together", "AXYZ", nil},
		{"one of three: the first that lacks is told", "AX", call.Missing("Y")},
		{"the last of three", "AZ", call.Missing("X")},
		{"two of three", "AXY", call.Missing("Z")},
		{"in order of all parameters", "Z", call.Missing("A")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			texts := map[string]string{}
			var req related
			for _, letter := range tt.given {
				texts[string(letter)] = "xx"
				reflect.ValueOf(&req).Elem().FieldByName(string(letter)).SetString("xx")
			}
			var kept related
			op := define(&kept)
			is := func(err error) bool { return err == nil && tt.want == nil || reflect.DeepEqual(err, tt.want) }
			if err := op.Decode(&call.Call{}, texts); !is(err) {
				t.Errorf("Decode(%v) = %v, want %v", texts, err, tt.want)
			}
			if err := op.Accept(&call.Call{}, &req); !is(err) {
				t.Errorf("Accept(%+v) = %v, want %v", req, err, tt.want)
			}
		})
	}
	var kept related
	if err := define(&kept).Decode(&call.Call{}, map[string]string{"Y": "odd", "A": "a"}); !reflect.DeepEqual(err, call.Missing("X")) {
		t.Errorf("Decode = %v, want what is missing before what is not valid", err)
	}
}

func TestParseInterval(t *testing.T) {
	for text, want := range map[string]int64{
		"1s": 1, "2m": 120, "3h": 10800, "7d": 604800, "0s": 0, "604800s": 604800, "4294967295d": 4294967295 * 86400,
		"": -1, "s": -1, "7": -1, "7w": -1, "-7d": -1, "7.5d": -1, "7 d": -1, "0x7d": -1, "4294967296s": -1, "D7": -1, "7D": -1,
	} {
		got, err := call.ParseInterval(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("ParseInterval(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestPage(t *testing.T) {
	for _, tt := range []struct {
		number, size int
		want         string
	}{{1, 3, "123"}, {2, 3, "456"}, {3, 3, "7"}, {4, 3, ""}, {1, 0, ""}, {1, 100, "1234567"}, {math.MaxInt, 100, ""}} {
		page, got := call.Page{Number: tt.number, Size: tt.size}, ""
		for i := range 7 {
			if page.Take() {
				got += fmt.Sprint(i + 1)
			}
		}
		if got != tt.want || page.Total != 7 {
			t.Errorf("page %d of size %d has %s of %d, want %s of 7", tt.number, tt.size, got, page.Total, tt.want)
		}
	}
}
