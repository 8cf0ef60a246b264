package stream

import (
	"io"
	"sync"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// lookAhead is how much more than whole chunks a window holds, in bytes. One byte behind a chunk shows that it is not
// the last; 64 keep what is read next, and hence every chunk, as aligned as the first was.
const lookAhead = 64

// maxEmptyReads is how often a source may return nothing and no error before it is given up.
const maxEmptyReads = 100

// A buffer is working space from one of the pools, kept across messages.
type buffer struct {
	b     []byte
	class int
}

// Pooled buffers come in classes of 4 KiB to 4 MiB, each twice as large as the one before: every chunk size has its
// own. Each has room for the tags of as many bytes in the smallest chunks, and for the look-ahead, so that a batch of
// either kind fits the class of its plaintext.
const classes = suite.MaxChunkBits - suite.MinChunkBits + 1

var buffers [classes]sync.Pool // of *buffer

// allocUnit is what the runtime rounds the sizes of large buffers up to, in bytes. They have it anyway, so it is counted.
const allocUnit = 8 << 10

// classSize returns the length of a buffer of the class in bytes.
func classSize(class int) int {
	n := suite.MinChunkSize << class
	n += n/suite.MinChunkSize*suite.TagSize + lookAhead
	if n > 4*allocUnit {
		n = (n + allocUnit - 1) &^ (allocUnit - 1)
	}
	return n
}

// classOf returns the least class of n bytes, which are at most those of the largest.
func classOf(n int) int {
	class := 0
	for classSize(class) < n {
		class++
	}
	return class
}

// getBuffer returns a buffer of the class. What it holds is undefined but never plaintext.
func getBuffer(class int) *buffer {
	if b, ok := buffers[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, classSize(class)), class: class}
}

// putBuffer gives a buffer back. The caller has wiped whatever plaintext is in it and uses it no more; a second
// putBuffer would lend it to two messages at once. nil is nothing to give back.
func putBuffer(b *buffer) {
	if b != nil {
		buffers[b.class].Put(b)
	}
}

// wipeBuffer gives back a buffer that has held plaintext.
func wipeBuffer(b *buffer) {
	if b != nil {
		clear(b.b)
		putBuffer(b)
	}
}

// resize returns a buffer of n bytes or more: b if it is one, otherwise another in place of b, which is wiped and given
// back. nil is a buffer of no bytes.
func resize(b *buffer, n int) *buffer {
	if b != nil && len(b.b) >= n {
		return b
	}
	wipeBuffer(b)
	return getBuffer(classOf(n))
}

// A window is the part of a stream that was read and not yet used: b[start:end] of a buffer that grows with what there
// is, to limit: a batch and the look-ahead. It takes no buffer until something comes, and wipes what it gives back.
type window struct {
	buf        *buffer
	b          []byte // buf, at most limit bytes of it
	start, end int
	limit      int
	least      int // the least buffer it takes, in bytes
}

func (w *window) len() int      { return w.end - w.start }
func (w *window) bytes() []byte { return w.b[w.start:w.end] }

// skip drops the first n bytes.
func (w *window) skip(n int) {
	w.start += n
	if w.start == w.end {
		w.start, w.end = 0, 0
	}
}

// move moves what there is to the beginning of b.
func (w *window) move(b []byte) {
	w.end = copy(b, w.bytes())
	w.b, w.start = b, 0
}

// grow exchanges the buffer for one of the class.
func (w *window) grow(class int) {
	buf := getBuffer(class)
	w.move(buf.b[:min(len(buf.b), w.limit)])
	wipeBuffer(w.buf)
	w.buf = buf
}

// append adds p, which with what is there must be within the limit.
func (w *window) append(p []byte) {
	if need := w.len() + len(p); w.end+len(p) > len(w.b) {
		w.grow(classOf(max(need, w.least)))
	}
	w.end += copy(w.b[w.end:], p)
}

// fill reads once from src, after at most maxEmptyReads times nothing. The window holds at most unit bytes before. The
// buffer starts at 4 KiB and becomes four times as large each time that a read filled it: a short message costs a small
// one, whatever its chunk size, and a long one is at whole batches after five reads. n bytes may have been read though
// the error is not nil.
func (w *window) fill(src io.Reader, unit int) (n int, err error) {
	switch free := len(w.b) - w.end; {
	case w.buf == nil:
		w.grow(classOf(w.least))
	case free == 0 && len(w.b) < w.limit:
		w.grow(min(w.buf.class+2, classOf(w.limit)))
	case free < unit && w.start > 0:
		// Less than a unit of room makes for short reads. What is moved is at most a unit, and after a read that
		// filled the window 64 bytes.
		w.move(w.b)
	}
	for range maxEmptyReads {
		n, err = src.Read(w.b[w.end:])
		if n < 0 || n > len(w.b)-w.end {
			return 0, ErrInvalidCount
		}
		w.end += n
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// free wipes the window and gives its buffer back.
func (w *window) free() {
	wipeBuffer(w.buf)
	*w = window{limit: w.limit, least: w.least}
}

// write writes p to dst and returns how much of it dst took, with an error if that is not all.
func write(dst io.Writer, p []byte) (int, error) {
	n, err := dst.Write(p)
	if n < 0 || n > len(p) {
		return 0, ErrInvalidCount
	}
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}
