package stream

import (
	"io"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A Reader decrypts one body, to the end of its source. [NewReader] makes one; the zero value is not usable. It is not
// safe for concurrent use.
//
// It gives away authenticated bytes only: a true prefix of the message until it says io.EOF, which it says when the
// last chunk was authentic and the source has ended. Every error sticks, io.EOF among them, after the authentic bytes
// before it were given away. A Reader holds nothing but memory and may be dropped anywhere.
type Reader struct {
	src    io.Reader
	codec  codec
	batch  int     // chunks per Read of src and Write of a destination, at most
	in     window  // read and not yet opened
	plain  []byte  // opened in place in the window and not yet given away; the window stays as it is meanwhile
	out    *buffer // room for a batch of plaintext, for WriteTo
	next   int64   // index of the next chunk
	srcErr error   // what src said; told once nothing before it is left to give away
	err    error   // sticks
}

var _ io.WriterTo = (*Reader)(nil)

// NewReader returns a Reader of the body that src holds from here to its end, in chunks of chunk bytes, which must be a
// chunk size of the format. It keeps src and w, and reads and allocates no buffer yet. nil options mean the defaults.
//
// It reads ahead of what it gives away, in Reads of about 1 MiB once a message has turned out to be that long, and does
// not wait for more than one chunk and a byte.
func NewReader(src io.Reader, w *suite.Sealer, chunk int, opts *Options) *Reader {
	mustChunk(chunk)
	r := &Reader{src: src, codec: codec{w: w, chunk: chunk}, batch: opts.batch(chunk)}
	r.in = windowOf(r.batch, r.codec.full())
	return r
}

// Read decrypts into p: straight into it the chunks that fit, as many as are at hand, otherwise by a copy of a part of
// one. All of p may be used as room to work in, and holds no unauthenticated byte afterwards.
//
// Errors: a [*ChunkError] for the first chunk that is not authentic, which matches [suite.ErrAuthentication] and, if the
// input ended there, [io.ErrUnexpectedEOF]; [ErrTooLarge]; [io.ErrNoProgress] if the source returns nothing and no error
// 100 times on end; [ErrInvalidCount]; and whatever else the source returns, as it is.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	if len(r.plain) == 0 && r.err == nil {
		n = r.open(p)
	}
	if n == 0 {
		n = copy(p, r.plain)
		r.plain = r.plain[n:]
	}
	r.settle()
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// open opens the next chunks: straight into p if at least one fits, and returns their length; otherwise one chunk in
// place, as r.plain.
func (r *Reader) open(p []byte) int {
	body, last := r.ready(max(1, len(p)/r.codec.chunk))
	if r.err != nil {
		return 0
	}
	// A run of more than one chunk was asked for only if p has room for it.
	if len(body)-suite.TagSize <= len(p) || len(body) > r.codec.full() {
		return len(r.openInto(p[:0], body, last))
	}
	r.plain = r.openInto(body[:0], body, last)
	return 0
}

// WriteTo decrypts what is left into dst, in Reads and Writes of about 1 MiB where source, chunk size and length allow,
// and returns how many bytes dst took. It returns nil, not io.EOF, at the authenticated end. Otherwise the errors are
// those of Read and of dst, and [io.ErrShortWrite] if dst took less without saying why; they stick alike.
func (r *Reader) WriteTo(dst io.Writer) (int64, error) {
	var written int64
	for {
		plain := r.plain
		if r.plain = nil; len(plain) == 0 && r.err == nil {
			plain = r.openBatch()
		}
		if len(plain) > 0 {
			n, err := write(dst, plain)
			written += int64(n)
			if err != nil {
				r.err = err
			}
		}
		r.settle()
		if r.err == io.EOF {
			return written, nil
		}
		if r.err != nil {
			return written, r.err
		}
	}
}

// openBatch opens the next chunks into the buffer for plaintext and returns what is authentic of them.
func (r *Reader) openBatch() []byte {
	body, last := r.ready(r.batch)
	if r.err != nil {
		return nil
	}
	r.out = resize(r.out, len(body))
	return r.openInto(r.out.b[:0], body, last)
}

// ready returns the next chunks of the window, at most n of them and within the limit of a message, and whether they
// end it. A chunk is the last if and only if nothing follows it, so ready reads until the window holds a chunk and a
// byte more, or src has ended; no chunk is ever tried as both. If there are none it sets r.err.
func (r *Reader) ready(n int) (body []byte, last bool) {
	full := r.codec.full()
	for r.in.len() <= full && r.srcErr == nil {
		_, r.srcErr = r.in.fill(r.src, full)
	}
	if r.in.len() <= full && r.srcErr != io.EOF {
		r.err = r.srcErr // what the window holds is in doubt, and stays where it is
		return nil, false
	}
	// A chunk with an index beyond the limit would hold a byte beyond it: only the first may be empty.
	left := maxPlaintext/int64(r.codec.chunk) - r.next
	if left <= 0 {
		r.err = ErrTooLarge
		return nil, false
	}
	body = r.in.bytes()
	switch n = int(min(int64(n), left)); {
	case len(body) > n*full:
		return body[:n*full], false
	case r.srcErr == io.EOF:
		return body, true
	default:
		return body[:(len(body)-1)/full*full], false
	}
}

// openInto appends to dst what is authentic of the chunks that ready returned, and sets r.err at the first that is not
// and at the end.
func (r *Reader) openInto(dst, body []byte, last bool) []byte {
	plain, err := r.codec.open(dst, body, r.next, last)
	r.next += int64(r.codec.count(len(body)))
	r.in.skip(len(body))
	if r.err = err; err == nil && last {
		r.err = io.EOF
	}
	return plain
}

// settle gives the buffers back once an error stuck and nothing is left to give away.
func (r *Reader) settle() {
	if r.err == nil || len(r.plain) > 0 {
		return
	}
	r.plain = nil
	r.in.free()
	wipeBuffer(r.out)
	r.out = nil
}
