package aliyunesdk

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"math"
)

// A body is a single GCM message, however long, and its tag comes last; cipher.AEAD takes messages whole only. A
// segmented computes the same GCM message segment by segment with the cipher's own GCM, which does all encryption and all
// of GHASH, so that memory is bounded, segments spread over cores, and the speed is that of the cipher. It writes no
// cipher and no hash: what is added is a few multiplications in GF(2^128) for each segment.
//
// GHASH of blocks X1 ... Xn under H is Y = X1·H^n + ... + Xn·H, and the tag is (Y + L)·H + E(J0), with L the block of the
// two lengths. Y is linear, so that of a long message is put together from those of its segments:
//
//   - The tag t of one segment sealed alone gives g = Y·H of the segment as t + E(J0) + L·H.
//   - Of the whole, g becomes g·H^(blocks of the segment) + g of the segment, and its tag is g + L·H + E(J0).
//
// A segment in the middle must be encrypted with counters that do not begin at 2. GCM derives its first counter block
// from a nonce of 16 bytes N as J0 = (N·H + [128])·H, so the nonce that leads to a wanted J0 is
// N = J0·H^-2 + [128]·H^-1. Such nonces never leave this file.
type segmented struct {
	aead  cipher.AEAD  // with nonces of 16 bytes
	block cipher.Block // to encrypt single blocks

	h      element // the hash key, E(0)
	hk     element // h^(blocks of a full segment)
	scale  element // 1/h²
	offset element // [128]/h
	fullA  element // L·h of a full segment as associated data alone
	fullC  element // L·h of a full segment as ciphertext alone
	plainJ element // E(J0) of the nonce that hashes with, all zero
	zero   [blockSize]byte
}

// A segment is the scratch for one. It is kept from segment to segment, because what a cipher is handed goes to the heap.
type segment struct {
	nonce, block [blockSize]byte
	tag          [tagSize]byte
}

const (
	// segmentSize is the length in bytes of what is handled at once: long enough that four multiplications (about 1 µs)
	// do not count beside its encryption (14 µs), short enough to read at random.
	segmentSize   = 64 << 10
	segmentBlocks = segmentSize / blockSize
)

// newSegmented returns the segment-wise GCM of a block cipher of 16-byte blocks.
func newSegmented(block cipher.Block) (*segmented, error) {
	aead, err := cipher.NewGCMWithNonceSize(block, blockSize)
	if err != nil {
		return nil, err
	}
	s, sc := &segmented{aead: aead, block: block}, new(segment)
	s.h = s.encrypt(sc, element{})
	inverse := s.h.inverse()
	if s.h.times(inverse) != one {
		// The hash key is zero under one data key in 2^128. All tags are equal then.
		return nil, errors.New("aliyunesdk: data key has a hash key of zero")
	}
	s.hk = s.h.power(segmentBlocks)
	s.scale = inverse.times(inverse)
	s.offset = inverse.times(element{lo: 8 * blockSize})
	s.fullA, s.fullC = s.lengths(segmentSize, 0), s.lengths(0, segmentSize)
	// A nonce of zeros leads to J0 = [128]·H.
	s.plainJ = s.encrypt(sc, s.h.times(element{lo: 8 * blockSize}))
	return s, nil
}

// encrypt encrypts one block.
func (s *segmented) encrypt(sc *segment, e element) element {
	sc.block = e.bytes()
	s.block.Encrypt(sc.block[:], sc.block[:])
	return toElement(sc.block[:])
}

// lengths returns L·H for so many bytes of associated data and of ciphertext.
func (s *segmented) lengths(ad, ciphertext int64) element {
	return s.h.times(element{uint64(ad) * 8, uint64(ciphertext) * 8})
}

// alone returns L·H of a segment of n bytes that is associated data, or ciphertext, and nothing else.
func (s *segmented) alone(n int, ciphertext bool) element {
	switch {
	case n != segmentSize && ciphertext:
		return s.lengths(0, int64(n))
	case n != segmentSize:
		return s.lengths(int64(n), 0)
	case ciphertext:
		return s.fullC
	}
	return s.fullA
}

// hash returns g of up to a segment of data.
func (s *segmented) hash(sc *segment, data []byte) element {
	s.aead.Seal(sc.tag[:0], s.zero[:], nil, data)
	return toElement(sc.tag[:]).plus(s.plainJ).plus(s.alone(len(data), false))
}

// append returns g of the data that g is of, followed by n bytes with the given g. All data before has whole blocks.
func (s *segmented) append(g element, n int, next element) element {
	if n == segmentSize {
		return g.times(s.hk).plus(next)
	}
	return g.times(s.h.power(int64(n+blockSize-1) / blockSize)).plus(next)
}

// hashAll returns g of data of any length.
func (s *segmented) hashAll(data []byte) (g element) {
	sc := new(segment)
	for len(data) > 0 {
		n := min(len(data), segmentSize)
		g = s.append(g, n, s.hash(sc, data[:n]))
		data = data[n:]
	}
	return g
}

// first returns the counter block J0 of segment i of the message under iv, whose key stream follows it.
func first(iv []byte, i int64) element {
	if i < 0 || i > math.MaxUint32/segmentBlocks {
		panic("aliyunesdk: internal error: segment is beyond the limit of GCM")
	}
	var j [blockSize]byte
	copy(j[:headerIVSize], iv)
	binary.BigEndian.PutUint32(j[headerIVSize:], 1+uint32(i)*segmentBlocks)
	return toElement(j[:])
}

// seal encrypts a segment or less in place; behind it is room for 16 bytes, which are overwritten. It returns g of the
// ciphertext.
func (s *segmented) seal(sc *segment, data, iv []byte, i int64) element {
	j := first(iv, i)
	sc.nonce = s.nonce(j)
	sealed := s.aead.Seal(data[:0], sc.nonce[:], data, nil)
	return toElement(sealed[len(data):]).plus(s.encrypt(sc, j)).plus(s.alone(len(data), true))
}

// open decrypts a segment or less in place if g is that of it, and reports whether it was; else the data are zero. Behind
// them is room for 16 bytes, which are overwritten.
func (s *segmented) open(sc *segment, data, iv []byte, i int64, g element) bool {
	j := first(iv, i)
	sc.nonce = s.nonce(j)
	sc.tag = g.plus(s.encrypt(sc, j)).plus(s.alone(len(data), true)).bytes()
	_, err := s.aead.Open(data[:0], sc.nonce[:], append(data, sc.tag[:]...), nil)
	return err == nil
}

// nonce returns the nonce of 16 bytes from which GCM derives j.
func (s *segmented) nonce(j element) [blockSize]byte { return j.times(s.scale).plus(s.offset).bytes() }

// tag returns the tag of a message whose associated data and ciphertext have g as their common one.
func (s *segmented) tag(g element, iv []byte, ad int, ciphertext int64) [tagSize]byte {
	return g.plus(s.lengths(int64(ad), ciphertext)).plus(s.encrypt(new(segment), first(iv, 0))).bytes()
}
