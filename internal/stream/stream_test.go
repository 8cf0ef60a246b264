package stream_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
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

// eachSize runs f for every suite and size; SM4 is ten times as slow and gets the sizes around a chunk.
func eachSize(t *testing.T, f func(t *testing.T, w *suite.Sealer, n int)) {
	for _, id := range suites {
		t.Run(fmt.Sprintf("suite=%d", id), func(t *testing.T) {
			w := newSealer(t, id, 1)
			for _, n := range sizes {
				if id == suite.AES256GCM || n <= 3*chunk {
					f(t, w, n)
				}
			}
		})
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
			w.Mask = suite.MaskOf((*[suite.NonceSize]byte)(unhex(t, ka.mask)))
			body := stream.Seal(nil, []byte("hello"), w, 1<<16, nil)
			if got := hex.EncodeToString(body); got != ka.body {
				t.Errorf("Seal(hello) = %s, want %s", got, ka.body)
			}
			plain, err := stream.Open(nil, unhex(t, ka.body), w, 1<<16, nil)
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

// sizes are those at which something ends: the chunk, and the batch of about 1 MiB.
var sizes = []int{
	0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1,
	batch - 1, batch, batch + 1, 2*batch - 1, 2 * batch, 2*batch + 1, batch + chunk, batch - chunk + 1,
}

const batch = 1 << 20

// openers are the ways to open a body. Each returns all plaintext it was given before it met an error, if any.
var openers = []struct {
	name string
	open func(body []byte, w *suite.Sealer, chunk int) ([]byte, error)
}{
	{"Open", func(body []byte, w *suite.Sealer, chunk int) ([]byte, error) {
		return stream.Open(nil, body, w, chunk, nil)
	}},
	{"Read", func(body []byte, w *suite.Sealer, chunk int) ([]byte, error) {
		return io.ReadAll(stream.NewReader(bytes.NewReader(body), w, chunk, nil))
	}},
	{"WriteTo", func(body []byte, w *suite.Sealer, chunk int) ([]byte, error) {
		var plain bytes.Buffer
		_, err := stream.NewReader(bytes.NewReader(body), w, chunk, nil).WriteTo(&plain)
		return plain.Bytes(), err
	}},
	{"ReadAt", func(body []byte, w *suite.Sealer, chunk int) ([]byte, error) {
		return readAt(memFile(body), int64(len(body)), w, chunk, chunk)
	}},
	{"ReadAt-small", func(body []byte, w *suite.Sealer, chunk int) ([]byte, error) {
		return readAt(memFile(body), int64(len(body)), w, chunk, 1000)
	}},
}

// readAt reads a body from the beginning to the end by ReadAt of step bytes.
func readAt(src io.ReaderAt, size int64, w *suite.Sealer, chunk, step int) ([]byte, error) {
	ra, err := stream.NewReaderAt(src, 0, size, w, chunk, nil)
	if err != nil {
		return nil, err
	}
	plain, p := []byte(nil), make([]byte, step)
	for off := int64(0); ; off += int64(step) {
		n, err := ra.ReadAt(p, off)
		plain = append(plain, p[:n]...)
		if err == io.EOF {
			return plain, nil
		}
		if err != nil {
			return plain, err
		}
	}
}

// TestAgreement: each opener opens what Seal made, at every size. What the writers make is compared with Seal elsewhere.
func TestAgreement(t *testing.T) {
	eachSize(t, func(t *testing.T, w *suite.Sealer, n int) {
		for _, chunk := range []int{chunk, 4 * chunk, batch} {
			plain := text(n)
			body := stream.Seal(nil, plain, w, chunk, nil)
			if size, err := suite.BodySize(int64(n), chunk); err != nil || size != int64(len(body)) {
				t.Errorf("Seal(%d bytes, chunk %d) made %d bytes, want %d, %v", n, chunk, len(body), size, err)
			}
			for _, o := range openers {
				got, err := o.open(body, w, chunk)
				check(t, fmt.Sprintf("%s(%d bytes, chunk %d)", o.name, n, chunk), got, err, plain)
			}
		}
	})
}

// check reports an error, or plaintext that is not the one expected.
func check(t *testing.T, what string, got []byte, err error, want []byte) {
	t.Helper()
	if err != nil {
		t.Errorf("%s = %v, want no error", what, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s gave %d bytes, want the %d of the plaintext", what, len(got), len(want))
	}
}

// padded returns a slice of no length with room for n bytes, all of them 0xaa.
func padded(n int) []byte { return bytes.Repeat([]byte{0xaa}, n)[:0] }

// TestAppend: Seal and Open append, allocate nothing where there is room, and leave what is behind the result alone.
func TestAppend(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		plain := text(2*chunk + 5)
		body := stream.Seal(nil, plain, w, chunk, nil)
		for _, f := range []struct {
			name string
			want []byte
			do   func(dst []byte) ([]byte, error)
		}{
			{"Seal", body, func(dst []byte) ([]byte, error) { return stream.Seal(dst, plain, w, chunk, nil), nil }},
			{"Open", plain, func(dst []byte) ([]byte, error) { return stream.Open(dst, body, w, chunk, nil) }},
		} {
			got, err := f.do([]byte("before"))
			check(t, f.name+" behind a prefix", got, err, append([]byte("before"), f.want...))

			dst := padded(len(f.want) + 100)
			got, err = f.do(dst)
			check(t, f.name+" into room", got, err, f.want)
			if &got[0] != &dst[:1][0] {
				t.Errorf("%s allocated though there was room", f.name)
			}
			if behind := dst[len(f.want):cap(dst)]; !bytes.Equal(behind, bytes.Repeat([]byte{0xaa}, 100)) {
				t.Errorf("%s wrote behind its result", f.name)
			}
		}
		if got, err := stream.Open(nil, stream.Seal(nil, nil, w, chunk, nil), w, chunk, nil); err != nil || got != nil {
			t.Errorf("Open(nil, empty message) = %v, %v, want nil, nil", got, err)
		}
	})
}

// TestInPlace: one chunk may be sealed and opened where it stands; any other overlap panics and is not a wrong result.
func TestInPlace(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		for _, n := range []int{0, 1, chunk} {
			plain := text(n)
			want := stream.Seal(nil, plain, w, chunk, nil)
			buf := append(padded(n+suite.TagSize), plain...)
			body := stream.Seal(buf[:0], buf, w, chunk, nil)
			check(t, fmt.Sprintf("Seal(%d bytes in place)", n), body, nil, want)
			got, err := stream.Open(body[:0], body, w, chunk, nil)
			check(t, fmt.Sprintf("Open(%d bytes in place)", n), got, err, plain)
		}
		buf := append(padded(2*chunk+100), text(chunk+1)...)
		mustPanic(t, "Seal of two chunks in place", func() { stream.Seal(buf[:0], buf, w, chunk, nil) })
		mustPanic(t, "Seal one byte off", func() { stream.Seal(buf[:0], buf[1:100], w, chunk, nil) })
		body := stream.Seal(nil, text(chunk+1), w, chunk, nil)
		mustPanic(t, "Open of two chunks in place", func() { _, _ = stream.Open(body[:0], body, w, chunk, nil) })
	})
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

