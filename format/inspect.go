package format

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// Inspect reads a message, key file or cell from r and tells what it says without any key. Of a message it reads the
// header and not a byte of the body, of a cell the first 33 bytes, a key file it reads to its end.
//
// size is the length of the whole in bytes, -1 if it is unknown: then the length of the plaintext is unknown, too. A size
// that nothing of the kind has is not an error but Report.SizeFault: the header says what it says. The text form of a
// message is for [Dearmor] first.
//
// Errors are those of [Header.Parse], [KeyFile.Parse] and [Cell.Parse]; [ErrSize] if size is below -1; an error of r
// itself is returned wrapped. It makes no call to anybody.
func Inspect(r io.Reader, size int64) (*Report, error) {
	if size < -1 {
		return nil, fmt.Errorf("format: inspect: %d bytes: %w", size, ErrSize)
	}
	b, err := readMore(r, nil, len(magicMessage))
	if err != nil {
		return nil, err
	}
	switch {
	case len(b) > 0 && (b[0] == formAES256GCM || b[0] == formSM4GCM):
		return inspectCell(r, b, size)
	case string(b) == magicKeyFile:
		return inspectKeyFile(r, b, size)
	}
	return inspectMessage(r, b, size)
}

// readMore appends to b what it lacks to n bytes, or what there is.
func readMore(r io.Reader, b []byte, n int) ([]byte, error) {
	more := make([]byte, n-len(b))
	got, err := io.ReadFull(r, more)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("format: inspect: %w", err)
	}
	return append(b, more[:got]...), nil
}

func inspectMessage(r io.Reader, b []byte, size int64) (*Report, error) {
	b, err := gatherHeader(r, b)
	if err != nil {
		return nil, fmt.Errorf("format: inspect: %w", err)
	}
	var h Header
	if _, err := h.Parse(b); err != nil {
		return nil, err
	}
	head, keys, body := int64(h.HeadSize()), int64(h.KeysOffset()), int64(h.Size())
	m := &MessageReport{
		ChunkSize: h.ChunkSize, Withheld: h.Withheld, Kind: strings.ToLower(h.Kind.String()), Chunks: -1, PlaintextSize: -1,
	}
	report := &Report{
		Structure: "message", Unverified: true, Version: version, Suite: h.Suite.String(), Size: size,
		Parts: []Part{{"head", 0, head}, {"tag", head, suite.CommitSize}, {"keys", keys, body - keys}, {"body", body, -1}},
		Salt:  hex.EncodeToString(h.Salt[:]), Tag: hex.EncodeToString(h.Tag[:]), Stored: h.Stored.Map(), Message: m,
	}
	switch h.Kind {
	case Attached:
		report.WrappedKeys = keyReports(h.Record, keys+3)
	case Slots:
		if m.Slots, err = h.slotReports(b); err != nil {
			return nil, err
		}
		report.WrappedKeys = m.Slots[h.Slot].WrappedKeys
	case Detached:
		report.Reference = h.Reference.String()
	}
	if size < 0 {
		return report, nil
	}
	plaintext, err := h.PlaintextSize(size)
	if err != nil {
		report.SizeFault = faultText(err)
		return report, nil
	}
	report.Parts[3].Size = size - body
	m.PlaintextSize, m.Chunks = plaintext, suite.Chunks(plaintext, h.ChunkSize)
	return report, nil
}

// faultText returns an error of the size functions without the name of the package and function.
func faultText(err error) string {
	return strings.TrimPrefix(err.Error(), "format: plaintext size: ")
}

func keyReports(record Record, at int64) []KeyReport {
	at++ // the number of entries
	reports := make([]KeyReport, len(record))
	for i, w := range record {
		size := int64(1 + len(w.Provider) + 2 + len(w.KeyID) + 2 + len(w.Ciphertext))
		reports[i] = KeyReport{Offset: at, Size: size, Provider: w.Provider, KeyID: w.KeyID, Ciphertext: w.Ciphertext}
		at += size
	}
	return reports
}

// slotReports looks once more at the slots of a header that was parsed from b.
func (h *Header) slotReports(b []byte) ([]SlotReport, error) {
	var reports []SlotReport
	for i, name := range slotNames {
		at := int(h.SlotOffset(i))
		s := b[at : at+h.SlotSize]
		report := SlotReport{Offset: int64(at), Size: int64(h.SlotSize), Valid: h.slotValid(s), InForce: i == h.Slot}
		if report.Valid {
			parsed, err := parseSlot(s, name, at)
			if err != nil {
				return nil, err // unreachable: the header was parsed, and every valid slot with it
			}
			report.Generation, report.WrappedKeys = parsed.generation, keyReports(parsed.record, int64(at)+6)
		}
		reports = append(reports, report)
	}
	return reports, nil
}

func inspectKeyFile(r io.Reader, b []byte, size int64) (*Report, error) {
	rest, err := io.ReadAll(io.LimitReader(r, MaxKeyFileSize))
	if err != nil {
		return nil, fmt.Errorf("format: inspect: %w", err)
	}
	b = append(b, rest...)
	var k KeyFile
	if err := k.Parse(b); err != nil {
		return nil, err
	}
	head, end := int64(keyFileFixed+len(k.Stored)), int64(len(b))
	keys := head + suite.CommitSize
	report := &Report{
		Structure: "key-file", Unverified: true, Version: version, Suite: k.Suite.String(), Size: end,
		Parts:  []Part{{"head", 0, head}, {"commit", head, suite.CommitSize}, {"keys", keys, end - keys}},
		Commit: hex.EncodeToString(k.Commit[:]), Stored: k.Stored.Map(), Reference: k.Reference.String(),
		WrappedKeys: keyReports(k.Record, keys+2),
	}
	if size >= 0 && size != end {
		report.SizeFault = fmt.Sprintf("the key file ends after %d bytes, not %d", end, size)
	}
	return report, nil
}

func inspectCell(r io.Reader, b []byte, size int64) (*Report, error) {
	b, err := readMore(r, b, cellPrefix)
	if err != nil {
		return nil, err
	}
	var c Cell
	if err := c.parsePrefix(b); err != nil {
		return nil, err
	}
	report := &Report{
		Structure: "cell", Unverified: true, Suite: c.Suite.String(), Size: size,
		Parts: []Part{{"head", 0, cellPrefix}, {"sealed", cellPrefix, -1}},
		Salt:  hex.EncodeToString(c.Salt[:]), Reference: c.Reference.String(), Cell: &CellReport{ValueSize: -1},
	}
	switch value := size - CellOverhead; {
	case size < 0:
	case value < 0 || value > MaxCellValue:
		report.SizeFault = fmt.Sprintf("cell of %d bytes, want %d to %d", size, CellOverhead, CellOverhead+MaxCellValue)
	default:
		report.Parts[1].Size, report.Cell.ValueSize = size-cellPrefix, value
	}
	return report, nil
}
