package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// readers are sources that give as they like.
var readers = []struct {
	name string
	wrap func(io.Reader) io.Reader
}{
	{"Reader", func(r io.Reader) io.Reader { return r }},
	{"OneByteReader", iotest.OneByteReader},
	{"HalfReader", iotest.HalfReader},
	{"DataErrReader", iotest.DataErrReader},
}

func TestReaderSteps(t *testing.T) {
	eachStep(t, func(t *testing.T, w *suite.Sealer, n, step int) {
		plain := text(n)
		r := stream.NewReader(bytes.NewReader(stream.Seal(nil, plain, w, chunk, nil)), w, chunk, nil)
		got, p := []byte(nil), make([]byte, step)
		for {
			k, err := r.Read(p)
			got = append(got, p[:k]...)
			if err == io.EOF {
				break
			}
			if err != nil || k == 0 {
				t.Fatalf("%d bytes by %d: Read = %d, %v", n, step, k, err)
			}
		}
		check(t, fmt.Sprintf("%d bytes by %d", n, step), got, nil, plain)
		if k, err := r.Read(p); k != 0 || err != io.EOF {
			t.Errorf("%d bytes by %d: Read at the end = %d, %v, want 0, EOF", n, step, k, err)
		}
		if k, err := r.WriteTo(io.Discard); k != 0 || err != nil {
			t.Errorf("%d bytes by %d: WriteTo at the end = %d, %v, want 0", n, step, k, err)
		}
	})
}

func TestReaderSources(t *testing.T) {
	eachSize(t, func(t *testing.T, w *suite.Sealer, n int) {
		plain := text(n)
		body := stream.Seal(nil, plain, w, chunk, nil)
		for _, source := range readers {
			if source.name == "OneByteReader" && n > 3*chunk {
				continue
			}
			got, err := io.ReadAll(stream.NewReader(source.wrap(bytes.NewReader(body)), w, chunk, nil))
			check(t, fmt.Sprintf("%s: Read of %d bytes", source.name, n), got, err, plain)
			var dst bytes.Buffer
			k, err := stream.NewReader(source.wrap(bytes.NewReader(body)), w, chunk, nil).WriteTo(&dst)
			check(t, fmt.Sprintf("%s: WriteTo of %d bytes", source.name, n), dst.Bytes(), err, plain)
			if k != int64(n) {
				t.Errorf("%s: WriteTo of %d bytes = %d", source.name, n, k)
			}
			// WriteTo goes on where Read stopped, in the middle of a chunk and at its edge.
			for _, head := range []int{1, chunk - 1, chunk, chunk + 1} {
				head = min(head, n)
				dst.Reset()
				r := stream.NewReader(source.wrap(bytes.NewReader(body)), w, chunk, nil)
				if _, err := io.CopyN(&dst, r, int64(head)); err != nil {
					t.Fatal(err)
				}
				_, err := r.WriteTo(&dst)
				check(t, fmt.Sprintf("%s: %d bytes, WriteTo after %d", source.name, n, head), dst.Bytes(), err, plain)
			}
		}
	})
}

func TestReaderContract(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		for _, n := range sizes[:8] {
			plain := text(n)
			r := stream.NewReader(bytes.NewReader(stream.Seal(nil, plain, w, chunk, nil)), w, chunk, nil)
			if err := iotest.TestReader(r, plain); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	})
}

// TestReaderFails: whatever a source does wrong, and after however much of the body, the chunks that are complete and
// have something behind them come out, then the error, which sticks. It is the source's and no failure to authenticate.
func TestReaderFails(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(batch + 5)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for _, bad := range badSources {
		for _, n := range []int{0, 1, suite.TagSize, full - 1, full, full + 1, 2 * full, 256 * full, len(body)} {
			source := func() io.Reader { return io.MultiReader(bytes.NewReader(body[:n]), bad.read) }
			want := plain[:max(0, n-1)/full*chunk]
			what := fmt.Sprintf("%s after %d", bad.name, n)

			r := stream.NewReader(source(), w, chunk, nil)
			got, err := io.ReadAll(r)
			if !bytes.Equal(got, want) || !errors.Is(err, bad.want) || errors.Is(err, suite.ErrAuthentication) {
				t.Errorf("%s: Read = %d bytes, %v, want %d, %v", what, len(got), err, len(want), bad.want)
			}
			for range 2 {
				if n, again := r.Read(make([]byte, 10)); n != 0 || again != err {
					t.Errorf("%s: then Read = %d, %v, want 0, %v", what, n, again, err)
				}
			}
			if n, again := r.WriteTo(io.Discard); n != 0 || again != err {
				t.Errorf("%s: then WriteTo = %d, %v, want 0, %v", what, n, again, err)
			}

			var dst bytes.Buffer
			_, err = stream.NewReader(source(), w, chunk, nil).WriteTo(&dst)
			if !bytes.Equal(dst.Bytes(), want) || !errors.Is(err, bad.want) {
				t.Errorf("%s: WriteTo = %d bytes, %v, want %d, %v", what, dst.Len(), err, len(want), bad.want)
			}
		}
	}
}

