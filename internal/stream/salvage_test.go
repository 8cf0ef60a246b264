package stream_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

func goOn() error { return nil }

// A part is what a Salvager gave.
type part struct {
	off  int64
	size int
}

// salvage runs a Salvager over a body and checks that what it gives is of plain, and that pieces that touch are of two
// batches.
func salvage(t *testing.T, s *stream.Salvager, plain []byte, batch int) (parts []part) {
	t.Helper()
	err := s.Run(goOn, func(p []byte, off int64) error {
		if !bytes.Equal(p, plain[off:][:len(p)]) {
			t.Errorf("%d bytes at %d are other ones", len(p), off)
		}
		if k := len(parts) - 1; k >= 0 && off < parts[k].off+int64(parts[k].size) || len(p) == 0 || len(p) > batch {
			t.Errorf("%d bytes at %d behind %v", len(p), off, parts)
		}
		parts = append(parts, part{off, len(p)})
		clear(p) // it is the callee's while it runs
		return nil
	})
	if err != nil {
		t.Errorf("Run = %v", err)
	}
	return parts
}

func TestSalvager(t *testing.T) {
	const full = chunk + suite.TagSize
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		plain := text(6*chunk + 10)
		body := stream.Seal(nil, plain, w, chunk, nil)
		for _, tt := range []struct {
			name string
			edit func(b []byte) []byte
			opts *stream.Options
			want []part
			size int64
		}{
			{"whole", func(b []byte) []byte { return b }, nil, []part{{0, len(plain)}}, int64(len(plain))},
			{"whole, in batches of a chunk", func(b []byte) []byte { return b }, &stream.Options{MaxBuffer: 1},
				[]part{{0, chunk}, {chunk, chunk}, {2 * chunk, chunk}, {3 * chunk, chunk}, {4 * chunk, chunk}, {5 * chunk, chunk}, {6 * chunk, 10}}, int64(len(plain))},
			{"the first chunk flipped", func(b []byte) []byte { b[0] ^= 1; return b }, nil, []part{{chunk, 5*chunk + 10}}, int64(len(plain))},
			{"two chunks flipped", func(b []byte) []byte { b[full] ^= 1; b[4*full-1] ^= 1; return b }, nil,
				[]part{{0, chunk}, {2 * chunk, chunk}, {4 * chunk, 2*chunk + 10}}, int64(len(plain))},
			{"the last chunk flipped", func(b []byte) []byte { b[6*full] ^= 1; return b }, nil, []part{{0, 6 * chunk}}, -1},
			{"cut between chunks", func(b []byte) []byte { return b[:2*full] }, nil, []part{{0, 2 * chunk}}, -1},
			{"cut in a chunk", func(b []byte) []byte { return b[:2*full+100] }, nil, []part{{0, 2 * chunk}}, -1},
			{"cut in the first chunk", func(b []byte) []byte { return b[:full-1] }, nil, nil, -1},
			{"nothing", func(b []byte) []byte { return nil }, nil, nil, -1},
		} {
			b := tt.edit(bytes.Clone(body))
			s := stream.NewSalvager(memFile(b), 0, int64(len(b)), w, chunk, tt.opts)
			batch := 1 << 20
			if tt.opts != nil {
				batch = chunk
			}
			if got := salvage(t, s, plain, batch); !slices.Equal(got, tt.want) || s.Size != tt.size || s.SourceErr != nil {
				t.Errorf("%s: %v, size %d, %v, want %v, %d", tt.name, got, s.Size, s.SourceErr, tt.want, tt.size)
			}
		}
	})
}

