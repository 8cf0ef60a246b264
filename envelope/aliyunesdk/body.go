package aliyunesdk

import (
	"crypto/cipher"
	"crypto/rand"
	"maps"
	"slices"
)

// A bodyCipher encrypts and decrypts the bodies under one data key and context. It is immutable but for the caller's use
// of it, and safe for concurrent use.
type bodyCipher struct {
	info  Info
	alg   *algorithm
	block cipher.Block
	gcm   cipher.AEAD // with nonces of 12 bytes; of the header tag in every algorithm
	ad    []byte      // CTX
}

// newBodyCipher returns the cipher of the bodies under key, which it does not keep. Its Info has no key id.
func newBodyCipher(h *Header, key []byte) (*bodyCipher, error) {
	b := &bodyCipher{
		info: Info{KeyID: h.Keys[0].KeyID, Algorithm: h.Algorithm, Context: maps.Clone(h.Context)},
		alg:  &algorithms[h.Algorithm],
		ad:   appendContext(nil, h.Context),
	}
	var err error
	if b.block, err = b.alg.newer(key); err != nil {
		return nil, err // unreachable: the length was checked
	}
	b.gcm, err = cipher.NewGCM(b.block)
	return b, err
}

// headerTag returns the tag of a header: GCM of nothing, with the header's fields as associated data.
func (b *bodyCipher) headerTag(h *Header) (tag [tagSize]byte) {
	b.gcm.Seal(tag[:0], h.iv[:], nil, h.authenticated())
	return tag
}

// newIV returns a random IV for a body. Header and body have one each under the same data key, which is theirs alone
// unless the header is detached.
func newIV() []byte {
	iv := make([]byte, headerIVSize)
	rand.Read(iv)
	return iv
}

// open appends the plaintext of a body to dst. On error it returns nil, and what it wrote to spare capacity of dst is no
// plaintext. ciphertext and tag are neither kept nor modified.
func (b *bodyCipher) open(dst, iv, ciphertext, tag []byte) ([]byte, error) {
	n := len(dst)
	dst = append(append(slices.Grow(dst, len(ciphertext)+len(tag)), ciphertext...), tag...)
	buf := dst[n:]
	switch b.alg.mode {
	case modeGCM:
		if _, err := b.gcm.Open(buf[:0], iv, buf, b.ad); err != nil {
			return nil, errNotAuthentic()
		}
		return dst[:n+len(ciphertext)], nil
	case modeCTR:
		cipher.NewCTR(b.block, iv).XORKeyStream(buf, buf)
		return dst, nil
	}
	if len(buf) == 0 {
		return dst, nil
	}
	cipher.NewCBCDecrypter(b.block, iv).CryptBlocks(buf, buf)
	if b.alg.mode == modeCBCPKCS7 {
		pad, err := unpad(buf[len(buf)-blockSize:])
		if err != nil {
			clear(buf)
			return nil, err
		}
		dst = dst[:len(dst)-pad]
	}
	return dst, nil
}

// unpad returns how many bytes of the last block are padding (PKCS#7: each has their number). A padding that is none is
// reported like any other lack of authenticity; that it is reported at all is the price of the algorithm.
func unpad(block []byte) (int, error) {
	n := int(block[blockSize-1])
	if n < 1 || n > blockSize {
		return 0, errNotAuthentic()
	}
	for _, p := range block[blockSize-n:] {
		if int(p) != n {
			return 0, errNotAuthentic()
		}
	}
	return n, nil
}
