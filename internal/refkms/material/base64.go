package material

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// maxBase64 is the longest base64 parameter that is looked at, in characters: twice what the longest blob takes, for
// line breaks. No documented value is longer.
const maxBase64 = 16 << 10

var errBase64 = errors.New("material: not base64")

// DecodeBase64 reads base64 of the standard alphabet with padding. Line breaks, blanks and tabs are skipped anywhere: a
// script that passes on the line it has read passes on its end too. Bits beyond the last byte may be anything, since any
// encoding of the same bytes is the same parameter.
func DecodeBase64(text string) ([]byte, error) {
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

// A Base64 is bytes that travel as base64, as a parameter and in an answer. It may be secret: package fmt and log/slog
// show a fixed text in its place.
type Base64 []byte

// SetParam reads base64, as [DecodeBase64] does.
func (b *Base64) SetParam(text string) (err error) {
	*b, err = DecodeBase64(text)
	return err
}

// CheckParam checks the length of bytes that a typed face has set.
func (b *Base64) CheckParam() error {
	if base64.StdEncoding.EncodedLen(len(*b)) > maxBase64 {
		return errBase64
	}
	return nil
}

// ParamText returns the base64 that the bytes would have been sent as.
func (b *Base64) ParamText() string { return base64.StdEncoding.EncodeToString(*b) }

// Format prints a fixed text, whatever the verb.
func (Base64) Format(f fmt.State, _ rune) { io.WriteString(f, "[bytes]") }

// LogValue returns a fixed text.
func (Base64) LogValue() slog.Value { return slog.StringValue("[bytes]") }
