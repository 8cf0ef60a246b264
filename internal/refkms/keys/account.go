package keys

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// NoRequest is the request of an operation that takes no parameters.
type NoRequest struct{}

// DescribeRegionsResponse is the answer of DescribeRegions.
type DescribeRegionsResponse struct {
	Regions RegionList
	call.Answer
}

// RegionList is the list in an answer of DescribeRegions.
type RegionList struct{ Region []RegionEntry }

// RegionEntry is a region in a list.
type RegionEntry struct {
	RegionID string `json:"RegionId"`
}

// DescribeRegions lists the regions that the server has: those it was made with, unless it was given others since.
// Whoever can prove who he is may call it.
func (s *Service) DescribeRegions(c *call.Call, _ *NoRequest) (*DescribeRegionsResponse, error) {
	list := RegionList{Region: []RegionEntry{}}
	for id := range state.Regions.All(c.Tx, state.Everywhere) {
		list.Region = append(list.Region, RegionEntry{id})
	}
	if len(list.Region) == 0 {
		for _, id := range s.opts.Regions {
			list.Region = append(list.Region, RegionEntry{id})
		}
	}
	return &DescribeRegionsResponse{Regions: list}, nil
}

// DescribeAccountKmsStatusResponse is the answer of DescribeAccountKmsStatus.
type DescribeAccountKmsStatusResponse struct {
	AccountStatus string
	call.Answer
}

// accountStatus returns whether the service works for the account of a call.
func accountStatus(c *call.Call) state.AccountStatus {
	if a := state.Accounts.Get(c.Tx, state.Everywhere, c.Account()); a != nil {
		return a.Status
	}
	return state.AccountEnabled
}

// DescribeAccountKmsStatus says whether the service works for the account. It works itself whatever the answer.
func (s *Service) DescribeAccountKmsStatus(c *call.Call, _ *NoRequest) (*DescribeAccountKmsStatusResponse, error) {
	status := "Suspended"
	switch accountStatus(c) {
	case state.AccountEnabled:
		status = "Enabled"
	case state.AccountNotEnabled:
		status = "NotEnabled"
	case state.AccountInDebt:
		status = "InDebt"
	}
	return &DescribeAccountKmsStatusResponse{AccountStatus: status}, nil
}

// OpenKmsService activates the service for the account, once: one that is in debt or suspended has it activated, too.
func (s *Service) OpenKmsService(c *call.Call, _ *NoRequest) (*call.Answer, error) {
	if accountStatus(c) != state.AccountNotEnabled {
		return nil, call.ErrOpened
	}
	state.Accounts.Delete(c.Tx, state.Everywhere, c.Account())
	return new(call.Answer), nil
}
