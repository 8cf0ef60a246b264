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
	a := state.Accounts.Get(c.Tx, state.Everywhere, c.Account())
	if a == nil {
		return nil
	}
	switch a.Status {
	case state.AccountNotEnabled:
		return call.ErrServiceNotEnabled
	case state.AccountInDebt:
		return call.ErrInDebt
	case state.AccountSuspended:
		return call.ErrInDebtOverdue
	}
	return nil
}

// authorize refuses a call that lacks a right on something it touches, and names the first such thing.
func (s *Server) authorize(c *call.Call) error {
	if c.Principal.Kind == call.Root && c.Principal.Account == c.Account() {
		return nil // the account itself may do everything with what is its own
	}
	for i, r := range c.Found {
		if s.hooks.Allows == nil || !s.hooks.Allows(c, c.Op.Action(i), r) {
			return call.NoPermission(c.ARN(r))
		}
	}
	return nil
}
