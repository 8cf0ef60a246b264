package aliyunesdk

import (
	"context"
	"fmt"
	"io"
)

// A Writer writes a message in the stream encoding. It is not safe for concurrent use.
type Writer struct {
	dst io.Writer
	b   *bodyCipher
	iv  []byte
	s   *segmented // nil until more than a segment is there

	g       element // of associated data and ciphertext so far
	written int64   // segments
	total   int64   // bytes of plaintext taken

	// bufs hold plaintext that has not been sealed: full segments, but for the last of them. Each has room for a tag, since
	// it is sealed in place: what is read, sealed and written stays in the cache of one core. bufs[:full] are full.
	bufs [][]byte
	full int
	work []segment // one for each worker
	err  error     // sticks
}

// NewWriter writes the header of a message in the stream encoding to dst and returns a writer of its plaintext, which the
// caller closes. A message that was not closed is not authentic. The calls are those of [Client.Encrypt].
//
// A writer holds up to 128 KiB for each core, at most 1 MiB. The ctx governs this call only.
//
// Errors: those of [Client.Encrypt]; those of dst.
func (c *Client) NewWriter(ctx context.Context, dst io.Writer, ec Context) (*Writer, error) {
	h, b, err := c.newHeader(ctx, Stream, ec)
	if err != nil {
		return nil, err
	}
	return b.newWriter(dst, h.marshalBinary(), newIV())
}

// newWriter begins a body behind head.
func (b *bodyCipher) newWriter(dst io.Writer, head, iv []byte) (*Writer, error) {
	n := workers(maxWorkers)
	w := &Writer{dst: dst, b: b, iv: iv, bufs: make([][]byte, batch(n)), work: make([]segment, n)}
	if _, err := dst.Write(appendBinaryBody(head, w.iv)); err != nil {
		return nil, fmt.Errorf("aliyunesdk: write header: %w", err)
	}
	return w, nil
}

// Write encrypts p, which is neither kept nor modified. After an error every call returns that error.
//
// Errors: [ErrTooLarge] above [MaxBodySize] in all; [ErrClosed]; those of dst.
func (w *Writer) Write(p []byte) (n int, err error) {
	for w.err == nil && len(p) > 0 {
		room, err := w.room()
		if err != nil {
			break
		}
		k := copy(room, p)
		if w.take(k) {
			p, n = p[k:], n+k
		}
	}
	return n, w.err
}

// ReadFrom encrypts what r has, to its end. It spares Write's copy.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	empty := 0
	for w.err == nil {
		room, err := w.room()
		if err != nil {
			break
		}
		k, err := r.Read(room)
		if k < 0 || k > len(room) {
			return n, fmt.Errorf("aliyunesdk: %T returned an impossible count from Read", r)
		}
		if w.take(k) {
			n += int64(k)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, err
		}
		if empty++; k > 0 {
			empty = 0
		} else if empty == 100 {
			return n, io.ErrNoProgress
		}
	}
	return n, w.err
}

// room returns where further plaintext goes, never empty.
func (w *Writer) room() ([]byte, error) {
	if w.full == len(w.bufs) {
		if err := w.begin(); err != nil {
			return nil, err
		}
		if err := w.flush(); err != nil {
			return nil, err
		}
	}
	buf := w.bufs[w.full]
	if len(buf) == max(0, cap(buf)-tagSize) {
		// The first buffer grows with the message: a small one needs a small one.
		size := segmentSize
		if w.full == 0 && w.written == 0 {
			size = min(max(2*len(buf), 4096), segmentSize)
		}
		grown := append(make([]byte, 0, size+tagSize), buf...)
		clear(buf)
		buf, w.bufs[w.full] = grown, grown
	}
	return buf[len(buf) : cap(buf)-tagSize], nil
}

// take adds n bytes that have been put into the room, unless they are too many.
func (w *Writer) take(n int) bool {
	if int64(n) > MaxBodySize-w.total {
		w.fail(fmt.Errorf("aliyunesdk: write: more than %d bytes: %w", int64(MaxBodySize), ErrTooLarge))
		return false
	}
	w.total += int64(n)
	buf := &w.bufs[w.full]
	if *buf = (*buf)[:len(*buf)+n]; len(*buf) == segmentSize {
		w.full++
	}
	return true
}

// fail keeps an error, and no plaintext.
func (w *Writer) fail(err error) {
	w.err = err
	for _, buf := range w.bufs {
		clear(buf[:cap(buf)])
	}
	w.bufs, w.full = nil, 0
}

// flush seals and writes the buffers. The last one is part of a segment at the end of a message only.
func (w *Writer) flush() error {
	n := int64(w.full)
	if w.full < len(w.bufs) && len(w.bufs[w.full]) > 0 {
		n++
	}
	var parts [2 * maxWorkers]element
	parallel(min(len(w.work), max(1, int(n))), n, func(worker int, i int64) error {
		parts[i] = w.s.seal(&w.work[worker], w.bufs[i], w.iv, w.written+i)
		return nil
	})
	for i, buf := range w.bufs[:n] {
		w.g = w.s.append(w.g, len(buf), parts[i])
		if _, err := w.dst.Write(buf); err != nil {
			w.fail(fmt.Errorf("aliyunesdk: write: %w", err))
			return w.err
		}
		w.bufs[i] = buf[:0]
	}
	w.written += n
	w.full = 0
	return nil
}

// begin prepares for a message of more than one segment.
func (w *Writer) begin() (err error) {
	if w.s != nil {
		return nil
	}
	if w.s, err = newSegmented(w.b.block); err != nil {
		w.fail(err)
		return w.err
	}
	w.g = w.s.hashAll(w.b.ad)
	return nil
}

// Close finishes the message: it writes the rest and the tag, and does not close dst. A second Close, and Write after
// Close, are [ErrClosed]; after an error Close returns that error and the message is not authentic.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	var tail []byte
	if w.total <= segmentSize && w.s == nil {
		tail = w.b.gcm.Seal(w.bufs[0][:0], w.iv, w.bufs[0], w.b.ad)
	} else {
		if err := w.begin(); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		tag := w.s.tag(w.g, w.iv, len(w.b.ad), w.total)
		tail = tag[:]
	}
	if _, err := w.dst.Write(tail); err != nil {
		w.fail(fmt.Errorf("aliyunesdk: write: %w", err))
		return w.err
	}
	w.fail(fmt.Errorf("aliyunesdk: write: %w", ErrClosed))
	return nil
}
