package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

func TestAppendPairs(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    map[string]string
		want string // hexadecimal
	}{
		{"nil", nil, ""},
		{"empty", map[string]string{}, ""},
		{"one", map[string]string{"tenant": "42"}, "0006 74656e616e74 0002 3432"},
		{"empty value", map[string]string{"a": ""}, "0001 61 0000"},
		{"sorted by bytes", map[string]string{"b": "1", "a": "2", "B": "3", "aa": "4"}, "0001 42 0001 33 0001 61 0001 32 0002 6161 0001 34 0001 62 0001 31"},
		{"not normalised", map[string]string{"\u00e9": "", "e\u0301": ""}, "0003 65cc81 0000 0002 c3a9 0000"},
		{"colon alone", map[string]string{"xinfeng": "x:"}, "0007 78696e66656e67 0002 783a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.want)
			got, err := format.AppendPairs([]byte{0xaa}, tt.m)
			if err != nil || !bytes.Equal(got[1:], want) || got[0] != 0xaa {
				t.Fatalf("AppendPairs = %x, %v, want aa%x", got, err, want)
			}
			p, err := format.ParsePairs(want)
			if err != nil {
				t.Fatalf("ParsePairs: %v", err)
			}
			if !maps.Equal(p.Map(), tt.m) || p.Len() != len(tt.m) || (p.Map() == nil) != (len(tt.m) == 0) {
				t.Errorf("Map, Len = %v, %d, want %v", p.Map(), p.Len(), tt.m)
			}
		})
	}
}

func TestAppendPairsFunc(t *testing.T) {
	m := map[string]string{"row": "9", "tenant": "42", "xinfeng:no": "matter"}
	got, err := format.AppendPairsFunc(nil, m, func(key string) bool { return key == "tenant" })
	if err != nil || !bytes.Equal(got, storedPairs(t)) {
		t.Errorf("AppendPairsFunc = %x, %v, want %x", got, err, storedPairs(t))
	}
}

func TestAppendPairsRefuses(t *testing.T) {
	many := map[string]string{}
	for i := range 10000 {
		many[fmt.Sprint(i)] = ""
	}
	for _, tt := range []struct {
		name string
		m    map[string]string
	}{
		{"empty key", map[string]string{"": "secret"}},
		{"key not UTF-8", map[string]string{"a\xff": "secret"}},
		{"value not UTF-8", map[string]string{"a": "secret\xff"}},
		{"reserved key", map[string]string{"xinfeng:a": "secret"}},
		{"reserved prefix alone", map[string]string{"xinfeng:": "secret"}},
		{"one byte too long", map[string]string{"a": strings.Repeat("secret ", 1170)[:format.MaxPairsSize-4]}},
		{"value of 64 KiB", map[string]string{"a": strings.Repeat("x", 1<<16)}},
		{"many pairs", many},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := format.AppendPairs([]byte("x"), tt.m)
			if got != nil || !errors.Is(err, format.ErrInvalid) {
				t.Fatalf("AppendPairs = %x, %v, want ErrInvalid", got, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
	full := map[string]string{"a": strings.Repeat("x", format.MaxPairsSize-5)}
	if got, err := format.AppendPairs(nil, full); err != nil || len(got) != format.MaxPairsSize {
		t.Errorf("AppendPairs(full) = %d bytes, %v, want %d", len(got), err, format.MaxPairsSize)
	}
}

func TestParsePairsRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hex    string
		offset int64
	}{
		{"one byte", "00", 0},
		{"key cut", "0006 74656e", 0},
		{"no value", "0001 61", 0},
		{"half a value length", "0001 61 00", 0},
		{"value cut", "0001 61 0002 61", 0},
		{"trailing byte", "0001 61 0000 00", 5},
		{"second pair cut", "0001 61 0000 0001 62 0001", 5},
		{"key empty", "0000 0001 61", 0},
		{"descending", "0001 62 0000 0001 61 0000", 5},
		{"duplicate", "0001 61 0000 0001 61 0001 61", 5},
		{"descending by length", "0002 6161 0000 0001 61 0000", 6},
		{"key not UTF-8", "0001 ff 0000", 0},
		{"value not UTF-8", "0001 61 0001 ff", 0},
		{"value cut rune", "0001 61 0002 e4bd", 0},
		{"surrogate", "0001 61 0003 eda080", 0},
		{"reserved", "0008 78696e66656e673a 0000", 0},
		{"lengths above the end", "ffff ffff", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := format.ParsePairs(unhex(t, tt.hex))
			var pe *format.ParseError
			if p != nil || !errors.As(err, &pe) || pe.Field != "context" || pe.Offset != tt.offset || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("ParsePairs = %x, %v, want a ParseError of context at %d", p, err, tt.offset)
			}
		})
	}
	if p, err := format.ParsePairs(make([]byte, format.MaxPairsSize+1)); p != nil || err == nil || !strings.Contains(err.Error(), "8193 bytes, limit 8192") {
		t.Errorf("ParsePairs(%d bytes) = %v, want the limit", format.MaxPairsSize+1, err)
	}
}

