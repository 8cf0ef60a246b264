package identity_test

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// What leads to no key is told before rights are asked, what may or may not be one is not.
func TestResolvedBeforeRights(t *testing.T) {
	w := newWorld(t)
	u := w.user("nobody")
	u.refused(call.ErrAliasNotFound, "Encrypt", "KeyId", "alias/none", "Plaintext", "x")
	u.refused(call.ErrUnsupportedAlias, "DisableKey", "KeyId", "alias/none")
	u.refused(call.ErrMissingParameter, "DescribeKey")
	u.refused(call.ErrNoPermission, "DescribeKey", "KeyId", "none")
	w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", "none")
}

// A refusal says whose right to what was missing, and why.
func TestDenial(t *testing.T) {
	w := newWorld(t)
	key := w.newKey()
	w.role("app", allow(all, all))
	implicit := w.user("implicit")
	explicit := w.user("explicit", allow(all, all), deny([]string{"kms:Decrypt", "kms:Encrypt"}, all))
	session := explicit.assume("app", "Policy", allow([]string{"kms:ListKeys"}, all))
	id := func(w *world) string { return w.ok("GetCallerIdentity").str("UserId") }
	for _, tt := range []struct {
		name string
		w    *world
		want call.Denial
	}{
		{"implicit", implicit, call.Denial{PrincipalType: "SubUser", Principal: id(implicit), Type: "ImplicitDeny", Policy: "AccountLevelIdentityBasedPolicy"}},
		{"explicit", explicit, call.Denial{PrincipalType: "SubUser", Principal: id(explicit), Type: "ExplicitDeny", Policy: "AccountLevelIdentityBasedPolicy"}},
		{"session", session, call.Denial{PrincipalType: "AssumedRoleUser", Principal: "app:test", Type: "ImplicitDeny", Policy: "SessionPolicy"}},
	} {
		_, err := tt.w.call("Encrypt", "KeyId", key, "Plaintext", "x")
		var e *call.Error
		if !errors.As(err, &e) || e.Denial == nil {
			t.Errorf("%s: Encrypt = %v", tt.name, err)
			continue
		}
		tt.want.Action, tt.want.Owner = "kms:Encrypt", account
		if *e.Denial != tt.want {
			t.Errorf("%s: the denial is %+v, want %+v", tt.name, *e.Denial, tt.want)
		}
		if want := "This operation for " + arns + "key/" + key + " is forbidden by permission system."; e.Message != want || e.Status != 403 || e.Code != "Forbidden.NoPermission" {
			t.Errorf("%s: Encrypt = %d %s %q", tt.name, e.Status, e.Code, e.Message)
		}
	}
}

// Rights are those of the moment: of the user and its groups, whatever they were when the access key was made.
func TestRightsFollowChanges(t *testing.T) {
	w := newWorld(t)
	u := w.user("alice")
	other := w.in("42")
	check := func(what string, want bool) {
		t.Helper()
		for range 2 {
			if _, ok := u.may("ListKeys"); ok != want {
				t.Errorf("%s: ListKeys is allowed: %v, want %v", what, ok, want)
			}
		}
	}
	check("at first", false)
	w.ram(func(r *identity.RAM) error { return r.PutPolicy("list", allow([]string{"kms:ListKeys"}, all)) })
	check("with a policy that is not attached", false)
	w.ram(func(r *identity.RAM) error { return r.AttachPolicy(identity.UserKind, "alice", "list") })
	check("with a policy", true)
	w.ram(func(r *identity.RAM) error { return r.PutPolicy("list", allow([]string{"kms:ListAliases"}, all)) })
	check("with the policy changed", false)
	w.ram(func(r *identity.RAM) error {
		if err := r.CreateGroup("dev"); err != nil {
			return err
		}
		if err := r.PutPolicy("full", allow(all, all)); err != nil {
			return err
		}
		return r.AttachPolicy(identity.GroupKind, "dev", "full")
	})
	check("with a group beside it", false)
	w.ram(func(r *identity.RAM) error { return r.AddUserToGroup("alice", "dev") })
	check("in the group", true)
	restore := w.store.Snapshot()
	w.ram(func(r *identity.RAM) error {
		if err := r.PutPolicy("no", deny([]string{"kms:List*"}, all)); err != nil {
			return err
		}
		return r.AttachPolicy(identity.UserKind, "alice", "no")
	})
	check("denied by its own policy", false)
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	check("after going back", true)
	other.ram(func(r *identity.RAM) error { _, err := r.CreateUser("alice"); return err })
	check("after a change elsewhere", true)
	w.ram(func(r *identity.RAM) error { return r.RemoveUserFromGroup("alice", "dev") })
	check("out of the group", false)
	w.ram(func(r *identity.RAM) error { return r.AddUserToGroup("alice", "dev") })
	w.ram(func(r *identity.RAM) error { return r.DetachPolicy(identity.GroupKind, "dev", "full") })
	check("with nothing in the group", false)
	w.ram(func(r *identity.RAM) error { return r.AttachPolicy(identity.GroupKind, "dev", "full") })
	check("again", true)
	w.ram(func(r *identity.RAM) error { return r.DeleteGroup("dev") })
	check("without the group", false)
}