// TestOpenWipes: a body whose last chunk is damaged leaves nothing of the others behind dst.
func TestOpenWipes(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		plain := bytes.Repeat([]byte{0x55}, 3*chunk)
		for _, bad := range []int{0, chunk + suite.TagSize, 3*(chunk+suite.TagSize) - 1} {
			body := stream.Seal(nil, plain, w, chunk, nil)
			body[bad] ^= 1
			dst := append(padded(len(plain)+100), "before"...)
			got, err := stream.Open(dst, body, w, chunk, nil)
			if got != nil || !errors.Is(err, suite.ErrAuthentication) {
				t.Errorf("Open(damaged at %d) = %d bytes, %v, want nil, %v", bad, len(got), err, suite.ErrAuthentication)
			}
			if room := dst[:cap(dst)]; bytes.IndexByte(room, 0x55) >= 0 {
				t.Errorf("Open(damaged at %d) left plaintext behind dst", bad)
			} else if string(dst) != "before" {
				t.Errorf("Open(damaged at %d) changed dst", bad)
			}
		}
	})
}

// TestChunkSize: a chunk size that is not one of the format is a mistake in the program.
func TestChunkSize(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	for _, n := range []int{-1, 0, 1, chunk - 1, chunk + 1, chunk / 2, 2 * suite.MaxChunkSize} {
		mustPanic(t, fmt.Sprintf("Seal(chunk %d)", n), func() { stream.Seal(nil, nil, w, n, nil) })
		mustPanic(t, fmt.Sprintf("Open(chunk %d)", n), func() { _, _ = stream.Open(nil, nil, w, n, nil) })
		mustPanic(t, fmt.Sprintf("NewWriter(chunk %d)", n), func() { stream.NewWriter(io.Discard, w, n, nil) })
		mustPanic(t, fmt.Sprintf("NewReader(chunk %d)", n), func() { stream.NewReader(new(bytes.Reader), w, n, nil) })
		mustPanic(t, fmt.Sprintf("NewReaderAt(chunk %d)", n), func() { _, _ = stream.NewReaderAt(memFile(nil), 0, 16, w, n, nil) })
	}
}

