package stream_test

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// crews are the numbers of workers that the tests of several try.
var crews = []int{2, 3, 8}

// TestTogether: whatever the length, chunk and number of workers, every way to write makes the body that one core makes,
// and every way to read opens it.
func TestTogether(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	lengths := []int{4*batch - 1, 4 * batch, 4*batch + 1, 7*batch + 12345, 9 * batch}
	chunks := []int{chunk, 1 << 16, batch, 4 * batch}
	if raceEnabled || testing.Short() {
		lengths, chunks = lengths[2:4], chunks[1:2]
	}
	for _, n := range lengths {
		plain := text(n)
		for _, chunk := range chunks {
			want := stream.Seal(nil, plain, w, chunk, &stream.Options{Parallelism: 1})
			for _, workers := range crews {
				what := fmt.Sprintf("%d bytes, chunk %d, %d workers: ", n, chunk, workers)
				opts := &stream.Options{Parallelism: workers}
				check(t, what+"Seal", stream.Seal(nil, plain, w, chunk, opts), nil, want)
				for _, wr := range writeCalls {
					dst := &memSink{b: make([]byte, len(want))}
					ww := stream.NewWriter(dst, w, chunk, opts)
					if k, err := wr.do(ww, plain); k != int64(n) || err != nil {
						t.Errorf("%s%s = %d, %v", what, wr.name, k, err)
					}
					err := ww.Close()
					check(t, what+wr.name, dst.b[:dst.n], err, want)
				}
				got, err := stream.Open(nil, want, w, chunk, opts)
				check(t, what+"Open", got, err, plain)
				for _, rd := range readCalls {
					dst := &memSink{b: make([]byte, n)}
					k, err := rd.do(stream.NewReader((&memSource{b: want}).rewind(), w, chunk, opts), dst)
					if k != int64(n) {
						t.Errorf("%s%s = %d", what, rd.name, k)
					}
					check(t, what+rd.name, dst.b[:dst.n], err, plain)
				}
				ra, err := stream.NewReaderAt(memFile(want), 0, int64(len(want)), w, chunk, opts)
				if err != nil {
					t.Fatal(err)
				}
				for _, off := range []int{0, 1, n - 4*batch + 1} {
					p := make([]byte, n)
					k, err := ra.ReadAt(p, int64(off))
					if err == io.EOF && off > 0 {
						err = nil
					}
					check(t, fmt.Sprintf("%sReadAt(%d)", what, off), p[:k], err, plain[off:])
				}
			}
		}
	}
}

// writeCalls and readCalls are the calls that may work on several cores. They return what they said to have moved.
var (
	writeCalls = []struct {
		name string
		do   func(w *stream.Writer, plain []byte) (int64, error)
	}{
		{"Write", func(w *stream.Writer, plain []byte) (int64, error) { n, err := w.Write(plain); return int64(n), err }},
		{"Writes", func(w *stream.Writer, plain []byte) (n int64, err error) { // a chunk in part waits between the two
			k, err := w.Write(plain[:min(len(plain), 1001)])
			if n = int64(k); err == nil {
				k, err = w.Write(plain[k:])
				n += int64(k)
			}
			return n, err
		}},
		{"ReadFrom", func(w *stream.Writer, plain []byte) (int64, error) {
			return w.ReadFrom((&memSource{b: plain}).rewind())
		}},
		{"ReadFrom in two", func(w *stream.Writer, plain []byte) (int64, error) {
			n, err := w.ReadFrom(io.LimitReader((&memSource{b: plain}).rewind(), int64(len(plain)/2)))
			if err != nil {
				return n, err
			}
			k, err := w.ReadFrom((&memSource{b: plain[n:]}).rewind())
			return n + k, err
		}},
	}
	readCalls = []struct {
		name string
		do   func(r *stream.Reader, dst io.Writer) (int64, error)
	}{
		{"WriteTo", func(r *stream.Reader, dst io.Writer) (int64, error) { return r.WriteTo(dst) }},
		{"Read", func(r *stream.Reader, dst io.Writer) (int64, error) {
			return readTo(r, dst, make([]byte, 5*batch+1))
		}},
		{"Read small, WriteTo", func(r *stream.Reader, dst io.Writer) (int64, error) {
			p := make([]byte, 100)
			n, err := r.Read(p)
			if err == io.EOF {
				return 0, nil
			}
			if err == nil {
				_, err = dst.Write(p[:n])
			}
			if err != nil {
				return int64(n), err
			}
			k, err := r.WriteTo(dst)
			return int64(n) + k, err
		}},
	}
)

