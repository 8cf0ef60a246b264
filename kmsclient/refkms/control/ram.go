package control

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The requests of RAM are of few shapes. Their fields are named as those of a configuration.

type entity struct {
	inAccount
	Name string `json:"name"`
}

type membership struct {
	inAccount
	User  string `json:"user"`
	Group string `json:"group"`
}

type policy struct {
	inAccount
	Name     string          `json:"name"`
	Document json.RawMessage `json:"document"`
}

type userPolicy struct {
	inAccount
	Policy string `json:"policy"`
	User   string `json:"user"`
}

type groupPolicy struct {
	inAccount
	Policy string `json:"policy"`
	Group  string `json:"group"`
}

type rolePolicy struct {
	inAccount
	Policy string `json:"policy"`
	Role   string `json:"role"`
}

type role struct {
	inAccount
	Name              string          `json:"name"`
	Trust             json.RawMessage `json:"trust"`
	MaxSessionSeconds int64           `json:"maxSessionSeconds"`
}

// maxSession returns the longest session, or another that RAM refuses too where no Duration can hold it.
func (r *role) maxSession() time.Duration {
	return time.Duration(min(max(r.MaxSessionSeconds, -maxSessionSeconds), maxSessionSeconds)) * time.Second
}

type accessKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

type accessKeyOwner struct {
	inAccount
	User string `json:"user"`
}

type ownedAccessKey struct {
	accessKeyOwner
	accessKey
}

type accessKeyID struct {
	inAccount
	ID string `json:"id"`
}

type accessKeyStatus struct {
	accessKeyID
	Enabled *bool `json:"enabled"` // neither is a default
}

// named is the call of a method that takes a name.
func named(method func(*refkms.RAM, string) error) func(*Handler, *entity) (empty, error) {
	return ram(func(r *refkms.RAM, q *entity) error { return method(r, q.Name) })
}

// member is the call of a method about a user in a group.
func member(method func(r *refkms.RAM, user, group string) error) func(*Handler, *membership) (empty, error) {
	return ram(func(r *refkms.RAM, q *membership) error { return method(r, q.User, q.Group) })
}

// ofUser, ofGroup and ofRole are calls of methods about a policy and who has it.
func ofUser(method func(r *refkms.RAM, policy, user string) error) func(*Handler, *userPolicy) (empty, error) {
	return ram(func(r *refkms.RAM, q *userPolicy) error { return method(r, q.Policy, q.User) })
}

func ofGroup(method func(r *refkms.RAM, policy, group string) error) func(*Handler, *groupPolicy) (empty, error) {
	return ram(func(r *refkms.RAM, q *groupPolicy) error { return method(r, q.Policy, q.Group) })
}

func ofRole(method func(r *refkms.RAM, policy, role string) error) func(*Handler, *rolePolicy) (empty, error) {
	return ram(func(r *refkms.RAM, q *rolePolicy) error { return method(r, q.Policy, q.Role) })
}

// trusting is the call of a method that says who may assume a role.
func trusting(method func(r *refkms.RAM, name, trust string, maxSession time.Duration) error) func(*Handler, *role) (empty, error) {
	return ram(func(r *refkms.RAM, q *role) error { return method(r, q.Name, compact(q.Trust), q.maxSession()) })
}

