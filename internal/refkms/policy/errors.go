package policy

import (
	"errors"
	"fmt"
)

// The causes of an [Error].
var (
	// ErrSize: the document has more characters than its kind of policy may have.
	ErrSize = errors.New("document is too long")
	// ErrSyntax: the document is not one JSON text in UTF-8.
	ErrSyntax = errors.New("not JSON")
	// ErrType: a value is of another type than the element has. Numbers and booleans are written as strings.
	ErrType = errors.New("value of the wrong type")
	// ErrElement: the policy language has no such element, or not in this kind of policy.
	ErrElement = errors.New("unknown element")
	// ErrDuplicate: an element occurs twice, or both Action and NotAction do.
	ErrDuplicate = errors.New("element given twice")
	// ErrMissing: a required element is missing.
	ErrMissing = errors.New("element is missing")
	// ErrEmpty: a list or a block is empty.
	ErrEmpty = errors.New("nothing in it")
	// ErrValue: a text is not one that can stand there.
	ErrValue = errors.New("value is not valid")
	// ErrOperator: RAM has no such condition operator.
	ErrOperator = errors.New("the condition operator is not supported")
)

// maxQuoted is the number of bytes that an error quotes of what it is about.
const maxQuoted = 64

// An Error says why a document is refused.
type Error struct {
	Path   string // of the element, as Statement[1].Condition.StringLike; "" for the document
	Offset int64  // in bytes, where in the document it was found
	Value  string // what stands there, cut to 64 bytes; "" if that says nothing
	Err    error  // matches one of the causes above
}

// Error names the place, the cause and the offset.
func (e *Error) Error() string {
	where, what := "", ""
	if e.Path != "" {
		where = e.Path + ": "
	}
	if e.Value != "" {
		what = fmt.Sprintf(" %q", e.Value)
	}
	return fmt.Sprintf("policy: %s%v%s, at byte %d", where, e.Err, what, e.Offset)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// cut shortens a text that an error quotes.
func cut(s string) string {
	if len(s) <= maxQuoted {
		return s
	}
	return s[:maxQuoted] // %q shows a character that this cuts in two as its bytes
}
