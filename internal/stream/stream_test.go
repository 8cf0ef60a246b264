package stream_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

const chunk = suite.MinChunkSize

// suites are the numbers of both suites.
var suites = []uint16{suite.AES256GCM, suite.SM4GCM}

// newSealer derives a sealer of the given suite from the data key 00 01 .. 1f and a tag of 32 equal bytes: two ids, two
// messages.
func newSealer(t testing.TB, id uint16, message byte) *suite.Sealer {
	t.Helper()
	key := make([]byte, suite.DataKeySize)
	for i := range key {
		key[i] = byte(i)
	}
	s := suite.Lookup(id)
	state, err := s.Extract(key)
	if err != nil {
		t.Fatal(err)
	}
	tag := [suite.CommitSize]byte(bytes.Repeat([]byte{message}, suite.CommitSize))
	w, err := s.Body(state, &tag)
	if err != nil {
		t.Fatal(err)
	}
	return &w
}

// text returns n bytes that differ from chunk to chunk.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16*7)
	}
	return b
}

// eachSuite runs f under a sealer of each suite.
func eachSuite(t *testing.T, f func(t *testing.T, w *suite.Sealer)) {
	for _, id := range suites {
		t.Run(fmt.Sprintf("suite=%d", id), func(t *testing.T) { f(t, newSealer(t, id, 1)) })
	}
}

// TestKnownAnswer is the body of format/SPEC.md, Section 10: plaintext "hello" under the body keys given there.
func TestKnownAnswer(t *testing.T) {
	for _, ka := range []struct {
		id              uint16
		key, mask, body string
	}{
		{suite.AES256GCM, "9e81825f74ca627a57bb0c9b2dae584770eba69b534aaa300ee9c69abd6617eb", "000000000000000000000000",
			"74081b4c5138c804e880555f735a1976de408299f1"},
		{suite.SM4GCM, "17df9e4fc7fed6951384d83e893f0b8c", "69334683c922f4a5dc1aadbb",
			"9022ffcee3c1ffebd8a0d8471ff0861a79792dad17"},
	} {
		t.Run(fmt.Sprintf("suite=%d", ka.id), func(t *testing.T) {
			w := new(suite.Sealer)
			var err error
			if w.AEAD, err = suite.Lookup(ka.id).NewAEAD(unhex(t, ka.key)); err != nil {
				t.Fatal(err)
			}
			copy(w.Mask[:], unhex(t, ka.mask))
			body := stream.Seal(nil, []byte("hello"), w, 1<<16)
			if got := hex.EncodeToString(body); got != ka.body {
				t.Errorf("Seal(hello) = %s, want %s", got, ka.body)
			}
			plain, err := stream.Open(nil, unhex(t, ka.body), w, 1<<16)
			if err != nil || string(plain) != "hello" {
				t.Errorf("Open = %q, %v, want hello", plain, err)
			}
		})
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAgreement: what one of Seal, Write and ReadFrom makes, each of Open, Read, WriteTo and ReadAt opens.
func TestAgreement(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 300 * chunk} {
			plain := text(n)
			body := stream.Seal(nil, plain, w, chunk)
			if size, err := suite.BodySize(int64(n), chunk); err != nil || size != int64(len(body)) {
				t.Errorf("size %d: Seal made %d bytes, want %d, %v", n, len(body), size, err)
			}
			var written, copied bytes.Buffer
			ww := stream.NewWriter(&written, w, chunk, nil)
			if k, err := ww.Write(plain); k != n || err != nil {
				t.Errorf("size %d: Write = %d, %v", n, k, err)
			}
			if err := ww.Close(); err != nil {
				t.Errorf("size %d: Close = %v", n, err)
			}
			cw := stream.NewWriter(&copied, w, chunk, nil)
			if k, err := cw.ReadFrom(bytes.NewReader(plain)); k != int64(n) || err != nil {
				t.Errorf("size %d: ReadFrom = %d, %v", n, k, err)
			}
			if err := cw.Close(); err != nil {
				t.Errorf("size %d: Close = %v", n, err)
			}
			if !bytes.Equal(written.Bytes(), body) {
				t.Errorf("size %d: Write and Seal differ", n)
			}
			if !bytes.Equal(copied.Bytes(), body) {
				t.Errorf("size %d: ReadFrom and Seal differ", n)
			}

			opened, err := stream.Open(nil, body, w, chunk)
			check(t, fmt.Sprintf("size %d: Open", n), opened, err, plain)
			opened, err = io.ReadAll(stream.NewReader(bytes.NewReader(body), w, chunk, nil))
			check(t, fmt.Sprintf("size %d: Read", n), opened, err, plain)
			var buf bytes.Buffer
			_, err = stream.NewReader(bytes.NewReader(body), w, chunk, nil).WriteTo(&buf)
			check(t, fmt.Sprintf("size %d: WriteTo", n), buf.Bytes(), err, plain)
			ra, err := stream.NewReaderAt(bytes.NewReader(body), 0, int64(len(body)), w, chunk, nil)
			if err != nil {
				t.Errorf("size %d: NewReaderAt = %v", n, err)
				continue
			}
			opened, err = io.ReadAll(io.NewSectionReader(ra, 0, ra.Size()))
			check(t, fmt.Sprintf("size %d: ReadAt", n), opened, err, plain)
		}
	})
}

func check(t *testing.T, what string, got []byte, err error, want []byte) {
	t.Helper()
	if err != nil {
		t.Errorf("%s = %v, want no error", what, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s returned %d bytes, not the %d of the plaintext", what, len(got), len(want))
	}
}
