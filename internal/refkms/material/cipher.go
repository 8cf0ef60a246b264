package material

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"hash/maphash"
	"sync/atomic"

	"github.com/emmansun/gmsm/sm4"
)

// A Cipher is the algorithm of a symmetric key.
type Cipher uint8

// The ciphers.
const (
	AES256GCM Cipher = 1
	SM4GCM    Cipher = 2
)

// KeySize returns the size of the cipher's key in bytes.
func (c Cipher) KeySize() int {
	if c == SM4GCM {
		return 16
	}
	return 32
}

// newAEAD returns the cipher under key.
func (c Cipher) newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != c.KeySize() {
		return nil, fmt.Errorf("material: a key of %d bytes, want %d", len(key), c.KeySize())
	}
	newBlock := aes.NewCipher
	if c == SM4GCM {
		newBlock = sm4.NewCipher
	}
	block, err := newBlock(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	return cipher.NewGCM(block)
}

// Slots of a Cache: expanded keys take 0.5 to 1.3 KB each.
const cacheSlots = 1024

// A Cache keeps the expanded keys of versions that were used lately: expanding one costs as much as sealing a data key
// under it. It has 1024 slots, a key has one of them, and the last one used there is kept; no lock is involved. What it
// keeps cannot be cleared. It is safe for concurrent use, and its zero value is empty.
type Cache struct {
	slots [cacheSlots]atomic.Pointer[expanded]
}

type expanded struct {
	cipher Cipher
	key    []byte
	aead   cipher.AEAD
}

var cacheSeed = maphash.MakeSeed()

// AEAD returns the cipher under the key of a version. The key is kept and must not be modified.
func (c *Cache) AEAD(alg Cipher, versionID string, key []byte) (cipher.AEAD, error) {
	slot := &c.slots[maphash.String(cacheSeed, versionID)%cacheSlots]
	// The key itself is compared, not the version that it was found by: a server that goes back to a snapshot may
	// import another key under a version id that has been seen.
	if e := slot.Load(); e != nil && e.cipher == alg && bytes.Equal(e.key, key) {
		return e.aead, nil
	}
	aead, err := alg.newAEAD(key)
	if err != nil {
		return nil, err
	}
	slot.Store(&expanded{alg, key, aead})
	return aead, nil
}
