package envelope

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/stream"
)

// A Reader decrypts a message. It returns authentic bytes only, and io.EOF only after the authentic end of the message
// and the end of its source: whatever stands behind a message is not authentic. It needs no Close and is not safe for
// concurrent use.
//
// Long calls use several cores ([Options.Parallelism]). Source and destination are then called on goroutines of the
// library's, one call at a time each and none after the call of the Reader has returned; what they panic with, it panics
// with.
type Reader struct {
	stream *hiddenReader
	info   Info
}

// A hiddenReader is what a hiddenWriter is.
type hiddenReader struct{ *stream.Reader }

// NewReader reads the header of a message from src and returns a Reader of its contents: one Decrypt call of the
// provider, and none if context or shape are wrong. ctx governs this call only; the Reader keeps neither it nor the data
// key. It reads no byte behind the header; the Reader keeps src. ec is as for [Client.Decrypt], and so are the errors,
// besides those of src.
func (c *Client) NewReader(ctx context.Context, src io.Reader, ec Context) (*Reader, error) {
	r, _, err := c.newReader(ctx, src, ec, -1, nil, &c.stream)
	return r, err
}

// newReader is NewReader of a message of total bytes, -1 if unknown, and returns the length of its plaintext or -1. That is
// verified if whole, which holds the same message, is not nil: then the last chunk is opened.
func (c *Client) newReader(ctx context.Context, src io.Reader, ec Context, total int64, whole io.ReaderAt, opts *stream.Options) (r *Reader, plaintext int64, err error) {
	if src == nil {
		return nil, 0, errors.New("envelope: no source")
	}
	header, err := format.ReadHeader(src)
	if err != nil {
		return nil, 0, err
	}
	if plaintext = total; total >= 0 {
		if plaintext, err = checkSize(header, total); err != nil {
			return nil, 0, err
		}
	}
	w, info, err := c.openHeader(ctx, header, ec)
	if err != nil {
		return nil, 0, err
	}
	if whole != nil {
		off := int64(header.Size())
		if _, err := stream.NewReaderAt(whole, off, total-off, &w, header.ChunkSize, opts); err != nil {
			return nil, 0, err
		}
	}
	return &Reader{&hiddenReader{stream.NewReader(src, &w, header.ChunkSize, opts)}, info}, plaintext, nil
}

// Read fills p with plaintext. What it has returned is a true beginning of the message; that it is all of it only io.EOF
// says. If p has 4 MiB or more, and the source gives as much as it is asked for, it fills p and uses several cores.
// Otherwise it waits for no more than one chunk. An error stays. It is [ErrAuthentication] for what is not authentic, which
// also matches io.ErrUnexpectedEOF where the message may have been cut, or that of the source.
func (r *Reader) Read(p []byte) (int, error) { return r.stream.Read(p) }

// WriteTo writes the plaintext to dst to its end, in batches of up to about 1 MiB; io.Copy uses it. Once 2 MiB have come as
// fast as they were asked for, it uses several cores.
func (r *Reader) WriteTo(dst io.Writer) (int64, error) { return r.stream.WriteTo(dst) }

// Info says what opened the message.
func (r *Reader) Info() Info { return r.info }

// Format prints a fixed text, whatever the verb: a Reader holds plaintext, and fmt follows pointers under %s.
func (Reader) Format(f fmt.State, _ rune) { io.WriteString(f, "[envelope reader]") }

// A ReaderAt decrypts any part of a message. It opens the chunks that a read touches and no others. It is safe for
// concurrent use if its source is, and does not trust the source to say the same twice.
type ReaderAt struct {
	stream *stream.ReaderAt
	info   Info
}

// NewReaderAt reads the header and the last chunk of the message of size bytes in src: one Decrypt call of the provider,
// and none if context or shape are wrong. The last chunk proves the size. io.NewSectionReader makes an io.ReadSeeker of
// it, of [ReaderAt.Size] bytes. ec and errors are as for [Client.NewReader].
func (c *Client) NewReaderAt(ctx context.Context, src io.ReaderAt, size int64, ec Context) (*ReaderAt, error) {
	if src == nil {
		return nil, errors.New("envelope: no source")
	}
	if size < 0 {
		return nil, fmt.Errorf("envelope: message of %d bytes: %w", size, format.ErrSize)
	}
	header, err := format.ReadHeader(io.NewSectionReader(src, 0, size))
	if err != nil {
		return nil, err
	}
	if _, err := checkSize(header, size); err != nil {
		return nil, err
	}
	w, info, err := c.openHeader(ctx, header, ec)
	if err != nil {
		return nil, err
	}
	off := int64(header.Size())
	s, err := stream.NewReaderAt(src, off, size-off, &w, header.ChunkSize, &c.stream)
	if err != nil {
		return nil, err
	}
	return &ReaderAt{s, info}, nil
}

// Size returns the length of the plaintext in bytes. It is authentic.
func (r *ReaderAt) Size() int64 { return r.stream.Size() }

// ReadAt fills p with the plaintext at off, as io.ReaderAt has it: io.EOF at the end of the message, an error for a negative
// off, [ErrAuthentication] for a chunk that is not authentic, and whatever the source returns. On error p holds nothing that
// is not authentic. Errors do not stick.
func (r *ReaderAt) ReadAt(p []byte, off int64) (int, error) { return r.stream.ReadAt(p, off) }

// Info says what opened the message.
func (r *ReaderAt) Info() Info { return r.info }

// Verify authenticates all of a message and writes nothing. It reads src to its end; calls and errors are those of
// [Client.NewReader] and [Reader.Read].
func (c *Client) Verify(ctx context.Context, src io.Reader, ec Context) (Info, error) {
	r, err := c.NewReader(ctx, src, ec)
	if err != nil {
		return Info{}, err
	}
	if _, err := r.WriteTo(io.Discard); err != nil {
		return Info{}, err
	}
	return r.info, nil
}
