package format_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/format"
)

// checkParseError fails unless err is what Parse functions return: a *ParseError with an offset within the input.
func checkParseError(t *testing.T, err error, length int) {
	t.Helper()
	var pe *format.ParseError
	if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > int64(length) {
		t.Fatalf("error %v, want a ParseError within %d bytes", err, length)
	}
}

// addVectors seeds a fuzz target with the small vectors.
func addVectors(f *testing.F) {
	for _, v := range readVectors(f) {
		if len(v.Data) < 1<<10 {
			f.Add(v.Data)
		}
	}
}

// What parses marshals to the same bytes, ReadHeader agrees with Parse and reads nothing more, and a Header that was
// parsed into before says the same as a new one.
func FuzzHeader(f *testing.F) {
	for _, h := range headers(f) {
		f.Add(marshal(f, h))
	}
	addVectors(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		used := newHeader(t)
		var h format.Header
		n, err := h.Parse(b)
		m, err2 := used.Parse(b)
		if n != m || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("Parse = %d, %v; into a used header %d, %v", n, err, m, err2)
		}
		r := bytes.NewReader(b)
		read, err2 := format.ReadHeader(r)
		if err != nil {
			checkParseError(t, err, len(b))
			if read != nil || err2 == nil || err.Error() != err2.Error() {
				t.Fatalf("Parse: %v, ReadHeader: %v", err, err2)
			}
			return
		}
		if err2 != nil || !reflect.DeepEqual(read, &h) || r.Len() != len(b)-n || h.Size() != n {
			t.Fatalf("ReadHeader = %+v, %v, with %d bytes left; Parse = %+v of %d bytes", read, err2, r.Len(), h, n)
		}
		if len(h.Stored) == 0 {
			used.Stored, h.Stored = nil, nil
		}
		if !reflect.DeepEqual(used, &h) {
			t.Fatalf("Parse = %+v, into a used header %+v", h, used)
		}
		again := marshal(t, &h)
		if h.Kind != format.Slots {
			if !bytes.Equal(again, b[:n]) {
				t.Fatalf("Marshal(Parse) = %x, want %x", again, b[:n])
			}
			return
		}
		// Marshal writes the record in force into slot 0, the bytes of that slot are the same.
		at, from := h.SlotOffset(0), h.SlotOffset(h.Slot)
		size := int64(h.SlotSize)
		if !bytes.Equal(again[:at], b[:at]) || !bytes.Equal(again[at:at+size], b[from:from+size]) {
			t.Fatalf("Marshal(Parse) = %x, want %x with slot %d first", again, b[:n], h.Slot)
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add(marshal(f, newKeyFile(f)))
	addVectors(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var k format.KeyFile
		if err := k.Parse(b); err != nil {
			checkParseError(t, err, len(b))
			return
		}
		if again := marshal(t, &k); !bytes.Equal(again, b) {
			t.Fatalf("Marshal(Parse) = %x, want %x", again, b)
		}
	})
}

func FuzzCell(f *testing.F) {
	f.Add(marshal(f, newCell()))
	addVectors(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var c format.Cell
		if err := c.Parse(b); err != nil {
			checkParseError(t, err, len(b))
			return
		}
		if again := marshal(t, &c); !bytes.Equal(again, b) {
			t.Fatalf("Marshal(Parse) = %x, want %x", again, b)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(marshal(f, format.Record{kmsEntry(), entry("raw", "local", 112)}))
	f.Add([]byte{1, 1, 'x', 0, 1, 'y', 0, 1, 'z'})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := format.ParseRecord(b)
		if err != nil {
			checkParseError(t, err, len(b))
			if errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("ParseRecord = %v: only a header or key file can be truncated", err)
			}
			return
		}
		if again := marshal(t, r); !bytes.Equal(again, b) {
			t.Fatalf("Marshal(Parse) = %x, want %x", again, b)
		}
	})
}

