// Package aliyunesdk reads and writes the messages of Alibaba Cloud's Encryption SDK, which protect their contents against
// being read, and contents and encryption context against change under three of their twelve algorithms only.
//
// It is for programs that have such messages, or have to write them for programs in Java or Python:
//
//	client, err := aliyunesdk.New([]aliyunesdk.Key{{ARN: "acs:kms:cn-hangzhou:1234567890123456:key/...", API: api}}, nil)
//	message, err := client.Encrypt(ctx, plaintext, aliyunesdk.Context{"tenant": "42"})
//	plaintext, err := client.Decrypt(ctx, message, aliyunesdk.Context{"tenant": "42"})
//
// [Client.NewWriter] writes the stream encoding, [Client.NewReaderAt] reads a message of any size in bounded memory, and
// [Client.NewDetached] and [Client.OpenDetached] are for messages whose header is kept elsewhere. New data is better kept
// in messages of package envelope.
//
// # What it protects
//
// Under AES-128-GCM, AES-256-GCM and SM4-GCM, whoever has a message but no right to decrypt under its CMK learns nothing
// of the contents but their length, and can change nothing unnoticed. No byte of plaintext leaves this package before
// the whole body is authentic. The other algorithms leave the body open to change: they are read only where
// [Options.InsecureAllowAlgorithms] names them, and never written.
//
// Also under the three, these are weaker than messages of package envelope. A message does not commit to its data key:
// its writer can make one that opens to different contents under two keys, so restrict the keys, and take an opened
// message as proof of none. Under one data key, as all messages of a [Detached] header are, headers and bodies can be
// exchanged. The context, the key ids and the exact length are in the clear.
//
// # Strictness
//
// The reader takes one spelling of each message: DER with shortest lengths and sorted sets, sorted fields in the stream
// encoding, no key id twice, and nothing behind the end. The vendor's writers produce no other. Before KMS is asked, shape,
// algorithm, key ids and context are checked, and every answer must come from the key that was asked for.
//
// # Concurrency
//
// A [Client], a [Detached] and a [ReaderAt] are safe for concurrent use, a [Writer] and a [Reader] are not. Goroutines live
// only inside a call.
//
// # Compatibility
//
// Version 1.1.0 of alibabacloud-encryption-sdk-java, both encodings, and version 0.1.1 of
// alibabacloud-encryption-sdk-python, which has the one-shot encoding and AES only.
package aliyunesdk

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A Key is a CMK and the service that has it.
type Key struct {
	// ARN names the CMK: acs:kms:<region>:<account>:key/<key id>. Messages carry it as it is written here, and a wrapped
	// key is opened only if its key id is this very text.
	ARN string

	// API is the key service of the ARN's region.
	API kmsapi.API
}

// Options are the options of a [Client]. Nil means all defaults, as does every zero field.
type Options struct {
	// Algorithm is what messages are written with: AES128GCM, AES256GCM or SM4GCM. Default AES256GCM.
	Algorithm Algorithm

	// InsecureAllowAlgorithms names the algorithms without authentication that are read. Whoever can change such a message
	// changes its plaintext at will or, with padding, learns it by watching which changes are refused. Default none.
	InsecureAllowAlgorithms []Algorithm

	// AcceptUnseen names pairs of the context that a reader need not give; "*" is all. A reader who does not give a pair
	// opens messages of any value of it. Default none.
	AcceptUnseen []string

	// MaxSize bounds the messages that [Client.NewReader] holds in memory, in bytes. Default [DefaultMaxSize].
	MaxSize int
}

// A Client reads and writes messages under a number of CMKs. It is immutable and safe for concurrent use.
type Client struct {
	keys    []*kmskey.Key // the first one generates
	alg     Algorithm
	allow   []Algorithm
	unseen  []string
	maxSize int
}

// New returns a client. The data key of a new message is generated under the first key and wrapped under all others as
// well, and any one of them opens it. No two keys may have one ARN. It makes no call; keys and opts are copied.
func New(keys []Key, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	if len(keys) == 0 || len(keys) > MaxWrappedKeys {
		return nil, fmt.Errorf("aliyunesdk: %d keys, want 1 to %d", len(keys), MaxWrappedKeys)
	}
	c := &Client{alg: opts.Algorithm, allow: slices.Clone(opts.InsecureAllowAlgorithms), unseen: slices.Clone(opts.AcceptUnseen), maxSize: opts.MaxSize}
	for _, k := range keys {
		key, err := kmskey.New(k.API, k.ARN, nil)
		if err != nil {
			return nil, fmt.Errorf("aliyunesdk: %w", err)
		}
		// The region of the ARN is what readers find the service by.
		if n := key.Name(); !n.IsARN() || n.IsAlias() {
			return nil, fmt.Errorf("aliyunesdk: %s is not the ARN of a key: %w", kmskey.Quote(k.ARN), kmskey.ErrName)
		}
		if slices.ContainsFunc(c.keys, func(o *kmskey.Key) bool { return o.Name() == key.Name() }) {
			return nil, fmt.Errorf("aliyunesdk: %s is there twice", k.ARN)
		}
		c.keys = append(c.keys, key)
	}
	if c.alg == 0 {
		c.alg = AES256GCM
	}
	if !c.alg.Known() {
		return nil, fmt.Errorf("aliyunesdk: %v: %w", c.alg, ErrUnsupportedAlgorithm)
	}
	if !c.alg.Authenticated() {
		return nil, fmt.Errorf("aliyunesdk: %v is not for writing: %w", c.alg, ErrUnauthenticatedAlgorithm)
	}
	for _, a := range c.allow {
		if !a.Known() {
			return nil, fmt.Errorf("aliyunesdk: %v: %w", a, ErrUnsupportedAlgorithm)
		}
	}
	if c.maxSize < 0 {
		return nil, errors.New("aliyunesdk: negative limit")
	}
	if c.maxSize == 0 {
		c.maxSize = DefaultMaxSize
	}
	return c, nil
}

// Info says what opened a message, or what it was written with. All of it is verified.
type Info struct {
	KeyID     string // the ARN of the CMK
	Algorithm Algorithm
	Context   Context // the caller's own copy; nil if empty
}

func (i Info) clone() Info {
	i.Context = maps.Clone(i.Context)
	return i
}
