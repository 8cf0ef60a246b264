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
	lane   lane // in: read and not yet opened
	pipe   pipeline
	plain  []byte // opened in place in the window and not yet given away; the window stays as it is meanwhile
	next   int64  // index of the next chunk
	srcErr error  // what src said; told once nothing before it is left to give away
	err    error  // sticks

	// Of the call that runs.
	dst    io.Writer // WriteTo
	sent   int64     // bytes that WriteTo has written
	into   []byte    // what Read has not yet filled
	filled int       // bytes that Read has filled
}

var _ io.WriterTo = (*Reader)(nil)

// NewReader returns a Reader of the body that src holds from here to its end, in chunks of chunk bytes, which must be a
// chunk size of the format. It keeps src, copies w, and reads and allocates no buffer yet. nil options mean the defaults.
//
// It reads ahead of what it gives away, in Reads of up to about 1 MiB once a message has turned out to be that long, and
// does not wait for more than one chunk and a byte, but in a Read of 4 MiB or more.
func NewReader(src io.Reader, w *suite.Sealer, chunk int, opts *Options) *Reader {
	mustChunk(chunk)
	r := &Reader{src: src}
	c := codec{w: *w, chunk: chunk}
	r.pipe, r.lane = newPipeline(c, c.full(), opts)
	return r
}

// Read decrypts into p: straight into it the chunks that fit, as many as are at hand, otherwise by a copy of a part of
// one. All of p may be used as room to work in, and holds no unauthenticated byte afterwards. If p has 4 MiB or more, and
// 2 MiB have come in Reads that gave at least half of what they asked for, it goes on while they do until p is full, and
// opens on several cores.
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
		if batches := len(p) / (r.pipe.batch * r.lane.codec.chunk); batches > 1 && len(p) >= splitFrom && r.pipe.long() {
			n = r.readTogether(p, batches)
		} else {
			n = r.open(p)
		}
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
	l := &r.lane
	r.take(l, max(1, len(p)/l.codec.chunk))
	// A run of more than one chunk was asked for only if p has room for it.
	direct := len(l.src)-suite.TagSize <= len(p) || len(l.src) > l.codec.full()
	if l.dst = l.src[:0]; direct {
		l.dst = p[:0]
	}
	r.work(l)
	if r.err = l.err; direct {
		return len(l.dst)
	}
	r.plain = l.dst
	return 0
}

// readTogether fills p as long as the source gives whole batches, and returns how much of it.
func (r *Reader) readTogether(p []byte, batches int) int {
	r.into, r.filled = p, 0
	err := r.run((*toSlice)(r), batches)
	clear(p[r.filled : len(p)-len(r.into)]) // what was opened behind a chunk that failed
	r.into, r.err = nil, err
	return r.filled
}

// WriteTo decrypts what is left into dst, in Reads and Writes of up to about 1 MiB where source, chunk size and length
// allow, and returns how many bytes dst took. Once 2 MiB have come in Reads that gave at least half of what they asked for,
// it opens on several cores. It returns nil, not io.EOF, at the authenticated end. Otherwise the errors are those of Read
// and of dst, and [io.ErrShortWrite] if dst took less without saying why; they stick alike.
func (r *Reader) WriteTo(dst io.Writer) (int64, error) {
	r.dst, r.sent = dst, 0
	err := r.err
	if plain := r.plain; len(plain) > 0 {
		r.plain = nil
		if failed := r.write(plain); failed != nil {
			err = failed
		}
	}
	if err == nil {
		err = r.run((*toWriter)(r), r.pipe.workers)
	}
	r.dst, r.err = nil, err
	r.settle()
	if err == io.EOF {
		return r.sent, nil
	}
	return r.sent, err
}

// run runs one call. If the caller's source or destination panics, nobody knows what was read: the Reader has failed.
func (r *Reader) run(m mover, n int) error {
	r.err = errThrown
	return r.pipe.run(m, &r.lane, n)
}

// take puts into l the next chunks, at most n of them and within the limit of a message, or the error that is there in
// their place. A chunk is the last if and only if nothing follows it, so take reads until the window holds a chunk and a
// byte more, or src has ended; no chunk is ever tried as both.
func (r *Reader) take(l *lane, n int) {
	full := l.codec.full()
	l.src, l.last, l.err = nil, false, nil
	for l.in.len() <= full && r.srcErr == nil {
		_, r.srcErr = r.pipe.fill(l, r.src)
	}
	if l.in.len() <= full && r.srcErr != io.EOF {
		l.err = r.srcErr // what the window holds is in doubt, and stays where it is
		return
	}
	// A chunk with an index beyond the limit would hold a byte beyond it: only the first may be empty.
	left := maxPlaintext/int64(l.codec.chunk) - r.next
	if left <= 0 {
		l.err = ErrTooLarge
		return
	}
	body := l.in.bytes()
	switch n = int(min(int64(n), left)); {
	case len(body) > n*full:
		body = body[:n*full]
	case r.srcErr == io.EOF:
		l.last = true
	default:
		body = body[:(len(body)-1)/full*full]
	}
	l.src, l.next = body, r.next
	r.next += int64(l.codec.count(len(body)))
	l.in.skip(len(body))
}

// work appends to l.dst what is authentic of the batch. It sets l.err at the first chunk that is not, and at the end.
func (r *Reader) work(l *lane) {
	if l.err != nil {
		return
	}
	if l.dst, l.err = l.codec.open(l.dst, l.src, l.next, l.last); l.err == nil && l.last {
		l.err = io.EOF
	}
}

// write writes to the destination of WriteTo.
func (r *Reader) write(plain []byte) error {
	n, err := write(r.dst, plain)
	r.sent += int64(n)
	return err
}

// free gives the buffers of a lane back, of which in had ciphertext only, and out has plaintext.
func (r *Reader) free(l *lane) {
	putBuffer(l.in.buf)
	wipeBuffer(l.out)
	*l = lane{}
}

// settle gives the buffers of the stream back once an error stuck and nothing is left to give away.
func (r *Reader) settle() {
	if r.err == nil || len(r.plain) > 0 {
		return
	}
	r.plain = nil
	r.lane.in.free() // chunks were opened in place
	wipeBuffer(r.lane.out)
	r.lane.out = nil
}

// toWriter is WriteTo.
type toWriter Reader

func (t *toWriter) take(l *lane) bool {
	(*Reader)(t).take(l, l.most)
	return true
}

func (t *toWriter) work(l *lane) {
	l.dst = l.room(len(l.src))
	(*Reader)(t).work(l)
}

func (t *toWriter) give(l *lane) error {
	if len(l.dst) > 0 {
		if err := (*Reader)(t).write(l.dst); err != nil {
			return err
		}
	}
	return l.err
}

func (t *toWriter) free(l *lane) { (*Reader)(t).free(l) }

// toSlice is a Read of more than a batch.
type toSlice Reader

func (t *toSlice) take(l *lane) bool {
	r := (*Reader)(t)
	n := min(l.most, len(r.into)/l.codec.chunk)
	if n == 0 || !r.pipe.long() {
		return false // the rest, or what comes as it likes, is for the next Read
	}
	r.take(l, n)
	size := max(0, len(l.src)-l.codec.count(len(l.src))*suite.TagSize)
	l.dst = r.into[:0:size]
	r.into = r.into[size:]
	return true
}

func (t *toSlice) work(l *lane) { (*Reader)(t).work(l) }

func (t *toSlice) give(l *lane) error {
	t.filled += len(l.dst)
	return l.err
}

func (t *toSlice) free(l *lane) { (*Reader)(t).free(l) }