// readTo reads r to its end, into p at a time, and writes to dst what came.
func readTo(r io.Reader, dst io.Writer, p []byte) (sum int64, err error) {
	for {
		n, err := r.Read(p)
		sum += int64(n)
		if _, failed := dst.Write(p[:n]); failed != nil {
			return sum, failed
		}
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
	}
}

// TestSmallBatches runs the tests of this package, that is all sizes, steps, failures, tampering and exchanges, with
// batches of two chunks of which several workers have one each.
func TestSmallBatches(t *testing.T) {
	stream.SetSmallBatches(t, 2*chunk)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	defer func(old []int) { sizes = old }(sizes)
	sizes = []int{
		0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 3 * chunk, 4*chunk - 1, 4 * chunk,
		4*chunk + 1, 9 * chunk, 20*chunk + 7,
	}
	for _, tt := range []struct {
		name string
		test func(t *testing.T)
	}{
		{"Agreement", TestAgreement},
		{"Append", TestAppend},
		{"InPlace", TestInPlace},
		{"OpenWipes", TestOpenWipes},
		{"Limit", TestLimit},
		{"WriterSteps", TestWriterSteps},
		{"ReadFrom", TestReadFrom},
		{"WriterFails", TestWriterFails},
		{"WriterClosed", TestWriterClosed},
		{"ReadFromFails", TestReadFromFails},
		{"ReaderSteps", TestReaderSteps},
		{"ReaderSources", TestReaderSources},
		{"ReaderFails", TestReaderFails},
		{"WriteToFails", TestWriteToFails},
		{"ReaderDoesNotWait", TestReaderDoesNotWait},
		{"ReaderReadsToTheEnd", TestReaderReadsToTheEnd},
		{"ReadLeavesNothingUnauthenticated", TestReadLeavesNothingUnauthenticated},
		{"ReadAtConcurrently", TestReadAtConcurrently},
		{"ReadAtLeavesNothingUnauthenticated", TestReadAtLeavesNothingUnauthenticated},
		{"EveryByteFlipped", TestEveryByteFlipped},
		{"EveryTruncation", TestEveryTruncation},
		{"EveryExchange", TestEveryExchange},
		{"Forged", TestForged},
		{"LeakyCipher", TestLeakyCipher},
		{"PoolHoldsNoPlaintext", TestPoolHoldsNoPlaintext},
	} {
		t.Run(tt.name, tt.test)
	}
}