func TestAccessKeyStatus(t *testing.T) {
	w := newWorld(t)
	u := w.user("alice", allow(all, all))
	u.ok("ListKeys")
	w.ram(func(r *identity.RAM) error { return r.SetAccessKeyStatus("alice", false) })
	u.refused(call.ErrAccessKeyDisabled, "ListKeys")
	w.ram(func(r *identity.RAM) error { return r.SetAccessKeyStatus("alice", true) })
	u.ok("ListKeys")
	w.ram(func(r *identity.RAM) error { return r.DeleteUser("alice") })
	u.refused(call.ErrAccessKeyNotFound, "ListKeys")
}

// Accounts are worlds of their own: even the root of one has no rights in another, and a user's rights to all resources
// end at the account.
func TestAccounts(t *testing.T) {
	w := newWorld(t)
	key := w.newKey()
	other := w.in("42")
	user := other.user("bob", allow(all, all))
	for _, v := range []*world{other, user} {
		v.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", key)
		v.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", arns+"key/"+key)
	}
}

// A user one of whose policies or groups is missing has no rights at all, for one that is missing may be one that denies;
// and as soon as it is there, the rights are what they are.
func TestIncompleteState(t *testing.T) {
	w := newWorld(t)
	w.ram(func(r *identity.RAM) error { return r.CreateGroup("dev") })
	u := w.user("alice", allow(all, all))
	w.ram(func(r *identity.RAM) error { return r.AddUserToGroup("alice", "dev") })
	u.ok("ListKeys")
	for name, change := range map[string]func(tx state.Tx, there bool){
		"policy": func(tx state.Tx, there bool) {
			if there {
				state.Policies.Put(tx, state.Of(account), "alice-User-a", &state.Policy{Name: "alice-User-a", Document: allow(all, all)})
			} else {
				state.Policies.Delete(tx, state.Of(account), "alice-User-a")
			}
		},
		"group": func(tx state.Tx, there bool) {
			if there {
				state.Groups.Put(tx, state.Of(account), "dev", &state.Group{Name: "dev"})
			} else {
				state.Groups.Delete(tx, state.Of(account), "dev")
			}
		},
	} {
		for _, there := range []bool{false, true} {
			if err := w.store.Update(func(tx state.Tx) error { change(tx, there); return nil }); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := u.call("ListKeys"); (err == nil) != there {
					t.Errorf("with the %s there, %v, ListKeys = %v", name, there, err)
				}
			}
		}
	}
	w.role("app")
	if err := w.store.Update(func(tx state.Tx) error { state.ServerKeys.Delete(tx, state.Everywhere, "sts"); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := u.call("AssumeRole", "RoleArn", roleARN, "RoleSessionName", "test"); err == nil {
		t.Error("a session is made without the key for it")
	}
	s := *u
	s.key, s.token = "STS.x", "x"
	s.refused(call.ErrAccessKeyNotFound, "ListKeys")
}
