package material

import (
	"bytes"
	"crypto/cipher"
	"hash/maphash"
	"sync/atomic"
)

// Slots of a cache.
const cacheSlots = 1024

// slots keep what was made of the keys of versions that were used lately. A key has one of them, and the last one used
// there is kept; no lock is involved. What they keep cannot be cleared.
type slots[T any] [cacheSlots]atomic.Pointer[kept[T]]

type kept[T any] struct {
	kind  uint8 // of key: what a version is of never changes, but ids come from stores
	key   []byte
	value T
}

var cacheSeed = maphash.MakeSeed()

func (s *slots[T]) of(versionID string) *atomic.Pointer[kept[T]] {
	return &s[maphash.String(cacheSeed, versionID)%cacheSlots]
}

// get returns what is kept of a key. The key itself is compared, not the version that it was found by: a server that goes
// back to a snapshot may import another key under a version id that has been seen.
func (s *slots[T]) get(kind uint8, versionID string, key []byte) (value T, ok bool) {
	if k := s.of(versionID).Load(); k != nil && k.kind == kind && bytes.Equal(k.key, key) {
		return k.value, true
	}
	return value, false
}

// put keeps key, which must not be modified from now on, with what was made of it.
func (s *slots[T]) put(kind uint8, versionID string, key []byte, value T) {
	s.of(versionID).Store(&kept[T]{kind, key, value})
}

// A Cache keeps the expanded keys of 1024 versions of symmetric keys, 0.5 to 1.3 KB each: expanding one costs as much as
// sealing a data key under it. It is safe for concurrent use, and its zero value is empty.
type Cache struct{ slots slots[cipher.AEAD] }

// AEAD returns the cipher under the key of a version. The key is kept and must not be modified.
func (c *Cache) AEAD(alg Cipher, versionID string, key []byte) (cipher.AEAD, error) {
	if aead, ok := c.slots.get(uint8(alg), versionID, key); ok {
		return aead, nil
	}
	aead, err := alg.newAEAD(key)
	if err != nil {
		return nil, err
	}
	c.slots.put(uint8(alg), versionID, key, aead)
	return aead, nil
}

// A PairCache keeps the key pairs of 1024 versions of asymmetric keys, at most 10 KB each: to parse a private key of RSA
// takes 0.2 to 0.8 ms, many times as long as a verification. It is safe for concurrent use, and its zero value is empty.
type PairCache struct{ slots slots[*KeyPair] }

// Pair returns the pair whose private key, of a version, [KeyPair.Marshal] wrote. The key is kept and must not be
// modified. It returns [ErrPrivateKey] if it is none of the spec.
func (c *PairCache) Pair(spec PairSpec, versionID string, private []byte) (*KeyPair, error) {
	if pair, ok := c.slots.get(uint8(spec), versionID, private); ok {
		return pair, nil
	}
	pair, err := ParsePair(spec, private)
	if err != nil {
		return nil, err
	}
	c.slots.put(uint8(spec), versionID, private, pair)
	return pair, nil
}
