package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// The first bytes of a message. They are neither ASCII nor UTF-8, so nothing takes a message for text.
const magicMessage = "\x8e\x58\x46\x45"

// version is the only one that this package knows.
const version = 1

// headFixed is the length in bytes of a head without its context.
const headFixed = SaltOffset + suite.SaltSize

// SaltOffset is where the salt of 32 bytes begins, in bytes from the start of a message. What stands before it, and the stored
// pairs behind it, are the same in all messages of one context and of one client's options.
const SaltOffset = 12

// A Kind says where the wrapped keys of a message are (SPEC.md, Section 3.4). The zero value is never valid.
type Kind uint8

const (
	Attached Kind = 1 // one record, exactly as long as it is
	Slots    Kind = 2 // two slots of one size, with room to rewrap in place
	Detached Kind = 3 // in a key file, named by a reference
)

// String returns the name of the constant, or Kind(0x07) for a number without one.
func (k Kind) String() string {
	switch k {
	case Attached:
		return "Attached"
	case Slots:
		return "Slots"
	case Detached:
		return "Detached"
	}
	return fmt.Sprintf("Kind(0x%02x)", uint8(k))
}

// A Header is all that stands before the body of a message: head, tag and key section (SPEC.md, Sections 3.1 and
// 3.4). Nothing in a parsed Header is verified.
//
// The zero value is a Header to parse into. A Header is not safe for concurrent use while it is parsed into.
type Header struct {
	Suite     Suite
	ChunkSize int                    // bytes of plaintext in a full chunk, a power of two
	Withheld  int                    // number of withheld pairs, 0 to 255
	Salt      [suite.SaltSize]byte   // fresh and random in every message
	Tag       [suite.CommitSize]byte // not part of the head: it covers the head
	Stored    Pairs

	Kind       Kind
	Record     Record    // attached, and slots: the one in force; not used if detached
	Reference  Reference // detached only
	SlotSize   int       // slots only: of one slot, in bytes
	Generation uint32    // slots only: of the slot in force, 1 or more
	Slot       int       // slots only: which one is in force, 0 or 1. Set by Parse, not used by Marshal
}

// HeadSize returns the length of the head in bytes, 44 and the stored pairs. The tag begins there.
func (h *Header) HeadSize() int { return headFixed + len(h.Stored) }

// KeysOffset returns where the key section begins, in bytes from the start of the message. What stands before it never
// changes when a message is rewrapped.
func (h *Header) KeysOffset() int { return h.HeadSize() + suite.CommitSize }

// Size returns the length of the header in bytes, which is where the body begins. It has no meaning if Kind is not
// one of the constants.
func (h *Header) Size() int {
	n := h.KeysOffset() + 1
	switch h.Kind {
	case Attached:
		n += 2 + h.Record.Size()
	case Slots:
		n += 2 + 2*h.SlotSize
	case Detached:
		n += len(h.Reference)
	}
	return n
}

// AppendHead appends the head to dst: the 44+n bytes that the tag is computed over. It needs no tag, kind or record.
// For a Header that was parsed these are the bytes that were read. It returns an error matching [ErrInvalid], and no
// slice, if a field is out of its range.
func (h *Header) AppendHead(dst []byte) ([]byte, error) {
	e, ok := suite.ChunkBits(h.ChunkSize)
	switch {
	case !h.Suite.Supported():
		return nil, invalid("suite", "%v", h.Suite)
	case !ok:
		return nil, invalid("chunk size", "%d bytes", h.ChunkSize)
	case h.Withheld < 0 || h.Withheld > MaxWithheld:
		return nil, invalid("withheld", "%d pairs, limit %d", h.Withheld, MaxWithheld)
	}
	if err := checkPairs(h.Stored, 0); err != nil {
		return nil, invalid("context", "%v", errors.Unwrap(err))
	}
	dst = slices.Grow(dst, h.HeadSize())
	dst = append(append(dst, magicMessage...), version, byte(h.Withheld))
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(h.Suite)), e, 0)
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(h.Stored))), h.Salt[:]...)
	return append(dst, h.Stored...), nil
}

