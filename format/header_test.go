package format_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func storedPairs(t testing.TB) format.Pairs {
	t.Helper()
	p, err := format.AppendPairs(nil, map[string]string{"tenant": "42"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const testARN = "acs:kms:cn-hangzhou:1234567890123456:key/08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73"

func kmsEntry() format.WrappedKey {
	return format.WrappedKey{Provider: "kms", KeyID: testARN, Ciphertext: bytes.Repeat([]byte{0xc1}, 108)}
}

// newHeader returns the header of the known answers (SPEC.md, Section 10), with one entry of KMS.
func newHeader(t testing.TB) *format.Header {
	t.Helper()
	return &format.Header{
		Suite: format.AES256GCM, ChunkSize: 1 << 16, Withheld: 1, Stored: storedPairs(t),
		Salt: [32]byte(bytes.Repeat([]byte{0xa5}, 32)), Tag: [32]byte(bytes.Repeat([]byte{0x7a}, 32)),
		Kind: format.Attached, Record: format.Record{kmsEntry()},
	}
}

func marshal(t testing.TB, m interface{ Marshal([]byte) ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// headers returns one header of each kind of key section.
func headers(t testing.TB) map[string]*format.Header {
	attached, slots, detached, two := newHeader(t), newHeader(t), newHeader(t), newHeader(t)
	slots.Kind, slots.SlotSize, slots.Generation = format.Slots, 256, 1
	detached.Kind, detached.Reference, detached.Record = format.Detached, format.Reference(bytes.Repeat([]byte{0x11}, 16)), nil
	two.Suite, two.Withheld, two.Stored = format.SM4GCM, 0, nil
	two.Record = append(two.Record, format.WrappedKey{Provider: "raw", KeyID: "local", Ciphertext: make([]byte, format.LocalWrapSize)})
	return map[string]*format.Header{"attached": attached, "slots": slots, "detached": detached, "two entries": two}
}

func TestAppendHeadKnownAnswer(t *testing.T) {
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		h := newHeader(t)
		h.Suite = s
		want := unhex(t, "8e584645 01 01 000"+string('0'+rune(s))+" 10 00 000c"+strings.Repeat("a5", 32)+"000674656e616e7400023432")
		got, err := h.AppendHead([]byte("x"))
		if err != nil || !bytes.Equal(got[1:], want) || got[0] != 'x' {
			t.Errorf("AppendHead(%v) = %x, %v, want %x", s, got, err, want)
		}
		if h.HeadSize() != len(want) {
			t.Errorf("HeadSize = %d, want %d", h.HeadSize(), len(want))
		}
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	for name, h := range headers(t) {
		t.Run(name, func(t *testing.T) {
			b := marshal(t, h)
			if h.Size() != len(b) {
				t.Errorf("Size = %d, want %d", h.Size(), len(b))
			}
			var got format.Header
			n, err := got.Parse(append(bytes.Clone(b), "body"...))
			if err != nil || n != len(b) {
				t.Fatalf("Parse = %d, %v, want %d", n, err, len(b))
			}
			if !reflect.DeepEqual(&got, h) {
				t.Errorf("Parse = %+v, want %+v", &got, h)
			}
			if again := marshal(t, &got); !bytes.Equal(again, b) {
				t.Errorf("Marshal(Parse) = %x, want %x", again, b)
			}
		})
	}
}

// ReadHeader leaves the reader at the first byte of the body, whatever pieces the input comes in, and says what Parse says.
func TestReadHeader(t *testing.T) {
	for name, h := range headers(t) {
		b := marshal(t, h)
		for _, wrap := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		} {
			r := wrap(io.MultiReader(bytes.NewReader(b), strings.NewReader("body")))
			got, err := format.ReadHeader(r)
			if err != nil {
				t.Fatalf("%s: ReadHeader: %v", name, err)
			}
			if again := marshal(t, got); !bytes.Equal(again, b) {
				t.Errorf("%s: Marshal(ReadHeader) = %x, want %x", name, again, b)
			}
			if rest, err := io.ReadAll(r); err != nil || string(rest) != "body" {
				t.Errorf("%s: after ReadHeader: %q, %v, want body", name, rest, err)
			}
		}
	}
}

// Every proper prefix of a header is truncated, by Parse and by ReadHeader, and nothing else.
func TestHeaderTruncation(t *testing.T) {
	for name, h := range headers(t) {
		b := marshal(t, h)
		for n := range b {
			var got format.Header
			_, err := got.Parse(b[:n])
			var pe *format.ParseError
			if !errors.As(err, &pe) || !errors.Is(err, io.ErrUnexpectedEOF) || pe.Offset != int64(n) {
				t.Fatalf("%s: Parse(%d bytes) = %v, want truncation at %d", name, n, err, n)
			}
			if !reflect.DeepEqual(got, format.Header{}) {
				t.Errorf("%s: Parse(%d bytes) left %+v", name, n, got)
			}
			read, err2 := format.ReadHeader(bytes.NewReader(b[:n]))
			if read != nil || err2 == nil || err2.Error() != err.Error() {
				t.Errorf("%s: ReadHeader(%d bytes) = %v, %v, want %v", name, n, read, err2, err)
			}
		}
	}
}

func TestHeaderRefuses(t *testing.T) {
	good := marshal(t, newHeader(t))
	at := newHeader(t).KeysOffset()
	for _, tt := range []struct {
		name   string
		edit   func(b []byte) []byte
		field  string
		offset int64
		want   error // nil: a cause without a name
	}{
		{"text", func(b []byte) []byte { return []byte("PK") }, "magic", 0, format.ErrNotMessage},
		{"key file", func(b []byte) []byte { b[3] = 0x4b; return b }, "magic", 0, format.ErrNotMessage},
		{"version 0", func(b []byte) []byte { b[4] = 0; return b }, "version", 4, format.ErrUnsupportedVersion},
		{"version 2, five bytes", func(b []byte) []byte { b[4] = 2; return b[:5] }, "version", 4, format.ErrUnsupportedVersion},
		{"suite 0", func(b []byte) []byte { b[7] = 0; return b }, "suite", 6, format.ErrUnsupportedSuite},
		{"suite 3", func(b []byte) []byte { b[7] = 3; return b }, "suite", 6, format.ErrUnsupportedSuite},
		{"suite 0x0101", func(b []byte) []byte { b[6] = 1; return b }, "suite", 6, format.ErrUnsupportedSuite},
		{"chunk 11", func(b []byte) []byte { b[8] = 11; return b }, "chunk size", 8, nil},
		{"chunk 23", func(b []byte) []byte { b[8] = 23; return b }, "chunk size", 8, nil},
		{"reserved", func(b []byte) []byte { b[9] = 1; return b }, "reserved", 9, nil},
		{"context of 8193 bytes", func(b []byte) []byte { b[10], b[11] = 0x20, 1; return b }, "context length", 10, nil},
		{"context over the end", func(b []byte) []byte { b[10] = 0x20; b[11] = 0; return b }, "context", int64(len(good)), io.ErrUnexpectedEOF},
		{"pair", func(b []byte) []byte { b[45]++; return b }, "context", 44, nil},
		{"kind 0", func(b []byte) []byte { b[at] = 0; return b }, "kind", int64(at), format.ErrUnsupportedKind},
		{"kind 4", func(b []byte) []byte { b[at] = 4; return b }, "kind", int64(at), format.ErrUnsupportedKind},
		{"record of 0 bytes", func(b []byte) []byte { b[at+1], b[at+2] = 0, 0; return b }, "record", int64(at) + 3, nil},
		{"record one byte short", func(b []byte) []byte { b[at+2]--; return b }, "record", int64(at) + 4, nil},
		{"record one byte long", func(b []byte) []byte { b[at+2]++; return append(b, 0) }, "record", int64(len(good)), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.edit(bytes.Clone(good))
			var h format.Header
			n, err := h.Parse(b)
			var pe *format.ParseError
			if n != 0 || !errors.As(err, &pe) || pe.Field != tt.field || pe.Offset != tt.offset {
				t.Fatalf("Parse = %d, %v, want a ParseError of %s at %d", n, err, tt.field, tt.offset)
			}
			if tt.want != nil && !errors.Is(err, tt.want) || errors.Is(err, io.ErrUnexpectedEOF) != (tt.want == io.ErrUnexpectedEOF) {
				t.Errorf("Parse = %v, want %v", err, tt.want)
			}
			if _, err2 := format.ReadHeader(bytes.NewReader(b)); err2 == nil || err2.Error() != err.Error() {
				t.Errorf("ReadHeader = %v, want %v", err2, err)
			}
		})
	}
}

// There is one encoding: a header with a flipped bit is refused, or is another header that marshals to just these bytes.
// A flip in a slot that was never written, or in a check, leaves the slots as they are in force.
func TestHeaderFlips(t *testing.T) {
	for name, h := range headers(t) {
		b := marshal(t, h)
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				var got format.Header
				if n, err := got.Parse(b); err == nil && h.Kind != format.Slots {
					if again := marshal(t, &got); !bytes.Equal(again, b[:n]) {
						t.Errorf("%s: byte %d, bit %d: Marshal(Parse) = %x, want %x", name, i, bit, again, b)
					}
				} else if err == nil {
					head, err := got.AppendHead(nil)
					if err != nil || !bytes.Equal(head, b[:len(head)]) {
						t.Errorf("%s: byte %d, bit %d: AppendHead = %x, %v, want %x", name, i, bit, head, err, b[:len(head)])
					}
				}
				b[i] ^= 1 << bit
			}
		}
	}
}

// A Header that is parsed into again has nothing left of the header before.
func TestHeaderParseAgain(t *testing.T) {
	for was, first := range headers(t) {
		for is, second := range headers(t) {
			var got, want format.Header
			b := marshal(t, second)
			if _, err := got.Parse(marshal(t, first)); err != nil {
				t.Fatal(err)
			}
			kept := got
			kept.Record = slices.Clone(got.Record)
			if _, err := got.Parse(b); err != nil {
				t.Fatal(err)
			}
			if _, err := want.Parse(b); err != nil {
				t.Fatal(err)
			}
			if len(want.Stored) == 0 {
				want.Stored, got.Stored = nil, nil // one may be empty where the other is nil
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("Parse(%s) after %s = %+v, want %+v", is, was, got, want)
			}
			// What was taken out of the Header before, and Record was cloned of, is as it was.
			if !reflect.DeepEqual(kept.Record, first.Record) || !bytes.Equal(kept.Stored, first.Stored) {
				t.Errorf("Parse(%s) wrote to what Parse(%s) returned", is, was)
			}
		}
	}
}

func TestHeaderMarshalRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(h *format.Header)
	}{
		{"suite 0", func(h *format.Header) { h.Suite = 0 }},
		{"suite 3", func(h *format.Header) { h.Suite = 3 }},
		{"no chunk size", func(h *format.Header) { h.ChunkSize = 0 }},
		{"chunk size 2048", func(h *format.Header) { h.ChunkSize = 2048 }},
		{"chunk size 5000", func(h *format.Header) { h.ChunkSize = 5000 }},
		{"withheld -1", func(h *format.Header) { h.Withheld = -1 }},
		{"withheld 256", func(h *format.Header) { h.Withheld = 256 }},
		{"bad pairs", func(h *format.Header) { h.Stored = format.Pairs{0} }},
		{"long pairs", func(h *format.Header) { h.Stored = make(format.Pairs, 8193) }},
		{"no kind", func(h *format.Header) { h.Kind = 0 }},
		{"kind 4", func(h *format.Header) { h.Kind = 4 }},
		{"no record", func(h *format.Header) { h.Record = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHeader(t)
			tt.edit(h)
			if b, err := h.Marshal([]byte("x")); b != nil || !errors.Is(err, format.ErrInvalid) {
				t.Errorf("Marshal = %x, %v, want ErrInvalid", b, err)
			}
		})
	}
	var h format.Header
	_, err1 := h.EncryptedSize(1)
	_, err2 := h.PlaintextSize(1000)
	_, _, err3 := h.Range(0, 1, 1000)
	for i, err := range []error{err1, err2, err3} {
		if !errors.Is(err, format.ErrInvalid) {
			t.Errorf("size %d of a Header without chunk size: %v, want ErrInvalid", i, err)
		}
	}
}

