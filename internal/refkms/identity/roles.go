package identity

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// CreateRole makes a role without rights, which the trust policy lets others assume for at most maxSession seconds; 0 is
// DefaultSession.
func (r *RAM) CreateRole(name, trust string, maxSession int64) (*state.Role, error) {
	if err := CheckName(RoleKind, name); err != nil {
		return nil, err
	}
	if state.Roles.Get(r.Tx, r.scope(), name) != nil {
		return nil, call.EntityExists(RoleKind)
	}
	role := &state.Role{Name: name, ID: newID(3), Created: r.Now}
	if err := r.setRole(role, trust, maxSession); err != nil {
		return nil, err
	}
	return role, nil
}

// UpdateRole replaces the trust policy and the longest session of a role. Sessions that exist go on.
func (r *RAM) UpdateRole(name, trust string, maxSession int64) error {
	role := state.Roles.Get(r.Tx, r.scope(), name)
	if role == nil {
		return call.EntityNotExist(RoleKind)
	}
	changed := *role
	return r.setRole(&changed, trust, maxSession)
}

func (r *RAM) setRole(role *state.Role, trust string, maxSession int64) error {
	if maxSession == 0 {
		maxSession = DefaultSession
	}
	if maxSession < DefaultSession || maxSession > MaxSession {
		return call.Invalid("MaxSessionDuration")
	}
	if _, err := policy.ParseTrust([]byte(trust)); err != nil {
		return refusedPolicy(err)
	}
	role.Trust, role.MaxSession = trust, maxSession
	state.Roles.Put(r.Tx, r.scope(), role.Name, role)
	return nil
}

// DeleteRole removes a role. What its sessions may do ends at once.
func (r *RAM) DeleteRole(name string) error {
	if state.Roles.Get(r.Tx, r.scope(), name) == nil {
		return call.EntityNotExist(RoleKind)
	}
	state.Roles.Delete(r.Tx, r.scope(), name)
	return nil
}
