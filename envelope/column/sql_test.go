package column_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
)

func at(row envelope.Context) func() envelope.Context {
	return func() envelope.Context { return row }
}

func TestValueAndScan(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	for name, value := range map[string][]byte{"value": []byte("13800138000"), "empty": {}, "NULL": nil} {
		t.Run(name, func(t *testing.T) {
			stored, err := c.Value(t.Context(), value, row9).Value()
			if err != nil || !driver.IsValue(stored) || (stored == nil) != (value == nil) {
				t.Fatalf("Value = %v, %v", stored, err)
			}
			forms := []any{stored}
			if b, ok := stored.([]byte); ok {
				forms = append(forms, string(b)) // as drivers give the bytes of a text column
			}
			for _, src := range forms {
				got := []byte("old")
				if err := c.Scan(t.Context(), &got, at(row9)).Scan(src); err != nil {
					t.Fatalf("Scan(%T): %v", src, err)
				}
				if string(got) != string(value) || (got == nil) != (value == nil) {
					t.Errorf("Scan(%T) gave %#v, want %#v", src, got, value)
				}
			}
		})
	}
}

// The row is asked for when the cell is scanned, not before.
func TestScanAsksForTheRow(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	var id string
	var value []byte
	dst := c.Scan(t.Context(), &value, func() envelope.Context { return envelope.Context{"id": id} })
	id = "9"
	if err := dst.Scan(seal(t, c, "hello", row9)); err != nil || string(value) != "hello" {
		t.Errorf("Scan gave %q, %v", value, err)
	}
	id = "10"
	if err := dst.Scan(seal(t, c, "hello", row9)); !errors.Is(err, envelope.ErrAuthentication) || value != nil {
		t.Errorf("Scan in another row gave %q, %v, want ErrAuthentication", value, err)
	}
}

// Some drivers have the arguments of a statement converted twice. It is still one cell.
func TestValueTwice(t *testing.T) {
	p := newProvider(t)
	c := newCells(t, p, newTable(), &column.Options{MaxCells: 1})
	argument := c.Value(t.Context(), []byte("hello"), row9)
	first, err := argument.Value()
	if err != nil {
		t.Fatal(err)
	}
	second, err := argument.Value()
	if err != nil || !bytes.Equal(first.([]byte), second.([]byte)) {
		t.Errorf("Value = %x, then %x, %v", first, second, err)
	}
	if g, _ := p.counts(); g != 1 {
		t.Errorf("%d cells sealed, want 1", g)
	}
	// An error is not kept.
	p.before = func(context.Context) error { return errRefused }
	argument = c.Value(t.Context(), []byte("hello"), row9)
	if _, err := argument.Value(); !errors.Is(err, errRefused) {
		t.Errorf("Value = %v, want what the provider said", err)
	}
	p.before = nil
	if _, err := argument.Value(); err != nil {
		t.Errorf("Value after an error: %v", err)
	}
}

func TestValueErrors(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name  string
		ctx   context.Context
		value []byte
		row   envelope.Context
		want  error
	}{
		{"too large", t.Context(), make([]byte, column.MaxValue+1), row9, column.ErrTooLarge},
		{"no row", t.Context(), []byte("x"), nil, envelope.ErrMissingPair},
		{"cancelled", cancelled, []byte("x"), row9, context.Canceled},
	} {
		if v, err := c.Value(tt.ctx, tt.value, tt.row).Value(); !errors.Is(err, tt.want) || v != nil {
			t.Errorf("%s: Value = %v, %v, want %v", tt.name, v, err, tt.want)
		}
	}
}

func TestScanErrors(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	for _, tt := range []struct {
		name string
		src  any
		row  envelope.Context
		want error
	}{
		{"a number", int64(7), row9, errors.ErrUnsupported},
		{"not encrypted", []byte("13800138000"), row9, format.ErrNotMessage},
		{"not encrypted text", "13800138000", row9, format.ErrNotMessage},
		{"empty", []byte{}, row9, io.ErrUnexpectedEOF},
		{"nil bytes, which are not NULL", []byte(nil), row9, io.ErrUnexpectedEOF},
		{"no row", seal(t, c, "x", row9), nil, envelope.ErrMissingPair},
	} {
		got := []byte("old")
		if err := c.Scan(t.Context(), &got, at(tt.row)).Scan(tt.src); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: Scan gave %q, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestScanWithoutRow(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), &column.Options{InsecureAllowNoRow: true})
	var got []byte
	if err := c.Scan(t.Context(), &got, nil).Scan(seal(t, c, "hello", nil)); err != nil || string(got) != "hello" {
		t.Errorf("Scan gave %q, %v", got, err)
	}
}

func TestIndexValue(t *testing.T) {
	x, err := column.NewIndex(t.Context(), newProvider(t), newTable(), phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "13800138000"} {
		v, err := x.Value([]byte(value)).Value()
		if b, ok := v.([]byte); err != nil || !ok || string(b) != sum(t, x, value) {
			t.Errorf("Value = %v, %v, want what Sum gives", v, err)
		}
	}
	if v, err := x.Value(nil).Value(); v != nil || err != nil {
		t.Errorf("Value of nil = %v, %v, want NULL", v, err)
	}
	x.Close()
	if v, err := x.Value([]byte("x")).Value(); !errors.Is(err, column.ErrClosed) || v != nil {
		t.Errorf("Value = %v, %v, want ErrClosed", v, err)
	}
}

// Who logs the arguments of his statements, or what holds them, logs no value.
func TestArgumentsPrintNothing(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, nil)
	x, err := column.NewIndex(t.Context(), p, store, phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	scanned := []byte("top-secret")
	checkPrints(t, "secret",
		c.Value(t.Context(), []byte("top-secret"), envelope.Context{"id": "secret-row"}),
		x.Value([]byte("top-secret")),
		c.Scan(t.Context(), &scanned, at(envelope.Context{"id": "secret-row"})))
}
