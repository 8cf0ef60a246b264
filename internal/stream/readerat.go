package stream

import (
	"fmt"
	"io"
	"math"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A ReaderAt decrypts any range of one body. [NewReaderAt] makes one; the zero value is not usable. It is safe for
// concurrent use if its source is, and may be dropped without further ado.
//
// Its length is authentic: the last chunk, which was opened as such, fixes it. The source is not trusted at any read: a
// chunk is given away only after it was authenticated in this very read or is one of those kept from earlier ones. Errors
// do not stick, because reads do not depend on each other: a source may fail now and answer later.
type ReaderAt struct {
	src     io.ReaderAt
	off     int64 // where the body begins in src
	body    int64 // its length, bytes
	size    int64 // of the plaintext, bytes
	last    int64 // index of the last chunk
	w       suite.Sealer
	chunk   int
	batch   int // chunks per ReadAt of src, at most
	workers int
	cache   cache
}

var _ io.ReaderAt = (*ReaderAt)(nil)

// NewReaderAt returns a ReaderAt of the body of the given length in bytes that begins at off in src, in chunks of chunk
// bytes, which must be a chunk size of the format. It reads and authenticates the last chunk, with one ReadAt of src. It
// keeps src and copies w. nil options mean the defaults.
//
// Errors: those of ReadAt; a [*ChunkError] if no body has the length; [ErrTooLarge]; [suite.ErrSize] if off or body is
// negative or their sum overflows.
func NewReaderAt(src io.ReaderAt, off, body int64, w *suite.Sealer, chunk int, opts *Options) (*ReaderAt, error) {
	mustChunk(chunk)
	if off < 0 || body < 0 || off > math.MaxInt64-body {
		return nil, fmt.Errorf("stream: body of %d bytes at %d: %w", body, off, suite.ErrSize)
	}
	if tooLarge(body, chunk) {
		return nil, ErrTooLarge
	}
	size, err := suite.PlaintextSize(body, chunk)
	if err != nil {
		// A length that no body has is that of a body cut short, or of one with bytes added, which looks the same.
		return nil, &ChunkError{Chunk: max(0, body-1) / (int64(chunk) + suite.TagSize), ended: true}
	}
	r := &ReaderAt{src: src, off: off, body: body, size: size, w: *w, chunk: chunk}
	r.batch, r.workers, r.cache = opts.batch(chunk, batchSize), opts.workers(chunk), newCache(chunk, opts)
	r.last = suite.Chunks(size, chunk) - 1
	if _, err := r.readRun(&codec{w: *w, chunk: chunk}, nil, r.last*int64(chunk), 1); err != nil {
		return nil, err
	}
	return r, nil
}

// Size returns the length of the plaintext in bytes, which is authentic.
func (r *ReaderAt) Size() int64 { return r.size }

// ReadAt decrypts len(p) bytes from off of the plaintext into p, as [io.ReaderAt] has it: fewer only with an error,
// which is io.EOF at the end. Chunks that the range covers are opened straight into p, which holds authenticated bytes
// only, before p[:n] and behind it. The chunks at its edges are opened aside, and about 1 MiB of them is kept, so that
// reads one after the other open each chunk once.
//
// It calls ReadAt of the source once for about 1 MiB; for 4 MiB and more it does so, and opens, on several cores. Errors:
// [ErrNegativeOffset]; a [*ChunkError] for the first chunk in the range that is not authentic, which matches
// [io.ErrUnexpectedEOF] as well if the source ended in it or it is the last; [ErrInvalidCount]; and whatever else the
// source returns, as it is.
func (r *ReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, ErrNegativeOffset
	}
	if off >= r.size {
		return 0, io.EOF
	}
	var end error
	if left := r.size - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	if len(p) >= splitFrom && r.workers > 1 {
		n, err = r.readTogether(p, off)
	} else {
		c := newCodec(&r.w, r.chunk)
		defer c.free()
		n, err = r.readRange(c, p, off)
	}
	if err != nil {
		return n, err
	}
	return n, end
}

// readTogether is readRange with all workers, each of which reads a batch at a time.
func (r *ReaderAt) readTogether(p []byte, off int64) (n int, err error) {
	size := r.batch * r.chunk
	skip := int(off % int64(r.chunk)) // so that every batch but the first begins with a chunk
	units := (skip + len(p) + size - 1) / size
	read, errs := make([]int, units), make([]error, units)
	spread(r.workers, units, codec{w: r.w, chunk: r.chunk}, func(c *codec, k int) bool {
		from, to := max(0, k*size-skip), min(len(p), (k+1)*size-skip)
		read[k], errs[k] = r.readRange(c, p[from:to], off+int64(from))
		return errs[k] == nil
	})
	for k := range units { // the first that failed comes before any that was not tried
		if n += read[k]; errs[k] != nil {
			return n, errs[k]
		}
	}
	return n, nil
}

