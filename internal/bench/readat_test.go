package bench_test

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	sio "github.com/secure-io/sio-go"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

const (
	readAtChunk = 16 << 10
	readAtReads = 100
	readAtSize  = 4 << 10
)

// A sioFile is a file that sio-go has encrypted, with the same chunk size.
type sioFile struct {
	stream *sio.Stream
	nonce  []byte
}

func newSIOFile(b *testing.B, path string, plain []byte) *sioFile {
	b.Helper()
	s := &sioFile{stream: sio.NewStream(newLimit(1).aead, readAtChunk)}
	s.nonce = make([]byte, s.stream.NonceSize())
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := s.stream.EncryptWriter(f, s.nonce, nil)
	if _, err := w.Write(plain); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return s
}

// readAts reads at each offset with a reader made for it and those after, as a caller does who has a file to look into.
func readAts(r io.ReaderAt, buf []byte, offsets []int64) error {
	for _, off := range offsets {
		if n, err := r.ReadAt(buf, off); n < len(buf) && err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkReadAt: parts of a file with chunks of 16 KiB, beside sio-go. Every lane begins with a reader of its own, so
// nothing is at hand but the pages of the file.
func BenchmarkReadAt(b *testing.B) {
	for _, size := range long() {
		b.Run("size="+sizeName(size), func(b *testing.B) {
			dir := b.TempDir()
			plain := text(size)
			sealed, theirs := filepath.Join(dir, "sealed"), filepath.Join(dir, "sio")
			c := newCachedClient(b, &envelope.Options{ChunkSize: readAtChunk})
			message, err := c.Encrypt(ctx, plain, nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(sealed, message, 0o600); err != nil {
				b.Fatal(err)
			}
			total := int64(len(message))
			message = nil
			peer := newSIOFile(b, theirs, plain)
			ourFile, err := os.Open(sealed)
			if err != nil {
				b.Fatal(err)
			}
			defer ourFile.Close()
			theirFile, err := os.Open(theirs)
			if err != nil {
				b.Fatal(err)
			}
			defer theirFile.Close()
			ours := func(buf []byte, offsets []int64) func() error {
				return func() error {
					r, err := c.NewReaderAt(ctx, ourFile, total, nil)
					if err != nil {
						return err
					}
					return readAts(r, buf, offsets)
				}
			}
			sios := func(buf []byte, offsets []int64) func() error {
				return func() error { return readAts(peer.stream.DecryptReaderAt(theirFile, peer.nonce, nil), buf, offsets) }
			}
			random, adjacent := make([]int64, readAtReads), make([]int64, readAtReads)
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range random {
				random[i], adjacent[i] = rnd.Int64N(int64(size-readAtSize)), int64(size/2+i*readAtSize)
			}
			buf, large := make([]byte, readAtSize), make([]byte, 16<<20)
			for _, r := range []*row{
				{
					name: "100 random reads of 4 KiB in " + sizeName(size), limit: lane{name: "sio-go", run: sios(buf, random)},
					lanes: []lane{{name: "ReaderAt", goal: 0.9, run: ours(buf, random)}},
				},
				{
					name: "100 adjacent reads of 4 KiB in " + sizeName(size), limit: lane{name: "sio-go", run: sios(buf, adjacent)},
					lanes: []lane{{name: "ReaderAt", run: ours(buf, adjacent)}},
				},
				{
					name: "a read of 16 MiB in " + sizeName(size), limit: lane{name: "sio-go", run: sios(large, adjacent[:1])},
					lanes: []lane{{name: "ReaderAt", run: ours(large, adjacent[:1])}},
				},
			} {
				b.Run(r.name, r.measure)
			}
		})
	}
}
