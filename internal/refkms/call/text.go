package call

import (
	"fmt"
	"io"
	"log/slog"
)

// A Text is text that the caller keeps secret: what Encrypt is given and Decrypt gives back. On the wire it is itself;
// package fmt and log/slog show a fixed text in its place.
type Text []byte

// MarshalText returns the text, for the faces that answer with it.
func (t Text) MarshalText() ([]byte, error) { return t, nil }

// Format prints a fixed text, whatever the verb.
func (Text) Format(f fmt.State, _ rune) { io.WriteString(f, "[text]") }

// LogValue returns a fixed text.
func (Text) LogValue() slog.Value { return slog.StringValue("[text]") }
