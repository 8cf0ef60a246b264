package identity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Every change of RAM is refused where it should be, and a refused one leaves nothing.
func TestRAM(t *testing.T) {
	const full = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	long := strings.Repeat("n", 64)
	w := newWorld(t)
	w.in("42").ram(func(r *identity.RAM) error { return r.PutAccessKey("", "foreign", "x") })
	for _, tt := range []struct {
		name   string
		change func(r *identity.RAM) error
		want   string // the code
	}{
		{"a user", func(r *identity.RAM) error { _, err := r.CreateUser("alice"); return err }, ""},
		{"the user again", func(r *identity.RAM) error { _, err := r.CreateUser("alice"); return err }, "EntityAlreadyExists.User"},
		{"a user with a long name", func(r *identity.RAM) error { _, err := r.CreateUser(long); return err }, ""},
		{"a user with a longer name", func(r *identity.RAM) error { _, err := r.CreateUser(long + "n"); return err }, "InvalidParameter.UserName"},
		{"a user without a name", func(r *identity.RAM) error { _, err := r.CreateUser(""); return err }, "InvalidParameter.UserName"},
		{"a user with a slash", func(r *identity.RAM) error { _, err := r.CreateUser("a/b"); return err }, "InvalidParameter.UserName"},
		{"a user with a star", func(r *identity.RAM) error { _, err := r.CreateUser("a*b"); return err }, "InvalidParameter.UserName"},
		{"a group", func(r *identity.RAM) error { return r.CreateGroup("dev") }, ""},
		{"the group again", func(r *identity.RAM) error { return r.CreateGroup("dev") }, "EntityAlreadyExists.Group"},
		{"a group with a bad name", func(r *identity.RAM) error { return r.CreateGroup("d v") }, "InvalidParameter.GroupName"},
		{"a role", func(r *identity.RAM) error { _, err := r.CreateRole("app", trust("acs:ram::1:root"), 0); return err }, ""},
		{"the role again", func(r *identity.RAM) error { _, err := r.CreateRole("app", trust("acs:ram::1:root"), 0); return err }, "EntityAlreadyExists.Role"},
		{"a role with a bad name", func(r *identity.RAM) error { _, err := r.CreateRole("a:b", trust("acs:ram::1:root"), 0); return err }, "InvalidParameter.RoleName"},
		{"a role without trust", func(r *identity.RAM) error { _, err := r.CreateRole("x", "", 0); return err }, "MalformedPolicyDocument"},
		{"a role with a policy for trust", func(r *identity.RAM) error { _, err := r.CreateRole("x", full, 0); return err }, "MalformedPolicyDocument"},
		{"a role of short sessions", func(r *identity.RAM) error { return r.UpdateRole("app", trust("acs:ram::1:root"), 3599) }, "InvalidParameter"},
		{"a role of long sessions", func(r *identity.RAM) error { return r.UpdateRole("app", trust("acs:ram::1:root"), 43200) }, ""},
		{"a role of longer sessions", func(r *identity.RAM) error { return r.UpdateRole("app", trust("acs:ram::1:root"), 43201) }, "InvalidParameter"},
		{"an unknown role changed", func(r *identity.RAM) error { return r.UpdateRole("none", trust("acs:ram::1:root"), 0) }, "EntityNotExist.Role"},
		{"a policy", func(r *identity.RAM) error { return r.PutPolicy("full", full) }, ""},
		{"the policy again", func(r *identity.RAM) error { return r.PutPolicy("full", full) }, ""},
		{"a policy with a long name", func(r *identity.RAM) error { return r.PutPolicy(long+long, full) }, ""},
		{"a policy with a longer name", func(r *identity.RAM) error { return r.PutPolicy(long+long+"n", full) }, "InvalidParameter.PolicyName"},
		{"a policy that is too long", func(r *identity.RAM) error { return r.PutPolicy("x", full+strings.Repeat(" ", 6144)) }, "InvalidParameter.PolicyDocument.Length"},
		{"a policy with NotResource", func(r *identity.RAM) error {
			return r.PutPolicy("x", strings.Replace(full, `"Resource"`, `"NotResource"`, 1))
		}, "MalformedPolicyDocument"},
		{"an attached policy", func(r *identity.RAM) error { return r.AttachPolicy(identity.UserKind, "alice", "full") }, ""},
		{"one attached again", func(r *identity.RAM) error { return r.AttachPolicy(identity.UserKind, "alice", "full") }, ""},
		{"an unknown policy attached", func(r *identity.RAM) error { return r.AttachPolicy(identity.UserKind, "alice", "none") }, "EntityNotExist.Policy"},
		{"one attached to an unknown user", func(r *identity.RAM) error { return r.AttachPolicy(identity.UserKind, "none", "full") }, "EntityNotExist.User"},
		{"one attached to an unknown group", func(r *identity.RAM) error { return r.AttachPolicy(identity.GroupKind, "none", "full") }, "EntityNotExist.Group"},
		{"one attached to an unknown role", func(r *identity.RAM) error { return r.AttachPolicy(identity.RoleKind, "none", "full") }, "EntityNotExist.Role"},
		{"the policy deleted, a user having it", func(r *identity.RAM) error { return r.DeletePolicy("full") }, "DeleteConflict.Policy"},
		{"the policy deleted, a group having it", func(r *identity.RAM) error {
			return errors.Join(r.DetachPolicy(identity.UserKind, "alice", "full"), r.AttachPolicy(identity.GroupKind, "dev", "full"), r.DeletePolicy("full"))
		}, "DeleteConflict.Policy"},
		{"the policy deleted, a role having it", func(r *identity.RAM) error {
			return errors.Join(r.DetachPolicy(identity.UserKind, "alice", "full"), r.AttachPolicy(identity.RoleKind, "app", "full"), r.DeletePolicy("full"))
		}, "DeleteConflict.Policy"},
		{"the policy detached and deleted", func(r *identity.RAM) error {
			return errors.Join(r.DetachPolicy(identity.UserKind, "alice", "full"), r.DetachPolicy(identity.UserKind, "alice", "full"), r.DeletePolicy("full"))
		}, ""},
		{"the policy deleted again", func(r *identity.RAM) error { return r.DeletePolicy("full") }, "EntityNotExist.Policy"},
		{"a member", func(r *identity.RAM) error {
			return errors.Join(r.AddUserToGroup("alice", "dev"), r.AddUserToGroup("alice", "dev"))
		}, ""},
		{"an unknown member", func(r *identity.RAM) error { return r.AddUserToGroup("none", "dev") }, "EntityNotExist.User"},
		{"a member of an unknown group", func(r *identity.RAM) error { return r.AddUserToGroup("alice", "none") }, "EntityNotExist.Group"},
		{"an access key", func(r *identity.RAM) error { return r.PutAccessKey("alice", "ak", "s") }, ""},
		{"another secret of it", func(r *identity.RAM) error { return r.PutAccessKey("alice", "ak", "t") }, ""},
		{"the access key of another user", func(r *identity.RAM) error { return r.PutAccessKey("", "ak", "t") }, "EntityAlreadyExists.User.AccessKey"},
		{"the access key of another account", func(r *identity.RAM) error { return r.PutAccessKey("", "foreign", "t") }, "EntityAlreadyExists.User.AccessKey"},
		{"an access key of nobody", func(r *identity.RAM) error { return r.PutAccessKey("none", "ak2", "t") }, "EntityNotExist.User"},
		{"an access key that looks like a session's", func(r *identity.RAM) error { return r.PutAccessKey("alice", "STS.x", "t") }, "InvalidParameter.AccessKeyName"},
		{"an access key with a comma", func(r *identity.RAM) error { return r.PutAccessKey("alice", "a,b", "t") }, "InvalidParameter.AccessKeyName"},
		{"an access key that is too long", func(r *identity.RAM) error { return r.PutAccessKey("alice", strings.Repeat("a", 129), "t") }, "InvalidParameter.AccessKeyName"},
		{"an access key without a secret", func(r *identity.RAM) error { return r.PutAccessKey("alice", "ak2", "") }, "InvalidParameter"},
		{"an access key with a long secret", func(r *identity.RAM) error { return r.PutAccessKey("alice", "ak2", strings.Repeat("a", 129)) }, "InvalidParameter"},
		{"an unknown access key switched", func(r *identity.RAM) error { return r.SetAccessKeyStatus("none", true) }, "EntityNotExist.User.AccessKey"},
		{"a foreign access key switched", func(r *identity.RAM) error { return r.SetAccessKeyStatus("foreign", false) }, "EntityNotExist.User.AccessKey"},
		{"a foreign access key deleted", func(r *identity.RAM) error { return r.DeleteAccessKey("foreign") }, "EntityNotExist.User.AccessKey"},
		{"the access key deleted", func(r *identity.RAM) error { return r.DeleteAccessKey("ak") }, ""},
		{"an unknown user deleted", func(r *identity.RAM) error { return r.DeleteUser("none") }, "EntityNotExist.User"},
		{"an unknown group deleted", func(r *identity.RAM) error { return r.DeleteGroup("none") }, "EntityNotExist.Group"},
		{"an unknown role deleted", func(r *identity.RAM) error { return r.DeleteRole("none") }, "EntityNotExist.Role"},
		{"the rest deleted", func(r *identity.RAM) error {
			return errors.Join(r.DeleteUser("alice"), r.DeleteGroup("dev"), r.DeleteRole("app"))
		}, ""},
	} {
		err := w.ramErr(tt.change)
		var e *call.Error
		errors.As(err, &e)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (e == nil || e.Code != tt.want):
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	w.store.View(func(tx state.Tx) error {
		for name := range state.Users.All(tx, state.Of(account)) {
			if name != long {
				t.Errorf("the user %s is left", name)
			}
		}
		return nil
	})
}

// What a policy has that RAM does not is told with its place.
func TestPolicyRefusalSaysWhy(t *testing.T) {
	w := newWorld(t)
	err := w.ramErr(func(r *identity.RAM) error {
		return r.PutPolicy("x", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEqualsIfExists":{"acs:SourceIp":"1"}}}]}`)
	})
	if !errors.Is(err, call.ErrMalformedPolicy) || !strings.Contains(err.Error(), "StringEqualsIfExists") || !strings.Contains(err.Error(), policy.ErrOperator.Error()) {
		t.Errorf("PutPolicy = %v", err)
	}
}