func FuzzPairs(f *testing.F) {
	f.Add([]byte(storedPairs(f)))
	f.Add([]byte{0, 1, 'a', 0, 0, 0, 1, 'b', 0, 1, 'c'})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for k, v := range format.Pairs(b).All() { // of anything
			n += 4 + len(k) + len(v)
		}
		if n > len(b) {
			t.Fatalf("All yields %d bytes of %d", n, len(b))
		}
		p, err := format.ParsePairs(b)
		if err != nil {
			checkParseError(t, err, len(b))
			return
		}
		again, err := format.AppendPairs(nil, p.Map())
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("AppendPairs(Map) = %x, %v, want %x", again, err, b)
		}
	})
}

// Any map is either refused or comes back.
func FuzzAppendPairs(f *testing.F) {
	f.Add("tenant", "42", "row", "9")
	f.Add("", "", "xinfeng:", "\xff")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		if k1 == k2 {
			t.Skip()
		}
		m := map[string]string{k1: v1, k2: v2}
		b, err := format.AppendPairs(nil, m)
		if err != nil {
			if !errors.Is(err, format.ErrInvalid) {
				t.Fatalf("AppendPairs = %v, want ErrInvalid", err)
			}
			return
		}
		if !utf8.ValidString(k1 + "." + v1 + "." + k2 + "." + v2) {
			t.Fatalf("AppendPairs(%q) succeeded", m)
		}
		if p, err := format.ParsePairs(b); err != nil || !reflect.DeepEqual(p.Map(), m) {
			t.Fatalf("ParsePairs = %q, %v, want %q", p.Map(), err, m)
		}
	})
}

// What stands in slots is only parsed if their check is right, which bytes at random never have. So here the contents are
// fuzzed and the checks computed. The slot in force is the one that AppendSlot makes of what was parsed.
func FuzzSlots(f *testing.F) {
	for _, h := range headers(f) {
		if h.Kind == format.Slots && h.Suite == format.AES256GCM {
			b := marshal(f, h)
			at := h.SlotOffset(0)
			slot := b[at : at+int64(h.SlotSize)-32]
			f.Add(slot, bytes.Clone(slot), true)
			f.Add(slot, make([]byte, len(slot)), false)
			second := bytes.Clone(slot)
			second[3]++ // the next generation
			f.Add(slot, second, true)
		}
	}
	f.Add([]byte{0, 0, 0, 1, 0, 1, 0}, []byte{0, 0, 0, 0}, true)
	f.Add([]byte{0, 0, 0, 1, 0xff, 0xff, 0}, []byte{0xff, 0xff, 0xff, 0xff}, true)
	f.Fuzz(func(t *testing.T, a, b []byte, both bool) {
		size := max(format.MinSlotSize, len(a)+32, len(b)+32)
		if size > format.MaxSlotSize {
			return
		}
		h := format.Header{Suite: format.AES256GCM, ChunkSize: format.MinChunkSize, Kind: format.Detached}
		message := marshal(t, &h)[:h.KeysOffset()]
		message = binary.BigEndian.AppendUint16(append(message, byte(format.Slots)), uint16(size))
		slots := len(message)
		for i, contents := range [][]byte{a, b} {
			slot := append(bytes.Clone(contents), make([]byte, size-32-len(contents))...)
			check := sha256.Sum256(slices.Concat([]byte("xinfeng/1 slot"), h.Salt[:], slot))
			if i == 1 && !both {
				check[0] ^= 1
			}
			message = append(append(message, slot...), check[:]...)
		}
		var got format.Header
		n, err := got.Parse(message)
		if err != nil {
			checkParseError(t, err, len(message))
			if errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("Parse = %v of a message that is all there", err)
			}
			return
		}
		if n != len(message) || got.Slot == 1 && !both {
			t.Fatalf("Parse = %d bytes, slot %d in force", n, got.Slot)
		}
		again, err := got.AppendSlot(nil, got.Generation, got.Record)
		if err != nil || !bytes.Equal(again, message[slots+got.Slot*size:][:size]) {
			t.Errorf("the slot in force is not what AppendSlot makes of it, %v", err)
		}
	})
}
