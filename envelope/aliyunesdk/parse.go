package aliyunesdk

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Inspect reads the header of a message in either encoding and says what it has. It needs no key and makes no call;
// nothing of the answer is verified. It may read a little more of r than the header.
//
// Errors: a [*ParseError]; those of r.
func Inspect(r io.Reader) (*Header, error) {
	c := &cursor{r: bufio.NewReader(r)}
	h, _, err := c.header()
	return h, err
}

// header reads a header in either encoding. end is where the message ends, -1 where the encoding does not say.
func (c *cursor) header() (h *Header, end int64, err error) {
	c.begin("message")
	first, err := c.byte()
	if err == nil {
		err = c.back()
	}
	if err != nil {
		return nil, 0, c.fail(err)
	}
	switch first {
	case derSequence:
		n, err := c.element(derSequence, -1)
		if err != nil {
			return nil, 0, c.fail(err)
		}
		end = c.off + n
		h, err = c.derHead(end)
		return h, end, err
	case 0:
		v, err := c.u32()
		if err == nil && v != version {
			err = fmt.Errorf("%d: %w", v, ErrUnsupportedVersion)
		}
		if err != nil {
			return nil, 0, c.fail(err)
		}
		h, err = c.binaryHead()
		return h, -1, err
	}
	return nil, 0, c.fail(fmt.Errorf("%w: begins with byte %#02x", ErrMalformed, first))
}

// A body is where the parts of a message's body lie.
type body struct {
	iv        []byte
	off, size int64 // of the ciphertext, without tag
	encoding  Encoding
}

// body reads the beginning of a body, up to the ciphertext. total is the length of the message, end what its encoding
// says of that, or -1. The lengths of all parts and of the whole are checked here.
func (c *cursor) body(a *algorithm, e Encoding, end, total int64) (b body, err error) {
	b.encoding = e
	c.begin("body")
	if e == OneShot {
		n, err := c.element(derSequence, end)
		if err != nil {
			return b, c.fail(err)
		}
		own := c.off + n
		switch {
		case end >= 0 && own != end:
			return b, c.fail(fmt.Errorf("%w: more than two fields", ErrMalformed))
		case own > total:
			return b, c.fail(io.ErrUnexpectedEOF)
		case own < total:
			c.off = own
			c.begin("end")
			return b, c.fail(fmt.Errorf("%w: %d bytes behind the message", ErrMalformed, total-own))
		}
		c.begin("body IV")
		if n, err = c.element(derOctetString, own); err == nil {
			err = exactly(n, a.ivSize())
		}
		if err == nil {
			b.iv, err = c.bytes(a.ivSize())
		}
		if err != nil {
			return b, c.fail(err)
		}
		c.begin("ciphertext")
		if b.size, err = c.element(derOctetString, own); err != nil {
			return b, c.fail(err)
		}
		b.off = c.off
		if rest := own - b.off - b.size; rest != int64(derTagHead+a.tagSize()) {
			return b, c.fail(fmt.Errorf("%w: %d bytes of body tag, want %d", ErrMalformed, rest, derTagHead+a.tagSize()))
		}
	} else {
		c.begin("body IV")
		var n [4]byte
		err := c.full(n[:])
		if err == nil {
			err = exactly(int64(binary.LittleEndian.Uint32(n[:])), a.ivSize())
		}
		if err == nil {
			b.iv, err = c.bytes(a.ivSize())
		}
		if err != nil {
			return b, c.fail(err)
		}
		c.begin("ciphertext")
		b.off = c.off
		if b.size = total - b.off - int64(a.tagSize()); b.size < 0 {
			return b, c.fail(io.ErrUnexpectedEOF)
		}
	}
	if err := a.checkSize(b.size); err != nil {
		return b, c.fail(err)
	}
	return b, nil
}

// derTagHead is the length of tag and length of the body tag's element, in bytes.
const derTagHead = 2

// tagAt returns where the body tag lies, with what the encoding has before it.
func (b *body) tagAt() int64 { return b.off + b.size }

// parseTag returns the body tag of what is at tagAt.
func (b *body) parseTag(a *algorithm, at []byte) ([]byte, error) {
	if b.encoding == OneShot {
		if at[0] != derOctetString || int(at[1]) != a.tagSize() {
			return nil, &ParseError{"body tag", b.tagAt(), fmt.Errorf("%w: DER tag %#02x and length %#02x", ErrMalformed, at[0], at[1])}
		}
		at = at[derTagHead:]
	}
	return at, nil
}

// tagBytes returns how many bytes there are at tagAt.
func (b *body) tagBytes(a *algorithm) int {
	if b.encoding == OneShot {
		return derTagHead + a.tagSize()
	}
	return a.tagSize()
}

// derBodySize returns the length of a Body whose ciphertext has n bytes, under an algorithm that is written.
func derBodySize(n int) int { return derSize(derBodyFields(n)) }

func derBodyFields(n int) int { return derSize(headerIVSize) + derSize(n) + derSize(tagSize) }

// appendDERBody appends a Body up to its ciphertext of n bytes.
func appendDERBody(dst, iv []byte, n int) []byte {
	dst = appendDERLength(append(dst, derSequence), derBodyFields(n))
	dst = appendDER(dst, derOctetString, iv)
	return appendDERLength(append(dst, derOctetString), n)
}

// appendBinaryBody appends the beginning of a body in the stream encoding.
func appendBinaryBody(dst, iv []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(iv))), iv...)
}
