package refkms

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// RAM is who there is in one account besides itself, and what they may do: users, groups and roles, the policies attached
// to them, access keys. Its methods are named and refuse as those of the cloud's RAM do, with an *[Error] whose code is
// RAM's (EntityNotExist.User, EntityAlreadyExists.Role, MalformedPolicyDocument); what they do holds from the next call
// on. Each is done or not as a whole, makes no call of KMS, and leaves no record in the trail. For many at once, see
// [Server.Apply].
//
// Policies are in RAM's language, version 1. A document that uses what RAM does not have is refused, with the place and
// what stands there. Rights are those of the moment of a call: of the user and its groups, or of a session's role
// narrowed by the session policy. It is safe for concurrent use.
type RAM struct {
	server  *Server
	account string
}

// RAM returns the identities of an account, "" for the server's own. It panics if account is not the name of one.
func (s *Server) RAM(account string) *RAM {
	scope, err := s.scope("", account)
	if err != nil {
		panic(err.Error())
	}
	return &RAM{s, scope.Account()}
}

// change makes one change of the account's identities.
func (r *RAM) change(op string, fn func(*identity.RAM) error) error {
	now := state.At(r.server.clock.Now())
	err := r.server.store.Update(func(tx state.Tx) error {
		return fn(&identity.RAM{Tx: tx, Account: r.account, Now: now})
	})
	if err != nil {
		return wrap(op, "", err)
	}
	return nil
}

// CreateUser makes a user without rights: 1 to 64 letters, digits and . @ - _, as for all names here.
func (r *RAM) CreateUser(name string) error {
	return r.change("CreateUser", func(ram *identity.RAM) error { _, err := ram.CreateUser(name); return err })
}

// DeleteUser removes a user and its access keys.
func (r *RAM) DeleteUser(name string) error {
	return r.change("DeleteUser", func(ram *identity.RAM) error { return ram.DeleteUser(name) })
}

// CreateGroup makes a group without members and rights.
func (r *RAM) CreateGroup(name string) error {
	return r.change("CreateGroup", func(ram *identity.RAM) error { return ram.CreateGroup(name) })
}

// DeleteGroup removes a group. Its members stay, without what it granted.
func (r *RAM) DeleteGroup(name string) error {
	return r.change("DeleteGroup", func(ram *identity.RAM) error { return ram.DeleteGroup(name) })
}

// AddUserToGroup makes a user a member of a group, if it is not one already.
func (r *RAM) AddUserToGroup(user, group string) error {
	return r.change("AddUserToGroup", func(ram *identity.RAM) error { return ram.AddUserToGroup(user, group) })
}

// RemoveUserFromGroup ends a membership, if there is one.
func (r *RAM) RemoveUserFromGroup(user, group string) error {
	return r.change("RemoveUserFromGroup", func(ram *identity.RAM) error { return ram.RemoveUserFromGroup(user, group) })
}

// CreateRole makes a role without rights. trust is the policy that says who may assume it, as which sessions of at most
// maxSession: 1 to 12 hours in whole seconds, 0 is one hour.
func (r *RAM) CreateRole(name, trust string, maxSession time.Duration) error {
	return r.change("CreateRole", func(ram *identity.RAM) error {
		_, err := ram.CreateRole(name, trust, seconds(maxSession))
		return err
	})
}

// UpdateRole replaces trust policy and longest session of a role. Sessions that exist go on.
func (r *RAM) UpdateRole(name, trust string, maxSession time.Duration) error {
	return r.change("UpdateRole", func(ram *identity.RAM) error {
		return ram.UpdateRole(name, trust, seconds(maxSession))
	})
}

// seconds returns d in seconds, rounded away from 0, so that what is not 0 stays so and is refused if it is too short.
func seconds(d time.Duration) int64 {
	whole := d.Truncate(time.Second)
	switch {
	case d > whole:
		whole += time.Second
	case d < whole:
		whole -= time.Second
	}
	return int64(whole / time.Second)
}

// DeleteRole removes a role. Its sessions have no rights any more.
func (r *RAM) DeleteRole(name string) error {
	return r.change("DeleteRole", func(ram *identity.RAM) error { return ram.DeleteRole(name) })
}

// PutPolicy makes a policy that can be attached, or replaces its document for all it is attached to. Names have up to 128
// characters, documents 6144.
func (r *RAM) PutPolicy(name, document string) error {
	return r.change("PutPolicy", func(ram *identity.RAM) error { return ram.PutPolicy(name, document) })
}

// DeletePolicy removes a policy that is attached to nothing.
func (r *RAM) DeletePolicy(name string) error {
	return r.change("DeletePolicy", func(ram *identity.RAM) error { return ram.DeletePolicy(name) })
}

// AttachPolicyToUser grants a user what a policy says, if it has it not already.
func (r *RAM) AttachPolicyToUser(policy, user string) error {
	return r.attach("AttachPolicyToUser", identity.UserKind, user, policy)
}

