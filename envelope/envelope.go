// Package envelope encrypts byte slices, streams and files on the client with data keys that a key service guards:
// envelope encryption.
//
// Most programs need a provider and two calls:
//
//	client, err := envelope.New(provider, nil)
//	message, err := client.Encrypt(ctx, plaintext, envelope.Context{"tenant": "42"})
//	plaintext, err := client.Decrypt(ctx, message, envelope.Context{"tenant": "42"})
//
// [Client.NewWriter], [Client.NewReader] and [Client.NewReaderAt] do the same for streams and random access, and
// [Client.EncryptFile] and [Client.DecryptFile] for files. [Client.Salvage] recovers what is left of a damaged message.
//
// # What it protects
//
// Whoever has the message but no right to decrypt under its CMK learns nothing of the plaintext but its length, and can
// change nothing unnoticed: not a byte, not an order, not an end. The pairs of the [Context] are bound to the message
// and to its wrapped key; a reader must know them, so a message opens only where it belongs. No byte of plaintext leaves
// this package before it is authentic.
//
// It does not hide the length, the ids of keys, the stored pairs, or which messages share a data key. It cannot tell an
// old version of a message from the newest, nor two whole messages of equal context from each other: put the name of the
// object into the context. Whoever may decrypt a message can write others under the same wrapped key. Memory of the
// process is not protected.
//
// # Concurrency
//
// A [Client] and a [ReaderAt] are safe for concurrent use, a [Writer] and a [Reader] are not. Goroutines live only inside
// a call, so streams may be dropped anywhere.
//
// # Compatibility
//
// Before version 1 the API may change with a note in CHANGELOG.md. What is written stays readable: the bytes change only
// with a new version number in the message.
//
// # Specification
//
// format/SPEC.md: Section 5 (writing and reading), Section 8 (what is protected, with numbers).
package envelope

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// Context is the pairs that a message is bound to, stored and withheld together: what it is, to whom it belongs. Keys
// have 1 byte or more of UTF-8, values may be empty; stored and withheld pairs take at most 8192 bytes each. It is not
// secret: stored pairs stand in the message and go to the key service.
type Context map[string]string

var (
	// ErrAuthentication: message, context or key do not fit together. It says no more, because what differs is nobody's
	// business. It is the same value as keyring.ErrAuthentication.
	ErrAuthentication = suite.ErrAuthentication

	// ErrClosed: a [Writer] was used after Close.
	ErrClosed = stream.ErrClosed

	// ErrMissingPair: a pair that [Options.Require] names was not given to a writer.
	ErrMissingPair = errors.New("required context pair is missing")

	// ErrSameFile: source and destination are one file.
	ErrSameFile = errors.New("source and destination are the same file")

	// ErrSourceChanged: a file changed its size while it was read.
	ErrSourceChanged = errors.New("source changed while it was read")
)

// Options are the policy of a [Client]. Nil means all defaults, as does every zero field.
type Options struct {
	// Suite is what messages are written with. Default format.AES256GCM.
	Suite format.Suite

	// ChunkSize is the plaintext of a chunk in bytes, a power of two from 4096 to 4 MiB. Smaller chunks make random
	// reads cheaper, larger ones save 16 bytes each. Default 64 KiB.
	ChunkSize int

	// Keys says where wrapped keys go: format.Attached, right before the body (default); format.Slots, with room to be
	// rewrapped in place, about 2 KiB; format.Detached, in a key file of the KeyStore, so that rewrapping never touches
	// the message.
	Keys format.Kind

	// KeyStore has the key files of detached keys, for writing and for reading. Default none: messages with detached keys
	// cannot be opened, and the error matches fs.ErrNotExist.
	KeyStore KeyStore

	// Withhold names pairs that are bound to the message but not written into it nor shown to the key service. A pair
	// that decides who may read belongs to the stored ones; one that says where the data belongs, such as a row's primary
	// key, may be withheld. A message without a pair of that name is written without it. Default none.
	Withhold []string

	// Require names pairs that every message must have, stored or withheld: Encrypt without them is [ErrMissingPair],
	// and a message without them is not authentic. Default none.
	Require []string

	// AcceptUnseen names stored pairs that a reader need not give; "*" is all. The price: a reader who does not give a
	// pair opens messages of any value of it. Default none.
	AcceptUnseen []string

	// AcceptSuites restricts reading to messages of these suites; others are format.ErrUnsupportedSuite. Default all.
	AcceptSuites []format.Suite

	// Parallelism is how many cores one call may use, that of its caller among them. With 1, no call starts a goroutine,
	// and sources and destinations are called by the caller's alone. Default GOMAXPROCS, at most what MaxBuffer has room
	// for.
	Parallelism int

	// MaxBuffer bounds the bytes in flight of one stream, never under two chunks. Default 64 MiB.
	MaxBuffer int
}

