package aliyunesdk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

var (
	// ErrAuthentication: message, context or key do not fit together. It says no more on purpose. It is the same value as
	// envelope.ErrAuthentication.
	ErrAuthentication = suite.ErrAuthentication

	// ErrMalformed: the bytes are no message, or one that is not encoded strictly.
	ErrMalformed = errors.New("malformed")

	// ErrUnsupportedVersion: the version of a message is not 1.
	ErrUnsupportedVersion = errors.New("unsupported version")

	// ErrUnsupportedAlgorithm: a message has an algorithm that the format does not know.
	ErrUnsupportedAlgorithm = errors.New("unsupported algorithm")

	// ErrUnauthenticatedAlgorithm: the algorithm of a message does not protect its body, and
	// [Options.InsecureAllowAlgorithms] does not name it.
	ErrUnauthenticatedAlgorithm = errors.New("algorithm without authentication is not allowed")

	// ErrTooLarge: a length is above its limit.
	ErrTooLarge = errors.New("larger than the limit")

	// ErrNoMatch: no wrapped key of the message is under a CMK of the client's.
	ErrNoMatch = errors.New("no wrapped key for this client")

	// ErrInvalidContext: a context is not UTF-8, or longer than KMS takes.
	ErrInvalidContext = kmskey.ErrInvalidContext

	// ErrWrongKey: a wrapped key is under another CMK than it says, or another CMK answered.
	ErrWrongKey = kmskey.ErrWrongKey

	// ErrInvalidDataKey: what the key service answered is no data key for the algorithm.
	ErrInvalidDataKey = kmskey.ErrInvalidDataKey

	// ErrExhausted: under a [Detached] header no more messages may be written.
	ErrExhausted = errors.New("data key has written its share of messages")

	// ErrClosed: a [Writer] was used after Close.
	ErrClosed = errors.New("writer is closed")
)

// A ParseError says where a message is wrong. It matches its cause: [ErrMalformed], [ErrTooLarge],
// [ErrUnsupportedVersion], [ErrUnsupportedAlgorithm], or io.ErrUnexpectedEOF for one that is cut.
type ParseError struct {
	Field  string // such as "header tag"
	Offset int64  // of the field in the message, in bytes
	Err    error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("aliyunesdk: %s at byte %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Err }

// An UnwrapError says why no wrapped key of a message could be opened: one error for each that was tried, in the order of
// the message. errors.Is and errors.As look through all of them.
type UnwrapError struct {
	Errs []error
}

func (e *UnwrapError) Error() string {
	texts := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		texts[i] = err.Error()
	}
	return "aliyunesdk: no wrapped key could be opened: " + strings.Join(texts, "; ")
}

// Unwrap returns the errors of the wrapped keys that were tried.
func (e *UnwrapError) Unwrap() []error { return e.Errs }

// errNotAuthentic is what every local failure of authentication looks like.
func errNotAuthentic() error { return fmt.Errorf("aliyunesdk: message is %w", ErrAuthentication) }
