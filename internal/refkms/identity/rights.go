package identity

import (
	"errors"
	"fmt"
	"sync"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// What is kept ready. A principal takes about as much memory as its policies are long, ten times over.
const (
	maxGrantees  = 1 << 16 // principals
	maxDocuments = 1 << 14
)

// documents are compiled policies by their text, so that a policy which ten thousand users have is compiled and kept
// once. It is safe for concurrent use, and its zero value is empty.
type documents struct {
	mu       sync.RWMutex // guards compiled
	compiled map[string]*policy.Policy
}

// get compiles a document that was accepted before.
func (d *documents) get(document string) (*policy.Policy, error) {
	d.mu.RLock()
	p := d.compiled[document]
	d.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, fmt.Errorf("identity: a policy that was accepted: %w", err) // unreachable, unless the store is of another release
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.compiled == nil || len(d.compiled) >= maxDocuments {
		d.compiled = map[string]*policy.Policy{}
	}
	d.compiled[document] = p
	return p, nil
}

// rights are the compiled policies of principals. They hold as long as the revision of the account's rights is the one
// they were compiled in, so that an authorised call looks up one user and one revision, whatever else there is. It is
// safe for concurrent use, and its zero value is empty.
type rights struct {
	mu      sync.RWMutex // guards granted
	granted map[grantee]*grant
}

// A grantee is a user or role.
type grantee struct {
	kind          call.PrincipalKind
	account, name string
}

// A grant is what a grantee has been granted, its own policies and those of its groups.
type grant struct {
	revision string
	id       string // of the user or role: one that is made anew under an old name is another
	policies []*policy.Policy
}

// of returns the policies of a user or role, of a session those of its role; none if it is not there any more.
func (r *rights) of(tx state.Tx, p *call.Principal, docs *documents) ([]*policy.Policy, error) {
	who := grantee{p.Kind, p.Account, p.Name}
	revision := state.RightsRevision(tx, state.Of(p.Account))
	r.mu.RLock()
	g := r.granted[who]
	r.mu.RUnlock()
	if g == nil || g.revision != revision {
		var err error
		if g, err = compile(tx, who, docs); err != nil {
			return nil, err
		}
		g.revision = revision
		r.mu.Lock()
		if r.granted == nil || len(r.granted) >= maxGrantees {
			r.granted = map[grantee]*grant{}
		}
		r.granted[who] = g
		r.mu.Unlock()
	}
	if g.id != p.ID {
		return nil, nil
	}
	return g.policies, nil
}

// errIncomplete is the error of whoever finds a part of the state without another that belongs to it: a store that fails
// shows that, and what was made of half of it must not be kept.
var errIncomplete = errors.New("identity: the state is incomplete")

// compile gathers and compiles the policies of a grantee.
func compile(tx state.Tx, who grantee, docs *documents) (*grant, error) {
	g := new(grant)
	scope := state.Of(who.account)
	add := func(names []string) error {
		for _, name := range names {
			attached := state.Policies.Get(tx, scope, name)
			if attached == nil {
				return errIncomplete
			}
			p, err := docs.get(attached.Document)
			if err != nil {
				return err
			}
			g.policies = append(g.policies, p)
		}
		return nil
	}
	if who.kind == call.Role {
		role := state.Roles.Get(tx, scope, who.name)
		if role == nil {
			return g, nil
		}
		g.id = role.ID
		return g, add(role.Policies)
	}
	user := state.Users.Get(tx, scope, who.name)
	if user == nil {
		return g, nil
	}
	g.id = user.ID
	for _, name := range user.Groups {
		group := state.Groups.Get(tx, scope, name)
		if group == nil {
			return nil, errIncomplete
		}
		if err := add(group.Policies); err != nil {
			return nil, err
		}
	}
	return g, add(user.Policies)
}
