package server

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// status refuses calls of an account for which the service does not work.
func (s *Server) status(c *call.Call) error {
	if c.Op.Anytime {
		return nil
	}
	if a := state.Accounts.Get(c.Tx, state.Everywhere, c.Account()); a != nil && a.Status != state.AccountEnabled {
		return refusals[a.Status]
	}
	return nil
}

// refusals holds what the service answers to an account in each state.
var refusals = [...]error{
	state.AccountNotEnabled: call.ErrServiceNotEnabled,
	state.AccountInDebt:     call.ErrInDebt,
	state.AccountSuspended:  call.ErrInDebtOverdue,
	state.AccountRisk:       call.ErrProhibitedByRiskControl,
	state.AccountNoUser:     call.ErrUserIDInvalid,
	state.AccountNoPartner:  call.ErrAccountPartnerNotEnabled,
}

// authorize refuses a call that lacks a right on something it touches, and names the first such thing.
func (s *Server) authorize(c *call.Call) error {
	if c.Principal.Kind == call.Root && c.Principal.Account == c.Account() {
		return nil // the account itself may do everything with what is its own
	}
	for i, r := range c.Found {
		if s.hooks.Authorize == nil {
			return call.NoPermission(c.ARN(r))
		}
		if err := s.hooks.Authorize(c, c.Op.Action(i), r); err != nil {
			return err
		}
	}
	return nil
}
