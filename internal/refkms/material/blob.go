package material

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"sync"
)

// A CiphertextBlob is base64 of
//
//	 0  36  version   id of the key version, ASCII
//	36  12  IV        random
//	48   n  ciphertext, GCM
//	    16  tag       GCM
//
// as the vendor's own layer and the sample in the reference have it. Key and version are found from it alone.
const (
	versionSize = 36
	ivSize      = 12
	tagSize     = 16
	headSize    = versionSize + ivSize
	// MaxPlaintext is the longest text that a blob holds, in bytes.
	MaxPlaintext = 6144
)

// ErrOpen is the error for a blob that does not open under a key: it is damaged, it is another key's, or it was made
// with another encryption context. GCM cannot tell which.
var ErrOpen = errors.New("material: blob does not open")

var errBlob = errors.New("material: not a blob")

// A Blob is a CiphertextBlob as a parameter. Nothing in it is verified.
type Blob struct {
	// Text is the blob as the caller gave it. A typed face sets it and nothing else.
	Text string
	raw  []byte
}

// SetParam reads a blob. Texts that no call can have made are refused: what is not base64, 64 bytes or fewer (no call
// encrypts an empty text), and more than the longest text makes.
func (b *Blob) SetParam(text string) error {
	b.Text = text
	return b.CheckParam()
}

// CheckParam reads Text.
func (b *Blob) CheckParam() (err error) {
	if b.raw, err = DecodeBase64(b.Text); err != nil {
		return err
	}
	if n := len(b.raw) - headSize - tagSize; n < 1 || n > MaxPlaintext {
		b.raw = nil
		return errBlob
	}
	return nil
}

// Bytes returns the bytes of the blob, which must not be modified: where a parameter may hold another ciphertext, that.
func (b *Blob) Bytes() []byte { return b.raw }

// VersionID returns the version that the blob says it was made by: 36 bytes, not necessarily an id.
func (b *Blob) VersionID() string { return string(b.raw[:versionSize]) }

// Seal returns the blob of a text under a version: two calls never return the same. versionID is 36 bytes long. The
// arguments are neither kept nor modified.
//
// IVs are random: NIST SP 800-38D, Section 8.3, allows 2^32 of them under one key.
func Seal(aead cipher.AEAD, versionID string, text []byte, ec Context, mode AAD) string {
	var iv [ivSize]byte
	rand.Read(iv[:])
	return seal(aead, versionID, iv[:], text, ec, mode)
}

// maxUsualKey is the size of the largest data key whose bytes never leave the stack, in bytes.
const maxUsualKey = 64

// NewDataKey makes a data key of size random bytes. It returns the base64 text of it and the blob of that text, as [Seal]
// makes it, so that what Decrypt gives back is what GenerateDataKey gave. Nothing else holds the key: whoever clears the
// text clears all there is.
func NewDataKey(aead cipher.AEAD, versionID string, size int, ec Context, mode AAD) (text []byte, blob string) {
	var room [ivSize + maxUsualKey]byte
	random := room[:]
	if size > maxUsualKey {
		random = make([]byte, ivSize+size)
	}
	random = random[:ivSize+size]
	defer clear(random)
	rand.Read(random) // the IV and the key at once, for most of the price is that of asking
	text = make([]byte, base64.StdEncoding.EncodedLen(size))
	base64.StdEncoding.Encode(text, random[ivSize:])
	return text, seal(aead, versionID, random[:ivSize], text, ec, mode)
}

// rooms holds buffers in which blobs were made, of *[]byte. There is nothing secret in them.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// seal returns the blob of a text under a version and an IV that has not been used with it.
func seal(aead cipher.AEAD, versionID string, iv, text []byte, ec Context, mode AAD) string {
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	raw := append((*room)[:0], make([]byte, headSize)...)
	copy(raw, versionID)
	copy(raw[versionSize:], iv)
	raw = aead.Seal(raw, raw[versionSize:headSize], text, mode.of(raw[:versionSize], ec))
	*room = base64.StdEncoding.AppendEncode(raw, raw)
	return string((*room)[len(raw):])
}

// Open returns the text of a blob, or ErrOpen. The blob stays as it is.
func (b *Blob) Open(aead cipher.AEAD, ec Context, mode AAD) ([]byte, error) {
	text, err := aead.Open(nil, b.raw[versionSize:headSize], b.raw[headSize:], mode.of(b.raw[:versionSize], ec))
	if err != nil {
		return nil, ErrOpen
	}
	return text, nil
}
