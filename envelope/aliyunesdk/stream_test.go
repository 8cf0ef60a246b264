package aliyunesdk_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

const segment = aliyunesdk.SegmentSize

func readerAt(t testing.TB, c *aliyunesdk.Client, message []byte) *aliyunesdk.ReaderAt {
	t.Helper()
	r, err := c.NewReaderAt(t.Context(), bytes.NewReader(message), int64(len(message)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The steps of writing do not show in the message, but for its keys and IVs.
func TestWriterSteps(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	plaintext := random(17*segment + 3)
	for _, step := range []int{7, 512, segment - 1, segment, segment + 1, 16 * segment, 1 << 30} {
		n := len(plaintext)
		if step == 7 {
			n = segment + 20
		}
		message := writeStream(t, c, plaintext[:n], nil, step)
		if got, err := c.Decrypt(t.Context(), message, nil); err != nil || !bytes.Equal(got, plaintext[:n]) {
			t.Errorf("steps of %d: %d bytes, %v", step, len(got), err)
		}
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
		"byte by byte": func(r io.Reader) io.Reader { return iotest.OneByteReader(io.LimitReader(r, 5000)) },
	} {
		var b bytes.Buffer
		w, err := c.NewWriter(t.Context(), &b, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(w, wrap(struct{ io.Reader }{bytes.NewReader(plaintext)}))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Decrypt(t.Context(), b.Bytes(), nil); err != nil || !bytes.Equal(got, plaintext[:n]) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), n, err)
		}
	}
}

func TestWriterErrors(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	boom := errors.New("boom")
	if _, err := c.NewWriter(t.Context(), failAfter(0, boom), nil); !errors.Is(err, boom) {
		t.Errorf("NewWriter = %v, want boom", err)
	}
	// The header takes the first write, a batch sixteen, the tag one.
	for writes := 1; writes < 18; writes++ {
		w, err := c.NewWriter(t.Context(), failAfter(writes, boom), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(make([]byte, 16*segment))
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, boom) {
			t.Fatalf("after %d writes: %v, want boom", writes, err)
		}
		_, err1 := w.Write([]byte("x"))
		_, err2 := w.ReadFrom(bytes.NewReader([]byte("x")))
		for _, err := range []error{err1, err2, w.Close()} {
			if !errors.Is(err, boom) {
				t.Errorf("later: %v, want the same error", err)
			}
		}
	}
	w, err := c.NewWriter(t.Context(), io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.ReadFrom(iotest.ErrReader(boom)); n != 0 || err != boom {
		t.Errorf("ReadFrom = %d, %v, want boom", n, err)
	}
	if _, err := w.ReadFrom(readerFunc(func([]byte) (int, error) { return 0, nil })); err != io.ErrNoProgress {
		t.Errorf("ReadFrom of nothing = %v, want ErrNoProgress", err)
	}
	for _, n := range []int{-1, 1 << 30} {
		if _, err := w.ReadFrom(readerFunc(func([]byte) (int, error) { return n, nil })); err == nil {
			t.Errorf("ReadFrom of a reader that returns %d succeeded", n)
		}
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close after the errors of a source = %v", err)
	}
	_, err1 := w.Write(nil)
	_, err2 := w.Write([]byte("x"))
	for _, err := range []error{err1, err2, w.Close()} {
		if !errors.Is(err, aliyunesdk.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func failAfter(n int, err error) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if n--; n < 0 {
			return 0, err
		}
		return len(p), nil
	})
}

func TestReader(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	plaintext := random(3000)
	one, err := c.Encrypt(t.Context(), plaintext, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range [][]byte{one, writeStream(t, c, plaintext, nil, 100)} {
		for _, src := range []io.Reader{
			bytes.NewReader(message), iotest.OneByteReader(bytes.NewReader(message)), iotest.HalfReader(bytes.NewReader(message)),
			iotest.DataErrReader(bytes.NewReader(message)),
		} {
			r, err := c.NewReader(t.Context(), src, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(r, plaintext); err != nil {
				t.Error(err)
			}
		}
		boom := errors.New("boom")
		if _, err := c.NewReader(t.Context(), io.MultiReader(bytes.NewReader(message), iotest.ErrReader(boom)), nil); !errors.Is(err, boom) {
			t.Errorf("NewReader = %v, want boom", err)
		}
	}
}

func TestReaderLimit(t *testing.T) {
	api := &kmskeytest.KMS{}
	message := writeStream(t, newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: api}), random(5000), nil, 5000)
	calls := api.Calls("")
	for limit, want := range map[int]error{len(message): nil, len(message) - 1: aliyunesdk.ErrTooLarge, 1: aliyunesdk.ErrTooLarge} {
		c := newClient(t, &aliyunesdk.Options{MaxSize: limit}, aliyunesdk.Key{ARN: keyA, API: api})
		read := 0
		_, err := c.NewReader(t.Context(), readerFunc(func(p []byte) (int, error) {
			n, err := bytes.NewReader(message[read:]).Read(p)
			read += n
			return n, err
		}), nil)
		if !errors.Is(err, want) || read > limit+1 {
			t.Errorf("limit %d: %v after %d bytes, want %v", limit, err, read, want)
		}
	}
	if n := api.Calls("") - calls; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	// An endless source ends at the limit.
	c := newClient(t, &aliyunesdk.Options{MaxSize: 1 << 20}, aliyunesdk.Key{ARN: keyA, API: api})
	if _, err := c.NewReader(t.Context(), readerFunc(func(p []byte) (int, error) { return len(p), nil }), nil); !errors.Is(err, aliyunesdk.ErrTooLarge) {
		t.Errorf("endless source: %v, want ErrTooLarge", err)
	}
}

func TestReaderAt(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	for _, size := range sizes {
		plaintext := random(size)
		one, err := c.Encrypt(t.Context(), plaintext, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range [][]byte{one, writeStream(t, c, plaintext, nil, 1<<20)} {
			r := readerAt(t, c, message)
			if r.Size() != int64(size) {
				t.Errorf("Size = %d, want %d", r.Size(), size)
			}
			if size <= 1000 { // it reads byte by byte, and each byte opens a segment
				if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plaintext); err != nil {
					t.Error(err)
				}
			}
			for _, off := range []int{0, 1, segment - 1, segment, segment + 1, size - 1, size, size + 1} {
				for _, n := range []int{0, 1, 100, segment, 2*segment + 1} {
					if off < 0 {
						continue
					}
					p := bytes.Repeat([]byte{0xAA}, n+1)
					k, err := r.ReadAt(p[:n], int64(off))
					want := max(0, min(n, size-off))
					if k != want || (err != nil) != (k < n) || err != nil && err != io.EOF || !bytes.Equal(p[:k], plaintext[min(off, size):][:k]) || p[n] != 0xAA {
						t.Errorf("%d bytes: ReadAt(%d at %d) = %d, %v, want %d", size, n, off, k, err, want)
					}
				}
			}
			if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
				t.Errorf("ReadAt(-1) = %v", err)
			}
		}
	}
}

func TestReaderAtConcurrently(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	plaintext := random(5*segment + 7)
	r := readerAt(t, c, writeStream(t, c, plaintext, nil, 1<<20))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var b bytes.Buffer
			if _, err := r.WriteTo(&b); err != nil || !bytes.Equal(b.Bytes(), plaintext) {
				t.Errorf("WriteTo: %v", err)
			}
			p := make([]byte, 1000)
			for off := i * 999; off+len(p) < len(plaintext); off += 33333 {
				if _, err := r.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, plaintext[off:][:len(p)]) {
					t.Errorf("ReadAt(%d): %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

// A source that changes after it was verified lets nothing through: the segment that changed is not authentic, and those
// before it are a true prefix.
func TestSourceChangesAfterwards(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	plaintext := random(20*segment + 7)
	message := writeStream(t, c, plaintext, nil, 1<<20)
	body := len(message) - 16 - len(plaintext)
	for _, at := range []int{0, segment - 1, segment, 7*segment + 100, 20 * segment, len(plaintext) - 1} {
		source := bytes.Clone(message)
		r := readerAt(t, c, source)
		source[body+at] ^= 1
		var b bytes.Buffer
		n, err := r.WriteTo(&b)
		if want := int64(at / segment * segment); !errors.Is(err, aliyunesdk.ErrAuthentication) || n != want || !bytes.Equal(b.Bytes(), plaintext[:n]) {
			t.Errorf("byte %d changed: WriteTo = %d, %v, want %d and ErrAuthentication", at, n, err, want)
		}
		p := make([]byte, 10)
		if n, err := r.ReadAt(p, int64(at)); n != 0 || !errors.Is(err, aliyunesdk.ErrAuthentication) {
			t.Errorf("byte %d changed: ReadAt = %d, %v", at, n, err)
		}
		source[body+at] ^= 1
		if n, err := r.ReadAt(p[:1], int64(at)); n != 1 || err != nil {
			t.Errorf("byte %d changed back: ReadAt = %d, %v", at, n, err)
		}
		// Segments exchanged for each other are as bad.
		if at > segment {
			copy(source[body:], message[body+segment:body+2*segment])
			if _, err := r.ReadAt(p, 0); !errors.Is(err, aliyunesdk.ErrAuthentication) {
				t.Errorf("segments exchanged: ReadAt = %v", err)
			}
		}
	}
}

// A source that is shorter than it said, or fails, is that error and not one of authentication.
func TestSourceFails(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	message := writeStream(t, c, random(3*segment), nil, 1<<20)
	boom := errors.New("boom")
	for limit := 0; limit < len(message); limit += 5000 {
		_, err := c.NewReaderAt(t.Context(), &source{message, limit, boom}, int64(len(message)), nil)
		if !errors.Is(err, boom) || errors.Is(err, aliyunesdk.ErrAuthentication) {
			t.Errorf("fails at %d: %v, want boom", limit, err)
		}
		_, err = c.NewReaderAt(t.Context(), bytes.NewReader(message[:limit]), int64(len(message)), nil)
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, aliyunesdk.ErrAuthentication) {
			t.Errorf("ends at %d: %v, want ErrUnexpectedEOF", limit, err)
		}
	}
	src := &source{message, len(message), boom}
	r, err := c.NewReaderAt(t.Context(), src, int64(len(message)), nil)
	if err != nil {
		t.Fatal(err)
	}
	src.limit = 2 * segment
	if n, err := r.WriteTo(io.Discard); n != segment || !errors.Is(err, boom) {
		t.Errorf("WriteTo = %d, %v, want one segment and boom", n, err)
	}
	if n, err := r.WriteTo(failAfter(0, io.ErrShortWrite)); n != 0 || err != io.ErrShortWrite {
		t.Errorf("WriteTo of a writer that fails = %d, %v", n, err)
	}
	if _, err := c.NewReaderAt(t.Context(), bytes.NewReader(message), -1, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("negative size: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	api := &kmskeytest.KMS{}
	h, err := aliyunesdk.Inspect(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	api.Plant(h.Keys[0].Blob, rawID(keyA), base64.StdEncoding.EncodeToString(make([]byte, 32)), nil)
	api.AnswerKeyID = func(_, id string) string { cancel(); return id }
	if _, err := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: api}).NewReaderAt(ctx, bytes.NewReader(message), int64(len(message)), nil); !errors.Is(err, aliyunesdk.ErrAuthentication) {
		t.Errorf("wrong key: %v", err) // the header tag comes before the context is looked at
	}
}

type source struct {
	b     []byte
	limit int
	err   error
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if int(off)+len(p) > s.limit {
		return 0, s.err
	}
	return copy(p, s.b[off:]), nil
}

func TestVerifyIsCancelled(t *testing.T) {
	good := &kmskeytest.KMS{}
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: good})
	message := writeStream(t, c, random(30*segment), nil, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.NewReaderAt(ctx, readerAtFunc(func(p []byte, off int64) (int, error) {
		if off > 2*segment && off < 29*segment {
			cancel()
		}
		return bytes.NewReader(message).ReadAt(p, off)
	}), int64(len(message)), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("NewReaderAt = %v, want Canceled", err)
	}
}

type readerAtFunc func([]byte, int64) (int, error)

func (f readerAtFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// Large bodies without authentication are read at random, too: CTR with its counter carried over all 128 bits, CBC with
// the block before.
func TestInsecureReaderAt(t *testing.T) {
	for _, name := range []string{"J3", "S2", "S5"} {
		v := vector(t, name)
		block, err := aes.NewCipher(v.DataKey)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 15, 16, 17, segment - 16, segment - 1, segment, segment + 1, 3*segment + 5} {
			plaintext := random(size)
			iv := bytes.Repeat([]byte{0xff}, 16) // the counter wraps at once
			body := bytes.Clone(plaintext)
			if v.Algorithm == aliyunesdk.AES128CTR {
				cipher.NewCTR(block, iv).XORKeyStream(body, body)
			} else {
				pad := 16 - size%16
				body = append(body, bytes.Repeat([]byte{byte(pad)}, pad)...)
				cipher.NewCBCEncrypter(block, iv).CryptBlocks(body, body)
			}
			message := replaceBody(t, v, iv, body)
			c := plant(t, &kmskeytest.KMS{}, message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
			for reading, read := range readings {
				if got, err := read(c, t.Context(), message, v.Context); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("%s, %d bytes: %s = %d bytes, %v", name, size, reading, len(got), err)
				}
			}
			r, err := c.NewReaderAt(t.Context(), bytes.NewReader(message), int64(len(message)), v.Context)
			if err != nil {
				t.Fatal(err)
			}
			for off := 0; off <= size; off += 9999 {
				p := make([]byte, 500)
				n, err := r.ReadAt(p, int64(off))
				if want := min(500, size-off); n != want || (err == io.EOF) != (n < 500) || !bytes.Equal(p[:n], plaintext[off:][:n]) {
					t.Errorf("%s, %d bytes: ReadAt(%d) = %d, %v, want %d", name, size, off, n, err, want)
				}
			}
		}
	}
}

// replaceBody returns a vector with another body, under an algorithm without tag.
func replaceBody(t *testing.T, v *aliyunesdk.Vector, iv, ciphertext []byte) []byte {
	t.Helper()
	if v.Encoding == aliyunesdk.Stream {
		at := bytes.Index(v.Message, append([]byte{16, 0, 0, 0}, v.BodyIV...))
		return slices.Concat(v.Message[:at+4], iv, ciphertext)
	}
	m := parseDER(t, v.Message)
	m.child(1).child(0).content = iv
	m.child(1).child(1).content = ciphertext
	return m.marshal()
}

// CBC without padding.
func TestCBCWithoutPadding(t *testing.T) {
	v := vector(t, "J3")
	for _, alg := range []aliyunesdk.Algorithm{aliyunesdk.AES128CBC, aliyunesdk.SM4CBC} {
		for _, size := range []int{0, 16, 32, segment + 16} {
			message, text := aliyunesdk.InsecureMessage(t, alg, v, random(size))
			c := plant(t, &kmskeytest.KMS{}, message, text, &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
			for reading, read := range readings {
				if got, err := read(c, t.Context(), message, v.Context); err != nil || !bytes.Equal(got, random(size)) {
					t.Errorf("%v, %d bytes: %s = %d bytes, %v", alg, size, reading, len(got), err)
				}
			}
		}
	}
}
