package material

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"github.com/emmansun/gmsm/sm4"
)

// A Cipher is the algorithm of a symmetric key.
type Cipher uint8

// The ciphers.
const (
	AES256GCM Cipher = 1
	SM4GCM    Cipher = 2
)

// KeySize returns the size of the cipher's key in bytes.
func (c Cipher) KeySize() int {
	if c == SM4GCM {
		return 16
	}
	return 32
}

// newAEAD returns the cipher under key.
func (c Cipher) newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != c.KeySize() {
		return nil, fmt.Errorf("material: a key of %d bytes, want %d", len(key), c.KeySize())
	}
	newBlock := aes.NewCipher
	if c == SM4GCM {
		newBlock = sm4.NewCipher
	}
	block, err := newBlock(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	return cipher.NewGCM(block)
}
