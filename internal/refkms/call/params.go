package call

import (
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The parameters of an operation are the fields of its request, in the order in which a missing one is told. The tag
// of a field declares it:
//
//	param:"KeyId,required,key,alias"     the name on the wire, then what is true of it:
//
//	required      absent or empty is refused
//	if=Other      required if the boolean Other is true, and not looked at otherwise
//	or=Other      required unless Other is there
//	with=A|B      required if A or B is there
//	key           names a key: an id or an ARN; alias: or an alias. Call.Found has what it leads to
//	secret        names a secret: a name or an ARN, whose form its type checks. Call.Found has what it leads to
//	min=, max=    of an int; of the characters of a string; of the bytes of a Text; max of the items of a list
//	default=      of an int that is absent
//
// The type of the field says how it is read: string, *string (which tells empty from absent), int, bool, Text, a type
// whose pointer is a Param, or a list (lists.go). A field without a tag is no parameter.

// A Param is a parameter with a syntax of its own. Any error is told as InvalidParameter.
type Param interface {
	// SetParam reads the text a caller sent, which is not empty.
	SetParam(text string) error
	// CheckParam checks a value that a typed face has set, to the rules of SetParam.
	CheckParam() error
}

type kind uint8

const (
	stringKind kind = iota + 1
	optionalKind
	intKind
	boolKind
	textKind
	paramKind
	listKind
)

type param struct {
	name       string
	member     string // the name as JSON, and a colon: for the trail
	index      int    // of the field
	kind       kind
	required   bool
	onlyIf     int    // index in params of the boolean that must be true; -1 for none
	or, with   uint64 // a bit for each of the parameters that option names, by index
	key, alias bool
	secret     bool
	min, max   int // max 0: none
	def        int
	fields     []string // of an item of a list of structs

	masked, dropped bool // in the trail
}

type params []param

// maxParams is how many parameters an operation may have: each has a bit.
const maxParams = 64

// compileParams reads the tags of a request. A mistake in them is a programmer's, and panics.
func compileParams(t reflect.Type) params {
	var ps params
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("param")
		if !ok {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		p := param{name: name, member: member(name), index: i, onlyIf: -1}
		switch {
		case reflect.PointerTo(f.Type).Implements(reflect.TypeFor[Param]()):
			p.kind = paramKind
		case f.Type == reflect.TypeFor[Text]():
			p.kind = textKind
		case f.Type.Kind() == reflect.String:
			p.kind = stringKind
		case f.Type == reflect.TypeFor[*string]():
			p.kind = optionalKind
		case f.Type.Kind() == reflect.Int:
			p.kind = intKind
		case f.Type.Kind() == reflect.Bool:
			p.kind = boolKind
		case f.Type.Kind() == reflect.Slice:
			p.kind = listKind
			p.fields = itemFields(f.Type.Elem())
		default:
			panic(fmt.Sprintf("call: %v: parameter %s has the type %v", t, name, f.Type))
		}
		for option := range strings.SplitSeq(options, ",") {
			if err := p.option(ps, option); err != nil {
				panic(fmt.Sprintf("call: %v: parameter %s: %v", t, name, err))
			}
		}
		ps = append(ps, p)
	}
	if len(ps) > maxParams {
		panic(fmt.Sprintf("call: %v: %d parameters, limit %d", t, len(ps), maxParams))
	}
	ps.relate(t)
	return ps
}

// relate reads the options that name parameters before and after their own.
func (ps params) relate(t reflect.Type) {
	for i := range ps {
		p := &ps[i]
		for option := range strings.SplitSeq(t.Field(p.index).Tag.Get("param"), ",") {
			relation, others, _ := strings.Cut(option, "=")
			if relation != "or" && relation != "with" {
				continue
			}
			var bits uint64
			for other := range strings.SplitSeq(others, "|") {
				at := slices.IndexFunc(ps, func(p param) bool { return p.name == other })
				if at < 0 {
					panic(fmt.Sprintf("call: %v: parameter %s: no parameter %q", t, p.name, other))
				}
				bits |= 1 << at
			}
			if relation == "or" {
				p.or = bits
			} else {
				p.with = bits
			}
		}
	}
}

// needed reports whether a parameter that is not there is missing. there has a bit for each that is.
func (p *param) needed(there uint64) bool {
	return p.required || p.or != 0 && p.or&there == 0 || p.with&there != 0
}

func (p *param) option(before params, option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "":
	case "required":
		p.required = true
	case "or", "with": // read by relate
	case "key":
		p.key = true
	case "alias":
		p.alias = true
	case "secret":
		p.secret = true
	case "min":
		p.min, err = strconv.Atoi(value)
	case "max":
		p.max, err = strconv.Atoi(value)
	case "default":
		p.def, err = strconv.Atoi(value)
	case "if":
		for i := range before {
			if before[i].name == value && before[i].kind == boolKind {
				p.onlyIf = i
				return nil
			}
		}
		return fmt.Errorf("no boolean %q before it", value)
	default:
		return fmt.Errorf("unknown option %q", option)
	}
	return err
}

