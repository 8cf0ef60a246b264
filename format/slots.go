package format

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// labelSlot separates the check of a slot from every other use of the hash.
const labelSlot = "xinfeng/1 slot"

// slotOverhead is what a slot has beside its record and fill, in bytes: generation, length of the record, check.
const slotOverhead = 4 + 2 + suite.HashSize

var (
	errNoSlot     = errors.New("neither slot is valid")
	errGeneration = errors.New("both slots have the same generation")
)

// SlotOffset returns where slot i, 0 or 1, begins in a message of kind [Slots], in bytes from its start.
func (h *Header) SlotOffset(i int) int64 { return int64(h.KeysOffset() + 3 + i*h.SlotSize) }

// AppendSlot appends one slot of h.SlotSize bytes to dst: what an in-place rewrap writes at [Header.SlotOffset] of the
// slot that is not in force, with the next generation. It takes suite, salt and size from h, and everything else from
// its arguments. It returns an error matching [ErrInvalid], and no slice, if generation is 0, the size is out of its
// limits, or the record is invalid or too long for the slot.
func (h *Header) AppendSlot(dst []byte, generation uint32, record Record) ([]byte, error) {
	switch {
	case h.SlotSize < MinSlotSize || h.SlotSize > MaxSlotSize:
		return nil, invalid("slot size", "%d bytes, want %d to %d", h.SlotSize, MinSlotSize, MaxSlotSize)
	case generation == 0:
		return nil, invalid("slot", "generation 0")
	case !h.Suite.Supported():
		return nil, invalid("suite", "%v", h.Suite)
	case record.Size() > h.SlotSize-slotOverhead:
		return nil, invalid("slot", "record of %d bytes, a slot of %d has room for %d", record.Size(), h.SlotSize, h.SlotSize-slotOverhead)
	}
	start := len(dst)
	dst = slices.Grow(dst, h.SlotSize)
	dst = binary.BigEndian.AppendUint32(dst, generation)
	dst = binary.BigEndian.AppendUint16(dst, uint16(record.Size()))
	dst, err := record.Marshal(dst)
	if err != nil {
		return nil, err
	}
	fill := start + h.SlotSize - suite.HashSize - len(dst)
	dst = append(dst, make([]byte, fill)...)
	check := h.slotCheck(dst[start:])
	return append(dst, check[:]...), nil
}

// slotCheck is the check of a slot without it. It finds a write that a crash cut short; it stops nobody who edits the
// slot on purpose, who can compute it as well.
func (h *Header) slotCheck(slot []byte) (sum [suite.HashSize]byte) {
	f := suite.Lookup(uint16(h.Suite)).NewHash()
	f.Write([]byte(labelSlot))
	f.Write(h.Salt[:])
	f.Write(slot)
	f.Sum(sum[:0])
	return sum
}

// parseSlots parses size and slots at off, takes what the slot in force holds, and returns where the slots end.
func (h *Header) parseSlots(b []byte, off int) (end int, err error) {
	if len(b)-off < 2 {
		return 0, truncated("slot size", len(b))
	}
	size := int(binary.BigEndian.Uint16(b[off:]))
	if size < MinSlotSize {
		return 0, parseError("slot size", off, fmt.Errorf("%d bytes, least is %d", size, MinSlotSize))
	}
	off += 2
	for i, name := range slotNames {
		if len(b)-off < (i+1)*size {
			return 0, truncated(name, len(b))
		}
	}
	h.SlotSize = size
	var slots [2]slot
	for i, name := range slotNames {
		at := off + i*size
		s := b[at : at+size]
		if !h.slotValid(s) {
			continue
		}
		if slots[i], err = parseSlot(s, name, at); err != nil {
			return 0, err
		}
	}
	switch a, b := &slots[0], &slots[1]; {
	case a.generation == b.generation && a.generation == 0:
		return 0, parseError("slots", off, errNoSlot)
	case a.generation == b.generation:
		return 0, parseError("slots", off, errGeneration)
	case a.generation < b.generation:
		h.Slot = 1
	}
	h.Generation, h.Record = slots[h.Slot].generation, slots[h.Slot].record
	return off + 2*size, nil
}

var slotNames = [2]string{"slot 0", "slot 1"}

// A slot is a valid slot of a header; its generation is 0 if it is not valid.
type slot struct {
	generation uint32
	record     Record
}

func (h *Header) slotValid(s []byte) bool {
	body := s[:len(s)-suite.HashSize]
	check := h.slotCheck(body)
	return subtle.ConstantTimeCompare(check[:], s[len(body):]) == 1
}

// parseSlot parses a slot whose check has been found right, at base of the input. Its contents are then what somebody
// meant to write, so a fault in them is an error and not a reason to take the other slot.
func parseSlot(s []byte, name string, base int) (slot, error) {
	generation := binary.BigEndian.Uint32(s)
	if generation == 0 {
		return slot{}, parseError(name, base, errors.New("generation 0"))
	}
	r := int(binary.BigEndian.Uint16(s[4:]))
	if limit := len(s) - slotOverhead; r > limit {
		return slot{}, parseError(name, base+4, fmt.Errorf("record of %d bytes, limit %d", r, limit))
	}
	for i, c := range s[6+r : len(s)-suite.HashSize] {
		if c != 0 {
			return slot{}, parseError(name, base+6+r+i, errors.New("fill is not zero"))
		}
	}
	record, err := parseRecord(nil, s[6:6+r], base+6)
	return slot{generation, record}, err
}
