package identity

import (
	"errors"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// PutPolicy makes a policy or replaces its document, for all it is attached to.
func (r *RAM) PutPolicy(name, document string) error {
	if err := CheckName("Policy", name); err != nil {
		return err
	}
	if _, err := policy.Parse([]byte(document)); err != nil {
		return refusedPolicy(err)
	}
	created := r.Now
	if p := state.Policies.Get(r.Tx, r.scope(), name); p != nil {
		created = p.Created
	}
	state.Policies.Put(r.Tx, r.scope(), name, &state.Policy{Name: name, Document: document, Created: created})
	return nil
}

func refusedPolicy(err error) error {
	if errors.Is(err, policy.ErrSize) {
		return call.PolicyRefused(call.ErrPolicyLength, err)
	}
	return call.PolicyRefused(call.ErrMalformedPolicy, err)
}

// DeletePolicy removes a policy that is attached to nothing. It looks at all users, groups and roles of the account.
func (r *RAM) DeletePolicy(name string) error {
	if state.Policies.Get(r.Tx, r.scope(), name) == nil {
		return call.EntityNotExist("Policy")
	}
	attached := func(policies []string) bool { _, found := slices.BinarySearch(policies, name); return found }
	for _, u := range state.Users.All(r.Tx, r.scope()) {
		if attached(u.Policies) {
			return call.DeleteConflict("Policy")
		}
	}
	for _, g := range state.Groups.All(r.Tx, r.scope()) {
		if attached(g.Policies) {
			return call.DeleteConflict("Policy")
		}
	}
	for _, role := range state.Roles.All(r.Tx, r.scope()) {
		if attached(role.Policies) {
			return call.DeleteConflict("Policy")
		}
	}
	state.Policies.Delete(r.Tx, r.scope(), name)
	return nil
}

// AttachPolicy grants what a policy says to a user, group or role; it may have it already.
func (r *RAM) AttachPolicy(kind, name, policy string) error {
	return r.attach(kind, name, policy, with)
}

// DetachPolicy ends that; it may have ended already.
func (r *RAM) DetachPolicy(kind, name, policy string) error {
	return r.attach(kind, name, policy, without)
}

func (r *RAM) attach(kind, name, policy string, edit func([]string, string) ([]string, bool)) error {
	if state.Policies.Get(r.Tx, r.scope(), policy) == nil {
		return call.EntityNotExist("Policy")
	}
	switch kind {
	case UserKind:
		if u := state.Users.Get(r.Tx, r.scope(), name); u != nil {
			changed := *u
			changed.Policies, _ = edit(u.Policies, policy)
			state.Users.Put(r.Tx, r.scope(), name, &changed)
			return nil
		}
	case GroupKind:
		if g := state.Groups.Get(r.Tx, r.scope(), name); g != nil {
			changed := *g
			changed.Policies, _ = edit(g.Policies, policy)
			state.Groups.Put(r.Tx, r.scope(), name, &changed)
			return nil
		}
	case RoleKind:
		if role := state.Roles.Get(r.Tx, r.scope(), name); role != nil {
			changed := *role
			changed.Policies, _ = edit(role.Policies, policy)
			state.Roles.Put(r.Tx, r.scope(), name, &changed)
			return nil
		}
	}
	return call.EntityNotExist(kind)
}
