package stream

import (
	"io"
	"math"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A Writer encrypts what is written to it as one body. [NewWriter] makes one; the zero value is not usable. It is not
// safe for concurrent use.
//
// When Write or ReadFrom returns, at most one chunk of what they were given waits in the Writer: the last so far, which
// may turn out to be the last of all. Every error sticks: a Writer that failed, whoever failed it, returns the same error
// ever after and writes nothing more, so that no index is sealed twice and no broken message is ended as if it were
// whole. A Writer that is dropped before Close leaves an unfinished message and nothing else behind.
//
// Source and destination may be called on goroutines of the Writer's own, never two of the calls of either at once, and
// none after the call of the Writer that needed it has returned.
type Writer struct {
	dst   io.Writer
	lane  lane // in: plaintext not yet sealed, at most one chunk between calls
	pipe  pipeline
	next  int64 // index of the next chunk
	total int64 // bytes of plaintext accepted
	err   error // sticks

	// Of the call that runs.
	src  io.Reader // ReadFrom
	read int64     // bytes that ReadFrom has read
	rest []byte    // what Write has not yet taken
	sent int       // bytes of Write's slice that are at the destination, or were kept before
}

var _ io.ReaderFrom = (*Writer)(nil)

// NewWriter returns a Writer that writes the body to dst, in chunks of chunk bytes, which must be a chunk size of the
// format. It keeps dst and copies w, which seals this body and nothing else, and writes nothing yet. nil options mean the
// defaults.
func NewWriter(dst io.Writer, w *suite.Sealer, chunk int, opts *Options) *Writer {
	mustChunk(chunk)
	ww := &Writer{dst: dst}
	ww.pipe, ww.lane = newPipeline(codec{w: *w, chunk: chunk}, chunk, opts)
	return ww
}

// Write encrypts p. Whole chunks are sealed straight from p and go to the destination in batches of up to about 1 MiB,
// which are sealed on several cores if p has 4 MiB or more; what remains is copied. p is neither kept nor modified.
//
// It returns how many bytes of p it took, which is len(p) unless there is an error: that of the destination;
// [io.ErrShortWrite] if the destination took less without saying why; [ErrInvalidCount]; [ErrTooLarge], having taken
// nothing; [ErrClosed]; or the error of an earlier call.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > maxPlaintext-w.total {
		return 0, w.fail(ErrTooLarge)
	}
	w.total += int64(len(p))
	w.rest, w.sent = p, 0
	w.pipe.whole = 0
	n := 1
	if len(p) >= splitFrom {
		w.pipe.whole = math.MaxInt64 // all of it is there
		n = len(p) / (w.pipe.batch * w.pipe.unit)
	}
	err := w.run((*fromSlice)(w), n)
	rest := w.rest
	w.rest = nil
	if err != nil {
		return w.sent, w.fail(err)
	}
	w.lane.in.append(rest) // at most a chunk
	return len(p), nil
}

// ReadFrom encrypts src until its end, in Reads and Writes of up to about 1 MiB where src and the chunk size allow,
// and returns how many bytes it read. It does not end the message: Write, ReadFrom or Close may follow. Once 2 MiB have
// come in Reads that gave at least half of what they asked for, it seals on several cores.
//
// An error of src other than io.EOF is returned and fails the Writer, because a Close after it would make a message that
// looks whole. So do [io.ErrNoProgress], if src returns nothing and no error 100 times on end, and the errors of Write.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.src, w.read = src, 0
	w.pipe.whole = 0
	err := w.run((*fromSource)(w), w.pipe.workers)
	w.src = nil
	if err != io.EOF {
		return w.read, w.fail(err)
	}
	return w.read, nil
}

// run runs one call. If the caller's source or destination panics, nobody knows what was written: the Writer has failed.
func (w *Writer) run(m mover, n int) error {
	w.err = errThrown
	err := w.pipe.run(m, &w.lane, n)
	w.err = nil
	return err
}

