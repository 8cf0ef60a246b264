package format

import (
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// What a reader may want to tell apart. Parse functions return them inside a [*ParseError].
var (
	// ErrNotMessage: the first bytes are not those of the structure that was asked for.
	ErrNotMessage = errors.New("not a Xinfeng message, key file or cell")
	// ErrUnsupportedVersion: a version other than 1. A newer release of this library may know it.
	ErrUnsupportedVersion = errors.New("unsupported version")
	// ErrUnsupportedSuite: a number that names no suite. 0 never will.
	ErrUnsupportedSuite = errors.New("unsupported suite")
	// ErrUnsupportedKind: a kind of key section other than [Attached], [Slots] and [Detached].
	ErrUnsupportedKind = errors.New("unsupported kind of key section")
	// ErrInvalid: Append and Marshal functions were given what the format cannot hold.
	ErrInvalid = errors.New("the format cannot hold this value")
	// ErrSize: a length that no message has.
	ErrSize = suite.ErrSize
	// ErrRange: a range that is not within the plaintext.
	ErrRange = errors.New("range is not within the plaintext")
)

// A ParseError tells where bytes do not follow the format. The cause is one of the sentinels of this package, or
// [io.ErrUnexpectedEOF] if, and only if, the input ended too early; any other cause has a text and no name.
type ParseError struct {
	// Field is one of: magic, version, suite, chunk size, reserved, context length, salt, context, tag, kind, record
	// length, record, slot size, slots, slot 0, slot 1, reference, commit, form, sealed, end, armor.
	Field string
	// Offset is where the field, or the part of it at fault, begins: in bytes from the start of the input. If the
	// input ended too early it is the length of the input.
	Offset int64
	Err    error
}

// Error names field, offset and cause. It holds no byte of the input but numbers.
func (e *ParseError) Error() string {
	return fmt.Sprintf("format: %s at byte %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

func parseError(field string, offset int, err error) error {
	return &ParseError{Field: field, Offset: int64(offset), Err: err}
}

func truncated(field string, length int) error {
	return parseError(field, length, io.ErrUnexpectedEOF)
}

func invalid(field, detail string, args ...any) error {
	return fmt.Errorf("format: %s: %s: %w", field, fmt.Sprintf(detail, args...), ErrInvalid)
}
