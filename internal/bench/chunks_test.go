package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

// BenchmarkChunkSize: what the size of a chunk costs streams of 64 MiB and small random reads, from memory to memory. It is
// what the default was chosen by (format/SPEC.md, Section 9).
func BenchmarkChunkSize(b *testing.B) {
	for _, cores := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("cores=%d", cores), func(b *testing.B) { benchChunkSize(b, cores) })
	}
}

func benchChunkSize(b *testing.B, cores int) {
	const size = 64 << 20
	lname := fmt.Sprintf("limit-%dcore-io", cores)
	encrypt := &row{name: fmt.Sprintf("encrypt 64 MiB by io.Copy on %d", cores), bytes: size}
	decrypt := &row{name: fmt.Sprintf("decrypt 64 MiB by io.Copy on %d", cores), bytes: size}
	random := &row{name: fmt.Sprintf("100 random reads of 4 KiB in memory on %d", cores)}
	offsets := make([]int64, readAtReads)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range offsets {
		offsets[i] = rnd.Int64N(size - readAtSize)
	}
	buf := make([]byte, readAtSize)
	for i, chunk := range []int{16 << 10, 32 << 10, 64 << 10} {
		s := newStreamBench(b, size, &envelope.Options{ChunkSize: chunk, Parallelism: cores})
		if i == 0 {
			l := newLimit(cores)
			whole := size / limitUnit * (limitUnit + tagSize)
			encrypt.limit = lane{name: lname, run: func() error {
				return l.run(func(k int, w limitWork) error {
					return l.seal(&memSink{l.part(s.room[:whole], k, limitUnit+tagSize)}, &memSource{l.part(s.plain, k, limitUnit)}, w)
				})
			}}
			body := make([]byte, whole)
			if err := l.seals(body, s.plain); err != nil {
				b.Fatal(err)
			}
			decrypt.limit = lane{name: lname, run: func() error {
				return l.run(func(k int, w limitWork) error {
					return l.open(&memSink{l.part(s.room[:size], k, limitUnit)}, &memSource{l.part(body, k, limitUnit+tagSize)}, w)
				})
			}}
		}
		name := "chunks of " + sizeName(chunk)
		encrypt.lanes = append(encrypt.lanes, lane{name: name, run: s.encrypt(s.sink, copyFrom(s.source))})
		decrypt.lanes = append(decrypt.lanes, lane{name: name, run: s.decrypt(s.messageSource, copyTo(s.sink))})
		random.lanes = append(random.lanes, lane{name: name, run: func() error {
			r, err := s.client.NewReaderAt(ctx, readerAt{bytes.NewReader(s.message)}, int64(len(s.message)), nil)
			if err != nil {
				return err
			}
			return readAts(r, buf, offsets)
		}})
	}
	for _, r := range []*row{encrypt, decrypt, random} {
		b.Run(r.name, r.measure)
	}
}

// readerAt shows nothing but ReadAt.
type readerAt struct{ io.ReaderAt }
