package format

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// A Reference names a key file. It is 16 random bytes, so that two of them never meet and none says anything.
type Reference [16]byte

var errReference = errors.New("format: reference: want 32 hexadecimal digits in lower case")

// ParseReference parses what String prints. The error does not echo s.
func ParseReference(s string) (ref Reference, err error) {
	if b, err := hex.DecodeString(s); err != nil || len(b) != len(ref) || hex.EncodeToString(b) != s {
		return Reference{}, fmt.Errorf("%w: %w", errReference, ErrInvalid)
	} else {
		copy(ref[:], b)
	}
	return ref, nil
}

// String returns 32 hexadecimal digits in lower case.
func (r Reference) String() string { return hex.EncodeToString(r[:]) }

// MarshalText returns what String does.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseReference]. After an error r is as before.
func (r *Reference) UnmarshalText(b []byte) error {
	ref, err := ParseReference(string(b))
	if err == nil {
		*r = ref
	}
	return err
}
