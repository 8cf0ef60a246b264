package aliyunesdk

import (
	"bufio"
	"context"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A ReaderAt reads the plaintext of one message at any place, or all of it, and keeps no more in memory than 16 bytes for
// each 64 KiB of the message and its buffers. It is safe for concurrent use if the source is.
type ReaderAt struct {
	src  io.ReaderAt
	b    *bodyCipher
	at   body
	size int64 // of the plaintext, in bytes

	// s and parts are of algorithms that authenticate: the GHASH of each segment as it was when the whole was verified.
	// A segment is released only if it has that still, so a source that has changed meanwhile gets nothing through.
	s     *segmented
	parts []element

	scratch sync.Pool // of *readScratch
}

// A readScratch is what opening one segment needs.
type readScratch struct {
	segment
	buf       []byte // of a segment, with room for a tag
	plaintext []byte // the part of buf that is
	err       error  // why there is none
}

// NewReaderAt returns a reader of the message of size bytes in src, in either encoding. Where the algorithm authenticates
// it reads all of it once and verifies it, on all cores, before it returns; what is read later is read from src again,
// decrypted, and compared with what was verified. Errors and calls are those of [Client.Decrypt]; those of src. The ctx
// governs this call only.
//
// A message under an algorithm without authentication is not verified, by nobody.
func (c *Client) NewReaderAt(ctx context.Context, src io.ReaderAt, size int64, ec Context) (*ReaderAt, error) {
	cur := cursorAt(src, size)
	h, end, err := cur.header()
	if err != nil {
		return nil, err
	}
	alg := &algorithms[h.Algorithm]
	at, err := cur.body(alg, h.Encoding, end, size)
	if err != nil {
		return nil, err
	}
	// The tag comes last and is looked at first: its shape must be right before KMS is asked.
	tag, err := readTag(src, alg, &at)
	if err != nil {
		return nil, err
	}
	b, err := c.openHeader(ctx, h, ec)
	if err != nil {
		return nil, err
	}
	return b.newReaderAt(ctx, src, at, tag)
}

func cursorAt(src io.ReaderAt, size int64) *cursor {
	return &cursor{r: bufio.NewReader(io.NewSectionReader(src, 0, size))}
}

// readTag reads the body tag.
func readTag(src io.ReaderAt, alg *algorithm, at *body) ([]byte, error) {
	b := make([]byte, at.tagBytes(alg))
	if err := readFull(src, b, at.tagAt()); err != nil {
		return nil, err
	}
	return at.parseTag(alg, b)
}

// readFull reads all of p at off. A source that ends before is io.ErrUnexpectedEOF: it had that many bytes when its size
// was taken.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF || err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("aliyunesdk: read %d bytes at byte %d: %w", len(p), off, err)
}

