package identity_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
)

// A rule is one statement whose patterns are exact or end in a star, small enough to decide without a matcher.
type rule struct {
	deny             bool
	action, resource string
}

func (r rule) document() string {
	if r.deny {
		return deny([]string{r.action}, []string{r.resource})
	}
	return allow([]string{r.action}, []string{r.resource})
}

func fits(pattern, s string) bool {
	prefix, star := strings.CutSuffix(pattern, "*")
	return pattern == s || star && strings.HasPrefix(s, prefix)
}

// decides is the model: denied beats allowed beats nothing.
func decides(rules []rule, action, resource string) (allowed bool) {
	for _, r := range rules {
		if fits(r.action, action) && fits(r.resource, resource) {
			if r.deny {
				return false
			}
			allowed = true
		}
	}
	return allowed
}

// Random users in random groups, and random sessions of random roles, may do what a model of ten lines says: a user what
// its own policies and those of its groups say together, a session what its role and its own policy both allow.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(of []string) string { return of[random.IntN(len(of))] }
	actions := []string{"kms:Encrypt", "kms:EnableKey", "kms:Decrypt"}
	ids := []string{"a", "ab", "b"}
	rules := func(n int) (rules []rule) {
		for range random.IntN(n + 1) {
			rules = append(rules, rule{random.IntN(4) == 0, pick(append(actions, "kms:En*", "*")), pick([]string{"*", arns + "key/a", arns + "key/a*", arns + "key/*", arns + "*"})})
		}
		return rules
	}
	documents := func(rules []rule) (docs []string) {
		for _, r := range rules {
			docs = append(docs, r.document())
		}
		return docs
	}
	check := func(w *world, who string, want func(action, resource string) bool) {
		t.Helper()
		for _, action := range actions {
			for _, id := range ids {
				got, want := w.allowed(on(action, call.KeyKind, id)), want(action, arns+"key/"+id)
				if got != want {
					t.Fatalf("%s: %s on %s is allowed: %v, want %v", who, action, id, got, want)
				}
			}
		}
	}
	w := newWorld(t)
	caller := w.user("caller", allow([]string{"sts:AssumeRole"}, all))
	for i := range 150 {
		name := fmt.Sprintf("u%d", i)
		own := rules(3)
		u := w.user(name, documents(own)...)
		together := own
		for g := range random.IntN(3) {
			group, granted := fmt.Sprintf("%s-g%d", name, g), rules(3)
			w.ram(func(r *identity.RAM) error {
				if err := r.CreateGroup(group); err != nil {
					return err
				}
				if err := attach(r, identity.GroupKind, group, documents(granted)); err != nil {
					return err
				}
				return r.AddUserToGroup(name, group)
			})
			together = append(together, granted...)
		}
		check(u, name, func(a, r string) bool { return decides(together, a, r) })

		role, granted := fmt.Sprintf("r%d", i), rules(4)
		w.role(role, documents(granted)...)
		check(caller.assume(role), role, func(a, r string) bool { return decides(granted, a, r) })
		session := rules(1)
		if len(session) == 0 {
			session = []rule{{false, "kms:*", "*"}}
		}
		check(caller.assume(role, "Policy", session[0].document()), role+" narrowed", func(a, r string) bool {
			return decides(session, a, r) && decides(granted, a, r)
		})
	}
}
