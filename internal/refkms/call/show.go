package call

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// What the trail shows of a call: the parameters that the operation declares and the fields of its answer, in JSON.
// A name that the row hides is masked, one that it drops is left out. So is masked, whatever the row says, everything of
// the type Text and whatever holds a Text: nobody can forget it.
//
// It is shown in two steps, for nearly nothing of it is ever looked at: the call notes what it takes (notes.go), whoever
// reads the trail makes JSON of that.

// Masked stands in the trail for a value that is secret.
const Masked = "***"

// regionParam is the one parameter that no operation declares and the trail shows: SDKs send it with every request.
const regionParam = "RegionId"

var regionMember = member(regionParam)

// A shown field is one of an answer.
type shown struct {
	member    string // its name as JSON, and a colon
	index     int
	text      bool // it is a text; others are noted as JSON
	omitEmpty bool
	masked    bool
}

// compileShown finds the fields of an answer, t being a pointer to it, that are not dropped. The request id is not among
// them: who shows an answer has it.
func compileShown(t reflect.Type, hide, drop []string) []shown {
	var fields []shown
	t = t.Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type == reflect.TypeFor[Answer]() || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		name = cmp.Or(name, f.Name)
		if name == "-" || name == "RequestId" || slices.Contains(drop, name) {
			continue
		}
		fields = append(fields, shown{member: member(name), index: i, text: f.Type.Kind() == reflect.String, omitEmpty: strings.Contains(options, "omitempty"),
			masked: slices.Contains(hide, name) || holdsText(f.Type, map[reflect.Type]bool{})})
	}
	return fields
}

// member returns the name of a member of an object as JSON, and a colon.
func member(name string) string { return string(append(AppendJSON(nil, name), ':')) }

// holdsText reports whether a value of a type can hold a Text.
func holdsText(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == reflect.TypeFor[Text]() {
		return true
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsText(t.Field(i).Type, seen) {
				return true
			}
		}
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsText(t.Elem(), seen)
	}
	return false
}

// AppendParams appends the parameters that were noted, as an object of texts, and returns what is left of the notes.
func (op *Operation) AppendParams(dst, notes []byte, same string) (doc, rest []byte) {
	dst = append(dst, '{')
	empty := len(dst)
	for {
		var i int
		if i, notes = takeNumber(notes); i == 0 {
			return append(dst, '}'), notes
		}
		name, masked := regionMember, false
		if i <= len(op.params) {
			p := &op.params[i-1]
			name, masked = p.member, p.masked
			if p.kind == listKind {
				name, notes = takeText(notes, same)
				name = member(name)
			}
		}
		text := Masked
		if !masked {
			text, notes = takeText(notes, same)
		}
		dst = AppendJSON(appendMember(dst, empty, name), text)
	}
}

// AppendAnswer appends the answer that was noted, as an object; without the request id.
func (op *Operation) AppendAnswer(dst, notes []byte, same string) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for len(notes) > 0 {
		var i int
		i, notes = takeNumber(notes)
		f := &op.shown[i]
		dst = appendMember(dst, empty, f.member)
		text := Masked
		if !f.masked {
			text, notes = takeText(notes, same)
		}
		if f.masked || f.text {
			dst = AppendJSON(dst, text)
		} else {
			dst = append(dst, text...)
		}
	}
	return append(dst, '}')
}

// appendMember appends the name of a member, with its colon, of an object that has none at length empty.
func appendMember(dst []byte, empty int, member string) []byte {
	if len(dst) > empty {
		dst = append(dst, ',')
	}
	return append(dst, member...)
}

// AppendJSON appends a text as a JSON string.
func AppendJSON(dst []byte, s string) []byte {
	if !plain(s) {
		doc, err := json.Marshal(s) // the rare case: what is not UTF-8 becomes U+FFFD
		if err != nil {
			panic("call: internal error: " + err.Error()) // unreachable: a string is always JSON
		}
		return append(dst, doc...)
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// plain reports whether all bytes of s stand for themselves in a JSON string. It looks at eight at a time: a record of the
// trail has some hundreds. In each byte of x^q is 0 what is q in x, and of a word that has no byte from 0x80 on, a byte
// less than n borrows from its highest bit when n is taken from it (Hacker's Delight, Section 6-1).
func plain(s string) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if (w|(w-' '*ones)|(w^'"'*ones-ones)|(w^'\\'*ones-ones))&highs != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
