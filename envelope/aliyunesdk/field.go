package aliyunesdk

import "encoding/binary"

// An element is one of GF(2^128) as GCM has it: the first bit of a block is the coefficient of x^0 (NIST SP 800-38D,
// Section 6.3). Addition is XOR. It is used a handful of times for each 64 KiB, to put parts of GHASH together; the parts
// themselves are computed by the cipher's own GCM.
type element struct{ hi, lo uint64 }

// one is the neutral element of multiplication.
var one = element{hi: 1 << 63}

func toElement(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (a element) bytes() (b [blockSize]byte) {
	binary.BigEndian.PutUint64(b[:], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return b
}

func (a element) plus(b element) element { return element{a.hi ^ b.hi, a.lo ^ b.lo} }

// times multiplies bit by bit, in time that does not depend on the bits.
func (a element) times(b element) (z element) {
	for i := range 128 {
		word, shift := a.hi, 63-i
		if i >= 64 {
			word, shift = a.lo, 127-i
		}
		bit := -(word >> shift & 1)
		z.hi ^= b.hi & bit
		z.lo ^= b.lo & bit
		carry := -(b.lo & 1)
		b.lo = b.lo>>1 | b.hi<<63
		b.hi = b.hi>>1 ^ carry&0xe1<<56
	}
	return z
}

// power returns a^n. The time depends on n, which is a length.
func (a element) power(n int64) element {
	z := one
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			z = z.times(a)
		}
		a = a.times(a)
	}
	return z
}

// inverse returns a^(2^128-2), which is 1/a, and 0 for 0.
func (a element) inverse() element {
	z := a
	for range 126 {
		z = z.times(z).times(a)
	}
	return z.times(z)
}
