package server

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// dueBatch is how many events one transaction takes: enough to share its cost, few enough that a durable store need not
// hold a million rotations at once.
const dueBatch = 4096

// Advance moves the clock ahead, or returns clock.ErrTooFar; what falls due happens before it returns, in order of time.
func (s *Server) Advance(d time.Duration) error {
	if err := s.clock.Advance(d); err != nil {
		return err
	}
	return s.Settle()
}

// Settle does what has fallen due by now. Every call does it first.
func (s *Server) Settle() error { return s.settle(state.At(s.clock.Now())) }

// settle does what is due at now: one comparison, if nothing is.
func (s *Server) settle(now state.Time) error {
	for s.store.NextDue() <= now {
		var happened []*call.Happening
		err := s.store.Update(func(tx state.Tx) error {
			happened = happened[:0]
			for range dueBatch {
				d := state.FirstDue(tx)
				if d == nil || d.At > now {
					return nil
				}
				state.RemoveDue(tx, d)
				if h := s.table.Due(d.Kind)(tx, d); h != nil {
					happened = append(happened, h)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if s.hooks.Trail == nil {
			continue
		}
		for _, h := range happened {
			if e := s.hooks.Trail.Happened(h); err == nil {
				err = e
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
