package boltstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
)

// A record is sealed as
//
//	epoch (4 bytes) || number (8 bytes) || AES-256-GCM (key of the epoch, nonce 4 zero bytes || number)
//
// with its table and key as associated data, so that no record can be put in the place of another: an alias leads where
// it was told to, and a policy is of whom it was made for. Integers are big-endian.
//
// An epoch is what one process writes. Its key is HKDF-SHA-256 (root key, salt, "xinfeng refkms records"), with a salt of
// 32 random bytes that lies in the file. Within it the number counts, and never comes twice: not after a transaction that
// was rolled back, not after a crash, which ends the epoch, and not where a file was copied and both go on, whose salts
// differ. So no nonce is used twice under one key, however many records are written in however many years, which random
// nonces under one key could not promise beyond 2^32 records.
//
// It does not hold where a process itself is taken back, its memory and its file alike: a virtual machine that goes on
// twice from one snapshot seals other records under the numbers that it has used. A process cannot tell.
//
// Who can write to the file can still remove records, or put back those of an earlier day.
const (
	keySize    = 32
	saltSize   = 32
	headSize   = 4 + 8
	tagSize    = 16
	sealedSize = headSize + tagSize // bytes that sealing adds
)

// A sealer seals and opens records. Opening is safe for concurrent use; sealing is not.
type sealer struct {
	root   []byte
	epochs map[uint32]*epoch
	own    uint32 // the epoch of this process
	number uint64 // of the last record that was sealed
}

type epoch struct {
	salt []byte
	aead func() cipher.AEAD // made when first asked for
}

func newSealer(root []byte) *sealer { return &sealer{root: root, epochs: map[uint32]*epoch{}} }

// add makes an epoch known.
func (s *sealer) add(n uint32, salt []byte) {
	s.epochs[n] = &epoch{salt, sync.OnceValue(func() cipher.AEAD {
		key, err := hkdf.Key(sha256.New, s.root, salt, "xinfeng refkms records", keySize)
		if err != nil {
			panic("boltstore: internal error: " + err.Error()) // unreachable: the length is one that HKDF has
		}
		return newGCM(key)
	})}
}

// begin begins the epoch of this process.
func (s *sealer) begin(n uint32) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	s.add(n, salt)
	s.own = n
}

// seal returns the sealed form of a text, for a place. It allocates what it returns and nothing else.
func (s *sealer) seal(text, place []byte) []byte {
	s.number++
	b := make([]byte, headSize, sealedSize+len(text))
	binary.BigEndian.PutUint32(b, s.own)
	binary.BigEndian.PutUint64(b[4:], s.number)
	var nonce [12]byte
	copy(nonce[4:], b[4:])
	return s.epochs[s.own].aead().Seal(b, nonce[:], text, place)
}

// open appends the text of a sealed record to dst.
func (s *sealer) open(dst, sealed, place []byte) ([]byte, error) {
	if len(sealed) < sealedSize {
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrDamaged, len(sealed))
	}
	e := s.epochs[binary.BigEndian.Uint32(sealed)]
	if e == nil {
		return nil, fmt.Errorf("%w: a record of an epoch that there is not", ErrDamaged)
	}
	var nonce [12]byte
	copy(nonce[4:], sealed[4:])
	text, err := e.aead().Open(dst, nonce[:], sealed[headSize:], place)
	if err != nil {
		return nil, fmt.Errorf("%w: a record does not authenticate", ErrDamaged)
	}
	return text, nil
}

func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic("boltstore: internal error: " + err.Error()) // unreachable: the key has 32 bytes
}
