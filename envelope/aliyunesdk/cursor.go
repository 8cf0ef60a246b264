package aliyunesdk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A cursor reads a message from its beginning and knows where it is. A source that ends too early is
// io.ErrUnexpectedEOF; other errors of the source stay what they are.
type cursor struct {
	r interface {
		io.Reader
		io.ByteScanner
	}
	off   int64  // bytes read
	field string // what is being read
	at    int64  // where it began
}

// begin says what is read next.
func (c *cursor) begin(field string) { c.field, c.at = field, c.off }

// fail returns err as that of the present field.
func (c *cursor) fail(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnsupportedVersion) ||
		errors.Is(err, ErrUnsupportedAlgorithm) || err == io.ErrUnexpectedEOF {
		return &ParseError{c.field, c.at, err}
	}
	return fmt.Errorf("aliyunesdk: read %s: %w", c.field, err)
}

func (c *cursor) byte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.off++
	}
	return b, err
}

// back undoes a byte.
func (c *cursor) back() error {
	c.off--
	return c.r.UnreadByte()
}

// bytes returns the next n bytes, which the caller has checked against a limit.
func (c *cursor) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	return b, c.full(b)
}

func (c *cursor) full(b []byte) error {
	n, err := io.ReadFull(c.r, b)
	c.off += int64(n)
	return err
}

func (c *cursor) u32() (uint32, error) {
	var b [4]byte
	err := c.full(b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

// lp returns bytes that follow their length, at least 1 unless empty is allowed.
func (c *cursor) lp(least, limit int) ([]byte, error) {
	n, err := c.u32()
	if err != nil {
		return nil, err
	}
	if err := between(int64(n), least, limit); err != nil {
		return nil, err
	}
	return c.bytes(int(n))
}

func between(n int64, least, limit int) error {
	if n > int64(limit) {
		return fmt.Errorf("%d bytes, limit %d: %w", n, limit, ErrTooLarge)
	}
	if n < int64(least) {
		return fmt.Errorf("%w: %d bytes, want at least %d", ErrMalformed, n, least)
	}
	return nil
}

// exactly checks the length of a field that has only one.
func exactly(n int64, want int) error {
	if n != int64(want) {
		return fmt.Errorf("%w: %d bytes, want %d", ErrMalformed, n, want)
	}
	return nil
}
