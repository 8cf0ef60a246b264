package refkms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// An Error is a refusal of the service. It matches, by errors.Is, the sentinel of package kmsapi for its cause.
type Error struct {
	Op         string // the operation
	Code       string // as the service spells it: Forbidden.KeyNotFound
	StatusCode int    // of HTTP; not-found codes have 404 though they begin with Forbidden
	Message    string // as the service words it; it may name a parameter or an ARN that the caller gave
	RequestID  string

	cause error // of kmsapi, nil if it has none for the code
}

// maxShown is the longest part of a caller's text that an error shows, in bytes.
const maxShown = 256

// cut shortens what a caller chose for an error text.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// Error says operation, code, message and request id.
func (e *Error) Error() string {
	return fmt.Sprintf("refkms: %s: %s: %q (HTTP %d, request %s)", cut(e.Op), e.Code, cut(e.Message), e.StatusCode, e.RequestID)
}

// Is reports whether target is the sentinel of package kmsapi that fits the code.
func (e *Error) Is(target error) bool { return e.cause != nil && target == e.cause }

// causes is the table of codes and the sentinels they match. That a secret, or something to be tagged, is not found has
// none: Forbidden.ResourceNotFound, InvalidResourceId.NotFound.
var causes = map[string]error{
	"Forbidden.KeyNotFound":             kmsapi.ErrKeyNotFound,
	"Forbidden.KeyVersionNotFound":      kmsapi.ErrKeyNotFound,
	"Forbidden.AliasNotFound":           kmsapi.ErrKeyNotFound,
	"Rejected.Disabled":                 kmsapi.ErrDisabled,
	"Rejected.PendingDeletion":          kmsapi.ErrPendingDeletion,
	"Rejected.PendingImport":            kmsapi.ErrPendingImport,
	"Rejected.Unavailable":              kmsapi.ErrKeyUnavailable,
	"MissingParameter":                  kmsapi.ErrInvalidParameter,
	"InvalidParameter":                  kmsapi.ErrInvalidParameter, // but for CiphertextBlob, see wrap
	"Unsupported.Alias":                 kmsapi.ErrInvalidParameter,
	"Unsupported.ProtectionLevel":       kmsapi.ErrInvalidParameter,
	"InvalidKeyMaterial":                kmsapi.ErrInvalidParameter,
	"InvalidImportToken":                kmsapi.ErrInvalidParameter,
	"ExpiredImportToken":                kmsapi.ErrInvalidParameter,
	"ParseRequestParameterException":    kmsapi.ErrInvalidParameter,
	"UnsupportedOperation":              kmsapi.ErrUnsupportedOperation,
	"Rejected.UnsupportedOperation":     kmsapi.ErrUnsupportedOperation,
	"Unsupported.Origin":                kmsapi.ErrUnsupportedOperation,
	"InvalidAction.NotFound":            kmsapi.ErrUnsupportedOperation,
	"Forbidden.NoPermission":            kmsapi.ErrAccessDenied,
	"Forbidden.KmsServiceNotEnabled":    kmsapi.ErrServiceNotEnabled,
	"Forbidden.InDebt":                  kmsapi.ErrServiceNotEnabled,
	"Forbidden.InDebtOverdue":           kmsapi.ErrServiceNotEnabled,
	"Forbidden.ProhibitedByRiskControl": kmsapi.ErrServiceNotEnabled,
	"Forbidden.UbsmsInvalidUserid":      kmsapi.ErrServiceNotEnabled,
	"Forbidden.UbsmsInvalidBid":         kmsapi.ErrServiceNotEnabled,
	"Forbidden.KeyPolicyUnSupported":    kmsapi.ErrUnsupportedOperation,
	"Rejected.InvalidRequest":           kmsapi.ErrInvalidParameter,
	"InvalidParameter.TagKey":           kmsapi.ErrInvalidParameter,
	"InvalidParameter.TagValue":         kmsapi.ErrInvalidParameter,
	"Duplicate.TagKey":                  kmsapi.ErrInvalidParameter,
	"Forbidden.DKMSInstanceNotFound":    kmsapi.ErrInvalidParameter,
	"Rejected.ResourceExist":            kmsapi.ErrConflict,
	"Rejected.ResourceInDeleteWindow":   kmsapi.ErrConflict,
	"Rejected.ResourceInUse":            kmsapi.ErrConflict,
	"AliasAlreadyExists":                kmsapi.ErrConflict,
	"Rejected.StateModifiedFailed":      kmsapi.ErrConflict,
	"Rejected.DeletionProtection":       kmsapi.ErrConflict,
	"Rejected.LimitExceeded":            kmsapi.ErrLimitExceeded,
	"Rejected.Throttling":               kmsapi.ErrThrottled,
	"Throttling":                        kmsapi.ErrThrottled,
	"Throttling.User":                   kmsapi.ErrThrottled,
	"InternalFailure":                   kmsapi.ErrUnavailable,
	"ServiceUnavailableTemporary":       kmsapi.ErrUnavailable,

	"Certificate.NotFound":               kmsapi.ErrKeyNotFound,
	"Forbidden.NoRealNameAuthentication": kmsapi.ErrServiceNotEnabled,
	"CreateLXOrderFailed":                kmsapi.ErrServiceNotEnabled,
	"Forbidden.Opened":                   kmsapi.ErrConflict,

	// Of dry runs. One that would have succeeded has no cause.
	"ValidationError":   kmsapi.ErrInvalidParameter,
	"AccessDeniedError": kmsapi.ErrAccessDenied,

	// Callers who prove nothing.
	"InvalidAccessKeyId.NotFound":                kmsapi.ErrUnauthenticated,
	"Forbidden.AccessKey":                        kmsapi.ErrUnauthenticated,
	"MissingSecurityToken":                       kmsapi.ErrUnauthenticated,
	"InvalidSecurityToken.Expired":               kmsapi.ErrUnauthenticated,
	"InvalidSecurityToken.Malformed":             kmsapi.ErrUnauthenticated,
	"InvalidSecurityToken.MismatchWithAccessKey": kmsapi.ErrUnauthenticated,

	// Products that answer beside KMS.
	"NoPermission":                     kmsapi.ErrAccessDenied,
	"EntityNotExist.Role":              kmsapi.ErrInvalidParameter,
	"InvalidParameter.RoleArn":         kmsapi.ErrInvalidParameter,
	"InvalidParameter.RoleSessionName": kmsapi.ErrInvalidParameter,
	"InvalidParameter.DurationSeconds": kmsapi.ErrInvalidParameter,
	"InvalidParameter.PolicyGrammar":   kmsapi.ErrInvalidParameter,
	"InvalidParameter.PolicySize":      kmsapi.ErrInvalidParameter,
	"InvalidParameterStartTime":        kmsapi.ErrInvalidParameter,
	"InvalidParameterEndTime":          kmsapi.ErrInvalidParameter,
	"InvalidParameterCombination":      kmsapi.ErrInvalidParameter,
	"InvalidQueryParameter":            kmsapi.ErrInvalidParameter,
	"MalformedPolicyDocument":          kmsapi.ErrInvalidParameter,
}

// families is the same table for codes of RAM, which end in the name of what they are about.
var families = map[string]error{
	"EntityNotExist":      kmsapi.ErrInvalidParameter,
	"InvalidParameter":    kmsapi.ErrInvalidParameter,
	"EntityAlreadyExists": kmsapi.ErrConflict,
	"DeleteConflict":      kmsapi.ErrConflict,
}

// wrap returns err as the typed face tells it.
func wrap(op, requestID string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("refkms: %s: %w", cut(op), err)
	}
	var refusal *call.Error
	if !errors.As(err, &refusal) {
		return fmt.Errorf("refkms: %s: %w: %w", cut(op), kmsapi.ErrUnavailable, err) // of the store
	}
	e := &Error{Op: op, Code: refusal.Code, StatusCode: refusal.Status, Message: refusal.Message, RequestID: requestID,
		cause: causes[refusal.Code]}
	switch {
	case refusal.Code == "InvalidParameter" && refusal.Param == "CiphertextBlob":
		e.cause = kmsapi.ErrInvalidCiphertext
	case e.cause == nil: // families of RAM
		family, _, _ := strings.Cut(refusal.Code, ".")
		e.cause = families[family]
	}
	return e
}
