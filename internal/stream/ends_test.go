package stream_test

import "io"

// A memSource reads from memory and shows nothing but Read, so that io.Copy cannot hand the whole slice over at once.
type memSource struct{ b, rest []byte }

func (s *memSource) rewind() io.Reader {
	s.rest = s.b
	return s
}

func (s *memSource) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A memSink copies what is written to it into memory that is there already, and shows nothing but Write.
type memSink struct {
	b []byte
	n int
}

func (s *memSink) rewind() io.Writer {
	s.n = 0
	return s
}

func (s *memSink) Write(p []byte) (int, error) {
	n := copy(s.b[s.n:], p)
	s.n += n
	if n < len(p) {
		return n, io.ErrShortBuffer
	}
	return n, nil
}

// A socket is a source and a sink that stay in the cache, as those of a kernel do: it copies from and to the same
// 256 KiB over and over.
type socket struct {
	b    []byte
	at   int
	left int64
}

func (s *socket) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	for rest := p; len(rest) > 0; {
		n := copy(rest, s.b[s.at:])
		rest, s.at = rest[n:], (s.at+n)%len(s.b)
	}
	s.left -= int64(len(p))
	return len(p), nil
}

func (s *socket) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := copy(s.b[s.at:], rest)
		rest, s.at = rest[n:], (s.at+n)%len(s.b)
	}
	return len(p), nil
}

// socketSize is the length of a socket in bytes.
const socketSize = 256 << 10

// readAll reads r to its end in calls of n bytes, which go one behind the other into buf and again from its beginning.
func readAll(r io.Reader, buf []byte, n int) error {
	for at := 0; ; {
		if len(buf)-at < n {
			at = 0
		}
		k, err := r.Read(buf[at : at+n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		at += k
	}
}

// A memFile is a ReaderAt over memory.
type memFile []byte

func (f memFile) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f[min(int64(len(f)), off):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
