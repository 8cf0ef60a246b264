package call

import "time"

// An Error is a refusal as the service words it: what a client matches and what a user reads.
type Error struct {
	Code    string
	Status  int // of HTTP
	Message string
	// Param is the parameter that is missing or not valid, "" for other codes.
	Param string
	// Denial says more of a refusal for lack of rights, nil for others.
	Denial *Denial
	// RetryAfter is when the gateway says that a throttled caller may try again, 0 if it does not; Limit is how many calls
	// it says that it takes, 0 for one.
	RetryAfter time.Duration
	Limit      int
}

// A Denial says whose right to what was missing, and why. Its JSON is the AccessDeniedDetail of an answer.
type Denial struct {
	Action        string `json:"AuthAction"`
	PrincipalType string `json:"AuthPrincipalType"`        // SubUser, AssumedRoleUser
	Owner         string `json:"AuthPrincipalOwnerId"`     // account
	Principal     string `json:"AuthPrincipalDisplayName"` // id of the user, or role:session
	Type          string `json:"NoPermissionType"`         // ImplicitDeny, ExplicitDeny
	Policy        string `json:"PolicyType"`               // AccountLevelIdentityBasedPolicy, SessionPolicy
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is reports whether target is an Error with the same code and, if it names a parameter, the same one.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Param == "" || t.Param == e.Param)
}

// The one table of error codes: code, HTTP status and message of every refusal, those with a parameter in them at the
// end. Rooms add theirs here, in a block of their own.

// Refusals of keys and cryptography. Codes of the family Forbidden.*NotFound carry 404 all the same.
var (
	ErrKeyNotFound         = &Error{Code: "Forbidden.KeyNotFound", Status: 404, Message: "The specified Key is not found."}
	ErrKeyVersionNotFound  = &Error{Code: "Forbidden.KeyVersionNotFound", Status: 404, Message: "The specified Key version is not found."}
	ErrCertificateNotFound = &Error{Code: "Certificate.NotFound", Status: 404, Message: "The specified certificate is not found."}
	ErrAliasNotFound       = &Error{Code: "Forbidden.AliasNotFound", Status: 404, Message: "The specified Alias is not found."}

	ErrAliasExists              = &Error{Code: "AliasAlreadyExists", Status: 400, Message: "AliasName Already Exists."}
	ErrLimitExceeded            = &Error{Code: "Rejected.LimitExceeded", Status: 400, Message: "The request was rejected because user create resource limit was exceeded."}
	ErrUnsupportedAlias         = &Error{Code: "Unsupported.Alias", Status: 400, Message: "Alias is not valid for this api."}
	ErrUnsupportedOrigin        = &Error{Code: "Unsupported.Origin", Status: 400, Message: "This key origin is not valid for this api."}
	ErrUnsupportedLevel         = &Error{Code: "Unsupported.ProtectionLevel", Status: 400, Message: "This protection level is not valid for this region"}
	ErrUnsupportedOperation     = &Error{Code: "UnsupportedOperation", Status: 400, Message: "This action is not supported."}
	ErrRejectedOperation        = &Error{Code: "Rejected.UnsupportedOperation", Status: 400, Message: "Unsupported operation."}
	ErrInvalidKeyMaterial       = &Error{Code: "InvalidKeyMaterial", Status: 400, Message: "key material is invalid."}
	ErrInvalidImportToken       = &Error{Code: "InvalidImportToken", Status: 400, Message: "import token is invalid."}
	ErrExpiredImportToken       = &Error{Code: "ExpiredImportToken", Status: 400, Message: "import token is expired."}
	ErrDisabled                 = &Error{Code: "Rejected.Disabled", Status: 409, Message: "The request was rejected because the key state is Disabled."}
	ErrPendingDeletion          = &Error{Code: "Rejected.PendingDeletion", Status: 409, Message: "The request was rejected because the key state is PendingDeletion."}
	ErrPendingImport            = &Error{Code: "Rejected.PendingImport", Status: 409, Message: "The request was rejected because the key state is PendingImport."}
	ErrUnavailable              = &Error{Code: "Rejected.Unavailable", Status: 409, Message: "The request was rejected because the key state is Unavailable."}
	ErrStateModifiedFailed      = &Error{Code: "Rejected.StateModifiedFailed", Status: 409, Message: "Keystate modified failed."}
	ErrDeletionProtection       = &Error{Code: "Rejected.DeletionProtection", Status: 409, Message: "The request was rejected because the key is protected against deletion."}
	ErrParseRequest             = &Error{Code: "ParseRequestParameterException", Status: 400, Message: "Server parse parameters exception. Please check your input params."}
	ErrActionNotFound           = &Error{Code: "InvalidAction.NotFound", Status: 404, Message: "Specified api is not found, please check your url and method."}
	ErrInternalFailure          = &Error{Code: "InternalFailure", Status: 500, Message: "Internal Failure."}
	ErrServiceUnavailable       = &Error{Code: "ServiceUnavailableTemporary", Status: 503, Message: "Service Unavailable Temporary."}
	ErrUserThrottling           = &Error{Code: "Throttling.User", Status: 400, Message: "Request was denied due to user flow control."}
	ErrThrottling               = &Error{Code: "Rejected.Throttling", Status: 429, Message: "QPS Limit Exceeded"}
	ErrGatewayThrottling        = &Error{Code: "Throttling", Status: 400, Message: "Request was denied due to request throttling."}
	ErrServiceNotEnabled        = &Error{Code: "Forbidden.KmsServiceNotEnabled", Status: 403, Message: "Kms service is not Enabled for current user. Please get access permission first."}
	ErrInDebt                   = &Error{Code: "Forbidden.InDebt", Status: 403, Message: "Current user is indebted."}
	ErrInDebtOverdue            = &Error{Code: "Forbidden.InDebtOverdue", Status: 403, Message: "Current user is indebted Overdue."}
	ErrProhibitedByRiskControl  = &Error{Code: "Forbidden.ProhibitedByRiskControl", Status: 403, Message: "Current user is Prohibited By Risk Control."}
	ErrUserIDInvalid            = &Error{Code: "Forbidden.UbsmsInvalidUserid", Status: 403, Message: "Userid Invalid For Ubsms."}
	ErrOpened                   = &Error{Code: "Forbidden.Opened", Status: 400, Message: "Your kms service has been opened."}
	ErrNoRealName               = &Error{Code: "Forbidden.NoRealNameAuthentication", Status: 400, Message: "Real name authentication is needed."}
	ErrOrderFailed              = &Error{Code: "CreateLXOrderFailed", Status: 400, Message: "Create order failed."}
	ErrAccountPartnerNotEnabled = &Error{Code: "Forbidden.UbsmsInvalidBid", Status: 403, Message: "Your account partner does not have KMS Service."}
)