var ramCalls = []call{
	define("CreateUser", "Makes a user without rights.", `{"name": "alice"}`, named((*refkms.RAM).CreateUser)),
	define("CreateGroup", "Makes a group without members and rights.", `{"name": "dev"}`, named((*refkms.RAM).CreateGroup)),
	define("AddUserToGroup", "Makes a user a member of a group, if it is not one already.", `{"user": "alice", "group": "dev"}`,
		member((*refkms.RAM).AddUserToGroup)),
	define("PutPolicy", "Makes a policy that can be attached, or replaces its document for all it is attached to.",
		`{"name": "use", "document": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"}]}}`,
		ram(func(r *refkms.RAM, q *policy) error { return r.PutPolicy(q.Name, compact(q.Document)) })),
	define("AttachPolicyToUser", "Grants a user what a policy says.", `{"policy": "use", "user": "alice"}`,
		ofUser((*refkms.RAM).AttachPolicyToUser)),
	define("AttachPolicyToGroup", "Grants the members of a group what a policy says.", `{"policy": "use", "group": "dev"}`,
		ofGroup((*refkms.RAM).AttachPolicyToGroup)),
	define("CreateAccessKey", "Makes a random access key for a user, by default for the account itself. There is no other way to "+
		"learn the secret.", `{"user": "alice"}`, answering(func(r *refkms.RAM, q *accessKeyOwner) (k accessKey, err error) {
		k.ID, k.Secret, err = r.CreateAccessKey(q.User)
		return k, err
	})),
	define("PutAccessKey", "Gives a user, by default the account itself, an access key that is known already, or replaces the "+
		"secret of one that it has.", `{"user": "alice", "id": "LTAIalice", "secret": "not one to copy"}`,
		ram(func(r *refkms.RAM, q *ownedAccessKey) error { return r.PutAccessKey(q.User, q.ID, q.Secret) })),
	define("SetAccessKeyStatus", "Has an access key prove its owner, or not.", `{"id": "LTAIalice", "enabled": false}`,
		ram(func(r *refkms.RAM, q *accessKeyStatus) error {
			if q.Enabled == nil {
				return invalid("enabled is missing")
			}
			return r.SetAccessKeyStatus(q.ID, *q.Enabled)
		})),
	define("DeleteAccessKey", "Removes an access key.", `{"id": "LTAIalice"}`,
		ram(func(r *refkms.RAM, q *accessKeyID) error { return r.DeleteAccessKey(q.ID) })),
	define("CreateRole", "Makes a role without rights. trust says who may assume it, as which sessions of 3600 to 43200 seconds "+
		"(default 3600) at most.",
		`{"name": "app", "trust": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1234567890123456:root"]}}]}}`,
		trusting((*refkms.RAM).CreateRole)),
	define("UpdateRole", "Replaces trust policy and longest session of a role. Sessions that exist go on.",
		`{"name": "app", "maxSessionSeconds": 7200, "trust": {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1234567890123456:user/alice"]}}]}}`,
		trusting((*refkms.RAM).UpdateRole)),
	define("AttachPolicyToRole", "Grants the sessions of a role what a policy says.", `{"policy": "use", "role": "app"}`,
		ofRole((*refkms.RAM).AttachPolicyToRole)),
	define("DetachPolicyFromRole", "Takes a policy from a role.", `{"policy": "use", "role": "app"}`,
		ofRole((*refkms.RAM).DetachPolicyFromRole)),
	define("DetachPolicyFromGroup", "Takes a policy from a group.", `{"policy": "use", "group": "dev"}`,
		ofGroup((*refkms.RAM).DetachPolicyFromGroup)),
	define("DetachPolicyFromUser", "Takes a policy from a user.", `{"policy": "use", "user": "alice"}`,
		ofUser((*refkms.RAM).DetachPolicyFromUser)),
	define("RemoveUserFromGroup", "Ends a membership, if there is one.", `{"user": "alice", "group": "dev"}`,
		member((*refkms.RAM).RemoveUserFromGroup)),
	define("DeleteRole", "Removes a role. Its sessions have no rights any more.", `{"name": "app"}`, named((*refkms.RAM).DeleteRole)),
	define("DeletePolicy", "Removes a policy that is attached to nothing.", `{"name": "use"}`, named((*refkms.RAM).DeletePolicy)),
	define("DeleteGroup", "Removes a group. Its members stay, without what it granted.", `{"name": "dev"}`, named((*refkms.RAM).DeleteGroup)),
	define("DeleteUser", "Removes a user and its access keys.", `{"name": "alice"}`, named((*refkms.RAM).DeleteUser)),
}

// compact returns a policy without white space, which would count towards its length.
func compact(document json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		return "" // there is none, which RAM refuses
	}
	return b.String()
}