// newReaderAt verifies a body.
func (b *bodyCipher) newReaderAt(ctx context.Context, src io.ReaderAt, at body, tag []byte) (*ReaderAt, error) {
	r := &ReaderAt{src: src, b: b, at: at, size: at.size}
	r.scratch.New = func() any {
		return &readScratch{buf: make([]byte, segmentSize, segmentSize+tagSize)}
	}
	var err error
	switch b.alg.mode {
	case modeGCM:
		err = r.verify(ctx, tag)
	case modeCBCPKCS7:
		err = r.measure()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// segments returns the number of segments of the ciphertext.
func (r *ReaderAt) segments() int64 { return (r.at.size + segmentSize - 1) / segmentSize }

// segmentSize returns the length of segment i in bytes.
func (r *ReaderAt) segmentSize(i int64) int { return int(min(segmentSize, r.at.size-i*segmentSize)) }

// verify computes the tag of the body and keeps the GHASH of each segment.
func (r *ReaderAt) verify(ctx context.Context, tag []byte) (err error) {
	if r.s, err = newSegmented(r.b.block); err != nil {
		return err
	}
	n := r.segments()
	r.parts = make([]element, n)
	procs := workers(n)
	held := make([]*readScratch, procs)
	for i := range held {
		held[i] = r.scratch.Get().(*readScratch)
		defer r.scratch.Put(held[i])
	}
	err = parallel(procs, n, func(worker int, i int64) error {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("aliyunesdk: verify: %w", err)
		}
		sc := held[worker]
		data := sc.buf[:r.segmentSize(i)]
		if err := readFull(r.src, data, r.at.off+i*segmentSize); err != nil {
			return err
		}
		r.parts[i] = r.s.hash(&sc.segment, data)
		return nil
	})
	if err != nil {
		return err
	}
	g := r.s.hashAll(r.b.ad)
	for i, part := range r.parts {
		g = r.s.append(g, r.segmentSize(int64(i)), part)
	}
	want := r.s.tag(g, r.at.iv, len(r.b.ad), r.at.size)
	if subtle.ConstantTimeCompare(want[:], tag) != 1 {
		return errNotAuthentic()
	}
	return nil
}

// measure finds the length of a plaintext from the padding of its last block.
func (r *ReaderAt) measure() error {
	buf := make([]byte, 2*blockSize)
	if err := r.previous(buf[:blockSize], r.at.size-blockSize); err != nil {
		return err
	}
	if err := readFull(r.src, buf[blockSize:], r.at.off+r.at.size-blockSize); err != nil {
		return err
	}
	cipher.NewCBCDecrypter(r.b.block, buf[:blockSize]).CryptBlocks(buf[blockSize:], buf[blockSize:])
	n, err := unpad(buf[blockSize:])
	r.size -= int64(n)
	return err
}

// previous reads the block before off of the ciphertext, which CBC decrypts with: at its beginning, the IV.
func (r *ReaderAt) previous(iv []byte, off int64) error {
	if off == 0 {
		copy(iv, r.at.iv)
		return nil
	}
	return readFull(r.src, iv, r.at.off+off-blockSize)
}

// Size returns the length of the plaintext in bytes. It is authentic where the algorithm authenticates.
func (r *ReaderAt) Size() int64 { return r.size }

// Info says what opened the message.
func (r *ReaderAt) Info() Info { return r.b.info.clone() }

// open decrypts segment i in sc and returns the plaintext of it.
func (r *ReaderAt) open(sc *readScratch, i int64) ([]byte, error) {
	data, off := sc.buf[:r.segmentSize(i)], i*segmentSize
	if err := readFull(r.src, data, r.at.off+off); err != nil {
		return nil, err
	}
	switch r.b.alg.mode {
	case modeGCM:
		if !r.s.open(&sc.segment, data, r.at.iv, i, r.parts[i]) {
			return nil, fmt.Errorf("aliyunesdk: source changed after it was verified: message is %w", ErrAuthentication)
		}
	case modeCTR:
		// The counter is one number of 128 bits, incremented for each block.
		lo := binary.BigEndian.Uint64(r.at.iv[8:]) + uint64(off/blockSize)
		hi := binary.BigEndian.Uint64(r.at.iv)
		if lo < uint64(off/blockSize) {
			hi++
		}
		binary.BigEndian.PutUint64(sc.nonce[:], hi)
		binary.BigEndian.PutUint64(sc.nonce[8:], lo)
		cipher.NewCTR(r.b.block, sc.nonce[:]).XORKeyStream(data, data)
	default:
		if err := r.previous(sc.nonce[:], off); err != nil {
			return nil, err
		}
		cipher.NewCBCDecrypter(r.b.block, sc.nonce[:]).CryptBlocks(data, data)
	}
	return data[:min(int64(len(data)), r.size-off)], nil
}

// ReadAt reads plaintext as io.ReaderAt says. Each segment of 64 KiB that p touches is decrypted whole. A source that has
// changed since it was verified is [ErrAuthentication].
func (r *ReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("aliyunesdk: ReadAt: negative offset")
	}
	sc := r.scratch.Get().(*readScratch)
	defer r.release(sc)
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		plaintext, err := r.open(sc, at/segmentSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], plaintext[at%segmentSize:])
	}
	return n, nil
}

// release gives scratch back without the plaintext.
func (r *ReaderAt) release(sc *readScratch) {
	clear(sc.buf)
	sc.plaintext = nil
	r.scratch.Put(sc)
}

// WriteTo writes the whole plaintext to w, from its beginning at every call, on the goroutine that called it, while others
// open what follows, on all cores. It holds up to 512 KiB for each core, at most 4 MiB. What it has written before an error is
// authentic where the algorithm authenticates.
func (r *ReaderAt) WriteTo(w io.Writer) (n int64, err error) {
	p := newPipeline(r)
	defer p.close()
	for k := range p.units {
		for _, sc := range p.unit(k) {
			if sc.err != nil {
				return n, sc.err
			}
			m, err := w.Write(sc.plaintext)
			n += int64(m)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}
