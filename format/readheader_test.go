package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/format"
)

// A counter counts the reads of the reader in it.
type counter struct {
	io.Reader
	reads int
}

func (c *counter) Read(p []byte) (int, error) {
	c.reads++
	return c.Reader.Read(p)
}

func TestReadHeaderReads(t *testing.T) {
	full := newHeader(t)
	full.Kind, full.SlotSize, full.Generation, full.Record = format.Slots, format.MaxSlotSize, 1, fullRecord(60000)
	for name, tt := range map[string]struct {
		h    *format.Header
		want int
	}{"usual": {newHeader(t), 3}, "largest slots": {full, 9}} {
		r := &counter{Reader: bytes.NewReader(marshal(t, tt.h))}
		if _, err := format.ReadHeader(r); err != nil || r.reads > tt.want {
			t.Errorf("%s: ReadHeader made %d reads, %v, want at most %d", name, r.reads, err, tt.want)
		}
	}
}

// A header that claims much and holds little costs what it holds, not what it claims.
func TestReadHeaderAllocatesWhatItRead(t *testing.T) {
	h := newHeader(t)
	b := marshal(t, h)
	at := h.KeysOffset()
	for _, kind := range []byte{1, 2} {
		b[at] = kind
		binary.BigEndian.PutUint16(b[at+1:], 65535)
		const runs = 200
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := format.ReadHeader(bytes.NewReader(b)); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("ReadHeader(kind %d) = %v, want io.ErrUnexpectedEOF", kind, err)
			}
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > 16<<10 {
			t.Errorf("ReadHeader(kind %d, %d bytes) allocates %d bytes, want at most 16 KiB", kind, len(b), n)
		}
	}
}

func TestReadHeaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	b := marshal(t, newHeader(t))
	for _, n := range []int{0, 20, 44, 100, len(b) - 1} {
		h, err := format.ReadHeader(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken)))
		if h != nil || !errors.Is(err, broken) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ReadHeader(fails at %d) = %v, %v, want the reader's error", n, h, err)
		}
	}
}

// What is refused early is refused before more is read: nobody waits for the rest of what is not a message.
func TestReadHeaderStopsEarly(t *testing.T) {
	good := newHeader(t)
	b := marshal(t, good)
	at := good.KeysOffset()
	for _, tt := range []struct {
		name  string
		at    int
		value byte
		reads int64
		want  error
	}{
		{"magic", 0, 'P', 44, format.ErrNotMessage},
		{"version", 4, 2, 44, format.ErrUnsupportedVersion},
		{"suite", 7, 9, 44, format.ErrUnsupportedSuite},
		{"kind", at, 4, int64(at) + 3, format.ErrUnsupportedKind},
	} {
		bad := bytes.Clone(b)
		bad[tt.at] = tt.value
		r := bytes.NewReader(bad)
		if _, err := format.ReadHeader(r); !errors.Is(err, tt.want) {
			t.Errorf("%s: ReadHeader = %v, want %v", tt.name, err, tt.want)
		}
		if read := r.Size() - int64(r.Len()); read != tt.reads {
			t.Errorf("%s: ReadHeader read %d bytes, want %d", tt.name, read, tt.reads)
		}
	}
	small := bytes.Clone(b)
	small[at], small[at+1], small[at+2] = 2, 0, 255
	r := bytes.NewReader(small)
	var pe *format.ParseError
	if _, err := format.ReadHeader(r); !errors.As(err, &pe) || pe.Field != "slot size" || r.Size()-int64(r.Len()) != int64(at)+3 {
		t.Errorf("ReadHeader(slot size 255) = %v with %d bytes left, want slot size", err, r.Len())
	}
}

func TestLargestHeader(t *testing.T) {
	h := newHeader(t)
	var err error
	if h.Stored, err = format.AppendPairs(nil, map[string]string{"a": strings.Repeat("x", format.MaxPairsSize-5)}); err != nil {
		t.Fatal(err)
	}
	h.Kind, h.SlotSize, h.Generation, h.Record = format.Slots, format.MaxSlotSize, 1, fullRecord(format.MaxSlotSize-38)
	b := marshal(t, h)
	if len(b) != format.MaxHeaderSize {
		t.Errorf("the largest header has %d bytes, want %d", len(b), format.MaxHeaderSize)
	}
	if _, err := format.ReadHeader(bytes.NewReader(b)); err != nil {
		t.Error(err)
	}
}
