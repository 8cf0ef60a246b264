package trail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail/trailtest"
)

func TestMemory(t *testing.T) {
	trailtest.Run(t, func(*testing.T) trail.Log { return trail.NewMemory(10000) }, nil)
}

// What is kept is bounded by number and, where records are large, by bytes; the last one always is.
func TestMemoryBounds(t *testing.T) {
	scope := state.In("1", "a")
	m := trail.NewMemory(100)
	for range 1000 {
		m.Append(&trail.Record{Scope: scope})
	}
	if m.Len() != 100 {
		t.Errorf("there are %d small records, want 100", m.Len())
	}
	large := []byte(strings.Repeat("x", 10<<10))
	for range 1000 {
		m.Append(&trail.Record{Scope: scope, Answer: large})
	}
	if n := m.Len(); n < 8 || n > 10 {
		t.Errorf("there are %d records of more than 10 KiB, want no more than 100 KiB", n)
	}
	m.Append(&trail.Record{Scope: scope, Name: "huge", Answer: []byte(strings.Repeat("x", 1<<20))})
	if n := m.Len(); n != 1 {
		t.Errorf("beside a huge record there are %d", n-1)
	}
	m.Ascend(scope, trail.Place{}, func(r *trail.Record) bool {
		if r.Name != "huge" {
			t.Errorf("%q is kept", r.Name)
		}
		return true
	})
	if trail.DefaultMax != 1048576 {
		t.Errorf("by default %d records are kept", trail.DefaultMax)
	}
}

// Calls that differ in nothing but time and request share what they noted. Each comes back whole, whatever came between
// them, however often slabs were begun and whatever was forgotten.
func TestMemoryShares(t *testing.T) {
	const kept, calls = 3000, 20000
	w := newWorld(t, kept, nil)
	name := func(i int) string { return fmt.Sprint("k", i%7*(i%3)) }
	for i := range calls {
		r := w.request("DescribeKey", []string{"KeyId", name(i)})
		r.RequestID = strings.Repeat("r", i%300) + fmt.Sprint(i)
		if _, err := w.server.Call(t.Context(), r); !errors.Is(err, call.ErrKeyNotFound) {
			t.Fatalf("DescribeKey = %v", err)
		}
	}
	i := calls - kept
	ids := map[[16]byte]bool{}
	for _, r := range w.records() {
		if e := r.Event(); e.ResourceName != name(i) || string(e.RequestParameters) != `{"KeyId":"`+name(i)+`"}` ||
			!strings.HasSuffix(e.RequestID, fmt.Sprint("r", i)) && i%300 != 0 || e.ErrorCode != call.ErrKeyNotFound.Code || ids[r.ID] {
			t.Fatalf("the event of call %d is %+v", i, e)
		}
		ids[r.ID] = true
		i++
	}
	if i != calls {
		t.Errorf("there are %d events, want %d", i-calls+kept, kept)
	}
}
