package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

var (
	// ErrNoMatch: none of the wrapped keys of a message is one of the provider's own. Another provider may have one.
	ErrNoMatch = errors.New("no wrapped key for this provider")

	// ErrAuthentication: something is not authentic: a wrapped key, a context, a message. It is the same value as
	// envelope.ErrAuthentication, and on purpose says no more.
	ErrAuthentication = suite.ErrAuthentication

	// ErrWrongKey: the key service answered with another key than the one asked for. The answer was wiped.
	ErrWrongKey = errors.New("another key answered")

	// ErrUnauthenticatedSender: a provider that proves no sender was not asked to open a message, see
	// [MultiOptions.InsecureAllowUnauthenticatedSenders].
	ErrUnauthenticatedSender = errors.New("provider proves no sender")

	// ErrDuplicateKey: two providers of a [Multi] wrap under one key, or [Recipients] were given one twice. A message has one
	// entry for a key.
	ErrDuplicateKey = errors.New("another provider wraps under this key")

	// ErrCallLimit: a message names more keys than may be tried for one message, see [Discovery].
	ErrCallLimit = errors.New("limit of calls for one message")

	// ErrInvalidDataKey: a data key is not 32 bytes, or came in an encoding that is not strict base64.
	ErrInvalidDataKey = errors.New("invalid data key")

	// ErrContextTooLong: the stored pairs are longer than the key service takes.
	ErrContextTooLong = errors.New("encryption context too long")

	// ErrNeedKey: a wrapped key cannot be renewed without the data key. Decrypt, verify the message, and ask again with
	// the key.
	ErrNeedKey = errors.New("data key needed to wrap")

	// ErrDestroyed: a data key was used after its last borrower destroyed it.
	ErrDestroyed = errors.New("data key is destroyed")

	// ErrInvalidKey: a text, number or set of keys is no key of a recipient, see [PublicKey] and [Recipients].
	ErrInvalidKey = errors.New("no key of a recipient")

	// ErrPassphrase: what was given is no passphrase: empty, too long, or not UTF-8.
	ErrPassphrase = errors.New("not a passphrase")

	// ErrCost: a wrapped key of a [Passphrase] asks its reader for more memory, passes or lanes than he allows, or for what
	// Argon2id does not have; or a writer was configured so.
	ErrCost = errors.New("cost of a passphrase is out of bounds")

	// ErrClosed: a [Caching] or [Passphrase] was used after Close.
	ErrClosed = errors.New("provider is closed")
)

// An UnwrapError says why no wrapped key of a message could be opened: one error for each key or provider that was
// tried, in the order in which they were. errors.Is and errors.As look through all of them.
//
// Those that the providers of this package return match [ErrNoMatch] only if every one of Errs does: where one key was
// tried and failed, "not mine" of the others is not the answer.
type UnwrapError struct {
	Errs []error
}

func (e *UnwrapError) Error() string {
	var b strings.Builder
	b.WriteString("keyring: no wrapped key could be opened")
	for i, err := range e.Errs {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

// Unwrap returns the errors of the keys that were tried.
func (e *UnwrapError) Unwrap() []error { return e.Errs }

// unwrapError returns the error of a Decrypt that tried several keys or providers, of which there is at least one: the
// only one as it is, else an [UnwrapError]. errs belongs to it from now on.
//
// A caller may drop or pass on a message for which he sees ErrNoMatch. He must not for one whose key is his and could not
// be reached just now, so "not mine" of one provider stays visible only if all the others say so, too.
func unwrapError(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	noMatch := func(err error) bool { return errors.Is(err, ErrNoMatch) }
	if slices.ContainsFunc(errs, func(err error) bool { return !noMatch(err) }) {
		for i, err := range errs {
			if noMatch(err) {
				errs[i] = amongOthers{err}
			}
		}
	}
	return &UnwrapError{errs}
}

// unwrapDone is unwrapError for a Decrypt that went no further because its context is done, which the error matches
// whatever the keys and providers said before.
func unwrapDone(ctx context.Context, errs []error) error {
	if !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, ctx.Err()) }) {
		errs = append(errs, fmt.Errorf("keyring: %w", ctx.Err()))
	}
	return unwrapError(errs)
}

// amongOthers is an error that matches all that it did, but not ErrNoMatch: an attack that ErrWrongKey tells of stays
// visible, whatever else failed.
type amongOthers struct{ error }

func (e amongOthers) Is(target error) bool { return target != ErrNoMatch && errors.Is(e.error, target) }
func (e amongOthers) As(target any) bool   { return errors.As(e.error, target) }

// quote prints a name that a peer chose, cut to a length at which it stays readable.
func quote(s string) string {
	const most = 128
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
