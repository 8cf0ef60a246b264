package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// A Material is the secret bytes of a key version. Package fmt, log/slog and encoding/json show a fixed text; a durable
// store takes the bytes by MarshalBinary and seals them. The zero value is no material. Copies share the bytes, which
// are never changed and never cleared: they are in memory as long as any state that knows them.
type Material struct {
	bytes func() []byte // a func, because fmt prints no more than its address
}

// NewMaterial returns a Material that holds b itself, not a copy; b must not be modified from now on.
func NewMaterial(b []byte) Material { return Material{func() []byte { return b }} }

// Bytes returns the bytes themselves, which must not be modified; nil if there is no material.
func (m Material) Bytes() []byte {
	if m.bytes == nil {
		return nil
	}
	return m.bytes()
}

const redacted = "[material]"

// Format prints a fixed text, whatever the verb.
func (Material) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue returns a fixed text.
func (Material) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText fails: no material belongs in a document by accident.
func (Material) MarshalText() ([]byte, error) {
	return nil, errors.New("state: material is not marshalled as text")
}

// MarshalBinary returns a copy of the bytes, for a store that seals them.
func (m Material) MarshalBinary() ([]byte, error) { return bytes.Clone(m.Bytes()), nil }

// UnmarshalBinary sets m to a copy of b; no bytes are no material.
func (m *Material) UnmarshalBinary(b []byte) error {
	*m = Material{}
	if len(b) > 0 {
		*m = NewMaterial(bytes.Clone(b))
	}
	return nil
}