// AttachPolicyToGroup grants the members of a group what a policy says.
func (r *RAM) AttachPolicyToGroup(policy, group string) error {
	return r.attach("AttachPolicyToGroup", identity.GroupKind, group, policy)
}

// AttachPolicyToRole grants the sessions of a role what a policy says.
func (r *RAM) AttachPolicyToRole(policy, role string) error {
	return r.attach("AttachPolicyToRole", identity.RoleKind, role, policy)
}

func (r *RAM) attach(op, kind, name, policy string) error {
	return r.change(op, func(ram *identity.RAM) error { return ram.AttachPolicy(kind, name, policy) })
}

// DetachPolicyFromUser takes a policy from a user, if it has it.
func (r *RAM) DetachPolicyFromUser(policy, user string) error {
	return r.detach("DetachPolicyFromUser", identity.UserKind, user, policy)
}

// DetachPolicyFromGroup takes a policy from a group.
func (r *RAM) DetachPolicyFromGroup(policy, group string) error {
	return r.detach("DetachPolicyFromGroup", identity.GroupKind, group, policy)
}

// DetachPolicyFromRole takes a policy from a role.
func (r *RAM) DetachPolicyFromRole(policy, role string) error {
	return r.detach("DetachPolicyFromRole", identity.RoleKind, role, policy)
}

func (r *RAM) detach(op, kind, name, policy string) error {
	return r.change(op, func(ram *identity.RAM) error { return ram.DetachPolicy(kind, name, policy) })
}

// CreateAccessKey makes a random access key for a user, "" for the account itself. There is no other way to learn the
// secret.
func (r *RAM) CreateAccessKey(user string) (id, secret string, err error) {
	id, secret = identity.NewAccessKey()
	if err := r.PutAccessKey(user, id, secret); err != nil {
		return "", "", err
	}
	return id, secret, nil
}

// PutAccessKey gives a user, "" for the account itself, an access key that is known already, or replaces the secret of
// one that it has. Id and secret have at most 128 characters, the id of letters, digits and . - _, not beginning with
// STS.
func (r *RAM) PutAccessKey(user, id, secret string) error {
	return r.change("CreateAccessKey", func(ram *identity.RAM) error { return ram.PutAccessKey(user, id, secret) })
}

// SetAccessKeyStatus has an access key of the account prove its owner, or not.
func (r *RAM) SetAccessKeyStatus(id string, enabled bool) error {
	return r.change("UpdateAccessKey", func(ram *identity.RAM) error { return ram.SetAccessKeyStatus(id, enabled) })
}

// DeleteAccessKey removes an access key of the account.
func (r *RAM) DeleteAccessKey(id string) error {
	return r.change("DeleteAccessKey", func(ram *identity.RAM) error { return ram.DeleteAccessKey(id) })
}

// ServiceKey returns the key that a cloud service has in the account and region, "" for the server's region, and makes it
// if there is none: Creator and alias are the service's, and the account cannot change it. The code of the service has 1
// to 32 letters, digits and hyphens, as in OSS. A client that calls as the service uses the key.
func (r *RAM) ServiceKey(region, service string) (keyID string, err error) {
	scope, err := r.server.scope(region, r.account)
	if err != nil {
		return "", err
	}
	err = r.change("ServiceKey", func(ram *identity.RAM) (err error) {
		keyID, err = keys.ServiceKey(ram.Tx, scope, service, ram.Now)
		return err
	})
	return keyID, err
}

// AccountStatus says whether the service works for an account. It is the end of the code with which it is refused,
// beginning with Forbidden.
type AccountStatus string

// The states of an account. One that nobody has set is Enabled.
const (
	AccountEnabled                 AccountStatus = "Enabled"
	AccountNotEnabled              AccountStatus = "NotEnabled" // Forbidden.KmsServiceNotEnabled
	AccountInDebt                  AccountStatus = "InDebt"
	AccountInDebtOverdue           AccountStatus = "InDebtOverdue"
	AccountProhibitedByRiskControl AccountStatus = "ProhibitedByRiskControl"
	AccountInvalidUserID           AccountStatus = "UbsmsInvalidUserid"
	AccountInvalidPartner          AccountStatus = "UbsmsInvalidBid"
)

// SetStatus has the service work for the account, or refuse all calls but DescribeRegions, DescribeAccountKmsStatus and
// OpenKmsService. It refuses a status that there is not.
func (r *RAM) SetStatus(status AccountStatus) error {
	return r.change("SetStatus", func(ram *identity.RAM) error { return setStatus(ram, status) })
}

func setStatus(ram *identity.RAM, status AccountStatus) error {
	s, ok := state.ParseAccountStatus(string(status))
	if !ok {
		return call.Invalid("Status")
	}
	state.Accounts.Put(ram.Tx, state.Everywhere, ram.Account, &state.Account{ID: ram.Account, Status: s})
	return nil
}
