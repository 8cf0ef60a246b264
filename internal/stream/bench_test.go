package stream_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// The default chunk size, and the size of the streams that are compared with the limit.
const (
	benchChunk  = 1 << suite.DefaultChunkBits
	benchStream = 64 << 20
)

// A memSource reads from memory and shows nothing but Read, so that io.Copy cannot hand the whole slice over at once.
type memSource struct{ b, rest []byte }

func (s *memSource) rewind() io.Reader {
	s.rest = s.b
	return s
}

func (s *memSource) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A memSink copies what is written to it into memory that is there already, and shows nothing but Write.
type memSink struct {
	b []byte
	n int
}

func (s *memSink) rewind() io.Writer {
	s.n = 0
	return s
}

func (s *memSink) Write(p []byte) (int, error) {
	n := copy(s.b[s.n:], p)
	s.n += n
	if n < len(p) {
		return n, io.ErrShortBuffer
	}
	return n, nil
}

// A socket is a source and a sink that stay in the cache, as those of a kernel do: it copies from and to the same
// 256 KiB over and over.
type socket struct {
	b    []byte
	at   int
	left int64
}

func (s *socket) rewind(n int64) *socket {
	s.at, s.left = 0, n
	return s
}

func (s *socket) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	for rest := p; len(rest) > 0; {
		n := copy(rest, s.b[s.at:])
		rest, s.at = rest[n:], (s.at+n)%len(s.b)
	}
	s.left -= int64(len(p))
	return len(p), nil
}

func (s *socket) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := copy(s.b[s.at:], rest)
		rest, s.at = rest[n:], (s.at+n)%len(s.b)
	}
	return len(p), nil
}

// limitSeal is the reference line limit-1core-io: read 256 KiB, seal in place, write, and nothing else.
func limitSeal(dst io.Writer, src io.Reader, w *suite.Sealer, buf, nonce []byte) error {
	for i := uint64(0); ; i++ {
		n, err := src.Read(buf[:limitUnit])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(nonce, i)
		if _, err := dst.Write(w.AEAD.Seal(buf[:0], nonce, buf[:n], nil)); err != nil {
			return err
		}
	}
}

// limitOpen is the same in the other direction.
func limitOpen(dst io.Writer, src io.Reader, w *suite.Sealer, buf, nonce []byte) error {
	for i := uint64(0); ; i++ {
		n, err := src.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(nonce, i)
		plain, err := w.AEAD.Open(buf[:0], nonce, buf[:n], nil)
		if err != nil {
			return err
		}
		if _, err := dst.Write(plain); err != nil {
			return err
		}
	}
}

const limitUnit = 256 << 10

// A lane is one way to encrypt or decrypt a stream of benchStream bytes.
type lane struct {
	name string
	run  func() error
}

