package call

// Refusals of Secrets Manager and of tags, in the service's own spelling: clients match on the code, some on the
// message. Operations that word the same cause differently have a value each; such values match one another.
var (
	ErrSecretNotFound       = &Error{Code: "Forbidden.ResourceNotFound", Status: 404, Message: "Resource not found"}
	ErrSecretValueNotFound  = &Error{Code: "Forbidden.ResourceNotFound", Status: 404, Message: "Resource not found."}        // GetSecretValue
	ErrCreateSecretNotFound = &Error{Code: "Forbidden.ResourceNotFound", Status: 404, Message: "The resource is not found."} // CreateSecret
	ErrSecretExists         = &Error{Code: "Rejected.ResourceExist", Status: 409, Message: "The resource already exists."}
	ErrSecretVersionExists  = &Error{Code: "Rejected.ResourceExist", Status: 409, Message: "The request was rejected becasue key already exsit"}
	ErrSecretPlanned        = &Error{Code: "Rejected.ResourceInDeleteWindow", Status: 409, Message: "The secret is planned to be deleted."} // CreateSecret
	ErrSecretInWindow       = &Error{Code: "Rejected.ResourceInDeleteWindow", Status: 409, Message: "secret in delete peroid"}
	ErrSecretNotInWindow    = &Error{Code: "Rejected.ResourceInUse", Status: 409, Message: "restore normal secret"}
	ErrSecretQuota          = &Error{Code: "Rejected.LimitExceeded", Status: 400, Message: "The request was rejected because user create resource limit was exceeded"}
	ErrSecretLimits         = &Error{Code: "Rejected.LimitExceeded", Status: 400, Message: "exceed secret limits error"} // of versions and labels
	ErrStageMismatch        = &Error{Code: "Rejected.InvalidRequest", Status: 400, Message: "param mismatch"}
	ErrStageStatus          = &Error{Code: "Rejected.UnsupportedOperation", Status: 400, Message: "secret stages in unnormal status"}

	// Of what only secrets of a dedicated instance have, which is not there.
	ErrInstanceNotFound  = &Error{Code: "Forbidden.DKMSInstanceNotFound", Status: 403, Message: "The specified DKMS Instance is not found."}
	ErrPolicyUnsupported = &Error{Code: "Forbidden.KeyPolicyUnSupported", Status: 400, Message: "The specified key does not support key policy."}

	ErrResourceIDNotFound = &Error{Code: "InvalidResourceId.NotFound", Status: 404, Message: "The specified ResourceId is not found."}
	ErrTagKey             = &Error{Code: "InvalidParameter.TagKey", Status: 400, Message: "The specified parameter is not valid."}
	ErrTagValue           = &Error{Code: "InvalidParameter.TagValue", Status: 400, Message: "The specified parameter is not valid."}
	ErrDuplicateTagKey    = &Error{Code: "Duplicate.TagKey", Status: 400, Message: "The specified tagKey is duplicate."}
)
