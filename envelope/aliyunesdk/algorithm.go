package aliyunesdk

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"github.com/emmansun/gmsm/sm4"
)

// An Algorithm is the number of a cipher in a message. Only three protect the body against change; the others are read
// when [Options.InsecureAllowAlgorithms] names them, and never written.
type Algorithm uint32

// The algorithms of the format. The zero value is none of them.
const (
	AES128GCM      Algorithm = 1
	AES256GCM      Algorithm = 2 // the default
	AES128CBC      Algorithm = 3 // body not authenticated; no padding
	AES256CBC      Algorithm = 4 // body not authenticated; no padding
	AES128CBCPKCS7 Algorithm = 5 // body not authenticated
	AES256CBCPKCS7 Algorithm = 6 // body not authenticated
	AES128CTR      Algorithm = 7 // body not authenticated
	AES256CTR      Algorithm = 8 // body not authenticated
	SM4GCM         Algorithm = 9
	SM4CBC         Algorithm = 10 // body not authenticated; no padding
	SM4CBCPKCS7    Algorithm = 11 // body not authenticated
	SM4CTR         Algorithm = 12 // body not authenticated
)

// mode is what is done with the block cipher.
type mode uint8

const (
	modeGCM mode = iota
	modeCBC
	modeCBCPKCS7
	modeCTR
)

type algorithm struct {
	name    string
	newer   func(key []byte) (cipher.Block, error)
	keySize int // in bytes
	mode    mode
}

// algorithms has the properties of each number; that of 0 is empty.
var algorithms = [...]algorithm{
	AES128GCM:      {"AES-128-GCM", aes.NewCipher, 16, modeGCM},
	AES256GCM:      {"AES-256-GCM", aes.NewCipher, 32, modeGCM},
	AES128CBC:      {"AES-128-CBC", aes.NewCipher, 16, modeCBC},
	AES256CBC:      {"AES-256-CBC", aes.NewCipher, 32, modeCBC},
	AES128CBCPKCS7: {"AES-128-CBC-PKCS7", aes.NewCipher, 16, modeCBCPKCS7},
	AES256CBCPKCS7: {"AES-256-CBC-PKCS7", aes.NewCipher, 32, modeCBCPKCS7},
	AES128CTR:      {"AES-128-CTR", aes.NewCipher, 16, modeCTR},
	AES256CTR:      {"AES-256-CTR", aes.NewCipher, 32, modeCTR},
	SM4GCM:         {"SM4-GCM", sm4.NewCipher, 16, modeGCM},
	SM4CBC:         {"SM4-CBC", sm4.NewCipher, 16, modeCBC},
	SM4CBCPKCS7:    {"SM4-CBC-PKCS7", sm4.NewCipher, 16, modeCBCPKCS7},
	SM4CTR:         {"SM4-CTR", sm4.NewCipher, 16, modeCTR},
}

// Known reports whether the format has the algorithm.
func (a Algorithm) Known() bool { return 0 < a && int(a) < len(algorithms) }

// Authenticated reports whether the algorithm protects the body against change.
func (a Algorithm) Authenticated() bool { return a.Known() && algorithms[a].mode == modeGCM }

// String returns the name, such as AES-256-GCM, or the number of one that is not known.
func (a Algorithm) String() string {
	if a.Known() {
		return algorithms[a].name
	}
	return fmt.Sprintf("Algorithm(%d)", uint32(a))
}

// ivSize and tagSize return the lengths of the body's IV and tag in bytes.
func (a *algorithm) ivSize() int {
	if a.mode == modeGCM {
		return headerIVSize
	}
	return blockSize
}

func (a *algorithm) tagSize() int {
	if a.mode == modeGCM {
		return tagSize
	}
	return 0
}

// checkSize checks the length of a body's ciphertext, without its tag.
func (a *algorithm) checkSize(n int64) error {
	switch {
	case n < 0:
		return fmt.Errorf("%w: no room for the tag", ErrMalformed)
	case a.mode == modeGCM && n > MaxBodySize:
		return fmt.Errorf("%d bytes of ciphertext, limit %d: %w", n, int64(MaxBodySize), ErrTooLarge)
	case (a.mode == modeCBC || a.mode == modeCBCPKCS7) && n%blockSize != 0, a.mode == modeCBCPKCS7 && n == 0:
		return fmt.Errorf("%w: %d bytes of ciphertext are not whole blocks", ErrMalformed, n)
	}
	return nil
}
