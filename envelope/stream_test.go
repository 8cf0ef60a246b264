package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

func TestReaderContract(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	want := text(2*chunk + 1)
	m := encrypt(t, c, want, nil)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"plain": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data and error": iotest.DataErrReader,
	} {
		r, err := c.NewReader(t.Context(), wrap(bytes.NewReader(m)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(r, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	m := encrypt(t, c, text(2*chunk), nil)
	for _, n := range []int{0, 10, 100, len(m) - 100, len(m)} {
		src := io.MultiReader(bytes.NewReader(m[:n]), iotest.ErrReader(errOutage))
		r, err := c.NewReader(t.Context(), src, nil)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, errOutage) || errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("source fails after %d bytes: %v, want its error", n, err)
		}
	}
}

// failAfter writes n bytes and fails.
type failAfter struct{ n int }

func (w *failAfter) Write(p []byte) (int, error) {
	if len(p) <= w.n {
		w.n -= len(p)
		return len(p), nil
	}
	n := w.n
	w.n = 0
	return n, errOutage
}

// shortWriter says nothing of what it did not write.
type shortWriter struct{ n int }

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(w.n, len(p))
	w.n -= n
	return n, nil
}

func TestWriterFailure(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	plaintext := text(3 * chunk)
	total := len(encrypt(t, c, plaintext, nil))
	for n := 0; n < total; n += 97 {
		for want, dst := range map[error]io.Writer{errOutage: &failAfter{n}, io.ErrShortWrite: &shortWriter{n}} {
			w, err := c.NewWriter(t.Context(), dst, nil)
			if err == nil {
				if _, err = w.Write(plaintext); err == nil {
					err = w.Close()
				}
				// It stays failed, whatever is tried.
				if _, again := w.Write([]byte("x")); !errors.Is(again, want) {
					t.Errorf("Write after a failure = %v, want %v", again, want)
				}
				if again := w.Close(); !errors.Is(again, want) {
					t.Errorf("Close after a failure = %v, want %v", again, want)
				}
			}
			if !errors.Is(err, want) {
				t.Errorf("destination fails after %d bytes: %v, want %v", n, err, want)
			}
		}
	}
}