// decode sets the fields of v to what texts says: first whatever is missing is told, then whatever is not valid.
func (ps params) decode(texts map[string]string, v reflect.Value) error {
	var there uint64
	for i := range ps {
		p := &ps[i]
		text, present := texts[p.name]
		switch p.kind {
		case optionalKind:
		case listKind:
			present = p.sent(texts)
		default:
			present = text != ""
		}
		if present {
			there |= 1 << i
		}
	}
	for i := range ps {
		p := &ps[i]
		switch {
		case there>>i&1 != 0:
		case p.onlyIf >= 0 && strings.EqualFold(texts[ps[p.onlyIf].name], "true"), p.onlyIf < 0 && p.needed(there):
			return Missing(p.name)
		}
	}
	for i := range ps {
		p := &ps[i]
		if p.onlyIf >= 0 && !v.Field(ps[p.onlyIf].index).Bool() {
			continue
		}
		if p.kind == listKind {
			if !p.collect(texts, v.Field(p.index)) {
				return Invalid(p.name)
			}
			continue
		}
		text, present := texts[p.name]
		if !present || text == "" && p.kind != optionalKind {
			if p.kind == intKind {
				v.Field(p.index).SetInt(int64(p.def))
			}
			continue
		}
		if !p.set(text, v.Field(p.index)) {
			return Invalid(p.name)
		}
	}
	return nil
}

// set reads one text; it reports whether it is valid.
func (p *param) set(text string, f reflect.Value) bool {
	switch p.kind {
	case stringKind:
		f.SetString(text)
		return p.validString(text)
	case optionalKind:
		f.Set(reflect.ValueOf(&text))
		return p.validString(text)
	case textKind:
		f.SetBytes([]byte(text))
		return p.validText(f.Bytes())
	case intKind:
		n, err := strconv.Atoi(text)
		f.SetInt(int64(n))
		return err == nil && p.validInt(n)
	case boolKind:
		f.SetBool(strings.EqualFold(text, "true"))
		return f.Bool() || strings.EqualFold(text, "false")
	default:
		return f.Addr().Interface().(Param).SetParam(text) == nil
	}
}

// given returns which parameters a typed request gives: a bit for each. A zero value is absent.
func (ps params) given(request *fields) (there uint64) {
	for i := range ps {
		p := &ps[i]
		f := request.at(i, p.index)
		present := false
		switch p.kind {
		case stringKind, textKind, listKind:
			present = f.Len() > 0
		case intKind:
			present = f.Int() != 0
		case boolKind:
			present = p.required || f.Bool() // false is one of its values
		default:
			present = !f.IsZero()
		}
		if present {
			there |= 1 << i
		}
	}
	return there
}

// checkTyped does to a typed request what decode does to texts; there is what is given.
func (op *Operation) checkTyped(request *fields, there uint64) error {
	ps := op.params
	for absent := op.needed &^ there; absent != 0; absent &= absent - 1 {
		p := &ps[bits.TrailingZeros64(absent)]
		if p.onlyIf >= 0 && request.at(p.onlyIf, ps[p.onlyIf].index).Bool() || p.onlyIf < 0 && p.needed(there) {
			return Missing(p.name)
		}
	}
	for rest := there | op.filled; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		p := &ps[i]
		if there>>i&1 == 0 {
			request.at(i, p.index).SetInt(int64(p.def))
			continue
		}
		if p.onlyIf >= 0 && !request.at(p.onlyIf, ps[p.onlyIf].index).Bool() {
			continue
		}
		f := request.at(i, p.index)
		valid := true
		switch p.kind {
		case stringKind:
			valid = p.validString(f.String())
		case optionalKind:
			valid = p.validString(f.Elem().String())
		case textKind:
			valid = p.validText(f.Bytes())
		case intKind:
			valid = p.validInt(int(f.Int()))
		case paramKind:
			valid = f.Addr().Interface().(Param).CheckParam() == nil
		case listKind:
			valid = p.validList(f)
		}
		if !valid {
			return Invalid(p.name)
		}
	}
	return nil
}

// validString counts code points. What is not UTF-8 could not be answered in JSON; the name of a key is never answered,
// and a malformed one is the name of no key.
func (p *param) validString(s string) bool {
	if p.key {
		return true
	}
	if p.max > 0 && len(s) > utf8.UTFMax*p.max || !utf8.ValidString(s) {
		return false
	}
	n := len(s)
	if p.max > 0 && n > p.max || p.min > 0 {
		n = utf8.RuneCountInString(s)
	}
	return n >= p.min && (p.max == 0 || n <= p.max)
}

// validText counts bytes.
func (p *param) validText(b []byte) bool {
	return len(b) >= p.min && (p.max == 0 || len(b) <= p.max) && utf8.Valid(b)
}

func (p *param) validInt(n int) bool { return n >= p.min && (p.max == 0 || n <= p.max) }
