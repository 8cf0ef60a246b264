package stream

import (
	"io"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A Salvager finds what is authentic of a damaged body. It is not a [Reader]: it passes over what is damaged, and does not
// need the end.
//
// What it gives is authentic in itself and in its place: a chunk opens at its own index only. That nothing is missing
// between two chunks, or behind the last, nobody has proved but for the end: a chunk that opens as the last shows how long
// the message is.
type Salvager struct {
	codec codec
	src   io.ReaderAt
	off   int64
	body  int64 // bytes of body that there are; less than was said once the source has ended
	batch int64 // chunks of a batch

	// Size is the length of the plaintext in bytes once the last chunk has been found, otherwise -1.
	Size int64
	// SourceErr is the first error of the source, but for io.EOF. Chunks that cannot be read are passed over like others.
	SourceErr error

	in, out *buffer
	run     []byte // opened and not yet given away, at the beginning of out
	runOff  int64  // where it stands in the plaintext
}

// NewSalvager returns a Salvager of a body that begins at off in src, where at most body bytes of it are. It keeps src and
// copies w. nil options mean the defaults; it works on the caller's goroutine alone.
func NewSalvager(src io.ReaderAt, off, body int64, w *suite.Sealer, chunk int, opts *Options) *Salvager {
	mustChunk(chunk)
	return &Salvager{
		codec: codec{w: *w, chunk: chunk}, src: src, off: off, body: max(0, body), batch: int64(opts.batch(chunk, batchSize)), Size: -1,
	}
}

// Run reads the body once, from its beginning to its end or the last chunk, and calls give with what is authentic of it, in
// ascending order and in pieces of 1 MiB at most; off is where it stands in the plaintext, and give does not keep the
// slice. Before each batch it calls next. An error of either ends it and is returned. It is called once.
func (s *Salvager) Run(next func() error, give func(plain []byte, off int64) error) error {
	size := int(s.batch) * s.codec.full()
	s.in, s.out = getBuffer(classOf(size)), getBuffer(classOf(size))
	defer func() {
		putBuffer(s.in) // it holds nothing but ciphertext
		wipeBuffer(s.out)
	}()
	most := maxPlaintext / int64(s.codec.chunk) // chunks of a message
	for i := int64(0); i < most && s.Size < 0; i += s.batch {
		if err := next(); err != nil {
			return err
		}
		left := s.body - i*int64(s.codec.full())
		if left <= 0 {
			break
		}
		err := s.salvage(i, int(min(left, min(s.batch, most-i)*int64(s.codec.full()))), give)
		if err == nil {
			err = s.flush(give)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// salvage reads and opens n bytes of chunks from number i on. Of a batch that the source has an error for it reads each
// chunk by itself.
func (s *Salvager) salvage(i int64, n int, give func([]byte, int64) error) error {
	full := s.codec.full()
	b, err := s.read(i, n)
	if err != nil {
		if s.SourceErr == nil {
			s.SourceErr = err
		}
		if n <= full {
			return nil
		}
		for ; n > 0; n -= full {
			if err := s.salvage(i, min(n, full), give); err != nil {
				return err
			}
			i++
		}
		return nil
	}
	for ; len(b) > 0 && s.Size < 0; i++ {
		c := b[:min(full, len(b))]
		if err := s.open(c, i, give); err != nil {
			return err
		}
		b = b[len(c):]
	}
	return nil
}

// read reads n bytes from chunk i on, or what there is of them before the source ends.
func (s *Salvager) read(i int64, n int) ([]byte, error) {
	at := i * int64(s.codec.full())
	if n = int(min(int64(n), s.body-at)); n <= 0 {
		return nil, nil // the source has ended in a chunk before
	}
	b := s.in.b[:n]
	got, err := s.src.ReadAt(b, s.off+at)
	switch {
	case got < 0 || got > n || got < n && err == nil:
		return nil, ErrInvalidCount
	case got == n:
		return b, nil
	case err == io.EOF:
		s.body = at + int64(got)
		return b[:got], nil
	}
	return nil, err
}

// open opens one chunk if it is authentic, and adds it to the run.
//
// It tries both nonces, which no reader does: a reader's word is that the message ended where it says, and here a chunk that
// was not the last may stand at the end, and the last one may not. An index was sealed once, so at most one of the two
// opens what the writer wrote, and which it was is all that an attacker who moves the end of the input could ask.
func (s *Salvager) open(c []byte, i int64, give func([]byte, int64) error) error {
	full := s.codec.full()
	off := i * int64(s.codec.chunk)
	atEnd := i*int64(full)+int64(len(c)) == s.body
	if len(s.run) == 0 || s.runOff+int64(len(s.run)) != off {
		if err := s.flush(give); err != nil {
			return err
		}
		s.run, s.runOff = s.out.b[:0], off
	}
	for _, last := range [2]bool{atEnd, !atEnd} {
		if !last && len(c) < full {
			continue // a short chunk can be nothing but the last
		}
		run, err := s.codec.open(s.run, c, i, last)
		if err != nil {
			continue
		}
		if s.run = run; last {
			s.Size = off + int64(len(c)-suite.TagSize)
		}
		return nil
	}
	return nil
}

// flush gives the run away.
func (s *Salvager) flush(give func([]byte, int64) error) error {
	run := s.run
	s.run = nil
	if len(run) == 0 {
		return nil
	}
	return give(run, s.runOff)
}
