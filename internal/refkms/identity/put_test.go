package identity_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// What is put is made, or changed to have exactly the groups and policies given; it stays who it was.
func TestPut(t *testing.T) {
	w := newWorld(t)
	const rights = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}`
	w.ram(func(r *identity.RAM) error {
		return errors.Join(r.PutPolicy("p", rights), r.PutPolicy("q", rights), r.PutGroup("g", []string{"q", "p", "q"}), r.PutGroup("h", nil),
			r.PutUser("u", []string{"h", "g"}, []string{"p"}), r.PutRole("r", trust("acs:ram::1:root"), 0, []string{"p"}))
	})
	var user state.User
	var role state.Role
	look := func() (u *state.User, g *state.Group, r *state.Role) {
		w.store.View(func(tx state.Tx) error {
			u, g, r = state.Users.Get(tx, state.Of(account), "u"), state.Groups.Get(tx, state.Of(account), "g"), state.Roles.Get(tx, state.Of(account), "r")
			return nil
		})
		return u, g, r
	}
	u, g, r := look()
	user, role = *u, *r
	if !slices.Equal(g.Policies, []string{"p", "q"}) || !slices.Equal(u.Groups, []string{"g", "h"}) || !slices.Equal(u.Policies, []string{"p"}) ||
		!slices.Equal(r.Policies, []string{"p"}) || r.MaxSession != identity.DefaultSession {
		t.Errorf("there are %+v, %+v and %+v", u, g, r)
	}
	w.ram(func(r *identity.RAM) error {
		return errors.Join(r.PutGroup("g", nil), r.PutUser("u", []string{"g"}, nil), r.PutRole("r", trust("acs:ram::2:root"), 7200, nil))
	})
	u, g, r = look()
	if g.Policies != nil || !slices.Equal(u.Groups, []string{"g"}) || u.Policies != nil || r.Policies != nil || r.MaxSession != 7200 ||
		r.Trust != trust("acs:ram::2:root") || u.ID != user.ID || r.ID != role.ID {
		t.Errorf("after a change there are %+v, %+v and %+v", u, g, r)
	}
	for name, tt := range map[string]struct {
		put  func(r *identity.RAM) error
		want string
	}{
		"user's name":    {func(r *identity.RAM) error { return r.PutUser("a b", nil, nil) }, "InvalidParameter.UserName"},
		"user's group":   {func(r *identity.RAM) error { return r.PutUser("u", []string{"none"}, nil) }, "EntityNotExist.Group"},
		"user's policy":  {func(r *identity.RAM) error { return r.PutUser("u", nil, []string{"none"}) }, "EntityNotExist.Policy"},
		"group's name":   {func(r *identity.RAM) error { return r.PutGroup("", nil) }, "InvalidParameter.GroupName"},
		"group's policy": {func(r *identity.RAM) error { return r.PutGroup("g", []string{"none"}) }, "EntityNotExist.Policy"},
		"role's name":    {func(r *identity.RAM) error { return r.PutRole("", "", 0, nil) }, "InvalidParameter.RoleName"},
		"role's policy":  {func(r *identity.RAM) error { return r.PutRole("r", trust("acs:ram::1:root"), 0, []string{"none"}) }, "EntityNotExist.Policy"},
		"role's trust":   {func(r *identity.RAM) error { return r.PutRole("r", "{}", 0, nil) }, "MalformedPolicyDocument"},
	} {
		var e *call.Error
		if err := w.ramErr(tt.put); !errors.As(err, &e) || e.Code != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}
