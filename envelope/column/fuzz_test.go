package column_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// Arbitrary bytes, under the reference of a key file that is there: nothing opens but what was sealed, and the error says
// which of its kinds it is.
func FuzzOpen(f *testing.F) {
	p, store := newProvider(f), newTable()
	c := newCells(f, p, store, nil)
	whole := seal(f, c, "13800138000", row9)
	f.Add(whole)
	f.Add(seal(f, c, "", row9))
	all, err := vectors.ReadAll("../../format/testdata/vectors")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range all {
		if v.Structure == vectors.Cell && len(v.Data) < 4096 {
			f.Add(v.Data)
			if len(v.Data) > 17 {
				// The same under a key file that there is.
				f.Add(append(bytes.Clone(whole[:17]), v.Data[17:]...))
			}
		}
	}
	sealed := map[string]string{string(whole): "13800138000"}
	f.Fuzz(func(t *testing.T, cell []byte) {
		got, err := c.Open(t.Context(), nil, cell, row9)
		var parse *format.ParseError
		switch {
		case err == nil:
			if want, ok := sealed[string(cell)]; ok && want != string(got) || !ok && len(got) > 0 {
				t.Errorf("Open = %q", got)
			}
		case got != nil:
			t.Errorf("Open = %q and %v", got, err)
		case !errors.As(err, &parse) && !errors.Is(err, envelope.ErrAuthentication) && !errors.Is(err, fs.ErrNotExist):
			t.Errorf("Open: %v", err)
		}
	})
}

// Whatever is sealed opens in its row, and in no row that differs.
func FuzzSealOpen(f *testing.F) {
	f.Add([]byte("13800138000"), "id", "9", "id", "10")
	f.Add([]byte{}, "a", "b", "", "")
	f.Add([]byte{0}, "id", "\xff", "id", "9")
	p, store := newProvider(f), newTable()
	c := newCells(f, p, store, nil)
	f.Fuzz(func(t *testing.T, value []byte, name, id, otherName, otherID string) {
		row := envelope.Context{name: id}
		if otherName != name {
			row[otherName+"2"] = otherID
		}
		cell, err := c.Seal(t.Context(), nil, value, row)
		if err != nil {
			if !errors.Is(err, format.ErrInvalid) && !errors.Is(err, column.ErrTooLarge) || cell != nil {
				t.Errorf("Seal = %x, %v", cell, err)
			}
			return
		}
		if len(cell) != len(value)+column.Overhead {
			t.Errorf("%d bytes in %d", len(value), len(cell))
		}
		// The second time, the names of the pairs are known already.
		reader := newCells(t, p, store, nil)
		for range 2 {
			if got, err := reader.Open(t.Context(), nil, cell, row); err != nil || !bytes.Equal(got, value) {
				t.Errorf("Open = %q, %v, want %q", got, err, value)
			}
		}
		row[name] += "2"
		if got, err := reader.Open(t.Context(), nil, cell, row); err == nil || got != nil {
			t.Errorf("Open in another row = %q, %v", got, err)
		}
	})
}
