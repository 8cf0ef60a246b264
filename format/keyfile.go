package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// The first bytes of a key file.
const magicKeyFile = "\x8e\x58\x46\x4b"

// keyFileFixed is the length in bytes of a key file up to its context.
const keyFileFixed = 28

// A KeyFile holds the wrapped keys of a data key that messages of kind [Detached], and cells, name by its reference
// (SPEC.md, Section 3.5). It may lie in a file, or in a row of a table. Nothing in a parsed KeyFile is verified.
type KeyFile struct {
	Suite     Suite
	Reference Reference
	Stored    Pairs
	Commit    [suite.CommitSize]byte // authenticates all of the above under the data key
	Record    Record                 // not covered by Commit
}

// AppendPrefix appends to dst the bytes that Commit covers: all before it, 28 and the stored pairs. It returns an
// error matching [ErrInvalid], and no slice, if a field is out of its range.
func (k *KeyFile) AppendPrefix(dst []byte) ([]byte, error) {
	if !k.Suite.Supported() {
		return nil, invalid("suite", "%v", k.Suite)
	}
	if err := checkPairs(k.Stored, 0); err != nil {
		return nil, invalid("context", "%v", errors.Unwrap(err))
	}
	dst = slices.Grow(dst, keyFileFixed+len(k.Stored))
	dst = append(append(dst, magicKeyFile...), version, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(k.Suite))
	dst = binary.BigEndian.AppendUint16(append(dst, 0, 0), uint16(len(k.Stored)))
	return append(append(dst, k.Reference[:]...), k.Stored...), nil
}

// Marshal appends the key file to dst. It returns an error matching [ErrInvalid], and no slice, if [KeyFile.Parse]
// would refuse the result. It neither keeps nor modifies what k holds.
func (k *KeyFile) Marshal(dst []byte) ([]byte, error) {
	dst, err := k.AppendPrefix(dst)
	if err != nil {
		return nil, err
	}
	dst = append(dst, k.Commit[:]...)
	return k.Record.Marshal(binary.BigEndian.AppendUint16(dst, uint16(k.Record.Size())))
}

// Parse parses b, all of it, as a key file, at most [MaxKeyFileSize] bytes. The result shares no memory with b; what k
// holds is reused as by [Header.Parse].
//
// The error is a [*ParseError] with an offset in b, and k is then empty. It matches [ErrNotMessage],
// [ErrUnsupportedVersion] or [ErrUnsupportedSuite] in these cases, and [io.ErrUnexpectedEOF] if, and only if, b ends
// before the key file does.
func (k *KeyFile) Parse(b []byte) error {
	if err := k.parse(b); err != nil {
		*k = KeyFile{}
		return err
	}
	return nil
}

func (k *KeyFile) parse(b []byte) error {
	n, err := k.parseFixed(b)
	if err != nil {
		return err
	}
	end := keyFileFixed + n
	if len(b) < end {
		return truncated("context", len(b))
	}
	stored := b[keyFileFixed:end]
	if err := checkPairs(stored, keyFileFixed); err != nil {
		return err
	}
	if !bytes.Equal(k.Stored, stored) {
		k.Stored = bytes.Clone(stored)
	}
	if len(b)-end < suite.CommitSize {
		return truncated("commit", len(b))
	}
	end += copy(k.Commit[:], b[end:])
	if len(b)-end < 2 {
		return truncated("record length", len(b))
	}
	r := int(binary.BigEndian.Uint16(b[end:]))
	end += 2
	if len(b)-end < r {
		return truncated("record", len(b))
	}
	k.Record, err = parseRecord(k.Record, b[end:end+r], end)
	if err == nil && len(b) > end+r {
		err = parseError("end", end+r, fmt.Errorf("%d bytes after the record", len(b)-end-r))
	}
	return err
}

// parseFixed checks and takes the first 28 bytes, and returns n. Of a shorter input it checks what is there.
func (k *KeyFile) parseFixed(b []byte) (n int, err error) {
	if !bytes.HasPrefix([]byte(magicKeyFile), b[:min(len(b), len(magicKeyFile))]) {
		return 0, parseError("magic", 0, ErrNotMessage)
	}
	if len(b) > 4 && b[4] != version {
		return 0, parseError("version", 4, fmt.Errorf("%w %d", ErrUnsupportedVersion, b[4]))
	}
	if len(b) > 5 && b[5] != 0 {
		return 0, parseError("reserved", 5, fmt.Errorf("%d, want 0", b[5]))
	}
	if len(b) >= 8 {
		if k.Suite = Suite(binary.BigEndian.Uint16(b[6:])); !k.Suite.Supported() {
			return 0, parseError("suite", 6, fmt.Errorf("%w: %v", ErrUnsupportedSuite, k.Suite))
		}
	}
	if len(b) >= 10 && (b[8] != 0 || b[9] != 0) {
		return 0, parseError("reserved", 8, fmt.Errorf("%d, want 0", binary.BigEndian.Uint16(b[8:])))
	}
	if len(b) >= 12 {
		if n = int(binary.BigEndian.Uint16(b[10:])); n > MaxPairsSize {
			return 0, parseError("context length", 10, fmt.Errorf("%d bytes, limit %d", n, MaxPairsSize))
		}
	}
	if len(b) < keyFileFixed {
		return 0, truncated(keyFileField(len(b)), len(b))
	}
	copy(k.Reference[:], b[12:])
	return n, nil
}

// keyFileField names the field of the first 28 bytes in which an input of that many bytes ends.
func keyFileField(length int) string {
	switch {
	case length < 4:
		return "magic"
	case length < 5:
		return "version"
	case length < 6:
		return "reserved"
	case length < 8:
		return "suite"
	case length < 10:
		return "reserved"
	case length < 12:
		return "context length"
	}
	return "reference"
}
