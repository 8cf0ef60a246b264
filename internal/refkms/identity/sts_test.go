package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
)

const roleARN = "acs:ram::" + account + ":role/app"

func TestAssumeRole(t *testing.T) {
	w := newWorld(t)
	key := w.newKey()
	w.role("app", allow([]string{"kms:Encrypt"}, all))
	u := w.user("alice", allow([]string{"sts:AssumeRole"}, []string{roleARN}))
	u.refused(call.ErrNoPermission, "Encrypt", "KeyId", key, "Plaintext", "x")

	d := u.ok("AssumeRole", "RoleArn", roleARN, "RoleSessionName", "batch-1")
	id := d.str("AssumedRoleUser", "AssumedRoleId")
	roleID, session, _ := strings.Cut(id, ":")
	if session != "batch-1" || strings.Trim(roleID, "0123456789") != "" || d.str("AssumedRoleUser", "Arn") != roleARN+"/batch-1" ||
		d.str("Credentials", "Expiration") != "2026-01-02T04:04:05Z" || d.str("RequestId") != "r" {
		t.Errorf("AssumeRole answers %v", d)
	}
	s := *u
	s.key, s.token = d.str("Credentials", "AccessKeyId"), d.str("Credentials", "SecurityToken")
	s.ok("Encrypt", "KeyId", key, "Plaintext", "x")
	s.refused(call.ErrNoPermission, "DescribeKey", "KeyId", key)
	if got := s.ok("GetCallerIdentity"); got.str("IdentityType") != "AssumedRoleUser" || got.str("AccountId") != account ||
		got.str("PrincipalId") != id || got.str("RoleId") != roleID || got.str("Arn") != roleARN+"/batch-1" || got["UserId"] != nil {
		t.Errorf("GetCallerIdentity = %v", got)
	}

	if err := w.server.Advance(time.Hour - time.Second); err != nil {
		t.Fatal(err)
	}
	s.ok("Encrypt", "KeyId", key, "Plaintext", "x")
	if err := w.server.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	s.refused(call.ErrSecurityTokenExpired, "Encrypt", "KeyId", key, "Plaintext", "x")
	s.refused(call.ErrSecurityTokenExpired, "GetCallerIdentity")
	s.token = ""
	s.refused(call.ErrMissingSecurityToken, "GetCallerIdentity")
}

func TestAssumeRoleParameters(t *testing.T) {
	w := newWorld(t)
	w.role("app")
	w.ram(func(r *identity.RAM) error { return r.UpdateRole("app", trust("acs:ram::"+account+":*"), 7200) })
	u := w.user("alice", allow(all, all))
	good := map[string]string{"RoleArn": roleARN, "RoleSessionName": "test"}
	for _, tt := range []struct {
		name, value string
		want        error
	}{
		{"RoleArn", "", call.Missing("RoleArn")},
		{"RoleArn", "app", call.ErrRoleARN},
		{"RoleArn", "acs:ram::" + account + ":user/alice", call.ErrRoleARN},
		{"RoleArn", "acs:ram::x:role/app", call.ErrRoleARN},
		{"RoleArn", "acs:ram:::role/app", call.ErrRoleARN},
		{"RoleArn", "acs:ram::" + account + ":role/", call.ErrRoleARN},
		{"RoleArn", "acs:ram::" + account + ":role/a*", call.ErrRoleARN},
		{"RoleArn", "acs:ram::" + account + ":role/" + strings.Repeat("a", 65), call.ErrRoleARN},
		{"RoleArn", "acs:ram::" + account + ":role/none", call.ErrRoleNotFound},
		{"RoleSessionName", "", call.Missing("RoleSessionName")},
		{"RoleSessionName", "x", call.ErrRoleSessionName},
		{"RoleSessionName", "xy", nil},
		{"RoleSessionName", "A.z@9-_", nil},
		{"RoleSessionName", "a b", call.ErrRoleSessionName},
		{"RoleSessionName", strings.Repeat("a", 64), nil},
		{"RoleSessionName", strings.Repeat("a", 65), call.ErrRoleSessionName},
		{"DurationSeconds", "899", call.ErrDurationSeconds},
		{"DurationSeconds", "900", nil},
		{"DurationSeconds", "7200", nil},
		{"DurationSeconds", "7201", call.ErrDurationSeconds},
		{"DurationSeconds", "43201", call.ErrDurationSeconds},
		{"DurationSeconds", "soon", call.ErrDurationSeconds},
		{"Policy", allow(all, all), nil},
		{"Policy", "{}", call.ErrPolicyGrammar},
		{"Policy", strings.Replace(allow(all, all), "Resource", "NotResource", 1), call.ErrPolicyGrammar},
		{"Policy", allow([]string{"kms:" + strings.Repeat("x", 1960)}, all), nil},
		{"Policy", allow([]string{"kms:" + strings.Repeat("x", 2048)}, all), call.ErrPolicySize},
		{"ExternalId", strings.Repeat("x", 1225), call.Invalid("ExternalId")},
	} {
		params := []string{tt.name, tt.value}
		for name, value := range good {
			if name != tt.name {
				params = append(params, name, value)
			}
		}
		if tt.want == nil {
			u.ok("AssumeRole", params...)
		} else {
			u.refused(tt.want, "AssumeRole", params...)
		}
	}
}

