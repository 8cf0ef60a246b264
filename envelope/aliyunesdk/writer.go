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
	buf     []byte  // plaintext that has not been sealed, at most a batch
	out     []byte  // ciphertext of a batch, each segment with room for its tag
	err     error   // sticks
}

// batch is how many segments are sealed or opened at a time.
const batch = 16

// NewWriter writes the header of a message in the stream encoding to dst and returns a writer of its plaintext, which the
// caller closes. A message that was not closed is not authentic. The calls are those of [Client.Encrypt].
//
// A writer holds up to 2 MiB. The ctx governs this call only.
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
	w := &Writer{dst: dst, b: b, iv: iv}
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
	if len(w.buf) == batch*segmentSize {
		if err := w.begin(); err != nil {
			return nil, err
		}
		if err := w.flush(); err != nil {
			return nil, err
		}
	}
	if len(w.buf) == cap(w.buf) {
		// The buffer grows with the message: a small one needs a small one.
		grown := make([]byte, len(w.buf), min(max(2*cap(w.buf), 4096), batch*segmentSize))
		copy(grown, w.buf)
		clear(w.buf)
		w.buf = grown
	}
	return w.buf[len(w.buf):cap(w.buf)], nil
}

// take adds n bytes that have been put into the room, unless they are too many.
func (w *Writer) take(n int) bool {
	if int64(n) > MaxBodySize-w.total {
		w.fail(fmt.Errorf("aliyunesdk: write: more than %d bytes: %w", int64(MaxBodySize), ErrTooLarge))
		return false
	}
	w.total += int64(n)
	w.buf = w.buf[:len(w.buf)+n]
	return true
}

func (w *Writer) fail(err error) {
	w.err = err
	clear(w.buf[:cap(w.buf)])
	w.buf = nil
}

// flush seals and writes the buffer: whole segments, but for the last call.
func (w *Writer) flush() error {
	n := int64(len(w.buf)+segmentSize-1) / segmentSize
	if w.out == nil {
		w.out = make([]byte, batch*(segmentSize+tagSize))
	}
	part := func(i int64) (src, dst []byte) {
		src = w.buf[i*segmentSize : min(int64(len(w.buf)), (i+1)*segmentSize)]
		return src, w.out[i*(segmentSize+tagSize):][:len(src)+tagSize]
	}
	var parts [batch]element
	procs := workers(n)
	scratch := make([]segment, procs)
	err := parallel(procs, n, func(worker int, i int64) error {
		src, dst := part(i)
		parts[i] = w.s.seal(&scratch[worker], dst, src, w.iv, w.written+i)
		return nil
	})
	if err != nil {
		return err // unreachable: sealing does not fail
	}
	for i := range n {
		src, dst := part(i)
		w.g = w.s.append(w.g, len(src), parts[i])
		if _, err := w.dst.Write(dst[:len(src)]); err != nil {
			w.fail(fmt.Errorf("aliyunesdk: write: %w", err))
			return w.err
		}
	}
	w.written += n
	w.buf = w.buf[:0]
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
	if w.s == nil && len(w.buf) <= segmentSize {
		tail = w.b.gcm.Seal(nil, w.iv, w.buf, w.b.ad)
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
