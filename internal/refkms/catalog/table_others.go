package catalog

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
)

// identityTable is the part of STS, if the service knows anybody but accounts.
func identityTable(i *identity.Service) []*call.Operation {
	if i == nil {
		return nil
	}
	return []*call.Operation{
		call.Define("AssumeRole", i.AssumeRole, call.Row[identity.AssumeRoleRequest]{
			Product: call.STS, Check: i.CheckAssumeRole, Find: i.FindAssumeRole, Actions: []string{"sts:AssumeRole"}, Event: call.Read}),
		call.Define("GetCallerIdentity", i.GetCallerIdentity, call.Row[identity.GetCallerIdentityRequest]{
			Product: call.STS, Event: call.Read}),
	}
}
