package aliyunesdk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
)

// Encrypt returns plaintext as a message in the one-shot encoding: about 200 bytes and the context longer for one CMK,
// with another 150 for each further one. Nil and empty plaintext make a message like any other. It makes one
// GenerateDataKey call, and one Encrypt call for each CMK but the first. plaintext is neither kept nor modified.
//
// Errors: [ErrInvalidContext] and [ErrTooLarge] above 2 GiB, which the vendor's readers cannot take, before any call; those
// of the API; [ErrWrongKey] and [ErrInvalidDataKey] for answers that do not fit. Safe for concurrent use.
func (c *Client) Encrypt(ctx context.Context, plaintext []byte, ec Context) ([]byte, error) {
	return c.AppendEncrypt(ctx, nil, plaintext, ec)
}

// AppendEncrypt is [Client.Encrypt], appending the message to dst. plaintext must not overlap the spare capacity of dst.
// On error it returns nil; nothing but spare capacity of dst was written to.
func (c *Client) AppendEncrypt(ctx context.Context, dst, plaintext []byte, ec Context) ([]byte, error) {
	if err := checkOneShot(plaintext); err != nil {
		return nil, err
	}
	h, b, err := c.newHeader(ctx, OneShot, ec)
	if err != nil {
		return nil, err
	}
	head, err := h.marshalDER()
	if err != nil {
		return nil, err
	}
	n := len(head) + derBodySize(len(plaintext))
	dst = slices.Grow(dst, derSize(n))
	dst = append(appendDERLength(append(dst, derSequence), n), head...)
	return b.sealDER(dst, newIV(), plaintext), nil
}

// maxOneShot bounds the plaintext of a one-shot message, in bytes, so that the message is shorter than the longest array
// of Java.
const maxOneShot = 1<<31 - 1 - MaxHeaderSize - 64

func checkOneShot(plaintext []byte) error {
	if len(plaintext) > maxOneShot {
		return fmt.Errorf("aliyunesdk: encrypt: %d bytes in one shot, limit %d: %w", len(plaintext), maxOneShot, ErrTooLarge)
	}
	return nil
}

// sealDER appends plaintext as a Body.
func (b *bodyCipher) sealDER(dst, iv, plaintext []byte) []byte {
	dst = appendDERBody(slices.Grow(dst, derBodySize(len(plaintext))), iv, len(plaintext))
	dst = b.gcm.Seal(dst, iv, plaintext, b.ad)
	tag := [tagSize]byte(dst[len(dst)-tagSize:])
	return appendDER(dst[:len(dst)-tagSize], derOctetString, tag[:])
}

// Decrypt returns the plaintext of a message in either encoding. ec must be the context of the message, but for pairs that
// [Options.AcceptUnseen] names. It makes one Decrypt call for each wrapped key of the client's CMKs until one opens, and
// none if shape, algorithm, key ids or context are wrong. message is neither kept nor modified.
//
// Errors: a [*ParseError] if message is none; [ErrUnauthenticatedAlgorithm]; [ErrNoMatch]; [ErrAuthentication] for what
// is not authentic, a stream message that was cut included; an [*UnwrapError] if several wrapped keys failed, else
// [ErrWrongKey], [ErrInvalidDataKey] or the error of the API. On error no plaintext is returned. Safe for concurrent use.
func (c *Client) Decrypt(ctx context.Context, message []byte, ec Context) ([]byte, error) {
	plaintext, _, err := c.AppendDecrypt(ctx, nil, message, ec)
	return plaintext, err
}

// AppendDecrypt is [Client.Decrypt], appending the plaintext to dst, and says what opened the message. message must not
// overlap the spare capacity of dst. On error it returns nil, and what it wrote to spare capacity of dst is no plaintext.
func (c *Client) AppendDecrypt(ctx context.Context, dst, message []byte, ec Context) ([]byte, Info, error) {
	cur := &cursor{r: bytes.NewReader(message)}
	h, end, err := cur.header()
	if err != nil {
		return nil, Info{}, err
	}
	at, err := cur.body(&algorithms[h.Algorithm], h.Encoding, end, int64(len(message)))
	if err != nil {
		return nil, Info{}, err
	}
	tag, err := at.parseTag(&algorithms[h.Algorithm], message[at.tagAt():])
	if err != nil {
		return nil, Info{}, err
	}
	b, err := c.openHeader(ctx, h, ec)
	if err != nil {
		return nil, Info{}, err
	}
	plaintext, err := b.open(dst, at.iv, message[at.off:at.tagAt()], tag)
	if err != nil {
		return nil, Info{}, err
	}
	return plaintext, b.info.clone(), nil
}

// A Reader reads the plaintext of one message. It is not safe for concurrent use.
type Reader struct {
	r    bytes.Reader
	info Info
}

// NewReader reads a message in either encoding from src, to its end, and returns the plaintext as a reader. The format has
// one tag for the whole, at the end: the message is held in memory until it is verified, and one that is longer than
// [Options.MaxSize] is [ErrTooLarge]. For longer ones use [Client.NewReaderAt], which reads twice.
//
// Errors and calls are those of [Client.Decrypt]; those of src.
func (c *Client) NewReader(ctx context.Context, src io.Reader, ec Context) (*Reader, error) {
	message, err := readAll(src, c.maxSize)
	if err != nil {
		return nil, err
	}
	plaintext, info, err := c.AppendDecrypt(ctx, nil, message, ec)
	if err != nil {
		return nil, err
	}
	return newReader(plaintext, info), nil
}

func newReader(plaintext []byte, info Info) *Reader {
	r := &Reader{info: info}
	r.r.Reset(plaintext)
	return r
}

// readAll reads at most limit bytes. It allocates as they come.
func readAll(src io.Reader, limit int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(src, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("aliyunesdk: read message: %w", err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("aliyunesdk: read message: more than %d bytes; NewReaderAt reads messages of any size: %w", limit, ErrTooLarge)
	}
	return b, nil
}

// Read reads plaintext, all of which is authentic where the algorithm authenticates.
func (r *Reader) Read(p []byte) (int, error) { return r.r.Read(p) }

// WriteTo writes what has not been read yet to w.
func (r *Reader) WriteTo(w io.Writer) (int64, error) { return r.r.WriteTo(w) }

// Info says what opened the message.
func (r *Reader) Info() Info { return r.info.clone() }
