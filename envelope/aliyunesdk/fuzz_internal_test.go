package aliyunesdk

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzHeader needs the parsers themselves: what they take, they give back in the same bytes, in either encoding; what they
// refuse has a named error.
func FuzzHeader(f *testing.F) {
	for _, v := range ReadVectors(f) {
		f.Add(v.Message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		c := &cursor{r: bytes.NewReader(message)}
		h, end, err := c.header()
		if err != nil {
			if h != nil {
				t.Error("a header and an error")
			}
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrUnsupportedAlgorithm) &&
				!errors.Is(err, ErrUnsupportedVersion) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("unnamed error: %v", err)
			}
			return
		}
		var got []byte
		if h.Encoding == OneShot {
			der, err := h.marshalDER()
			if err != nil {
				t.Fatal(err)
			}
			got = append(appendDERLength([]byte{derSequence}, len(der)+int(end-c.off)), der...)
		} else {
			got = h.marshalBinary()
		}
		if !bytes.Equal(got, message[:c.off]) {
			t.Fatalf("marshalled to\n%x, want\n%x", got, message[:c.off])
		}
		at, err := c.body(&algorithms[h.Algorithm], h.Encoding, end, int64(len(message)))
		if err != nil {
			return
		}
		if at.off < 0 || at.size < 0 || at.tagAt()+int64(at.tagBytes(&algorithms[h.Algorithm])) != int64(len(message)) {
			t.Errorf("ciphertext of %d bytes at %d in a message of %d", at.size, at.off, len(message))
		}
	})
}
