package wire

import (
	"bytes"
	"encoding/json"
)

const contentTypeJSON = "application/json;charset=utf-8"

// encodeJSON returns the JSON of an answer. Nothing is escaped for the sake of HTML.
func encodeJSON(doc any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		panic("wire: internal error: " + err.Error()) // unreachable: answers are made of texts, numbers and booleans
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
