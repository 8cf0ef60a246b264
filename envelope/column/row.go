package column

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// encodeRow encodes the withheld pairs of a row.
func (c *Cells) encodeRow(sc *scratch, row envelope.Context) (err error) {
	if sh := c.shape.Load(); sh != nil {
		if withheld, ok := sh.append(sc.withheld[:0], row); ok {
			sc.withheld = withheld
			return nil
		}
	}
	if len(row) == 0 && !c.keys.opts.InsecureAllowNoRow {
		return fmt.Errorf("column: nothing names the row: %w", envelope.ErrMissingPair)
	}
	if len(row) > format.MaxWithheld {
		return fmt.Errorf("column: row of %d pairs, limit %d: %w", len(row), format.MaxWithheld, format.ErrInvalid)
	}
	for name := range c.keys.files.stored.All() {
		if _, ok := row[string(name)]; ok {
			return fmt.Errorf("column: %q is a pair of the column, not of a row: %w", name, format.ErrInvalid)
		}
	}
	if sc.withheld, err = format.AppendPairs(sc.withheld[:0], row); err != nil {
		return err
	}
	if c.shape.Load() == nil {
		c.shape.CompareAndSwap(nil, shapeOf(sc.withheld))
	}
	return nil
}

// A shape is the names of the pairs of a row, ascending. All rows of a table have one shape, and once it was checked and
// sorted, a row is encoded by looking up its values: half the time that a cell of a phone number takes beside its
// cryptography went into sorting one name.
type shape []string

func shapeOf(row format.Pairs) *shape {
	sh := make(shape, 0, row.Len())
	for name := range row.All() {
		sh = append(sh, string(name))
	}
	return &sh
}

// append appends the encoding of a row of this shape. What it cannot encode, for whatever reason, it leaves to
// format.AppendPairs, which says why.
func (sh *shape) append(dst []byte, row envelope.Context) (_ []byte, ok bool) {
	if len(row) != len(*sh) {
		return nil, false
	}
	size := 0
	for _, name := range *sh {
		value, ok := row[name]
		if size += 4 + len(name) + len(value); !ok || size > format.MaxPairsSize || !utf8.ValidString(value) {
			return nil, false
		}
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(name))), name...)
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(value))), value...)
	}
	return dst, true
}
