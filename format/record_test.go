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

func entry(provider, keyID string, size int) format.WrappedKey {
	return format.WrappedKey{Provider: provider, KeyID: keyID, Ciphertext: bytes.Repeat([]byte{0xc1}, size)}
}

// fullRecord returns as many bytes of record as fit, in 16 entries.
func fullRecord(size int) format.Record {
	var r format.Record
	for i := range format.MaxWrappedKeys {
		r = append(r, entry("a.b", string(rune('a'+i)), 1))
	}
	for i := range r {
		more := min(size-r.Size(), format.MaxCiphertextSize-1)
		r[i] = entry("a.b", r[i].KeyID, 1+more)
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	long := entry(strings.Repeat("p", format.MaxProviderSize), strings.Repeat("~", format.MaxKeyIDSize), format.MaxCiphertextSize)
	for _, tt := range []struct {
		name string
		r    format.Record
	}{
		{"kms", format.Record{kmsEntry()}},
		{"least", format.Record{entry("x", "y", 1)}},
		{"space in key id", format.Record{entry("raw", "a key", 112)}},
		{"longest fields", format.Record{long}},
		{"order by provider first", format.Record{entry("a", "z", 9), entry("b", "a", 9)}},
		{"prefix sorts first", format.Record{entry("a", "k", 9), entry("a", "kk", 9), entry("aa", "a", 9)}},
		{"local", format.Record{entry("branch", "b", 112), entry("passphrase", "p", 134), entry("raw", "r", 112)}},
		{"largest", fullRecord(format.MaxRecordSize)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := marshal(t, tt.r)
			if len(b) != tt.r.Size() {
				t.Errorf("Size = %d, want %d", tt.r.Size(), len(b))
			}
			got, err := format.ParseRecord(b)
			if err != nil || !reflect.DeepEqual(got, tt.r) {
				t.Fatalf("ParseRecord = %v, %v, want %v", got, err, tt.r)
			}
			clear(b)
			if !reflect.DeepEqual(got, tt.r) {
				t.Error("the parsed record shares memory with its input")
			}
		})
	}
}

// Whatever Marshal refuses, ParseRecord refuses as well: the bytes are written by hand from the same record.
func TestRecordRefuses(t *testing.T) {
	var seventeen format.Record
	for i := range 17 {
		seventeen = append(seventeen, entry("x", string(rune('a'+i)), 1))
	}
	for _, tt := range []struct {
		name string
		r    format.Record
	}{
		{"none", format.Record{}},
		{"seventeen", seventeen},
		{"empty provider", format.Record{entry("", "k", 9)}},
		{"empty key id", format.Record{entry("x", "", 9)}},
		{"empty ciphertext", format.Record{entry("x", "k", 0)}},
		{"provider of 33 bytes", format.Record{entry(strings.Repeat("p", 33), "k", 9)}},
		{"key id of 513 bytes", format.Record{entry("x", strings.Repeat("k", 513), 9)}},
		{"ciphertext of 4097 bytes", format.Record{entry("x", "k", 4097)}},
		{"provider in upper case", format.Record{entry("KMS", "k", 9)}},
		{"provider with underscore", format.Record{entry("k_m", "k", 9)}},
		{"key id with newline", format.Record{entry("x", "k\n", 9)}},
		{"key id with DEL", format.Record{entry("x", "k\x7f", 9)}},
		{"key id not ASCII", format.Record{entry("x", "é", 9)}},
		{"descending providers", format.Record{entry("b", "k", 9), entry("a", "k", 9)}},
		{"descending key ids", format.Record{entry("a", "l", 9), entry("a", "k", 9)}},
		{"equal keys", format.Record{entry("a", "k", 9), entry("a", "k", 8)}},
		{"two passphrases", format.Record{entry("passphrase", "a", 134), entry("passphrase", "b", 134)}},
		{"raw of 111 bytes", format.Record{entry("raw", "k", 111)}},
		{"raw of 113 bytes", format.Record{entry("raw", "k", 113)}},
		{"branch of 134 bytes", format.Record{entry("branch", "k", 134)}},
		{"passphrase of 112 bytes", format.Record{entry("passphrase", "k", 112)}},
		{"one byte too long", fullRecord(format.MaxRecordSize + 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := tt.r.Marshal(nil); b != nil || !errors.Is(err, format.ErrInvalid) {
				t.Errorf("Marshal = %x, %v, want ErrInvalid", b, err)
			}
			r, err := format.ParseRecord(encodeRecord(tt.r))
			var pe *format.ParseError
			if r != nil || !errors.As(err, &pe) || pe.Field != "record" || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("ParseRecord = %v, %v, want a ParseError of record", r, err)
			}
		})
	}
}

