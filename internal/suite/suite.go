// Package suite knows the algorithms of the message format: its hashes and AEADs, the key derivations with their
// labels, and the arithmetic of the body. It looks a suite up by its plain number and imports nothing else of this
// module, so that package format and the stream core can both stand on it.
//
// It writes no cipher and no hash. AES-GCM, SHA-256 and HKDF-Extract come from the standard library, SM3 and SM4 from
// gmsm.
//
// # Compatibility
//
// Internal: everything here may change tomorrow, except the bytes it derives, which are those of format/SPEC.md.
//
// # Specification
//
// format/SPEC.md, Section 4 (derivations) and Section 6 (sizes).
package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// ErrAuthentication is the one error for everything that is not authentic: a wrong key, context, header or chunk.
// Packages keyring and envelope export this very value.
var ErrAuthentication = errors.New("not authentic")

// The numbers of the suites, as they stand in a header. 0 is never valid.
const (
	AES256GCM uint16 = 1 // AES-256-GCM, HKDF-SHA-256
	SM4GCM    uint16 = 2 // SM4-128-GCM, HKDF-SM3
)

const (
	// DataKeySize is the length of a data key in bytes, in every suite.
	DataKeySize = 32
	// HashSize is the output length in bytes of the hash of every suite.
	HashSize = 32
	// SaltSize is the length in bytes of the salt in a message's head.
	SaltSize = 32
	// CommitSize is the length in bytes of tag, commit and the commitment of a local wrap. A MAC could be shorter; a
	// commitment of 16 bytes would fall to 2^64 work offline.
	CommitSize = 32
	// NonceSize is the length in bytes of a GCM nonce.
	NonceSize = 12
	// TagSize is the length in bytes of a GCM tag.
	TagSize = 16
)

// A Suite is one closed set of algorithms. There is one value for each number; it is immutable and safe for
// concurrent use.
type Suite struct {
	id       uint16
	name     string
	keySize  int // of the AEAD, bytes
	maskSize int // of the nonce mask, bytes: 0 or NonceSize
	newHash  func() hash.Hash
	newBlock func(key []byte) (cipher.Block, error)
}

var (
	aes256 = &Suite{id: AES256GCM, name: "AES256GCM", keySize: 32, newHash: sha256.New, newBlock: aes.NewCipher}
	// The mask spares the 128-bit suite the attack that tests one key against the first block of every message at
	// once, since all counters start alike (SPEC.md, Section 8). AES-256 does not need it.
	sm4gcm = &Suite{id: SM4GCM, name: "SM4GCM", keySize: 16, maskSize: NonceSize, newHash: sm3.New, newBlock: sm4.NewCipher}
)

// Lookup returns the suite with the given number, or nil if there is none.
func Lookup(id uint16) *Suite {
	switch id {
	case AES256GCM:
		return aes256
	case SM4GCM:
		return sm4gcm
	}
	return nil
}

// ID returns the number of the suite.
func (s *Suite) ID() uint16 { return s.id }

// String returns the short name of the suite.
func (s *Suite) String() string { return s.name }

// NewHash returns a new hash of the suite: SHA-256 or SM3.
func (s *Suite) NewHash() hash.Hash { return s.newHash() }

// NewAEAD returns the suite's GCM under key, which is 32 bytes in suite 1 and 16 bytes in suite 2. The key is neither
// kept nor modified, but its expansion is kept and cannot be cleared.
func (s *Suite) NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != s.keySize {
		return nil, fmt.Errorf("suite: %s key of %d bytes, want %d", s.name, len(key), s.keySize)
	}
	block, err := s.newBlock(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	return cipher.NewGCM(block)
}
