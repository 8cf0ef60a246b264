package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// openAt returns a ReaderAt of a body that fills src.
func openAt(t testing.TB, src io.ReaderAt, size int, w *suite.Sealer) *stream.ReaderAt {
	t.Helper()
	ra, err := stream.NewReaderAt(src, 0, int64(size), w, chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ra
}

// TestReadAtRanges: every range that begins or ends at or beside an edge answers as a bytes.Reader over the plaintext.
func TestReadAtRanges(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3*chunk + 9} {
			plain := text(n)
			body := stream.Seal(nil, plain, w, chunk, nil)
			ra := openAt(t, memFile(body), len(body), w)
			if ra.Size() != int64(n) {
				t.Errorf("Size of %d bytes = %d", n, ra.Size())
			}
			var edges []int
			for _, e := range []int{0, chunk, 2 * chunk, n} {
				edges = append(edges, max(0, e-1), e, e+1, e+100)
			}
			slices.Sort(edges)
			for _, from := range slices.Compact(edges) {
				for _, to := range slices.Compact(edges) {
					if to < from {
						continue
					}
					got, want := make([]byte, to-from), make([]byte, to-from)
					gotN, gotErr := ra.ReadAt(got, int64(from))
					wantN, wantErr := bytes.NewReader(plain).ReadAt(want, int64(from))
					if gotN != wantN || gotErr != wantErr || !bytes.Equal(got, want) {
						t.Errorf("%d bytes: ReadAt(%d..%d) = %d, %v, want %d, %v", n, from, to, gotN, gotErr, wantN, wantErr)
					}
				}
			}
			if _, err := ra.ReadAt(make([]byte, 1), -1); err != stream.ErrNegativeOffset {
				t.Errorf("%d bytes: ReadAt(-1) = %v, want %v", n, err, stream.ErrNegativeOffset)
			}
			if got, err := ra.ReadAt(make([]byte, 1), math.MaxInt64); got != 0 || err != io.EOF {
				t.Errorf("%d bytes: ReadAt(MaxInt64) = %d, %v, want 0, EOF", n, got, err)
			}
			if err := iotest.TestReader(io.NewSectionReader(ra, 0, ra.Size()), plain); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	})
}

// TestReadAtLarge: ranges over more than a batch, at odd places.
func TestReadAtLarge(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(3*batch + 77)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for _, opts := range []*stream.Options{nil, {MaxBuffer: 1}, {MaxBuffer: 100 << 10}} {
		ra, err := stream.NewReaderAt(memFile(body), 0, int64(len(body)), w, chunk, opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, off := range []int{0, 1, chunk - 1, chunk, batch - 1, batch + chunk + 1} {
			for _, n := range []int{chunk, batch, batch + 1, 2 * batch, len(plain)} {
				n = min(n, len(plain)-off)
				p := make([]byte, n)
				k, err := ra.ReadAt(p, int64(off))
				check(t, fmt.Sprintf("%+v: ReadAt(%d, %d)", opts, off, n), p[:k], err, plain[off:off+n])
			}
		}
	}
}

// TestReadAtOffset: the body stands within something longer.
func TestReadAtOffset(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(2*chunk + 3)
	body := stream.Seal(nil, plain, w, chunk, nil)
	file := slices.Concat(make([]byte, 333), body, make([]byte, 555))
	ra, err := stream.NewReaderAt(memFile(file), 333, int64(len(body)), w, chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(ra, 0, ra.Size()))
	check(t, "a body at 333", got, err, plain)
}

// TestNewReaderAtRefuses: lengths that no body has, and an end that is not the end.
func TestNewReaderAtRefuses(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	body := stream.Seal(nil, text(2*chunk+9), w, chunk, nil)
	size := int64(len(body))
	flipped := slices.Clone(body)
	flipped[size-1] ^= 1
	for _, tt := range []struct {
		name      string
		src       io.ReaderAt
		off, size int64
		want      error
		cut       bool // it is an unexpected EOF as well
	}{
		{"size-lies-minus-1", memFile(body), 0, size - 1, suite.ErrAuthentication, true},
		{"size-lies-minus-chunk", memFile(body), 0, size - 9 - suite.TagSize, suite.ErrAuthentication, true},
		{"size-lies-plus-1", memFile(body), 0, size + 1, suite.ErrAuthentication, true},
		{"size-lies-plus-chunk", memFile(body), 0, size + full, suite.ErrAuthentication, true},
		{"size-0", memFile(body), 0, 0, suite.ErrAuthentication, true},
		{"size-15", memFile(body), 0, suite.TagSize - 1, suite.ErrAuthentication, true},
		{"size-full-plus-16", memFile(body), 0, full + suite.TagSize, suite.ErrAuthentication, true},
		{"size-negative", memFile(body), 0, -1, suite.ErrSize, false},
		{"offset-negative", memFile(body), -1, size, suite.ErrSize, false},
		{"offset-overflow", memFile(body), math.MaxInt64 - size + 1, size, suite.ErrSize, false},
		{"size-2^46-plus-1", memFile(body), 0, suite.MaxPlaintext/chunk*full + 1, stream.ErrTooLarge, false},
		{"size-max", memFile(body), 0, math.MaxInt64, stream.ErrTooLarge, false},
		{"last-chunk-flipped", memFile(flipped), 0, size, suite.ErrAuthentication, true},
		{"source-shorter", memFile(body[:size-1]), 0, size, suite.ErrAuthentication, true},
		{"source-empty", memFile(nil), 0, size, suite.ErrAuthentication, true},
		{"source-fails", readAtFunc(func([]byte, int64) (int, error) { return 0, errTest }), 0, size, errTest, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ra, err := stream.NewReaderAt(tt.src, tt.off, tt.size, w, chunk, nil)
			if ra != nil || !errors.Is(err, tt.want) || errors.Is(err, io.ErrUnexpectedEOF) != tt.cut {
				t.Errorf("NewReaderAt = %v (unexpected EOF: %v), want %v (%v)", err, errors.Is(err, io.ErrUnexpectedEOF), tt.want, tt.cut)
			}
		})
	}
}