// encodeRecord is the encoding of SPEC.md, Section 3.3, without a check.
func encodeRecord(r format.Record) []byte {
	b := []byte{byte(len(r))}
	for _, w := range r {
		b = append(append(b, byte(len(w.Provider))), w.Provider...)
		b = append(append(b, byte(len(w.KeyID)>>8), byte(len(w.KeyID))), w.KeyID...)
		b = append(append(b, byte(len(w.Ciphertext)>>8), byte(len(w.Ciphertext))), w.Ciphertext...)
	}
	return b
}

// A record knows its own end: shorter or longer input is refused, and is not called a truncation, since the length
// before the record says how much of the input is the record.
func TestRecordLengths(t *testing.T) {
	b := marshal(t, format.Record{entry("a", "k", 3), entry("b", "k", 3)})
	for n := range b {
		if r, err := format.ParseRecord(b[:n]); r != nil || err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ParseRecord(%d bytes) = %v, %v, want a ParseError of record", n, r, err)
		}
	}
	var pe *format.ParseError
	if _, err := format.ParseRecord(append(b, 0)); !errors.As(err, &pe) || pe.Offset != int64(len(b)) {
		t.Errorf("ParseRecord(trailing byte) = %v, want a ParseError at %d", err, len(b))
	}
}

func TestMergeRecords(t *testing.T) {
	old := format.Record{entry("kms", "b", 1), entry("kms", "a", 1), entry("raw", "r", 112)}
	renewed := format.Record{entry("kms", "b", 2), entry("aa.x", "z", 2)}
	got := format.MergeRecords(old, renewed)
	want := format.Record{entry("aa.x", "z", 2), entry("kms", "a", 1), entry("kms", "b", 2), entry("raw", "r", 112)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("MergeRecords = %v, want %v", got, want)
	}
	if old[0].KeyID != "b" || renewed[0].KeyID != "b" {
		t.Error("MergeRecords modified its arguments")
	}
	if got := format.MergeRecords(); len(got) != 0 {
		t.Errorf("MergeRecords() = %v, want none", got)
	}
	// Merged with itself a record stays what it is, and can be marshalled.
	if again := format.MergeRecords(got, got); !reflect.DeepEqual(again, got) {
		t.Errorf("MergeRecords(r, r) = %v, want %v", again, got)
	}
	marshal(t, got)
}

func TestRecordClone(t *testing.T) {
	r := format.Record{entry("a", "k", 3), entry("b", "k", 3)}
	c := r.Clone()
	if !reflect.DeepEqual(c, r) {
		t.Fatalf("Clone = %v, want %v", c, r)
	}
	c[0].KeyID, c[1].Ciphertext[0] = "l", 0
	if r[0].KeyID != "k" || r[1].Ciphertext[0] != 0xc1 {
		t.Error("the clone shares memory with its record")
	}
}

func TestRecordEqual(t *testing.T) {
	entry := func(provider, id, ciphertext string) format.WrappedKey {
		return format.WrappedKey{Provider: provider, KeyID: id, Ciphertext: []byte(ciphertext)}
	}
	r := format.Record{entry("kms", "a", "1"), entry("kms", "b", "2")}
	for _, tt := range []struct {
		name string
		o    format.Record
		want bool
	}{
		{"itself", r, true},
		{"a copy", r.Clone(), true},
		{"nil", nil, false},
		{"its beginning", r[:1], false},
		{"its end", r[1:], false},
		{"one entry more", append(r.Clone(), entry("raw", "c", "3")), false},
		{"another provider", format.Record{r[0], entry("raw", "b", "2")}, false},
		{"another key id", format.Record{r[0], entry("kms", "c", "2")}, false},
		{"another ciphertext", format.Record{r[0], entry("kms", "b", "3")}, false},
		{"another order", format.Record{r[1], r[0]}, false},
	} {
		if got, back := r.Equal(tt.o), tt.o.Equal(r); got != tt.want || back != tt.want {
			t.Errorf("%s: Equal = %v, %v, want %v", tt.name, got, back, tt.want)
		}
	}
	if !(format.Record{}).Equal(nil) {
		t.Error("no entries are not equal to none")
	}
}
