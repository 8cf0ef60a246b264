package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

const contentTypeXML = "text/xml;charset=utf-8"

// xmlRoot is the element of every answer, refusals included. Clients ignore its name.
const xmlRoot = "KMS"

// jsonToXML returns the XML of an answer in JSON: a member is an element, an array is its element repeated. It is made of
// the JSON so that there is one place where an answer gets its names, and its order.
//
// The records of LookupEvents have members that cannot be elements, as in {"ACS::KMS::Key": [...]}. What the platform makes
// of them in XML is not known; here what a name cannot have is an underscore.
func jsonToXML(doc []byte) []byte {
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8"?>`)
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	writeElement(b, dec, xmlRoot, nextToken(dec))
	return b.Bytes()
}

// elementName returns the name of the element of a member: ASCII letters, digits, dots, hyphens and underscores, of which
// a letter or an underscore comes first.
func elementName(member string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, member)
	if name == "" || strings.ContainsRune("0123456789.-", rune(name[0])) {
		return "_" + name
	}
	return name
}

// writeElement writes the value that begins with token t as elements of a name.
func writeElement(b *bytes.Buffer, dec *json.Decoder, name string, t json.Token) {
	if t == json.Delim('[') {
		for dec.More() {
			writeElement(b, dec, name, nextToken(dec))
		}
		nextToken(dec) // ]
		return
	}
	fmt.Fprintf(b, "<%s>", name)
	switch t := t.(type) {
	case json.Delim: // {
		for dec.More() {
			member := nextToken(dec).(string)
			writeElement(b, dec, elementName(member), nextToken(dec))
		}
		nextToken(dec) // }
	case string:
		xml.EscapeText(b, []byte(t)) // a Buffer fails never; what XML cannot hold becomes U+FFFD
	default:
		fmt.Fprint(b, t) // a number or a boolean
	}
	fmt.Fprintf(b, "</%s>", name)
}

func nextToken(dec *json.Decoder) json.Token {
	t, err := dec.Token()
	if err != nil {
		panic("wire: internal error: " + err.Error()) // unreachable: the document is ours
	}
	return t
}
