// Package osscse reads and writes objects that the SDKs of OSS encrypted on the client, which protects their contents
// against being read and against nothing else: no change of them is noticed, not of a bit, not of an end, not of a range.
//
// It is for getting data out of such objects, and for writing them for programs that read nothing else. An object is
// AES-256-CTR ciphertext as long as its plaintext, and the wrapped data key stands in its metadata:
//
//	client, err := osscse.New(kmsKey)
//	object, err := client.OpenUnauthenticated(ctx, metadata)
//	r, err := object.NewReader(body)
//
// The names say Unauthenticated because nothing here can be verified. What is read must be compared with what is known of
// it, and new data is better kept in messages of package envelope, which also read at random.
//
// # What it protects
//
// Whoever has an object but not the master key learns nothing of the contents but their length. Whoever can write to the
// bucket flips any bit of the plaintext at will, cuts and lengthens it, exchanges ranges with those of another version
// under the same data key, puts one object's metadata on another, and takes the metadata away, after which the vendor's
// SDKs hand out the ciphertext as it is. The checks of this package (metadata there, counter well formed, length, MD5 where
// the object has it, the range that was answered) find accidents, not attackers.
//
// # No OSS client
//
// This package talks to KMS through package kmsapi and to nobody else. Metadata, bodies and ranges come from the caller's
// OSS client, as maps and readers.
//
// # Compatibility
//
// The OSS SDKs for Go (v1 and v2), Java and Python, with RSA and KMS master keys, and for reading the format of older
// Python SDKs. Objects are written as the Go and Java SDKs write them; the Python SDK does not read those that are wrapped
// by KMS, since it encodes them twice.
package osscse

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
)

var (
	// ErrNotEncrypted: the metadata are not those of an encrypted object. They may have been lost in copying, or taken
	// away: never take the body for plaintext.
	ErrNotEncrypted = errors.New("metadata of an encrypted object are missing")

	// ErrMalformed: the metadata are not what the format has.
	ErrMalformed = errors.New("malformed")

	// ErrUnsupportedAlgorithm: the metadata name an algorithm that the format does not know.
	ErrUnsupportedAlgorithm = errors.New("unsupported algorithm")

	// ErrNoMatch: no master key of the client has the description, or the kind, that the metadata name.
	ErrNoMatch = errors.New("no master key for this object")

	// ErrUnwrap: a wrapped data key or counter does not open. It says no more, whatever the cause.
	ErrUnwrap = errors.New("wrapped key does not open")

	// ErrWrongKey: a wrapped key is under a CMK that is not the master key.
	ErrWrongKey = kmskey.ErrWrongKey

	// ErrLength: the body has not the length that metadata or answer say.
	ErrLength = errors.New("body has another length")

	// ErrContentMD5: the plaintext does not have the MD5 of the metadata.
	ErrContentMD5 = errors.New("plaintext has another MD5")

	// ErrRange: an answer is not for the range that was asked for.
	ErrRange = errors.New("answer is for another range")

	// ErrReused: an upload was asked to encrypt the same place twice, which would give away the difference of the two.
	ErrReused = errors.New("key stream was used before")
)

// A Client reads objects under any of its master keys and writes under the first. It is immutable and safe for concurrent
// use.
type Client struct {
	keys []MasterKey
}

// New returns a client of the master keys. An object names its master key by a description alone: no two keys of one kind
// may have the same. It makes no call.
func New(keys ...MasterKey) (*Client, error) {
	if len(keys) == 0 {
		return nil, errors.New("osscse: no master key")
	}
	for i, k := range keys {
		if k == nil {
			return nil, errors.New("osscse: master key is nil")
		}
		for _, o := range keys[:i] {
			if k.kind() == o.kind() && maps.Equal(k.describe(), o.describe()) {
				return nil, errors.New("osscse: two master keys of one kind and description")
			}
		}
	}
	return &Client{keys: slices.Clone(keys)}, nil
}

// find returns the master key of the metadata. The error names the keys of the description, and no values.
func (c *Client) find(m *Metadata) (MasterKey, error) {
	for _, k := range c.keys {
		if k.kind() == m.wrap.kind && maps.Equal(k.describe(), m.Description) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("osscse: %s, description %s: %w", m.WrapAlgorithm, kmskey.Quote(strings.Join(slices.Sorted(maps.Keys(m.Description)), ",")), ErrNoMatch)
}
