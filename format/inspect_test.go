package format_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// inspect reports on b, of which the size is known, and checks that the parts are those of b, end to end.
func inspect(t *testing.T, b []byte) *format.Report {
	t.Helper()
	r, err := format.Inspect(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var end int64
	for _, p := range r.Parts {
		if p.Offset != end {
			t.Errorf("part %s at %d, want %d", p.Name, p.Offset, end)
		}
		end += p.Size
	}
	if end != int64(len(b)) || r.Size != end || !r.Unverified || r.SizeFault != "" {
		t.Errorf("Inspect = %+v, want %d bytes, unverified, in parts to the end", r, len(b))
	}
	return r
}

// entryAt checks that the bytes at an entry's offset are those of the entry.
func entryAt(t *testing.T, b []byte, k format.KeyReport) {
	t.Helper()
	want := encodeRecord(format.Record{{Provider: k.Provider, KeyID: k.KeyID, Ciphertext: k.Ciphertext}})[1:]
	if got := b[k.Offset:][:k.Size]; !bytes.Equal(got, want) {
		t.Errorf("entry at %d = %x, want %x", k.Offset, got, want)
	}
}

func TestInspectAttached(t *testing.T) {
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		b := vector(t, fmt.Sprintf("known-attached-%04x", uint16(s))).Data
		r := inspect(t, b)
		if r.Structure != "message" || r.Version != 1 || r.Suite != s.String() || r.Salt != strings.Repeat("a5", 32) ||
			!maps.Equal(r.Stored, map[string]string{"tenant": "42"}) || r.Commit != "" || r.Reference != "" || r.Cell != nil {
			t.Errorf("Inspect = %+v", r)
		}
		want := &format.MessageReport{ChunkSize: 65536, Withheld: 1, Kind: "attached", Chunks: 1, PlaintextSize: 5}
		if !reflect.DeepEqual(r.Message, want) {
			t.Errorf("Message = %+v, want %+v", r.Message, want)
		}
		if len(r.WrappedKeys) != 2 || r.WrappedKeys[0].Provider != "kms" || r.WrappedKeys[1].KeyID != "local" {
			t.Fatalf("WrappedKeys = %+v", r.WrappedKeys)
		}
		for _, k := range r.WrappedKeys {
			entryAt(t, b, k)
		}
		if tag := r.Parts[1]; tag.Name != "tag" || fmt.Sprintf("%x", b[tag.Offset:][:tag.Size]) != r.Tag {
			t.Errorf("Parts[1] = %+v, Tag %s", tag, r.Tag)
		}
	}
}

func TestInspectSlots(t *testing.T) {
	b := vector(t, "known-slots-0001").Data
	r := inspect(t, b)
	slots := r.Message.Slots
	if len(slots) != 2 || !slots[0].Valid || slots[0].InForce || slots[0].Generation != 1 || len(slots[0].WrappedKeys) != 1 ||
		!slots[1].Valid || !slots[1].InForce || slots[1].Generation != 2 || len(slots[1].WrappedKeys) != 2 {
		t.Fatalf("Slots = %+v", slots)
	}
	if !reflect.DeepEqual(r.WrappedKeys, slots[1].WrappedKeys) || slots[0].Offset != r.Parts[2].Offset+3 || slots[1].Offset != slots[0].Offset+512 {
		t.Errorf("WrappedKeys = %+v, Slots = %+v", r.WrappedKeys, slots)
	}
	for _, s := range slots {
		for _, k := range s.WrappedKeys {
			entryAt(t, b, k)
		}
	}
	for _, want := range []string{"slot 0       512 bytes at 91, older, generation 1, 1 wrapped key\n", "slot 1       512 bytes at 603, in force, generation 2, 2 wrapped keys\n"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("String = %s, want %q in it", r, want)
		}
	}
	b[slots[0].Offset]++
	r = inspect(t, b)
	if want := (format.SlotReport{Offset: slots[0].Offset, Size: 512}); !reflect.DeepEqual(r.Message.Slots[0], want) {
		t.Errorf("a damaged slot is reported as %+v, want %+v", r.Message.Slots[0], want)
	}
	if want := "slot 0       512 bytes at 91, not valid\n"; !strings.Contains(r.String(), want) {
		t.Errorf("String = %s, want %q in it", r, want)
	}
}

