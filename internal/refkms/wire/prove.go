package wire

import (
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A scheme is where a request says what it wants and who wants it.
type scheme uint8

const (
	schemeV1      scheme = 1 // parameters
	schemeHeaders scheme = 2 // header fields: versions 3 and 4
	schemeBearer  scheme = 3 // a bearer token, which this service does not take
)

// scheme tells how the request is signed.
func (r *request) scheme() scheme {
	auth := r.header.Get("Authorization")
	switch {
	case strings.HasPrefix(auth, "ACS3-"), strings.HasPrefix(auth, "ACS4-"):
		return schemeHeaders
	case strings.HasPrefix(auth, "Bearer"), len(r.header["X-Acs-Bearer-Token"]) > 0,
		r.params.get("SignatureType") == "BEARERTOKEN":
		return schemeBearer
	}
	return schemeV1
}

// A claim is what a request says of who sent it and when.
type claim struct {
	accessKeyID string
	date        string
	token       string                    // "" if it brings none
	nonce       string                    // "" if it brings none
	verify      func(secret []byte) error // checks the signature
}

// claim returns what the request claims, if nothing is missing in it and it is signed in a way that is served.
func (r *request) claim(s scheme) (claim, error) {
	switch s {
	case schemeHeaders:
		return r.claimHeaders()
	case schemeBearer:
		return claim{}, call.Invalid("SignatureType")
	}
	return r.claimV1()
}

// prove checks a request's claim in the order the service does: completeness, the access key, the date, the token, the
// signature, the nonce. Only the token is dated by now, the time of the service; clients sign by the machine's clock, which
// is compared with their dates as if it were ahead by skew.
func (h *Handler) prove(r *request, s scheme, skew time.Duration, tx state.Tx, now time.Time) (call.Principal, error) {
	var nobody call.Principal
	c, err := r.claim(s)
	if err != nil {
		return nobody, err
	}
	cred := h.config.Server.Credential(tx, c.accessKeyID)
	switch {
	case cred == nil:
		return nobody, call.ErrAccessKeyNotFound
	case cred.Disabled:
		return nobody, call.ErrAccessKeyDisabled
	}
	machine := h.config.Now()
	if err := h.fresh(c.date, machine.Add(skew)); err != nil {
		return nobody, err
	}
	principal, err := cred.Prove(c.token, now)
	if err != nil {
		return nobody, err
	}
	if err := c.verify(cred.Secret.Bytes()); err != nil {
		return nobody, err
	}
	if c.nonce != "" && !h.nonces.first(c.accessKeyID, c.nonce, machine) {
		return nobody, call.ErrNonceUsed
	}
	return principal, nil
}

// window is how far the date of a request may lie from now, either way.
const window = 15 * time.Minute

// fresh refuses a date that is none or lies outside the window. A fraction of a second is taken: an old SDK sends one.
func (h *Handler) fresh(date string, now time.Time) error {
	t, err := time.Parse("2006-01-02T15:04:05Z", date)
	if err != nil {
		return call.ErrTimestampFormat
	}
	if d := now.Sub(t); d > window || d < -window {
		if h.config.GatewayExpiry {
			return call.ErrTimestampExpired
		}
		return call.ErrIllegalTimestamp
	}
	return nil
}
