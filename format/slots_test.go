package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// slotted returns a header with room for two slots and the bytes of a slot that holds key id in the given generation.
func slotted(t testing.TB) (*format.Header, func(generation uint32, keyID string) []byte) {
	t.Helper()
	h := newHeader(t)
	h.Kind, h.SlotSize, h.Generation = format.Slots, 256, 1
	return h, func(generation uint32, keyID string) []byte {
		t.Helper()
		s, err := h.AppendSlot(nil, generation, format.Record{entry("kms", keyID, 108)})
		if err != nil || len(s) != h.SlotSize {
			t.Fatalf("AppendSlot = %d bytes, %v, want %d", len(s), err, h.SlotSize)
		}
		return s
	}
}

// withSlots returns the message header h with the two slots given.
func withSlots(t testing.TB, h *format.Header, a, b []byte) []byte {
	t.Helper()
	msg := marshal(t, h)
	copy(msg[h.SlotOffset(0):], a)
	copy(msg[h.SlotOffset(1):], b)
	return msg
}

// sealSlot computes the check of a slot whose contents somebody changed (SPEC.md, Section 3.4).
func sealSlot(h *format.Header, s []byte) []byte {
	f := suite.Lookup(uint16(h.Suite)).NewHash()
	f.Write([]byte("xinfeng/1 slot"))
	f.Write(h.Salt[:])
	f.Write(s[:len(s)-32])
	return f.Sum(bytes.Clone(s[:len(s)-32]))
}

func TestSlotInForce(t *testing.T) {
	h, slot := slotted(t)
	zero, garbage := make([]byte, 256), bytes.Repeat([]byte{0x77}, 256)
	const most = 1<<32 - 1
	for _, tt := range []struct {
		name string
		a, b []byte
		slot int
		id   string
		gen  uint32
	}{
		{"only a", slot(1, "a"), zero, 0, "a", 1},
		{"only b", zero, slot(1, "b"), 1, "b", 1},
		{"newer in a", slot(3, "a"), slot(2, "b"), 0, "a", 3},
		{"newer in b", slot(1, "a"), slot(2, "b"), 1, "b", 2},
		{"garbage in a", garbage, slot(1, "b"), 1, "b", 1},
		{"garbage in b", slot(1, "a"), garbage, 0, "a", 1},
		{"last generation", slot(most, "a"), slot(most-1, "b"), 0, "a", most},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got format.Header
			msg := withSlots(t, h, tt.a, tt.b)
			n, err := got.Parse(msg)
			if err != nil || n != len(msg) {
				t.Fatalf("Parse = %d, %v, want %d", n, err, len(msg))
			}
			if got.Slot != tt.slot || got.Generation != tt.gen || len(got.Record) != 1 || got.Record[0].KeyID != tt.id {
				t.Errorf("Parse = slot %d, generation %d, %v, want %d, %d, %s", got.Slot, got.Generation, got.Record, tt.slot, tt.gen, tt.id)
			}
		})
	}
}

// Whatever part of the idle slot a crash left written, one record is in force: the old one until the write is complete.
func TestSlotTornWrite(t *testing.T) {
	h, slot := slotted(t)
	for _, idle := range [][]byte{make([]byte, 256), slot(1, "older"), bytes.Repeat([]byte{0xff}, 256)} {
		renewed := slot(3, "new")
		for n := range len(renewed) + 1 {
			torn := append(bytes.Clone(renewed[:n]), idle[n:]...)
			var got format.Header
			if _, err := got.Parse(withSlots(t, h, slot(2, "old"), torn)); err != nil {
				t.Fatalf("%d bytes written: %v", n, err)
			}
			want := "old"
			if bytes.Equal(torn, renewed) {
				want = "new"
			}
			if got.Record[0].KeyID != want {
				t.Errorf("%d bytes written: %s is in force, want %s", n, got.Record[0].KeyID, want)
			}
		}
	}
}

