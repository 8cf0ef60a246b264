package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// page is what GET / answers: the table in words.
var page = func() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `The control face of a reference KMS.

A call is POST /NAME with a JSON object as its body, or with none, which is {}, and with the header
  Authorization: Bearer TOKEN
It answers 200 and a JSON object. Any other status comes with {"error": {"code": text, "message": text}}.

Account and region are by default the server's. What else may be left out has a default that is named.
Letter case of names means nothing. A name that there is not, or that is there twice, is refused.
Bodies have at most %d bytes, those of Apply %d.

  text    a string
  JSON    a policy, in RAM's language; in an answer, the value that ActionTrail has there
  time    RFC 3339, as in "2026-01-02T03:04:05Z"
`, maxBody, maxConfig)
	for _, w := range words {
		fmt.Fprintf(&b, "  %-7s one of %s\n", w.word, wrap(strings.Join(w.names(), ", "), 10))
	}
	for i := range table {
		c := &table[i]
		fmt.Fprintf(&b, "\n%s\n  %s\n", c.name, wrap(c.does, 2))
		fmt.Fprintf(&b, "  takes   %s\n", wrap(shape(c.request), 10))
		if c.example != "" {
			fmt.Fprintf(&b, "  such as %s\n", wrap(c.example, 10))
		}
		fmt.Fprintf(&b, "  answers %s\n", wrap(shape(c.answer), 10))
	}
	return b.Bytes()
}()

// words are the types that have a list of names.
var words = []struct {
	word  string
	of    reflect.Type
	names func() []string
}{
	{"kind", reflect.TypeFor[refkms.FaultKind](), texts[refkms.FaultKind]},
	{"face", reflect.TypeFor[refkms.Face](), texts[refkms.Face]},
	{"status", reflect.TypeFor[refkms.AccountStatus](), func() []string {
		var names []string
		for _, s := range []refkms.AccountStatus{
			refkms.AccountEnabled, refkms.AccountNotEnabled, refkms.AccountInDebt, refkms.AccountInDebtOverdue,
			refkms.AccountProhibitedByRiskControl, refkms.AccountInvalidUserID, refkms.AccountInvalidPartner,
		} {
			names = append(names, string(s))
		}
		return names
	}},
}

// texts returns the names of all values of a type that have one.
func texts[T interface {
	~uint8
	MarshalText() ([]byte, error)
}]() []string {
	var names []string
	for i := range 256 {
		if name, err := T(i).MarshalText(); err == nil {
			names = append(names, string(name))
		}
	}
	return names
}

// shape says what JSON a type is read from and written as.
func shape(t reflect.Type) string {
	for _, w := range words {
		if t == w.of {
			return w.word
		}
	}
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return "JSON"
	case reflect.TypeFor[time.Time]():
		return "time"
	case reflect.TypeFor[time.Duration]():
		return "nanoseconds"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shape(t.Elem())
	case reflect.Slice:
		return "[" + shape(t.Elem()) + ", ...]"
	case reflect.Map:
		return "{text: " + shape(t.Elem()) + ", ...}"
	case reflect.Struct:
		return "{" + strings.Join(fields(t), ", ") + "}"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	}
	return "number" // all kinds else that the requests and answers have
}

// fields returns the fields of a struct, those of embedded structs included, as name and shape.
func fields(t reflect.Type) []string {
	var list []string
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			list = append(list, fields(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = strings.ToLower(f.Name[:1]) + f.Name[1:] // case means nothing
		}
		list = append(list, fmt.Sprintf("%q: %s", name, shape(f.Type)))
	}
	return list
}

// wrap breaks a text at blanks into lines of at most 100 characters, where a word is no longer, indented but for the
// first.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len(word) > 100:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
