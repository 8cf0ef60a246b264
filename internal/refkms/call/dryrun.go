package call

import (
	"errors"
	"slices"
)

// dryRunParam is the parameter by which a caller asks what would become of a call: a boolean of those operations that
// declare it. A call that has it true is checked as ever, has no effect, and is always refused.
const dryRunParam = "DryRun"

// The refusals of dry runs. ErrValidation has the words of what is wrong with the parameters.
var (
	ErrDryRun       = &Error{Code: "DryRunOperationError", Status: 400, Message: "The request would have succeeded, but the DryRun parameter is set."}
	ErrValidation   = &Error{Code: "ValidationError", Status: 400, Message: "The specified parameter in the request is invalid."}
	ErrAccessDenied = &Error{Code: "AccessDeniedError", Status: 403, Message: "You are not authorized to operate on the KMS resource."}
)

// DryRunOutcome returns what a dry run is answered with, err being what the call came to: [ErrDryRun] if it succeeded,
// ErrValidation for a parameter that is missing or not valid, ErrAccessDenied for a lack of rights. Other refusals, of a
// key that is not there or not enabled, are told as ever.
func DryRunOutcome(err error) error {
	var refusal *Error
	if err == nil {
		return ErrDryRun
	}
	if !errors.As(err, &refusal) {
		return err
	}
	outcome := *refusal
	switch {
	case errors.Is(refusal, ErrMissingParameter), errors.Is(refusal, ErrInvalidParameter), errors.Is(refusal, ErrUnsupportedAlias):
		outcome.Code, outcome.Status = ErrValidation.Code, ErrValidation.Status
	case errors.Is(refusal, ErrNoPermission):
		outcome.Code, outcome.Status, outcome.Message = ErrAccessDenied.Code, ErrAccessDenied.Status, ErrAccessDenied.Message
	}
	return &outcome
}

// dryRun returns the index of the parameter, -1 for an operation that does not have it.
func (ps params) dryRun() int {
	return slices.IndexFunc(ps, func(p param) bool { return p.name == dryRunParam && p.kind == boolKind })
}
