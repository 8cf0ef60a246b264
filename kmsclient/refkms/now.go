package refkms

import "time"

// Now returns the time of the server's clock, in UTC: what [Options] says, and all of [Server.Advance] on top. The dates
// that the server tells are whole seconds of it.
func (s *Server) Now() time.Time { return s.clock.Now() }
