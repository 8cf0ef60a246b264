package stream_test

import (
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// Streams and random reads are measured beside the limits of the machine by internal/bench.

// benchChunk is the default chunk size.
const benchChunk = 1 << suite.DefaultChunkBits

// BenchmarkSealOpen: whole bodies, into a destination with room.
func BenchmarkSealOpen(b *testing.B) {
	for _, id := range suites {
		w := newSealer(b, id, 1)
		for _, n := range []int{100, 1 << 10, 16 << 10, benchChunk, 1 << 20, 16 << 20} {
			plain := text(n)
			body := stream.Seal(nil, plain, w, benchChunk, nil)
			b.Run(fmt.Sprintf("suite=%d/seal/size=%d", id, n), func(b *testing.B) {
				dst := make([]byte, 0, len(body))
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					stream.Seal(dst, plain, w, benchChunk, nil)
				}
			})
			b.Run(fmt.Sprintf("suite=%d/open/size=%d", id, n), func(b *testing.B) {
				dst := make([]byte, 0, n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := stream.Open(dst, body, w, benchChunk, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkChunk: streams of one chunk and less, with their buffers from the pools.
func BenchmarkChunk(b *testing.B) {
	w := newSealer(b, suite.AES256GCM, 1)
	for _, n := range []int{0, 100, 4 << 10, benchChunk} {
		plain := text(n)
		src, sink := &memSource{b: stream.Seal(nil, plain, w, benchChunk, nil)}, &memSink{b: make([]byte, n+suite.TagSize)}
		b.Run(fmt.Sprintf("Writer/size=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				ww := stream.NewWriter(sink.rewind(), w, benchChunk, nil)
				if _, err := ww.Write(plain); err != nil {
					b.Fatal(err)
				}
				if err := ww.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Reader/size=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stream.NewReader(src.rewind(), w, benchChunk, nil).WriteTo(sink.rewind()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
