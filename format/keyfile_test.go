package format_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

func newKeyFile(t testing.TB) *format.KeyFile {
	t.Helper()
	return &format.KeyFile{
		Suite: format.AES256GCM, Reference: format.Reference(bytes.Repeat([]byte{0x11}, 16)), Stored: storedPairs(t),
		Commit: [32]byte(bytes.Repeat([]byte{0xc0}, 32)), Record: format.Record{kmsEntry()},
	}
}

func TestKeyFileKnownPrefix(t *testing.T) {
	want := unhex(t, "8e58464b 01 00 0001 0000 000c"+strings.Repeat("11", 16)+"000674656e616e7400023432")
	if got, err := newKeyFile(t).AppendPrefix(nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("AppendPrefix = %x, %v, want %x", got, err, want)
	}
}

func TestKeyFileRoundTrip(t *testing.T) {
	k := newKeyFile(t)
	b := marshal(t, k)
	var got format.KeyFile
	if err := got.Parse(b); err != nil || !reflect.DeepEqual(&got, k) {
		t.Fatalf("Parse = %+v, %v, want %+v", &got, err, k)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := got.Parse(b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("Parse of the same key file allocates %v times, want 0", n)
	}
	for n := range b {
		if err := got.Parse(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Parse(%d bytes) = %v, want io.ErrUnexpectedEOF", n, err)
		}
	}
	var pe *format.ParseError
	if err := got.Parse(append(b, 0)); !errors.As(err, &pe) || pe.Field != "end" || pe.Offset != int64(len(b)) {
		t.Errorf("Parse(trailing byte) = %v, want a ParseError of end at %d", err, len(b))
	}
}

func TestKeyFileRefuses(t *testing.T) {
	good := marshal(t, newKeyFile(t))
	for _, tt := range []struct {
		name   string
		at     int
		value  byte
		field  string
		offset int64
		want   error
	}{
		{"message", 3, 0x45, "magic", 0, format.ErrNotMessage},
		{"version 2", 4, 2, "version", 4, format.ErrUnsupportedVersion},
		{"first reserved", 5, 1, "reserved", 5, nil},
		{"suite 0", 7, 0, "suite", 6, format.ErrUnsupportedSuite},
		{"second reserved", 8, 1, "reserved", 8, nil},
		{"third reserved", 9, 1, "reserved", 8, nil},
		{"context length", 10, 0x21, "context length", 10, nil},
		{"pair", 29, 7, "context", 28, nil},
		{"count", 28 + 12 + 34, 0, "record", 28 + 12 + 34, nil},
		{"record length", 28 + 12 + 33, good[28+12+33] - 1, "record", 28 + 12 + 35, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := bytes.Clone(good)
			b[tt.at] = tt.value
			var k format.KeyFile
			err := k.Parse(b)
			var pe *format.ParseError
			if !errors.As(err, &pe) || pe.Field != tt.field || pe.Offset != tt.offset || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("Parse = %v, want a ParseError of %s at %d", err, tt.field, tt.offset)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Parse = %v, want %v", err, tt.want)
			}
			if !reflect.DeepEqual(k, format.KeyFile{}) {
				t.Errorf("Parse left %+v", k)
			}
		})
	}
}

func TestKeyFileFlips(t *testing.T) {
	b := marshal(t, newKeyFile(t))
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			var k format.KeyFile
			if err := k.Parse(b); err == nil {
				if again := marshal(t, &k); !bytes.Equal(again, b) {
					t.Errorf("byte %d, bit %d: Marshal(Parse) = %x, want %x", i, bit, again, b)
				}
			}
			b[i] ^= 1 << bit
		}
	}
}

func TestKeyFileMarshalRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(k *format.KeyFile)
	}{
		{"suite 0", func(k *format.KeyFile) { k.Suite = 0 }},
		{"bad pairs", func(k *format.KeyFile) { k.Stored = format.Pairs{0} }},
		{"no record", func(k *format.KeyFile) { k.Record = nil }},
		{"long record", func(k *format.KeyFile) { k.Record = fullRecord(format.MaxRecordSize + 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKeyFile(t)
			tt.edit(k)
			if b, err := k.Marshal([]byte("x")); b != nil || !errors.Is(err, format.ErrInvalid) {
				t.Errorf("Marshal = %x, %v, want ErrInvalid", b, err)
			}
		})
	}
}

func TestLargestKeyFile(t *testing.T) {
	k := newKeyFile(t)
	var err error
	if k.Stored, err = format.AppendPairs(nil, map[string]string{"a": strings.Repeat("x", format.MaxPairsSize-5)}); err != nil {
		t.Fatal(err)
	}
	k.Record = fullRecord(format.MaxRecordSize)
	b := marshal(t, k)
	if len(b) != format.MaxKeyFileSize {
		t.Errorf("the largest key file has %d bytes, want %d", len(b), format.MaxKeyFileSize)
	}
	if err := new(format.KeyFile).Parse(b); err != nil {
		t.Error(err)
	}
}

func TestReferenceText(t *testing.T) {
	ref := format.Reference{0xab, 15: 1}
	text, err := ref.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got format.Reference
	if err := got.UnmarshalText(text); err != nil || got != ref {
		t.Errorf("UnmarshalText(%s) = %v, %v", text, got, err)
	}
	for _, s := range []string{"", "ab", strings.ToUpper(ref.String()), ref.String() + "00", strings.Repeat("g", 32), " " + ref.String()} {
		if err := got.UnmarshalText([]byte(s)); !errors.Is(err, format.ErrInvalid) || got != ref {
			t.Errorf("UnmarshalText(%q) = %v, %v, want ErrInvalid and no change", s, got, err)
		}
	}
}
