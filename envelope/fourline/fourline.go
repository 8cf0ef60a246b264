// Package fourline reads and writes the four-line text envelope of the KMS guide, which protects one file's contents
// against reading and change and binds them to nothing else: not to a name, a place or a context.
//
// The guide on envelope encryption has a script that asks GenerateDataKey for a data key, encrypts a file with it, and
// writes four lines of base64: wrapped key, nonce, ciphertext, tag. The cipher is AES in EAX mode. This package opens
// such files and writes files that the script opens:
//
//	client, err := fourline.New(api, "alias/Apollo/WorkKey", nil)
//	plaintext, err := client.Decrypt(ctx, file)
//
// New data is better kept in messages of package envelope, which bind a context and stream.
//
// # What it protects
//
// Whoever has a file but no right to decrypt under its CMK learns nothing of the contents but their length, and can
// change no byte of them unnoticed. He can put one whole file in another's place, and an old one in a newer one's. The
// file does not say which CMK it is under; the reader compares the key that answered with those it was told.
//
// # The chunk file
//
// Another script in circulation writes wrapped key, nonce and AES-GCM ciphertext one after the other and never the tag.
// Nothing in such a file can be verified. It is recognised, as [ErrChunkFile], and [Client.InsecureDecryptChunks] opens it
// for those who have another copy to compare with.
//
// # Specification
//
// The guide "Use envelope encryption to encrypt and decrypt local data" of Alibaba Cloud KMS; Bellare, Rogaway, Wagner,
// The EAX Mode of Operation (FSE 2004), with nonce and tag of 16 bytes, as PyCryptodome makes it.
package fourline

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/eax"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

var (
	// ErrAuthentication: the file, or the wrapped key in it, is not authentic. It is the same value as
	// envelope.ErrAuthentication.
	ErrAuthentication = suite.ErrAuthentication

	// ErrMalformed: the bytes are no four-line envelope.
	ErrMalformed = errors.New("not a four-line envelope")

	// ErrChunkFile: the bytes look like the other file, which has no tag; see [Client.InsecureDecryptChunks].
	ErrChunkFile = errors.New("chunk file without authentication")

	// ErrTooLarge: the plaintext is larger than [Options.MaxSize].
	ErrTooLarge = errors.New("larger than the limit")

	// ErrWrongKey: the wrapped key is under a CMK that is not one of the client's.
	ErrWrongKey = kmskey.ErrWrongKey

	// ErrInvalidDataKey: the key service's answer is no data key of AES.
	ErrInvalidDataKey = kmskey.ErrInvalidDataKey
)

const (
	// NonceSize and TagSize are the lengths of nonce and tag in bytes.
	NonceSize, TagSize = 16, 16
	// DataKeySize is the length in bytes of the data keys that are written with. Those of 16 and 24 bytes are opened too.
	DataKeySize = 32
	// DefaultMaxSize is the limit on plaintexts in bytes where the options set none, 256 MiB. EAX is computed in memory,
	// which takes about five times the plaintext.
	DefaultMaxSize = 256 << 20
)

// Options are the options of a [Client]. Nil means all defaults, as does every zero field.
type Options struct {
	// Opens lists further CMKs, by id or key ARN, whose files may be opened. At most 64; default none.
	Opens []string

	// MaxSize bounds the plaintext in bytes, written and read. Default [DefaultMaxSize].
	MaxSize int
}

// A Client reads and writes four-line envelopes of one CMK. It is immutable and safe for concurrent use.
type Client struct {
	key     *kmskey.Key
	maxSize int
}

// New returns a client of the CMK of that key id, alias, or ARN of either. Configured by an alias, it opens what is under
// the CMK that the alias points at now, with one DescribeKey more for each file, and what is under [Options.Opens]. It
// makes no call.
func New(api kmsapi.API, keyID string, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	key, err := kmskey.New(api, keyID, opts.Opens)
	if err != nil {
		return nil, fmt.Errorf("fourline: %w", err)
	}
	if opts.MaxSize < 0 {
		return nil, fmt.Errorf("fourline: limit of %d bytes", opts.MaxSize)
	}
	c := &Client{key: key, maxSize: opts.MaxSize}
	if c.maxSize == 0 {
		c.maxSize = DefaultMaxSize
	}
	return c, nil
}

// Encrypt returns plaintext as a four-line envelope: one GenerateDataKey call for a data key of its own. Nil and empty
// plaintext make an envelope like any other. plaintext is neither kept nor modified.
//
// Errors: [ErrTooLarge] before any call; those of the API; [ErrWrongKey] and [ErrInvalidDataKey] for an answer that does
// not fit. Safe for concurrent use.
func (c *Client) Encrypt(ctx context.Context, plaintext []byte) ([]byte, error) {
	if len(plaintext) > c.maxSize {
		return nil, fmt.Errorf("fourline: encrypt: %d bytes, limit %d: %w", len(plaintext), c.maxSize, ErrTooLarge)
	}
	key, blob, err := c.key.Generate(ctx, DataKeySize, nil)
	if err != nil {
		return nil, fmt.Errorf("fourline: encrypt: %w", err)
	}
	defer clear(key)
	aead, err := newEAX(key)
	if err != nil {
		return nil, err // unreachable: the length is fixed
	}
	e := envelope{blob: blob, nonce: make([]byte, NonceSize)}
	rand.Read(e.nonce)
	e.sealed = aead.Seal(nil, e.nonce, plaintext, nil)
	return e.marshal(), nil
}

// Decrypt returns the plaintext of a four-line envelope. Lines may end in LF or CR LF, the last one in neither, and empty
// lines may follow. It makes one Decrypt call, for a client of an alias one DescribeKey besides, and none if the shape is
// wrong. message is neither kept nor modified.
//
// Errors: [ErrMalformed], [ErrChunkFile], [ErrTooLarge] before any call; [ErrAuthentication] if file or wrapped key are
// not authentic; [ErrWrongKey], [ErrInvalidDataKey], and those of the API. On error no plaintext is returned. Safe for
// concurrent use.
func (c *Client) Decrypt(ctx context.Context, message []byte) ([]byte, error) {
	e, err := parse(message, c.maxSize)
	if err != nil {
		return nil, err
	}
	key, err := c.unwrap(ctx, e.blob)
	if err != nil {
		return nil, fmt.Errorf("fourline: decrypt: %w", err)
	}
	defer clear(key)
	aead, err := newEAX(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	plaintext, err := aead.Open(nil, e.nonce, e.sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("fourline: decrypt: envelope is %w", ErrAuthentication)
	}
	return plaintext, nil
}

// unwrap opens a wrapped key. What the service calls invalid is not authentic.
func (c *Client) unwrap(ctx context.Context, blob string) ([]byte, error) {
	key, err := c.key.Unwrap(ctx, blob, nil, func(n int) bool { return n == 16 || n == 24 || n == 32 })
	if errors.Is(err, kmsapi.ErrInvalidCiphertext) {
		return nil, fmt.Errorf("wrapped key is %w: %w", ErrAuthentication, err)
	}
	return key, err
}

func newEAX(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return eax.NewEAX(block)
}
