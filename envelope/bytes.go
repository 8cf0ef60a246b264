package envelope

import (
	"context"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// Encrypt returns plaintext as a message: about 290 bytes and the context longer, and 16 bytes for each chunk. Nil and
// empty plaintext make a message like any other. It makes one GenerateDataKey call of the provider.
//
// Errors: [ErrMissingPair] and format.ErrInvalid if the context is not what a message can have; those of the provider;
// format.ErrSize above 64 TiB. Neither plaintext nor ec is kept or modified. Safe for concurrent use.
func (c *Client) Encrypt(ctx context.Context, plaintext []byte, ec Context) ([]byte, error) {
	return c.AppendEncrypt(ctx, nil, plaintext, ec)
}

// AppendEncrypt is [Client.Encrypt], appending the message to dst. plaintext must not overlap the spare capacity of dst;
// it panics if the two do. On error it returns nil; nothing but spare capacity of dst was written to.
func (c *Client) AppendEncrypt(ctx context.Context, dst, plaintext []byte, ec Context) ([]byte, error) {
	size, err := suite.BodySize(int64(len(plaintext)), c.opts.ChunkSize)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	sc := c.sealing.Get().(*scratch) // should the provider panic, it is lost, which spares every message a defer
	w, err := c.seal(ctx, sc, ec, int64(len(plaintext)))
	if err == nil {
		dst = append(slices.Grow(dst, len(sc.wire)+int(size)), sc.wire...)
	}
	sc.put(&c.sealing)
	if err != nil {
		return nil, err
	}
	return stream.Seal(dst, plaintext, &w, c.opts.ChunkSize, &c.stream), nil
}

// Decrypt returns the plaintext of message. ec must be the pairs that it was encrypted with, all of them and no others,
// but for those that [Options.AcceptUnseen] names. It makes one Decrypt call of the provider, and none if context or
// shape are wrong.
//
// Errors: a *format.ParseError if message is none, or ends within its header (then it matches io.ErrUnexpectedEOF);
// format.ErrUnsupportedSuite; those of the provider, keyring.ErrNoMatch among them; and [ErrAuthentication] for whatever
// is not authentic, which also matches io.ErrUnexpectedEOF where the message may have been cut; format.ErrInvalid if ec has
// as many pairs as the message and one of them is none that a message can have. On error no plaintext is returned; that
// of an empty message is nil or empty. Neither message nor ec is kept or modified. Safe for concurrent use.
func (c *Client) Decrypt(ctx context.Context, message []byte, ec Context) ([]byte, error) {
	plaintext, _, err := c.AppendDecrypt(ctx, nil, message, ec)
	return plaintext, err
}

// AppendDecrypt is [Client.Decrypt], appending the plaintext to dst, and says what opened the message. message must not
// overlap the spare capacity of dst. On error it returns nil, and what it wrote to spare capacity of dst is wiped.
func (c *Client) AppendDecrypt(ctx context.Context, dst, message []byte, ec Context) (plaintext []byte, info Info, err error) {
	sc := c.opening.Get().(*scratch) // on an error it is lost, as in AppendEncrypt
	if err := sc.parse(message); err != nil {
		return nil, Info{}, err
	}
	h, body := &sc.header, message[len(sc.wire):]
	if _, err := checkBody(h, int64(len(body))); err != nil {
		return nil, Info{}, err
	}
	w, err := c.open(ctx, sc, message[:h.HeadSize()], ec, &info)
	if err != nil {
		return nil, Info{}, err
	}
	chunk := h.ChunkSize
	sc.put(&c.opening)
	if plaintext, err = stream.Open(dst, body, &w, chunk, &c.stream); err != nil {
		return nil, Info{}, err
	}
	return plaintext, info, nil
}
