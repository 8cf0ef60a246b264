package column_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A floor does for one cell what the format specifies and nothing else: a salt, one HKDF-Expand, the key schedule, GCM.
// Context and prefix are encoded once, no key is looked up, and nothing is checked.
type floor struct {
	suite            *suite.Suite
	state            *suite.State
	commit           [suite.CommitSize]byte
	prefix, withheld []byte
	nonce            [suite.NonceSize]byte
	value, cell      []byte
	room             suite.Scratch
}

func newFloor(b *testing.B, size int) *floor {
	b.Helper()
	f := &floor{suite: suite.Lookup(suite.AES256GCM), prefix: make([]byte, 33), value: make([]byte, size)}
	var err error
	if f.state, err = f.suite.Extract(make([]byte, suite.DataKeySize)); err != nil {
		b.Fatal(err)
	}
	if f.withheld, err = format.AppendPairs(nil, row9); err != nil {
		b.Fatal(err)
	}
	return f
}

func (f *floor) seal(b *testing.B) {
	rand.Read(f.prefix[17:])
	w, err := f.suite.Cell(&f.room, f.state, &f.commit, f.prefix, f.withheld)
	if err != nil {
		b.Fatal(err)
	}
	w.Nonce(&f.nonce, 0, true)
	f.cell = w.AEAD.Seal(f.cell[:0], f.nonce[:], f.value, nil)
}

func (f *floor) open(b *testing.B) {
	w, err := f.suite.Cell(&f.room, f.state, &f.commit, f.prefix, f.withheld)
	if err != nil {
		b.Fatal(err)
	}
	w.Nonce(&f.nonce, 0, true)
	if f.value, err = w.AEAD.Open(f.value[:0], f.nonce[:], f.cell, nil); err != nil {
		b.Fatal(err)
	}
}

var benchSizes = []int{11, 100, 1000}

func BenchmarkSeal(b *testing.B) {
	c := newCells(b, newProvider(b), newTable(), nil)
	for _, size := range benchSizes {
		f := newFloor(b, size)
		b.Run(fmt.Sprintf("floor/size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				f.seal(b)
			}
		})
		b.Run(fmt.Sprintf("cells/size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			value, cell := make([]byte, size), []byte(nil)
			for b.Loop() {
				var err error
				if cell, err = c.Seal(b.Context(), cell[:0], value, row9); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	c := newCells(b, newProvider(b), newTable(), nil)
	for _, size := range benchSizes {
		f := newFloor(b, size)
		f.seal(b)
		b.Run(fmt.Sprintf("floor/size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				f.open(b)
			}
		})
		b.Run(fmt.Sprintf("cells/size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			cell, err := c.Seal(b.Context(), nil, make([]byte, size), row9)
			if err != nil {
				b.Fatal(err)
			}
			var value []byte
			for b.Loop() {
				if value, err = c.Open(b.Context(), value[:0], cell, row9); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Every goroutine seals and opens; they share the data keys.
func BenchmarkParallel(b *testing.B) {
	c := newCells(b, newProvider(b), newTable(), nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		value, cell, row := make([]byte, 100), []byte(nil), envelope.Context{"id": "9"}
		for pb.Next() {
			var err error
			if cell, err = c.Seal(b.Context(), cell[:0], value, row); err != nil {
				b.Error(err)
				return
			}
			if _, err = c.Open(b.Context(), value[:0], cell, row); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	x, err := column.NewIndex(b.Context(), newProvider(b), newTable(), phoneIndex, indexed, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var sum []byte
	for b.Loop() {
		if sum, err = x.Sum(sum[:0], []byte("13800138000")); err != nil {
			b.Fatal(err)
		}
	}
}

// The new key of each cell is two allocations of the standard library's, and nothing is added to them.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	c := newCells(t, newProvider(t), newTable(), nil)
	x, err := column.NewIndex(t.Context(), newProvider(t), newTable(), phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	value, buf := bytes.Repeat([]byte{'x'}, 100), make([]byte, 0, 200)
	cell := seal(t, c, string(value), row9)
	for name, tt := range map[string]struct {
		want float64
		f    func() error
	}{
		"Seal": {2, func() error { _, err := c.Seal(t.Context(), buf, value, row9); return err }},
		"Open": {2, func() error { _, err := c.Open(t.Context(), buf, cell, row9); return err }},
		"Sum":  {0, func() error { _, err := x.Sum(buf, value); return err }},
	} {
		if n := testing.AllocsPerRun(200, func() {
			if err := tt.f(); err != nil {
				t.Fatal(err)
			}
		}); n > tt.want {
			t.Errorf("%s allocates %v times, want %v", name, n, tt.want)
		}
	}
}