// TestTogetherFails: a source or destination that fails anywhere gives what it gives on one core: the same bytes at the
// destination, the same count and the same error, and a stream that stays failed.
func TestTogetherFails(t *testing.T) {
	const n = 11 * chunk
	stream.SetSmallBatches(t, 2*chunk)
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(n)
	body := stream.Seal(nil, plain, w, chunk, nil)
	positions := func(size, unit int) (at []int) {
		for i := 0; i <= size; i += unit {
			at = append(at, i, min(size, i+1), min(size, i+unit/2), min(size, i+unit-1))
		}
		return at
	}
	type result struct {
		n   int64
		out string
		err error
	}
	for _, workers := range crews[:2] {
		one, several := &stream.Options{Parallelism: 1}, &stream.Options{Parallelism: workers}
		for _, at := range positions(n, chunk) {
			for _, bad := range badSources {
				seal := func(opts *stream.Options) (r result) {
					var dst bytes.Buffer
					ww := stream.NewWriter(&dst, w, chunk, opts)
					r.n, r.err = ww.ReadFrom(io.MultiReader(bytes.NewReader(plain[:at]), bad.read))
					if err := ww.Close(); err != r.err {
						t.Errorf("%s after %d: Close = %v, want %v", bad.name, at, err, r.err)
					}
					r.out = dst.String()
					return r
				}
				if got, want := seal(several), seal(one); got != want {
					t.Errorf("%d workers, source %s after %d: ReadFrom = %d, %v, %d bytes, want %d, %v, %d bytes",
						workers, bad.name, at, got.n, got.err, len(got.out), want.n, want.err, len(want.out))
				}
			}
		}
		for _, at := range positions(len(body), full) {
			for _, bad := range badSources {
				for _, call := range readCalls {
					open := func(opts *stream.Options) (r result) {
						var dst bytes.Buffer
						rr := stream.NewReader(io.MultiReader(bytes.NewReader(body[:at]), bad.read), w, chunk, opts)
						r.n, r.err = call.do(rr, &dst)
						r.out = dst.String()
						return r
					}
					if got, want := open(several), open(one); got != want {
						t.Errorf("%d workers, source %s after %d: %s = %d, %v, %d bytes, want %d, %v, %d bytes",
							workers, bad.name, at, call.name, got.n, got.err, len(got.out), want.n, want.err, len(want.out))
					}
				}
			}
			for _, bad := range badDestinations {
				for _, call := range writeCalls {
					seal := func(opts *stream.Options) (r result) {
						dst := &stingy{left: at, n: bad.n, err: bad.err}
						ww := stream.NewWriter(dst, w, chunk, opts)
						if r.n, r.err = call.do(ww, plain); r.err == nil {
							r.err = ww.Close()
						} else if err := ww.Close(); err != r.err {
							t.Errorf("destination %s after %d: Close = %v, want %v", bad.name, at, err, r.err)
						}
						if dst.after > 0 {
							t.Errorf("destination %s after %d: %d Writes after the one that failed", bad.name, at, dst.after)
						}
						r.out = dst.String()
						return r
					}
					got, want := seal(several), seal(one)
					if strings.HasPrefix(call.name, "ReadFrom") {
						got.n, want.n = 0, 0 // several have read further
					}
					if got != want {
						t.Errorf("%d workers, destination %s after %d: %s = %d, %v, %d bytes, want %d, %v, %d bytes",
							workers, bad.name, at, call.name, got.n, got.err, len(got.out), want.n, want.err, len(want.out))
					}
				}
			}
		}
		for _, at := range positions(n, chunk) {
			for _, bad := range badDestinations {
				open := func(opts *stream.Options) (r result) {
					dst := &stingy{left: at, n: bad.n, err: bad.err}
					rr := stream.NewReader(bytes.NewReader(body), w, chunk, opts)
					r.n, r.err = rr.WriteTo(dst)
					if k, err := rr.WriteTo(dst); k != 0 || err != r.err || dst.after > 0 {
						t.Errorf("destination %s after %d: then WriteTo = %d, %v, want 0, %v", bad.name, at, k, err, r.err)
					}
					r.out = dst.String()
					return r
				}
				if got, want := open(several), open(one); got != want {
					t.Errorf("%d workers, destination %s after %d: WriteTo = %d, %v, %d bytes, want %d, %v, %d bytes",
						workers, bad.name, at, got.n, got.err, len(got.out), want.n, want.err, len(want.out))
				}
			}
		}
	}
}

