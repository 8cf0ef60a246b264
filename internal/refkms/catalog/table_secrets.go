package catalog

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

// Calls per second and user.
const (
	makeSecretRate = 10
	secretRate     = 40
	valueRate      = 450
)

// rotateRate is how often an account may have secrets rotated in an hour.
const rotateRate = 50

var secretData = []string{"SecretData"}

// secretsTable returns the rows of secrets and tags, none for a room that is nil. The rights on the CMK of a secret are
// asked for by the call that is made inside the call.
func secretsTable(s *secrets.Service) []*call.Operation {
	if s == nil {
		return nil
	}
	return []*call.Operation{
		// Secrets.
		call.Define("CreateSecret", s.CreateSecret, call.Row[secrets.CreateSecretRequest]{
			Check: s.CheckCreateSecret, Find: s.FindCreateSecret, Writes: true, Event: call.Write, Hide: secretData, Rate: makeSecretRate}),
		call.Define("DescribeSecret", s.DescribeSecret, call.Row[secrets.DescribeSecretRequest]{Event: call.Read, Rate: secretRate}),
		call.Define("ListSecrets", s.ListSecrets, call.Row[secrets.ListSecretsRequest]{
			On: call.SecretContainer, Event: call.Read, Rate: secretRate}),
		call.Define("UpdateSecret", s.UpdateSecret, call.Row[secrets.UpdateSecretRequest]{
			Writes: true, Event: call.Write, Rate: secretRate}),
		call.Define("DeleteSecret", s.DeleteSecret, call.Row[secrets.DeleteSecretRequest]{
			Check: s.CheckDeleteSecret, Writes: true, Event: call.Write, Rate: makeSecretRate}),
		call.Define("RestoreSecret", s.RestoreSecret, call.Row[secrets.RestoreSecretRequest]{
			Writes: true, Event: call.Write, Rate: secretRate}),

		// Values and versions.
		call.Define("GetSecretValue", s.GetSecretValue, call.Row[secrets.GetSecretValueRequest]{
			Find: s.FindGetSecretValue, Event: call.Read, Hide: secretData, Rate: valueRate}),
		call.Define("PutSecretValue", s.PutSecretValue, call.Row[secrets.PutSecretValueRequest]{
			Check: s.CheckPutSecretValue, Writes: true, Event: call.Write, Hide: secretData, Rate: secretRate}),
		call.Define("ListSecretVersionIds", s.ListSecretVersionIDs, call.Row[secrets.ListSecretVersionIDsRequest]{
			Event: call.Read, Rate: secretRate}),
		call.Define("UpdateSecretVersionStage", s.UpdateSecretVersionStage, call.Row[secrets.UpdateSecretVersionStageRequest]{
			Check: s.CheckUpdateSecretVersionStage, Writes: true, Event: call.Write, Rate: secretRate}),
		call.Define("GetRandomPassword", s.GetRandomPassword, call.Row[secrets.GetRandomPasswordRequest]{
			Check: s.CheckGetRandomPassword, On: call.Nothing, Event: call.Read, Hide: []string{"RandomPassword"}, Rate: secretRate}),

		// Rotation, of the types that the service rotates.
		call.Define("RotateSecret", s.RotateSecret, call.Row[secrets.RotateSecretRequest]{
			Writes: true, Event: call.Write, HourlyRate: rotateRate}),
		call.Define("UpdateSecretRotationPolicy", s.UpdateSecretRotationPolicy, call.Row[secrets.UpdateSecretRotationPolicyRequest]{
			Writes: true, Event: call.Write, Rate: secretRate}),

		// Policies of secrets, which no secret here has.
		call.Define("GetSecretPolicy", s.GetSecretPolicy, call.Row[secrets.GetSecretPolicyRequest]{Event: call.Read, Rate: secretRate}),
		call.Define("SetSecretPolicy", s.SetSecretPolicy, call.Row[secrets.SetSecretPolicyRequest]{
			Check: s.CheckSetSecretPolicy, Writes: true, Event: call.Write, Rate: secretRate}),

		// Tags of keys and secrets.
		call.Define("TagResource", s.TagResource, call.Row[secrets.TagResourceRequest]{
			Check: s.CheckTagResource, Writes: true, Event: call.Write}),
		call.Define("UntagResource", s.UntagResource, call.Row[secrets.UntagResourceRequest]{
			Check: s.CheckUntagResource, Writes: true, Event: call.Write}),
		call.Define("ListResourceTags", s.ListResourceTags, call.Row[secrets.ListResourceTagsRequest]{
			Check: s.CheckListResourceTags, Event: call.Read}),
		call.Define("TagResources", s.TagResources, call.Row[secrets.TagResourcesRequest]{
			Check: s.CheckTagResources, Find: s.FindTagResources, Writes: true, Event: call.Write}),
		call.Define("UntagResources", s.UntagResources, call.Row[secrets.UntagResourcesRequest]{
			Check: s.CheckUntagResources, Find: s.FindUntagResources, Writes: true, Event: call.Write}),
		call.Define("ListTagResources", s.ListTagResources, call.Row[secrets.ListTagResourcesRequest]{
			Check: s.CheckListTagResources, Find: s.FindListTagResources, Event: call.Read}),
	}
}
