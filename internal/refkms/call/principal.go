package call

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// PrincipalKind says what a caller is.
type PrincipalKind uint8

// The kinds of callers.
const (
	Root    PrincipalKind = 1 // the account itself: everything on its own resources
	User    PrincipalKind = 2 // a RAM user
	Role    PrincipalKind = 3 // a session of a RAM role
	Service PrincipalKind = 4 // a cloud service: its own key in the account, and no other
)

// String names the kind.
func (k PrincipalKind) String() string {
	switch k {
	case Root:
		return "Root"
	case User:
		return "User"
	case Role:
		return "Role"
	case Service:
		return "Service"
	}
	return fmt.Sprintf("PrincipalKind(%d)", uint8(k))
}

// A Principal is who calls, proven.
type Principal struct {
	Kind        PrincipalKind
	Account     string
	Name        string   // of the user or role; the code of the service, as in OSS; "" for the account itself
	ID          string   // of the user or role, digits
	AccessKeyID string   // that it was proven by, "" if it was by none
	Session     *Session // of a role; nil for others
}

// A Session is what is true of a session of a role. It is not changed.
type Session struct {
	Name    string
	Policy  string // takes rights away, if it is not ""
	Issued  state.Time
	Expires state.Time
}

// ARN returns the name of the account, user or role, that of the role for its sessions; "" for a service.
func (p *Principal) ARN() string {
	switch p.Kind {
	case Root:
		return RAM(p.Account, "root")
	case User:
		return RAM(p.Account, "user/"+p.Name)
	case Role:
		return RAM(p.Account, "role/"+p.Name)
	}
	return ""
}

// RAM returns the ARN of something that RAM has in an account.
func RAM(account, what string) string { return "acs:ram::" + account + ":" + what }

// An Origin is where a request comes from, as far as its face knows.
type Origin struct {
	Addr      netip.Addr // of the peer; the zero Addr if there is no telling
	Secure    bool       // it came over TLS, or within the process
	UserAgent string     // "" if there is none
}

// A Credential is an access key that the service knows, of whoever brings its id.
type Credential struct {
	Principal Principal      // whom a long-term key proves
	Secret    state.Material // what requests are signed by
	Disabled  bool
	// Session checks the security token that a request brings, "" if it brings none, by the time of the service, and
	// returns whom it proves; it refuses with ErrMissingSecurityToken or one of the ErrSecurityToken family. It is nil
	// for a long-term key, to which no token belongs.
	Session func(token string, now time.Time) (Principal, error)
}

// Prove returns whom the credential proves to a face that has nothing signed to look at: Disabled, then the token.
func (c *Credential) Prove(token string, now time.Time) (Principal, error) {
	switch {
	case c == nil:
		return Principal{}, ErrAccessKeyNotFound
	case c.Disabled:
		return Principal{}, ErrAccessKeyDisabled
	case c.Session != nil:
		return c.Session(token, now)
	case token != "":
		return Principal{}, ErrSecurityTokenMismatched
	}
	return c.Principal, nil
}