// TestTogetherTampered: the first chunk that is not authentic decides, whoever finds another before, and what is given
// away is what stands before it.
func TestTogetherTampered(t *testing.T) {
	const n = 40*chunk + 5
	stream.SetSmallBatches(t, 2*chunk)
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(n)
	good := stream.Seal(nil, plain, w, chunk, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, workers := range crews {
		opts := &stream.Options{Parallelism: workers}
		for first := range 41 {
			bad := bytes.Clone(good)
			bad[first*full] ^= 1
			for range 3 { // others behind it
				bad[first*full+rng.IntN(len(bad)-first*full)] ^= 2
			}
			prefix, ended := plain[:first*chunk], first == 40
			verify := func(name string, got []byte, err error) {
				t.Helper()
				var ce *stream.ChunkError
				if !errors.As(err, &ce) || ce.Chunk != int64(first) || errors.Is(err, io.ErrUnexpectedEOF) != ended {
					t.Errorf("%d workers, chunk %d damaged: %s = %v", workers, first, name, err)
				}
				if !bytes.Equal(got, prefix) {
					t.Errorf("%d workers, chunk %d damaged: %s gave %d bytes, want %d", workers, first, name, len(got), len(prefix))
				}
			}
			room := padded(n)
			got, err := stream.Open(room, bad, w, chunk, opts)
			if verify("Open", plain[:first*chunk], err); got != nil {
				t.Errorf("chunk %d damaged: Open gave %d bytes", first, len(got))
			}
			if rest := bytes.Trim(room[:n], "\x00\xaa"); len(rest) > 0 {
				t.Errorf("chunk %d damaged: Open left %d bytes behind dst", first, len(rest))
			}
			for _, call := range readCalls {
				var dst bytes.Buffer
				_, err := call.do(stream.NewReader((&memSource{b: bad}).rewind(), w, chunk, opts), &dst)
				verify(call.name, dst.Bytes(), err)
			}
			p := bytes.Repeat([]byte{0xaa}, n+chunk)
			r := stream.NewReader((&memSource{b: bad}).rewind(), w, chunk, opts)
			k, err := io.ReadFull(r, p)
			if verify("ReadFull", p[:k], err); bytes.Contains(p[k:], plain[n-5:]) || bytes.Contains(p[k:], plain[39*chunk:39*chunk+9]) {
				t.Errorf("chunk %d damaged: Read left what stands behind it", first)
			}
			ra, err := stream.NewReaderAt(memFile(bad), 0, int64(len(bad)), w, chunk, opts)
			if errors.Is(err, suite.ErrAuthentication) {
				continue // the last chunk is damaged as well
			}
			if err != nil {
				t.Fatal(err)
			}
			k, err = ra.ReadAt(p[:n], 0)
			verify("ReadAt", p[:k], err)
		}
	}
}

// A thrower calls throw once it has been read or written so many times.
type thrower struct {
	memSource
	memSink
	calls int
	throw func()
}

func (s *thrower) Read(p []byte) (int, error) {
	if s.calls--; s.calls < 0 {
		s.throw()
	}
	return s.memSource.Read(p)
}

func (s *thrower) Write(p []byte) (int, error) {
	if s.calls--; s.calls < 0 {
		s.throw()
	}
	return s.memSink.Write(p)
}

// A throwingAEAD calls throw before it seals.
type throwingAEAD struct {
	cipher.AEAD
	throw func()
}

func (a throwingAEAD) Seal(dst, nonce, plaintext, more []byte) []byte {
	a.throw()
	return a.AEAD.Seal(dst, nonce, plaintext, more)
}

// TestThrows: a panic of a source or destination reaches the caller as it is, runtime.Goexit ends his goroutine, both
// leave nothing running, and the stream is of no use any more.
func TestThrows(t *testing.T) {
	const n = 60 * chunk
	stream.SetSmallBatches(t, 2*chunk)
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(n)
	body := stream.Seal(nil, plain, w, chunk, nil)
	value := errors.New("thrown")
	for calls := range 28 {
		for _, exit := range []bool{false, true} {
			throw := func() { panic(value) }
			if exit {
				throw = runtime.Goexit
			}
			source := func(b []byte) *thrower {
				return &thrower{memSource: memSource{b: b, rest: b}, calls: calls, throw: throw}
			}
			sink := func() *thrower {
				return &thrower{memSink: memSink{b: make([]byte, 2*n)}, calls: calls, throw: throw}
			}
			opts := &stream.Options{Parallelism: 3}
			for _, tt := range []struct {
				name string
				make func() (call func() error, again func() error)
			}{
				{"ReadFrom, source", func() (call, again func() error) {
					ww := stream.NewWriter(io.Discard, w, chunk, opts)
					return func() error { _, err := ww.ReadFrom(source(plain)); return err }, ww.Close
				}},
				{"ReadFrom, destination", func() (call, again func() error) {
					ww := stream.NewWriter(sink(), w, chunk, opts)
					return func() error { _, err := ww.ReadFrom((&memSource{b: plain}).rewind()); return err }, ww.Close
				}},
				{"Write", func() (call, again func() error) {
					ww := stream.NewWriter(sink(), w, chunk, opts)
					return func() error { _, err := ww.Write(plain); return err }, ww.Close
				}},
				{"WriteTo, source", func() (call, again func() error) {
					r := stream.NewReader(source(body), w, chunk, opts)
					return func() error { _, err := r.WriteTo(io.Discard); return err },
						func() error { _, err := r.Read(make([]byte, 1)); return err }
				}},
				{"WriteTo, destination", func() (call, again func() error) {
					r := stream.NewReader((&memSource{b: body}).rewind(), w, chunk, opts)
					return func() error { _, err := r.WriteTo(sink()); return err },
						func() error { _, err := r.Read(make([]byte, 1)); return err }
				}},
				{"cipher", func() (call, again func() error) {
					var left atomic.Int64
					left.Store(int64(2 * calls))
					broken := &suite.Sealer{AEAD: throwingAEAD{w.AEAD, func() {
						if left.Add(-1) < 0 {
							throw()
						}
					}}}
					ww := stream.NewWriter(io.Discard, broken, chunk, opts)
					return func() error { _, err := ww.Write(plain); return err }, ww.Close
				}},
				{"Between", func() (call, again func() error) {
					left := calls
					opts := &stream.Options{Parallelism: 3, Between: func() {
						if left--; left < 0 {
							throw()
						}
					}}
					ww := stream.NewWriter(io.Discard, w, chunk, opts)
					return func() error { _, err := ww.Write(plain); return err }, ww.Close
				}},
			} {
				what := fmt.Sprintf("%s throws after %d calls, Goexit %v", tt.name, calls, exit)
				call, again := tt.make()
				before := runtime.NumGoroutine()
				var thrown any
				returned := false
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { thrown = recover() }()
					if err := call(); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					returned = true
				}()
				<-done
				noMore(t, what, before)
				if returned && thrown == nil {
					if tt.name != "Between" && calls < 20 {
						t.Errorf("%s: it came back as if nothing had been", what)
					}
					continue
				}
				if !exit && thrown != value || exit && thrown != nil {
					t.Errorf("%s: the caller recovered %v", what, thrown)
				}
				if err := again(); err == nil || err == io.EOF {
					t.Errorf("%s: then the next call = %v, want an error", what, err)
				}
			}
		}
	}
}

