package refkms

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
)

// ErrTooFar is that of [Server.Advance] beyond 292 years in all.
var ErrTooFar = clock.ErrTooFar

// Now returns the time of the server's clock, in UTC: what [Options] says, and all of [Server.Advance] on top. The dates
// that the server tells are whole seconds of it.
func (s *Server) Now() time.Time { return s.clock.Now() }
