// Package statetest is the suite that every store of the reference KMS passes.
package statetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

var (
	here  = state.In("1234567890123456", "cn-hangzhou")
	there = state.In("1234567890123456", "cn-hangzhou-finance") // its name begins like the other's
)

// Run checks the stores that open returns, a new and empty one for each check. The suite closes them.
func Run(t *testing.T, open func(t *testing.T) state.Store) {
	for _, check := range []struct {
		name string
		run  func(*testing.T, state.Store)
	}{
		{"a record is found again", testRecord},
		{"a failed update leaves nothing", testRollback},
		{"a panicking update leaves nothing and no lock", testPanic},
		{"an update reads what it wrote", testOwnWrites},
		{"a view sees one state", testIsolation},
		{"a view cannot write", testReadOnly},
		{"scopes do not mix", testScopes},
		{"records come in the order of their keys", testOrder},
		{"versions are indexed newest first", testVersions},
		{"aliases are indexed by key", testAliases},
		{"access keys are indexed by user", testAccessKeys},
		{"a change of rights is a new revision", testRights},
		{"dues come by time", testDues},
		{"secrets are indexed by age, and have their dates", testSecrets},
		{"random operations agree with a map", testModel},
		{"readers and writers at once", testConcurrent},
		{"a closed store says so", testClosed},
	} {
		t.Run(check.name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			check.run(t, s)
		})
	}
}

func update(t *testing.T, s state.Store, fn func(state.Tx)) {
	t.Helper()
	if err := s.Update(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatalf("Update = %v", err)
	}
}

func view(t *testing.T, s state.Store, fn func(state.Tx)) {
	t.Helper()
	if err := s.View(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatalf("View = %v", err)
	}
}

func alias(name, key string) *state.Alias { return &state.Alias{Name: name, KeyID: key} }

func testRecord(t *testing.T, s state.Store) {
	k := &state.Key{ID: "k", Description: "d", Spec: "Aliyun_AES_256", State: state.Disabled, Created: 7,
		Tags: map[string]string{"a": "1"}, RotationInterval: 604800, DeletionProtection: true}
	v := &state.Version{ID: "v", KeyID: "k", Number: 1, Created: 7, Material: state.NewMaterial([]byte{1, 2, 3})}
	update(t, s, func(tx state.Tx) {
		state.Keys.Put(tx, here, "k", k)
		state.Versions.Put(tx, here, "v", v)
	})
	view(t, s, func(tx state.Tx) {
		if got := state.Keys.Get(tx, here, "k"); got == nil || got.Description != "d" || got.State != state.Disabled ||
			!maps.Equal(got.Tags, k.Tags) || got.RotationInterval != 604800 || !got.DeletionProtection {
			t.Errorf("Keys.Get = %+v, want %+v", got, k)
		}
		if got := state.Versions.Get(tx, here, "v"); got == nil || !slices.Equal(got.Material.Bytes(), []byte{1, 2, 3}) {
			t.Errorf("Versions.Get = %+v, want the material 1 2 3", got)
		}
		if got := state.Keys.Get(tx, here, "K"); got != nil {
			t.Errorf("Keys.Get of an unknown id = %+v", got)
		}
	})
	update(t, s, func(tx state.Tx) {
		state.Keys.Delete(tx, here, "k")
		state.Keys.Delete(tx, here, "never was")
	})
	view(t, s, func(tx state.Tx) {
		if got := state.Keys.Get(tx, here, "k"); got != nil {
			t.Errorf("Keys.Get after Delete = %+v", got)
		}
	})
}

func testRollback(t *testing.T, s state.Store) {
	update(t, s, func(tx state.Tx) { state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "1")) })
	failed := errors.New("no")
	err := s.Update(func(tx state.Tx) error {
		state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "2"))
		state.Aliases.Put(tx, here, "alias/b", alias("alias/b", "2"))
		state.Keys.Put(tx, here, "k", &state.Key{ID: "k", State: state.PendingDeletion, DeletionDate: 9})
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatalf("Update = %v, want the error of fn", err)
	}
	checkUntouched(t, s)
}