// noMore waits until there are no more goroutines than before. Those of a call have returned when it does, but may not
// quite be gone.
func noMore(t *testing.T, what string, before int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%s left %d goroutines:\n%s", what, runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A watch is a source and destination that looks at who calls it.
type watch struct {
	memSource
	memSink
	reading, writing atomic.Int32
	together         atomic.Bool // two calls of one kind at once
	mu               sync.Mutex
	callers          []string // goroutines
}

func (s *watch) note(n *atomic.Int32) (done func()) {
	if n.Add(1) > 1 {
		s.together.Store(true)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := goroutine(); !slices.Contains(s.callers, id) {
		s.callers = append(s.callers, id)
	}
	return func() { n.Add(-1) }
}

func (s *watch) Read(p []byte) (int, error)  { defer s.note(&s.reading)(); return s.memSource.Read(p) }
func (s *watch) Write(p []byte) (int, error) { defer s.note(&s.writing)(); return s.memSink.Write(p) }

// goroutine returns the name of the goroutine that calls it.
func goroutine() string {
	b := make([]byte, 64)
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b, false)]), " [")
	return name
}

// TestWhoCalls: one worker is the caller himself, and so is the only one of a short message; of several none calls the
// source while another does, nor the destination; and Between is always called by the caller.
func TestWhoCalls(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	calls := map[string]int{"ReadFrom": 1, "Write": 1, "WriteTo": 1, "Read": 2} // in which there are several
	for _, tt := range []struct {
		size, workers int
		alone         bool
	}{
		{12 * batch, 1, true},
		{2*batch - 1, 8, true},
		{12 * batch, 8, false},
	} {
		plain := text(tt.size)
		body := stream.Seal(nil, plain, w, 1<<16, nil)
		for name, do := range map[string]func(s *watch, opts *stream.Options) error{
			"ReadFrom": func(s *watch, opts *stream.Options) error {
				s.memSource.rest = plain
				_, err := stream.NewWriter(s, w, 1<<16, opts).ReadFrom(s)
				return err
			},
			"Write": func(s *watch, opts *stream.Options) error {
				_, err := stream.NewWriter(s, w, 1<<16, opts).Write(plain)
				return err
			},
			"WriteTo": func(s *watch, opts *stream.Options) error {
				s.memSource.rest = body
				_, err := stream.NewReader(s, w, 1<<16, opts).WriteTo(s)
				return err
			},
			"Read": func(s *watch, opts *stream.Options) error {
				s.memSource.rest = body
				return readAll(stream.NewReader(s, w, 1<<16, opts), make([]byte, 6*batch), 6*batch)
			},
		} {
			what := fmt.Sprintf("%s of %d bytes, %d workers", name, tt.size, tt.workers)
			me, looks := goroutine(), 0
			opts := &stream.Options{Parallelism: tt.workers, Between: func() {
				if looks++; goroutine() != me {
					t.Errorf("%s: Between on %s, want %s", what, goroutine(), me)
				}
			}}
			s := &watch{memSink: memSink{b: make([]byte, len(body))}}
			before := runtime.NumGoroutine()
			if err := do(s, opts); err != nil {
				t.Errorf("%s = %v", what, err)
			}
			noMore(t, what, before)
			if s.together.Load() {
				t.Errorf("%s: two calls of the source or the destination at once", what)
			}
			if looks == 0 && !(name == "Read" && tt.alone) { // a Read on one core is one batch
				t.Errorf("%s: Between was never called", what)
			}
			if tt.alone && !slices.Equal(s.callers, []string{me}) {
				t.Errorf("%s: called by %v, want %s alone", what, s.callers, me)
			}
			if most := tt.workers * calls[name]; len(s.callers) > most {
				t.Errorf("%s: called by %v, want at most %d goroutines", what, s.callers, most)
			}
		}
	}
}

