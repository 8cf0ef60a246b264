package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

var errTest = errors.New("the disk is full")

// steps are the lengths of the calls that a stream is written and read with.
var steps = []int{1, 7, 512, chunk - 1, chunk, chunk + 1, 3 * chunk, batch - 1, batch + chunk + 1}

// eachStep runs f for every size and step that makes a sensible number of calls.
func eachStep(t *testing.T, f func(t *testing.T, w *suite.Sealer, n, step int)) {
	eachSize(t, func(t *testing.T, w *suite.Sealer, n int) {
		for _, step := range steps {
			if n/step <= 3*chunk {
				f(t, w, n, step)
			}
		}
	})
}

func TestWriterSteps(t *testing.T) {
	eachStep(t, func(t *testing.T, w *suite.Sealer, n, step int) {
		plain := text(n)
		var dst bytes.Buffer
		ww := stream.NewWriter(&dst, w, chunk, nil)
		for p := plain; len(p) > 0; {
			k := min(step, len(p))
			if got, err := ww.Write(p[:k]); got != k || err != nil {
				t.Fatalf("%d bytes by %d: Write = %d, %v, want %d", n, step, got, err, k)
			}
			p = p[k:]
			// All but the last chunk so far has been handed on.
			written := int64(n - len(p))
			if want := (suite.Chunks(written, chunk) - 1) * full; int64(dst.Len()) != want {
				t.Fatalf("%d bytes by %d: %d bytes at the destination after %d, want %d", n, step, dst.Len(), written, want)
			}
		}
		err := ww.Close()
		check(t, fmt.Sprintf("%d bytes by %d: Close", n, step), dst.Bytes(), err, stream.Seal(nil, plain, w, chunk, nil))
		if !bytes.Equal(plain, text(n)) {
			t.Errorf("%d bytes by %d: Write modified its argument", n, step)
		}
	})
}

// TestReadFrom: sources that give as they like, behind and before Writes.
func TestReadFrom(t *testing.T) {
	eachSize(t, func(t *testing.T, w *suite.Sealer, n int) {
		for _, source := range readers {
			for _, head := range []int{0, 1, chunk, chunk + 1} {
				if source.name == "OneByteReader" && n > 3*chunk {
					continue
				}
				plain := text(n + head + 3)
				what := fmt.Sprintf("%s: %d bytes behind %d", source.name, n, head)
				var dst bytes.Buffer
				ww := stream.NewWriter(&dst, w, chunk, nil)
				if _, err := ww.Write(plain[:head]); err != nil {
					t.Fatal(err)
				}
				if k, err := ww.ReadFrom(source.wrap(bytes.NewReader(plain[head : head+n]))); k != int64(n) || err != nil {
					t.Errorf("%s: ReadFrom = %d, %v, want %d", what, k, err, n)
				}
				if _, err := ww.Write(plain[head+n:]); err != nil {
					t.Errorf("%s: Write = %v", what, err)
				}
				err := ww.Close()
				check(t, what, dst.Bytes(), err, stream.Seal(nil, plain, w, chunk, nil))
			}
		}
	})
}

// TestWriteBehindFullWindow: what a ReadFrom leaves at the end of a full buffer is joined by what a Write brings.
func TestWriteBehindFullWindow(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(3 * chunk)
	for _, n := range []int{chunk + 63, chunk + 64, chunk + 65} { // the buffer holds a chunk and 64 bytes
		var dst bytes.Buffer
		ww := stream.NewWriter(&dst, w, chunk, &stream.Options{MaxBuffer: 1})
		if _, err := ww.ReadFrom(bytes.NewReader(plain[:n])); err != nil {
			t.Fatal(err)
		}
		if _, err := ww.Write(plain[n:]); err != nil {
			t.Fatal(err)
		}
		err := ww.Close()
		check(t, fmt.Sprintf("Write behind %d bytes", n), dst.Bytes(), err, stream.Seal(nil, plain, w, chunk, nil))
	}
}

// A stingy destination takes left bytes and then answers n and err, whatever it did.
type stingy struct {
	bytes.Buffer
	left  int
	n     func(want int) int
	err   error
	after int // Writes after the one that failed
}

