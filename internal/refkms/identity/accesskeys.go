package identity

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// PutAccessKey gives a user, "" for the account itself, an access key, or replaces the secret of one that it has. It
// keeps no secret of another.
func (r *RAM) PutAccessKey(user, id, secret string) error {
	if err := CheckAccessKey(id, secret); err != nil {
		return err
	}
	if user != "" && state.Users.Get(r.Tx, r.scope(), user) == nil {
		return call.EntityNotExist(UserKind)
	}
	created, disabled := r.Now, false
	if k := state.AccessKeys.Get(r.Tx, state.Everywhere, id); k != nil {
		if k.Account != r.Account || k.User != user {
			return call.EntityExists("User.AccessKey")
		}
		created, disabled = k.Created, k.Disabled
	}
	state.AccessKeys.Put(r.Tx, state.Everywhere, id, &state.AccessKey{ID: id, Secret: state.NewMaterial([]byte(secret)),
		Account: r.Account, User: user, Disabled: disabled, Created: created})
	return nil
}

// SetAccessKeyStatus has an access key of the account prove its owner, or not.
func (r *RAM) SetAccessKeyStatus(id string, enabled bool) error {
	k, err := r.accessKey(id)
	if err != nil {
		return err
	}
	changed := *k
	changed.Disabled = !enabled
	state.AccessKeys.Put(r.Tx, state.Everywhere, id, &changed)
	return nil
}

// DeleteAccessKey removes an access key of the account.
func (r *RAM) DeleteAccessKey(id string) error {
	if _, err := r.accessKey(id); err != nil {
		return err
	}
	state.AccessKeys.Delete(r.Tx, state.Everywhere, id)
	return nil
}

func (r *RAM) accessKey(id string) (*state.AccessKey, error) {
	k := state.AccessKeys.Get(r.Tx, state.Everywhere, id)
	if k == nil || k.Account != r.Account {
		return nil, call.EntityNotExist("User.AccessKey")
	}
	return k, nil
}