// A ReaderAt made of one func.
type readAtFunc func(p []byte, off int64) (int, error)

func (f readAtFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// TestReadAtUntrusted: what was authentic at the opening may be anything later. The first chunk is kept from a read
// before; all others are read again.
func TestReadAtUntrusted(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(4*chunk + 9)
	body := stream.Seal(nil, plain, w, chunk, nil)
	flip := func(i int) func([]byte) []byte {
		return func(b []byte) []byte { b[i] ^= 1; return b }
	}
	cut := func(n int) func([]byte) []byte {
		return func(b []byte) []byte { return b[:n] }
	}
	for _, tt := range []struct {
		name   string
		change func(body []byte) []byte
		answer func(n int, err error) (int, error)
		good   int // chunks that come out of a read of everything
		want   error
		cut    bool // it is an unexpected EOF as well
	}{
		{name: "chunk 2 flipped", change: flip(2 * full), good: 2, want: suite.ErrAuthentication},
		{name: "last chunk flipped", change: flip(4 * full), good: 4, want: suite.ErrAuthentication, cut: true},
		{name: "chunks exchanged", change: func(b []byte) []byte {
			return slices.Concat(b[:full], b[2*full:3*full], b[full:2*full], b[3*full:])
		}, good: 1, want: suite.ErrAuthentication},
		{name: "shrunk within chunk 2", change: cut(3*full - 1), good: 2, want: suite.ErrAuthentication, cut: true},
		{name: "shrunk to two chunks", change: cut(2 * full), good: 2, want: suite.ErrAuthentication, cut: true},
		{name: "gone", change: cut(0), good: 1, want: suite.ErrAuthentication, cut: true},
		{name: "failing", answer: func(int, error) (int, error) { return 0, errTest }, good: 1, want: errTest},
		{name: "failing in chunk 3", answer: func(int, error) (int, error) { return 2*full + 5, errTest }, good: 3, want: errTest},
		{name: "negative", answer: func(int, error) (int, error) { return -1, nil }, good: 1, want: stream.ErrInvalidCount},
		{name: "boastful", answer: func(n int, _ error) (int, error) { return n + 1, nil }, good: 1, want: stream.ErrInvalidCount},
		{name: "short without a reason", answer: func(n int, _ error) (int, error) { return n - 1, nil }, good: 1, want: stream.ErrInvalidCount},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, bad := memFile(slices.Clone(body)), false
			ra := openAt(t, readAtFunc(func(p []byte, off int64) (int, error) {
				n, err := file.ReadAt(p, off)
				if bad && tt.answer != nil {
					return tt.answer(n, err)
				}
				return n, err
			}), len(body), w)
			if _, err := ra.ReadAt(make([]byte, 1), 0); err != nil {
				t.Fatal(err)
			}
			if bad = true; tt.change != nil {
				file = tt.change(file)
			}
			p := make([]byte, len(plain)-1)
			n, err := ra.ReadAt(p, 1)
			if want := plain[1 : tt.good*chunk]; !bytes.Equal(p[:n], want) {
				t.Errorf("ReadAt = %d bytes, want %d", n, len(want))
			}
			if !errors.Is(err, tt.want) || errors.Is(err, io.ErrUnexpectedEOF) != tt.cut {
				t.Errorf("ReadAt = %v (unexpected EOF: %v), want %v (%v)", err, errors.Is(err, io.ErrUnexpectedEOF), tt.want, tt.cut)
			}
			bad, file = false, memFile(body)
			got, err := io.ReadAll(io.NewSectionReader(ra, 0, ra.Size()))
			check(t, "once the source is well again", got, err, plain)
		})
	}
}