// Marshal appends the header to dst. A header with slots gets its record in slot 0, with its Generation, and a slot 1
// that was never written. Marshal returns an error matching [ErrInvalid], and no slice, if [Header.Parse] would refuse
// the result. It neither keeps nor modifies what h holds.
func (h *Header) Marshal(dst []byte) ([]byte, error) {
	dst, err := h.AppendHead(dst)
	if err != nil {
		return nil, err
	}
	dst = append(append(dst, h.Tag[:]...), byte(h.Kind))
	switch h.Kind {
	case Attached:
		start := len(dst)
		dst, err = h.Record.Marshal(append(dst, 0, 0))
		if err != nil {
			return nil, err
		}
		binary.BigEndian.PutUint16(dst[start:], uint16(len(dst)-start-2))
		return dst, nil
	case Slots:
		dst, err = h.AppendSlot(binary.BigEndian.AppendUint16(dst, uint16(h.SlotSize)), h.Generation, h.Record)
		if err != nil {
			return nil, err
		}
		return append(dst, make([]byte, h.SlotSize)...), nil
	case Detached:
		return append(dst, h.Reference[:]...), nil
	}
	return nil, invalid("kind", "%v", h.Kind)
}

// Parse parses the header at the beginning of b and returns its length; the body begins at b[n:]. The result shares no
// memory with b. Record is overwritten in place, and strings, ciphertexts and pairs that come again are kept, so that
// parsing a header with known wrapped keys into the same h allocates nothing; what was taken from Record before must
// be copied to be kept, strings and ciphertexts are never written to.
//
// The error is a [*ParseError] with an offset in b, and h is then empty. It matches [ErrNotMessage],
// [ErrUnsupportedVersion], [ErrUnsupportedSuite] or [ErrUnsupportedKind] in these cases, and [io.ErrUnexpectedEOF] if,
// and only if, b ends before the header does.
func (h *Header) Parse(b []byte) (n int, err error) {
	if n, err = h.parse(b); err != nil {
		*h = Header{}
		return 0, err
	}
	return n, nil
}

func (h *Header) parse(b []byte) (int, error) {
	n, err := h.parseFixed(b)
	if err != nil {
		return 0, err
	}
	end := headFixed + n
	if len(b) < end {
		return 0, truncated("context", len(b))
	}
	stored := b[headFixed:end]
	if err := checkPairs(stored, headFixed); err != nil {
		return 0, err
	}
	if !bytes.Equal(h.Stored, stored) {
		h.Stored = bytes.Clone(stored)
	}
	if len(b) < end+suite.CommitSize {
		return 0, truncated("tag", len(b))
	}
	end += copy(h.Tag[:], b[end:])
	return h.parseKeys(b, end)
}

// parseFixed checks and takes the first 44 bytes, and returns n. Of a shorter input it checks what is there: bytes that
// begin no message are not a message, however few they are.
func (h *Header) parseFixed(b []byte) (n int, err error) {
	if !bytes.HasPrefix([]byte(magicMessage), b[:min(len(b), len(magicMessage))]) {
		return 0, parseError("magic", 0, ErrNotMessage)
	}
	if len(b) > 4 && b[4] != version {
		return 0, parseError("version", 4, fmt.Errorf("%w %d", ErrUnsupportedVersion, b[4]))
	}
	if len(b) >= 8 {
		if h.Suite = Suite(binary.BigEndian.Uint16(b[6:])); !h.Suite.Supported() {
			return 0, parseError("suite", 6, fmt.Errorf("%w: %v", ErrUnsupportedSuite, h.Suite))
		}
	}
	if len(b) > 8 && (b[8] < suite.MinChunkBits || b[8] > suite.MaxChunkBits) {
		return 0, parseError("chunk size", 8, fmt.Errorf("2^%d bytes, want 2^%d to 2^%d", b[8], suite.MinChunkBits, suite.MaxChunkBits))
	}
	if len(b) > 9 && b[9] != 0 {
		return 0, parseError("reserved", 9, fmt.Errorf("%d, want 0", b[9]))
	}
	if len(b) >= 12 {
		if n = int(binary.BigEndian.Uint16(b[10:])); n > MaxPairsSize {
			return 0, parseError("context length", 10, fmt.Errorf("%d bytes, limit %d", n, MaxPairsSize))
		}
	}
	if len(b) < headFixed {
		return 0, truncated(fixedField(len(b)), len(b))
	}
	h.Withheld = int(b[5])
	h.ChunkSize = 1 << b[8]
	copy(h.Salt[:], b[12:])
	return n, nil
}

