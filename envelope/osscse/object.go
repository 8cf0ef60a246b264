package osscse

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
)

// An UnauthenticatedObject is the data key of one object, whose contents nothing authenticates: what it decrypts may have
// been changed by anybody who can write to the bucket. It is immutable and safe for concurrent use; its readers are not.
type UnauthenticatedObject struct {
	block cipher.Block
	start counter
	meta  *Metadata
}

// OpenUnauthenticated opens the data key of an object, from its metadata as [Inspect] takes them. Under a [KMSKey] it makes
// two Decrypt calls, and none if metadata or master key do not fit.
//
// Errors: those of [Inspect]; [ErrNoMatch]; [ErrUnwrap]; [ErrWrongKey] and those of the API. Safe for concurrent use.
func (c *Client) OpenUnauthenticated(ctx context.Context, metadata map[string]string) (*UnauthenticatedObject, error) {
	m, err := Inspect(metadata)
	if err != nil {
		return nil, err
	}
	k, err := c.find(m)
	if err != nil {
		return nil, err
	}
	start, err := k.unwrap(ctx, m, m.start, blockSize)
	if err != nil {
		return nil, fmt.Errorf("osscse: counter: %w", err)
	}
	defer clear(start)
	key, err := k.unwrap(ctx, m, m.key, keySize)
	if err != nil {
		return nil, fmt.Errorf("osscse: data key: %w", err)
	}
	defer clear(key)
	o, err := newObject(m, key, counter(start))
	if err != nil {
		return nil, err
	}
	if !m.Legacy && !o.start.wellFormed() {
		return nil, fmt.Errorf("osscse: counter: %w", ErrUnwrap)
	}
	return o, nil
}

func newObject(m *Metadata, key []byte, start counter) (*UnauthenticatedObject, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	return &UnauthenticatedObject{block: block, start: start, meta: m}, nil
}

// Metadata returns what the object says of itself. It is shared and must not be modified.
func (o *UnauthenticatedObject) Metadata() *Metadata { return o.meta }

// stream returns the key stream from offset off on.
func (o *UnauthenticatedObject) stream(off int64) cipher.Stream {
	at := o.start.at(off)
	s := cipher.NewCTR(o.block, at[:])
	var skip [blockSize]byte
	s.XORKeyStream(skip[:off%blockSize], skip[:off%blockSize])
	return s
}

// NewReader returns a reader of the plaintext of the whole object, whose body is src. Where the metadata have the length
// or the MD5 of the plaintext, they are compared at the end, as [ErrLength] and [ErrContentMD5]; what has been read by then
// has been read. Both find accidents only. It makes no call.
func (o *UnauthenticatedObject) NewReader(src io.Reader) io.Reader {
	r := &reader{src: src, stream: o.stream(0), want: o.meta.ContentLength}
	if o.meta.ContentMD5 != nil {
		r.md5, r.sum = md5.New(), o.meta.ContentMD5
	}
	return r
}

// A reader decrypts where the caller has it read to.
type reader struct {
	src    io.Reader
	stream cipher.Stream
	n      int64 // bytes read
	want   int64 // bytes there should be, -1 if nobody knows
	md5    hash.Hash
	sum    []byte
	err    error // sticks
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.src.Read(p)
	if n < 0 || n > len(p) {
		n, err = 0, fmt.Errorf("osscse: %T returned an impossible count from Read", r.src)
	}
	r.stream.XORKeyStream(p[:n], p[:n])
	if r.md5 != nil {
		r.md5.Write(p[:n])
	}
	r.n += int64(n)
	switch {
	case r.want >= 0 && r.n > r.want:
		err = fmt.Errorf("osscse: more than the %d bytes there should be: %w", r.want, ErrLength)
	case err == io.EOF && r.want >= 0 && r.n < r.want:
		err = fmt.Errorf("osscse: %d bytes, want %d: %w: %w", r.n, r.want, ErrLength, io.ErrUnexpectedEOF)
	case err == io.EOF && r.md5 != nil && !bytes.Equal(r.md5.Sum(nil), r.sum):
		err = fmt.Errorf("osscse: %w", ErrContentMD5)
	}
	r.err = err
	return n, err
}
