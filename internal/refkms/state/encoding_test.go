package state_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// fill sets every field of a record, in the fields of its parts too, to something that is not its zero value and that no
// other field has.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d\x00\xff", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(-*n) << 40)
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(uint64(200 + *n%50))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("b", *n): "1", fmt.Sprint("a", *n): "", "": "3"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[state.Material]() {
			v.Set(reflect.ValueOf(state.NewMaterial(fmt.Appendf(nil, "secret %d", *n))))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	default:
		t.Fatalf("a field of kind %v, which the test cannot fill", v.Kind())
	}
}

// equal is reflect.DeepEqual, but for materials, which are funcs.
func equal(a, b reflect.Value) bool {
	if m, ok := a.Interface().(state.Material); ok {
		return bytes.Equal(m.Bytes(), b.Interface().(state.Material).Bytes())
	}
	switch a.Kind() {
	case reflect.Pointer:
		return equal(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// A field that somebody adds to a record and not to its encoding would be lost with the process.
func TestRecordsKeepEveryField(t *testing.T) {
	for table := range state.TableCount {
		n := int(table) * 100
		full := table.New()
		fill(t, reflect.ValueOf(full).Elem(), &n)
		for name, record := range map[string]any{"full": full, "empty": table.New()} {
			b := state.AppendRecord([]byte("before"), record)
			got, err := state.DecodeRecord(table, b[len("before"):])
			if err != nil {
				t.Fatalf("%v, %s: DecodeRecord = %v", table, name, err)
			}
			clear(b) // a record shares nothing with its encoding
			if !equal(reflect.ValueOf(got), reflect.ValueOf(record)) {
				t.Errorf("%v, %s: decoded %+v, want %+v", table, name, got, record)
			}
		}
	}
}

// A record that was written before it had its last fields has them zero.
func TestRecordsMayGrow(t *testing.T) {
	a := state.AppendRecord(nil, &state.Alias{Name: "alias/a"})
	got, err := state.DecodeRecord(tableOf(t, "aliases"), a[:len(a)-1])
	if err != nil || *got.(*state.Alias) != (state.Alias{Name: "alias/a"}) {
		t.Errorf("without its last field: %+v, %v", got, err)
	}
}

func tableOf(t testing.TB, name string) state.TableID {
	for table := range state.TableCount {
		if table.String() == name {
			return table
		}
	}
	t.Fatalf("no table %q", name)
	return 0
}

func TestDecodeRefuses(t *testing.T) {
	text := func(s string) string { return string(rune(len(s))) + s }
	for _, tt := range []struct{ name, table, record string }{
		{"nothing", "aliases", ""},
		{"another version", "aliases", "\x02" + text("a") + text("k")},
		{"something behind it", "aliases", "\x01" + text("a") + text("k") + "\x00"},
		{"a text that ends early", "aliases", "\x01\x05a"},
		{"a length without end", "aliases", "\x01" + strings.Repeat("\xff", 20)},
		{"a number without end", "groups", "\x01" + text("g") + strings.Repeat("\xff", 20)},
		{"a number that is too large", "accounts", "\x01" + text("1") + "\x80\x04"}, // 256
		{"a negative state", "accounts", "\x01" + text("1") + "\x01"},
		{"a truth beyond true", "access-keys", "\x01" + text("i") + text("s") + text("a") + text("u") + "\x04\x00"},
		{"more texts than there are bytes", "groups", "\x01" + text("g") + "\x00\x7f\x00"},
	} {
		record, err := state.DecodeRecord(tableOf(t, tt.table), []byte(tt.record))
		if err == nil || !strings.HasPrefix(err.Error(), "state: not a record of "+tt.table) {
			t.Errorf("%s: DecodeRecord = %+v, %v", tt.name, record, err)
		}
	}
}

// FuzzDecodeRecord finds that what decodes is encoded as something that decodes to the same.
func FuzzDecodeRecord(f *testing.F) {
	for table := range state.TableCount {
		f.Add(uint8(table), state.AppendRecord(nil, table.New()))
	}
	f.Add(uint8(tableOf(f, "keys")), state.AppendRecord(nil, &state.Key{ID: "k", Tags: map[string]string{"a": "1", "b": "2"}}))
	f.Add(uint8(tableOf(f, "secrets")), state.AppendRecord(nil, &state.Secret{Name: "s", Versions: []state.SecretVersion{{ID: "v"}}}))
	f.Fuzz(func(t *testing.T, n uint8, b []byte) {
		table := state.TableID(n) % state.TableCount
		record, err := state.DecodeRecord(table, b)
		if err != nil {
			return
		}
		again, err := state.DecodeRecord(table, state.AppendRecord(nil, record))
		if err != nil || !equal(reflect.ValueOf(again), reflect.ValueOf(record)) {
			t.Errorf("%+v became %+v, %v", record, again, err)
		}
	})
}

// A list that ends before its last element is no record, though a record may end before its last field.
func TestDecodeCutList(t *testing.T) {
	users := state.TableID(0)
	for users.String() != "users" {
		users++
	}
	whole := state.AppendRecord(nil, &state.User{Name: "n", Policies: []string{"a", "b"}})
	if r, err := state.DecodeRecord(users, whole); err != nil {
		t.Fatalf("DecodeRecord = %+v, %v", r, err)
	}
	if r, err := state.DecodeRecord(users, whole[:len(whole)-2]); err == nil || !strings.Contains(err.Error(), "not a record of users") {
		t.Errorf("DecodeRecord of a list of two with one = %+v, %v, want a refusal", r, err)
	}
}