// TestBackPressure: when the destination does not take anything, the source is read two batches ahead for each worker, and
// no further.
func TestBackPressure(t *testing.T) {
	const workers, n = 3, 64 << 20
	w := newSealer(t, suite.AES256GCM, 1)
	stop := make(chan struct{}) // the destination waits for it
	blocked := make(chan struct{})
	var read atomic.Int64
	given := int64(0)
	src := &socket{b: text(socketSize), left: n}
	dst := writeFunc(func(p []byte) (int, error) {
		if given += int64(len(p)); given > 16<<20 {
			select {
			case <-stop:
			default:
				close(blocked)
				<-stop
			}
		}
		return len(p), nil
	})
	done := make(chan error)
	go func() {
		ww := stream.NewWriter(dst, w, 1<<16, &stream.Options{Parallelism: workers})
		_, err := ww.ReadFrom(readFunc(func(p []byte) (int, error) {
			k, err := src.Read(p)
			read.Add(int64(k))
			return k, err
		}))
		done <- err
	}()
	<-blocked
	// The others may go on until all batches wait; they cannot be seen to have stopped, only not to go further.
	for range 1000 {
		runtime.Gosched()
		if ahead := read.Load() - 16<<20; ahead > 2*workers*batch/2+64 {
			t.Fatalf("the source is %d bytes ahead of the destination", ahead)
		}
	}
	close(stop)
	if err := <-done; err != nil || read.Load() != n {
		t.Errorf("ReadFrom = %v after %d bytes, want all of %d", err, read.Load(), n)
	}
}