// readRange fills p with the plaintext at off, all of which there is.
func (r *ReaderAt) readRange(c *codec, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		i := at / int64(r.chunk)
		if o := r.cache.get(i); o != nil {
			skip := int(at % int64(r.chunk))
			m := copy(p[n:], o.plain[skip:])
			r.cache.release(o, skip+m == len(o.plain))
			n += m
			continue
		}
		count := (off+int64(len(p))-1)/int64(r.chunk) - i + 1
		m, err := r.readRun(c, p[n:], at, min(count, int64(r.batch)))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readRun reads and opens count chunks, from the one at which p begins on, and returns how much of p it filled.
func (r *ReaderAt) readRun(c *codec, p []byte, at, count int64) (n int, err error) {
	i, skip := at/int64(r.chunk), int(at%int64(r.chunk))
	if count == 1 && !r.covers(p, i, skip) {
		return r.readAside(c, p, i, skip)
	}
	buf := getBuffer(classOf(r.stored(i, count)))
	defer putBuffer(buf) // it holds nothing but ciphertext
	body, missing := r.fetch(buf, i, count)
	for ; count > 0; count-- {
		size := r.stored(i, 1)
		if len(body) < size {
			return n, missing
		}
		if r.covers(p[n:], i, skip) {
			plain := size - suite.TagSize
			if _, err := c.open(p[n:n:n+plain], body[:size], i, i == r.last); err != nil {
				return n, err
			}
			n += plain
		} else {
			o := r.cache.room(size)
			m, err := r.openAside(c, p[n:], body[:size], o, i, skip)
			if err != nil {
				return n, err
			}
			n += m
			skip = 0
		}
		body = body[size:]
		i++
	}
	return n, nil
}

// covers reports whether all of chunk i, which is not empty, goes to p.
func (r *ReaderAt) covers(p []byte, i int64, skip int) bool {
	plain := r.stored(i, 1) - suite.TagSize
	return skip == 0 && 0 < plain && plain <= len(p)
}

// readAside reads chunk i to where it stays, opens it in its place, and copies to p what it has from skip on. It takes half of
// the memory that a run takes, which is what reads at random are about.
func (r *ReaderAt) readAside(c *codec, p []byte, i int64, skip int) (n int, err error) {
	size := r.stored(i, 1)
	o := r.cache.room(size)
	body, missing := r.fetch(o.buf, i, 1)
	if len(body) < size {
		wipeBuffer(o.buf) // it may be that of a chunk kept before, with its plaintext
		return 0, missing
	}
	return r.openAside(c, p, body, o, i, skip)
}

// openAside opens chunk i into the buffer of o, keeps it, and copies to p what it has from skip on. body may lie at the
// beginning of the buffer.
func (r *ReaderAt) openAside(c *codec, p, body []byte, o *opened, i int64, skip int) (n int, err error) {
	o.index = i
	if o.plain, err = c.open(o.buf.b[:0], body, i, i == r.last); err != nil {
		wipeBuffer(o.buf)
		return 0, err
	}
	r.cache.put(o)
	n = copy(p, o.plain[skip:])
	r.cache.release(o, false)
	return n, nil
}

// fetch reads count chunks as they are stored, from number i on, into buf. It returns what there is of them, and an error
// if that is not all: the source's, or that of the chunk in which the source ended.
func (r *ReaderAt) fetch(buf *buffer, i, count int64) ([]byte, error) {
	size := r.stored(i, count)
	b := buf.b[:size]
	n, err := r.src.ReadAt(b, r.off+i*r.full())
	switch {
	case n < 0 || n > size || n < size && err == nil:
		return nil, ErrInvalidCount
	case n == size:
		return b, nil
	case err == io.EOF:
		err = &ChunkError{Chunk: i + int64(n)/r.full(), ended: true}
	}
	return b[:n], err
}

// full returns the length in bytes of a full chunk as it is stored.
func (r *ReaderAt) full() int64 { return int64(r.chunk) + suite.TagSize }

// stored returns the length in bytes of count chunks as they are stored, from number i on: those there are of them.
func (r *ReaderAt) stored(i, count int64) int {
	return int(min(count*r.full(), r.body-i*r.full()))
}