// fixedField names the field of the first 44 bytes in which an input of that many bytes ends.
func fixedField(length int) string {
	switch {
	case length < 4:
		return "magic"
	case length < 6:
		return "version"
	case length < 8:
		return "suite"
	case length < 9:
		return "chunk size"
	case length < 10:
		return "reserved"
	case length < 12:
		return "context length"
	}
	return "salt"
}

// parseKeys parses the key section at off and returns where it ends.
func (h *Header) parseKeys(b []byte, off int) (end int, err error) {
	if len(b) <= off {
		return 0, truncated("kind", len(b))
	}
	h.Kind = Kind(b[off])
	record := h.Record
	h.Record, h.Reference, h.SlotSize, h.Generation, h.Slot = nil, Reference{}, 0, 0, 0
	off++
	switch h.Kind {
	case Attached:
		if len(b)-off < 2 {
			return 0, truncated("record length", len(b))
		}
		r := int(binary.BigEndian.Uint16(b[off:]))
		off += 2
		if len(b)-off < r {
			return 0, truncated("record", len(b))
		}
		h.Record, err = parseRecord(record, b[off:off+r], off)
		return off + r, err
	case Slots:
		return h.parseSlots(b, off)
	case Detached:
		if len(b)-off < len(h.Reference) {
			return 0, truncated("reference", len(b))
		}
		return off + copy(h.Reference[:], b[off:]), nil
	}
	return 0, parseError("kind", off-1, fmt.Errorf("%w %d", ErrUnsupportedKind, uint8(h.Kind)))
}

// EncryptedSize returns the length in bytes of the whole message with this header and a plaintext of the given length,
// from 0 to [MaxPlaintext]; of any other the error matches [ErrSize].
func (h *Header) EncryptedSize(plaintext int64) (int64, error) {
	if err := h.checkChunkSize(); err != nil {
		return 0, err
	}
	body, err := suite.BodySize(plaintext, h.ChunkSize)
	if err != nil {
		return 0, fmt.Errorf("format: encrypted size: %w", err)
	}
	return int64(h.Size()) + body, nil
}

// PlaintextSize returns the length in bytes of the plaintext of a message with this header and total bytes in all, the
// inverse of EncryptedSize. The error matches [ErrSize] if no message has that length. It is arithmetic: that a message
// has that length, and not a shorter one with something behind it, only a reader can say who has authenticated its end.
func (h *Header) PlaintextSize(total int64) (int64, error) {
	if err := h.checkChunkSize(); err != nil {
		return 0, err
	}
	body := total - int64(h.Size())
	if total < 0 || body < 0 {
		return 0, fmt.Errorf("format: plaintext size: message of %d bytes, header %d: %w", total, h.Size(), ErrSize)
	}
	plaintext, err := suite.PlaintextSize(body, h.ChunkSize)
	if err != nil {
		return 0, fmt.Errorf("format: plaintext size: %w", err)
	}
	return plaintext, nil
}

// Range returns which bytes of a message of total bytes hold the plaintext [off, off+n): the chunks that it touches,
// each with its tag, from inclusive and to exclusive, as a range GET wants them (which counts its end inclusive). An
// empty range has from equal to to. The error matches [ErrSize] if no message has that length, and [ErrRange] if the
// range is not within its plaintext.
func (h *Header) Range(off, n, total int64) (from, to int64, err error) {
	plaintext, err := h.PlaintextSize(total)
	if err != nil {
		return 0, 0, err
	}
	if off < 0 || n < 0 || off > plaintext || n > plaintext-off {
		return 0, 0, fmt.Errorf("format: range: %d bytes at %d of %d: %w", n, off, plaintext, ErrRange)
	}
	// off <= 2^46, so that no product below comes near 2^63.
	shift := bits.TrailingZeros(uint(h.ChunkSize))
	full := int64(h.ChunkSize) + suite.TagSize
	from = int64(h.Size()) + off>>shift*full
	if n == 0 {
		return from, from, nil
	}
	to = int64(h.Size()) + ((off+n-1)>>shift+1)*full
	return from, min(to, total), nil
}

func (h *Header) checkChunkSize() error {
	if _, ok := suite.ChunkBits(h.ChunkSize); !ok {
		return invalid("chunk size", "%d bytes", h.ChunkSize)
	}
	return nil
}
