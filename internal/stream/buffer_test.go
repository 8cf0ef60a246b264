package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// TestPoolHoldsNoPlaintext: whatever a message did and however it ended, the buffers that it gave back are free of it.
func TestPoolHoldsNoPlaintext(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools drop what they are given")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // as a collection does
	w := newSealer(t, suite.AES256GCM, 1)
	for _, n := range []int{1000, chunk, 9*chunk + 1000, 2*batch + 1} {
		plain := bytes.Repeat([]byte{0x55}, n)
		body := stream.Seal(nil, plain, w, chunk, nil)
		damaged := bytes.Clone(body)
		damaged[len(body)-1] ^= 1
		broken := func() io.Writer { return &stingy{left: len(body) / 2, n: func(int) int { return 0 }, err: errTest} }
		for _, tt := range []struct {
			name string
			want error
			do   func() error
		}{
			{"Write", nil, func() error {
				ww := stream.NewWriter(io.Discard, w, chunk, nil)
				for p := plain; len(p) > 0; p = p[min(300, len(p)):] {
					if _, err := ww.Write(p[:min(300, len(p))]); err != nil {
						return err
					}
				}
				return ww.Close()
			}},
			{"ReadFrom", nil, func() error {
				ww := stream.NewWriter(io.Discard, w, chunk, nil)
				if _, err := ww.ReadFrom(bytes.NewReader(plain)); err != nil {
					return err
				}
				return ww.Close()
			}},
			{"ReadFrom, destination fails", errTest, func() error {
				ww := stream.NewWriter(broken(), w, chunk, nil)
				if _, err := ww.ReadFrom(bytes.NewReader(plain)); err != nil {
					return err
				}
				return ww.Close()
			}},
			{"ReadFrom, source fails", errTest, func() error {
				ww := stream.NewWriter(io.Discard, w, chunk, nil)
				_, err := ww.ReadFrom(io.MultiReader(bytes.NewReader(plain), badSources[0].read))
				return err
			}},
			{"Read", nil, func() error {
				return readAll(stream.NewReader(bytes.NewReader(body), w, chunk, nil), make([]byte, 300), 300)
			}},
			{"Read, damaged", suite.ErrAuthentication, func() error {
				return readAll(stream.NewReader(bytes.NewReader(damaged), w, chunk, nil), make([]byte, 300), 300)
			}},
			{"WriteTo", nil, func() error {
				_, err := stream.NewReader(bytes.NewReader(body), w, chunk, nil).WriteTo(io.Discard)
				return err
			}},
			{"WriteTo after Read", nil, func() error {
				r := stream.NewReader(bytes.NewReader(body), w, chunk, nil)
				if _, err := r.Read(make([]byte, 10)); err != nil {
					return err
				}
				_, err := r.WriteTo(io.Discard)
				return err
			}},
			{"WriteTo, destination fails", errTest, func() error {
				_, err := stream.NewReader(bytes.NewReader(body), w, chunk, nil).WriteTo(broken())
				return err
			}},
			{"WriteTo, damaged", suite.ErrAuthentication, func() error {
				_, err := stream.NewReader(bytes.NewReader(damaged), w, chunk, nil).WriteTo(io.Discard)
				return err
			}},
			{"Salvage", nil, func() error {
				return stream.NewSalvager(memFile(damaged), 0, int64(len(damaged)), w, chunk, nil).Run(goOn, func([]byte, int64) error { return nil })
			}},
			{"Salvage, destination fails", errTest, func() error {
				return stream.NewSalvager(memFile(body), 0, int64(len(body)), w, chunk, nil).Run(goOn, func([]byte, int64) error { return errTest })
			}},
			{"ReadAt, two at once", nil, func() error {
				var ra *stream.ReaderAt
				src := readAtFunc(func(p []byte, off int64) (int, error) {
					if ra != nil && off == 0 { // within a ReadAt at 10, one at the end
						if _, err := ra.ReadAt(make([]byte, 1), int64(n)-1); err != nil {
							t.Error(err)
						}
					}
					return memFile(body).ReadAt(p, off)
				})
				var err error
				if ra, err = stream.NewReaderAt(src, 0, int64(len(body)), w, chunk, nil); err != nil {
					return err
				}
				if _, err = ra.ReadAt(make([]byte, 10), int64(n)-10); err != nil {
					return err
				}
				_, err = ra.ReadAt(make([]byte, min(n-10, chunk)), 10) // a run of two chunks, if there are two
				return err
			}},
		} {
			stream.DrainBuffers()
			if err := tt.do(); !errors.Is(err, tt.want) {
				t.Errorf("%s of %d bytes = %v, want %v", tt.name, n, err, tt.want)
			}
			drained := stream.DrainBuffers()
			if len(drained) == 0 && (tt.name != "ReadAt, two at once" || n > chunk) {
				t.Errorf("%s of %d bytes gave no buffer back", tt.name, n)
			}
			for _, b := range drained {
				if i := bytes.Index(b, bytes.Repeat([]byte{0x55}, 8)); i >= 0 {
					t.Errorf("%s of %d bytes left plaintext at %d of a buffer of %d", tt.name, n, i, len(b))
				}
			}
		}
	}
}

// TestBuffersTakenOnce: two streams at a time never work in the same buffer, though both fail and are asked again.
func TestBuffersTakenOnce(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	for range 3 {
		ww := stream.NewWriter(&stingy{n: func(int) int { return 0 }, err: errTest}, w, chunk, nil)
		if _, err := ww.Write(text(3 * chunk)); err != errTest {
			t.Fatalf("Write = %v, want %v", err, errTest)
		}
		_, _ = ww.Write(text(3 * chunk))
		_ = ww.Close()
		r := stream.NewReader(bytes.NewReader(nil), w, chunk, nil)
		for range 3 {
			_, _ = r.Read(make([]byte, 1))
			_, _ = r.WriteTo(io.Discard)
		}
	}
	a, b := text(batch), bytes.Repeat([]byte{7}, batch)
	var dst [2]bytes.Buffer
	ww := [2]*stream.Writer{stream.NewWriter(&dst[0], w, chunk, nil), stream.NewWriter(&dst[1], w, chunk, nil)}
	for i := 0; i < batch; i += 1000 {
		for k, plain := range [][]byte{a, b} {
			if _, err := ww[k].Write(plain[i:min(batch, i+1000)]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for k, plain := range [][]byte{a, b} {
		err := ww[k].Close()
		check(t, fmt.Sprintf("stream %d", k), dst[k].Bytes(), err, stream.Seal(nil, plain, w, chunk, nil))
	}
}
