package state

import (
	"iter"
	"strings"
)

// A TableID is the number of a table within this process. What a durable store writes is its name.
type TableID uint8

// The tables. A new one gets its line here, one in schema, and a Table beside its record.
const (
	tableAccounts TableID = iota
	tableKeys
	tableVersions
	tableKeyVersions
	tableAliases
	tableKeyAliases
	tableDues
	tableRegions
	tableServerKeys
	tableUsers
	tableGroups
	tableRoles
	tablePolicies
	tableAccessKeys
	tableUserAccessKeys
	tableRights
	tableSecrets
	tableSecretAges
	tableSecretValues
	tableDefaultKeys

	// TableCount is the number of tables; their numbers are those below it.
	TableCount
)

// schema holds, for each table, the name a durable store keeps it under and an empty record to decode into.
var schema = [TableCount]struct {
	name string
	new  func() any
}{
	tableAccounts:    {"accounts", func() any { return new(Account) }},
	tableKeys:        {"keys", func() any { return new(Key) }},
	tableVersions:    {"versions", func() any { return new(Version) }},
	tableKeyVersions: {"key-versions", func() any { return present }},
	tableAliases:     {"aliases", func() any { return new(Alias) }},
	tableKeyAliases:  {"key-aliases", func() any { return present }},
	tableDues:        {"dues", func() any { return new(Due) }},

	tableRegions:        {"regions", func() any { return new(Region) }},
	tableServerKeys:     {"server-keys", func() any { return new(ServerKey) }},
	tableUsers:          {"users", func() any { return new(User) }},
	tableGroups:         {"groups", func() any { return new(Group) }},
	tableRoles:          {"roles", func() any { return new(Role) }},
	tablePolicies:       {"policies", func() any { return new(Policy) }},
	tableAccessKeys:     {"access-keys", func() any { return new(AccessKey) }},
	tableUserAccessKeys: {"user-access-keys", func() any { return present }},
	tableRights:         {"rights", func() any { return new(Rights) }},
	tableSecrets:        {"secrets", func() any { return new(Secret) }},
	tableSecretAges:     {"secret-ages", func() any { return present }},
	tableSecretValues:   {"secret-values", func() any { return new(SecretValue) }},
	tableDefaultKeys:    {"default-keys", func() any { return new(DefaultKey) }},
}

// String returns the name of the table.
func (t TableID) String() string { return schema[t].name }

// New returns an empty record of the table, to decode into.
func (t TableID) New() any { return schema[t].new() }

// Index is the record of a table whose keys say everything.
type Index struct{}

// present is the only Index: a million entries of an index need no record of their own.
var present = new(Index)

// A Scope is the world that records belong to: account/region/, or account/ for what belongs to all regions of an
// account. An id is unique within its scope and may contain any byte. The scopes of one table have one form, so scope
// and id make one ordered key.
type Scope string

// In returns the scope of an account in a region. Neither may contain a slash.
func In(account, region string) Scope { return Scope(account + "/" + region + "/") }

// Of returns the scope of what belongs to all regions of an account, which may not contain a slash.
func Of(account string) Scope { return Scope(account + "/") }

// IsOf reports whether the scope is of an account.
func (s Scope) IsOf(account string) bool {
	n := len(account)
	return len(s) > n && s[n] == '/' && string(s[:n]) == account
}

// Account returns the account of the scope.
func (s Scope) Account() string {
	account, _, _ := strings.Cut(string(s), "/")
	return account
}

// Region returns the region of the scope, "" if it is that of a whole account.
func (s Scope) Region() string {
	_, rest, _ := strings.Cut(string(s), "/")
	region, _, _ := strings.Cut(rest, "/")
	return region
}

// A Table is the typed view of one table: records *R by scope and id.
type Table[R any] struct {
	id TableID
	// derive keeps what other tables say about a record (its dates, its place in an index) equal to the record. It is
	// called before every change, with nil for no record. That it is called here and nowhere else is why no index can
	// be stale.
	derive func(tx Tx, s Scope, id string, was, is *R)
}

// Get returns the record, nil if there is none. It must not be modified.
func (t Table[R]) Get(tx Tx, s Scope, id string) *R {
	r, _ := tx.Get(t.id, s, id).(*R)
	return r
}

// Put sets the record, which must not be modified from now on.
func (t Table[R]) Put(tx Tx, s Scope, id string, r *R) {
	if t.derive != nil {
		t.derive(tx, s, id, t.Get(tx, s, id), r)
	}
	tx.Put(t.id, s, id, r)
}

// Delete removes the record, if there is one.
func (t Table[R]) Delete(tx Tx, s Scope, id string) {
	if t.derive != nil {
		was := t.Get(tx, s, id)
		if was == nil {
			return
		}
		t.derive(tx, s, id, was, nil)
	}
	tx.Delete(t.id, s, id)
}

// All returns the records of the scope by id, ascending. The table must not be changed in the loop.
func (t Table[R]) All(tx Tx, s Scope) iter.Seq2[string, *R] { return t.From(tx, s, "") }

// From returns the records of the scope from id on, ascending. The table must not be changed in the loop.
func (t Table[R]) From(tx Tx, s Scope, id string) iter.Seq2[string, *R] {
	return func(yield func(string, *R) bool) {
		tx.Scan(t.id, s, id, func(id string, record any) bool {
			r, _ := record.(*R)
			return yield(id, r)
		})
	}
}