// lanes returns, by direction, the reference line and ours. All go from memory to memory but those of "seal-socket".
func lanes(b *testing.B, w *suite.Sealer) map[string][]lane {
	plain := text(benchStream)
	size, err := suite.BodySize(benchStream, benchChunk)
	if err != nil {
		b.Fatal(err)
	}
	buf, nonce := make([]byte, limitUnit+suite.TagSize), make([]byte, suite.NonceSize)
	ours, limit := make([]byte, size), make([]byte, size)
	src := &memSource{b: plain}
	body := &memSource{b: stream.Seal(nil, plain, w, benchChunk, nil)}
	sink := &memSink{b: ours}
	limitSink := &memSink{b: limit}
	if err := limitSeal(limitSink, src.rewind(), w, buf, nonce); err != nil {
		b.Fatal(err)
	}
	limitBody := &memSource{b: slices.Clone(limit[:limitSink.n])}
	piece := make([]byte, 32<<10)

	in, out := &socket{b: text(limitUnit)}, &socket{b: make([]byte, limitUnit)}

	seal := []lane{
		{"limit-1core-io", func() error { return limitSeal(limitSink.rewind(), src.rewind(), w, buf, nonce) }},
		{"ReadFrom", func() error {
			ww := stream.NewWriter(sink.rewind(), w, benchChunk, nil)
			if _, err := ww.ReadFrom(src.rewind()); err != nil {
				return err
			}
			return ww.Close()
		}},
		{"Write", func() error {
			ww := stream.NewWriter(sink.rewind(), w, benchChunk, nil)
			if _, err := ww.Write(plain); err != nil {
				return err
			}
			return ww.Close()
		}},
		{"Write-32KiB", func() error {
			ww := stream.NewWriter(sink.rewind(), w, benchChunk, nil)
			for p := plain; len(p) > 0; p = p[len(piece):] {
				if _, err := ww.Write(p[:len(piece)]); err != nil {
					return err
				}
			}
			return ww.Close()
		}},
		{"Seal", func() error { stream.Seal(ours[:0], plain, w, benchChunk, nil); return nil }},
	}
	sealSocket := []lane{
		{"limit-1core-io", func() error {
			return limitSeal(out.rewind(0), in.rewind(benchStream), w, buf, nonce)
		}},
		{"ReadFrom", func() error {
			ww := stream.NewWriter(out.rewind(0), w, benchChunk, nil)
			if _, err := ww.ReadFrom(in.rewind(benchStream)); err != nil {
				return err
			}
			return ww.Close()
		}},
	}
	open := []lane{
		{"limit-1core-io", func() error { return limitOpen(limitSink.rewind(), limitBody.rewind(), w, buf, nonce) }},
		{"WriteTo", func() error {
			_, err := stream.NewReader(body.rewind(), w, benchChunk, nil).WriteTo(sink.rewind())
			return err
		}},
		{"Read-4MiB", func() error { return readAll(stream.NewReader(body.rewind(), w, benchChunk, nil), ours, 4<<20) }},
		{"Read-32KiB", func() error { return readAll(stream.NewReader(body.rewind(), w, benchChunk, nil), piece, 32<<10) }},
		{"Open", func() error { _, err := stream.Open(ours[:0], body.b, w, benchChunk, nil); return err }},
	}
	return map[string][]lane{"seal": seal, "seal-socket": sealSocket, "open": open}
}

