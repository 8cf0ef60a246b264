package material_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func TestContextFromJSON(t *testing.T) {
	long := func(characters int) string { return `{"a":"` + strings.Repeat("张", characters-8) + `"}` }
	for _, tt := range []struct {
		name, text string
		want       material.Context
		bad        bool
	}{
		{name: "one pair", text: `{"Owner":"张三"}`, want: material.Context{"Owner": "张三"}},
		{name: "order and white space do not matter", text: " {\n\t\"b\" : \"2\" , \"a\":\"1\"\r\n} ", want: material.Context{"a": "1", "b": "2"}},
		{name: "escapes do not matter", text: `{"\u0061":"\n\/\\\""}`, want: material.Context{"a": "\n/\\\""}},
		{name: "empty key and value", text: `{"":""}`, want: material.Context{"": ""}},
		{name: "the last of a repeated key counts", text: `{"a":"1","b":"2","a":"3"}`, want: material.Context{"a": "3", "b": "2"}},
		{name: "repeated by an escape", text: `{"a":"1","\u0061":"3"}`, want: material.Context{"a": "3"}},
		{name: "a pair of surrogates", text: `{"a":"\ud83d\ude00\uD83D\uDE00"}`, want: material.Context{"a": "😀😀"}},
		{name: "an escaped backslash before u", text: `{"a":"\\ud800"}`, want: material.Context{"a": `\ud800`}},
		{name: "U+FFFD is a character", text: `{"a":"\ufffd�"}`, want: material.Context{"a": "��"}},
		{name: "no pairs", text: `{}`},
		{name: "null", text: ` null `},
		{name: "8192 characters", text: long(8192), want: material.Context{"a": strings.Repeat("张", 8184)}},
		{name: "8193 characters", text: long(8193), bad: true},
		{name: "8193 with white space", text: long(8192) + " ", bad: true},
		{name: "a megabyte", text: strings.Repeat(" ", 1<<20), bad: true},
		{name: "array", text: `["a","b"]`, bad: true},
		{name: "string", text: `"a"`, bad: true},
		{name: "number", text: `1`, bad: true},
		{name: "true", text: `true`, bad: true},
		{name: "number as value", text: `{"a":1}`, bad: true},
		{name: "array as value", text: `{"a":["b"]}`, bad: true},
		{name: "object as value", text: `{"a":{"b":"c"}}`, bad: true},
		{name: "null as value", text: `{"a":null}`, bad: true},
		{name: "bool as value", text: `{"a":true}`, bad: true},
		{name: "a bad value under a repeated key", text: `{"a":1,"a":"b"}`, bad: true},
		{name: "white space alone", text: ` `, bad: true},
		{name: "text after the object", text: `{"a":"b"} {}`, bad: true},
		{name: "comma after the last pair", text: `{"a":"b",}`, bad: true},
		{name: "cut short", text: `{"a":"b"`, bad: true},
		{name: "single quotes", text: `{'a':'b'}`, bad: true},
		{name: "control character", text: "{\"a\":\"\n\"}", bad: true},
		{name: "not UTF-8", text: "{\"a\":\"\xff\"}", bad: true},
		{name: "first surrogate alone", text: `{"a":"\ud800"}`, bad: true},
		{name: "first surrogate before a letter", text: `{"a":"\uD9FFabcdefg"}`, bad: true},
		{name: "first surrogate before another escape", text: `{"a":"\udbff\n00000"}`, bad: true},
		{name: "first surrogate twice", text: `{"a":"\ud800\ud800"}`, bad: true},
		{name: "first surrogate at the end of a key", text: `{"\ud800":"\ude00"}`, bad: true},
		{name: "second surrogate alone", text: `{"a":"\udc00"}`, bad: true},
		{name: "second surrogate alone, in capitals", text: `{"a":"\uDFFF"}`, bad: true},
		{name: "second surrogate first", text: `{"a":"\ude00\ud83d"}`, bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := material.Context{"left": "over"}
			err := c.SetParam(tt.text)
			if (err != nil) != tt.bad {
				t.Fatalf("SetParam(%.60q) = %v, want refused: %v", tt.text, err, tt.bad)
			}
			if !maps.Equal(c, tt.want) {
				t.Errorf("SetParam(%.60q) set %v, want %v", tt.text, c, tt.want)
			}
			if err := c.CheckParam(); err != nil {
				t.Errorf("CheckParam refuses what SetParam made: %v", err)
			}
		})
	}
}

func TestContextFromMap(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    material.Context
		bad  bool
	}{
		{name: "none"},
		{name: "empty", c: material.Context{}},
		{name: "pairs", c: material.Context{"a": "1", "": ""}},
		{name: "8192 characters", c: material.Context{"a": strings.Repeat("张", 8184)}},
		{name: "8193 characters", c: material.Context{"a": strings.Repeat("张", 8185)}, bad: true},
		{name: "8192 characters in two pairs", c: material.Context{"a": strings.Repeat("x", 8000), "b": strings.Repeat("x", 8192-8-7-8000)}},
		{name: "8193 characters in two pairs", c: material.Context{"a": strings.Repeat("x", 8000), "b": strings.Repeat("x", 8193-8-7-8000)}, bad: true},
		{name: "escapes of two characters", c: material.Context{"a": strings.Repeat("\n", 4092)}},
		{name: "escapes of two characters, one too many", c: material.Context{"a": strings.Repeat(`"`, 4093)}, bad: true},
		{name: "escapes of six characters", c: material.Context{"a": strings.Repeat("\x01", 1364)}},
		{name: "escapes of six characters, one too many", c: material.Context{"a": strings.Repeat("\x1f", 1365)}, bad: true},
		{name: "a megabyte", c: material.Context{"a": strings.Repeat("x", 1<<20)}, bad: true},
		{name: "value not UTF-8", c: material.Context{"a": "\xff"}, bad: true},
		{name: "key not UTF-8", c: material.Context{"\xed\xa0\x80": "a"}, bad: true}, // an encoded surrogate
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.c.CheckParam(); (err != nil) != tt.bad {
				t.Errorf("CheckParam = %v, want refused: %v", err, tt.bad)
			}
		})
	}
}
