package bench_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

// text returns n bytes that differ from place to place.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16*7)
	}
	return b
}

// ctx is what all calls of the library get; nothing here ends early.
var ctx = context.Background()

// long returns the lengths of the streams and files that are measured, in bytes: under -short without the longest.
func long() []int {
	if testing.Short() {
		return []int{64 << 20}
	}
	return []int{64 << 20, 1 << 30}
}

// A streamBench is what the rows of streams of one length share.
type streamBench struct {
	size    int
	client  *envelope.Client
	plain   []byte
	message []byte // of client
	room    []byte // for messages and plaintext
}

func newStreamBench(b *testing.B, size int, opts *envelope.Options) *streamBench {
	s := &streamBench{size: size, client: newCachedClient(b, opts), plain: text(size)}
	message, err := s.client.Encrypt(ctx, s.plain, nil)
	if err != nil {
		b.Fatal(err)
	}
	s.message, s.room = message, make([]byte, len(message)+len(message)/1000)
	return s
}

// encrypt is a lane that writes to dst whatever write does.
func (s *streamBench) encrypt(dst func() io.Writer, write func(w *envelope.Writer) error) func() error {
	return func() error {
		w, err := s.client.NewWriter(ctx, dst(), nil)
		if err != nil {
			return err
		}
		if err := write(w); err != nil {
			return err
		}
		return w.Close()
	}
}

// decrypt is a lane that reads from src whatever read does.
func (s *streamBench) decrypt(src func() io.Reader, read func(r *envelope.Reader) error) func() error {
	return func() error {
		r, err := s.client.NewReader(ctx, src(), nil)
		if err != nil {
			return err
		}
		return read(r)
	}
}

func copyFrom(src func() io.Reader) func(w *envelope.Writer) error {
	return func(w *envelope.Writer) error {
		_, err := io.Copy(w, src())
		return err
	}
}

func copyTo(dst func() io.Writer) func(r *envelope.Reader) error {
	return func(r *envelope.Reader) error {
		_, err := io.Copy(dst(), r)
		return err
	}
}

func (s *streamBench) source() io.Reader        { return &memSource{s.plain} }
func (s *streamBench) messageSource() io.Reader { return &memSource{s.message} }
func (s *streamBench) sink() io.Writer          { return &memSink{s.room} }

// rows returns the rows of streams under a limit with that many cores.
func (s *streamBench) rows(b *testing.B, name string, cores int, goal float64) []*row {
	l := newLimit(cores)
	lname := fmt.Sprintf("limit-%dcore-io", cores)
	whole := s.size * (limitUnit + tagSize) / limitUnit
	body := make([]byte, whole+tagSize)
	seal := func() error {
		return l.run(func(k int, w limitWork) error {
			return l.seal(&memSink{l.part(s.room[:whole], k, limitUnit+tagSize)}, &memSource{l.part(s.plain, k, limitUnit)}, w)
		})
	}
	// What the limit opens is what it sealed.
	if err := l.run(func(k int, w limitWork) error {
		return l.seal(&memSink{l.part(body[:whole], k, limitUnit+tagSize)}, &memSource{l.part(s.plain, k, limitUnit)}, w)
	}); err != nil {
		b.Fatal(err)
	}
	ends := newSockets(cores)
	one := newSockets(1)
	socketSource := func() io.Reader { one[0].in.at, one[0].in.left = 0, int64(s.size); return one[0].in }
	socketSink := func() io.Writer { one[0].out.at = 0; return one[0].out }
	encrypt := &row{
		name: "encrypt " + name, bytes: int64(s.size), limit: lane{name: lname, run: seal},
		lanes: []lane{
			{name: "io.Copy", goal: goal, run: s.encrypt(s.sink, copyFrom(s.source))},
			{name: "Write of all", goal: goal, run: s.encrypt(s.sink, func(w *envelope.Writer) error { return writeAll(w, s.plain, s.size) })},
			{name: "Write of 4 MiB", goal: goal, run: s.encrypt(s.sink, func(w *envelope.Writer) error { return writeAll(w, s.plain, 4<<20) })},
			{name: "Write of 32 KiB", run: s.encrypt(s.sink, func(w *envelope.Writer) error { return writeAll(w, s.plain, 32<<10) })},
		},
	}
	encryptSocket := &row{
		name: "encrypt socket-like " + name, bytes: int64(s.size),
		limit: lane{name: lname, run: func() error {
			return l.run(func(k int, w limitWork) error {
				ends[k].in.at, ends[k].in.left = 0, int64(s.size/cores)
				return l.seal(ends[k].out, ends[k].in, w)
			})
		}},
		lanes: []lane{{name: "io.Copy", goal: goal, run: s.encrypt(socketSink, copyFrom(socketSource))}},
	}
	piece := make([]byte, 32<<10)
	decrypt := &row{
		name: "decrypt " + name, bytes: int64(s.size),
		limit: lane{name: lname, run: func() error {
			return l.run(func(k int, w limitWork) error {
				return l.open(&memSink{l.part(s.room[:s.size], k, limitUnit)}, &memSource{l.part(body[:whole], k, limitUnit+tagSize)}, w)
			})
		}},
		lanes: []lane{
			{name: "io.Copy", goal: goal, run: s.decrypt(s.messageSource, copyTo(s.sink))},
			{name: "Read of all", goal: goal, run: s.decrypt(s.messageSource, func(r *envelope.Reader) error { return readAll(r, s.room, s.size+1) })},
			{name: "Read of 4 MiB", goal: goal, run: s.decrypt(s.messageSource, func(r *envelope.Reader) error { return readAll(r, s.room, 4<<20) })},
			{name: "Read of 32 KiB", run: s.decrypt(s.messageSource, func(r *envelope.Reader) error { return readAll(r, piece, len(piece)) })},
		},
	}
	// A socket that gives out something that opens cannot go round in circles. So a message is read from memory, which for
	// both is the same, and only the plaintext goes to a socket.
	decryptSocket := &row{
		name: "decrypt to socket-like " + name, bytes: int64(s.size),
		limit: lane{name: lname, run: func() error {
			return l.run(func(k int, w limitWork) error {
				return l.open(ends[k].out, &memSource{l.part(body[:whole], k, limitUnit+tagSize)}, w)
			})
		}},
		lanes: []lane{{name: "io.Copy", goal: goal, run: s.decrypt(s.messageSource, copyTo(socketSink))}},
	}
	return []*row{encrypt, encryptSocket, decrypt, decryptSocket}
}

// BenchmarkStream: Writer and Reader, by io.Copy and by calls of several lengths. Those of 32 KiB run on one core whatever
// the length of the stream, and have no goal.
func BenchmarkStream(b *testing.B) {
	const short = 1 << 20 // on one core anyway
	for _, size := range append([]int{short}, long()...) {
		for _, parallelism := range []int{1, 0} {
			cores, name := runtime.GOMAXPROCS(0), sizeName(size)
			if parallelism == 1 || size == short {
				cores = 1
				name += ", one core"
			}
			if parallelism == 1 && size == short {
				continue
			}
			b.Run(fmt.Sprintf("size=%s/cores=%d", sizeName(size), cores), func(b *testing.B) {
				s := newStreamBench(b, size, &envelope.Options{Parallelism: parallelism})
				for _, r := range s.rows(b, name, cores, 0.95) {
					b.Run(r.name, r.measure)
				}
			})
		}
	}
}