// TestReaderErrorWithData: an error that comes along with bytes is told behind what those bytes complete.
func TestReaderErrorWithData(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(3 * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	given := false
	src := readFunc(func(p []byte) (int, error) {
		if given {
			t.Error("the source was read after its error")
		}
		given = true
		return copy(p, body[:full+10]), errTest
	})
	// The buffer starts at 4 KiB and a bit; what is asked first is a chunk and a look ahead, of the smallest size.
	got, err := io.ReadAll(stream.NewReader(src, w, chunk, nil))
	if !bytes.Equal(got, plain[:chunk]) || err != errTest {
		t.Errorf("Read = %d bytes, %v, want %d, %v", len(got), err, chunk, errTest)
	}
}

// TestWriteToFails: as TestWriterFails, in the other direction.
func TestWriteToFails(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(2*batch + 5)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for _, bad := range badDestinations {
		for _, left := range []int{0, chunk, 256 * chunk, len(plain) - 1} {
			dst := &stingy{left: left, n: bad.n, err: bad.err}
			r := stream.NewReader(bytes.NewReader(body), w, chunk, nil)
			n, err := r.WriteTo(dst)
			what := fmt.Sprintf("%s after %d", bad.name, left)
			if !errors.Is(err, bad.want) {
				t.Errorf("%s: WriteTo = %v, want %v", what, err, bad.want)
			}
			if n != int64(dst.Len()) || !bytes.HasPrefix(plain, dst.Bytes()) {
				t.Errorf("%s: WriteTo = %d bytes, the destination has %d", what, n, dst.Len())
			}
			if n, again := r.Read(make([]byte, 10)); n != 0 || again != err {
				t.Errorf("%s: then Read = %d, %v, want 0, %v", what, n, again, err)
			}
			if n, again := r.WriteTo(dst); n != 0 || again != err || dst.after > 0 {
				t.Errorf("%s: then WriteTo = %d, %v, want 0, %v", what, n, again, err)
			}
		}
	}
}

// TestWriteToFailsBehindRead: what a small Read has left of its chunk is the first that WriteTo writes.
func TestWriteToFailsBehindRead(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(chunk)
	r := stream.NewReader(bytes.NewReader(stream.Seal(nil, plain, w, chunk, nil)), w, chunk, nil)
	if _, err := r.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	dst := &stingy{left: 5, n: func(int) int { return 5 }, err: errTest}
	if n, err := r.WriteTo(dst); n != 5 || err != errTest || !bytes.Equal(dst.Bytes(), plain[10:15]) {
		t.Errorf("WriteTo = %d, %v, want 5, %v", n, err, errTest)
	}
	if n, err := r.Read(make([]byte, 10)); n != 0 || err != errTest {
		t.Errorf("then Read = %d, %v, want 0, %v", n, err, errTest)
	}
}

// TestReaderDoesNotWait: a chunk comes out once a byte behind it is there, and costs the source no further Read.
func TestReaderDoesNotWait(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(3 * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	src := io.MultiReader(bytes.NewReader(body[:full+1]), readFunc(func([]byte) (int, error) {
		t.Error("the source was read for more than a chunk and a byte")
		return 0, io.EOF
	}))
	p := make([]byte, chunk)
	if n, err := io.ReadFull(stream.NewReader(src, w, chunk, nil), p); n != chunk || err != nil {
		t.Errorf("Read = %d, %v, want %d", n, err, chunk)
	}
}

// TestReaderReadsToTheEnd: the Reader says EOF only after its source did, and asks it no more.
func TestReaderReadsToTheEnd(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	src := bytes.NewReader(stream.Seal(nil, text(chunk), w, chunk, nil))
	ends := 0
	r := stream.NewReader(readFunc(func(p []byte) (int, error) {
		n, err := src.Read(p)
		if err == io.EOF {
			ends++
		}
		return n, err
	}), w, chunk, nil)
	for range 3 {
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
	}
	if ends != 1 {
		t.Errorf("the source was told to end %d times, want once", ends)
	}
}

// TestReadLeavesNothingUnauthenticated: a damaged chunk is opened straight into the caller's slice, and wiped.
func TestReadLeavesNothingUnauthenticated(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		plain := bytes.Repeat([]byte{0x55}, 3*chunk)
		body := stream.Seal(nil, plain, w, chunk, nil)
		body[2*full-1] ^= 1 // of the second chunk
		p := bytes.Repeat([]byte{0xaa}, 3*chunk)
		n, err := io.ReadFull(stream.NewReader(bytes.NewReader(body), w, chunk, nil), p)
		if n != chunk || !errors.Is(err, suite.ErrAuthentication) {
			t.Errorf("Read = %d, %v, want %d, %v", n, err, chunk, suite.ErrAuthentication)
		}
		if bytes.IndexByte(p[n:], 0x55) >= 0 {
			t.Error("Read left plaintext that was not authenticated")
		}
	})
}

// TestReadNothing: a Read into nothing gives nothing, before, within and behind a message.
func TestReadNothing(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	src := bytes.NewReader(stream.Seal(nil, text(10), w, chunk, nil))
	r := stream.NewReader(src, w, chunk, nil)
	for range 3 {
		size := src.Len()
		if n, err := r.Read(nil); n != 0 || err != nil || src.Len() != size {
			t.Errorf("Read(nil) = %d, %v, want 0 and nothing read", n, err)
		}
		if _, err := r.Read(make([]byte, 5)); err != nil && err != io.EOF {
			t.Error(err)
		}
	}
}
