package statetest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func testSecrets(t *testing.T, s state.Store) {
	put := func(scope state.Scope, secret state.Secret) {
		t.Helper()
		update(t, s, func(tx state.Tx) { state.Secrets.Put(tx, scope, secret.Name, &secret) })
	}
	byAge := func(scope state.Scope, most int) string {
		var names []string
		view(t, s, func(tx state.Tx) {
			state.SecretsByAge(tx, scope, func(name string) bool {
				names = append(names, name)
				return len(names) < most
			})
		})
		return strings.Join(names, " ")
	}
	put(here, state.Secret{Name: "young", Created: 300})
	put(here, state.Secret{Name: "b", Created: 256})
	put(here, state.Secret{Name: "old", Created: 255})
	put(here, state.Secret{Name: "a", Created: 256})
	put(there, state.Secret{Name: "elsewhere", Created: 1})
	put(here, state.Secret{Name: "b", Created: 256, Updated: 9}) // changes keep its place
	if got := byAge(here, 9); got != "old a b young" {
		t.Errorf("by age: %s", got)
	}
	if got := byAge(here, 2); got != "old a" {
		t.Errorf("the first two by age: %s", got)
	}
	update(t, s, func(tx state.Tx) {
		state.Secrets.Delete(tx, here, "a")
		state.Secrets.Delete(tx, here, "never was")
	})
	put(here, state.Secret{Name: "old", Created: 400}) // another of its name
	if got := byAge(here, 9); got != "b young old" {
		t.Errorf("by age, after changes: %s", got)
	}
	testSecretDues(t, s)

	value := &state.SecretValue{WrappedKey: "w", Sealed: []byte{1, 2}}
	key := &state.DefaultKey{ID: "id", Material: state.NewMaterial([]byte{3})}
	update(t, s, func(tx state.Tx) {
		state.SecretValues.Put(tx, here, state.SecretValueID("b", "v/1"), value)
		state.DefaultKeys.Put(tx, here, "", key)
	})
	view(t, s, func(tx state.Tx) {
		if got := state.SecretValues.Get(tx, here, state.SecretValueID("b", "v/1")); got == nil || got.WrappedKey != "w" || !slices.Equal(got.Sealed, value.Sealed) {
			t.Errorf("SecretValues.Get = %+v, want %+v", got, value)
		}
		if got := state.DefaultKeys.Get(tx, here, ""); got == nil || got.ID != "id" || !bytes.Equal(got.Material.Bytes(), []byte{3}) {
			t.Errorf("DefaultKeys.Get = %+v, want %+v", got, key)
		}
		if got := state.DefaultKeys.Get(tx, there, ""); got != nil {
			t.Errorf("DefaultKeys.Get in another region = %+v", got)
		}
	})
}

func testSecretDues(t *testing.T, s state.Store) {
	for _, tt := range []struct {
		name   string
		secret state.Secret
		at     state.Time // 0: nothing is due
		kind   state.DueKind
	}{
		{"nothing", state.Secret{}, 0, 0},
		{"in the window", state.Secret{Deletion: 700}, 700, state.DuePurge},
		{"never rotated", state.Secret{RotationInterval: 60}, 160, state.DueSecretRotation},
		{"rotated", state.Secret{RotationInterval: 60, LastRotation: 130}, 190, state.DueSecretRotation},
		{"overdue when the policy was set", state.Secret{RotationInterval: 60, RotationSince: 500}, 500, state.DueSecretRotation},
		{"no rotation in the window", state.Secret{RotationInterval: 60, Deletion: 700}, 700, state.DuePurge},
		{"no rotation after one failed", state.Secret{RotationInterval: 60, RotationFailed: true}, 0, 0},
	} {
		tt.secret.Name, tt.secret.Created = "due", 100
		update(t, s, func(tx state.Tx) { state.Secrets.Put(tx, here, "due", &tt.secret) })
		view(t, s, func(tx state.Tx) {
			got := state.FirstDue(tx)
			switch {
			case tt.at == 0 && got != nil, tt.at != 0 && (got == nil || *got != state.Due{At: tt.at, Kind: tt.kind, Scope: here, ID: "due"}):
				t.Errorf("%s: FirstDue = %+v, want %v at %d", tt.name, got, tt.kind, tt.at)
			}
		})
	}
	update(t, s, func(tx state.Tx) { state.Secrets.Delete(tx, here, "due") })
	if got := s.NextDue(); got != state.Never {
		t.Errorf("NextDue = %d after the secret is gone, want Never", got)
	}
}
