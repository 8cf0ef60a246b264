package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
)

const contentTypeXML = "text/xml;charset=utf-8"

// xmlRoot is the element of every answer, refusals included. Clients ignore its name.
const xmlRoot = "KMS"

// jsonToXML returns the XML of an answer in JSON: a member is an element, an array is its element repeated. It is made of
// the JSON so that there is one place where an answer gets its names, and its order.
func jsonToXML(doc []byte) []byte {
	b := bytes.NewBufferString(`<?xml version="1.0" encoding="UTF-8"?>`)
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	writeElement(b, dec, xmlRoot, nextToken(dec))
	return b.Bytes()
}

// writeElement writes the value that begins with token t as elements of a name, which is that of a member and needs no
// escape.
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
			writeElement(b, dec, member, nextToken(dec))
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
