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
