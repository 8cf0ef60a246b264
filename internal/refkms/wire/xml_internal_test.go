package wire

import (
	"bytes"
	"encoding/xml"
	"io"
	"testing"
)

// White-box, because no operation of the service answers with most of these names.
func TestElementNames(t *testing.T) {
	for member, want := range map[string]string{
		"KeyId": "KeyId", "Tag.1.Key": "Tag.1.Key", "a-b_c9": "a-b_c9", "ACS::KMS::Key": "ACS__KMS__Key", "": "_", "9": "_9", ".a": "_.a", "-": "_-",
		"a b": "a_b", "<a>": "_a_", "\u4fe1": "_", "_": "_",
	} {
		if got := elementName(member); got != want {
			t.Errorf("elementName(%q) = %q, want %q", member, got, want)
		}
		doc := jsonToXML(encodeJSON(map[string]any{member: []string{"a", "b"}}))
		if want := `<?xml version="1.0" encoding="UTF-8"?><KMS><` + want + ">a</" + want + "><" + want + ">b</" + want + "></KMS>"; string(doc) != want {
			t.Errorf("%q is %s, want %s", member, doc, want)
		}
		for dec := xml.NewDecoder(bytes.NewReader(doc)); ; {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", doc, err)
			}
		}
	}
}
