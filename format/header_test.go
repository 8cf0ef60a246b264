package format_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
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
			if len(h.Stored) == 0 {
				h.Stored, got.Stored = nil, nil
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
