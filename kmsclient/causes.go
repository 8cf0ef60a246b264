package kmsclient

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A cause is what a code means: what its errors match, and what can be done.
type cause struct {
	matches []error
	remedy  string
	retry   bool // the same call may succeed a moment later
}

var (
	keyNotFound = &cause{[]error{kmsapi.ErrKeyNotFound},
		"check key id, region and account: a key exists in one region of one account, and is gone after its deletion window", false}
	aliasNotFound = &cause{[]error{ErrAliasNotFound, kmsapi.ErrKeyNotFound},
		"create the alias in this region and account, or name the key by its id", false}
	disabled = &cause{[]error{kmsapi.ErrDisabled},
		"enable the key (EnableKey)", false}
	pendingDeletion = &cause{[]error{kmsapi.ErrPendingDeletion},
		"cancel the deletion before its date (CancelKeyDeletion); after it nothing under this key opens again", false}
	pendingImport = &cause{[]error{kmsapi.ErrPendingImport},
		"import the key material again (ImportKeyMaterial); it was deleted or has expired", false}
	keyUnavailable = &cause{[]error{kmsapi.ErrKeyUnavailable},
		"the service has taken the key out of use: look at the instance it lives in, or ask the service's support", false}
	invalidCiphertext = &cause{[]error{kmsapi.ErrInvalidCiphertext},
		"give the encryption context of the encryption, key by key, and the ciphertext whole and unchanged", false}
	invalidParameter = &cause{[]error{kmsapi.ErrInvalidParameter},
		"", false}
	unsupportedOperation = &cause{[]error{kmsapi.ErrUnsupportedOperation},
		"use a key whose kind, usage and origin fit the operation", false}
	unsupportedAction = &cause{[]error{kmsapi.ErrUnsupportedOperation, errors.ErrUnsupported},
		"this endpoint has no such operation; the gateway of an instance has fewer than the service", false}
	accessDenied = &cause{[]error{kmsapi.ErrAccessDenied},
		"attach a RAM policy to the caller that allows the operation on the key's ARN, see the README for the least one", false}
	unauthenticated = &cause{[]error{kmsapi.ErrUnauthenticated},
		"check the access key: does it exist, is it enabled, has it this secret?", false}
	expiredToken = &cause{[]error{kmsapi.ErrUnauthenticated},
		"the session has ended: use a credential that refreshes itself", false}
	noCredentials = &cause{[]error{kmsapi.ErrUnauthenticated},
		"set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or give the machine or pod a RAM role; the reason is not " +
			"shown as it may quote secrets, call GetCredential of the credential to see it", false}
	clockSkewed = &cause{[]error{ErrClockSkewed, kmsapi.ErrUnauthenticated},
		"set the clock of this machine: requests are valid for 15 minutes around their date", false}
	serviceNotEnabled = &cause{[]error{kmsapi.ErrServiceNotEnabled},
		"activate KMS for the account (OpenKmsService), or settle its debts", false}
	conflict = &cause{[]error{kmsapi.ErrConflict},
		"look at the present state with DescribeKey", false}
	limitExceeded = &cause{[]error{kmsapi.ErrLimitExceeded},
		"delete what is not needed, or ask for a higher quota", false}
	throttled = &cause{[]error{kmsapi.ErrThrottled},
		"make fewer calls: cache data keys, or ask for a higher quota", true}
	unavailable = &cause{[]error{kmsapi.ErrUnavailable},
		"try again later; a second region keeps messages readable meanwhile", true}
	unreachable = &cause{[]error{kmsapi.ErrUnavailable},
		"check endpoint, name service, proxy, firewall and certificates", false} // some are tried again, see transportError
	invalidAnswer = &cause{[]error{ErrInvalidAnswer, kmsapi.ErrUnavailable},
		"check that the endpoint is that of KMS, and what proxy stands before it", false}
	needTLS = &cause{[]error{kmsapi.ErrInvalidParameter},
		"use an https endpoint", false}
	tooLarge = &cause{[]error{ErrTooLarge, kmsapi.ErrInvalidParameter},
		"use an envelope: encrypt the data locally under a data key (package envelope)", false}
	notBytes = &cause{[]error{ErrNotBytes},
		"use Decrypt: the ciphertext is of a text, not of EncryptBytes", false}
	canceled = &cause{[]error{context.Canceled}, "", false}
	expired  = &cause{[]error{context.DeadlineExceeded},
		"give the call more time, or look why it is slow", false}
	unknown = &cause{}
)