// Both sides must agree: the policies of the caller and the role's trust policy. One of them is not enough, in the same
// account either.
func TestAssumeRoleTrust(t *testing.T) {
	w := newWorld(t)
	far := w.in("42")
	w.role("app", allow(all, all))
	may := allow([]string{"sts:AssumeRole"}, []string{roleARN})
	const here, there = "acs:ram::" + account + ":", "acs:ram::42:"
	alice := w.user("alice", may)
	bob := w.user("bob")
	carol := far.user("carol", may)
	w.role("chain", may)
	chain := w.user("dave", allow([]string{"sts:AssumeRole"}, []string{here + "role/chain"})).assume("chain")
	for _, tt := range []struct {
		name  string
		trust []string
		w     *world
		want  error
	}{
		{"trusts the account", []string{here + "root"}, alice, nil},
		{"trusts all of the account", []string{here + "*"}, alice, nil},
		{"trusts the user", []string{here + "user/alice"}, alice, nil},
		{"trusts another user", []string{here + "user/bob"}, alice, call.ErrUnauthorized},
		{"trusts a role of that name", []string{here + "role/alice"}, alice, call.ErrUnauthorized},
		{"trusts another account", []string{there + "root"}, alice, call.ErrUnauthorized},
		{"trusts one who may not", []string{here + "user/bob"}, bob, call.ErrUnauthorized},
		{"trusts the other account", []string{there + "root"}, carol, nil},
		{"trusts the user of the other account", []string{there + "user/carol"}, carol, nil},
		{"does not trust the other account", []string{here + "root"}, carol, call.ErrUnauthorized},
		{"trusts the role of a session", []string{here + "role/chain"}, chain, nil},
		{"does not trust the role of a session", []string{here + "user/dave"}, chain, call.ErrUnauthorized},
		{"is asked by the account itself", []string{here + "root"}, w, call.ErrUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.ram(func(r *identity.RAM) error { return r.UpdateRole("app", trust(tt.trust...), 0) })
			_, err := tt.w.call("AssumeRole", "RoleArn", roleARN, "RoleSessionName", "test")
			if code(err) != code(tt.want) {
				t.Errorf("AssumeRole = %v, want %v", err, tt.want)
			}
		})
	}
	// A role of another account works in that account's world.
	w.ram(func(r *identity.RAM) error { return r.UpdateRole("app", trust(there+"user/carol"), 0) })
	key := w.newKey()
	carol.account = account
	carol.assume("app").ok("DescribeKey", "KeyId", key)
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return err.(*call.Error).Code
}

