package call

// Refusals of RAM, which keeps users, groups, roles, policies and access keys. Kind is User, Group, Role, Policy or
// User.AccessKey.

// EntityNotExist refuses what needs something that is not there.
func EntityNotExist(kind string) *Error {
	return &Error{Code: "EntityNotExist." + kind, Status: 404, Message: "The " + kind + " does not exist."}
}

// EntityExists refuses to make something that is there.
func EntityExists(kind string) *Error {
	return &Error{Code: "EntityAlreadyExists." + kind, Status: 409, Message: "The " + kind + " already exists."}
}

// DeleteConflict refuses to remove something that others still need.
func DeleteConflict(kind string) *Error {
	return &Error{Code: "DeleteConflict." + kind, Status: 409, Message: "The " + kind + " is still attached to a principal."}
}

// InvalidName refuses the name of something, which has none like it.
func InvalidName(kind string) *Error {
	return &Error{Code: "InvalidParameter." + kind + "Name", Status: 400, Message: "The name of the " + kind + " is empty, too long or has characters that are not allowed.",
		Param: kind + "Name"}
}

// Refusals of policy documents.
var (
	ErrMalformedPolicy = &Error{Code: "MalformedPolicyDocument", Status: 400, Message: "The policy document is malformed."}
	ErrPolicyLength    = &Error{Code: "InvalidParameter.PolicyDocument.Length", Status: 400, Message: "The policy document is too long."}
)

// PolicyRefused returns one of the refusals of policy documents with what is wrong.
func PolicyRefused(e *Error, cause error) *Error {
	refusal := *e
	refusal.Message += " " + cause.Error()
	return &refusal
}
