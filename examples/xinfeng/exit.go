package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// The exit codes of the program. They are documented in README.md and do not change.
const (
	exitDone         = 0
	exitFailed       = 1 // also when it was interrupted
	exitUsage        = 2
	exitNotAuthentic = 3
	exitNoAccess     = 4
)

// A usageError says that the command line is wrong; nothing was done, or nothing to the one of several files that it is of.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// A batchError is what becomes of several files of which some have failed. They have been listed.
type batchError struct{ code int }

func (e batchError) Error() string { return "not all files are done" }

// noAccess are the causes for which a key cannot be used by the caller, now or ever. That the service is busy or cannot be
// reached is none of them.
var noAccess = []error{
	keyring.ErrNoMatch, keyring.ErrWrongKey, keyring.ErrUnauthenticatedSender, keyring.ErrCallLimit, errNoLocal,
	aliyunesdk.ErrNoMatch, osscse.ErrNoMatch, fourline.ErrWrongKey, // which is that of all three
	kmsapi.ErrKeyNotFound, kmsapi.ErrDisabled, kmsapi.ErrPendingDeletion, kmsapi.ErrPendingImport, kmsapi.ErrKeyUnavailable,
	kmsapi.ErrAccessDenied, kmsapi.ErrUnauthenticated, kmsapi.ErrServiceNotEnabled, kmsapi.ErrUnsupportedOperation,
}

// exitCode returns the code for an error, exitDone for nil.
func exitCode(err error) int {
	var batch batchError
	var usage usageError
	var parse *format.ParseError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &batch):
		return batch.code
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.Is(err, envelope.ErrAuthentication):
		return exitNotAuthentic
	}
	for _, cause := range noAccess {
		if errors.Is(err, cause) {
			return exitNoAccess
		}
	}
	// What is a message and damaged in its header is not authentic; what is none, or of a later version, is neither.
	if errors.As(err, &parse) && !errors.Is(err, format.ErrNotMessage) && !errors.Is(err, format.ErrUnsupportedVersion) &&
		!errors.Is(err, format.ErrUnsupportedSuite) && !errors.Is(err, format.ErrUnsupportedKind) && !errors.Is(err, format.ErrSize) {
		return exitNotAuthentic
	}
	return exitFailed
}

// graver returns the code that counts of two: what is not authentic before what has no key before what needs another flag
// before what failed.
func graver(a, b int) int {
	order := map[int]int{exitDone: 0, exitFailed: 1, exitUsage: 2, exitNoAccess: 3, exitNotAuthentic: 4}
	if order[b] > order[a] {
		return b
	}
	return a
}

// remedy says in words what a person can do about an error, "" if that is not known.
func remedy(err error) string {
	var parse *format.ParseError
	switch {
	case errors.Is(err, envelope.ErrSourceChanged):
		return "try again when nobody writes to it"
	case errors.Is(err, envelope.ErrAuthentication) && errors.Is(err, io.ErrUnexpectedEOF):
		return "it may have been cut; fetch it again, or see 'xinfeng verify --salvage'"
	case errors.Is(err, envelope.ErrAuthentication):
		return "the message, the context or the key is not the right one; 'xinfeng inspect' shows what the message asks for"
	case errors.Is(err, keyring.ErrNoMatch), errors.Is(err, aliyunesdk.ErrNoMatch), errors.Is(err, fourline.ErrWrongKey):
		return "it is under another key; 'xinfeng inspect' shows which"
	case errors.Is(err, kmsapi.ErrDisabled):
		return "'xinfeng keys enable' makes the key usable"
	case errors.Is(err, kmsapi.ErrPendingDeletion):
		return "'xinfeng keys cancel-deletion' makes the key usable"
	case errors.As(err, &parse) && errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends within its header: fetch it again"
	}
	return ""
}
