package stream

import (
	"io"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A Writer encrypts what is written to it as one body. [NewWriter] makes one; the zero value is not usable. It is not
// safe for concurrent use.
//
// When Write or ReadFrom returns, at most one chunk of what they were given waits in the Writer: the last so far, which
// may turn out to be the last of all. Every error sticks: a Writer that failed, whoever failed it, returns the same error
// ever after and writes nothing more, so that no index is sealed twice and no broken message is ended as if it were
// whole. A Writer that is dropped before Close leaves an unfinished message and nothing else behind.
type Writer struct {
	dst   io.Writer
	codec codec
	batch int     // chunks per Write of dst, at most
	in    window  // plaintext not yet sealed; at most one chunk of it between calls
	out   *buffer // room for a batch of ciphertext
	next  int64   // index of the next chunk
	total int64   // bytes of plaintext accepted
	err   error   // sticks
}

var _ io.ReaderFrom = (*Writer)(nil)

// NewWriter returns a Writer that writes the body to dst, in chunks of chunk bytes, which must be a chunk size of the
// format. It keeps dst and w, which seals this body and nothing else, and writes nothing yet. nil options mean the
// defaults.
func NewWriter(dst io.Writer, w *suite.Sealer, chunk int, opts *Options) *Writer {
	mustChunk(chunk)
	batch := opts.batch(chunk)
	return &Writer{dst: dst, codec: codec{w: w, chunk: chunk}, batch: batch, in: windowOf(batch, chunk)}
}

// Write encrypts p. Whole chunks are sealed straight from p and go to the destination in batches of about 1 MiB; what
// remains is copied. p is neither kept nor modified.
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
	chunk, taken := w.codec.chunk, 0
	for {
		rest := p[taken:]
		if waiting := w.in.len(); waiting > 0 || len(rest) <= chunk {
			n := min(chunk-waiting, len(rest))
			w.in.append(rest[:n])
			rest = rest[n:]
		}
		if len(rest) == 0 {
			w.total += int64(len(p) - taken)
			return len(p), nil
		}
		// Something follows what waits, which is therefore nothing or a chunk that is not the last. It is sealed with
		// as many more from p as fit the batch and have something behind them.
		waiting := w.in.bytes()
		n := min((len(rest)-1)/chunk, w.batch-len(waiting)/chunk) * chunk
		out := w.room(len(waiting) + n)
		if len(waiting) > 0 {
			out = w.seal(out, waiting, false)
			w.in.skip(chunk)
		}
		if n > 0 {
			out = w.seal(out, rest[:n], false)
		}
		if _, err := write(w.dst, out); err != nil {
			return taken, w.fail(err)
		}
		w.total += int64(len(p) - taken - len(rest) + n)
		taken = len(p) - len(rest) + n
	}
}

// ReadFrom encrypts src until its end, in Reads and Writes of about 1 MiB where src and the chunk size allow, and
// returns how many bytes it read. It does not end the message: Write, ReadFrom or Close may follow.
//
// An error of src other than io.EOF is returned and fails the Writer, because a Close after it would make a message that
// looks whole. So do [io.ErrNoProgress], if src returns nothing and no error 100 times on end, and the errors of Write.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	if w.err != nil {
		return 0, w.err
	}
	var read int64
	for {
		n, err := w.in.fill(src, w.codec.chunk)
		read += int64(n)
		if w.total += int64(n); w.total > maxPlaintext {
			return read, w.fail(ErrTooLarge)
		}
		// The window holds at most batch chunks and 64 bytes, so this is a batch at most.
		if n := (w.in.len() - 1) / w.codec.chunk * w.codec.chunk; n > 0 {
			out := w.seal(w.room(n), w.in.bytes()[:n], false)
			w.in.skip(n)
			if _, err := write(w.dst, out); err != nil {
				return read, w.fail(err)
			}
		}
		if err == io.EOF {
			return read, nil
		}
		if err != nil {
			return read, w.fail(err)
		}
	}
}

// Close seals the last chunk, which ends the message, and leaves the destination open. A message to which nothing was
// written has one empty chunk. The errors are those of Write; without one, every later call, a second Close among them,
// returns [ErrClosed] and writes nothing. Without a Close that returned nil there is no message.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	out := w.seal(w.room(w.in.len()), w.in.bytes(), true)
	if _, err := write(w.dst, out); err != nil {
		return w.fail(err)
	}
	w.fail(ErrClosed)
	return nil
}

// seal appends the chunks of plaintext to out and counts them. They are counted before anything is written: whatever
// becomes of the ciphertext, these indices are used.
func (w *Writer) seal(out, plaintext []byte, last bool) []byte {
	i := w.next
	w.next += suite.Chunks(int64(len(plaintext)), w.codec.chunk)
	return w.codec.seal(out, plaintext, i, last)
}

// room returns an empty slice with room for the chunks of n bytes of plaintext, at most a batch.
func (w *Writer) room(n int) []byte {
	n += int(suite.Chunks(int64(n), w.codec.chunk)) * suite.TagSize
	w.out = resize(w.out, n)
	return w.out.b[:0]
}

// fail makes err the answer of every later call, gives the buffers back and returns err.
func (w *Writer) fail(err error) error {
	w.err = err
	w.in.free()
	putBuffer(w.out) // ciphertext
	w.out = nil
	return err
}
