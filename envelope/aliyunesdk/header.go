package aliyunesdk

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
)

// A Context is the encryption context of a message: it stands in the message, goes to KMS, and is bound to the body of
// algorithms that authenticate. It is not secret. Nil and empty are the same.
type Context map[string]string

// An Encoding is how a message is laid out.
type Encoding uint8

// The encodings of the format.
const (
	OneShot Encoding = iota + 1 // DER, all lengths first
	Stream                      // binary, the body runs to the end of the input
)

// String returns "one-shot" or "stream".
func (e Encoding) String() string {
	switch e {
	case OneShot:
		return "one-shot"
	case Stream:
		return "stream"
	}
	return fmt.Sprintf("Encoding(%d)", uint8(e))
}

// A WrappedKey is the data key of a message, wrapped under one CMK.
type WrappedKey struct {
	KeyID string // the ARN that the writer configured
	Blob  string // CiphertextBlob of KMS, base64
}

// A Header is what a message says of itself. Of [Inspect] nothing is verified.
type Header struct {
	Encoding  Encoding
	Algorithm Algorithm
	Keys      []WrappedKey // in the order of the message; no two of one key id
	Context   Context      // nil if empty

	iv  [headerIVSize]byte
	tag [tagSize]byte
}

// appendLP appends u32(len(s)) || s.
func appendLP(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

// appendContext appends CTX, the serialised context: nothing for an empty one, else the number of pairs and the pairs in
// the order of their keys, each length-prefixed. It is the body's associated data.
func appendContext(dst []byte, ec Context) []byte {
	if len(ec) == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(ec)))
	for _, k := range slices.Sorted(maps.Keys(ec)) {
		dst = appendLP(appendLP(dst, k), ec[k])
	}
	return dst
}

// sortedKeys returns the wrapped keys in the order of their key ids.
func sortedKeys(keys []WrappedKey) []WrappedKey {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b WrappedKey) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return keys
}

// authenticated returns what the header tag is over. The number of pairs stands in it twice unless it is zero, and the
// wrapped keys are the text of base64, whatever the encoding of the message.
func (h *Header) authenticated() []byte {
	b := binary.BigEndian.AppendUint32(nil, version)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Algorithm))
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.Context)))
	b = appendContext(b, h.Context)
	return appendKeys(b, h.Keys)
}

// appendKeys appends the wrapped keys as the header tag and the stream encoding have them.
func appendKeys(dst []byte, keys []WrappedKey) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(keys)))
	for _, k := range sortedKeys(keys) {
		dst = appendLP(appendLP(dst, k.KeyID), k.Blob)
	}
	return dst
}

// check checks a header that is to be written or was read: what the parsers do not see because it is no matter of one
// field.
func (h *Header) check() error {
	if len(h.Keys) == 0 || len(h.Keys) > MaxWrappedKeys {
		return fmt.Errorf("%w: %d wrapped keys, want 1 to %d", ErrMalformed, len(h.Keys), MaxWrappedKeys)
	}
	for i, k := range h.Keys {
		for _, o := range h.Keys[:i] {
			if k.KeyID == o.KeyID {
				return fmt.Errorf("%w: two wrapped keys of %s", ErrMalformed, kmskey.Quote(k.KeyID))
			}
		}
	}
	return nil
}

// checkKey checks one wrapped key.
func checkKey(k WrappedKey) error {
	if len(k.KeyID) == 0 || !utf8.ValidString(k.KeyID) {
		return fmt.Errorf("%w: key id is empty or not UTF-8", ErrMalformed)
	}
	if err := kmskey.CheckBlob(k.Blob); err != nil {
		return fmt.Errorf("%w: wrapped key: %v", ErrMalformed, err)
	}
	return nil
}

// checkPair checks one pair of a context.
func checkPair(k, v []byte) error {
	if !utf8.Valid(k) || !utf8.Valid(v) {
		return fmt.Errorf("%w: context pair is not UTF-8", ErrMalformed)
	}
	return nil
}

// ascending checks that key follows last, in an order in which nothing is there twice.
func ascending(last, key []byte, first bool) error {
	if !first && bytes.Compare(last, key) >= 0 {
		return fmt.Errorf("%w: not in ascending order", ErrMalformed)
	}
	return nil
}
