package policy

import (
	"fmt"
	"slices"
)

// A Decision is what policies say about a request. The zero value denies.
type Decision uint8

// The decisions.
const (
	ImplicitDeny Decision = 0 // nothing allows it
	Allow        Decision = 1 // something allows it and nothing denies it
	ExplicitDeny Decision = 2 // something denies it
)

// String returns the name of the decision; those of denials are as NoPermissionType has them.
func (d Decision) String() string {
	switch d {
	case ImplicitDeny:
		return "ImplicitDeny"
	case Allow:
		return "Allow"
	case ExplicitDeny:
		return "ExplicitDeny"
	}
	return fmt.Sprintf("Decision(%d)", uint8(d))
}

// The condition keys that KMS supplies, as a Request is asked for them.
const (
	KeyCurrentTime     = "acs:currenttime"     // date
	KeySecureTransport = "acs:securetransport" // bool
	KeySourceIP        = "acs:sourceip"        // address
	KeyMFAPresent      = "acs:mfapresent"      // bool
	KeyPrincipalARN    = "acs:principalarn"    // of a user or a role, without the session
	// KeyTagPrefix and the name of a tag, in its own case, make the key of the tag's value.
	KeyTagPrefix = "kms:tag/"
)

// A Request is one pair of action and resource that a call needs.
type Request struct {
	// Action is as service:Name; case does not count.
	Action string
	// Resource is an ARN, or * for a call that has no resource.
	Resource string
	// Lookup returns the values of a condition key, and false for a key that the request does not have. Keys come in lower
	// case up to the first slash, as in acs:sourceip and kms:tag/Project. It is called once for each condition that is looked
	// at. Without a Lookup the request has no keys.
	Lookup func(key string) ([]string, bool)
}

// A Verdict is a decision, and what kind of policy made it.
type Verdict struct {
	Decision Decision
	Session  bool // the session policy denies; the identity policies were not asked
}

// Evaluate returns the verdict of the policies of a caller: of a user's own and those of his groups, or of a role's, given
// as any number of lists. Any statement that denies is stronger than all that allow, in whatever policy; what nothing
// allows is denied. A session policy, nil if the session has none, can only take away: if it does not allow the request,
// its decision stands.
//
// It allocates nothing that grows with the request or the policies.
func Evaluate(r *Request, session *Policy, identity ...[]*Policy) Verdict {
	action := lower(r.Action)
	if session != nil {
		if d := decide(session.statements, r, action, ""); d != Allow {
			return Verdict{d, true}
		}
	}
	verdict := Verdict{}
	for _, policies := range identity {
		for _, p := range policies {
			switch decide(p.statements, r, action, "") {
			case ExplicitDeny:
				return Verdict{Decision: ExplicitDeny}
			case Allow:
				verdict.Decision = Allow
			}
		}
	}
	return verdict
}

// A Trust is the compiled trust policy of a role. It is immutable and safe for concurrent use. [ParseTrust] makes it; the
// zero value trusts nobody.
type Trust struct{ statements []statement }

// Evaluate returns what the trust policy says about a principal: a user or role by its ARN (acs:ram::<account>:user/<name>,
// a session by that of its role), or a service by its name (oss.aliyuncs.com). The Resource of the request is not looked
// at: it is the role. To assume the role the caller's own policies must allow it as well, in the same account too.
func (t *Trust) Evaluate(r *Request, principal string) Decision {
	return decide(t.statements, r, lower(r.Action), principal)
}

// decide goes through the statements of one policy. action is in lower case; who is the principal, for trust policies.
func decide(statements []statement, r *Request, action, who string) Decision {
	decision := ImplicitDeny
	for i := range statements {
		s := &statements[i]
		switch {
		case decision == Allow && !s.deny, !s.applies(r, action, who): // nothing new
		case s.deny:
			return ExplicitDeny
		default:
			decision = Allow
		}
	}
	return decision
}

func (s *statement) applies(r *Request, action, who string) bool {
	if matchAny(s.actions, action) == s.notAction {
		return false
	}
	if s.resources != nil && !matchAny(s.resources, r.Resource) {
		return false
	}
	if s.principals != nil && !slices.ContainsFunc(s.principals, func(p principal) bool { return p.match(who) }) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].met(r) {
			return false
		}
	}
	return true
}

// met reports whether the condition holds: one value of the request meets one of the policy, or, under a negated operator,
// none does. A key that the request does not have has no value.
func (c *condition) met(r *Request) bool {
	met := false
	if r.Lookup != nil {
		if values, ok := r.Lookup(c.key); ok {
			met = slices.ContainsFunc(values, c.meets)
		}
	}
	return met != c.not
}
