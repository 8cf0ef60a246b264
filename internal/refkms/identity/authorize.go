package identity

import (
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Authorize refuses a caller that may not do action on a resource. It is called in the transaction of the call, for
// every pair that the call needs, and not for the account itself, which may do everything with what is its own.
func (s *Service) Authorize(c *call.Call, action string, r call.Resource) error {
	switch c.Principal.Kind {
	case call.User, call.Role:
	case call.Service:
		if serves(c, r) {
			return nil
		}
		return refuse(c, action, r, policy.Verdict{})
	default: // another account's root: nothing is shared between accounts
		return refuse(c, action, r, policy.Verdict{})
	}
	verdict, err := s.evaluate(c, &policy.Request{Action: action, Resource: c.ARN(r), Lookup: conditions(c, r)})
	if err != nil {
		return err
	}
	if verdict.Decision != policy.Allow {
		return refuse(c, action, r, verdict)
	}
	return nil
}

// evaluate asks the policies of a user or role.
func (s *Service) evaluate(c *call.Call, r *policy.Request) (verdict policy.Verdict, err error) {
	policies, err := s.rights.of(c.Tx, &c.Principal, &s.documents)
	if err != nil {
		return verdict, err
	}
	var session *policy.Policy
	if c.Principal.Session != nil && c.Principal.Session.Policy != "" {
		if session, err = s.documents.get(c.Principal.Session.Policy); err != nil {
			return verdict, err
		}
	}
	return policy.Evaluate(r, session, policies), nil
}

// serves reports whether a resource is the key that a calling cloud service has in the account, for which it needs no
// grant.
func serves(c *call.Call, r call.Resource) bool {
	if r.Kind != call.KeyKind {
		return false
	}
	k := state.Keys.Get(c.Tx, c.Scope, r.ID)
	return k != nil && k.Service != "" && k.Service == c.Principal.Name
}

// refuse returns the refusal of a call, which names the resource.
func refuse(c *call.Call, action string, r call.Resource, v policy.Verdict) error {
	var e *call.Error
	switch {
	case c.Op.Product != call.KMS:
		refusal := *call.ErrUnauthorized
		e = &refusal
	case r.Kind == call.Nothing:
		refusal := *call.ErrNoPermission
		e = &refusal
	default:
		e = call.NoPermission(c.ARN(r))
	}
	p := &c.Principal
	d := &call.Denial{Action: action, Owner: p.Account, Type: v.Decision.String(), Policy: "AccountLevelIdentityBasedPolicy"}
	switch p.Kind {
	case call.User:
		d.PrincipalType, d.Principal = "SubUser", p.ID
	case call.Role:
		d.PrincipalType, d.Principal = "AssumedRoleUser", p.Name+":"+p.Session.Name
	default:
		return e
	}
	if v.Session {
		d.Policy = "SessionPolicy"
	}
	e.Denial = d
	return e
}

// conditions returns what a call tells of itself to the conditions of policies, as it asks for a resource. A call inside
// a call tells what the outer one does.
func conditions(c *call.Call, r call.Resource) func(key string) ([]string, bool) {
	return func(key string) ([]string, bool) {
		switch key {
		case policy.KeyCurrentTime:
			return []string{c.Now.String()}, true
		case policy.KeySecureTransport:
			return []string{strconv.FormatBool(c.Origin.Secure)}, true
		case policy.KeySourceIP:
			return []string{c.Origin.Addr.String()}, c.Origin.Addr.IsValid()
		case policy.KeyPrincipalARN:
			return []string{c.Principal.ARN()}, true
		}
		// KeyMFAPresent is of console logons, which there are none of.
		name, ok := strings.CutPrefix(key, policy.KeyTagPrefix)
		if !ok || r.Kind != call.KeyKind {
			return nil, false
		}
		k := state.Keys.Get(c.Tx, c.Scope, r.ID)
		if k == nil {
			return nil, false
		}
		value, ok := k.Tags[name]
		return []string{value}, ok
	}
}
