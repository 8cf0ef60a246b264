package format

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// The text form of a message, for configuration files and letters: PEM as RFC 7468 has it in its strict form (SPEC.md,
// Section 3.9).
const (
	armorBegin = "-----BEGIN XINFENG MESSAGE-----"
	armorEnd   = "-----END XINFENG MESSAGE-----"
	armorLine  = 64 // characters of a full line
)

// MaxArmored is the longest message that has a text form, in bytes: it is made and read as a whole, in memory. Its text is
// a third longer.
const MaxArmored = 16 << 20

var armorEncoding = base64.StdEncoding.Strict()

// Armor appends the text form of a whole message to dst: the line "-----BEGIN XINFENG MESSAGE-----", base64 in lines of 64
// characters, and the line "-----END XINFENG MESSAGE-----", each ended by a line feed. message is neither kept nor
// modified and must not overlap the room behind dst. One that does not begin as a message does, or is longer than
// [MaxArmored], is [ErrInvalid]; nothing else of it is looked at. The text protects nothing that the message does not.
func Armor(dst, message []byte) ([]byte, error) {
	if !bytes.HasPrefix(message, []byte(magicMessage)) {
		return nil, invalid("armor", "%d bytes that begin no message", len(message))
	}
	if len(message) > MaxArmored {
		return nil, invalid("armor", "message of %d bytes, limit %d", len(message), MaxArmored)
	}
	dst = slices.Grow(dst, armoredSize(len(message), 1))
	dst = append(append(dst, armorBegin...), '\n')
	for line := range slices.Chunk(message, armorLine/4*3) {
		dst = append(armorEncoding.AppendEncode(dst, line), '\n')
	}
	return append(append(dst, armorEnd...), '\n'), nil
}

// armoredSize returns the length of the text of n bytes, with line ends of eol bytes.
func armoredSize(n, eol int) int {
	chars := armorEncoding.EncodedLen(n)
	lines := (chars + armorLine - 1) / armorLine
	return len(armorBegin) + chars + len(armorEnd) + (lines+2)*eol
}

// IsArmored reports whether b begins as the text form of a message does. The first 31 bytes are enough to tell.
func IsArmored(b []byte) bool { return bytes.HasPrefix(b, []byte(armorBegin)) }

// Dearmor returns the message whose text form is text, all of it. It takes what [Armor] makes, with two differences that
// editors and shells make: all lines may end with CR LF, and the last may have no end. Anything else is refused: text before
// or behind, another label, headers, empty lines, spaces, lines of other lengths, base64 that is not the one encoding of
// its bytes. text is neither kept nor modified.
//
// The error is a [*ParseError] with Field "armor" and an offset in text. It matches [ErrNotMessage] if text does not begin
// with the label, or what it holds does not begin as a message does; [ErrSize] if it is longer than that of [MaxArmored]
// bytes; and [io.ErrUnexpectedEOF] if, and only if, it ended too early. It allocates no more than text is long.
func Dearmor(text []byte) ([]byte, error) {
	if most := armoredSize(MaxArmored, 2); len(text) > most {
		return nil, parseError("armor", most, fmt.Errorf("text of %d bytes, limit %d: %w", len(text), most, ErrSize))
	}
	d := dearmorer{text: text}
	return d.run()
}

var (
	errArmorLineEnd = errors.New("want the line to end here, as the first one does")
	errArmorLine    = errors.New("want a line of base64, 64 characters or, if it is the last, a multiple of 4")
	errArmorBase64  = errors.New("a line that is not the base64 of any bytes")
	errArmorEnd     = fmt.Errorf("want %q", armorEnd)
	errArmorMore    = errors.New("bytes behind the last line")
)

// A dearmorer is one call of Dearmor.
type dearmorer struct {
	text []byte
	off  int    // what has been read of text
	eol  string // of all lines
}

func (d *dearmorer) rest() []byte { return d.text[d.off:] }

// fault returns an error at the offset d has come to.
func (d *dearmorer) fault(err error) error { return parseError("armor", d.off, err) }

// take moves over s, or says why not: fault if something else stands there.
func (d *dearmorer) take(s string, fault error) error {
	rest := d.rest()
	switch {
	case bytes.HasPrefix(rest, []byte(s)):
		d.off += len(s)
		return nil
	case bytes.HasPrefix([]byte(s), rest):
		return truncated("armor", len(d.text))
	}
	return d.fault(fault)
}

func (d *dearmorer) run() ([]byte, error) {
	if err := d.take(armorBegin, ErrNotMessage); err != nil {
		return nil, err
	}
	d.eol = "\n"
	if bytes.HasPrefix(d.rest(), []byte("\r")) {
		d.eol = "\r\n"
	}
	if err := d.take(d.eol, errArmorLineEnd); err != nil {
		return nil, err
	}
	body := d.off
	message := make([]byte, 0, armorEncoding.DecodedLen(len(d.rest())))
	for last := false; !last; {
		var err error
		if message, last, err = d.line(message); err != nil {
			return nil, err
		}
	}
	if err := d.take(armorEnd, errArmorEnd); err != nil {
		return nil, err
	}
	if len(d.rest()) > 0 {
		// The text is whole without the last line end, so a half of it is not one that ended too early.
		if string(d.rest()) != d.eol {
			return nil, d.fault(errArmorMore)
		}
	}
	switch {
	case !bytes.HasPrefix(message, []byte(magicMessage)):
		return nil, parseError("armor", body, ErrNotMessage)
	case len(message) > MaxArmored:
		return nil, parseError("armor", body, fmt.Errorf("message of %d bytes, limit %d: %w", len(message), MaxArmored, ErrSize))
	}
	return message, nil
}

// line appends what one line of base64 holds to message, and reports whether it is the last: the next line is the end.
func (d *dearmorer) line(message []byte) (_ []byte, last bool, err error) {
	rest := d.rest()
	n := 0
	for n < len(rest) && n < armorLine && isBase64(rest[n]) {
		n++
	}
	if n == len(rest) {
		return nil, false, truncated("armor", len(d.text))
	}
	if n == 0 || n%4 != 0 {
		return nil, false, d.fault(errArmorLine)
	}
	size := len(message)
	// Decode passes over line ends, of which there are none in what was counted.
	if message, err = armorEncoding.AppendDecode(message, rest[:n]); err != nil {
		return nil, false, d.fault(errArmorBase64)
	}
	d.off += n
	if err := d.take(d.eol, errArmorLineEnd); err != nil {
		return nil, false, err
	}
	// A line that is not full, of characters or by its padding, is the last; behind a full one stands a line or the end.
	last = len(message)-size < armorLine/4*3 || bytes.HasPrefix(d.rest(), []byte("-"))
	return message, last, nil
}

func isBase64(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}
