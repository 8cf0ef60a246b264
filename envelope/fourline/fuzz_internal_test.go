package fourline

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

// FuzzParse needs the lines themselves: what is taken apart must be put together again to the same bytes, but for the
// ends of lines.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"sales.csv.cipher", "empty.cipher", "sales.csv.chunks"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := parse(message, 1000)
		if err != nil {
			if e != nil {
				t.Error("an envelope and an error")
			}
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrChunkFile) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("unnamed error: %v", err)
			}
			return
		}
		if len(e.nonce) != NonceSize || len(e.sealed) < TagSize || len(e.sealed) > 1000+TagSize {
			t.Fatalf("nonce of %d bytes, sealed %d", len(e.nonce), len(e.sealed))
		}
		want := append(bytes.ReplaceAll(bytes.TrimRight(message, "\r\n"), []byte("\r\n"), []byte("\n")), '\n')
		if got := e.marshal(); !bytes.Equal(got, want) {
			t.Errorf("marshal = %q, want %q", got, want)
		}
	})
}
