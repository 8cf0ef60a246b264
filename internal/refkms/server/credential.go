package server

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Credential returns the access key of an id, nil if there is none.
func (s *Server) Credential(tx state.Tx, accessKeyID string) *call.Credential {
	if s.hooks.Credential == nil {
		return nil
	}
	return s.hooks.Credential(tx, accessKeyID)
}

// Skew returns how far off the clock is to be that the date of a request is compared with: a face that checks dates
// asks once for each request, and adds it to the time of the machine.
func (s *Server) Skew(action string) time.Duration {
	if s.hooks.Skew == nil {
		return 0
	}
	return s.hooks.Skew(action)
}
