package envelope

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/stream"
)

// A Range is a part of a plaintext, in bytes.
type Range struct{ Off, Len int64 }

// Salvaged is what [Client.Salvage] has found of a damaged message.
type Salvaged struct {
	// Ranges are the authentic parts of the plaintext, exactly those that were written: ascending, none empty, and with
	// something missing between any two.
	Ranges []Range

	// Size is the length of the whole plaintext in bytes, authentic, if the message's own end was among what was found.
	// Otherwise it is -1, and nobody knows how much is missing behind the last range, or whether anything is.
	Size int64

	// Info says what opened the message.
	Info Info

	// SourceErr is the first error of the source behind the header, such as that of a disk that does not read a block. What
	// could not be read is missing like what was damaged.
	SourceErr error
}

// Complete reports whether nothing is missing: the end was found, and all before it.
func (s *Salvaged) Complete() bool {
	return s.Size == 0 || len(s.Ranges) == 1 && s.Ranges[0] == Range{0, s.Size}
}

// ErrTooManyRanges: a message is so damaged that the list of what is left would be longer than 1 048 576 ranges.
var ErrTooManyRanges = errors.New("too many authentic ranges")

// maxRanges bounds the list in memory, at 16 MiB. It is a variable so that tests of this package reach it.
var maxRanges = 1 << 20

// Salvage writes to dst what is still authentic of a damaged message, each part where it stands in the plaintext, and says
// which parts these are. It is for a message of which there is no other copy. THE RESULT IS NOT THE MESSAGE: what lies in
// dst outside of [Salvaged.Ranges] is whatever dst had there, zeros in a new file, and must not be taken for plaintext.
// Whoever uses it decides by the list.
//
// What it proves: each range was written by the writer of this message, under this context, and at this offset. A chunk
// that was changed in any bit, or moved, or is of another message, is missing. What it does not prove: that nothing is
// missing, if Size is -1; and as with any message, that it is the newest. Whoever can write the bytes chooses what is left:
// he can make a price list lose a line, or a program the line that checks something. So nothing but a person should act on a
// message that is not complete.
//
// It finds chunks where they were written: it passes over damage of any kind that keeps what is behind it in its place, as
// overwritten, zeroed and unreadable blocks do; a message that was cut at any byte behind its header, which
// [Client.NewReaderAt] refuses; and bytes added behind the end, unless the last chunk is a short one, which ends where nobody
// knows and is missing then. Behind bytes that were inserted or removed it finds nothing. All that is left of a chunk is
// lost with any bit of it: 64 KiB of plaintext, or what [Options.ChunkSize] was.
//
// The header must be whole, since all chunks hang on it: without it the errors are those of [Client.NewReader], among them
// format.ErrNotMessage, a *format.ParseError that matches io.ErrUnexpectedEOF, and [ErrAuthentication]. Of two slots one is
// enough. size is how many bytes src has at most; ec is as for [Client.Decrypt]; one Decrypt call of the provider, none
// if context or shape are wrong.
//
// ctx is obeyed between batches of about 1 MiB. An error of ctx or dst, or [ErrTooManyRanges], ends it, and what it returns
// besides is what was written until then. It reads src once, beginning to end, runs on the caller's goroutine, and holds two
// batches in memory and 16 bytes for each range.
func (c *Client) Salvage(ctx context.Context, dst io.WriterAt, src io.ReaderAt, size int64, ec Context) (Salvaged, error) {
	result := Salvaged{Size: -1}
	if dst == nil || src == nil {
		return result, errors.New("envelope: salvage: no source or destination")
	}
	if size < 0 {
		return result, fmt.Errorf("envelope: message of %d bytes: %w", size, format.ErrSize)
	}
	header, err := format.ReadHeader(io.NewSectionReader(src, 0, size))
	if err != nil {
		return result, err
	}
	w, info, err := c.openHeader(ctx, header, ec)
	if err != nil {
		return result, err
	}
	result.Info = info
	off := int64(header.Size())
	s := stream.NewSalvager(src, off, size-off, &w, header.ChunkSize, &c.stream)
	err = s.Run(func() error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("envelope: %w", err)
		}
		return nil
	}, func(plain []byte, off int64) error { return result.write(dst, plain, off) })
	result.Size, result.SourceErr = s.Size, s.SourceErr
	return result, err
}

// write writes a part and adds it to the list. The list has what dst took and no more.
func (s *Salvaged) write(dst io.WriterAt, plain []byte, off int64) error {
	r := Range{off, int64(len(plain))}
	last := len(s.Ranges) - 1
	follows := last >= 0 && s.Ranges[last].Off+s.Ranges[last].Len == off
	if !follows && len(s.Ranges) >= maxRanges {
		return fmt.Errorf("envelope: salvage: %d: %w", len(s.Ranges), ErrTooManyRanges)
	}
	n, err := dst.WriteAt(plain, off)
	if err != nil {
		return err
	}
	if n != len(plain) {
		return fmt.Errorf("envelope: salvage: %w", io.ErrShortWrite)
	}
	if follows {
		s.Ranges[last].Len += r.Len
	} else {
		s.Ranges = append(s.Ranges, r)
	}
	return nil
}
