package state_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		scope           state.Scope
		account, region string
	}{
		{state.In("123", "cn-hangzhou"), "123", "cn-hangzhou"},
		{state.Of("123"), "123", ""},
		{state.Everywhere, "", ""},
	} {
		if tt.scope.IsOf(tt.account) != (tt.account != "") || tt.scope.IsOf("123cn") || tt.scope.IsOf("12") || tt.scope.IsOf(string(tt.scope)) {
			t.Errorf("%q is not of %q alone", tt.scope, tt.account)
		}
		if a, r := tt.scope.Account(), tt.scope.Region(); a != tt.account || r != tt.region {
			t.Errorf("%q is of %q in %q, want %q in %q", tt.scope, a, r, tt.account, tt.region)
		}
	}
}

func TestTime(t *testing.T) {
	instant := time.Date(2026, 11, 22, 7, 8, 9, 999, time.FixedZone("", 8*3600))
	if got, want := state.At(instant).String(), "2026-11-21T23:08:09Z"; got != want {
		t.Errorf("String = %s, want %s", got, want)
	}
	if got := state.Time(0).String(); got != "" {
		t.Errorf("String of no time = %q", got)
	}
	if got := state.Time(5).Add(time.Minute + time.Millisecond); got != 65 {
		t.Errorf("Add = %d, want 65", got)
	}
}

func TestKeyState(t *testing.T) {
	for s, want := range map[state.KeyState]string{
		state.Enabled: "Enabled", state.Disabled: "Disabled", state.PendingDeletion: "PendingDeletion",
		state.PendingImport: "PendingImport", 0: "KeyState(0)", 9: "KeyState(9)",
	} {
		if got := s.String(); got != want {
			t.Errorf("String = %s, want %s", got, want)
		}
	}
	if got := state.DueSecretRotation.String() + state.DuePurge.String(); got != "DueSecretRotationDuePurge" {
		t.Errorf("String of the kinds of secrets = %s", got)
	}
	if got := state.DueRotation.String() + state.DueDestruction.String() + state.DueMaterialExpiry.String() + state.DueKind(77).String(); got != "DueRotationDueDestructionDueMaterialExpiryDueKind(77)" {
		t.Errorf("String of the kinds = %s", got)
	}
}

func TestAccountStatus(t *testing.T) {
	for status := state.AccountEnabled; status <= state.AccountNoPartner; status++ {
		if got, ok := state.ParseAccountStatus(status.String()); got != status || !ok {
			t.Errorf("ParseAccountStatus(%s) = %v, %v", status, got, ok)
		}
	}
	for _, name := range []string{"", "enabled", "AccountStatus(8)"} {
		if got, ok := state.ParseAccountStatus(name); ok {
			t.Errorf("ParseAccountStatus(%q) = %v", name, got)
		}
	}
	if got := state.AccountStatus(0).String() + state.AccountStatus(8).String(); got != "AccountStatus(0)AccountStatus(8)" {
		t.Errorf("String of no status = %s", got)
	}
}

func TestTablesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for id := range state.TableCount {
		if name := id.String(); name == "" || seen[name] {
			t.Errorf("table %d has the name %q, empty or taken", id, name)
		}
		seen[id.String()] = true
		if reflect.TypeOf(id.New()).Kind() != reflect.Pointer {
			t.Errorf("New of table %s is no pointer", id)
		}
	}
}