func TestInspectDetached(t *testing.T) {
	v := vector(t, "known-detached-0002")
	r := inspect(t, v.Data)
	if r.Message.Kind != "detached" || r.Reference != strings.Repeat("11", 16) || r.WrappedKeys != nil {
		t.Errorf("Inspect = %+v", r)
	}
	f := inspect(t, v.KeyFiles[0])
	if f.Structure != "key-file" || f.Version != 1 || f.Reference != r.Reference || len(f.Commit) != 64 || f.Tag != "" || f.Salt != "" ||
		f.Message != nil || f.Cell != nil || len(f.WrappedKeys) != 2 || !maps.Equal(f.Stored, r.Stored) {
		t.Errorf("Inspect(key file) = %+v", f)
	}
	for _, k := range f.WrappedKeys {
		entryAt(t, v.KeyFiles[0], k)
	}
	want := "key file, version 1 (nothing below is verified)\n  suite        SM4GCM\n"
	if !strings.HasPrefix(f.String(), want) {
		t.Errorf("String = %s, want %s first", f, want)
	}
}

func TestInspectCell(t *testing.T) {
	v := vector(t, "known-cell-0002")
	r := inspect(t, v.Data)
	if r.Structure != "cell" || r.Version != 0 || r.Suite != "SM4GCM" || r.Salt != strings.Repeat("5a", 16) || r.Reference != strings.Repeat("11", 16) ||
		r.Cell.ValueSize != 5 || r.Message != nil {
		t.Errorf("Inspect = %+v", r)
	}
	want := "cell (nothing below is verified)\n  suite        SM4GCM\n  size         54 bytes\n  value        5 bytes\n" +
		"  key file     11111111111111111111111111111111\n  head         33 bytes at 0\n  sealed       21 bytes at 33\n"
	if r.String() != want {
		t.Errorf("String = %s, want %s", r, want)
	}
}

// Nothing of the body is read, so that it need not be there, and without the size its length is unknown.
func TestInspectReadsTheHeaderOnly(t *testing.T) {
	for name, header := range map[string]int64{"known-attached-0001": 410, "known-slots-0001": 1115, "known-detached-0001": 105, "known-cell-0001": 33} {
		b := vector(t, name).Data
		r := bytes.NewReader(b)
		report, err := format.Inspect(r, -1)
		if err != nil {
			t.Fatal(err)
		}
		if read := r.Size() - int64(r.Len()); read != header {
			t.Errorf("%s: Inspect read %d bytes, want %d", name, read, header)
		}
		last := report.Parts[len(report.Parts)-1]
		if report.Size != -1 || last.Size != -1 || last.Offset != header || strings.Contains(report.String(), "-1") {
			t.Errorf("%s: Inspect = %+v", name, report)
		}
		if m := report.Message; m != nil && (m.Chunks != -1 || m.PlaintextSize != -1) || m == nil && report.Cell.ValueSize != -1 {
			t.Errorf("%s: Inspect knows sizes: %+v", name, report)
		}
		whole, err := format.Inspect(iotest.OneByteReader(bytes.NewReader(b[:header])), int64(len(b)))
		if err != nil || !reflect.DeepEqual(whole, inspect(t, b)) {
			t.Errorf("%s: Inspect(header only) = %+v, %v", name, whole, err)
		}
	}
}

func TestInspectSizeFault(t *testing.T) {
	file := vector(t, "known-key-file-0001").Data
	for _, tt := range []struct {
		name string
		b    []byte
		size int64
		want string
	}{
		{"message without body", vector(t, "known-raw-0001").Data, 217, "body of 0 bytes, least is 16: no message has this size"},
		{"message shorter than its header", vector(t, "known-raw-0001").Data, 100, "message of 100 bytes, header 217: no message has this size"},
		{"message of 0 bytes", vector(t, "known-raw-0001").Data, 0, "message of 0 bytes, header 217: no message has this size"},
		{"huge message", vector(t, "known-raw-0001").Data, 1<<63 - 1, "plaintext of 9221120786662719254 bytes, limit 70368744177664: no message has this size"},
		{"cell of 48 bytes", vector(t, "known-cell-0001").Data, 48, "cell of 48 bytes, want 49 to 1048625"},
		{"huge cell", vector(t, "known-cell-0001").Data, 1<<20 + 50, "cell of 1048626 bytes, want 49 to 1048625"},
		{"key file", file, 1, fmt.Sprintf("the key file ends after %d bytes, not 1", len(file))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := format.Inspect(bytes.NewReader(tt.b), tt.size)
			if err != nil || r.SizeFault != tt.want || !strings.Contains(r.String(), "fault        "+tt.want) {
				t.Errorf("Inspect(%d) = %+v, %v, want %s", tt.size, r, err, tt.want)
			}
		})
	}
	if r, err := format.Inspect(bytes.NewReader(file), -2); r != nil || !errors.Is(err, format.ErrSize) {
		t.Errorf("Inspect(-2) = %+v, %v, want ErrSize", r, err)
	}
}

