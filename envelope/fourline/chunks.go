package fourline

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
)

const chunkAdvice = "a wrapped key and then ciphertext whose tag was never written, so no byte of it can be verified; " +
	"whoever knows its layout opens it with InsecureDecryptChunks, compares the result with another copy, and encrypts it anew"

// ChunkLayout is where the parts of a chunk file lie. The file does not say: the end of the wrapped key can look like the
// beginning of the nonce.
type ChunkLayout struct {
	// WrappedKeySize is the length of the wrapped key at the beginning, in characters of base64, as KMS answers for the
	// CMK. For a data key of 32 bytes it is 144 at present.
	WrappedKeySize int

	// NonceSize is the length in bytes of the nonce that follows. Default 16, which PyCryptodome makes unless told
	// otherwise; the other size in use is 12.
	NonceSize int
}

// InsecureDecryptChunks returns what a chunk file decrypts to: wrapped key, nonce, and AES-GCM ciphertext without its
// tag, to the end of the file. It verifies nothing: whoever can change the file changes any bit of the plaintext at will,
// cuts it or lengthens it, and no error shows it. It is for getting data out of such files, to be compared with another
// copy or with what is known of the data, and encrypted anew.
//
// It makes one Decrypt call, for a client of an alias one DescribeKey besides, and none if the shape is wrong.
//
// Errors: [ErrMalformed] if the layout does not fit the file, [ErrTooLarge], before any call; [ErrAuthentication] if the
// wrapped key is not authentic; [ErrWrongKey], [ErrInvalidDataKey], and those of the API. Safe for concurrent use.
func (c *Client) InsecureDecryptChunks(ctx context.Context, file []byte, layout ChunkLayout) ([]byte, error) {
	if layout.NonceSize == 0 {
		layout.NonceSize = 16
	}
	if layout.NonceSize != 12 && layout.NonceSize != 16 {
		return nil, fmt.Errorf("fourline: decrypt chunks: nonce of %d bytes, want 12 or 16: %w", layout.NonceSize, ErrMalformed)
	}
	if layout.WrappedKeySize < 1 || layout.WrappedKeySize > MaxWrappedKeySize {
		return nil, fmt.Errorf("fourline: decrypt chunks: wrapped key of %d characters, want 1 to %d: %w", layout.WrappedKeySize, MaxWrappedKeySize, ErrMalformed)
	}
	head := layout.WrappedKeySize + layout.NonceSize
	if len(file) < head {
		return nil, fmt.Errorf("fourline: decrypt chunks: %d bytes, want at least %d: %w", len(file), head, ErrMalformed)
	}
	blob := string(file[:layout.WrappedKeySize])
	if err := kmskey.CheckBlob(blob); err != nil {
		return nil, fmt.Errorf("fourline: decrypt chunks: wrapped key: %w: %w", err, ErrMalformed)
	}
	nonce, ciphertext := file[layout.WrappedKeySize:head], file[head:]
	if len(ciphertext) > c.maxSize {
		return nil, fmt.Errorf("fourline: decrypt chunks: %d bytes, limit %d: %w", len(ciphertext), c.maxSize, ErrTooLarge)
	}
	key, err := c.unwrap(ctx, blob)
	if err != nil {
		return nil, fmt.Errorf("fourline: decrypt chunks: %w", err)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, layout.NonceSize)
	if err != nil {
		return nil, err // unreachable: so was that of the nonce
	}
	// GCM adds one key stream in both directions, so sealing the ciphertext opens it. The tag that comes with it is over
	// the plaintext and means nothing.
	plaintext := gcm.Seal(nil, nonce, ciphertext, nil)
	return plaintext[:len(ciphertext):len(ciphertext)], nil
}

// looksLikeChunks guesses that b is a chunk file: more base64 at the beginning than an ordinary word has, and binary data
// right after it. A damaged text is not taken for one.
func looksLikeChunks(b []byte) bool {
	const (
		leastKey = 64 // characters of a wrapped key: base64 of a data key and its tag alone have more
		window   = 64 // bytes looked at behind it
	)
	n := base64Prefix(b[:min(len(b), MaxWrappedKeySize)])
	if n < leastKey {
		return false
	}
	b = b[n:min(len(b), n+window)]
	binary := 0
	for _, c := range b {
		if (c < ' ' || c > '~') && c != '\r' && c != '\n' && c != '\t' {
			binary++
		}
	}
	return binary > len(b)/4 // of random bytes, five in eight
}
