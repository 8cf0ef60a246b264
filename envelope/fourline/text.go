package fourline

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
)

// MaxWrappedKeySize bounds the first line in characters. KMS makes 144 for a data key of 32 bytes.
const MaxWrappedKeySize = kmskey.MaxBlob

// Info is what can be seen of an envelope without a key. None of it is verified.
type Info struct {
	WrappedKey    string // the first line, CiphertextBlob of KMS: base64
	PlaintextSize int    // in bytes
}

// Inspect says what can be seen of a four-line envelope. It makes no call.
//
// Errors: [ErrMalformed]; [ErrChunkFile].
func Inspect(message []byte) (Info, error) {
	e, err := parse(message, len(message))
	if err != nil {
		return Info{}, err
	}
	return Info{WrappedKey: e.blob, PlaintextSize: len(e.sealed) - TagSize}, nil
}

// An envelope is the four lines, decoded but for the first.
type envelope struct {
	blob   string
	nonce  []byte
	sealed []byte // ciphertext || tag
}

func (e *envelope) marshal() []byte {
	ciphertext, tag := e.sealed[:len(e.sealed)-TagSize], e.sealed[len(e.sealed)-TagSize:]
	enc := base64.StdEncoding
	b := make([]byte, 0, len(e.blob)+enc.EncodedLen(NonceSize)+enc.EncodedLen(len(ciphertext))+enc.EncodedLen(TagSize)+4)
	b = append(append(b, e.blob...), '\n')
	for _, field := range [][]byte{e.nonce, ciphertext, tag} {
		b = append(enc.AppendEncode(b, field), '\n')
	}
	return b
}

// parse takes the lines apart. Each field has one spelling; only the ends of lines are taken as they come. Nothing is
// allocated before its length is checked.
func parse(message []byte, maxSize int) (*envelope, error) {
	lines, err := split(message)
	if err != nil {
		if looksLikeChunks(message) {
			return nil, fmt.Errorf("fourline: %w: %s", ErrChunkFile, chunkAdvice)
		}
		return nil, err
	}
	text, enc := lines[2], base64.StdEncoding.Strict()
	if n := len(text)/4*3 - bytes.Count(text[max(0, len(text)-2):], []byte("=")); n > maxSize {
		return nil, fmt.Errorf("fourline: plaintext of %d bytes, limit %d: %w", n, maxSize, ErrTooLarge)
	}
	e := &envelope{blob: string(lines[0])}
	if e.nonce, err = enc.AppendDecode(nil, lines[1]); err != nil || len(e.nonce) != NonceSize {
		return nil, malformed(1, "not base64 of %d bytes", NonceSize)
	}
	e.sealed = make([]byte, 0, enc.DecodedLen(len(text))+enc.DecodedLen(len(lines[3])))
	if e.sealed, err = enc.AppendDecode(e.sealed, text); err != nil {
		return nil, malformed(2, "not base64")
	}
	n := len(e.sealed)
	if e.sealed, err = enc.AppendDecode(e.sealed, lines[3]); err != nil || len(e.sealed)-n != TagSize {
		return nil, malformed(3, "not base64 of %d bytes", TagSize)
	}
	return e, nil
}

// split returns four lines without their ends, of characters of base64 only, the first one a wrapped key, the second and
// fourth not longer than they may be.
func split(message []byte) (lines [][]byte, err error) {
	text := bytes.TrimRight(message, "\r\n")
	if n := bytes.Count(text, []byte("\n")); n != 3 {
		return nil, fmt.Errorf("fourline: %d lines, want 4: %w", n+1, ErrMalformed)
	}
	lines = bytes.SplitN(text, []byte("\n"), 4)
	for i, limit := range []int{MaxWrappedKeySize, base64.StdEncoding.EncodedLen(NonceSize), len(text), base64.StdEncoding.EncodedLen(TagSize)} {
		lines[i] = bytes.TrimSuffix(lines[i], []byte("\r"))
		if n := base64Prefix(lines[i]); n < len(lines[i]) {
			return nil, malformed(i, "character %d is none of base64", n+1)
		}
		if n := len(lines[i]); n > limit {
			return nil, malformed(i, "%d characters, limit %d", n, limit)
		}
	}
	if err := kmskey.CheckBlob(string(lines[0])); err != nil {
		return nil, malformed(0, "%v", err)
	}
	return lines, nil
}

func malformed(line int, format string, args ...any) error {
	return fmt.Errorf("fourline: line %d: %s: %w", line+1, fmt.Sprintf(format, args...), ErrMalformed)
}

// base64Prefix returns how many characters of base64 or its padding b begins with.
func base64Prefix(b []byte) int {
	for i, c := range b {
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=') {
			return i
		}
	}
	return len(b)
}
