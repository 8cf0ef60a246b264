package kmsclient

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Causes that package kmsapi does not tell apart. An [Error] that matches one of them matches the wider sentinel of
// kmsapi as well.
var (
	// ErrAliasNotFound: the alias does not exist in this region and account. Matches kmsapi.ErrKeyNotFound too.
	// Code Forbidden.AliasNotFound.
	ErrAliasNotFound = errors.New("alias not found")
	// ErrTooLarge: a plaintext or an encryption context is longer than KMS takes. No call was made. Matches
	// kmsapi.ErrInvalidParameter too.
	ErrTooLarge = errors.New("too large for KMS")
	// ErrClockSkewed: the date of the request is not near the service's, so the clock of this machine is probably wrong.
	// Matches kmsapi.ErrUnauthenticated too. Codes IllegalTimestamp, InvalidTimeStamp.Expired and their kin.
	ErrClockSkewed = errors.New("clock of this machine is off")
	// ErrInvalidAnswer: what came back is no answer of KMS: no JSON, a field that is missing or of another type, a
	// redirect, more than 1 MiB. Matches kmsapi.ErrUnavailable too.
	ErrInvalidAnswer = errors.New("invalid answer")
	// ErrNotBytes: what was decrypted is a text that [Client.EncryptBytes] has not made.
	ErrNotBytes = errors.New("decrypted text is not base64")
)

// An Error is why a call failed: the service refused it, could not be reached, or what was asked for cannot be.
//
// It matches by errors.Is the causes of package kmsapi and of this one, and context.Canceled or
// context.DeadlineExceeded if the caller's context ended the call. Its text holds the operation, the service's code,
// message and request id, and what can be done. It never holds a plaintext, a key, a value of an encryption context, a
// credential, a signature, a URL, a header or a body, whatever a peer puts into its messages.
type Error struct {
	Op   string // the operation, as the service names it
	Code string // as the service spells it; with the prefix "Client." if the service has not answered: see the constants
	// StatusCode is that of HTTP, 0 without an answer. Not-found codes have 404 though they begin with Forbidden.
	StatusCode int
	RequestID  string // of the service, which its support asks for; "" without an answer
	// Message is what the service says, or what went wrong instead; at most 512 bytes. It may name a parameter or an ARN
	// that the caller gave. "" where the service repeats parts of the request or where its origin may hold secrets.
	Message  string
	Attempts int // requests that were sent; 0 if it did not come to that

	causes []error // sentinels, and the error of a context
	remedy string
	retry  bool   // the call may succeed a moment later
	note   string // why there are no more attempts, "" if the code says so
}

// Codes of an [Error] that are not the service's.
const (
	CodeCanceled         = "Client.Canceled"         // the context was cancelled
	CodeDeadlineExceeded = "Client.DeadlineExceeded" // the context's deadline has passed
	CodeUnreachable      = "Client.Unreachable"      // no connection, or it broke, or no answer in time
	CodeInvalidAnswer    = "Client.InvalidAnswer"    // see ErrInvalidAnswer
	CodeNoCredentials    = "Client.NoCredentials"    // no credential to sign with
	CodeInvalidRequest   = "Client.InvalidRequest"   // KMS would not take the arguments
	CodeTooLarge         = "Client.TooLarge"         // see ErrTooLarge
	CodeNotBytes         = "Client.NotBytes"         // see ErrNotBytes
)

// Limits on what an error keeps of a peer's words, in bytes.
const (
	maxMessage   = 512
	maxCode      = 64
	maxRequestID = 64
)

// Error says operation, code, message, request id, attempts and remedy.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kmsclient: %s: %s", e.Op, e.Code)
	if e.Message != "" {
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	var facts []string
	if e.StatusCode != 0 {
		facts = append(facts, fmt.Sprintf("HTTP %d", e.StatusCode))
	}
	if e.RequestID != "" {
		facts = append(facts, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		facts = append(facts, fmt.Sprintf("%d attempts", e.Attempts))
	}
	if e.note != "" {
		facts = append(facts, e.note)
	}
	if len(facts) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(facts, ", "))
	}
	if e.remedy != "" {
		b.WriteString(": " + e.remedy)
	}
	return b.String()
}

// Unwrap returns the sentinels that the error matches.
func (e *Error) Unwrap() []error { return e.causes }

// Remedy says in words what can be done, "" if that is not known.
func (e *Error) Remedy() string { return e.remedy }

// newError returns the Error of a code, with the causes and the remedy that the table has for it.
func newError(op, code string, status int, message string) *Error {
	e := &Error{Op: op, Code: code, StatusCode: status, Message: cut(message, maxMessage)}
	e.because(causeOf(code, status))
	return e
}

func (e *Error) because(c *cause) {
	e.causes, e.remedy, e.retry = c.matches, c.remedy, c.retry || e.StatusCode >= 500
}

// ended returns e as the error of a call that the end of its context has cut short: with err, the context's, among its
// causes.
func (e *Error) ended(err error) *Error {
	f := *e
	f.causes = append(slices.Clip(e.causes), err)
	f.note = err.Error()
	return &f
}

// cut returns the part of a peer's text that an error may hold: valid UTF-8, at most limit bytes and what marks the cut.
func cut(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

// plain returns a peer's code or request id if that is what it is, printable ASCII without blanks of a sane length; else
// "".
func plain(s string, limit int) string {
	if len(s) > limit || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\%&=`, r) }) {
		return ""
	}
	return s
}
