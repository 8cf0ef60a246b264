package identity

import (
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Here something is made as a configuration has it: new, or changed to have exactly the groups and policies given.

// PutUser makes a user a member of groups with policies of its own.
func (r *RAM) PutUser(name string, groups, policies []string) error {
	u := state.Users.Get(r.Tx, r.scope(), name)
	if u == nil {
		var err error
		if u, err = r.CreateUser(name); err != nil {
			return err
		}
	}
	changed := *u
	changed.Groups, changed.Policies = set(groups), set(policies)
	for _, group := range changed.Groups {
		if state.Groups.Get(r.Tx, r.scope(), group) == nil {
			return call.EntityNotExist(GroupKind)
		}
	}
	if err := r.policiesExist(changed.Policies); err != nil {
		return err
	}
	state.Users.Put(r.Tx, r.scope(), name, &changed)
	return nil
}

// PutGroup makes a group with policies; its members stay.
func (r *RAM) PutGroup(name string, policies []string) error {
	g := state.Groups.Get(r.Tx, r.scope(), name)
	if g == nil {
		if err := r.CreateGroup(name); err != nil {
			return err
		}
		g = state.Groups.Get(r.Tx, r.scope(), name)
	}
	changed := *g
	changed.Policies = set(policies)
	if err := r.policiesExist(changed.Policies); err != nil {
		return err
	}
	state.Groups.Put(r.Tx, r.scope(), name, &changed)
	return nil
}

// PutRole makes a role with policies.
func (r *RAM) PutRole(name, trust string, maxSession int64, policies []string) error {
	role := state.Roles.Get(r.Tx, r.scope(), name)
	if role == nil {
		var err error
		if role, err = r.CreateRole(name, trust, maxSession); err != nil {
			return err
		}
	}
	changed := *role
	changed.Policies = set(policies)
	if err := r.policiesExist(changed.Policies); err != nil {
		return err
	}
	return r.setRole(&changed, trust, maxSession)
}

// set returns names in order, each once; nil for none.
func set(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

func (r *RAM) policiesExist(names []string) error {
	for _, name := range names {
		if state.Policies.Get(r.Tx, r.scope(), name) == nil {
			return call.EntityNotExist("Policy")
		}
	}
	return nil
}
