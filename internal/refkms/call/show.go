package call

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the trail shows of a call: the parameters that the operation declares and the fields of its answer, in JSON.
// A name that the row hides is masked, one that it drops is left out. So is masked, whatever the row says, everything of
// the type Text and whatever holds a Text: nobody can forget it.

// Masked stands in the trail for a value that is secret.
const Masked = "***"

// maxShown is the longest value that is shown of a parameter, in bytes: the longest that any operation takes and the
// trail keeps.
const maxShown = 32 << 10

// regionParam is the one parameter that no operation declares and the trail shows: SDKs send it with every request.
const regionParam = "RegionId"

var regionMember = member(regionParam)

// A shown field is one of an answer.
type shown struct {
	member    string // its name as JSON, and a colon
	index     int
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
		fields = append(fields, shown{member: member(name), index: i, omitEmpty: strings.Contains(options, "omitempty"),
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

// AppendAnswer appends what is shown of an answer of the operation, as an object; without the request id.
func (op *Operation) AppendAnswer(dst []byte, answer any) []byte {
	v := reflect.ValueOf(answer).Elem()
	dst = append(dst, '{')
	empty := len(dst)
	for i := range op.shown {
		f := &op.shown[i]
		field := v.Field(f.index)
		if f.omitEmpty && field.IsZero() {
			continue
		}
		dst = appendMember(dst, empty, f.member)
		switch {
		case f.masked:
			dst = AppendJSON(dst, Masked)
		case field.Kind() == reflect.String:
			dst = AppendJSON(dst, field.String())
		default:
			dst = append(dst, marshal(field)...)
		}
	}
	return append(dst, '}')
}

// marshal returns the JSON of a field, which is made of texts and numbers.
func marshal(v reflect.Value) []byte {
	doc, err := json.Marshal(v.Interface())
	if err != nil {
		panic("call: internal error: " + err.Error()) // unreachable: faces answer with the same
	}
	return doc
}

// AppendParams appends the parameters of a call, as an object of texts: as they were sent, or, of a typed call, as they
// would have been. Undeclared ones are left out, for one may be a secret under a name that is misspelt.
func (op *Operation) AppendParams(dst []byte, c *Call) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	typed := c.Texts == nil && c.Request != nil
	var request reflect.Value
	given := c.given
	if typed {
		if request = reflect.ValueOf(c.Request).Elem(); !c.seen { // refused before its parameters were looked at
			given = op.params.given(request)
		}
	}
	for i := range op.params {
		p := &op.params[i]
		if p.dropped {
			continue
		}
		if p.kind == listKind {
			item := func(name, text string) { dst = p.appendText(appendMember(dst, empty, member(name)), text) }
			if typed {
				p.eachTyped(request.Field(p.index), item)
			} else {
				p.eachSent(c.Texts, item)
			}
			continue
		}
		if typed {
			if given>>i&1 != 0 {
				dst = p.appendTyped(appendMember(dst, empty, p.member), request.Field(p.index))
			}
		} else if text, present := c.Texts[p.name]; present {
			dst = p.appendText(appendMember(dst, empty, p.member), text)
		}
	}
	if region := c.Texts[regionParam]; region != "" {
		dst = AppendJSON(appendMember(dst, empty, regionMember), cutShown(region))
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

// appendText appends a parameter as it was sent.
func (p *param) appendText(dst []byte, text string) []byte {
	if p.masked {
		text = Masked
	}
	return AppendJSON(dst, cutShown(text))
}

// A ParamTexter is a Param that says what it would have been sent as; one that is not is sent as its JSON.
type ParamTexter interface{ ParamText() string }

// appendTyped appends the value of a typed parameter as it would have been sent.
func (p *param) appendTyped(dst []byte, f reflect.Value) []byte {
	switch {
	case p.masked:
		return p.appendText(dst, "")
	case f.Kind() == reflect.String && p.kind != paramKind:
		return p.appendText(dst, f.String())
	case p.kind == optionalKind:
		return p.appendText(dst, f.Elem().String())
	case p.kind == intKind:
		return append(strconv.AppendInt(append(dst, '"'), f.Int(), 10), '"')
	case p.kind == boolKind:
		return p.appendText(dst, strconv.FormatBool(f.Bool()))
	}
	if t, ok := f.Addr().Interface().(ParamTexter); ok {
		return p.appendText(dst, t.ParamText())
	}
	if f.Kind() == reflect.String {
		return p.appendText(dst, f.String())
	}
	return p.appendText(dst, string(marshal(f)))
}

// cutShown cuts a value to what is shown of it.
func cutShown(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
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
