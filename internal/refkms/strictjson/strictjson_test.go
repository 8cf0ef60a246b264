package strictjson_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/strictjson"
)

type document struct {
	Keys   []string
	Policy json.RawMessage
	Tags   map[string]string
	Inner  *document
	Number int8
}

func TestUnmarshal(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     document
	}{
		{"empty", `{}`, document{}},
		{"white space", " \n{}\n ", document{}},
		{"any case", `{"KEYS":["a"],"inner":{"keys":[]}}`, document{Keys: []string{"a"}, Inner: &document{Keys: []string{}}}},
		{"null", `{"Keys":null}`, document{}},
		{"exact below a name", `{"policy":{"A":1,"a":2}}`, document{Policy: json.RawMessage(`{"A":1,"a":2}`)}},
		{"exact in a map", `{"TAGS":{"A":"1","a":"2"}}`, document{Tags: map[string]string{"A": "1", "a": "2"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got document
			if err := strictjson.Unmarshal([]byte(tt.in), &got, "policy", "tags"); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Unmarshal(%s) = %+v, %v, want %+v", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	deep := strings.Repeat("[", strictjson.MaxDepth) + strings.Repeat("]", strictjson.MaxDepth)
	long := strings.Repeat("n", 1000)
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", ``, "at byte 0: unexpected EOF"},
		{"cut short", `{"Keys":["a"`, "at byte 12: unexpected EOF"},
		{"cut after a name", `{"Keys"`, "at byte 7: unexpected EOF"},
		{"cut in a name", `{"Ke`, "unexpected EOF"},
		{"garbage", `{"Keys":[}`, "invalid character '}'"},
		{"two documents", `{} {}`, "at byte 4: something follows the document"},
		{"garbage behind", `{}x`, "something follows the document"},
		{"unknown name", `{"Keyz":[]}`, `json: unknown field "Keyz"`},
		{"unknown name within", `{"Inner":{"Keyz":[]}}`, `json: unknown field "Keyz"`},
		{"a long unknown name", `{"` + long + `":[]}`, "nnn…"},
		{"a long name twice", `{"` + long + `":1,"` + long + `":1}`, `nnn…" is there twice`},
		{"twice", `{"Keys":[],"Keys":[]}`, `"Keys" is there twice`},
		{"twice in another case", `{"Keys":[],"kEYS":[]}`, `"kEYS" is there twice`},
		{"twice by a long s", `{"Keys":[],"Keyſ":[]}`, `"Keyſ" is there twice`},
		{"twice by a Kelvin sign", `{"\u212aeys":[],"Keys":[]}`, `"Keys" is there twice`},
		{"twice by a sigma", `{"σ":[],"ς":[]}`, `"ς" is there twice`},
		{"twice in what is exact", `{"Policy":[{"A":1,"A":2}]}`, `"A" is there twice`},
		{"twice by an escape", `{"Keys":[],"\u004beys":[]}`, `"Keys" is there twice`},
		{"another type", `{"Keys":"secret"}`, "cannot unmarshal string into Go struct field document.Keys of type []string"},
		{"another value", `["secret"]`, "cannot unmarshal array into Go value"},
		{"a number out of range", `{"Number":` + strings.Repeat("1", 1000) + `}`, "cannot unmarshal number 111"},
		{"deep", `{"Policy":` + deep + `}`, "nested more than 32 deep"},
		{"very deep", strings.Repeat("[", 1<<20), "nested more than 32 deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := strictjson.Unmarshal([]byte(tt.in), new(document), "policy")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "at byte ") {
				t.Fatalf("Unmarshal = %v, want %s", err, tt.want)
			}
			if text := err.Error(); len(text) > 400 || strings.Contains(text, "secret") {
				t.Errorf("the error has %d bytes, or a value: %.500s", len(text), text)
			}
			if eof := errors.Is(err, io.ErrUnexpectedEOF); eof != strings.HasSuffix(tt.want, "EOF") {
				t.Errorf("it is io.ErrUnexpectedEOF: %t", eof)
			}
		})
	}
}

// Whatever is accepted, encoding/json reads as well and alike, with each of its names counted once.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`{"Keys":["a"],"Policy":{"a":{"b":[null,true,1e3,"\u0000"]}},"Number":-7}`, `{"Inner":{"Inner":{}}}`, `[]`, `{"Keyſ":[]}`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var got, want document
		if strictjson.Unmarshal(in, &got, "policy", "tags") != nil {
			return
		}
		if err := json.Unmarshal(in, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Unmarshal(%q) = %+v, encoding/json has %+v, %v", in, got, want, err)
		}
	})
}
