package server

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Credential is an access key that the service knows.
type Credential struct {
	Principal call.Principal // whom it proves
	Secret    state.Material
	Disabled  bool
	// Session checks the security token that a request brings, "" if it brings none, at the time of the service; it
	// refuses with ErrMissingSecurityToken or one of the ErrSecurityToken family. It is nil for a long-term key, to
	// which no token belongs.
	Session func(token string, now time.Time) error
}

// Credential returns the access key of an id, nil if there is none.
func (s *Server) Credential(tx state.Tx, accessKeyID string) *Credential {
	if s.hooks.Credential == nil {
		return nil
	}
	return s.hooks.Credential(tx, accessKeyID)
}