func TestStrings(t *testing.T) {
	for _, tt := range []struct {
		got  any
		want string
	}{
		{format.AES256GCM, "AES256GCM"}, {format.SM4GCM, "SM4GCM"}, {format.Suite(0), "Suite(0x0000)"}, {format.Suite(7), "Suite(0x0007)"},
		{format.Attached, "Attached"}, {format.Slots, "Slots"}, {format.Detached, "Detached"}, {format.Kind(0), "Kind(0x00)"},
		{format.Reference{0xab, 15: 1}, "ab000000000000000000000000000001"},
	} {
		if got := fmt.Sprint(tt.got); got != tt.want {
			t.Errorf("String = %s, want %s", got, tt.want)
		}
	}
}

func TestHeaderSizes(t *testing.T) {
	h := newHeader(t)
	h.ChunkSize = 4096
	header := int64(h.Size())
	const full = 4096 + suite.TagSize
	for _, plaintext := range []int64{0, 1, 4095, 4096, 4097, 8192, 8193, format.MaxPlaintext} {
		total, err := h.EncryptedSize(plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.PlaintextSize(total); err != nil || got != plaintext {
			t.Errorf("PlaintextSize(EncryptedSize(%d)) = %d, %v", plaintext, got, err)
		}
	}
	total, err := h.EncryptedSize(10000)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ off, n, from, to int64 }{
		{0, 0, 0, 0}, {0, 1, 0, full}, {4095, 1, 0, full}, {4095, 2, 0, 2 * full}, {4096, 1, full, 2 * full},
		{8192, 1808, 2 * full, total - header}, {0, 10000, 0, total - header}, {9999, 1, 2 * full, total - header},
		{10000, 0, 2 * full, 2 * full},
	} {
		from, to, err := h.Range(tt.off, tt.n, total)
		if err != nil || from != header+tt.from || to != header+tt.to {
			t.Errorf("Range(%d, %d) = %d, %d, %v, want %d, %d", tt.off, tt.n, from, to, err, header+tt.from, header+tt.to)
		}
	}
	for _, tt := range []struct{ off, n int64 }{{-1, 1}, {0, -1}, {10000, 1}, {10001, 0}, {1, 1<<63 - 1}, {1<<63 - 1, 1}} {
		if from, to, err := h.Range(tt.off, tt.n, total); !errors.Is(err, format.ErrRange) {
			t.Errorf("Range(%d, %d) = %d, %d, %v, want ErrRange", tt.off, tt.n, from, to, err)
		}
	}
	for _, total := range []int64{-1 << 63, -1, 0, header - 1, header + 15, header + full + 16, 1<<63 - 1} {
		if n, err := h.PlaintextSize(total); !errors.Is(err, format.ErrSize) {
			t.Errorf("PlaintextSize(%d) = %d, %v, want ErrSize", total, n, err)
		}
	}
	for _, plaintext := range []int64{-1, format.MaxPlaintext + 1, 1<<63 - 1} {
		if n, err := h.EncryptedSize(plaintext); !errors.Is(err, format.ErrSize) {
			t.Errorf("EncryptedSize(%d) = %d, %v, want ErrSize", plaintext, n, err)
		}
	}
}

func TestHeaderParseAllocations(t *testing.T) {
	b := marshal(t, newHeader(t))
	if n := testing.AllocsPerRun(100, func() {
		h := new(format.Header)
		if _, err := h.Parse(b); err != nil {
			t.Fatal(err)
		}
	}); n > 6 {
		t.Errorf("Parse allocates %v times, want at most 6", n)
	}
	var h format.Header
	if n := testing.AllocsPerRun(100, func() {
		if _, err := h.Parse(b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("Parse of the same header allocates %v times, want 0", n)
	}
}

func BenchmarkHeaderParse(b *testing.B) {
	msg := marshal(b, newHeader(b))
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h := new(format.Header)
			if _, err := h.Parse(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		var h format.Header
		for b.Loop() {
			if _, err := h.Parse(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		r := bytes.NewReader(msg)
		for b.Loop() {
			r.Reset(msg)
			if _, err := format.ReadHeader(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
