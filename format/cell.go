package format

import (
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// The first byte of a cell names its suite; no UTF-8 text begins with either.
const (
	formAES256GCM = 0xf9
	formSM4GCM    = 0xfa
)

const (
	// CellSaltSize is the length of a cell's salt in bytes. At most 2^32 cells under one data key keep the chance of
	// two equal salts under 2^-64.
	CellSaltSize = 16
	// cellPrefix is the length of a cell before its ciphertext: form, reference, salt.
	cellPrefix = 1 + 16 + CellSaltSize
)

// A Cell is one encrypted value of a database column (SPEC.md, Section 3.6). Its wrapped keys are in the key file that
// Reference names. Nothing in a parsed Cell is verified.
type Cell struct {
	Suite     Suite
	Reference Reference
	Salt      [CellSaltSize]byte // fresh and random in every cell
	Sealed    []byte             // the ciphertext of the value, as long as it, and 16 bytes of GCM tag
}

// AppendPrefix appends to dst the 33 bytes before the ciphertext, from which the key of the cell is derived. It
// returns an error matching [ErrInvalid], and no slice, if the suite is unknown.
func (c *Cell) AppendPrefix(dst []byte) ([]byte, error) {
	switch c.Suite {
	case AES256GCM:
		dst = append(dst, formAES256GCM)
	case SM4GCM:
		dst = append(dst, formSM4GCM)
	default:
		return nil, invalid("suite", "%v", c.Suite)
	}
	return append(append(dst, c.Reference[:]...), c.Salt[:]...), nil
}

// Marshal appends the cell to dst. It returns an error matching [ErrInvalid], and no slice, if [Cell.Parse] would
// refuse the result.
func (c *Cell) Marshal(dst []byte) ([]byte, error) {
	if n := len(c.Sealed) - suite.TagSize; n < 0 || n > MaxCellValue {
		return nil, invalid("sealed", "%d bytes, want %d to %d", len(c.Sealed), suite.TagSize, MaxCellValue+suite.TagSize)
	}
	dst, err := c.AppendPrefix(slices.Grow(dst, cellPrefix+len(c.Sealed)))
	if err != nil {
		return nil, err
	}
	return append(dst, c.Sealed...), nil
}

// Parse parses b, all of it, as a cell. Sealed shares memory with b, which must not be modified while it is in use.
// Parse allocates nothing.
//
// The error is a [*ParseError] with an offset in b, and c is then empty. It matches [ErrNotMessage] if the first byte
// is not that of a cell, and [io.ErrUnexpectedEOF] if, and only if, b is shorter than the shortest cell, 49 bytes.
func (c *Cell) Parse(b []byte) error {
	if err := c.parsePrefix(b); err != nil {
		return err
	}
	switch {
	case len(b) < CellOverhead:
		*c = Cell{}
		return truncated("sealed", len(b))
	case len(b) > CellOverhead+MaxCellValue:
		*c = Cell{}
		return parseError("sealed", cellPrefix, fmt.Errorf("value of %d bytes, limit %d", len(b)-CellOverhead, MaxCellValue))
	}
	c.Sealed = b[cellPrefix:len(b):len(b)]
	return nil
}

// parsePrefix sets c to what the first 33 bytes of a cell say. After an error c is empty.
func (c *Cell) parsePrefix(b []byte) error {
	*c = Cell{}
	var s Suite
	switch {
	case len(b) == 0:
		return truncated("form", 0)
	case b[0] == formAES256GCM:
		s = AES256GCM
	case b[0] == formSM4GCM:
		s = SM4GCM
	default:
		return parseError("form", 0, ErrNotMessage)
	}
	switch {
	case len(b) < 1+len(c.Reference):
		return truncated("reference", len(b))
	case len(b) < cellPrefix:
		return truncated("salt", len(b))
	}
	c.Suite = s
	copy(c.Reference[:], b[1:])
	copy(c.Salt[:], b[1+len(c.Reference):])
	return nil
}