func TestPairsAll(t *testing.T) {
	b, err := format.AppendPairs(nil, map[string]string{"a": "1", "b": "2", "c": "3"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for k, v := range format.Pairs(b).All() {
		if got = append(got, string(k)+string(v)); len(got) == 2 {
			break
		}
	}
	if !slices.Equal(got, []string{"a1", "b2"}) {
		t.Errorf("All, left after two = %q", got)
	}
	// Pairs that nobody checked end where they stop making sense.
	for bad, want := range map[string]int{
		"\x00\x01a\x00\x00\xff": 1, "\x00\x01a": 0, "\x00": 0, "\x00\x02a": 0, "\x00\x01a\x00\x01": 0, "\x00\x00\x00\x00\x00\x00": 1,
	} {
		if n := format.Pairs(bad).Len(); n != want {
			t.Errorf("Len of %q = %d, want %d", bad, n, want)
		}
	}
}

func TestPairsCut(t *testing.T) {
	pairs := format.Pairs("\x00\x01a\x00\x011\x00\x01b\x00\x00\x00\x02cc\x00\x013")
	var got []string
	for len(pairs) > 0 {
		var k, v []byte
		k, v, pairs = pairs.Cut()
		got = append(got, string(k)+"="+string(v))
		if cap(k) != len(k) || cap(v) != len(v) {
			t.Errorf("%q: an append would write into the pairs", got)
		}
	}
	if !slices.Equal(got, []string{"a=1", "b=", "cc=3"}) {
		t.Errorf("Cut, again and again = %q", got)
	}
	for _, none := range []format.Pairs{nil, {}, format.Pairs("\x00"), format.Pairs("\x00\x05abcd")} {
		if k, v, rest := none.Cut(); k != nil || v != nil || rest != nil {
			t.Errorf("Cut of %q = %q, %q, %q, want nils", none, k, v, rest)
		}
	}
}

func TestPairsAllocations(t *testing.T) {
	m := map[string]string{"tenant": "42", "row": "9", "a name somewhat longer than most of them": "and its value"}
	b, err := format.AppendPairs(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, len(b))
	for name, f := range map[string]func(){
		"AppendPairs": func() { format.AppendPairs(buf[:0], m) },
		"AppendPairsFunc": func() {
			want := "tenant"
			format.AppendPairsFunc(buf[:0], m, func(k string) bool { return k != want })
		},
		"ParsePairs": func() { format.ParsePairs(b) },
		"All": func() {
			for k, v := range format.Pairs(b).All() {
				if m[string(k)] != string(v) {
					t.Errorf("All yields %q: %q", k, v)
				}
			}
		},
	} {
		if n := testing.AllocsPerRun(100, f); n > 0 && !raceEnabled {
			t.Errorf("%s allocates %v times, want 0", name, n)
		}
	}
}

func BenchmarkAppendPairs(b *testing.B) {
	m := map[string]string{"tenant": "42", "purpose": "backup of the ledger", "row": "9"}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := format.AppendPairs(buf, m); err != nil {
			b.Fatal(err)
		}
	}
}