// Close seals the last chunk, which ends the message, and leaves the destination open. A message to which nothing was
// written has one empty chunk. The errors are those of Write; without one, every later call, a second Close among them,
// returns [ErrClosed] and writes nothing. Without a Close that returned nil there is no message.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = errThrown
	l := &w.lane
	l.head, l.src, l.last = nil, l.in.bytes(), true
	w.count(l)
	w.work(l)
	if err := w.give(l); err != nil {
		return w.fail(err)
	}
	w.fail(ErrClosed)
	return nil
}

// fail makes err the answer of every later call, gives the buffers back and returns err.
func (w *Writer) fail(err error) error {
	w.err = err
	w.free(&w.lane)
	return err
}

// count gives the chunks of a batch their indices. It does so before anything is written: whatever becomes of the
// ciphertext, these indices are used.
func (w *Writer) count(l *lane) {
	l.next = w.next
	w.next += suite.Chunks(int64(len(l.head)+len(l.src)), w.lane.codec.chunk)
}

// work seals a batch.
func (w *Writer) work(l *lane) {
	chunk := l.codec.chunk
	n := len(l.head) + len(l.src)
	out := l.room(n + int(suite.Chunks(int64(n), chunk))*suite.TagSize)
	i := l.next
	if len(l.head) > 0 {
		out = l.codec.seal(out, l.head, i, false)
		i++
	}
	if len(l.src) > 0 || l.last {
		out = l.codec.seal(out, l.src, i, l.last)
	}
	l.dst = out
}

// give writes a batch.
func (w *Writer) give(l *lane) error {
	_, err := write(w.dst, l.dst)
	return err
}

// free gives the buffers of a lane back: in had plaintext, out has ciphertext.
func (w *Writer) free(l *lane) {
	l.in.free()
	putBuffer(l.out)
	l.out = nil
}

// fromSource is ReadFrom.
type fromSource Writer

func (f *fromSource) take(l *lane) bool {
	w := (*Writer)(f)
	n, err := w.pipe.fill(l, w.src)
	w.read += int64(n)
	l.head, l.src, l.err = nil, nil, err
	if w.total += int64(n); w.total > maxPlaintext {
		l.err = ErrTooLarge
		return true
	}
	// What stays, a chunk at most, may be the end of the message. The window holds at most a batch and 64 bytes, so the
	// rest is a batch at most.
	if n := (l.in.len() - 1) / l.codec.chunk * l.codec.chunk; n > 0 {
		l.src = l.in.bytes()[:n]
		w.count(l)
		l.in.skip(n)
	}
	return true
}

func (f *fromSource) work(l *lane) {
	if l.dst = nil; len(l.src) > 0 {
		(*Writer)(f).work(l)
	}
}

func (f *fromSource) give(l *lane) error {
	if len(l.dst) > 0 {
		if err := (*Writer)(f).give(l); err != nil {
			return err
		}
	}
	return l.err
}

func (f *fromSource) free(l *lane) { (*Writer)(f).free(l) }

// fromSlice is Write.
type fromSlice Writer

func (f *fromSlice) take(l *lane) bool {
	w := (*Writer)(f)
	chunk, left := l.codec.chunk, len(w.rest)
	if n := l.in.len(); n > 0 {
		n = min(chunk-n, len(w.rest))
		l.in.append(w.rest[:n])
		w.rest = w.rest[n:]
	}
	// If something follows what waits, this is nothing or a chunk that is not the last. It is sealed with as many more
	// from the slice as fit the batch and have something behind them.
	waiting := l.in.len()
	if len(w.rest) == 0 || waiting == 0 && len(w.rest) <= chunk {
		return false
	}
	n := min((len(w.rest)-1)/chunk, l.most-waiting/chunk) * chunk
	l.head, l.src = l.in.bytes(), w.rest[:n]
	l.in.skip(waiting)
	w.rest = w.rest[n:]
	l.count = left - len(w.rest)
	w.count(l)
	return true
}

func (f *fromSlice) work(l *lane) { (*Writer)(f).work(l) }

func (f *fromSlice) give(l *lane) error {
	w := (*Writer)(f)
	if err := w.give(l); err != nil {
		return err
	}
	w.sent += l.count
	return nil
}

func (f *fromSlice) free(l *lane) { (*Writer)(f).free(l) }
