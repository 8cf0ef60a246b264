package refkms

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/strictjson"
)

// A Config says who there is, for [Server.Apply]. As a document it is JSON with the names of the field tags:
//
//	{
//	  "regions": ["cn-hangzhou", "cn-beijing"],
//	  "accounts": [{
//	    "id": "1234567890123456",
//	    "accessKeys": [{"id": "LTAIroot", "secret": "..."}],
//	    "policies": [{"name": "use-one-key", "document": {"Version": "1", "Statement": [
//	      {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "acs:kms:*:*:key/1234abcd-..."}]}}],
//	    "groups": [{"name": "dev", "policies": ["use-one-key"]}],
//	    "users": [{"name": "alice", "groups": ["dev"], "accessKeys": [{"id": "LTAIalice", "secret": "..."}]}],
//	    "roles": [{"name": "app", "policies": ["use-one-key"], "trust": {"Version": "1", "Statement": [
//	      {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1234567890123456:root"]}}]}}],
//	    "serviceKeys": [{"region": "cn-hangzhou", "service": "OSS"}]
//	  }]
//	}
//
// Limits of names, documents and access keys are those of [RAM].
type Config struct {
	// Regions are those that the service has beside the server's own, in place of the real one's: DescribeRegions lists
	// them, and they decide where requests over HTTP go. Clients in this process may call in any. Default: no change.
	Regions  []string        `json:"regions,omitempty"`
	Accounts []AccountConfig `json:"accounts,omitempty"`
}

// An AccountConfig is one account: what is in it is made, or changed to be as it says if it is there already; what it
// does not name stays.
type AccountConfig struct {
	ID          string             `json:"id"`
	Status      AccountStatus      `json:"status,omitempty"`     // default: no change
	AccessKeys  []AccessKeyConfig  `json:"accessKeys,omitempty"` // of the account itself
	Policies    []PolicyConfig     `json:"policies,omitempty"`
	Groups      []GroupConfig      `json:"groups,omitempty"`
	Users       []UserConfig       `json:"users,omitempty"`
	Roles       []RoleConfig       `json:"roles,omitempty"`
	ServiceKeys []ServiceKeyConfig `json:"serviceKeys,omitempty"`
}

// An AccessKeyConfig is a long-term access key. Id and secret must be given.
type AccessKeyConfig struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"`
	Disabled bool   `json:"disabled,omitempty"`
}

// Format prints the access key without its secret, whatever the verb.
func (k AccessKeyConfig) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[access key %q]", k.ID) }

// A PolicyConfig is a policy that can be attached.
type PolicyConfig struct {
	Name     string          `json:"name"`
	Document json.RawMessage `json:"document"`
}

// A GroupConfig is a group, and all policies that are attached to it.
type GroupConfig struct {
	Name     string   `json:"name"`
	Policies []string `json:"policies,omitempty"`
}

// A UserConfig is a user, all groups it is in and all policies that are attached to it. Access keys that are not named
// stay.
type UserConfig struct {
	Name       string            `json:"name"`
	Groups     []string          `json:"groups,omitempty"`
	Policies   []string          `json:"policies,omitempty"`
	AccessKeys []AccessKeyConfig `json:"accessKeys,omitempty"`
}

// A RoleConfig is a role, and all policies that are attached to it.
type RoleConfig struct {
	Name              string          `json:"name"`
	Trust             json.RawMessage `json:"trust"` // who may assume it
	MaxSessionSeconds int             `json:"maxSessionSeconds,omitempty"`
	Policies          []string        `json:"policies,omitempty"`
}

// A ServiceKeyConfig is the key of a cloud service, which is made if there is none; see [RAM.ServiceKey].
type ServiceKeyConfig struct {
	Region  string `json:"region,omitempty"` // default the server's
	Service string `json:"service"`
}

// maxConfig is the longest document that is read, in bytes: ten thousand users with ten policies each take a quarter.
const maxConfig = 256 << 20

// ParseConfig reads the document of a Config. It refuses what is not one JSON value, a name that there is not, and one
// that is there twice, of which encoding/json would silently take one. What the names mean is for Apply to check. The
// document is neither kept nor modified.
func ParseConfig(document []byte) (*Config, error) {
	if len(document) > maxConfig {
		return nil, fmt.Errorf("refkms: config: %d bytes, limit %d", len(document), maxConfig)
	}
	c := new(Config)
	if err := strictjson.Unmarshal(document, c, "document", "trust"); err != nil { // policies, where case means something
		return nil, fmt.Errorf("refkms: config: %w", err)
	}
	return c, nil
}

