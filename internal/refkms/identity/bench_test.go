package identity_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// populate makes n users with ten policies each, half of them shared and half their own, of which the last allows
// kms:DescribeKey on keys. Their access keys have their names.
func populate(b testing.TB, w *world, n int) {
	b.Helper()
	w.ram(func(r *identity.RAM) error {
		for i := range 5 {
			if err := r.PutPolicy(fmt.Sprintf("shared-%d", i), allow([]string{"oss:*"}, []string{fmt.Sprintf("acs:oss:*:*:bucket-%d/*", i)})); err != nil {
				return err
			}
		}
		for i := range n {
			name := fmt.Sprintf("user-%d", i)
			if _, err := r.CreateUser(name); err != nil {
				return err
			}
			if err := r.PutAccessKey(name, name, "secret"); err != nil {
				return err
			}
			for j := range 5 {
				own := fmt.Sprintf("%s-%d", name, j)
				document := allow([]string{"kms:Encrypt", "kms:Decrypt"}, []string{arns + "key/" + own})
				if j == 4 {
					document = allow([]string{"kms:Describe*"}, []string{"acs:kms:*:*:key/*"}, `{"IpAddress":{"acs:SourceIp":"192.168.1.0/24"}}`)
				}
				if err := r.PutPolicy(own, document); err != nil {
					return err
				}
				for _, p := range []string{own, fmt.Sprintf("shared-%d", j)} {
					if err := r.AttachPolicy(identity.UserKind, name, p); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// A crowd is users, and a call that each of them may make.
type crowd struct {
	users    []call.Principal
	describe func(call.Principal) error
}

func newCrowd(tb testing.TB, n int) *crowd {
	tb.Helper()
	w := newWorld(tb)
	populate(tb, w, n)
	texts := map[string]string{"KeyId": w.newKey()}
	c := &crowd{make([]call.Principal, n), func(p call.Principal) error {
		_, err := w.server.Call(context.Background(), &server.Request{Action: "DescribeKey", Scope: state.In(account, region), Principal: p, Origin: w.origin, Texts: texts})
		return err
	}}
	if err := w.store.View(func(tx state.Tx) error {
		for i := range c.users {
			c.users[i] = w.server.Credential(tx, fmt.Sprintf("user-%d", i)).Principal
		}
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	for _, p := range c.users { // each compiles its policies once
		if err := c.describe(p); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

// Policies are compiled once: a call allocates as much with a thousand users as with ten, and hardly more than the same
// call of the account itself, which has no policies.
func TestAuthorizedCallAllocates(t *testing.T) {
	allocations := func(n int, p *call.Principal) float64 {
		c, i := newCrowd(t, n), 0
		return testing.AllocsPerRun(100, func() {
			who := p
			if who == nil {
				who = &c.users[i%n]
				i++
			}
			if err := c.describe(*who); err != nil {
				t.Fatal(err)
			}
		})
	}
	root := allocations(10, &call.Principal{Kind: call.Root, Account: account})
	few, many := allocations(10, nil), allocations(1000, nil)
	if many != few || many > root+20 { // to parse ten policies takes hundreds
		t.Errorf("a call allocates %v times with ten users, %v with a thousand, %v without rights", few, many, root)
	}
}

// What a call with rights costs does not depend on how many users there are: with ten thousand, of ten policies each, it
// is to cost what it does with ten. Root is the same call without rights.
func BenchmarkAuthorizedCall(b *testing.B) {
	for _, n := range []int{10, 10000} {
		c := newCrowd(b, n)
		run := func(name string, who func(i int) call.Principal) {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := c.describe(who(i)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run(fmt.Sprintf("users=%d/calling=one", n), func(int) call.Principal { return c.users[0] })
		run(fmt.Sprintf("users=%d/calling=all", n), func(i int) call.Principal { return c.users[i%n] })
		if n == 10 {
			run("root", func(int) call.Principal { return call.Principal{Kind: call.Root, Account: account} })
		}
	}
}
