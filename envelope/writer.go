package envelope

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/stream"
)

// A Writer encrypts what is written to it. Close finishes the message: without it the message does not open. A Writer
// may be dropped instead, and is not safe for concurrent use.
//
// Long calls use several cores ([Options.Parallelism]). Source and destination are then called on goroutines of the
// library's, one call at a time each and none after the call of the Writer has returned; what they panic with, it panics
// with.
type Writer struct {
	stream *hiddenWriter
	header format.Header
}

// A hiddenWriter is a pointer behind a pointer: in a field that is not exported fmt calls no method of a Writer, and under a
// verb that does not fit it follows one pointer, but not two.
type hiddenWriter struct{ *stream.Writer }

// NewWriter writes the header of a new message to dst and returns a Writer for its contents: one GenerateDataKey call of
// the provider. ctx governs this call only; the Writer keeps neither it nor the data key.
//
// Errors: as of [Client.Encrypt], and those of dst.
func (c *Client) NewWriter(ctx context.Context, dst io.Writer, ec Context) (*Writer, error) {
	return c.newWriter(ctx, dst, ec, -1, &c.stream)
}

func (c *Client) newWriter(ctx context.Context, dst io.Writer, ec Context, size int64, opts *stream.Options) (*Writer, error) {
	if dst == nil {
		return nil, errors.New("envelope: no destination")
	}
	var sc scratch // the header outlives this call, so it is not pooled
	w, err := c.seal(ctx, &sc, ec, size)
	if err != nil {
		return nil, err
	}
	if n, err := dst.Write(sc.wire); err != nil {
		return nil, err
	} else if n != len(sc.wire) {
		return nil, fmt.Errorf("envelope: header: %w", io.ErrShortWrite)
	}
	return &Writer{&hiddenWriter{stream.NewWriter(dst, &w, sc.header.ChunkSize, opts)}, sc.header}, nil
}

// Write encrypts p, which is not kept. Whole chunks go to the destination at once, the rest waits. From 4 MiB on it uses
// several cores. After an error of the destination every later call returns the same error: a chunk is sealed once. After
// Close it is [ErrClosed]; beyond 64 TiB in all it is format.ErrSize.
func (w *Writer) Write(p []byte) (int, error) { return w.stream.Write(p) }

// ReadFrom encrypts src to its end, in batches of up to about 1 MiB; io.Copy uses it. Once 2 MiB have come as fast as they
// were asked for, it uses several cores. It returns the number of bytes of plaintext and the first error, of src or the
// destination. It fails the Writer, also one of src: Close would make a message of the beginning that looks whole.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) { return w.stream.ReadFrom(src) }

// Close writes what is left and the end of the message. It does not close the destination. A second Close is
// [ErrClosed] and writes nothing.
func (w *Writer) Close() error { return w.stream.Close() }

// EncryptedSize returns the length in bytes of the whole message, header included, for a plaintext of the given length:
// a Content-Length. From 0 to 64 TiB, else format.ErrSize.
func (w *Writer) EncryptedSize(plaintext int64) (int64, error) {
	return w.header.EncryptedSize(plaintext)
}

// Format prints a fixed text, whatever the verb: a Writer holds plaintext, and fmt follows pointers under %s.
func (Writer) Format(f fmt.State, _ rune) { io.WriteString(f, "[envelope writer]") }
