package call

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"reflect"
	"strconv"
	"strings"
)

// A note is what a call takes down of itself for the trail, without making JSON of it: for each parameter its number plus
// one and its text, then 0, then for each field of the answer its number and its text. What is masked has no text, and is
// read nowhere. Notes are read by the operation that made them, in the process that made them, and by nothing else.
//
// A text comes after its length plus one. One that is the same as a text that the record has anyway, the id of the key
// nearly always, is 0.

// maxShown is the longest value that is shown of a parameter, in bytes: the longest that any operation takes and the
// trail keeps.
const maxShown = 32 << 10

// NoteParams appends the parameters of a call as they were sent, or, of a typed call, as they would have been. Undeclared
// ones are left out, for one may be a secret under a name that is misspelt. same is the text that is not repeated.
func (op *Operation) NoteParams(dst []byte, c *Call, same string) []byte {
	if c.Texts == nil && c.Request != nil {
		dst = op.noteTyped(dst, c, same)
	} else {
		dst = op.noteSent(dst, c.Texts, same)
	}
	return append(dst, 0)
}

func (op *Operation) noteTyped(dst []byte, c *Call, same string) []byte {
	if !c.seen { // refused before its parameters were looked at
		c.setRequest(c.Request)
		c.given = op.params.given(&c.fields)
	}
	for rest := c.given; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		p := &op.params[i]
		switch field := c.fields.at(i, p.index); {
		case p.dropped:
		case p.kind == listKind:
			p.eachTyped(field, func(name, text string) { dst = p.noteItem(dst, i, name, text, same) })
		case p.masked:
			dst = appendNumber(dst, i+1)
		default:
			dst = appendText(appendNumber(dst, i+1), cutShown(p.typedText(field)), same)
		}
	}
	return dst
}

func (op *Operation) noteSent(dst []byte, texts map[string]string, same string) []byte {
	for i := range op.params {
		p := &op.params[i]
		switch text, present := texts[p.name]; {
		case p.dropped:
		case p.kind == listKind:
			p.eachSent(texts, func(name, text string) { dst = p.noteItem(dst, i, name, text, same) })
		case !present:
		case p.masked:
			dst = appendNumber(dst, i+1)
		default:
			dst = appendText(appendNumber(dst, i+1), cutShown(text), same)
		}
	}
	if region := texts[regionParam]; region != "" {
		dst = appendText(appendNumber(dst, len(op.params)+1), cutShown(region), same)
	}
	return dst
}

// noteItem appends one text of a list, with its name.
func (p *param) noteItem(dst []byte, i int, name, text, same string) []byte {
	dst = appendText(appendNumber(dst, i+1), name, same)
	if p.masked {
		return dst
	}
	return appendText(dst, cutShown(text), same)
}

// NoteAnswer appends what is shown of an answer of the operation.
func (op *Operation) NoteAnswer(dst []byte, c *Call, answer any, same string) []byte {
	var fields fields
	if c.Frame != nil && c.Frame.taken {
		fields.found = c.Frame.shown
	} else {
		fields.of = reflect.ValueOf(answer).Elem()
	}
	for i := range op.shown {
		f := &op.shown[i]
		field := fields.at(i, f.index)
		if f.omitEmpty && field.IsZero() {
			continue
		}
		dst = appendNumber(dst, i)
		switch {
		case f.masked:
		case f.text:
			dst = appendText(dst, field.String(), same)
		default:
			dst = appendText(dst, marshal(field), same)
		}
	}
	return dst
}

// A ParamTexter is a Param that says what it would have been sent as; one that is not is sent as its JSON.
type ParamTexter interface{ ParamText() string }

// typedText returns what a typed parameter would have been sent as.
func (p *param) typedText(f reflect.Value) string {
	switch p.kind {
	case stringKind:
		return f.String()
	case optionalKind:
		return f.Elem().String()
	case intKind:
		return strconv.FormatInt(f.Int(), 10)
	case boolKind:
		return strconv.FormatBool(f.Bool())
	}
	if t, ok := f.Addr().Interface().(ParamTexter); ok {
		return t.ParamText()
	}
	if f.Kind() == reflect.String {
		return f.String()
	}
	return marshal(f)
}

// marshal returns the JSON of a field, which is made of texts and numbers.
func marshal(v reflect.Value) string {
	doc, err := json.Marshal(v.Interface())
	if err != nil {
		panic("call: internal error: " + err.Error()) // unreachable: faces answer with the same
	}
	return string(doc)
}

// cutShown cuts a value to what is shown of it.
func cutShown(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// appendNumber appends a varint that is nearly always one byte.
func appendNumber(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	return binary.AppendUvarint(dst, uint64(n))
}

func appendText(dst []byte, text, same string) []byte {
	if text == same && text != "" {
		return append(dst, 0)
	}
	return append(appendNumber(dst, len(text)+1), text...)
}

func takeNumber(notes []byte) (n int, rest []byte) {
	v, size := binary.Uvarint(notes)
	return int(v), notes[size:]
}

func takeText(notes []byte, same string) (text string, rest []byte) {
	n, notes := takeNumber(notes)
	if n == 0 {
		return same, notes
	}
	return string(notes[:n-1]), notes[n-1:]
}