type writeFunc func(p []byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

// TestNothingHeldBack: a source that has been quick and then waits for an answer does not wait for ever: all chunks that
// are complete, and known not to be the last, come out without another byte from it.
func TestNothingHeldBack(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	for _, n := range []int{8 * batch, 8*batch + 1, 8*batch + 70000, 9*batch - 1} {
		plain := text(n + 5)
		body := stream.Seal(nil, plain, w, chunk, nil)
		for _, workers := range append(crews, 1) {
			opts := &stream.Options{Parallelism: workers}
			what := fmt.Sprintf("%d bytes, %d workers: ", n, workers)
			// The source gives all but the last 5 bytes, and these only when the destination has the chunks before.
			seal := newPatient(plain, n, (n-1)/chunk*full)
			ww := stream.NewWriter(seal, w, chunk, opts)
			if _, err := ww.ReadFrom(seal); err != nil {
				t.Errorf("%sReadFrom = %v", what, err)
			}
			open := newPatient(body, len(body)-5, (len(body)-5-1)/full*chunk)
			if _, err := stream.NewReader(open, w, chunk, opts).WriteTo(open); err != nil {
				t.Errorf("%sWriteTo = %v", what, err)
			}
		}
	}
}

// A patient source gives n bytes of b, and the rest when enough has been written to it.
type patient struct {
	b      []byte
	n, at  int
	enough int
	mu     sync.Mutex
	more   *sync.Cond
	sum    int
}

func newPatient(b []byte, n, enough int) *patient {
	p := &patient{b: b, n: n, enough: enough}
	p.more = sync.NewCond(&p.mu)
	return p
}

func (s *patient) Read(p []byte) (int, error) {
	if s.at == s.n {
		s.mu.Lock()
		for s.sum < s.enough {
			s.more.Wait()
		}
		s.mu.Unlock()
		s.n = len(s.b)
	}
	if s.at == len(s.b) {
		return 0, io.EOF
	}
	k := copy(p, s.b[s.at:s.n])
	s.at += k
	return k, nil
}

func (s *patient) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += len(p)
	s.more.Broadcast()
	return len(p), nil
}