func testPanic(t *testing.T, s state.Store) {
	update(t, s, func(tx state.Tx) { state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "1")) })
	func() {
		defer func() {
			if r := recover(); r != "no" {
				t.Fatalf("recover() = %v, want the panic of fn", r)
			}
		}()
		s.Update(func(tx state.Tx) error {
			state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "2"))
			state.Keys.Put(tx, here, "k", &state.Key{ID: "k", State: state.PendingDeletion, DeletionDate: 9})
			panic("no")
		})
	}()
	checkUntouched(t, s)
	update(t, s, func(tx state.Tx) { state.Aliases.Delete(tx, here, "alias/a") })
}

func checkUntouched(t *testing.T, s state.Store) {
	t.Helper()
	view(t, s, func(tx state.Tx) {
		if got := state.Aliases.Get(tx, here, "alias/a"); got == nil || got.KeyID != "1" {
			t.Errorf("the alias is %+v, want that of before", got)
		}
		if state.Aliases.Get(tx, here, "alias/b") != nil || state.Keys.Get(tx, here, "k") != nil {
			t.Error("a forgotten update left records")
		}
		if got := state.FirstDue(tx); got != nil || s.NextDue() != state.Never {
			t.Errorf("a forgotten update left the event %+v, NextDue = %d", got, s.NextDue())
		}
	})
}

func testOwnWrites(t *testing.T, s state.Store) {
	update(t, s, func(tx state.Tx) {
		state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "1"))
		if got := state.Aliases.Get(tx, here, "alias/a"); got == nil || got.KeyID != "1" {
			t.Errorf("Get after Put in one update = %+v", got)
		}
		state.Aliases.Delete(tx, here, "alias/a")
		if got := state.Aliases.Get(tx, here, "alias/a"); got != nil {
			t.Errorf("Get after Delete in one update = %+v", got)
		}
	})
}

func testIsolation(t *testing.T, s state.Store) {
	update(t, s, func(tx state.Tx) { state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "1")) })
	inView, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		<-inView
		update(t, s, func(tx state.Tx) { state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "2")) })
	}()
	view(t, s, func(tx state.Tx) {
		before := state.Aliases.Get(tx, here, "alias/a").KeyID
		close(inView)
		<-written
		if after := state.Aliases.Get(tx, here, "alias/a").KeyID; before != "1" || after != "1" {
			t.Errorf("one view read %s and then %s, want 1 both times", before, after)
		}
	})
	view(t, s, func(tx state.Tx) {
		if got := state.Aliases.Get(tx, here, "alias/a").KeyID; got != "2" {
			t.Errorf("the next view read %s, want 2", got)
		}
	})
}

func testReadOnly(t *testing.T, s state.Store) {
	for name, write := range map[string]func(state.Tx){
		"Put":    func(tx state.Tx) { state.Accounts.Put(tx, state.Everywhere, "1", &state.Account{ID: "1"}) },
		"Delete": func(tx state.Tx) { state.Accounts.Delete(tx, state.Everywhere, "1") },
	} {
		view(t, s, func(tx state.Tx) {
			defer func() {
				if recover() == nil {
					t.Errorf("%s in a view does not panic", name)
				}
			}()
			write(tx)
		})
	}
}

func testScopes(t *testing.T, s state.Store) {
	update(t, s, func(tx state.Tx) {
		state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "1"))
		state.Aliases.Put(tx, there, "alias/a", alias("alias/a", "2"))
		state.Aliases.Put(tx, there, "alias/b", alias("alias/b", "2"))
		state.Aliases.Put(tx, state.In("2", "cn-hangzhou"), "alias/c", alias("alias/c", "3"))
	})
	view(t, s, func(tx state.Tx) {
		for scope, want := range map[state.Scope]string{here: "1", there: "2", state.In("2", "cn-hangzhou"): ""} {
			got := ""
			if a := state.Aliases.Get(tx, scope, "alias/a"); a != nil {
				got = a.KeyID
			}
			if got != want {
				t.Errorf("in %s the alias leads to %q, want %q", scope, got, want)
			}
		}
		var names []string
		for name, a := range state.Aliases.All(tx, here) {
			names = append(names, name+"="+a.KeyID)
		}
		if want := []string{"alias/a=1"}; !slices.Equal(names, want) {
			t.Errorf("All(%s) = %v, want %v", here, names, want)
		}
	})
}