func (s *stingy) Write(p []byte) (int, error) {
	if s.left < 0 {
		s.after++
	}
	if len(p) <= s.left {
		s.left -= len(p)
		return s.Buffer.Write(p)
	}
	n := s.n(len(p))
	if 0 <= n && n <= len(p) {
		s.Buffer.Write(p[:n])
	}
	s.left = -1
	return n, s.err
}

// badDestinations are ways in which a destination fails, and what the Writer or WriteTo then says.
var badDestinations = []struct {
	name string
	n    func(int) int
	err  error
	want error
}{
	{"full", func(int) int { return 0 }, errTest, errTest},
	{"half full", func(n int) int { return n / 2 }, errTest, errTest},
	{"short", func(n int) int { return n - 1 }, nil, io.ErrShortWrite},
	{"negative", func(int) int { return -1 }, nil, stream.ErrInvalidCount},
	{"boastful", func(n int) int { return n + 1 }, errTest, stream.ErrInvalidCount},
}

// TestWriterFails: a destination that fails anywhere fails the Writer for good, and gets nothing more.
func TestWriterFails(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(2*batch + 5)
	body := stream.Seal(nil, plain, w, chunk, nil)
	calls := []struct {
		name string
		do   func(ww *stream.Writer) (int64, error)
	}{
		{"Write", func(ww *stream.Writer) (int64, error) { n, err := ww.Write(plain); return int64(n), err }},
		{"Write by 1000", func(ww *stream.Writer) (n int64, err error) {
			for p := plain; len(p) > 0; p = p[min(1000, len(p)):] {
				k, err := ww.Write(p[:min(1000, len(p))])
				if n += int64(k); err != nil {
					return n, err
				}
			}
			return n, nil
		}},
		{"ReadFrom", func(ww *stream.Writer) (int64, error) { return ww.ReadFrom(bytes.NewReader(plain)) }},
	}
	for _, bad := range badDestinations {
		for _, call := range calls {
			for _, left := range []int{0, full, 2*full - 1, 256 * full, len(body) - 1} {
				dst := &stingy{left: left, n: bad.n, err: bad.err}
				ww := stream.NewWriter(dst, w, chunk, nil)
				n, err := call.do(ww)
				if err == nil {
					err = ww.Close() // only the last chunk did not fit
				}
				what := fmt.Sprintf("%s after %d bytes: %s", bad.name, left, call.name)
				if !errors.Is(err, bad.want) {
					t.Errorf("%s = %v, want %v", what, err, bad.want)
				}
				if n < 0 || n > int64(len(plain)) {
					t.Errorf("%s = %d bytes of %d", what, n, len(plain))
				}
				if _, again := ww.Write([]byte{1}); again != err {
					t.Errorf("%s: then Write = %v, want %v", what, again, err)
				}
				if _, again := ww.ReadFrom(bytes.NewReader(plain)); again != err {
					t.Errorf("%s: then ReadFrom = %v, want %v", what, again, err)
				}
				if again := ww.Close(); again != err {
					t.Errorf("%s: then Close = %v, want %v", what, again, err)
				}
				if dst.after > 0 {
					t.Errorf("%s: %d Writes after the one that failed", what, dst.after)
				}
				if !bytes.HasPrefix(body, dst.Bytes()) {
					t.Errorf("%s: wrote what is not the beginning of the body", what)
				}
			}
		}
	}
}

// TestWriteCount: of a Write that fails, the bytes count that are at the destination or were kept before.
func TestWriteCount(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	dst := &stingy{left: 256 * full, n: func(int) int { return 0 }, err: errTest}
	ww := stream.NewWriter(dst, w, chunk, nil)
	if n, err := ww.Write(text(2 * batch)); n != batch || err != errTest {
		t.Errorf("Write = %d, %v, want %d, %v", n, err, batch, errTest)
	}
	dst = &stingy{left: 256 * full, n: func(int) int { return 0 }, err: errTest}
	ww = stream.NewWriter(dst, w, chunk, nil)
	if n, err := ww.Write(text(10)); n != 10 || err != nil {
		t.Errorf("Write = %d, %v, want 10", n, err)
	}
	if n, err := ww.Write(text(2 * batch)); n != batch-10 || err != errTest {
		t.Errorf("Write = %d, %v, want %d, %v", n, err, batch-10, errTest)
	}
}

