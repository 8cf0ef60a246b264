package osscse

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"sync"
)

// The limits of OSS on multipart uploads.
const (
	maxPartSize = 5 << 30 // bytes
	maxParts    = 10000
)

// UploadOptions are the options of an upload. Nil means all defaults, as does every zero field.
type UploadOptions struct {
	// ContentMD5 is the MD5 of the plaintext, 16 bytes, for readers to compare. The request must not carry it as
	// Content-MD5, since OSS would compare it with the ciphertext. Default none.
	ContentMD5 []byte

	// PartSize makes it a multipart upload, of parts of so many bytes but for the last: a multiple of 16, at most 5
	// GiB. Default none.
	PartSize int64
}

// An UnauthenticatedUpload encrypts one object, whose contents nothing will authenticate. It has a data key and a counter
// of its own, and gives out each part of the key stream once: what was encrypted and is to be sent again must have been
// kept, or is encrypted by another upload. It is safe for concurrent use; its readers are not.
type UnauthenticatedUpload struct {
	o        *UnauthenticatedObject
	metadata map[string]string
	partSize int64

	mu   sync.Mutex // guards what follows
	used map[int]bool
	last int // the number of the part that was short, 0 if none was
	high int // the highest number of a part
}

// NewUnauthenticatedUpload makes data key and counter for an object of size bytes, -1 if that is not known, and wraps them
// under the client's first master key: two Encrypt calls under a [KMSKey].
//
// Errors: those of the API; [ErrWrongKey]. Safe for concurrent use.
func (c *Client) NewUnauthenticatedUpload(ctx context.Context, size int64, opts *UploadOptions) (*UnauthenticatedUpload, error) {
	if opts == nil {
		opts = &UploadOptions{}
	}
	switch {
	case size < -1:
		return nil, fmt.Errorf("osscse: upload of %d bytes", size)
	case opts.ContentMD5 != nil && len(opts.ContentMD5) != md5.Size:
		return nil, fmt.Errorf("osscse: MD5 of %d bytes, want %d", len(opts.ContentMD5), md5.Size)
	case opts.PartSize < 0 || opts.PartSize > maxPartSize || opts.PartSize%blockSize != 0:
		return nil, fmt.Errorf("osscse: part size %d, want a multiple of %d up to %d", opts.PartSize, blockSize, int64(maxPartSize))
	}
	k := c.keys[0]
	key := make([]byte, keySize)
	defer clear(key)
	rand.Read(key)
	var start counter
	rand.Read(start[:])
	clear(start[8:12])

	m := map[string]string{nameCEK: cekCTR, nameWrap: k.wrapAlgorithm()}
	for _, v := range []struct {
		name string
		b    []byte
	}{{nameKey, key}, {nameStart, start[:]}} {
		wrapped, err := k.wrap(ctx, v.b)
		if err != nil {
			return nil, fmt.Errorf("osscse: upload: %w", err)
		}
		m[v.name] = wrapped
	}
	if d := k.describe(); len(d) > 0 {
		text, err := formatDescription(d)
		if err != nil {
			return nil, err // unreachable: the key was made with it
		}
		m[nameDescription] = text
	}
	if opts.ContentMD5 != nil {
		m[nameMD5] = base64.StdEncoding.EncodeToString(opts.ContentMD5)
	}
	switch {
	case opts.PartSize > 0:
		m[namePartSize] = strconv.FormatInt(opts.PartSize, 10)
		if size >= 0 {
			m[nameDataSize] = strconv.FormatInt(size, 10)
		}
	case size >= 0:
		m[nameLength] = strconv.FormatInt(size, 10)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the length is fixed
	}
	o := &UnauthenticatedObject{block: block, start: start, meta: &Metadata{ContentLength: size}}
	return &UnauthenticatedUpload{o: o, metadata: m, partSize: opts.PartSize, used: map[int]bool{}}, nil
}

// Metadata returns the user metadata of the object, without the prefix "x-oss-meta-", which OSS clients add. They go with
// the request that begins the upload. The map is the caller's own.
func (u *UnauthenticatedUpload) Metadata() map[string]string { return maps.Clone(u.metadata) }

// Encrypt returns a reader of the ciphertext of the whole object, whose plaintext is src. A plaintext of another size than
// the upload was made for is [ErrLength]. It may be called once, for an upload without parts: else [ErrReused].
func (u *UnauthenticatedUpload) Encrypt(src io.Reader) (io.Reader, error) {
	if u.partSize > 0 {
		return nil, errors.New("osscse: upload has parts; EncryptPart encrypts them")
	}
	if err := u.take(1); err != nil {
		return nil, err
	}
	return &reader{src: src, stream: u.o.stream(0), want: u.o.meta.ContentLength}, nil
}

// EncryptPart returns a reader of the ciphertext of part number, from 1, whose plaintext is src. Parts may be encrypted in
// any order and at a time. A part that is longer than the others, or shorter without being the last, is [ErrLength]. Each
// part may be encrypted once, else it is [ErrReused].
func (u *UnauthenticatedUpload) EncryptPart(number int, src io.Reader) (io.Reader, error) {
	if u.partSize == 0 {
		return nil, errors.New("osscse: upload has no parts; Encrypt encrypts it")
	}
	if number < 1 || number > maxParts {
		return nil, fmt.Errorf("osscse: part %d, want 1 to %d", number, maxParts)
	}
	if err := u.take(number); err != nil {
		return nil, err
	}
	return &part{reader{src: src, stream: u.partStream(number), want: -1}, u, number}, nil
}

func (u *UnauthenticatedUpload) partStream(number int) cipher.Stream {
	return u.o.stream(int64(number-1) * u.partSize)
}

// take gives out the key stream of a part, or of the whole, once.
func (u *UnauthenticatedUpload) take(number int) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used[number] {
		return fmt.Errorf("osscse: encrypt part %d: %w", number, ErrReused)
	}
	u.used[number] = true
	if u.high = max(u.high, number); u.last > 0 && u.high > u.last {
		return fmt.Errorf("osscse: part %d behind part %d, which is short: %w", number, u.last, ErrLength)
	}
	return nil
}

// short notes that a part is shorter than the others: it is the last.
func (u *UnauthenticatedUpload) short(number int) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last = number; u.high > number {
		return fmt.Errorf("osscse: part %d is short and not the last: %w", number, ErrLength)
	}
	return nil
}

// A part is the reader of one part.
type part struct {
	reader
	u      *UnauthenticatedUpload
	number int
}

func (p *part) Read(b []byte) (int, error) {
	// One byte more than there may be shows a part that is too long, before its key stream runs into the next part's.
	if room := p.u.partSize - p.n; p.err == nil && int64(len(b)) > room {
		b = b[:max(room, 1)]
	}
	n, err := p.reader.Read(b)
	switch {
	case p.n > p.u.partSize:
		clear(b[:n])
		n, err = 0, fmt.Errorf("osscse: part %d is longer than %d bytes: %w", p.number, p.u.partSize, ErrLength)
	case err == io.EOF && p.n < p.u.partSize:
		if e := p.u.short(p.number); e != nil {
			err = e
		}
	}
	p.err = err
	return n, err
}