// Refusals of the products that answer beside KMS.
var (
	ErrUnauthorized    = &Error{Code: "NoPermission", Status: 403, Message: "You are not authorized to do this action. You should be authorized by RAM."}
	ErrRoleNotFound    = &Error{Code: "EntityNotExist.Role", Status: 404, Message: "The specified Role not exists."}
	ErrRoleARN         = &Error{Code: "InvalidParameter.RoleArn", Status: 400, Message: "The parameter RoleArn is wrongly formed."}
	ErrRoleSessionName = &Error{Code: "InvalidParameter.RoleSessionName", Status: 400, Message: "The parameter RoleSessionName is wrongly formed."}
	ErrDurationSeconds = &Error{Code: "InvalidParameter.DurationSeconds", Status: 400, Message: "The parameter DurationSeconds is out of range."}
	ErrPolicyGrammar   = &Error{Code: "InvalidParameter.PolicyGrammar", Status: 400, Message: "The parameter Policy has not passed grammar check."}
	ErrPolicySize      = &Error{Code: "InvalidParameter.PolicySize", Status: 400, Message: "The size of Policy must be smaller than 2048 characters."}
	ErrStartTime       = &Error{Code: "InvalidParameterStartTime", Status: 400, Message: "The specified StartTime is invalid."}
	ErrEndTime         = &Error{Code: "InvalidParameterEndTime", Status: 400, Message: "The specified EndTime is invalid."}
	ErrTimeCombination = &Error{Code: "InvalidParameterCombination", Status: 400, Message: "The end time must be later than the start time."}
	ErrQueryParameter  = &Error{Code: "InvalidQueryParameter", Status: 400, Message: "The specified query parameter is invalid."}
)

// Refusals that name something.
var (
	ErrMissingParameter = &Error{Code: "MissingParameter", Status: 400, Message: "A parameter is needed but not provided."}
	ErrInvalidParameter = &Error{Code: "InvalidParameter", Status: 400, Message: "The specified parameter is not valid."}
	ErrNoPermission     = &Error{Code: "Forbidden.NoPermission", Status: 403, Message: "This operation is forbidden by permission system."}
)

// Missing returns ErrMissingParameter for a parameter.
func Missing(param string) *Error {
	return &Error{Code: ErrMissingParameter.Code, Status: ErrMissingParameter.Status, Param: param,
		Message: `The parameter "` + param + `" is needed but not provided.`}
}

// Invalid returns ErrInvalidParameter for a parameter.
func Invalid(param string) *Error {
	return &Error{Code: ErrInvalidParameter.Code, Status: ErrInvalidParameter.Status, Param: param,
		Message: `The specified parameter "` + param + `" is not valid.`}
}

// NoPermission returns ErrNoPermission for a resource.
func NoPermission(arn string) *Error {
	return &Error{Code: ErrNoPermission.Code, Status: ErrNoPermission.Status,
		Message: "This operation for " + arn + " is forbidden by permission system."}
}