// TestReadAtLeavesNothingUnauthenticated: damaged chunks are wiped, whether they were opened in the caller's slice or
// aside, and are not kept.
func TestReadAtLeavesNothingUnauthenticated(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		body := stream.Seal(nil, bytes.Repeat([]byte{0x55}, 3*chunk), w, chunk, nil)
		ra := openAt(t, memFile(body), len(body), w)
		body[full] ^= 1
		for _, n := range []int{1, chunk - 1, chunk, chunk + 1, 2 * chunk} {
			for range 2 {
				p := make([]byte, n)
				if k, err := ra.ReadAt(p, chunk); k != 0 || !errors.Is(err, suite.ErrAuthentication) {
					t.Errorf("ReadAt(%d bytes of a damaged chunk) = %d, %v, want 0, %v", n, k, err, suite.ErrAuthentication)
				}
				if bytes.IndexByte(p, 0x55) >= 0 {
					t.Errorf("ReadAt(%d bytes of a damaged chunk) left plaintext", n)
				}
			}
		}
	})
}

// TestReadAtCalls: how often the source is asked. Reads one behind the other open each chunk once; a range is one read.
func TestReadAtCalls(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(4 * batch)
	body := stream.Seal(nil, plain, w, chunk, nil)
	var calls atomic.Int64 // several cores read a large range
	src := readAtFunc(func(p []byte, off int64) (int, error) {
		calls.Add(1)
		return memFile(body).ReadAt(p, off)
	})
	for _, tt := range []struct {
		name    string
		from, n int // ReadAts of n bytes from there to the end
		most    int64
	}{
		{name: "100 bytes each", n: 100, most: 4 * batch / chunk},
		{name: "a chunk each", n: chunk, most: 4 * batch / chunk},
		{name: "a chunk each, at odd places", from: 1, n: chunk, most: 4 * batch / chunk},
		{name: "a batch each, at odd places", from: 1, n: batch, most: 2 * 4},
		{name: "all at once", n: 4 * batch, most: 4},
	} {
		calls.Store(0)
		ra := openAt(t, src, len(body), w)
		if calls.Load() != 1 {
			t.Errorf("%s: NewReaderAt asked %d times, want once", tt.name, calls.Load())
		}
		calls.Store(0)
		p := make([]byte, tt.n)
		for off := tt.from; off < len(plain); off += tt.n {
			if n, err := ra.ReadAt(p, int64(off)); !bytes.Equal(p[:n], plain[off:off+n]) || err != nil && err != io.EOF {
				t.Fatalf("%s: ReadAt(%d) = %d, %v", tt.name, off, n, err)
			}
		}
		if calls.Load() > tt.most {
			t.Errorf("%s: the source was asked %d times, want at most %d", tt.name, calls.Load(), tt.most)
		}
	}
}

// TestReadAtConcurrently: many goroutines read small and large ranges of one ReaderAt.
func TestReadAtConcurrently(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		plain := text(20*chunk + 5)
		body := stream.Seal(nil, plain, w, chunk, nil)
		ra := openAt(t, memFile(body), len(body), w)
		var wg sync.WaitGroup
		for seed := range uint64(8) {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, 0))
				for range 200 {
					off := rng.IntN(len(plain))
					p := make([]byte, 1+rng.IntN([]int{10, chunk, 5 * chunk}[rng.IntN(3)]))
					n, err := ra.ReadAt(p, int64(off))
					if want := min(len(p), len(plain)-off); n != want || (err == io.EOF) != (n < len(p)) || err != nil && err != io.EOF {
						t.Errorf("seed %d: ReadAt(%d, %d) = %d, %v, want %d", seed, off, len(p), n, err, want)
						return
					}
					if !bytes.Equal(p[:n], plain[off:off+n]) {
						t.Errorf("seed %d: ReadAt(%d, %d) gave other bytes", seed, off, len(p))
						return
					}
				}
			})
		}
		wg.Wait()
	})
}