func testOrder(t *testing.T, s state.Store) {
	names := []string{"alias/", "alias/A", "alias/a", "alias/a/b", "alias/ab", "alias/\x00", "alias/\xff"}
	slices.Sort(names)
	update(t, s, func(tx state.Tx) {
		for i := range names {
			name := names[(i*5+3)%len(names)]
			state.Aliases.Put(tx, here, name, alias(name, "1"))
		}
	})
	view(t, s, func(tx state.Tx) {
		for i, from := range names {
			var got []string
			for name := range state.Aliases.From(tx, here, from) {
				got = append(got, name)
			}
			if !slices.Equal(got, names[i:]) {
				t.Errorf("From(%q) = %q, want %q", from, got, names[i:])
			}
		}
		for name := range state.Aliases.All(tx, here) {
			if name != names[0] {
				t.Errorf("All after break goes on with %q", name)
			}
			break
		}
	})
}

func testVersions(t *testing.T, s state.Store) {
	list := func(key string) (ids []string) {
		view(t, s, func(tx state.Tx) {
			state.VersionsOf(tx, here, key, func(id string) bool { ids = append(ids, id); return len(ids) < 20 })
		})
		return ids
	}
	update(t, s, func(tx state.Tx) {
		for i := range 20 {
			id := fmt.Sprintf("v-%02d", i)
			state.Versions.Put(tx, here, id, &state.Version{ID: id, KeyID: "k", Number: uint32(i + 1)})
		}
		state.Versions.Put(tx, here, "other", &state.Version{ID: "other", KeyID: "k2", Number: 1})
		state.Versions.Put(tx, there, "far", &state.Version{ID: "far", KeyID: "k", Number: 1})
	})
	got := list("k")
	if len(got) != 20 || got[0] != "v-19" || got[19] != "v-00" {
		t.Errorf("versions of k = %v, want v-19 to v-00", got)
	}
	if got := list("k2"); !slices.Equal(got, []string{"other"}) {
		t.Errorf("versions of k2 = %v, want other", got)
	}
	update(t, s, func(tx state.Tx) { state.Versions.Delete(tx, here, "v-19") })
	if got := list("k"); len(got) != 19 || got[0] != "v-18" {
		t.Errorf("versions of k without v-19 = %v", got)
	}
}

func testAliases(t *testing.T, s state.Store) {
	list := func(key string) (names []string) {
		view(t, s, func(tx state.Tx) {
			state.AliasesOf(tx, here, key, func(name string) bool { names = append(names, name); return true })
		})
		return names
	}
	update(t, s, func(tx state.Tx) {
		for _, name := range []string{"alias/b", "alias/a", "alias/c/d"} {
			state.Aliases.Put(tx, here, name, alias(name, "1"))
		}
		state.Aliases.Put(tx, here, "alias/e", alias("alias/e", "10"))
	})
	if got, want := list("1"), []string{"alias/a", "alias/b", "alias/c/d"}; !slices.Equal(got, want) {
		t.Errorf("aliases of 1 = %v, want %v", got, want)
	}
	update(t, s, func(tx state.Tx) {
		state.Aliases.Put(tx, here, "alias/a", alias("alias/a", "10"))
		state.Aliases.Delete(tx, here, "alias/b")
	})
	if got, want := list("1"), []string{"alias/c/d"}; !slices.Equal(got, want) {
		t.Errorf("aliases of 1 = %v, want %v", got, want)
	}
	if got, want := list("10"), []string{"alias/a", "alias/e"}; !slices.Equal(got, want) {
		t.Errorf("aliases of 10 = %v, want %v", got, want)
	}
}

