package identity

// White box: tokens are made by AssumeRole alone, whose answer no test can bend.

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// prepared returns a service with its store.
func prepared(t *testing.T) (*Service, *state.Memory) {
	t.Helper()
	s, store := New(), state.NewMemory()
	if err := store.Update(func(tx state.Tx) error { s.Prepare(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	return s, store
}

func view(t *testing.T, store state.Store, fn func(state.Tx)) {
	t.Helper()
	if err := store.View(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func session() *call.Principal {
	return &call.Principal{Kind: call.Role, Account: "1", Name: "app", ID: "3", Session: &call.Session{
		Name: "alice", Policy: `{"Version":"1"}`, Issued: state.At(now), Expires: state.At(now.Add(time.Hour))}}
}

func TestToken(t *testing.T) {
	s, store := prepared(t)
	var id, token, other string
	view(t, store, func(tx state.Tx) {
		id, token = s.open(tx).token(session())
		other, _ = s.open(tx).token(session())
	})
	if !strings.HasPrefix(id, "STS.") || id == other {
		t.Fatalf("the access keys are %s and %s", id, other)
	}
	stranger, foreign := prepared(t)
	var alien string
	view(t, foreign, func(tx state.Tx) { _, alien = stranger.open(tx).token(session()) })
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, id, token string
		later           time.Duration
		want            error
	}{
		{"good", id, token, 0, nil},
		{"good to the last second", id, token, time.Hour - time.Nanosecond, nil},
		{"expired", id, token, time.Hour, call.ErrSecurityTokenExpired},
		{"none", id, "", 0, call.ErrMissingSecurityToken},
		{"of another session", other, token, 0, call.ErrSecurityTokenMismatched},
		{"of another session, and expired", other, token, time.Hour, call.ErrSecurityTokenMismatched},
		{"of another server", id, alien, 0, call.ErrSecurityTokenMalformed},
		{"not base64", id, "*" + token[1:], 0, call.ErrSecurityTokenMalformed},
		{"with a line break", id, token[:8] + "\n" + token[8:], 0, call.ErrSecurityTokenMalformed},
		{"short", id, "AAAA", 0, call.ErrSecurityTokenMalformed},
		{"long", id, strings.Repeat("A", maxToken+4), 0, call.ErrSecurityTokenMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			view(t, store, func(tx state.Tx) {
				c := s.Credential(tx, tt.id)
				if c == nil || c.Disabled || len(c.Secret.Bytes()) < 30 {
					t.Fatalf("Credential = %+v", c)
				}
				got, err := c.Prove(tt.token, now.Add(tt.later))
				if !errors.Is(err, tt.want) {
					t.Fatalf("Prove = %v, want %v", err, tt.want)
				}
				if err != nil {
					if got != (call.Principal{}) {
						t.Errorf("Prove = %v with an error", got)
					}
					return
				}
				want := session()
				want.AccessKeyID = id
				if *got.Session != *want.Session {
					t.Errorf("the session is %+v, want %+v", got.Session, want.Session)
				}
				got.Session = want.Session
				if got != *want {
					t.Errorf("Prove = %+v, want %+v", got, want)
				}
			})
		})
	}
	view(t, store, func(tx state.Tx) {
		c := s.Credential(tx, id)
		for i := range raw {
			bent := append([]byte{}, raw...)
			bent[i] ^= 1
			if _, err := c.Prove(base64.StdEncoding.EncodeToString(bent), now); !errors.Is(err, call.ErrSecurityTokenMalformed) {
				t.Fatalf("with byte %d bent Prove = %v, want ErrSecurityTokenMalformed", i, err)
			}
		}
	})
}

// The secret of a session does not change, is that of no other session, and is known wherever the store is.
func TestSessionSecret(t *testing.T) {
	s, store := prepared(t)
	again := New()
	view(t, store, func(tx state.Tx) {
		again.Prepare(tx) // there is a key already: nothing is written
		a, b := s.Credential(tx, "STS.a").Secret.Bytes(), s.Credential(tx, "STS.b").Secret.Bytes()
		if string(a) == string(b) || string(a) != string(s.Credential(tx, "STS.a").Secret.Bytes()) {
			t.Error("the secrets of two sessions agree, or that of one does not")
		}
		if string(again.Credential(tx, "STS.a").Secret.Bytes()) != string(a) {
			t.Error("another service over the same store finds another secret")
		}
	})
}

func TestCredential(t *testing.T) {
	s, store := prepared(t)
	if err := store.Update(func(tx state.Tx) error {
		for _, k := range []*state.AccessKey{
			{ID: "root", Account: "1", Secret: state.NewMaterial([]byte("r"))},
			{ID: "alice", Account: "1", User: "alice", Secret: state.NewMaterial([]byte("a")), Disabled: true},
			{ID: "nobody", Account: "1", User: "nobody"},
		} {
			state.AccessKeys.Put(tx, state.Everywhere, k.ID, k)
		}
		state.Users.Put(tx, state.Of("1"), "alice", &state.User{Name: "alice", ID: "2"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	view(t, store, func(tx state.Tx) {
		root := s.Credential(tx, "root")
		if want := (call.Principal{Kind: call.Root, Account: "1", AccessKeyID: "root"}); root.Principal != want || root.Disabled || string(root.Secret.Bytes()) != "r" || root.Session != nil {
			t.Errorf("the account's key is %+v", root)
		}
		alice := s.Credential(tx, "alice")
		if want := (call.Principal{Kind: call.User, Account: "1", Name: "alice", ID: "2", AccessKeyID: "alice"}); alice.Principal != want || !alice.Disabled || string(alice.Secret.Bytes()) != "a" {
			t.Errorf("the user's key is %+v", alice)
		}
		for _, id := range []string{"", "nobody", "unknown"} {
			if c := s.Credential(tx, id); c != nil {
				t.Errorf("Credential(%q) = %+v", id, c)
			}
		}
	})
}