// causes is the one table: of the codes of the service and of the gateway before it, of those that a widely read guide
// of 2025 has in their place, and of our own.
var causes = map[string]*cause{
	"Forbidden.KeyNotFound":        keyNotFound,
	"Forbidden.KeyVersionNotFound": keyNotFound,
	"Forbidden.ResourceNotFound":   keyNotFound,
	"InvalidKey.NotFound":          keyNotFound, // the guide
	"Forbidden.AliasNotFound":      aliasNotFound,

	"Rejected.Disabled":        disabled,
	"Rejected.PendingDeletion": pendingDeletion,
	"Rejected.PendingImport":   pendingImport,
	"Rejected.Unavailable":     keyUnavailable,

	// InvalidParameter can be invalidCiphertext, see refusal.
	"InvalidParameter":               invalidParameter,
	"MissingParameter":               invalidParameter,
	"Unsupported.Alias":              invalidParameter,
	"Unsupported.ProtectionLevel":    invalidParameter,
	"InvalidKeyMaterial":             invalidParameter,
	"InvalidImportToken":             invalidParameter,
	"ExpiredImportToken":             invalidParameter,
	"ParseRequestParameterException": invalidParameter,
	"InvalidVersion":                 invalidParameter,
	"UnsupportedHTTPMethod":          invalidParameter,
	"InvalidProtocol.NeedSsl":        needTLS,

	"UnsupportedOperation":          unsupportedOperation,
	"Rejected.UnsupportedOperation": unsupportedOperation,
	"Unsupported.Origin":            unsupportedOperation,
	"InvalidAction.NotFound":        unsupportedAction,

	"Forbidden.NoPermission": accessDenied,
	"Forbidden.RAM":          accessDenied,
	"Forbidden.Unauthorized": accessDenied, // the guide
	"Forbidden":              accessDenied,
	"NoPermission":           accessDenied,

	"InvalidAccessKeyId.NotFound":                unauthenticated,
	"InvalidAccessKeyId.Inactive":                unauthenticated,
	"InvalidAccessKeyId":                         unauthenticated,
	"Forbidden.AccessKey":                        unauthenticated,
	"Forbidden.AccessKeyDisabled":                unauthenticated,
	"SignatureDoesNotMatch":                      unauthenticated,
	"IncompleteSignature":                        unauthenticated,
	"InvalidSignatureMethod":                     unauthenticated,
	"SignatureNonceUsed":                         unauthenticated,
	"MissingSecurityToken":                       unauthenticated,
	"InvalidSecurityToken.Malformed":             unauthenticated,
	"InvalidSecurityToken.MismatchWithAccessKey": unauthenticated,
	"InvalidSecurityToken.Expired":               expiredToken,
	"InvalidBearerTokenException":                unauthenticated,

	"IllegalTimestamp":         clockSkewed,
	"InvalidTimeStamp.Expired": clockSkewed,
	"InvalidTimeStamp.Format":  clockSkewed,

	"Forbidden.KmsServiceNotEnabled":     serviceNotEnabled,
	"Forbidden.InDebt":                   serviceNotEnabled,
	"Forbidden.InDebtOverdue":            serviceNotEnabled,
	"Forbidden.ProhibitedByRiskControl":  serviceNotEnabled,
	"Forbidden.UbsmsInvalidUserid":       serviceNotEnabled,
	"Forbidden.UbsmsInvalidBid":          serviceNotEnabled,
	"Forbidden.NoRealNameAuthentication": serviceNotEnabled,
	"CreateLXOrderFailed":                serviceNotEnabled,

	"AliasAlreadyExists":           conflict,
	"Forbidden.Opened":             conflict,
	"Rejected.StateModifiedFailed": conflict,
	"Rejected.DeletionProtection":  conflict,
	"Rejected.LimitExceeded":       limitExceeded,
	"QuotaExceeded.Key":            limitExceeded, // the guide

	"Rejected.Throttling": throttled, // and whatever contains Throttling, see causeOf

	"InternalFailure":             unavailable,
	"InternalError":               unavailable,
	"ServiceUnavailable":          unavailable,
	"ServiceUnavailableTemporary": unavailable,

	CodeCanceled:         canceled,
	CodeDeadlineExceeded: expired,
	CodeUnreachable:      unreachable,
	CodeInvalidAnswer:    invalidAnswer,
	CodeNoCredentials:    noCredentials,
	CodeInvalidRequest:   invalidParameter,
	CodeTooLarge:         tooLarge,
	CodeNotBytes:         notBytes,
}

// causeOf returns the cause of a code, by the table or, for a code that is not there, by its family or its status.
func causeOf(code string, status int) *cause {
	if c, ok := causes[code]; ok {
		return c
	}
	switch {
	case strings.Contains(code, "Throttling"), status == http.StatusTooManyRequests:
		return throttled
	case status >= 500:
		return unavailable
	case strings.HasPrefix(code, "InvalidSecurityToken"), strings.HasPrefix(code, "InvalidAccessKeyId"), status == http.StatusUnauthorized:
		return unauthenticated
	case strings.HasPrefix(code, "InvalidParameter"):
		return invalidParameter
	case strings.HasPrefix(code, "InvalidTimeStamp"):
		return clockSkewed
	case status == http.StatusForbidden:
		return accessDenied
	}
	return unknown
}