// A Client encrypts and decrypts with the data keys of one provider. It is immutable and safe for concurrent use.
type Client struct {
	provider keyring.KeyProvider
	opts     Options
	store    KeyStore
	suite    *suite.Suite
	stream   stream.Options
	// Scratches for new and for old messages are kept apart: a header that is parsed into overwrites its record, and that
	// of a new message is the provider's.
	sealing, opening sync.Pool // of *scratch
}

// New returns a client of provider. It makes no call. opts is copied.
func New(provider keyring.KeyProvider, opts *Options) (*Client, error) {
	if provider == nil {
		return nil, errors.New("envelope: no key provider")
	}
	c := &Client{provider: provider}
	if opts != nil {
		c.opts = *opts
	}
	o := &c.opts
	if o.Suite == 0 {
		o.Suite = format.AES256GCM
	}
	if c.suite = suite.Lookup(uint16(o.Suite)); c.suite == nil {
		return nil, fmt.Errorf("envelope: %v: %w", o.Suite, format.ErrUnsupportedSuite)
	}
	if o.ChunkSize == 0 {
		o.ChunkSize = format.DefaultChunkSize
	}
	if _, ok := suite.ChunkBits(o.ChunkSize); !ok {
		return nil, fmt.Errorf("envelope: chunk size of %d bytes, want a power of two from %d to %d", o.ChunkSize, format.MinChunkSize, format.MaxChunkSize)
	}
	switch o.Keys {
	case 0:
		o.Keys = format.Attached
	case format.Attached, format.Slots:
	case format.Detached:
		if o.KeyStore == nil {
			return nil, errors.New("envelope: detached keys need a key store")
		}
	default:
		return nil, fmt.Errorf("envelope: %v: %w", o.Keys, format.ErrUnsupportedKind)
	}
	if c.store = o.KeyStore; c.store == nil {
		c.store = noKeyStore{}
	}
	if o.MaxBuffer < 0 {
		return nil, fmt.Errorf("envelope: buffer of %d bytes", o.MaxBuffer)
	}
	if o.Parallelism < 0 {
		return nil, fmt.Errorf("envelope: parallelism of %d", o.Parallelism)
	}
	o.Withhold, o.Require, o.AcceptUnseen = slices.Clone(o.Withhold), slices.Clone(o.Require), slices.Clone(o.AcceptUnseen)
	o.AcceptSuites = slices.Clone(o.AcceptSuites)
	for _, name := range slices.Concat(o.Withhold, o.Require, o.AcceptUnseen) {
		if name == "" || !utf8.ValidString(name) {
			return nil, fmt.Errorf("envelope: %q is no name of a context pair", name)
		}
	}
	for _, s := range o.AcceptSuites {
		if !s.Supported() {
			return nil, fmt.Errorf("envelope: accepted suites: %v: %w", s, format.ErrUnsupportedSuite)
		}
	}
	c.stream = stream.Options{Parallelism: o.Parallelism, MaxBuffer: o.MaxBuffer}
	c.sealing.New = func() any { return new(scratch) }
	c.opening.New = func() any { return new(scratch) }
	return c, nil
}

// Info says what opened a message. All of it is verified.
type Info struct {
	Provider, KeyID string // of the wrapped key that was opened
	Suite           format.Suite
	Stored          format.Pairs // the stored pairs, which other answers may share: not to be modified
}