func testAccessKeys(t *testing.T, s state.Store) {
	list := func(account, user string) (ids []string) {
		view(t, s, func(tx state.Tx) {
			state.AccessKeysOf(tx, account, user, func(id string) bool { ids = append(ids, id); return true })
		})
		return ids
	}
	put := func(id, account, user string) {
		update(t, s, func(tx state.Tx) {
			state.AccessKeys.Put(tx, state.Everywhere, id, &state.AccessKey{ID: id, Account: account, User: user})
		})
	}
	put("b", "1", "alice")
	put("a", "1", "alice")
	put("c", "1", "alice2")
	put("d", "1", "")
	put("e", "2", "alice")
	for _, tt := range []struct {
		account, user string
		want          []string
	}{
		{"1", "alice", []string{"a", "b"}}, {"1", "alice2", []string{"c"}}, {"1", "", []string{"d"}},
		{"2", "alice", []string{"e"}}, {"1", "ali", nil}, {"2", "", nil},
	} {
		if got := list(tt.account, tt.user); !slices.Equal(got, tt.want) {
			t.Errorf("the access keys of %q in %s are %v, want %v", tt.user, tt.account, got, tt.want)
		}
	}
	put("a", "1", "alice2")
	update(t, s, func(tx state.Tx) { state.AccessKeys.Delete(tx, state.Everywhere, "b") })
	if got := list("1", "alice"); got != nil {
		t.Errorf("the access keys of a user without any are %v", got)
	}
	if got, want := list("1", "alice2"), []string{"a", "c"}; !slices.Equal(got, want) {
		t.Errorf("after a move the access keys are %v, want %v", got, want)
	}
}

func testRights(t *testing.T, s state.Store) {
	one, two := state.Of("1"), state.Of("2")
	revision := func(scope state.Scope) (r string) {
		view(t, s, func(tx state.Tx) { r = state.RightsRevision(tx, scope) })
		return r
	}
	if got := revision(one); got != "" {
		t.Errorf("the revision of an account without rights is %q", got)
	}
	seen := map[string]bool{"": true}
	for name, change := range map[string]func(state.Tx){
		"user":   func(tx state.Tx) { state.Users.Put(tx, one, "u", &state.User{Name: "u"}) },
		"group":  func(tx state.Tx) { state.Groups.Put(tx, one, "g", &state.Group{Name: "g"}) },
		"role":   func(tx state.Tx) { state.Roles.Put(tx, one, "r", &state.Role{Name: "r"}) },
		"policy": func(tx state.Tx) { state.Policies.Put(tx, one, "p", &state.Policy{Name: "p"}) },
	} {
		update(t, s, change)
		if got := revision(one); seen[got] {
			t.Errorf("after putting a %s the revision is %q again", name, got)
		}
		seen[revision(one)] = true
	}
	update(t, s, func(tx state.Tx) { state.Policies.Delete(tx, one, "p") })
	is := revision(one)
	if seen[is] {
		t.Error("a deleted policy is no new revision")
	}
	update(t, s, func(tx state.Tx) { state.Users.Put(tx, two, "u", &state.User{Name: "u"}) })
	if revision(one) != is || revision(two) == is {
		t.Error("the accounts share a revision")
	}
}

func testDues(t *testing.T, s state.Store) {
	if got := s.NextDue(); got != state.Never {
		t.Errorf("NextDue of an empty store = %d, want Never", got)
	}
	const day = 86400
	rotating := &state.Key{ID: "r", State: state.Enabled, LastRotation: 10 * day, RotationInterval: 7 * day}
	dying := &state.Key{ID: "d", State: state.PendingDeletion, DeletionDate: 300 * day}
	expiring := &state.Key{ID: "e", State: state.Enabled, MaterialExpires: 5 * day}
	update(t, s, func(tx state.Tx) {
		state.Keys.Put(tx, here, "r", rotating)
		state.Keys.Put(tx, there, "d", dying)
		state.Keys.Put(tx, there, "e", expiring)
	})
	next := func(want *state.Due) {
		t.Helper()
		date := state.Never
		if want != nil {
			date = want.At
		}
		if got := s.NextDue(); got != date {
			t.Errorf("NextDue = %d, want %d", got, date)
		}
		view(t, s, func(tx state.Tx) {
			got := state.FirstDue(tx)
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("FirstDue = %+v, want %+v", got, want)
			}
		})
	}
	next(&state.Due{At: 5 * day, Kind: state.DueMaterialExpiry, Scope: there, ID: "e"})

	renewed := *expiring
	renewed.MaterialExpires = 0
	update(t, s, func(tx state.Tx) { state.Keys.Put(tx, there, "e", &renewed) })
	next(&state.Due{At: 17 * day, Kind: state.DueRotation, Scope: here, ID: "r"})

	suspended := *rotating
	suspended.State = state.Disabled
	update(t, s, func(tx state.Tx) { state.Keys.Put(tx, here, "r", &suspended) })
	next(&state.Due{At: 300 * day, Kind: state.DueDestruction, Scope: there, ID: "d"})

	overdue := *rotating
	overdue.RotationSince = 400 * day
	update(t, s, func(tx state.Tx) {
		state.Keys.Put(tx, here, "r", &overdue)
		state.RemoveDue(tx, state.FirstDue(tx))
	})
	next(&state.Due{At: 400 * day, Kind: state.DueRotation, Scope: here, ID: "r"})

	update(t, s, func(tx state.Tx) {
		state.Keys.Delete(tx, here, "r")
		state.Keys.Delete(tx, there, "d")
	})
	next(nil)
}

