package format

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

const (
	// growth is how far the buffer of ReadHeader may be ahead of what was really read, in bytes: a header that claims
	// its largest size and ends there costs this much and not 136 KiB.
	growth = 4 << 10
	// keepBuffer is the largest buffer that goes back to the pool, in bytes.
	keepBuffer = 16 << 10
)

var headerBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, growth)
	return &b
}}

// ReadHeader reads one header from r and not a byte beyond it: the next byte of r is the first of the body. Of a usual
// header it makes three reads, and never allocates more than about twice what it has read.
//
// Errors are those of [Header.Parse]; an input that ends in the header, an empty one included, gives a [*ParseError]
// matching [io.ErrUnexpectedEOF]. An error of r itself is returned wrapped.
func ReadHeader(r io.Reader) (*Header, error) {
	buf := headerBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keepBuffer {
			headerBuffers.Put(buf)
		}
	}()
	b, err := gatherHeader(r, (*buf)[:0])
	*buf = b
	if err != nil {
		return nil, fmt.Errorf("format: read header: %w", err)
	}
	h := new(Header)
	if _, err := h.Parse(b); err != nil {
		return nil, err
	}
	return h, nil
}

// gatherHeader reads as much of r as Parse needs: a whole header, or, if r ends early or has a fault that shows before
// the end, enough for Parse to say so.
func gatherHeader(r io.Reader, b []byte) ([]byte, error) {
	for {
		need := headerSize(b)
		if len(b) >= need {
			return b, nil
		}
		for len(b) < need {
			n := min(need-len(b), max(growth, len(b)))
			b = slices.Grow(b, n)
			got, err := io.ReadFull(r, b[len(b):len(b)+n])
			b = b[:len(b)+got]
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return b, nil
			}
			if err != nil {
				return b, err
			}
		}
	}
}

// headerSize returns how long the header that begins with b is at least: all of it, once its lengths are known. If b
// shows already that it begins no header, that is len(b).
func headerSize(b []byte) int {
	if len(b) < headFixed {
		return headFixed
	}
	var h Header
	n, err := h.parseFixed(b)
	if err != nil {
		return len(b)
	}
	// Kind 03 has 16 more bytes, the others a length of two.
	at := headFixed + n + suite.CommitSize
	if len(b) < at+3 {
		return at + 3
	}
	size := int(binary.BigEndian.Uint16(b[at+1:]))
	switch Kind(b[at]) {
	case Attached:
		return at + 3 + size
	case Slots:
		if size >= MinSlotSize {
			return at + 3 + 2*size
		}
	case Detached:
		return at + 1 + len(Reference{})
	}
	return len(b)
}
