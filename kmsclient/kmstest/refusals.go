package kmstest

// refusals holds status and wording of the codes that checks expect, as the service's documentation has them: %s is the
// parameter, … whatever follows. The suite has a table of its own, so that it does not agree with a server's by being it.
var refusals = map[string]struct {
	status  int
	message string
}{
	"MissingParameter":               {400, `The parameter "%s" is needed but not provided.`},
	"InvalidParameter":               {400, `The specified parameter "%s" is not valid.`},
	"ParseRequestParameterException": {400, "Server parse parameters exception. Please check your input params."},

	"Forbidden.KeyNotFound":         {404, "The specified Key is not found."},
	"Forbidden.KeyVersionNotFound":  {404, "The specified Key version is not found."},
	"Forbidden.AliasNotFound":       {404, "The specified Alias is not found."},
	"AliasAlreadyExists":            {400, "AliasName Already Exists."},
	"Rejected.LimitExceeded":        {400, "The request was rejected because user create resource limit was exceeded."},
	"Unsupported.Alias":             {400, "Alias is not valid for this api."},
	"Unsupported.Origin":            {400, "This key origin is not valid for this api."},
	"Unsupported.ProtectionLevel":   {400, "This protection level is not valid for this region"},
	"InvalidKeyMaterial":            {400, "key material is invalid."},
	"InvalidImportToken":            {400, "import token is invalid."},
	"ExpiredImportToken":            {400, "import token is expired."},
	"UnsupportedOperation":          {400, "This action is not supported."},
	"Rejected.UnsupportedOperation": {400, "Unsupported operation."},

	"Rejected.Disabled":            {409, "The request was rejected because the key state is Disabled."},
	"Rejected.PendingDeletion":     {409, "The request was rejected because the key state is PendingDeletion."},
	"Rejected.PendingImport":       {409, "The request was rejected because the key state is PendingImport."},
	"Rejected.StateModifiedFailed": {409, "Keystate modified failed."},
	"Rejected.DeletionProtection":  {409, "…"},

	"Forbidden.NoPermission":         {403, "This operation …"},
	"Forbidden.KmsServiceNotEnabled": {403, "Kms service is not Enabled for current user. Please get access permission first."},
	"Forbidden.Opened":               {400, "Your kms service has been opened."},
	"DryRunOperationError":           {400, "…"},
	"ValidationError":                {400, "…"},
	"AccessDeniedError":              {403, "…"},

	"UnsupportedHTTPMethod":                      {403, "This http method is not supported."},
	"InvalidAction.NotFound":                     {404, "Specified api is not found, please check your url and method."},
	"InvalidVersion":                             {400, "Specified parameter Version is not valid."},
	"InvalidAccessKeyId.NotFound":                {404, "The AccessKey ID provided does not exist in our records."},
	"InvalidSignatureMethod":                     {400, "…"},
	"IncompleteSignature":                        {400, "The request signature does not conform to Alibaba Cloud standards.…"},
	"SignatureDoesNotMatch":                      {400, "Specified signature …"},
	"SignatureNonceUsed":                         {400, "Specified signature nonce was used already."},
	"IllegalTimestamp":                           {400, `The input parameter "Timestamp" that is mandatory for processing this request is not supplied.`},
	"InvalidTimeStamp.Format":                    {400, "…"},
	"MissingSecurityToken":                       {400, "SecurityToken is mandatory for this action."},
	"InvalidSecurityToken.MismatchWithAccessKey": {400, "…"},
}
