package trail_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// full has every field.
var full = trail.Record{Seq: 1 << 40, Time: 1767323045, ID: [16]byte{1, 15: 2}, Scope: "1/a/", Name: "Encrypt", Effect: call.Read, RequestID: "r",
	Code: "c", Message: strings.Repeat("m", 300), Caller: trail.Caller{Type: "t", PrincipalID: "p", UserName: "u", AccessKeyID: "a", Issued: -7},
	Address: "::1", UserAgent: "ua", Params: []byte(`{"a":"b"}`), Answer: []byte(`{}`), InvokedBy: "i",
	Resources:  []call.Resource{{Kind: call.KeyKind, ID: "k"}, {Kind: call.AliasKind, ID: "alias/a"}},
	References: []call.Resource{{Kind: call.KeyKind, ID: "k2"}}}

func encode(t testing.TB, r *trail.Record) []byte {
	t.Helper()
	b, err := r.AppendBinary([]byte("before"))
	if err != nil || string(b[:6]) != "before" {
		t.Fatalf("AppendBinary = %q, %v", b, err)
	}
	return b[6:]
}

func TestRecordBinary(t *testing.T) {
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		// What is not exported is of a record that has not been told.
		if f := v.Type().Field(i); f.IsExported() && v.Field(i).IsZero() {
			t.Errorf("the test leaves %s empty", f.Name)
		}
	}
	for _, r := range []*trail.Record{&full, {}, {Params: []byte{}}, {Answer: []byte("x")}} {
		b := encode(t, r)
		got := trail.Record{Name: "left over", Resources: make([]call.Resource, 9)}
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(&got, r) {
			t.Errorf("%+v came back as %+v, %v", r, got, err)
		}
		for n := range b {
			if err := new(trail.Record).UnmarshalBinary(b[:n]); err == nil {
				t.Errorf("the first %d of %d bytes are taken for a record", n, len(b))
			}
		}
		if err := new(trail.Record).UnmarshalBinary(append(b, 0)); err == nil {
			t.Error("a record with a byte more is taken for one")
		}
		b[0]++
		if err := new(trail.Record).UnmarshalBinary(b); err == nil {
			t.Error("a record of another version is taken for one")
		}
	}
	// Lengths beyond what there is take no memory.
	bad := []byte{1, 1, 0, 0, 0, 15: 0, 21: 0, 22: 0xff, 23: 0xff, 24: 0xff, 25: 0xff, 26: 0x0f}
	if err := new(trail.Record).UnmarshalBinary(bad); err == nil {
		t.Error("a text longer than all is taken for one")
	}
	b := encode(t, new(trail.Record))
	b = append(b[:len(b)-1], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	if err := new(trail.Record).UnmarshalBinary(b); err == nil {
		t.Error("a list longer than all is taken for one")
	}
}

// What is a record can be encoded again, to the same bytes or, where a number was spelt at length, to fewer.
func FuzzRecordBinary(f *testing.F) {
	f.Add(encode(f, &full))
	f.Add(encode(f, new(trail.Record)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again trail.Record
		if r.UnmarshalBinary(b) != nil {
			return
		}
		c := encode(t, &r)
		if len(c) > len(b) {
			t.Fatalf("%x was %x", c, b)
		}
		if err := again.UnmarshalBinary(c); err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v came back as %+v, %v", r, again, err)
		}
		again.Event()
	})
}

// Keeping a record leaves no garbage, and what was kept is not what was given.
func TestMemoryCopies(t *testing.T) {
	m := trail.NewMemory(0)
	r := full
	r.Params = []byte(`{"a":"b"}`)
	m.Append(&r)
	if r.Seq != 1 {
		t.Errorf("the record has the number %d, want 1", r.Seq)
	}
	copy(r.Params, "overwrite")
	n := 0
	m.Ascend(r.Scope, trail.Place{}, func(got *trail.Record) bool {
		n++
		if string(got.Params) != `{"a":"b"}` {
			t.Errorf("the record was changed: %s", got.Params)
		}
		return true
	})
	if n != 1 {
		t.Errorf("there are %d records", n)
	}
	// The race detector drops things from pools.
	if n := testing.AllocsPerRun(2000, func() { m.Append(&r) }); n > 0.1 && !raceEnabled {
		t.Errorf("Append allocates %v times", n)
	}
}

// Worlds come and go without leaving anything.
func TestMemoryWorlds(t *testing.T) {
	m := trail.NewMemory(3)
	for i := range 1000 {
		scope := state.In("1", strings.Repeat("r", i%50+1))
		m.Append(&trail.Record{Scope: scope, Time: state.Time(i)})
		n := 0
		m.Descend(scope, trail.Place{Time: state.Never, Seq: 1 << 60}, func(*trail.Record) bool { n++; return true })
		if n != 1 || m.Len() != min(i+1, 3) {
			t.Fatalf("after %d records there are %d here and %d in all", i+1, n, m.Len())
		}
	}
}
