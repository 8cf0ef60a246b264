package kmsapi

import "errors"

// The causes of errors that a caller can act on. An [API] wraps them, one for each code of the service that it knows;
// match them with errors.Is and never by text. Whether a call is worth repeating is for the client to know, which has
// already repeated what can be.
var (
	// ErrKeyNotFound: the key, version or alias does not exist in this region and account, or no more.
	// Codes Forbidden.KeyNotFound, Forbidden.KeyVersionNotFound, Forbidden.AliasNotFound.
	ErrKeyNotFound = errors.New("key not found")
	// ErrDisabled: the key is disabled; EnableKey makes it usable. Code Rejected.Disabled.
	ErrDisabled = errors.New("key is disabled")
	// ErrPendingDeletion: the key waits for its destruction; CancelKeyDeletion makes it usable.
	// Code Rejected.PendingDeletion.
	ErrPendingDeletion = errors.New("key is pending deletion")
	// ErrPendingImport: the key has no material; ImportKeyMaterial makes it usable. Code Rejected.PendingImport.
	ErrPendingImport = errors.New("key is pending import of its material")
	// ErrKeyUnavailable: the key cannot be used for a reason of the service's. Code Rejected.Unavailable.
	ErrKeyUnavailable = errors.New("key is unavailable")
	// ErrInvalidCiphertext: the blob is damaged, or was made with another encryption context: the service does not tell
	// which. Code InvalidParameter where the parameter is CiphertextBlob.
	ErrInvalidCiphertext = errors.New("ciphertext or encryption context is invalid")
	// ErrInvalidParameter: any other parameter is missing, malformed or out of range.
	// Codes InvalidParameter, MissingParameter, Unsupported.Alias and their kin.
	ErrInvalidParameter = errors.New("invalid parameter")
	// ErrUnsupportedOperation: the kind of key does not fit the operation.
	// Codes UnsupportedOperation, Rejected.UnsupportedOperation, Unsupported.Origin.
	ErrUnsupportedOperation = errors.New("operation does not fit the key")
	// ErrAccessDenied: the caller has no right to do this. Code Forbidden.NoPermission.
	ErrAccessDenied = errors.New("access denied")
	// ErrUnauthenticated: the credentials, signature or date of the request were not accepted.
	// Codes InvalidAccessKeyId.NotFound, SignatureDoesNotMatch, InvalidSecurityToken.Expired and their kin.
	ErrUnauthenticated = errors.New("credentials not accepted")
	// ErrServiceNotEnabled: KMS is not activated for the account, or is suspended. Codes Forbidden.KmsServiceNotEnabled,
	// Forbidden.InDebt, Forbidden.InDebtOverdue and their kin.
	ErrServiceNotEnabled = errors.New("service not enabled for the account")
	// ErrConflict: the thing exists already, or its state does not allow the change.
	// Codes AliasAlreadyExists, Rejected.StateModifiedFailed and their kin.
	ErrConflict = errors.New("conflict with the present state")
	// ErrLimitExceeded: a quota of keys, aliases or versions is used up. Code Rejected.LimitExceeded.
	ErrLimitExceeded = errors.New("quota exceeded")
	// ErrThrottled: too many calls. Codes Rejected.Throttling, Throttling and all that contain Throttling.
	ErrThrottled = errors.New("throttled")
	// ErrUnavailable: the service cannot be reached or does not work at present: 5xx, InternalFailure,
	// ServiceUnavailableTemporary, and every failure to connect.
	ErrUnavailable = errors.New("service unavailable")
)