func TestWriterAfterClose(t *testing.T) {
	c := newClient(t, newProvider(t), nil)
	var buf bytes.Buffer
	w, err := c.NewWriter(t.Context(), &buf, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	n := buf.Len()
	if err := w.Close(); !errors.Is(err, envelope.ErrClosed) {
		t.Errorf("second Close = %v, want ErrClosed", err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, envelope.ErrClosed) {
		t.Errorf("Write after Close = %v, want ErrClosed", err)
	}
	if _, err := w.ReadFrom(strings.NewReader("x")); !errors.Is(err, envelope.ErrClosed) {
		t.Errorf("ReadFrom after Close = %v, want ErrClosed", err)
	}
	if buf.Len() != n {
		t.Errorf("%d bytes were written after Close", buf.Len()-n)
	}
}

// A message whose Writer was dropped does not open.
func TestWriterDropped(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	var buf bytes.Buffer
	w, err := c.NewWriter(t.Context(), &buf, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text(3 * chunk)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decrypt(t.Context(), buf.Bytes(), nil); !errors.Is(err, envelope.ErrAuthentication) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Decrypt of an unfinished message = %v, want ErrAuthentication and io.ErrUnexpectedEOF", err)
	}
}

// A Reader leaves no more behind than it read: the rest of its source is not touched when it is abandoned.
func TestReaderAbandoned(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	m := encrypt(t, c, text(100*chunk), nil)
	r, err := c.NewReader(t.Context(), bytes.NewReader(m), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 10)
	if _, err := io.ReadFull(r, p); err != nil || !bytes.Equal(p, text(10)) {
		t.Errorf("Read = %q, %v", p, err)
	}
}

// Streams print none of the plaintext that they hold, whatever the verb: fmt follows a pointer under verbs that do not
// fit it, as in log.Printf("copying %s", r).
func TestStreamsNeverShow(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	secret := bytes.Repeat([]byte("PLAINTEXT"), 500)
	m := encrypt(t, c, secret, nil)
	w, err := c.NewWriter(t.Context(), io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(secret[:100]); err != nil {
		t.Fatal(err)
	}
	r, err := c.NewReader(t.Context(), bytes.NewReader(m), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	ra, err := c.NewReaderAt(t.Context(), bytes.NewReader(m), int64(len(m)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ra.ReadAt(make([]byte, 10), 0); err != nil {
		t.Fatal(err)
	}
	type hidden struct{ stream any }
	for _, stream := range []any{w, *w, r, *r, ra, *ra} {
		for _, holder := range []any{stream, []any{stream}, struct{ Stream any }{stream}, hidden{stream}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%t", "%e", "%p"} {
				out := fmt.Sprintf(verb, holder)
				for _, bad := range []string{"PLAINTEXT", "504c41494e", "504C41494E", "80 76 65 73 78", "'P' 'L' 'A'", "U+0050 U+004C", "0x50, 0x4c"} {
					if strings.Contains(out, bad) {
						t.Errorf("%T under %s shows plaintext", holder, verb)
					}
				}
			}
		}
	}
}

func TestNilArguments(t *testing.T) {
	c := newClient(t, newProvider(t), nil)
	if _, err := c.NewWriter(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "no destination") {
		t.Errorf("NewWriter(nil) = %v", err)
	}
	if _, err := c.NewReader(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), "no source") {
		t.Errorf("NewReader(nil) = %v", err)
	}
	if _, err := c.NewReaderAt(t.Context(), nil, 0, nil); err == nil || !strings.Contains(err.Error(), "no source") {
		t.Errorf("NewReaderAt(nil) = %v", err)
	}
	if _, err := c.NewReaderAt(t.Context(), strings.NewReader(""), -1, nil); !errors.Is(err, format.ErrSize) {
		t.Errorf("NewReaderAt of a negative size = %v, want format.ErrSize", err)
	}
}

// A size that is not the message's own fails at the last chunk or by the formula, never later.
func TestReaderAtSizeLies(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	m := encrypt(t, c, text(3*chunk), nil)
	padded := append(bytes.Clone(m), make([]byte, 2*chunk)...)
	for _, d := range []int{-2 * chunk, -chunk - 16, -17, -16, -1, 1, 16, 17, chunk, chunk + 16} {
		if _, err := c.NewReaderAt(t.Context(), bytes.NewReader(padded), int64(len(m)+d), nil); !errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("size off by %d: %v, want ErrAuthentication", d, err)
		}
	}
	bad := bytes.Clone(m)
	bad[len(bad)-1] ^= 1
	if _, err := c.NewReaderAt(t.Context(), bytes.NewReader(bad), int64(len(bad)), nil); !errors.Is(err, envelope.ErrAuthentication) {
		t.Errorf("last chunk flipped: %v, want ErrAuthentication", err)
	}
}

func TestVerify(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	m := encrypt(t, c, text(3*chunk), nil)
	bad := bytes.Clone(m)
	bad[len(bad)-1] ^= 1
	if info, err := c.Verify(t.Context(), bytes.NewReader(bad), nil); !errors.Is(err, envelope.ErrAuthentication) || info.KeyID != "" {
		t.Errorf("Verify = %v, %v, want ErrAuthentication", info, err)
	}
	if _, err := c.Verify(t.Context(), strings.NewReader("text"), nil); !errors.Is(err, format.ErrNotMessage) {
		t.Errorf("Verify of text = %v, want ErrNotMessage", err)
	}
}

// FuzzOpen opens arbitrary bytes in every way: no panic, no plaintext that is not authentic, errors that are named.
func FuzzOpen(f *testing.F) {
	c := newClient(f, newProvider(f), &envelope.Options{ChunkSize: chunk})
	for _, n := range []int{0, 1, chunk, chunk + 1} {
		m, err := c.Encrypt(f.Context(), text(n), nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m)
		m[len(m)-1] ^= 1
		f.Add(m)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := c.Decrypt(t.Context(), b, nil)
		if err != nil && !named(err) {
			t.Errorf("Decrypt = %v, which has no name", err)
		}
		var out bytes.Buffer
		r, rerr := c.NewReader(t.Context(), bytes.NewReader(b), nil)
		if rerr == nil {
			_, rerr = r.WriteTo(&out)
		}
		if (err == nil) != (rerr == nil) || err == nil && !bytes.Equal(a, out.Bytes()) {
			t.Errorf("Decrypt says %v, Reader %v", err, rerr)
		}
		ra, aerr := c.NewReaderAt(t.Context(), bytes.NewReader(b), int64(len(b)), nil)
		if aerr == nil {
			_, aerr = ra.ReadAt(make([]byte, ra.Size()), 0)
		}
		if (err == nil) != (aerr == nil) {
			t.Errorf("Decrypt says %v, ReaderAt %v", err, aerr)
		}
	})
}

// FuzzWrites writes plaintext in pieces of fuzzed sizes.
func FuzzWrites(f *testing.F) {
	f.Add(5000, []byte{1, 7, 255})
	f.Add(chunk, []byte{0})
	f.Add(3*chunk+1, []byte{200, 200})
	c := newClient(f, newProvider(f), &envelope.Options{ChunkSize: chunk})
	f.Fuzz(func(t *testing.T, n int, steps []byte) {
		if n < 0 || n > 1<<18 || len(steps) == 0 {
			t.Skip()
		}
		want := text(n)
		var buf bytes.Buffer
		w, err := c.NewWriter(t.Context(), &buf, nil)
		if err != nil {
			t.Fatal(err)
		}
		for rest, i := want, 0; len(rest) > 0; i++ {
			k := min(len(rest), int(steps[i%len(steps)])*33+1)
			if m, err := w.Write(rest[:k]); m != k || err != nil {
				t.Fatalf("Write = %d, %v, want %d", m, err, k)
			}
			rest = rest[k:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Decrypt(t.Context(), buf.Bytes(), nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Decrypt = %d bytes, %v, want %d", len(got), err, n)
		}
	})
}
