package osscse

import (
	"encoding/binary"
	"fmt"
	"math/big"
)

const (
	keySize   = 32 // bytes of a data key
	blockSize = 16 // bytes of a block, and of a counter
)

// A counter is the initial counter block of an object. All SDKs make it so that bytes 8 to 11 are zero: the Java SDK
// computes the counters of ranges from the last four bytes alone.
type counter [blockSize]byte

// wellFormed reports whether the zero bytes are there.
func (c *counter) wellFormed() bool { return binary.BigEndian.Uint32(c[8:]) == 0 }

// at returns the counter of the block that holds offset off: one number of 128 bits.
func (c *counter) at(off int64) counter {
	blocks := uint64(off) / blockSize
	hi, lo := binary.BigEndian.Uint64(c[:]), binary.BigEndian.Uint64(c[8:])
	if lo += blocks; lo < blocks {
		hi++
	}
	var at counter
	binary.BigEndian.PutUint64(at[:], hi)
	binary.BigEndian.PutUint64(at[8:], lo)
	return at
}

// parseCounter reads the counter of older Python SDKs: a decimal number that fills the block from the right.
func parseCounter(text []byte) ([]byte, error) {
	const digits = 39 // of 2^128
	if len(text) == 0 || len(text) > digits {
		return nil, fmt.Errorf("counter of %d characters: %w", len(text), ErrUnwrap)
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return nil, fmt.Errorf("counter is no number: %w", ErrUnwrap)
		}
	}
	n, _ := new(big.Int).SetString(string(text), 10)
	if n.BitLen() > 8*blockSize {
		return nil, fmt.Errorf("counter is too large: %w", ErrUnwrap)
	}
	return n.FillBytes(make([]byte, blockSize)), nil
}