// testModel compares the store with a map over a thousand random updates, a third of which fail.
func testModel(t *testing.T, s state.Store) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	model := map[string]string{}
	failed := errors.New("no")
	for range 1000 {
		draft := maps.Clone(model)
		fail := rnd.IntN(3) == 0
		err := s.Update(func(tx state.Tx) error {
			draft = maps.Clone(model) // it may run again
			for range rnd.IntN(20) {
				name := fmt.Sprintf("alias/%d", rnd.IntN(300))
				if rnd.IntN(3) == 0 {
					state.Aliases.Delete(tx, here, name)
					delete(draft, name)
					continue
				}
				key := fmt.Sprint(rnd.IntN(5))
				state.Aliases.Put(tx, here, name, alias(name, key))
				draft[name] = key
			}
			if fail {
				return failed
			}
			return nil
		})
		switch {
		case fail && !errors.Is(err, failed) || !fail && err != nil:
			t.Fatalf("Update = %v (seed %d)", err, seed)
		case !fail:
			model = draft
		}
	}
	byKey := map[string][]string{}
	view(t, s, func(tx state.Tx) {
		got := map[string]string{}
		for name, a := range state.Aliases.All(tx, here) {
			got[name] = a.KeyID
			byKey[a.KeyID] = append(byKey[a.KeyID], name)
		}
		if !maps.Equal(got, model) {
			t.Errorf("the store holds %v, want %v (seed %d)", got, model, seed)
		}
		for key, want := range byKey {
			var names []string
			state.AliasesOf(tx, here, key, func(name string) bool { names = append(names, name); return true })
			if !slices.Equal(names, want) {
				t.Errorf("AliasesOf(%s) = %v, want %v (seed %d)", key, names, want, seed)
			}
		}
	})
}

// testConcurrent has writers keep two records equal, and readers look.
func testConcurrent(t *testing.T, s state.Store) {
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range 200 {
				key := fmt.Sprintf("%d-%d", w, i)
				if err := s.Update(func(tx state.Tx) error {
					state.Aliases.Put(tx, here, "alias/a", alias("alias/a", key))
					state.Aliases.Put(tx, there, "alias/a", alias("alias/a", key))
					return nil
				}); err != nil {
					t.Errorf("Update = %v", err)
				}
			}
		})
	}
	for range 4 {
		readers.Go(func() {
			for {
				if err := s.View(func(tx state.Tx) error {
					a, b := state.Aliases.Get(tx, here, "alias/a"), state.Aliases.Get(tx, there, "alias/a")
					if (a == nil) != (b == nil) || a != nil && a.KeyID != b.KeyID {
						t.Errorf("a view saw half an update: %v and %v", a, b)
					}
					n := 0
					for name := range state.Aliases.All(tx, here) {
						if n++; !strings.HasPrefix(name, "alias/") {
							t.Errorf("All yields %q", name)
						}
					}
					if n > 1 {
						t.Errorf("All yields %d records, want at most 1", n)
					}
					return nil
				}); err != nil {
					t.Errorf("View = %v", err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

func testClosed(t *testing.T, s state.Store) {
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	never := func(state.Tx) error { t.Error("a closed store runs a transaction"); return nil }
	if err := s.View(never); !errors.Is(err, state.ErrClosed) {
		t.Errorf("View = %v, want ErrClosed", err)
	}
	if err := s.Update(never); !errors.Is(err, state.ErrClosed) {
		t.Errorf("Update = %v, want ErrClosed", err)
	}
	if got := s.NextDue(); got != state.Never {
		t.Errorf("NextDue = %d, want Never", got)
	}
}
