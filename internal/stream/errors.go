package stream

import (
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

var (
	// ErrTooLarge is a message of more than [suite.MaxPlaintext] bytes, written or read.
	ErrTooLarge = fmt.Errorf("stream: message of more than %d bytes of plaintext: %w", suite.MaxPlaintext, suite.ErrSize)
	// ErrClosed is a Write, ReadFrom or Close after Close.
	ErrClosed = errors.New("stream: writer is closed")
	// ErrInvalidCount is an underlying reader or writer that claims a negative number of bytes, or more than it was
	// given room for.
	ErrInvalidCount = errors.New("stream: underlying reader or writer returned an impossible count")
	// ErrNegativeOffset is a ReadAt before the beginning.
	ErrNegativeOffset = errors.New("stream: negative offset")

	// errThrown is the error of a stream whose source or destination has panicked.
	errThrown = errors.New("stream: an earlier call panicked")
)

// A ChunkError is a chunk that is not authentic: damaged, cut, of another message or index, behind the end or missing.
// It matches [suite.ErrAuthentication], and [io.ErrUnexpectedEOF] as well if the input ended at the chunk: nothing
// tells a message cut at a chunk's edge from one whose last chunk is damaged.
type ChunkError struct {
	Chunk int64 // its number, from 0
	ended bool  // nothing followed it
}

func (e *ChunkError) Error() string {
	if e.ended {
		return fmt.Sprintf("stream: chunk %d, where the input ends: %v", e.Chunk, suite.ErrAuthentication)
	}
	return fmt.Sprintf("stream: chunk %d: %v", e.Chunk, suite.ErrAuthentication)
}

// Is reports whether target is one of the errors that the comment of ChunkError names.
func (e *ChunkError) Is(target error) bool {
	return target == suite.ErrAuthentication || e.ended && target == io.ErrUnexpectedEOF
}
