// Package stream is the chunked AEAD of a message's body over a raw key: [Seal] and [Open] for bytes, [Writer] and
// [Reader] for streams, [ReaderAt] for random access. Most callers want [NewWriter] and [NewReader].
//
// It knows no header, no context and no key service. It protects the contents and the order of the chunks of one body,
// and its end, under a key that sealed nothing else. It does not hide the length, does not tell one body from another
// under the same key, and cannot take back what a reader was given before a later chunk failed: what was given is a true
// prefix, and the end is authentic only when a Reader says io.EOF.
//
// # Compatibility
//
// Internal: everything here may change tomorrow, except the bytes, which are those of format/SPEC.md.
//
// # Specification
//
// format/SPEC.md, Section 3 (the body), Section 5 (writing and reading) and Section 6 (seeking and sizes).
package stream

import (
	"reflect"
	"runtime"
	"slices"
	"sync"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// Options are the resources of one stream. nil and zero fields mean the defaults. The struct is copied.
type Options struct {
	// Parallelism is the number of cores a call may use, the caller's own among them; 0 or less means GOMAXPROCS. With
	// 1 everything happens on the caller's goroutine.
	Parallelism int
	// MaxBuffer bounds the bytes that a stream holds, plaintext and ciphertext together; 0 or less means 64 MiB. Room
	// for two chunks is always taken, however large they are.
	MaxBuffer int
	// Files says that source or destination is a file. Then batches are long on one core as well: the system
	// writes them to its cache in larger pieces, which weighs more than what stays in the processor's.
	Files bool
	// Between is called between the batches of one Write, ReadFrom, WriteTo or large Read, on the goroutine that called
	// it, so that the caller can look at what has been done so far. Others may be under way meanwhile. nil means nobody
	// looks.
	Between func()
}

const defaultMaxBuffer = 64 << 20

// batch returns the number of chunks that make up a batch of size bytes: less if MaxBuffer is less than two buffers for
// it (one of plaintext and one of ciphertext), and at least one.
func (o *Options) batch(chunk, size int) int {
	n := max(1, size/chunk)
	for n > 1 && 2*classSize(classOf(n*chunk)) > o.maxBuffer() {
		n /= 2
	}
	return n
}

func (o *Options) maxBuffer() int {
	if o == nil || o.MaxBuffer <= 0 {
		return defaultMaxBuffer
	}
	return o.MaxBuffer
}

// workers returns how many cores a call may use that has no order to keep: as many as MaxBuffer has room for, each with two
// buffers of a batch.
func (o *Options) workers(chunk int) int {
	return max(1, min(o.cores(), o.room(chunk, batchSize)))
}

// crew returns how many cores a call may use that keeps an order, and how many batches they may have in hand together: two
// for each if MaxBuffer has room for them, and always one more than there are cores.
func (o *Options) crew(chunk int) (workers, lanes int) {
	room := o.room(chunk, turnSize)
	workers = max(1, min(o.cores(), room-1))
	return workers, min(room, 2*workers)
}

// room returns for how many batches of size bytes there is room, each in two buffers, beside what waits between two batches.
func (o *Options) room(chunk, size int) int {
	return (o.maxBuffer() - classSize(classOf(chunk+suite.TagSize))) / (2 * classSize(classOf(o.batch(chunk, size)*chunk)))
}

func (o *Options) cores() int {
	if o == nil || o.Parallelism <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return o.Parallelism
}

// onlyNonce is the nonce of the only chunk of a short message where the suite has no mask. Most messages are short, and to
// them the rest of a codec costs a twentieth. Nobody writes to it.
var onlyNonce = [suite.NonceSize]byte{suite.NonceSize - 1: 1}

// maxPlaintext is the largest message in bytes. It is a variable so that tests of this package reach it.
var maxPlaintext = suite.MaxPlaintext

// Seal appends the body that holds plaintext, in chunks of chunk bytes, to dst and returns the result. It grows dst at
// most once; with room for [suite.BodySize] bytes it allocates nothing for a chunk. An empty plaintext, nil among them,
// makes one chunk of 16 bytes. One of 4 MiB or more is sealed on several cores.
//
// A sealer seals one body in its life: the chunks of a second would repeat the nonces of the first, which gives away
// both and the authentication key of GCM (NIST SP 800-38D, Appendix A).
//
// plaintext is neither kept nor modified and must not overlap the room behind dst, with one exception: a plaintext of
// at most one chunk may begin exactly where the body will (dst = plaintext[:0]) and is then overwritten. Other overlaps
// panic, as does a plaintext of more than [suite.MaxPlaintext] bytes. Safe for concurrent use with different sealers.
func Seal(dst, plaintext []byte, w *suite.Sealer, chunk int, opts *Options) []byte {
	mustChunk(chunk)
	if len(plaintext) <= chunk && w.Plain() {
		return w.AEAD.Seal(dst, onlyNonce[:], plaintext, nil)
	}
	size, err := suite.BodySize(int64(len(plaintext)), chunk)
	if err != nil || int64(len(plaintext)) > maxPlaintext {
		panic("stream: internal error: plaintext over the limit")
	}
	dst = slices.Grow(dst, int(size))
	mustNotOverlap(dst[len(dst):len(dst)+int(size)], plaintext, chunk)
	if len(plaintext) >= splitFrom {
		if n := opts.cores(); n > 1 {
			out := dst[:len(dst)+int(size)]
			sealTogether(n, out[len(dst):], plaintext, codec{w: *w, chunk: chunk})
			return out
		}
	}
	c := newCodec(w, chunk)
	defer c.free()
	return c.seal(dst, plaintext, 0, true)
}

// Open authenticates a whole body and appends the plaintext it holds to dst. It grows dst at most once; with room for
// [suite.PlaintextSize] bytes it allocates nothing for a chunk. For an empty message it returns dst as it came, which may
// be nil. A body of 4 MiB or more is opened on several cores.
//
// At the first chunk that is not authentic it returns nil and a [*ChunkError], and has wiped what it wrote behind dst. A
// body of more than [suite.MaxPlaintext] bytes of plaintext is [ErrTooLarge].
//
// body is neither kept nor modified and must not overlap the room behind dst, with one exception: a body of one chunk
// may be opened in place (dst = body[:0]). Other overlaps panic. Safe for concurrent use.
func Open(dst, body []byte, w *suite.Sealer, chunk int, opts *Options) ([]byte, error) {
	mustChunk(chunk)
	if len(body) >= suite.TagSize && len(body) <= chunk+suite.TagSize && w.Plain() {
		out, err := w.AEAD.Open(dst, onlyNonce[:], body, nil)
		if err != nil {
			clear(dst[len(dst):min(cap(dst), len(dst)+len(body)-suite.TagSize)])
			return nil, &ChunkError{Chunk: 0, ended: true}
		}
		return out, nil
	}
	if tooLarge(int64(len(body)), chunk) {
		return nil, ErrTooLarge
	}
	c := newCodec(w, chunk)
	defer c.free()
	size := max(0, len(body)-c.count(len(body))*suite.TagSize)
	dst = slices.Grow(dst, size)
	mustNotOverlap(dst[len(dst):len(dst)+size], body, c.full())
	if len(body) >= splitFrom {
		if n := opts.cores(); n > 1 {
			out := dst[:len(dst)+size]
			if err := openTogether(n, out[len(dst):], body, *c); err != nil {
				clear(out[len(dst):])
				return nil, err
			}
			return out, nil
		}
	}
	out, err := c.open(dst, body, 0, true)
	if err != nil {
		clear(out[len(dst):])
		return nil, err
	}
	return out, nil
}

// sealTogether seals plaintext into dst, which has its length, with n workers.
func sealTogether(n int, dst, plaintext []byte, c codec) {
	unit := max(1, unitSize/c.chunk) // in chunks
	size := unit * c.chunk
	units := (len(plaintext) + size - 1) / size
	spread(n, units, c, func(c *codec, k int) bool {
		end := min(len(plaintext), (k+1)*size)
		at := k * unit * c.full()
		c.seal(dst[at:at:min(len(dst), at+unit*c.full())], plaintext[k*size:end], int64(k*unit), end == len(plaintext))
		return true
	})
}

// openTogether opens body into dst, which has its length, with n workers. The error is that of the first chunk that is not
// authentic; what dst holds then is of no use.
func openTogether(n int, dst, body []byte, c codec) error {
	unit := max(1, unitSize/c.chunk)
	size := unit * c.full()
	units := (len(body) + size - 1) / size
	errs := make([]error, units)
	spread(n, units, c, func(c *codec, k int) bool {
		end := min(len(body), (k+1)*size)
		at := k * unit * c.chunk
		_, errs[k] = c.open(dst[at:at:min(len(dst), at+unit*c.chunk)], body[k*size:end], int64(k*unit), end == len(body))
		return errs[k] == nil
	})
	for _, err := range errs { // the first that failed comes before any that was not tried
		if err != nil {
			return err
		}
	}
	return nil
}

// tooLarge reports whether a body of the given length would hold more than the limit.
func tooLarge(body int64, chunk int) bool {
	most, err := suite.BodySize(maxPlaintext, chunk)
	return err != nil || body > most
}

// mustChunk panics if chunk is not a chunk size of the format. Sizes come from a parsed header or a checked option.
func mustChunk(chunk int) {
	if _, ok := suite.ChunkBits(chunk); !ok {
		panic("stream: internal error: not a chunk size")
	}
}

// mustNotOverlap panics if out and in share memory, unless in is one unit at most and begins where out does. Ciphers
// check each chunk by itself. That is not enough: the tag of one chunk would overwrite the beginning of the next, and a
// next one so short that it ends before its own destination begins would be sealed as what overwrote it.
func mustNotOverlap(out, in []byte, unit int) {
	if len(out) == 0 || len(in) == 0 {
		return
	}
	// Addresses by reflection, as package unsafe would give them; neither slice moves while its backing array escapes.
	o, i := reflect.ValueOf(&out[0]).Pointer(), reflect.ValueOf(&in[0]).Pointer()
	apart := o+uintptr(len(out)) <= i || i+uintptr(len(in)) <= o
	if !apart && (o != i || len(in) > unit) {
		panic("stream: internal error: buffers overlap")
	}
}

// A codec seals and opens runs of consecutive chunks. One goroutine uses it at a time: it holds the nonce, which would
// otherwise be allocated for every chunk, because what is passed through an interface escapes.
//
// The nonce of chunk i is the mask XOR (i as 11 bytes || 00), and || 01 for the last. Nonces that a key sees must never
// repeat, and here they cannot: the key is derived afresh for every message from 32 random bytes, so it sees each index
// once, first or last but not both, and needs no randomness. The index in the nonce is what makes reordered, dropped,
// repeated and inserted chunks fail; the last byte is what makes a cut at a chunk's edge, and anything appended, fail.
// There is no associated data, because everything a chunk depends on is in the key or in the nonce. Bounds: 2^46 bytes
// of plaintext for a distinguishing advantage of 2^-45 (SPEC.md, Section 8), hence an index below 2^34.
type codec struct {
	w     suite.Sealer
	chunk int // plaintext of a full chunk, bytes
	nonce [suite.NonceSize]byte
}

// full returns the length in bytes of a full chunk as it is stored.
func (c *codec) full() int { return c.chunk + suite.TagSize }

// count returns the number of chunks, the last perhaps not full, in n bytes of body.
func (c *codec) count(n int) int { return (n + c.full() - 1) / c.full() }

// seal appends the chunks of plaintext to dst, numbered from i. If last is true the run ends the message; otherwise
// plaintext is one full chunk or more. dst should have the room.
func (c *codec) seal(dst, plaintext []byte, i int64, last bool) []byte {
	for {
		n := min(c.chunk, len(plaintext))
		c.w.Nonce(&c.nonce, uint64(i), last && n == len(plaintext))
		dst = c.w.AEAD.Seal(dst, c.nonce[:], plaintext[:n], nil)
		plaintext = plaintext[n:]
		if len(plaintext) == 0 {
			return dst
		}
		i++
	}
}

// open appends the plaintext of the chunks in body, numbered from i, to dst, which must have the room. If last is true
// the run ends the message, and its last chunk is opened as such; otherwise body is one full chunk or more. At the first
// chunk that fails it returns dst with the plaintext of those before and a [*ChunkError], and has wiped whatever of the
// chunk the cipher wrote: some decrypt while they authenticate.
func (c *codec) open(dst, body []byte, i int64, last bool) ([]byte, error) {
	for {
		n := min(c.full(), len(body))
		end := last && n == len(body)
		// A message has one encoding: 16 bytes are the chunk of an empty message and never follow another.
		if n < suite.TagSize || n == suite.TagSize && i > 0 {
			return dst, &ChunkError{Chunk: i, ended: end}
		}
		c.w.Nonce(&c.nonce, uint64(i), end)
		out, err := c.w.AEAD.Open(dst, c.nonce[:], body[:n], nil)
		if err != nil {
			clear(dst[len(dst):min(cap(dst), len(dst)+n-suite.TagSize)])
			return dst, &ChunkError{Chunk: i, ended: end}
		}
		dst, body = out, body[n:]
		if len(body) == 0 {
			return dst, nil
		}
		i++
	}
}

var codecs = sync.Pool{New: func() any { return new(codec) }}

// newCodec returns a pooled codec; the caller frees it and uses it no more.
func newCodec(w *suite.Sealer, chunk int) *codec {
	c := codecs.Get().(*codec)
	c.w, c.chunk = *w, chunk
	return c
}

func (c *codec) free() {
	*c = codec{}
	codecs.Put(c)
}
