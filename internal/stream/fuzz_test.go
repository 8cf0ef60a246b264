package stream_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// FuzzRoundTrip writes and reads a message of any length in calls of random kinds and lengths, on one to four cores, all
// drawn from seed. Batches are small, so that the lengths of a batch and of a call cross in every way.
func FuzzRoundTrip(f *testing.F) {
	stream.SetSmallBatches(f, 3*chunk)
	for _, n := range sizes {
		f.Add(uint32(n), uint64(n), uint8(0), n%2 == 0)
	}
	sealers := []*suite.Sealer{newSealer(f, suites[0], 1), newSealer(f, suites[1], 1)}
	f.Fuzz(func(t *testing.T, size uint32, seed uint64, bits uint8, sm4 bool) {
		w := sealers[0]
		if sm4 {
			w = sealers[1]
		}
		chunk := suite.MinChunkSize << (bits % 5)
		plain := text(int(size % (2*batch + 2)))
		rng := rand.New(rand.NewPCG(seed, 0))
		next := func() int { return rng.IntN([]int{3, chunk - 1, chunk + 1, 5 * chunk, batch}[rng.IntN(5)]) }
		opts := &stream.Options{MaxBuffer: rng.IntN(4 << 20), Parallelism: 1 + rng.IntN(4)}

		var body bytes.Buffer
		ww := stream.NewWriter(&body, w, chunk, opts)
		for p := plain; len(p) > 0; {
			n := min(next(), len(p))
			if rng.IntN(2) == 0 {
				if k, err := ww.Write(p[:n]); k != n || err != nil {
					t.Fatalf("Write(%d) = %d, %v", n, k, err)
				}
			} else if k, err := ww.ReadFrom(bytes.NewReader(p[:n])); k != int64(n) || err != nil {
				t.Fatalf("ReadFrom(%d) = %d, %v", n, k, err)
			}
			p = p[n:]
		}
		err := ww.Close()
		check(t, "Close", body.Bytes(), err, stream.Seal(nil, plain, w, chunk, nil))

		r := stream.NewReader(randomReader{bytes.NewReader(body.Bytes()), next}, w, chunk, opts)
		var got []byte
		for p := make([]byte, batch); ; {
			n, err := r.Read(p[:next()])
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("Read = %v", err)
			}
			if rng.IntN(50) == 0 {
				var rest bytes.Buffer
				if _, err := r.WriteTo(&rest); err != nil {
					t.Fatalf("WriteTo = %v", err)
				}
				got = append(got, rest.Bytes()...)
			}
		}
		check(t, "Read", got, nil, plain)

		ra, err := stream.NewReaderAt(bytes.NewReader(body.Bytes()), 0, int64(body.Len()), w, chunk, opts)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			off, n := rng.IntN(len(plain)+1), next()
			p := make([]byte, n)
			k, err := ra.ReadAt(p, int64(off))
			if want := plain[off:min(len(plain), off+n)]; !bytes.Equal(p[:k], want) || err != nil && err != io.EOF {
				t.Errorf("ReadAt(%d, %d) = %d, %v, want %d", off, n, k, err, len(want))
			}
		}
	})
}

// A randomReader gives at most next bytes a time.
type randomReader struct {
	io.Reader
	next func() int
}

func (r randomReader) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(len(p), 1+r.next())]) }

// FuzzOpen opens arbitrary bytes. Only the body that the key sealed opens; anything else gives a prefix of its plaintext
// and the failure of the chunk behind, the same from all ways to open. With -fuzzminimizetime=10x it does not spend its
// time on making inputs smaller that were 4 KiB long for a reason.
func FuzzOpen(f *testing.F) {
	const n = 2*chunk + 9
	w := newSealer(f, suite.AES256GCM, 1)
	plain := text(n)
	good := stream.Seal(nil, plain, w, chunk, nil)
	f.Add([]byte{})
	f.Add(good)
	for _, cut := range []int{1, suite.TagSize, full - 1, full, full + 1, full + suite.TagSize, 2 * full} {
		f.Add(good[:cut])
		f.Add(good[cut:])
		f.Add(append(good[:cut:cut], good...))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if bytes.Equal(body, good) {
			for _, o := range openers {
				got, err := o.open(body, w, chunk)
				check(t, o.name, got, err, plain)
			}
			return
		}
		at, ended := verdict(good, body)
		mustFail(t, "arbitrary bytes", body, plain, w, at, ended)
		if _, err := stream.Open(nil, body, w, suite.MaxChunkSize, nil); !errors.Is(err, suite.ErrAuthentication) {
			t.Errorf("Open(in other chunks) = %v, want %v", err, suite.ErrAuthentication)
		}
	})
}
