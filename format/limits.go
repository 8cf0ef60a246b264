package format

import "github.com/xinfeng-kms/xinfeng/internal/suite"

// The limits of version 1 (SPEC.md, Section 1). Each is checked before anything is allocated by it.
const (
	// MaxPlaintext is the largest plaintext of one message in bytes, 64 TiB: an attacker's advantage against one key is
	// then 2^-45, the chunk counter is below 2^34, and the largest object of OSS (48.8 TB) fits.
	MaxPlaintext = suite.MaxPlaintext

	// MinChunkSize and MaxChunkSize bound the plaintext of a full chunk, in bytes, always a power of two. The least
	// keeps the tags under 0.4 %; the largest bounds what a message of one byte makes its reader buffer.
	MinChunkSize, MaxChunkSize = suite.MinChunkSize, suite.MaxChunkSize
	// DefaultChunkSize is what a writer uses that was not told otherwise.
	DefaultChunkSize = 1 << suite.DefaultChunkBits

	// MaxPairsSize bounds the stored pairs in bytes, and the withheld pairs alike. KMS takes an encryption context of
	// 8192 characters of JSON, and ASCII pairs that fit there fit here.
	MaxPairsSize = 8192
	// MaxWithheld is the largest number of withheld pairs: it stands in one byte.
	MaxWithheld = 255

	// MaxRecordSize bounds a record in bytes: its length stands in two bytes, room for 16 post-quantum recipients of
	// 4 KiB less their names.
	MaxRecordSize = 65535
	// MaxWrappedKeys bounds the entries of a record, hence the provider calls that a message can ask for.
	MaxWrappedKeys = 16
	// MaxProviderSize bounds the name of a provider in bytes; a dotted name of somebody else's fits.
	MaxProviderSize = 32
	// MaxKeyIDSize bounds a key id in bytes. An ARN of KMS has about 80.
	MaxKeyIDSize = 512
	// MaxCiphertextSize bounds one wrapped key in bytes. KMS makes 108; ML-KEM-1024 with a classic curve about 1700.
	MaxCiphertextSize = 4096

	// MinSlotSize and MaxSlotSize bound one slot in bytes: the least holds one entry of KMS, the largest is what two
	// bytes can say.
	MinSlotSize, MaxSlotSize = 256, 65535

	// MaxHeaderSize is the longest header in bytes: head with full context, tag, and two slots of the largest size.
	MaxHeaderSize = headFixed + MaxPairsSize + suite.CommitSize + 3 + 2*MaxSlotSize
	// MaxKeyFileSize is the longest key file in bytes.
	MaxKeyFileSize = keyFileFixed + MaxPairsSize + suite.CommitSize + 2 + MaxRecordSize

	// CellOverhead is what a cell has beside its value, in bytes.
	CellOverhead = cellPrefix + suite.TagSize
	// MaxCellValue is the longest value of a cell in bytes. A cell is opened as a whole, in memory; anything longer is
	// a message.
	MaxCellValue = 1 << 20
)

// ReservedPrefix begins no key of a pair: such keys are kept for later versions, which may have KMS and the tag bind
// them like any other pair.
const ReservedPrefix = "xinfeng:"