// A durable store encodes records: every field of every record survives.
func TestRecordsAreEncodable(t *testing.T) {
	full := []any{
		&state.Account{ID: "1", Status: state.AccountInDebt},
		&state.Key{ID: "k", Description: "d", Spec: "s", Usage: "u", Origin: "o", ProtectionLevel: "p", State: state.Disabled,
			Service: "OSS", Created: 1, Tags: map[string]string{"a": "b"}, Versions: 2, Primary: "v", LastRotation: 3,
			RotationInterval: 4, RotationSince: 5, DeletionDate: 6, ImportSecret: state.NewMaterial([]byte{8}),
			MaterialMark: []byte{9}, MaterialExpires: 7, DeletionProtection: true,
			DeletionProtectionDescription: "x"},
		&state.Version{ID: "v", KeyID: "k", Number: 2, Created: 3, Material: state.NewMaterial([]byte{4})},
		&state.Alias{Name: "alias/a", KeyID: "k"},
		&state.Due{At: 1, Kind: state.DueRotation, Scope: "1/2/", ID: "k"},
		&state.Region{ID: "cn-hangzhou"},
		&state.User{Name: "alice", ID: "2", Created: 1, Groups: []string{"g"}, Policies: []string{"p"}},
		&state.Group{Name: "g", Created: 1, Policies: []string{"p"}},
		&state.Role{Name: "r", ID: "3", Description: "d", Created: 1, Trust: "{}", MaxSession: 3600, Policies: []string{"p"}},
		&state.Policy{Name: "p", Document: "{}", Created: 1},
		&state.Rights{Revision: "x"},
		&state.AccessKey{ID: "a", Secret: state.NewMaterial([]byte{4}), Account: "1", User: "alice", Disabled: true, Created: 1},
		&state.ServerKey{Name: "sts", Key: state.NewMaterial([]byte{4})},
		&state.Secret{Name: "s", Type: "Rds", Description: "d", KeyID: "k", Created: 1, Updated: 2, Deletion: 3,
			Tags: map[string]string{"a": "b"}, Versions: []state.SecretVersion{{ID: "v", Created: 1, DataType: "text"}},
			Labels: []state.SecretLabel{{Name: "ACSCurrent", Version: "v"}}, Config: "{}", Accounts: []string{"u"}, Turn: 1,
			RotationInterval: 4, RotationSince: 5, LastRotation: 6, RotationFailed: true},
		&state.SecretValue{WrappedKey: "w", Sealed: []byte{1}},
		&state.DefaultKey{ID: "i", Created: 1, Material: state.NewMaterial([]byte{4})},
	}
	for _, record := range full {
		v := reflect.ValueOf(record).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%T: the test leaves %s empty", record, v.Type().Field(i).Name)
			}
		}
		var buf bytes.Buffer
		if err := gob.NewEncoder(&buf).Encode(record); err != nil {
			t.Fatalf("%T: %v", record, err)
		}
		got := reflect.New(v.Type()).Interface()
		if err := gob.NewDecoder(&buf).Decode(got); err != nil {
			t.Fatalf("%T: %v", record, err)
		}
		for i := range v.NumField() {
			a, ok := v.Field(i).Addr().Interface().(*state.Material)
			if !ok {
				continue
			}
			b := reflect.ValueOf(got).Elem().Field(i).Addr().Interface().(*state.Material)
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%T: the material came back as %x", record, b.Bytes())
			}
			*a, *b = state.Material{}, state.Material{} // a func is equal to nothing
		}
		if !reflect.DeepEqual(record, got) {
			t.Errorf("%T came back as %+v, want %+v", record, got, record)
		}
	}
}

func TestMaterialNeverShows(t *testing.T) {
	secret := []byte("sixteen byte key")
	m := state.NewMaterial(secret)
	type hidden struct {
		m state.Material
		v state.Version
		p *state.Material
	}
	for _, holder := range []any{m, &m, state.Version{Material: m}, &state.Version{Material: m}, hidden{m, state.Version{Material: m}, &m}, []hidden{{m: m}}} {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%p"} {
			fmt.Fprintf(&out, verb+"\n", holder)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", holder)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", holder)
		doc, _ := json.Marshal(holder)
		out.Write(doc)
		for _, bad := range []string{string(secret), hex.EncodeToString(secret), fmt.Sprint(secret)[1:20]} {
			if strings.Contains(strings.ToLower(out.String()), bad) {
				t.Errorf("%T shows its material: %s", holder, out.String())
			}
		}
	}
	if _, err := json.Marshal(m); err == nil {
		t.Error("json.Marshal of a material does not fail")
	}
	var none state.Material
	if err := none.UnmarshalBinary(nil); err != nil || none.Bytes() != nil {
		t.Errorf("no bytes are the material %v, %v", none.Bytes(), err)
	}
}