func TestSlotsRefused(t *testing.T) {
	h, slot := slotted(t)
	zero := make([]byte, 256)
	edit := func(f func(s []byte)) []byte {
		s := slot(9, "a")
		f(s)
		return sealSlot(h, s)
	}
	other := *h
	other.Salt[0]++
	foreign, err := other.AppendSlot(nil, 1, h.Record)
	if err != nil {
		t.Fatal(err)
	}
	base := h.SlotOffset(0)
	for _, tt := range []struct {
		name   string
		a, b   []byte
		field  string
		offset int64
	}{
		{"none valid", zero, zero, "slots", base},
		{"slot of another salt", foreign, zero, "slots", base},
		{"equal generations", slot(4, "a"), slot(4, "a"), "slots", base},
		{"generation 0", edit(func(s []byte) { s[3] = 0 }), zero, "slot 0", base},
		{"generation 0 in slot 1", slot(1, "a"), edit(func(s []byte) { s[3] = 0 }), "slot 1", base + 256},
		{"fill not zero", edit(func(s []byte) { s[256-33] = 1 }), zero, "slot 0", base + 256 - 33},
		{"record too long", edit(func(s []byte) { binary.BigEndian.PutUint16(s[4:], 256-37) }), zero, "slot 0", base + 4},
		{"record too short", edit(func(s []byte) { s[5]-- }), zero, "slot 0", base + 6 + 117},
		{"record of no keys", edit(func(s []byte) { s[6] = 0 }), zero, "record", base + 6},
		{"bad record in the older slot", slot(10, "b"), edit(func(s []byte) { s[6] = 0 }), "record", base + 256 + 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := new(format.Header).Parse(withSlots(t, h, tt.a, tt.b))
			var pe *format.ParseError
			if !errors.As(err, &pe) || pe.Field != tt.field || pe.Offset != tt.offset {
				t.Errorf("Parse = %v, want a ParseError of %s at %d", err, tt.field, tt.offset)
			}
		})
	}
	msg := marshal(t, h)
	msg[base-1], msg[base-2] = 255, 0
	var pe *format.ParseError
	if _, err := new(format.Header).Parse(msg); !errors.As(err, &pe) || pe.Field != "slot size" || pe.Offset != base-2 {
		t.Errorf("Parse(slot size 255) = %v, want a ParseError of slot size at %d", err, base-2)
	}
}

func TestAppendSlotRefuses(t *testing.T) {
	record := format.Record{kmsEntry()}
	for _, tt := range []struct {
		name       string
		size       int
		generation uint32
		suite      format.Suite
		record     format.Record
	}{
		{"size 255", 255, 1, format.AES256GCM, record},
		{"size 65536", 65536, 1, format.AES256GCM, record},
		{"generation 0", 256, 0, format.AES256GCM, record},
		{"unknown suite", 256, 1, 3, record},
		{"no record", 256, 1, format.AES256GCM, nil},
		{"record one byte too long", 256, 1, format.AES256GCM, format.Record{entry("x", "k", 256-38-6)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHeader(t)
			h.Kind, h.SlotSize, h.Suite = format.Slots, tt.size, tt.suite
			if s, err := h.AppendSlot(nil, tt.generation, tt.record); s != nil || !errors.Is(err, format.ErrInvalid) {
				t.Errorf("AppendSlot = %d bytes, %v, want ErrInvalid", len(s), err)
			}
			h.Generation, h.Record = tt.generation, tt.record
			if b, err := h.Marshal(nil); b != nil || !errors.Is(err, format.ErrInvalid) {
				t.Errorf("Marshal = %d bytes, %v, want ErrInvalid", len(b), err)
			}
		})
	}
	h, _ := slotted(t)
	full := format.Record{entry("x", "k", 256-38-8)}
	if s, err := h.AppendSlot([]byte("x"), 1, full); err != nil || len(s) != 257 || full.Size() != 256-38 {
		t.Errorf("AppendSlot(record of %d bytes) = %d bytes, %v, want 257", full.Size(), len(s), err)
	}
}
