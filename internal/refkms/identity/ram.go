package identity

import (
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// RAM changes the users, groups, roles, policies and access keys of one account, in a transaction that writes. Its
// errors are those of call/codes_ram.go; after one the transaction is not to be kept, for what came before it may be
// half of something.
type RAM struct {
	Tx      state.Tx
	Account string
	Now     state.Time
}

func (r *RAM) scope() state.Scope { return state.Of(r.Account) }

// The kinds of what has policies, as codes name them.
const (
	UserKind  = "User"
	GroupKind = "Group"
	RoleKind  = "Role"
)

// with returns names with one more, in order; it reports whether it was not among them.
func with(names []string, name string) ([]string, bool) {
	i, found := slices.BinarySearch(names, name)
	if found {
		return names, false
	}
	return slices.Insert(slices.Clone(names), i, name), true
}

// without returns names with one less; it reports whether it was among them.
func without(names []string, name string) ([]string, bool) {
	i, found := slices.BinarySearch(names, name)
	if !found {
		return names, false
	}
	return slices.Delete(slices.Clone(names), i, i+1), true
}

// CreateUser makes a user without rights.
func (r *RAM) CreateUser(name string) (*state.User, error) {
	if err := CheckName(UserKind, name); err != nil {
		return nil, err
	}
	if state.Users.Get(r.Tx, r.scope(), name) != nil {
		return nil, call.EntityExists(UserKind)
	}
	u := &state.User{Name: name, ID: newID(2), Created: r.Now}
	state.Users.Put(r.Tx, r.scope(), name, u)
	return u, nil
}

// DeleteUser removes a user and its access keys.
func (r *RAM) DeleteUser(name string) error {
	if state.Users.Get(r.Tx, r.scope(), name) == nil {
		return call.EntityNotExist(UserKind)
	}
	var keys []string
	state.AccessKeysOf(r.Tx, r.Account, name, func(id string) bool { keys = append(keys, id); return true })
	for _, id := range keys {
		state.AccessKeys.Delete(r.Tx, state.Everywhere, id)
	}
	state.Users.Delete(r.Tx, r.scope(), name)
	return nil
}

// CreateGroup makes a group without members and rights.
func (r *RAM) CreateGroup(name string) error {
	if err := CheckName(GroupKind, name); err != nil {
		return err
	}
	if state.Groups.Get(r.Tx, r.scope(), name) != nil {
		return call.EntityExists(GroupKind)
	}
	state.Groups.Put(r.Tx, r.scope(), name, &state.Group{Name: name, Created: r.Now})
	return nil
}

// DeleteGroup removes a group; its members stay. It looks at every user of the account.
func (r *RAM) DeleteGroup(name string) error {
	if state.Groups.Get(r.Tx, r.scope(), name) == nil {
		return call.EntityNotExist(GroupKind)
	}
	var left []*state.User
	for _, u := range state.Users.All(r.Tx, r.scope()) {
		if groups, ok := without(u.Groups, name); ok {
			changed := *u
			changed.Groups = groups
			left = append(left, &changed)
		}
	}
	for _, u := range left {
		state.Users.Put(r.Tx, r.scope(), u.Name, u)
	}
	state.Groups.Delete(r.Tx, r.scope(), name)
	return nil
}

// AddUserToGroup makes a user a member of a group; it may be one already.
func (r *RAM) AddUserToGroup(user, group string) error {
	return r.member(user, group, with)
}

// RemoveUserFromGroup ends that; it may have ended already.
func (r *RAM) RemoveUserFromGroup(user, group string) error {
	return r.member(user, group, without)
}

func (r *RAM) member(user, group string, edit func([]string, string) ([]string, bool)) error {
	u := state.Users.Get(r.Tx, r.scope(), user)
	if u == nil {
		return call.EntityNotExist(UserKind)
	}
	if state.Groups.Get(r.Tx, r.scope(), group) == nil {
		return call.EntityNotExist(GroupKind)
	}
	if groups, ok := edit(u.Groups, group); ok {
		changed := *u
		changed.Groups = groups
		state.Users.Put(r.Tx, r.scope(), user, &changed)
	}
	return nil
}
