package material

import (
	"encoding/base64"
	"errors"
	"strings"
)

// maxBase64 is the longest base64 parameter that is looked at, in characters: twice what the longest blob takes, for
// line breaks. No documented value is longer.
const maxBase64 = 16 << 10

var errBase64 = errors.New("material: not base64")

// decodeBase64 reads base64 of the standard alphabet with padding. Line breaks, blanks and tabs are skipped anywhere: a
// script that passes on the line it has read passes on its end too. Bits beyond the last byte may be anything, since any
// encoding of the same bytes is the same parameter.
func decodeBase64(text string) ([]byte, error) {
	if len(text) > maxBase64 {
		return nil, errBase64
	}
	if strings.ContainsAny(text, " \t") {
		text = strings.NewReplacer(" ", "", "\t", "").Replace(text)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errBase64
	}
	return b, nil
}
