package format_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

func newCell() *format.Cell {
	return &format.Cell{
		Suite: format.AES256GCM, Reference: format.Reference(bytes.Repeat([]byte{0x11}, 16)),
		Salt: [16]byte(bytes.Repeat([]byte{0x5a}, 16)), Sealed: bytes.Repeat([]byte{0xee}, 21),
	}
}

func TestCellRoundTrip(t *testing.T) {
	for s, form := range map[format.Suite]byte{format.AES256GCM: 0xf9, format.SM4GCM: 0xfa} {
		c := newCell()
		c.Suite = s
		b := marshal(t, c)
		if b[0] != form || len(b) != 5+format.CellOverhead {
			t.Errorf("%v: Marshal = %x, want form %x and %d bytes", s, b, form, 5+format.CellOverhead)
		}
		var got format.Cell
		if err := got.Parse(b); err != nil || !reflect.DeepEqual(&got, c) {
			t.Errorf("%v: Parse = %+v, %v, want %+v", s, got, err, c)
		}
		if n := testing.AllocsPerRun(100, func() { got.Parse(b) }); n > 0 {
			t.Errorf("%v: Parse allocates %v times, want 0", s, n)
		}
	}
}

func TestCellLimits(t *testing.T) {
	b := marshal(t, newCell())
	var c format.Cell
	for n := range format.CellOverhead {
		if err := c.Parse(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Parse(%d bytes) = %v, want io.ErrUnexpectedEOF", n, err)
		}
	}
	long := make([]byte, format.CellOverhead+format.MaxCellValue+1)
	long[0] = 0xf9
	var pe *format.ParseError
	if err := c.Parse(long); !errors.As(err, &pe) || pe.Field != "sealed" || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Parse(%d bytes) = %v, want a ParseError of sealed", len(long), err)
	}
	if err := c.Parse(long[:len(long)-1]); err != nil {
		t.Errorf("Parse(%d bytes) = %v", len(long)-1, err)
	}
	for _, form := range []byte{0x00, 'a', 0xf8, 0xfb, 0x8e} {
		b[0] = form
		if err := c.Parse(b); !errors.Is(err, format.ErrNotMessage) {
			t.Errorf("Parse(form %x) = %v, want ErrNotMessage", form, err)
		}
	}
	for _, n := range []int{0, 15, 16 + format.MaxCellValue + 1} {
		c := newCell()
		c.Sealed = make([]byte, n)
		if got, err := c.Marshal(nil); got != nil || !errors.Is(err, format.ErrInvalid) {
			t.Errorf("Marshal(%d bytes sealed) = %v, want ErrInvalid", n, err)
		}
	}
	for _, s := range []format.Suite{0, 3} {
		c := newCell()
		c.Suite = s
		if got, err := c.Marshal(nil); got != nil || !errors.Is(err, format.ErrInvalid) {
			t.Errorf("Marshal(%v) = %v, want ErrInvalid", s, err)
		}
	}
}