// Apply makes who there is as a Config says, all of it or, with an error that names the place, none of it; nil changes
// nothing. Applied twice it changes nothing the second time. Later changes of cfg have no effect. Refusals are those of
// [RAM], as an *[Error] within; if writing to a server's file fails, the error matches [kmsapi.ErrUnavailable].
func (s *Server) Apply(cfg *Config) error {
	if cfg == nil {
		return nil
	}
	now := state.At(s.clock.Now())
	var refused error
	err := s.store.Update(func(tx state.Tx) error {
		refused = s.apply(tx, cfg, now)
		return refused
	})
	if err != nil && refused == nil { // the store failed
		return wrap("Apply", "", err)
	}
	return refused
}

func (s *Server) apply(tx state.Tx, cfg *Config, now state.Time) error {
	if err := s.applyRegions(tx, cfg.Regions); err != nil {
		return err
	}
	for i := range cfg.Accounts {
		a := &apply{server: s, place: fmt.Sprintf("accounts[%d]", i)}
		a.account(tx, &cfg.Accounts[i], now)
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// applyRegions replaces the regions of the service, unless there are none to do so.
func (s *Server) applyRegions(tx state.Tx, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var old []string
	for name := range state.Regions.All(tx, state.Everywhere) {
		old = append(old, name)
	}
	for _, name := range old {
		state.Regions.Delete(tx, state.Everywhere, name)
	}
	for i, name := range names {
		if err := checkWorld(name, ""); err != nil || name == "" {
			return fmt.Errorf("refkms: config: regions[%d]: %q is not the name of one", i, cut(name))
		}
		state.Regions.Put(tx, state.Everywhere, name, &state.Region{ID: name})
	}
	state.Regions.Put(tx, state.Everywhere, s.region, &state.Region{ID: s.region})
	return nil
}

// An apply makes one account. After the first error it does nothing more.
type apply struct {
	server *Server
	ram    identity.RAM
	place  string // where in the Config
	err    error
}

// do makes one thing, of which err is a refusal.
func (a *apply) do(what string, i int, name string, fn func() error) {
	if a.err != nil {
		return
	}
	if err := fn(); err != nil {
		a.err = fmt.Errorf("refkms: config: %s.%s[%d] %q: %w", a.place, what, i, cut(name), wrap("Apply", "", err))
	}
}

// account makes an account: policies first, for others name them, and users after their groups.
func (a *apply) account(tx state.Tx, c *AccountConfig, now state.Time) {
	a.ram = identity.RAM{Tx: tx, Account: c.ID, Now: now}
	if err := identity.CheckAccount(c.ID); err != nil {
		a.err = fmt.Errorf("refkms: config: %s: id %q: want 1 to %d digits", a.place, cut(c.ID), maxNameSize)
		return
	}
	if c.Status != "" {
		a.do("status", 0, string(c.Status), func() error { return setStatus(&a.ram, c.Status) })
	}
	for i, k := range c.AccessKeys {
		a.do("accessKeys", i, k.ID, func() error { return a.accessKey("", k) })
	}
	for i, p := range c.Policies {
		a.do("policies", i, p.Name, func() error { return a.ram.PutPolicy(p.Name, compact(p.Document)) })
	}
	for i, g := range c.Groups {
		a.do("groups", i, g.Name, func() error { return a.ram.PutGroup(g.Name, g.Policies) })
	}
	for i, u := range c.Users {
		a.do("users", i, u.Name, func() error {
			if err := a.ram.PutUser(u.Name, u.Groups, u.Policies); err != nil {
				return err
			}
			for _, k := range u.AccessKeys {
				if err := a.accessKey(u.Name, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i, r := range c.Roles {
		a.do("roles", i, r.Name, func() error {
			return a.ram.PutRole(r.Name, compact(r.Trust), int64(r.MaxSessionSeconds), r.Policies)
		})
	}
	for i, k := range c.ServiceKeys {
		a.do("serviceKeys", i, k.Service, func() error {
			scope, err := a.server.scope(k.Region, c.ID)
			if err != nil {
				return err
			}
			_, err = keys.ServiceKey(tx, scope, k.Service, now)
			return err
		})
	}
}

// compact returns a policy without white space, which would count towards its length. What is not JSON is left as it is,
// to be refused as a policy.
func compact(document json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		return string(document)
	}
	return b.String()
}

func (a *apply) accessKey(user string, k AccessKeyConfig) error {
	if err := a.ram.PutAccessKey(user, k.ID, k.Secret); err != nil {
		return err
	}
	return a.ram.SetAccessKeyStatus(k.ID, !k.Disabled)
}