// A last chunk that is full is known wherever it stands, and what is behind it is nothing of the message's.
func TestSalvagerFindsTheEnd(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(3 * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for _, more := range []int{1, chunk, 5 * chunk} {
		b := append(bytes.Clone(body), body[:min(len(body), more)]...)
		s := stream.NewSalvager(memFile(b), 0, int64(len(b)), w, chunk, nil)
		if got := salvage(t, s, plain, 1<<20); !slices.Equal(got, []part{{0, len(plain)}}) || s.Size != int64(len(plain)) {
			t.Errorf("%d bytes more: %v, size %d", more, got, s.Size)
		}
	}
}

// Behind the limit of a message there is no chunk, whatever opens.
func TestSalvagerLimit(t *testing.T) {
	const full = chunk + suite.TagSize
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(4 * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	reads := 0
	src := readAtFunc(func(p []byte, off int64) (int, error) {
		if reads++; off+int64(len(p)) > 3*full {
			t.Errorf("%d bytes at %d are read", len(p), off)
		}
		return memFile(body).ReadAt(p, off)
	})
	stream.SetMaxPlaintext(t, 3*chunk)
	s := stream.NewSalvager(src, 0, int64(len(body)), w, chunk, nil)
	if got := salvage(t, s, plain, 1<<20); !slices.Equal(got, []part{{0, 3 * chunk}}) || s.Size != -1 || reads != 1 {
		t.Errorf("%v, size %d, %d reads, want three chunks and no end", got, s.Size, reads)
	}
	s = stream.NewSalvager(src, 0, -5, w, chunk, nil)
	if got := salvage(t, s, plain, 1<<20); got != nil || s.Size != -1 {
		t.Errorf("of less than nothing: %v", got)
	}
}

// Chunks that cannot be read are missing, the first error is kept, and a source that ends ends it.
func TestSalvagerSource(t *testing.T) {
	const full = chunk + suite.TagSize
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(6*chunk + 10)
	body := stream.Seal(nil, plain, w, chunk, nil)
	other := errors.New("another error")
	bad := func(at map[int64]error) readAtFunc {
		return func(p []byte, off int64) (int, error) {
			for i := range int64(7) {
				if err := at[i]; err != nil && off <= i*full && i*full < off+int64(len(p)) {
					if err == io.EOF {
						return copy(p, body[off:i*full]), err
					}
					return 0, err
				}
			}
			return memFile(body).ReadAt(p, off)
		}
	}
	for _, tt := range []struct {
		name string
		src  readAtFunc
		want []part
		size int64
		err  error
	}{
		{"the third chunk", bad(map[int64]error{2: errTest}), []part{{0, 2 * chunk}, {3 * chunk, 3*chunk + 10}}, int64(len(plain)), errTest},
		{"two chunks", bad(map[int64]error{0: errTest, 6: other}), []part{{chunk, 5 * chunk}}, -1, errTest},
		{"the end at the third chunk", bad(map[int64]error{2: io.EOF}), []part{{0, 2 * chunk}}, -1, nil},
		{"an error, then the end", bad(map[int64]error{1: errTest, 3: io.EOF}), []part{{0, chunk}, {2 * chunk, chunk}}, -1, errTest},
		{"too many bytes", func(p []byte, _ int64) (int, error) { return len(p) + 1, nil }, nil, -1, stream.ErrInvalidCount},
		{"too few without a word", func(p []byte, _ int64) (int, error) { return len(p) - 1, nil }, nil, -1, stream.ErrInvalidCount},
		{"less than nothing", func([]byte, int64) (int, error) { return -1, nil }, nil, -1, stream.ErrInvalidCount},
	} {
		s := stream.NewSalvager(tt.src, 0, int64(len(body)), w, chunk, nil)
		if got := salvage(t, s, plain, 1<<20); !slices.Equal(got, tt.want) || s.Size != tt.size || s.SourceErr != tt.err {
			t.Errorf("%s: %v, size %d, %v, want %v, %d, %v", tt.name, got, s.Size, s.SourceErr, tt.want, tt.size, tt.err)
		}
	}
}

// What stops a Salvager stops it there.
func TestSalvagerStops(t *testing.T) {
	const full = chunk + suite.TagSize
	w := newSealer(t, suite.AES256GCM, 1)
	body := stream.Seal(nil, text(6*chunk), w, chunk, nil)
	body[full] ^= 1
	gives := 0
	give := func([]byte, int64) error { gives++; return errTest }
	if err := stream.NewSalvager(memFile(body), 0, int64(len(body)), w, chunk, nil).Run(goOn, give); err != errTest || gives != 1 {
		t.Errorf("Run = %v after %d parts, want that of the first", err, gives)
	}
	src := readAtFunc(func(p []byte, off int64) (int, error) {
		if len(p) > full { // then chunk by chunk
			return 0, io.ErrNoProgress
		}
		return memFile(body).ReadAt(p, off)
	})
	if err := stream.NewSalvager(src, 0, int64(len(body)), w, chunk, nil).Run(goOn, give); err != errTest || gives != 2 {
		t.Errorf("Run chunk by chunk = %v after %d parts, want that of the first", err, gives)
	}
	nexts := 0
	next := func() error {
		if nexts++; nexts > 1 {
			return errTest
		}
		return nil
	}
	s := stream.NewSalvager(memFile(body), 0, int64(len(body)), w, chunk, &stream.Options{MaxBuffer: 1})
	if err := s.Run(next, func([]byte, int64) error { return nil }); err != errTest || nexts != 2 {
		t.Errorf("Run = %v after %d batches, want to end before the second", err, nexts)
	}
}