// The trust policy may ask for conditions: an external id, an address, a time.
func TestAssumeRoleConditions(t *testing.T) {
	w := newWorld(t)
	w.role("app")
	u := w.user("alice", allow(all, all))
	for _, tt := range []struct {
		name, condition string
		params          []string
		from            string
		want            error
	}{
		{"external id", `{"StringEquals":{"sts:ExternalId":"secret-id"}}`, []string{"ExternalId", "secret-id"}, "", nil},
		{"another external id", `{"StringEquals":{"sts:ExternalId":"secret-id"}}`, []string{"ExternalId", "other"}, "", call.ErrUnauthorized},
		{"no external id", `{"StringEquals":{"sts:ExternalId":"secret-id"}}`, nil, "", call.ErrUnauthorized},
		{"address", `{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}`, nil, "10.1.2.3", nil},
		{"another address", `{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}`, nil, "11.1.2.3", call.ErrUnauthorized},
		{"time", `{"DateLessThan":{"acs:CurrentTime":"2026-01-02T03:04:06Z"}}`, nil, "", nil},
		{"too late", `{"DateLessThan":{"acs:CurrentTime":"2026-01-02T03:04:05Z"}}`, nil, "", call.ErrUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			doc := strings.Replace(trust("acs:ram::"+account+":root"), `"Effect"`, `"Condition":`+tt.condition+`,"Effect"`, 1)
			w.ram(func(r *identity.RAM) error { return r.UpdateRole("app", doc, 0) })
			_, err := u.from(tt.from).call("AssumeRole", append(tt.params, "RoleArn", roleARN, "RoleSessionName", "test")...)
			if code(err) != code(tt.want) {
				t.Errorf("AssumeRole = %v, want %v", err, tt.want)
			}
		})
	}
}

// A session ends with its role, and does not come back with another of that name.
func TestSessionOfDeletedRole(t *testing.T) {
	w := newWorld(t)
	w.role("app", allow(all, all))
	s := w.user("alice", allow(all, all)).assume("app")
	s.ok("ListKeys")
	w.ram(func(r *identity.RAM) error { return r.DeleteRole("app") })
	s.refused(call.ErrNoPermission, "ListKeys")
	w.role("app", allow(all, all))
	s.refused(call.ErrNoPermission, "ListKeys")
	if got := s.ok("GetCallerIdentity").str("IdentityType"); got != "AssumedRoleUser" {
		t.Errorf("the session is a %s", got)
	}
}

func TestDefaultDuration(t *testing.T) {
	w := newWorld(t)
	w.role("app")
	u := w.user("alice", allow(all, all))
	for _, tt := range []struct{ duration, want string }{
		{"", "2026-01-02T04:04:05Z"}, {"900", "2026-01-02T03:19:05Z"}, {"3600", "2026-01-02T04:04:05Z"},
	} {
		d := u.ok("AssumeRole", "RoleArn", roleARN, "RoleSessionName", "test", "DurationSeconds", tt.duration)
		if got := d.str("Credentials", "Expiration"); got != tt.want {
			t.Errorf("for %q seconds the session expires at %s, want %s", tt.duration, got, tt.want)
		}
	}
}

func TestGetCallerIdentity(t *testing.T) {
	w := newWorld(t)
	if got := w.ok("GetCallerIdentity"); got.str("IdentityType") != "Account" || got.str("AccountId") != account ||
		got.str("PrincipalId") != account || got.str("UserId") != account || got.str("Arn") != "acs:ram::"+account+":root" {
		t.Errorf("the account is %v", got)
	}
	got := w.user("alice").ok("GetCallerIdentity") // it needs no right
	if id := got.str("UserId"); got.str("IdentityType") != "RAMUser" || len(id) != 18 || got.str("PrincipalId") != id ||
		got.str("Arn") != "acs:ram::"+account+":user/alice" || got["RoleId"] != nil {
		t.Errorf("a user is %v", got)
	}
}
