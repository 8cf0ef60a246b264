package main

import (
	"crypto/cipher"
	"encoding/binary"
)

// GCM commits to nothing: for any two keys there is a ciphertext with one tag that is right under both, and it is found
// by solving one linear equation. The vectors hold such ciphertexts, for a reader that trusts GCM to tell keys apart.

// An element of GF(2^128) in the bit order of GCM: the first bit of the block is the coefficient of x^0 (NIST SP
// 800-38D, Section 6.3).
type element struct{ hi, lo uint64 }

func toElement(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a element) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, a.hi), a.lo)
}

func (a element) add(b element) element { return element{a.hi ^ b.hi, a.lo ^ b.lo} }

// mul multiplies bit by bit modulo x^128 + x^7 + x^2 + x + 1: slow, and in no hurry.
func (a element) mul(b element) (z element) {
	for range 128 {
		if a.hi>>63 == 1 {
			z = z.add(b)
		}
		a = element{a.hi<<1 | a.lo>>63, a.lo << 1}
		carry := b.lo & 1
		b = element{b.hi >> 1, b.lo>>1 | b.hi<<63}
		if carry == 1 {
			b.hi ^= 0xe1 << 56
		}
	}
	return z
}

// inverse is a^(2^128 - 2), since a^(2^128 - 1) is 1 for every a but 0.
func (a element) inverse() element {
	r := element{hi: 1 << 63} // 1
	for range 127 {
		r = r.mul(a)
		r = r.mul(r)
	}
	return r
}

// A ghash is the authentication half of GCM under one key and nonce: the tag of ciphertext blocks X1..Xm with no
// additional data is pad + (((X1·H + X2)·H + … + Xm)·H + L)·H, L being the length.
type ghash struct{ h, pad element }

func newGHASH(block cipher.Block, nonce [12]byte) ghash {
	var zero, out [16]byte
	block.Encrypt(out[:], zero[:])
	g := ghash{h: toElement(out[:])}
	counter := append(nonce[:], 0, 0, 0, 1)
	block.Encrypt(out[:], counter)
	g.pad = toElement(out[:])
	return g
}

func (g ghash) tag(blocks []element) element {
	var y element
	for _, x := range blocks {
		y = y.add(x).mul(g.h)
	}
	length := element{lo: uint64(len(blocks)) * 128}
	return y.add(length).mul(g.h).add(g.pad)
}

// collide returns a sealed text that opens under both keys, each with its own nonce: ciphertext, a multiple of 16 bytes
// that the attacker is free to choose, one block more, and the tag.
//
// The last block X enters each tag as X·H², so with the block set to 0 first, the tags are equal if and only if
// X·(Ha² + Hb²) = tag_a + tag_b.
func collide(a gcmKey, nonceA [12]byte, b gcmKey, nonceB [12]byte, ciphertext []byte) []byte {
	ga, gb := newGHASH(a.block, nonceA), newGHASH(b.block, nonceB)
	var blocks []element
	for c := ciphertext; len(c) > 0; c = c[16:] {
		blocks = append(blocks, toElement(c))
	}
	blocks = append(blocks, element{})
	difference := ga.tag(blocks).add(gb.tag(blocks))
	squares := ga.h.mul(ga.h).add(gb.h.mul(gb.h))
	x := difference.mul(squares.inverse())
	blocks[len(blocks)-1] = x
	return join(ciphertext, x.bytes(), ga.tag(blocks).bytes())
}
