package bench_test

import "io"

// A memSource reads from memory and shows nothing but Read, so that io.Copy cannot hand the whole slice over at once.
type memSource struct{ rest []byte }

func (s *memSource) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// A memSink copies what is written to it into memory that is there already, and shows nothing but Write.
type memSink struct{ rest []byte }

func (s *memSink) Write(p []byte) (int, error) {
	n := copy(s.rest, p)
	s.rest = s.rest[n:]
	if n < len(p) {
		return n, io.ErrShortBuffer
	}
	return n, nil
}

// socketSize is how much a socket holds, in bytes.
const socketSize = 256 << 10

// A socket is a source of left bytes, or a sink, that stays in the cache, as those of a kernel do: it copies from or to
// the same 256 KiB over and over.
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

// An end is a pair of sockets for one core.
type end struct{ in, out *socket }

func newSockets(cores int) []end {
	ends := make([]end, cores)
	for i := range ends {
		ends[i] = end{&socket{b: text(socketSize)}, &socket{b: text(socketSize)}}
	}
	return ends
}

// readAll reads r to its end in calls of n bytes, which go one behind the other into buf and again from its beginning.
func readAll(r io.Reader, buf []byte, n int) error {
	for at := 0; ; {
		if len(buf)-at < n {
			at = 0
		}
		k, err := io.ReadFull(r, buf[at:min(len(buf), at+n)])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
		at += k
	}
}

// writeAll writes p to w in calls of n bytes.
func writeAll(w io.Writer, p []byte, n int) error {
	for len(p) > 0 {
		k := min(n, len(p))
		if _, err := w.Write(p[:k]); err != nil {
			return err
		}
		p = p[k:]
	}
	return nil
}
