package kmsapi

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Plaintext is text that the service encrypts or has decrypted: for a data key, base64. It shows itself to nobody who
// does not ask for [Plaintext.Bytes]: package fmt under every verb, log/slog and encoding/json print a fixed text, also
// when it lies in an unexported field, where fmt calls no methods. That is why it is not a byte slice.
//
// The zero value is the empty text. Copies share the text. It is safe for concurrent use until it is cleared.
type Plaintext struct {
	text func() []byte // a func, because fmt prints no more than its address
}

// NewPlaintext returns a Plaintext that holds text itself, not a copy: text belongs to it from now on.
func NewPlaintext(text []byte) Plaintext {
	return Plaintext{func() []byte { return text }}
}

// Bytes returns the text itself, not a copy; it must not be modified. Nil if empty.
func (p Plaintext) Bytes() []byte {
	if p.text == nil {
		return nil
	}
	return p.text()
}

// Clear wipes the text, for all copies; from then on it is zero bytes of the same length. Best effort: whatever else
// the text has been converted to or received from is out of reach.
func (p Plaintext) Clear() { clear(p.Bytes()) }

const redacted = "[plaintext]"

// Format prints a fixed text, whatever the verb.
func (Plaintext) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String returns a fixed text.
func (Plaintext) String() string { return redacted }

// LogValue returns a fixed text.
func (Plaintext) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails: no plaintext belongs in a document by accident.
func (Plaintext) MarshalText() ([]byte, error) {
	return nil, errors.New("kmsapi: a plaintext is not marshalled")
}

// MarshalJSON fails likewise.
func (p Plaintext) MarshalJSON() ([]byte, error) { return p.MarshalText() }
