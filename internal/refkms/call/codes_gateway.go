package call

// Refusals of the gateway, which stands before the service: of what is no request of it, and of callers who prove
// nothing. Where the service has a code of its own for the same, that one is told.
var (
	ErrUnsupportedMethod      = &Error{Code: "UnsupportedHTTPMethod", Status: 403, Message: "This http method is not supported."}
	ErrNeedTLS                = &Error{Code: "InvalidProtocol.NeedSsl", Status: 400, Message: "Your request is denied as lack of ssl protect."}
	ErrInvalidVersion         = &Error{Code: "InvalidVersion", Status: 400, Message: "Specified parameter Version is not valid."}
	ErrInvalidSignatureMethod = &Error{Code: "InvalidSignatureMethod", Status: 400, Message: "Specified signature method is not valid."}

	ErrAccessKeyNotFound = &Error{Code: "InvalidAccessKeyId.NotFound", Status: 404, Message: "The AccessKey ID provided does not exist in our records."}
	ErrAccessKeyDisabled = &Error{Code: "Forbidden.AccessKey", Status: 403, Message: "This AccessKey is not enabled."}

	// ErrIllegalTimestamp is told of a date that is absent and of one that lies outside the window; the wording is the
	// service's for both.
	ErrIllegalTimestamp = &Error{Code: "IllegalTimestamp", Status: 400, Message: `The input parameter "Timestamp" that is mandatory for processing this request is not supplied.`}
	ErrTimestampFormat  = &Error{Code: "InvalidTimeStamp.Format", Status: 400, Message: "Specified time stamp or date value is not well formatted."}
	ErrTimestampExpired = &Error{Code: "InvalidTimeStamp.Expired", Status: 400, Message: "Specified time stamp or date value is expired."}
	ErrNonceUsed        = &Error{Code: "SignatureNonceUsed", Status: 400, Message: "Specified signature nonce was used already."}

	ErrMissingSecurityToken    = &Error{Code: "MissingSecurityToken", Status: 400, Message: "SecurityToken is mandatory for this action."}
	ErrSecurityTokenExpired    = &Error{Code: "InvalidSecurityToken.Expired", Status: 400, Message: "Specified SecurityToken is expired."}
	ErrSecurityTokenMalformed  = &Error{Code: "InvalidSecurityToken.Malformed", Status: 400, Message: "Specified SecurityToken is malformed."}
	ErrSecurityTokenMismatched = &Error{Code: "InvalidSecurityToken.MismatchWithAccessKey", Status: 400, Message: "Specified SecurityToken mismatch with the AccessKey."}

	ErrIncompleteSignature   = &Error{Code: "IncompleteSignature", Status: 400, Message: "The request signature does not conform to Alibaba Cloud standards."}
	ErrSignatureDoesNotMatch = &Error{Code: "SignatureDoesNotMatch", Status: 400, Message: "Specified signature is not matched with our calculation."}
)

// RPCSignatureMismatch returns ErrSignatureDoesNotMatch for a request that is signed by its parameters. Clients split
// the message at its colon and compare the rest with the string they signed: if it is theirs, their secret is wrong. It
// holds all parameters, plaintexts too, and belongs in the answer alone.
func RPCSignatureMismatch(stringToSign string) *Error {
	e := *ErrSignatureDoesNotMatch
	e.Message += " server string to sign is:" + stringToSign
	return &e
}

// HeaderSignatureMismatch returns ErrSignatureDoesNotMatch for a request that is signed by its headers. It is as
// confidential as that of RPCSignatureMismatch.
func HeaderSignatureMismatch(stringToSign, canonicalRequest string) *Error {
	e := *ErrSignatureDoesNotMatch
	e.Message = "Specified signature does not match our calculation. server StringToSign is [" + stringToSign +
		"] server CanonicalRequest is [" + canonicalRequest + "]"
	return &e
}