// TestLimit: a message holds so much and no more, whoever writes or reads it.
func TestLimit(t *testing.T) {
	const limit = 3 * chunk
	w := newSealer(t, suite.AES256GCM, 1)
	most, over, far := stream.Seal(nil, text(limit), w, chunk, nil), stream.Seal(nil, text(limit+1), w, chunk, nil), stream.Seal(nil, text(9*chunk), w, chunk, nil)
	stream.SetMaxPlaintext(t, limit)

	check(t, "Seal(limit)", stream.Seal(nil, text(limit), w, chunk, nil), nil, most)
	mustPanic(t, "Seal(limit+1)", func() { stream.Seal(nil, text(limit+1), w, chunk, nil) })
	for _, o := range openers {
		got, err := o.open(most, w, chunk)
		check(t, o.name+"(limit)", got, err, text(limit))
		for _, body := range [][]byte{over, far} {
			got, err := o.open(body, w, chunk)
			if !errors.Is(err, stream.ErrTooLarge) || !errors.Is(err, suite.ErrSize) || errors.Is(err, suite.ErrAuthentication) {
				t.Errorf("%s(%d bytes of body) = %v, want %v", o.name, len(body), err, stream.ErrTooLarge)
			}
			if !bytes.HasPrefix(text(limit), got) {
				t.Errorf("%s(%d bytes of body) gave what is not a prefix", o.name, len(body))
			}
		}
	}

	for _, f := range []struct {
		name string
		do   func(w *stream.Writer, p []byte) (int64, error)
	}{
		{"Write", func(w *stream.Writer, p []byte) (int64, error) { n, err := w.Write(p); return int64(n), err }},
		{"ReadFrom", func(w *stream.Writer, p []byte) (int64, error) { return w.ReadFrom(bytes.NewReader(p)) }},
	} {
		var dst bytes.Buffer
		ww := stream.NewWriter(&dst, w, chunk, nil)
		if n, err := f.do(ww, text(limit)); n != limit || err != nil {
			t.Errorf("%s(limit) = %d, %v, want %d", f.name, n, err, limit)
		}
		if _, err := f.do(ww, []byte{1}); !errors.Is(err, stream.ErrTooLarge) {
			t.Errorf("%s(one more) = %v, want %v", f.name, err, stream.ErrTooLarge)
		}
		if err := ww.Close(); !errors.Is(err, stream.ErrTooLarge) {
			t.Errorf("Close after %s = %v, want %v", f.name, err, stream.ErrTooLarge)
		}
		if got := dst.Bytes(); !bytes.Equal(got, most[:2*(chunk+suite.TagSize)]) {
			t.Errorf("%s beyond the limit wrote %d bytes, want the first two chunks", f.name, len(got))
		}
	}
}

// TestAllocations: a stream allocates what it is made of, and nothing for a chunk or a read more.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations are not counted under the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		var nonce [suite.NonceSize]byte
		out := make([]byte, 0, 100)
		if n := testing.AllocsPerRun(10, func() { w.AEAD.Seal(out, nonce[:], out[:10], nil) }); n > 0 {
			t.Skipf("the cipher itself allocates %v times a chunk: it has no assembly here", n)
		}
		for _, n := range []int{100, chunk, 40 * chunk} {
			plain := text(n)
			body := stream.Seal(nil, plain, w, chunk, nil)
			src, bodySrc := &memSource{b: plain}, &memSource{b: body}
			sink := &memSink{b: make([]byte, len(body))}
			room, small := make([]byte, 0, len(body)), make([]byte, 1000)
			ra, err := stream.NewReaderAt(memFile(body), 0, int64(len(body)), w, chunk, nil)
			if err != nil {
				t.Fatal(err)
			}
			at := int64(0)
			for _, f := range []struct {
				name string
				most float64
				do   func() error
			}{
				{"Seal", 0, func() error { stream.Seal(room, plain, w, chunk, nil); return nil }},
				{"Open", 0, func() error { _, err := stream.Open(room, body, w, chunk, nil); return err }},
				{"Write", 1, func() error {
					ww := stream.NewWriter(sink.rewind(), w, chunk, nil)
					if _, err := ww.Write(plain); err != nil {
						return err
					}
					return ww.Close()
				}},
				{"ReadFrom", 1, func() error {
					ww := stream.NewWriter(sink.rewind(), w, chunk, nil)
					if _, err := ww.ReadFrom(src.rewind()); err != nil {
						return err
					}
					return ww.Close()
				}},
				{"Read", 1, func() error {
					return readAll(stream.NewReader(bodySrc.rewind(), w, chunk, nil), small, len(small))
				}},
				{"WriteTo", 1, func() error {
					_, err := stream.NewReader(bodySrc.rewind(), w, chunk, nil).WriteTo(sink.rewind())
					return err
				}},
				{"ReadAt", 0, func() error {
					at = (at + 700) % int64(n)
					_, err := ra.ReadAt(small[:1], at)
					return err
				}},
			} {
				allocs := testing.AllocsPerRun(10, func() {
					if err := f.do(); err != nil {
						t.Fatal(err)
					}
				})
				if allocs > f.most {
					t.Errorf("%s of %d bytes allocates %v times, want at most %v", f.name, n, allocs, f.most)
				}
			}
		}
	})
}
