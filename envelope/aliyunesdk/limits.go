package aliyunesdk

import "github.com/xinfeng-kms/xinfeng/internal/kmskey"

// The limits of a header. The format itself has none but those of its length fields; each is checked before anything is
// allocated by it.
const (
	// MaxContextSize bounds the encryption context as it is serialised, in bytes: what the vendor's Java SDK can write.
	// KMS takes 8192 characters of JSON.
	MaxContextSize = 32767
	// MaxKeyIDSize bounds a key id in bytes. An ARN of KMS has about 80.
	MaxKeyIDSize = 1024
	// MaxWrappedKeySize bounds a wrapped key in characters of base64. KMS makes 144 for a data key of 32 bytes.
	MaxWrappedKeySize = kmskey.MaxBlob
	// MaxWrappedKeys bounds the wrapped keys of a message. The calls of a reader are bounded by its own keys.
	MaxWrappedKeys = 100

	// MaxHeaderSize is more than the longest header in bytes, in either encoding.
	MaxHeaderSize = MaxContextSize*3 + MaxWrappedKeys*(MaxKeyIDSize+MaxWrappedKeySize+16) + 256

	// MaxBodySize is the longest plaintext of one message in bytes, 64 GiB less 32: what GCM takes under one nonce
	// (NIST SP 800-38D, Section 5.2.1.1).
	MaxBodySize = 1<<36 - 32

	// DefaultMaxSize is the longest message that is held in memory where the options say nothing, in bytes, 64 MiB.
	DefaultMaxSize = 64 << 20
)

const (
	version      = 1  // the only one
	headerIVSize = 12 // bytes; that of GCM
	tagSize      = 16 // bytes; that of GCM
	blockSize    = 16 // bytes; that of AES and SM4
)
