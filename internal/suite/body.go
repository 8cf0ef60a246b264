package suite

import (
	"errors"
	"fmt"
	"math/bits"
)

const (
	// MinChunkBits and MaxChunkBits bound e, the binary logarithm of the chunk size.
	MinChunkBits, MaxChunkBits = 12, 22
	// MinChunkSize and MaxChunkSize bound the plaintext of a full chunk, in bytes. The least keeps the overhead of tags
	// under 0.4 %; the largest bounds what a reader buffers for a one-byte message.
	MinChunkSize, MaxChunkSize = 1 << MinChunkBits, 1 << MaxChunkBits
	// DefaultChunkBits is e of the default chunk size, 64 KiB.
	DefaultChunkBits = 16
	// MaxPlaintext is the largest plaintext of one message in bytes, 64 TiB. At this size the distinguishing advantage
	// is 2^-45 (SPEC.md, Section 8), and with the smallest chunk the counter stays below 2^34.
	MaxPlaintext int64 = 1 << 46
)

// ErrSize is the cause of every size that no message has.
var ErrSize = errors.New("no message has this size")

// ChunkBits returns e for a chunk size of 2^e bytes, or false if size is not a power of two within the limits.
func ChunkBits(size int) (e uint8, ok bool) {
	if size < MinChunkSize || size > MaxChunkSize || size&(size-1) != 0 {
		return 0, false
	}
	return uint8(bits.TrailingZeros(uint(size))), true
}

// Chunks returns the number of chunks that hold plaintext bytes, N = max(1, ceil(plaintext / chunk)). plaintext must
// be from 0 to [MaxPlaintext] and chunk a valid chunk size.
func Chunks(plaintext int64, chunk int) int64 {
	if plaintext <= int64(chunk) {
		return 1
	}
	return (plaintext + int64(chunk) - 1) / int64(chunk)
}

// BodySize returns the length in bytes of the body that holds plaintext bytes.
func BodySize(plaintext int64, chunk int) (int64, error) {
	if plaintext < 0 || plaintext > MaxPlaintext {
		return 0, fmt.Errorf("plaintext of %d bytes, limit %d: %w", plaintext, MaxPlaintext, ErrSize)
	}
	return plaintext + Chunks(plaintext, chunk)*TagSize, nil
}

// PlaintextSize returns the length in bytes of the plaintext in a body of the given length, the inverse of [BodySize].
// A length that no body has is refused: under 16 bytes, a last chunk of 1 to 16 bytes behind a full one, or more than
// [MaxPlaintext] holds.
func PlaintextSize(body int64, chunk int) (int64, error) {
	if body < TagSize {
		return 0, fmt.Errorf("body of %d bytes, least is %d: %w", body, TagSize, ErrSize)
	}
	full := int64(chunk) + TagSize
	if body <= full { // most messages, which are spared two divisions
		return body - TagSize, nil
	}
	n := body / full
	last := body % full
	if last > 0 {
		n++
	} else {
		last = full
	}
	if last <= TagSize && n > 1 {
		return 0, fmt.Errorf("last chunk of %d bytes behind a full one: %w", last, ErrSize)
	}
	plaintext := body - n*TagSize
	if plaintext > MaxPlaintext {
		return 0, fmt.Errorf("plaintext of %d bytes, limit %d: %w", plaintext, MaxPlaintext, ErrSize)
	}
	return plaintext, nil
}
