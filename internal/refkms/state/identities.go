package state

import "crypto/rand"

// A User is a RAM user of an account.
type User struct {
	Name     string
	ID       string // digits
	Created  Time
	Groups   []string // names, ascending; never changed in place, like all lists of names
	Policies []string // names of attached policies
}

// Users holds the users of each account, by name, in the scope [Of] the account.
var Users = Table[User]{id: tableUsers, derive: func(tx Tx, s Scope, id string, was, is *User) { touchRights(tx, s) }}

// A Group is a group of users, who have its policies beside their own.
type Group struct {
	Name     string
	Created  Time
	Policies []string
}

// Groups holds the groups of each account, by name.
var Groups = Table[Group]{id: tableGroups, derive: func(tx Tx, s Scope, id string, was, is *Group) { touchRights(tx, s) }}

// A Role is a RAM role of an account.
type Role struct {
	Name        string
	ID          string // digits
	Description string
	Created     Time
	Trust       string // the policy that says who may assume it
	MaxSession  int64  // longest session, in seconds
	Policies    []string
}

// Roles holds the roles of each account, by name.
var Roles = Table[Role]{id: tableRoles, derive: func(tx Tx, s Scope, id string, was, is *Role) { touchRights(tx, s) }}

// A Policy is a document that can be attached to users, groups and roles.
type Policy struct {
	Name     string
	Document string
	Created  Time
}

// Policies holds the policies of each account, by name.
var Policies = Table[Policy]{id: tablePolicies, derive: func(tx Tx, s Scope, id string, was, is *Policy) { touchRights(tx, s) }}

// Rights says which state the users, groups, roles and policies of an account are in: whoever compiled rights in the
// same revision may go on using them.
type Rights struct {
	Revision string // random: it never comes back by itself, and comes back with a snapshot
}

// rights holds one record of each account.
var rights = Table[Rights]{id: tableRights}

func touchRights(tx Tx, s Scope) { rights.Put(tx, s, "", &Rights{Revision: rand.Text()}) }

// RightsRevision returns the revision of an account's rights, "" as long as nothing there has been made.
func RightsRevision(tx Tx, s Scope) string {
	if r := rights.Get(tx, s, ""); r != nil {
		return r.Revision
	}
	return ""
}

// An AccessKey is a long-term access key.
type AccessKey struct {
	ID       string
	Secret   Material
	Account  string
	User     string // name; "" for the account itself
	Disabled bool
	Created  Time
}

// AccessKeys holds the access keys of all accounts, by id, in [Everywhere].
var AccessKeys = Table[AccessKey]{id: tableAccessKeys, derive: func(tx Tx, _ Scope, id string, was, is *AccessKey) {
	if was != nil {
		userAccessKeys.Delete(tx, Of(was.Account), was.User+"/"+id)
	}
	if is != nil {
		userAccessKeys.Put(tx, Of(is.Account), is.User+"/"+id, present)
	}
}}

// userAccessKeys holds user name / access key id.
var userAccessKeys = Table[Index]{id: tableUserAccessKeys}

// AccessKeysOf calls yield with the ids of the access keys of a user, "" for those of the account itself, ascending,
// until it returns false.
func AccessKeysOf(tx Tx, account, user string, yield func(accessKeyID string) bool) {
	for id := range userAccessKeys.From(tx, Of(account), user+"/") {
		if len(id) <= len(user)+1 || id[:len(user)+1] != user+"/" || !yield(id[len(user)+1:]) {
			return
		}
	}
}

// A ServerKey is a secret of the server itself.
type ServerKey struct {
	Name string // what it is for
	Key  Material
}

// ServerKeys holds the secrets of the server, by name, in [Everywhere].
var ServerKeys = Table[ServerKey]{id: tableServerKeys}
