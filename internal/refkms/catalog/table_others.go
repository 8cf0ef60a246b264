package catalog

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
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

// lookupRate is how many calls per second ActionTrail takes.
const lookupRate = 2

// trailTable is the part of ActionTrail, if the service keeps a trail.
func trailTable(t *trail.Trail) []*call.Operation {
	if t == nil {
		return nil
	}
	return []*call.Operation{
		call.Define("LookupEvents", t.LookupEvents, call.Row[trail.LookupEventsRequest]{
			Product: call.ActionTrail, Check: t.CheckLookupEvents, On: call.Nothing, Actions: []string{"actiontrail:LookupEvents"},
			Beside: true, Event: call.Read, Rate: lookupRate}),
	}
}
