package aliyunesdk

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
)

// A Detached is a header that is kept elsewhere, and the data key in it: the vendor's SDK keeps one in a secret of Secrets
// Manager and writes messages that are bodies alone. All messages under a header have one data key and one context, hence
// nothing tells them apart, and their random nonces of 96 bits bound their number: keep it below 2^32 over all writers
// and all time. One value writes no more than that itself.
//
// A Detached holds its data key, expanded, as long as it lives, and asks KMS no more. It is safe for concurrent use.
type Detached struct {
	b       *bodyCipher
	header  string
	maxSize int
	written atomic.Int64
}

// maxDetached bounds the messages under one data key: with 2^32 random nonces of 96 bits two are equal with probability
// 2^-33 (NIST SP 800-38D, Section 8.3).
const maxDetached = 1 << 32

// maxDetachedText bounds a stored header in characters of base64.
const maxDetachedText = (MaxHeaderSize + 2) / 3 * 4

// NewDetached makes a new header, whose text the caller stores before anything is written under it: the calls and errors
// of [Client.Encrypt].
func (c *Client) NewDetached(ctx context.Context, ec Context) (*Detached, error) {
	h, b, err := c.newHeader(ctx, OneShot, ec)
	if err != nil {
		return nil, err
	}
	der, err := h.marshalDER()
	if err != nil {
		return nil, err
	}
	return &Detached{b: b, header: base64.StdEncoding.EncodeToString(der), maxSize: c.maxSize}, nil
}

// OpenDetached opens a stored header: the text that [Detached.Header] gave, or that the vendor's SDK has stored. ec must be
// its context, but for pairs that [Options.AcceptUnseen] names. The calls and errors are those of [Client.Decrypt], but
// that the algorithm must be one that is written where something is written.
func (c *Client) OpenDetached(ctx context.Context, header string, ec Context) (*Detached, error) {
	h, err := parseDetached(header)
	if err != nil {
		return nil, err
	}
	b, err := c.openHeader(ctx, h, ec)
	if err != nil {
		return nil, err
	}
	return &Detached{b: b, header: header, maxSize: c.maxSize}, nil
}

// InspectDetached says what a stored header has: [Inspect] for one that is kept elsewhere.
func InspectDetached(header string) (*Header, error) { return parseDetached(header) }

func parseDetached(header string) (*Header, error) {
	c := &cursor{}
	c.begin("stored header")
	if len(header) > maxDetachedText {
		return nil, c.fail(between(int64(len(header)), 0, maxDetachedText))
	}
	der, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil || strings.ContainsAny(header, "\r\n") {
		return nil, c.fail(fmt.Errorf("%w: not base64", ErrMalformed))
	}
	c.r = bytes.NewReader(der)
	h, err := c.derHead(-1)
	if err != nil {
		return nil, err
	}
	if c.off != int64(len(der)) {
		c.begin("end")
		return nil, c.fail(fmt.Errorf("%w: %d bytes behind the header", ErrMalformed, int64(len(der))-c.off))
	}
	return h, nil
}

// Header returns the text to store: base64 of the DER header.
func (d *Detached) Header() string { return d.header }

// Info says what opened the header, or what it was made with.
func (d *Detached) Info() Info { return d.b.info.clone() }

// Encrypt returns plaintext as a body in the one-shot encoding, 51 bytes longer or a little more. It makes no call.
// plaintext is neither kept nor modified.
//
// Errors: [ErrUnauthenticatedAlgorithm] if the header has such; [ErrExhausted]; [ErrTooLarge] above 2 GiB.
func (d *Detached) Encrypt(plaintext []byte) ([]byte, error) {
	if err := checkOneShot(plaintext); err != nil {
		return nil, err
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	return d.b.sealDER(nil, newIV(), plaintext), nil
}

// begin counts a message before it is written.
func (d *Detached) begin() error {
	if !d.b.info.Algorithm.Authenticated() {
		return fmt.Errorf("aliyunesdk: %v is not for writing: %w", d.b.info.Algorithm, ErrUnauthenticatedAlgorithm)
	}
	if d.written.Add(1) > maxDetached {
		d.written.Store(maxDetached)
		return fmt.Errorf("aliyunesdk: encrypt: %w", ErrExhausted)
	}
	return nil
}

// Decrypt returns the plaintext of a body in either encoding. It makes no call. message is neither kept nor modified.
//
// Errors: a [*ParseError] if message is no body; [ErrAuthentication].
func (d *Detached) Decrypt(message []byte) ([]byte, error) {
	c := &cursor{r: bytes.NewReader(message)}
	at, err := c.bodyAlone(d.b.alg, int64(len(message)))
	if err != nil {
		return nil, err
	}
	tag, err := at.parseTag(d.b.alg, message[at.tagAt():])
	if err != nil {
		return nil, err
	}
	return d.b.open(nil, at.iv, message[at.off:at.tagAt()], tag)
}

// bodyAlone reads the beginning of a body in either encoding. A whole message has two sequences in it where a body has
// three strings, and is found out by that.
func (c *cursor) bodyAlone(a *algorithm, total int64) (body, error) {
	c.begin("body")
	first, err := c.byte()
	if err == nil {
		err = c.back()
	}
	if err != nil {
		return body{}, c.fail(err)
	}
	if first == derSequence {
		return c.body(a, OneShot, -1, total)
	}
	return c.body(a, Stream, -1, total)
}

// NewWriter writes a body in the stream encoding, as [Client.NewWriter] writes a message. It makes no call.
//
// Errors: [ErrUnauthenticatedAlgorithm] if the header has such; [ErrExhausted]; those of dst.
func (d *Detached) NewWriter(dst io.Writer) (*Writer, error) {
	if err := d.begin(); err != nil {
		return nil, err
	}
	return d.b.newWriter(dst, nil, newIV())
}

// NewReader reads a body in either encoding from src, as [Client.NewReader] reads a message. It makes no call.
//
// Errors: those of [Detached.Decrypt]; [ErrTooLarge]; those of src.
func (d *Detached) NewReader(src io.Reader) (*Reader, error) {
	message, err := readAll(src, d.maxSize)
	if err != nil {
		return nil, err
	}
	plaintext, err := d.Decrypt(message)
	if err != nil {
		return nil, err
	}
	return newReader(plaintext, d.b.info), nil
}

// NewReaderAt reads a body of size bytes in src, in either encoding, as [Client.NewReaderAt] reads a message. It makes no
// call. The ctx governs the verification.
//
// Errors: those of [Detached.Decrypt]; those of src and ctx.
func (d *Detached) NewReaderAt(ctx context.Context, src io.ReaderAt, size int64) (*ReaderAt, error) {
	c := cursorAt(src, size)
	at, err := c.bodyAlone(d.b.alg, size)
	if err != nil {
		return nil, err
	}
	tag, err := readTag(src, d.b.alg, &at)
	if err != nil {
		return nil, err
	}
	return d.b.newReaderAt(ctx, src, at, tag)
}