// readAll reads r to its end in calls of n bytes, which go one behind the other into buf and again from its beginning.
func readAll(r io.Reader, buf []byte, n int) error {
	for at := 0; ; {
		if len(buf)-at < n {
			at = 0
		}
		k, err := r.Read(buf[at : at+n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		at += k
	}
}

// BenchmarkLanes runs each lane by itself.
func BenchmarkLanes(b *testing.B) {
	for dir, lanes := range lanes(b, newSealer(b, suite.AES256GCM, 1)) {
		for _, l := range lanes {
			b.Run(dir+"/"+l.name, func(b *testing.B) {
				b.SetBytes(benchStream)
				b.ReportAllocs()
				for b.Loop() {
					if err := l.run(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkAgainstLimit takes turns: every iteration runs all lanes once, so that they meet the same mood of the host.
// It reports the speed of each lane as a fraction of the reference line: X:p10 compares the tenth percentiles of the
// times, X:p50 the medians. 21 iterations or more make a figure: -benchtime=21x.
func BenchmarkAgainstLimit(b *testing.B) {
	for _, id := range suites {
		for dir, lanes := range lanes(b, newSealer(b, id, 1)) {
			b.Run(fmt.Sprintf("suite=%d/%s", id, dir), func(b *testing.B) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				times := make([][]time.Duration, len(lanes))
				for b.Loop() {
					for i, l := range lanes {
						start := time.Now()
						if err := l.run(); err != nil {
							b.Fatal(err)
						}
						times[i] = append(times[i], time.Since(start))
					}
				}
				for i := range times {
					slices.Sort(times[i])
				}
				at := func(i, percent int) float64 { return float64(times[i][len(times[i])*percent/100]) }
				b.ReportMetric(benchStream/at(0, 10), "limit-GB/s")
				b.ReportMetric(0, "ns/op")
				for i, l := range lanes[1:] {
					b.ReportMetric(at(0, 10)/at(i+1, 10), l.name+":p10")
					b.ReportMetric(at(0, 50)/at(i+1, 50), l.name+":p50")
				}
			})
		}
	}
}

// BenchmarkSealOpen: whole bodies, into a destination with room.
func BenchmarkSealOpen(b *testing.B) {
	for _, id := range suites {
		w := newSealer(b, id, 1)
		for _, n := range []int{100, 1 << 10, 16 << 10, benchChunk, 1 << 20, 16 << 20} {
			plain := text(n)
			body := stream.Seal(nil, plain, w, benchChunk, nil)
			b.Run(fmt.Sprintf("suite=%d/seal/size=%d", id, n), func(b *testing.B) {
				dst := make([]byte, 0, len(body))
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					stream.Seal(dst, plain, w, benchChunk, nil)
				}
			})
			b.Run(fmt.Sprintf("suite=%d/open/size=%d", id, n), func(b *testing.B) {
				dst := make([]byte, 0, n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := stream.Open(dst, body, w, benchChunk, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkChunk: streams of one chunk and less, with their buffers from the pools.
func BenchmarkChunk(b *testing.B) {
	w := newSealer(b, suite.AES256GCM, 1)
	for _, n := range []int{0, 100, 4 << 10, benchChunk} {
		plain := text(n)
		src, sink := &memSource{b: stream.Seal(nil, plain, w, benchChunk, nil)}, &memSink{b: make([]byte, n+suite.TagSize)}
		b.Run(fmt.Sprintf("Writer/size=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				ww := stream.NewWriter(sink.rewind(), w, benchChunk, nil)
				if _, err := ww.Write(plain); err != nil {
					b.Fatal(err)
				}
				if err := ww.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Reader/size=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stream.NewReader(src.rewind(), w, benchChunk, nil).WriteTo(sink.rewind()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A memFile is a ReaderAt over memory.
type memFile []byte

func (f memFile) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f[min(int64(len(f)), off):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// BenchmarkReadAt: 4 KiB at random places of 64 MiB, 512 bytes one behind the other, and 4 MiB at once.
func BenchmarkReadAt(b *testing.B) {
	w := newSealer(b, suite.AES256GCM, 1)
	for _, chunk := range []int{16 << 10, benchChunk} {
		body := stream.Seal(nil, text(benchStream), w, chunk, nil)
		open := func(b *testing.B) *stream.ReaderAt {
			ra, err := stream.NewReaderAt(memFile(body), 0, int64(len(body)), w, chunk, nil)
			if err != nil {
				b.Fatal(err)
			}
			return ra
		}
		for _, bb := range []struct {
			name string
			n    int64
			next func(off int64, rng *rand.Rand) int64
		}{
			{"random-4KiB", 4 << 10, func(_ int64, rng *rand.Rand) int64 { return rng.Int64N(benchStream - 4<<10) }},
			{"adjacent-512B", 512, func(off int64, _ *rand.Rand) int64 { return (off + 512) % benchStream }},
			{"whole-4MiB", 4 << 20, func(off int64, _ *rand.Rand) int64 { return (off + 4<<20) % benchStream }},
		} {
			b.Run(fmt.Sprintf("chunk=%d/%s", chunk, bb.name), func(b *testing.B) {
				ra, rng, p, off := open(b), rand.New(rand.NewPCG(1, 2)), make([]byte, bb.n), int64(0)
				b.SetBytes(bb.n)
				b.ReportAllocs()
				for b.Loop() {
					off = bb.next(off, rng)
					if _, err := ra.ReadAt(p, off); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("chunk=%d/parallel-random-4KiB", chunk), func(b *testing.B) {
			ra := open(b)
			b.SetBytes(4 << 10)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				rng, p := rand.New(rand.NewPCG(3, 4)), make([]byte, 4<<10)
				for pb.Next() {
					if _, err := ra.ReadAt(p, rng.Int64N(benchStream-4<<10)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
