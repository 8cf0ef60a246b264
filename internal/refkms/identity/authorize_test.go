package identity_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
)

// Every operation needs exactly the pairs of action and resource that are listed: with them it is allowed, and without
// one of them denied in its name.
func TestRows(t *testing.T) {
	w := newWorld(t)
	k1, k2 := w.newKey(), w.newKey()
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k1)
	blob := w.ok("Encrypt", "KeyId", k1, "Plaintext", "x").str("CiphertextBlob")
	version := w.ok("DescribeKey", "KeyId", k1).str("KeyMetadata", "PrimaryKeyVersion")
	key1, key2, alias := arns+"key/"+k1, arns+"key/"+k2, arns+"alias/a"
	const nobody = "11111111-1111-4111-8111-111111111111" // a key that is not there
	for i, tt := range []struct {
		action string
		params string   // name=value, apart by blanks
		pairs  []string // action and resource, in the order in which they are asked
	}{
		{"ListKeys", "", []string{"kms:ListKeys " + arns + "key"}},
		{"CreateKey", "", []string{"kms:CreateKey " + arns + "key"}},
		{"DescribeKey", "KeyId=" + k1, []string{"kms:DescribeKey " + key1}},
		{"DescribeKey", "KeyId=alias/a", []string{"kms:DescribeKey " + key1}},
		{"DescribeKey", "KeyId=" + nobody, []string{"kms:DescribeKey " + arns + "key/" + nobody}},
		{"UpdateKeyDescription", "KeyId=" + k1 + " Description=x", []string{"kms:UpdateKeyDescription " + key1}},
		{"EnableKey", "KeyId=" + k1, []string{"kms:EnableKey " + key1}},
		{"DisableKey", "KeyId=" + nobody, []string{"kms:DisableKey " + arns + "key/" + nobody}},
		{"ScheduleKeyDeletion", "KeyId=" + nobody, []string{"kms:ScheduleKeyDeletion " + arns + "key/" + nobody}},
		{"CancelKeyDeletion", "KeyId=" + k1, []string{"kms:CancelKeyDeletion " + key1}},
		{"CreateKeyVersion", "KeyId=" + k1, []string{"kms:CreateKeyVersion " + key1}},
		{"DescribeKeyVersion", "KeyId=" + k1 + " KeyVersionId=" + version, []string{"kms:DescribeKeyVersion " + key1}},
		{"ListKeyVersions", "KeyId=" + k1, []string{"kms:ListKeyVersions " + key1}},
		{"UpdateRotationPolicy", "KeyId=" + k1 + " EnableAutomaticRotation=false", []string{"kms:UpdateRotationPolicy " + key1}},
		{"ListAliases", "", []string{"kms:ListAliases " + arns + "alias"}},
		{"ListAliasesByKeyId", "KeyId=" + k1, []string{"kms:ListAliasesByKeyId " + key1}},
		{"CreateAlias", "AliasName=alias/b KeyId=" + nobody, []string{"kms:CreateAlias " + arns + "alias/b", "kms:CreateAlias " + arns + "key/" + nobody}},
		{"UpdateAlias", "AliasName=alias/a KeyId=" + nobody, []string{"kms:UpdateAlias " + alias, "kms:UpdateAlias " + key1, "kms:UpdateAlias " + arns + "key/" + nobody}},
		{"Encrypt", "KeyId=" + k1 + " Plaintext=x", []string{"kms:Encrypt " + key1}},
		{"Encrypt", "KeyId=alias/a Plaintext=x", []string{"kms:Encrypt " + key1}},
		{"GenerateDataKey", "KeyId=alias/a", []string{"kms:GenerateDataKey " + key1}},
		{"GenerateDataKeyWithoutPlaintext", "KeyId=" + k1, []string{"kms:GenerateDataKeyWithoutPlaintext " + key1}},
		{"Decrypt", "CiphertextBlob=" + blob, []string{"kms:Decrypt " + key1}},
		{"ReEncrypt", "CiphertextBlob=" + blob + " DestinationKeyId=" + k2, []string{"kms:ReEncryptFrom " + key1, "kms:ReEncryptTo " + key2}},
		{"DeleteAlias", "AliasName=alias/a", []string{"kms:DeleteAlias " + alias, "kms:DeleteAlias " + key1}}, // removes it: the last
		{"GetCallerIdentity", "", nil},
	} {
		t.Run(fmt.Sprint(tt.action, i), func(t *testing.T) {
			var params []string
			for _, p := range strings.Fields(tt.params) {
				name, value, _ := strings.Cut(p, "=")
				params = append(params, name, value)
			}
			grant := func(pairs []string) (policies []string) {
				for _, pair := range pairs {
					action, resource, _ := strings.Cut(pair, " ")
					policies = append(policies, allow([]string{action}, []string{resource}))
				}
				return policies
			}
			for j, pair := range tt.pairs {
				rest := slices.Delete(slices.Clone(tt.pairs), j, j+1)
				u := w.user(fmt.Sprintf("u%d-%d", i, j), grant(rest)...)
				_, want, _ := strings.Cut(pair, " ")
				if missing, ok := u.may(tt.action, params...); ok || missing != want {
					t.Errorf("without %s: denied on %q, allowed %v, want denied on %s", pair, missing, ok, want)
				}
			}
			if len(tt.pairs) > 0 { // rights on all resources count for nothing where one statement denies one of them
				last := tt.pairs[len(tt.pairs)-1]
				action, resource, _ := strings.Cut(last, " ")
				u := w.user(fmt.Sprintf("d%d", i), allow(all, all), deny([]string{action}, []string{resource}))
				if missing, ok := u.may(tt.action, params...); ok || missing != resource {
					t.Errorf("with %s denied: denied on %q, allowed %v", last, missing, ok)
				}
			}
			u := w.user(fmt.Sprintf("u%d", i), grant(tt.pairs)...)
			if missing, ok := u.may(tt.action, params...); !ok {
				t.Errorf("with all pairs it is denied on %q", missing)
			}
		})
	}
}

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
