package wire

import (
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// maxUserAgent is how much of the User-Agent the trail keeps, in bytes.
const maxUserAgent = 512

// origin returns where the request comes from, for conditions of policies and for the trail.
func (r *request) origin() call.Origin {
	agent := r.header.Get("User-Agent")
	if len(agent) > maxUserAgent {
		agent = agent[:maxUserAgent]
	}
	return call.Origin{Addr: r.peer, Secure: r.tls, UserAgent: strings.ToValidUTF8(agent, "")}
}