// What does not parse is the error of parsing it.
func TestInspectRefuses(t *testing.T) {
	for _, v := range readVectors(t) {
		if v.Parses || v.Structure == vectors.Armor {
			continue // Inspect takes no text
		}
		r, err := format.Inspect(bytes.NewReader(v.Data), -1)
		_, want := parseVector(v)
		if v.Structure != vectors.Message && v.Expect == vectors.NotMessage {
			continue // it was told what to expect; Inspect goes by the first bytes, which are of something else
		}
		if v.Structure == vectors.Cell && len(v.Data) > 33 {
			continue // Inspect does not read the value
		}
		if r != nil || err == nil || err.Error() != want.Error() {
			t.Errorf("%s: Inspect = %v, %v, want %v", v.Name, r, err, want)
		}
	}
	long := append(vector(t, "known-key-file-0001").Data, make([]byte, format.MaxKeyFileSize)...)
	var pe *format.ParseError
	if r, err := format.Inspect(bytes.NewReader(long), -1); r != nil || !errors.As(err, &pe) || pe.Field != "end" {
		t.Errorf("Inspect(key file and more) = %v, %v, want a ParseError of end", r, err)
	}
}

func TestInspectTruncated(t *testing.T) {
	for _, name := range []string{"known-attached-0001", "known-slots-0002", "known-detached-0001", "known-key-file-0002", "known-cell-0001"} {
		b := vector(t, name).Data
		end := int64(len(b))
		if r := inspect(t, b); r.Structure != "key-file" {
			end = r.Parts[len(r.Parts)-1].Offset
		}
		broken := errors.New("broken")
		for n := range end {
			if r, err := format.Inspect(bytes.NewReader(b[:n]), -1); r != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: Inspect(%d bytes) = %v, %v, want io.ErrUnexpectedEOF", name, n, r, err)
			}
			if r, err := format.Inspect(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken)), -1); r != nil || !errors.Is(err, broken) {
				t.Fatalf("%s: Inspect(broken at %d) = %v, %v, want the reader's error", name, n, r, err)
			}
		}
	}
}

// The names of the JSON are what programs rely on.
func TestReportJSON(t *testing.T) {
	names := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				if k != "tenant" {
					names[k] = true
				}
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	for _, name := range []string{"known-slots-0001", "known-detached-0001", "known-key-file-0001", "known-cell-0001"} {
		r := inspect(t, vector(t, name).Data)
		r.SizeFault = "x"
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		walk(v)
		var again format.Report
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(&again, r) {
			t.Errorf("%s: Unmarshal(Marshal) = %+v, %v, want %+v", name, again, err, r)
		}
	}
	want := []string{
		"cell", "chunk_size", "chunks", "ciphertext", "commit", "generation", "in_force", "key_id", "kind", "message", "name",
		"offset", "parts", "plaintext_size", "provider", "reference", "salt", "size", "size_fault", "slots", "stored", "structure",
		"suite", "tag", "unverified", "valid", "value_size", "version", "withheld_pairs", "wrapped_keys",
	}
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) {
		t.Errorf("names of the JSON = %q, want %q", got, want)
	}
}

// Long and hostile texts are cut and quoted: they cannot fake a line of the report or move a terminal's cursor.
func TestReportString(t *testing.T) {
	h := newHeader(t)
	var err error
	if h.Stored, err = format.AppendPairs(nil, map[string]string{"a\x1b[2J\n  size 0": strings.Repeat("值", 1000)}); err != nil {
		t.Fatal(err)
	}
	h.Record = format.Record{entry("x.y", strings.Repeat("k", 512), 9)}
	r := inspect(t, append(marshal(t, h), make([]byte, 16)...))
	for line := range strings.Lines(r.String()) {
		if len(line) > 500 || strings.ContainsAny(line, "\x1b") || strings.Contains(line, "  size 0\n") {
			t.Errorf("line %q", line)
		}
	}
	for _, want := range []string{`"a\x1b[2J\n  size 0": "` + strings.Repeat("值", 96) + `"… (3000 bytes)`, "plaintext    0 bytes in 1 chunk of up to 65536"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("String = %s, want %s in it", r, want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, v := range readVectors(f) {
		if len(v.Data) < 2<<10 {
			f.Add(v.Data, int64(len(v.Data)))
			f.Add(v.Data, int64(-1))
		}
		if v.Structure == vectors.Message && len(v.KeyFiles) > 0 {
			f.Add(v.KeyFiles[0], int64(0))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		r, err := format.Inspect(bytes.NewReader(b), size)
		if (r == nil) == (err == nil) {
			t.Fatalf("Inspect = %v, %v", r, err)
		}
		if err != nil {
			return
		}
		for _, p := range r.Parts {
			if p.Offset < 0 || p.Offset > int64(len(b)) {
				t.Fatalf("part %+v of %d bytes", p, len(b))
			}
		}
		if s := r.String(); !strings.Contains(s, "nothing below is verified") {
			t.Fatalf("String = %q", s)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}