func TestWriterClosed(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	var dst bytes.Buffer
	ww := stream.NewWriter(&dst, w, chunk, nil)
	if _, err := ww.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := ww.Close(); err != nil {
		t.Fatal(err)
	}
	size := dst.Len()
	for range 2 {
		if err := ww.Close(); err != stream.ErrClosed {
			t.Errorf("second Close = %v, want %v", err, stream.ErrClosed)
		}
		if n, err := ww.Write([]byte("more")); n != 0 || err != stream.ErrClosed {
			t.Errorf("Write after Close = %d, %v, want 0, %v", n, err, stream.ErrClosed)
		}
		if n, err := ww.ReadFrom(bytes.NewReader([]byte("more"))); n != 0 || err != stream.ErrClosed {
			t.Errorf("ReadFrom after Close = %d, %v, want 0, %v", n, err, stream.ErrClosed)
		}
	}
	if dst.Len() != size {
		t.Errorf("%d bytes were written after Close", dst.Len()-size)
	}
}

// A reader made of one func.
type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// badSources are sources that break the contract of io.Reader, and what is said of them.
var badSources = []struct {
	name string
	read readFunc
	want error
}{
	{"failing", func([]byte) (int, error) { return 0, errTest }, errTest},
	{"silent", func([]byte) (int, error) { return 0, nil }, io.ErrNoProgress},
	{"negative", func([]byte) (int, error) { return -1, nil }, stream.ErrInvalidCount},
	{"boastful", func(p []byte) (int, error) { return len(p) + 1, nil }, stream.ErrInvalidCount},
	{"cut", func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF},
}

// TestReadFromFails: a source that fails anywhere fails the Writer, so that no Close makes its beginning a message.
func TestReadFromFails(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(batch + 5)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for _, bad := range badSources {
		for _, n := range []int{0, 1, chunk, chunk + 1, batch, len(plain)} {
			var dst bytes.Buffer
			ww := stream.NewWriter(&dst, w, chunk, nil)
			got, err := ww.ReadFrom(io.MultiReader(bytes.NewReader(plain[:n]), bad.read))
			if got != int64(n) || !errors.Is(err, bad.want) || errors.Is(err, suite.ErrAuthentication) {
				t.Errorf("%s after %d: ReadFrom = %d, %v, want %d, %v", bad.name, n, got, err, n, bad.want)
			}
			if again := ww.Close(); again != err {
				t.Errorf("%s after %d: Close = %v, want %v", bad.name, n, again, err)
			}
			if !bytes.HasPrefix(body, dst.Bytes()) || dst.Len() > n/chunk*full {
				t.Errorf("%s after %d: wrote %d bytes that are not the beginning of the body", bad.name, n, dst.Len())
			}
		}
	}
}

// A tally counts the calls of a Reader or Writer and the longest of them.
type tally struct {
	r              io.Reader
	calls, longest int
}

func (c *tally) Read(p []byte) (int, error) {
	c.calls, c.longest = c.calls+1, max(c.longest, len(p))
	return c.r.Read(p)
}

func (c *tally) Write(p []byte) (int, error) {
	c.calls, c.longest = c.calls+1, max(c.longest, len(p))
	return len(p), nil
}

