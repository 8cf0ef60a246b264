package identity_test

import (
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// populate makes n users with ten policies each, half of them shared and half their own, of which the last allows
// kms:DescribeKey on keys. Their access keys have their names.
func populate(b *testing.B, w *world, n int) {
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

// What a call with rights costs does not depend on how many users there are: with ten thousand, of ten policies each, it
// is to cost what it does with ten. Root is the same call without rights.
func BenchmarkAuthorizedCall(b *testing.B) {
	for _, n := range []int{10, 10000} {
		w := newWorld(b)
		populate(b, w, n)
		key := w.newKey()
		principals := make([]call.Principal, n)
		if err := w.store.View(func(tx state.Tx) error {
			for i := range principals {
				principals[i] = w.server.Credential(tx, fmt.Sprintf("user-%d", i)).Principal
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		texts := map[string]string{"KeyId": key}
		describe := func(p call.Principal) {
			_, err := w.server.Call(b.Context(), server.Request{Action: "DescribeKey", Scope: state.In(account, region), Principal: p, Origin: w.origin, Texts: texts})
			if err != nil {
				b.Fatal(err)
			}
		}
		for _, p := range principals { // each compiles its policies once
			describe(p)
		}
		for name, callers := range map[string]int{"one": 1, "all": n} {
			b.Run(fmt.Sprintf("users=%d/calling=%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					describe(principals[i%callers])
				}
			})
		}
		if n == 10 {
			b.Run("root", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					describe(call.Principal{Kind: call.Root, Account: account})
				}
			})
		}
	}
}