// TestMaxBuffer: a stream allocates no more than it may, whatever the number of workers, and never less than two chunks.
func TestMaxBuffer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools drop what they are given")
	}
	const n = 64 << 20
	w := newSealer(t, suite.AES256GCM, 1)
	for _, chunk := range []int{chunk, 1 << 16, batch} {
		for _, maxBuffer := range []int{1, batch, 3 * batch, 5 * batch, 16 * batch, 64 * batch, 0} {
			opts := &stream.Options{Parallelism: 100, MaxBuffer: maxBuffer}
			most := max(maxBuffer, 2*(chunk+chunk/256+64))
			if maxBuffer == 0 {
				most = 64 << 20
			}
			// Besides, but not at the same time: the buffers of the first reads, each four times as long as the one before. And
			// what is no buffer: 2 KiB for each of up to 62 goroutines.
			most += 400<<10 + 62*2<<10
			src := &socket{b: text(socketSize)}
			body := &sealedSource{w: w, chunk: chunk, left: n}
			for name, do := range map[string]func() error{
				"ReadFrom": func() error {
					src.left = n
					_, err := stream.NewWriter(io.Discard, w, chunk, opts).ReadFrom(src)
					return err
				},
				"WriteTo": func() error {
					_, err := stream.NewReader(body, w, chunk, opts).WriteTo(io.Discard)
					return err
				},
			} {
				body.rewind(n)
				stream.DrainBuffers()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if err := do(); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				if got := int(after.TotalAlloc - before.TotalAlloc); got > most {
					t.Errorf("chunk %d, MaxBuffer %d: %s allocated %d bytes, want at most %d", chunk, maxBuffer, name, got, most)
				}
			}
		}
	}
}

// A sealedSource is a body of any length that is made as it is read, one chunk at a time.
type sealedSource struct {
	w     *suite.Sealer
	chunk int
	left  int64 // bytes of plaintext not yet sealed
	i     uint64
	plain []byte
	buf   []byte
	rest  []byte
	nonce [suite.NonceSize]byte
}

func (s *sealedSource) rewind(n int64) {
	s.left, s.i, s.rest = n, 0, nil
	if s.plain == nil {
		s.plain, s.buf = text(s.chunk), make([]byte, 0, s.chunk+suite.TagSize)
	}
}

func (s *sealedSource) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(s.rest) == 0 {
			if s.left == 0 {
				if n == 0 {
					err = io.EOF
				}
				return n, err
			}
			k := min(s.left, int64(s.chunk))
			s.left -= k
			s.w.Nonce(&s.nonce, s.i, s.left == 0)
			s.rest = s.w.AEAD.Seal(s.buf[:0], s.nonce[:], s.plain[:k], nil)
			s.i++
		}
		k := copy(p[n:], s.rest)
		s.rest = s.rest[k:]
		n += k
	}
	return n, nil
}

// TestTogetherAllocates: what a stream allocates with several workers depends on their number, and nothing on its length.
func TestTogetherAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("allocations are not counted under the race detector")
	}
	w := newSealer(t, suite.AES256GCM, 1)
	opts := &stream.Options{Parallelism: 2}
	room := make([]byte, 65<<20)
	plain := make([]byte, 64<<20)
	body := stream.Seal(nil, plain, w, 1<<16, nil)
	src, bodySrc, sink := &memSource{b: plain}, &memSource{b: body}, &memSink{b: room}
	ra, err := stream.NewReaderAt(memFile(body), 0, int64(len(body)), w, 1<<16, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name string
		do   func() error
	}{
		{"ReadFrom", func() error {
			_, err := stream.NewWriter(sink.rewind(), w, 1<<16, opts).ReadFrom(src.rewind())
			return err
		}},
		{"Write", func() error { _, err := stream.NewWriter(sink.rewind(), w, 1<<16, opts).Write(plain); return err }},
		{"WriteTo", func() error {
			_, err := stream.NewReader(bodySrc.rewind(), w, 1<<16, opts).WriteTo(sink.rewind())
			return err
		}},
		{"Read", func() error {
			return readAll(stream.NewReader(bodySrc.rewind(), w, 1<<16, opts), room, len(plain))
		}},
		{"Seal", func() error { stream.Seal(room[:0], plain, w, 1<<16, opts); return nil }},
		{"Open", func() error { _, err := stream.Open(room[:0], body, w, 1<<16, opts); return err }},
		{"ReadAt", func() error { _, err := ra.ReadAt(room[:len(plain)], 0); return err }},
	} {
		allocs := testing.AllocsPerRun(3, func() {
			if err := f.do(); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > 40 {
			t.Errorf("%s of 64 MiB in 1024 chunks allocates %v times", f.name, allocs)
		}
	}
}