// TestBatches: one Read and one Write for about 128 KiB on one core and about 1 MiB on several or between files, once a
// message is that long; less if MaxBuffer says so, and never less than a chunk.
func TestBatches(t *testing.T) {
	const n = 8 * batch
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(n)
	for _, tt := range []struct {
		chunk, parallelism, maxBuffer, want int // want: plaintext of the longest call
		files                               bool
	}{
		{chunk, 1, 0, batch / 8, false},
		{chunk, 1, 0, batch, true},
		{chunk, 1, 1 << 20, batch / 4, true}, // two of half a MiB would be over it by their tags
		{chunk, 1, -1, batch / 8, false},
		{chunk, 2, 0, batch / 2, false},
		{chunk, 2, 0, batch / 2, true},
		{chunk, 2, 64 << 20, batch / 2, false},
		{1 << 16, 1, 0, batch / 8, false},
		{1 << 16, 3, 0, batch / 2, false},
		{chunk, 2, 4 << 20, batch / 2, false},    // three batches, two workers
		{chunk, 2, 2 << 20, batch / 8, false},    // no room for two workers
		{chunk, 2, 1 << 20, batch / 8, false},    // likewise
		{chunk, 2, 256 << 10, batch / 16, false}, // two of 128 KiB would be over it by their tags
		{chunk, 2, 1, chunk, false},
		{batch, 1, 0, batch, false},
		{4 * batch, 2, 0, 4 * batch, false},
	} {
		opts := &stream.Options{Parallelism: tt.parallelism, MaxBuffer: tt.maxBuffer, Files: tt.files}
		body := stream.Seal(nil, plain, w, tt.chunk, nil)
		stored := tt.want + tt.want/tt.chunk*suite.TagSize
		// Bytes that a Read looks ahead; calls until a message has turned out to be long.
		const look, ramp = 64, 6 + 2*batch/(batch/8)
		for name, do := range map[string]func(src *tally, dst *tally) error{
			"ReadFrom": func(src, dst *tally) error {
				src.r = bytes.NewReader(plain)
				ww := stream.NewWriter(dst, w, tt.chunk, opts)
				if _, err := ww.ReadFrom(src); err != nil {
					return err
				}
				return ww.Close()
			},
			"Write": func(src, dst *tally) error {
				ww := stream.NewWriter(dst, w, tt.chunk, opts)
				if _, err := ww.Write(plain); err != nil {
					return err
				}
				return ww.Close()
			},
			"WriteTo": func(src, dst *tally) error {
				src.r = bytes.NewReader(body)
				_, err := stream.NewReader(src, w, tt.chunk, opts).WriteTo(dst)
				return err
			},
		} {
			in, out := tt.want, stored
			if name == "WriteTo" {
				in, out = stored, tt.want
			}
			var src, dst tally
			if err := do(&src, &dst); err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("chunk %d, parallelism %d, MaxBuffer %d: %s", tt.chunk, tt.parallelism, tt.maxBuffer, name)
			if name != "Write" && (src.longest < in || src.longest > in+look || src.calls > n/tt.want+ramp) {
				t.Errorf("%s read %d times, up to %d bytes; want about %d times %d", what, src.calls, src.longest, n/tt.want, in)
			}
			if dst.longest != out || dst.calls > n/tt.want+ramp {
				t.Errorf("%s wrote %d times, up to %d bytes; want about %d times %d", what, dst.calls, dst.longest, n/tt.want, out)
			}
		}
	}
}

// TestOptionsCopied: what becomes of the options later does not matter.
func TestOptionsCopied(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	opts := &stream.Options{MaxBuffer: 1}
	var dst tally
	ww := stream.NewWriter(&dst, w, chunk, opts)
	*opts = stream.Options{}
	if _, err := ww.Write(text(9 * chunk)); err != nil {
		t.Fatal(err)
	}
	if dst.longest != full {
		t.Errorf("Write wrote up to %d bytes, want %d", dst.longest, full)
	}
}

// TestShortMessageIsCheap: a byte in chunks of 4 MiB costs no buffer of 4 MiB, on either side.
func TestShortMessageIsCheap(t *testing.T) {
	const most = 64 << 10 // bytes allocated
	w := newSealer(t, suite.AES256GCM, 1)
	body := stream.Seal(nil, []byte{1}, w, suite.MaxChunkSize, nil)
	for name, do := range map[string]func() error{
		"Writer": func() error {
			ww := stream.NewWriter(io.Discard, w, suite.MaxChunkSize, nil)
			if _, err := ww.Write([]byte{1}); err != nil {
				return err
			}
			return ww.Close()
		},
		"ReadFrom": func() error {
			_, err := stream.NewWriter(io.Discard, w, suite.MaxChunkSize, nil).ReadFrom(bytes.NewReader([]byte{1}))
			return err
		},
		"Reader": func() error {
			_, err := io.ReadAll(stream.NewReader(bytes.NewReader(body), w, suite.MaxChunkSize, nil))
			return err
		},
		"WriteTo": func() error {
			_, err := stream.NewReader(bytes.NewReader(body), w, suite.MaxChunkSize, nil).WriteTo(io.Discard)
			return err
		},
		"ReaderAt": func() error {
			_, err := readAt(memFile(body), int64(len(body)), w, suite.MaxChunkSize, 10)
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > most {
			t.Errorf("%s of one byte allocated %d bytes, want at most %d", name, got, most)
		}
	}
}
