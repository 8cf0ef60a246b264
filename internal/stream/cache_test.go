package stream_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// TestAdjacentReads: readers at several places, each one read behind the other, open every chunk once between them.
func TestAdjacentReads(t *testing.T) {
	const chunks, places, step = 64, 8, 100
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(chunks * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	calls := 0
	ra := openAt(t, readAtFunc(func(p []byte, off int64) (int, error) {
		calls++
		return memFile(body).ReadAt(p, off)
	}), len(body), w)
	calls = 0
	p := make([]byte, step)
	for at := 0; at < len(plain)/places; at += step {
		for k := range places {
			off := k*len(plain)/places + at
			n := min(step, len(plain)/places-at)
			if _, err := ra.ReadAt(p[:n], int64(off)); err != nil || !bytes.Equal(p[:n], plain[off:off+n]) {
				t.Fatalf("ReadAt(%d) = %v", off, err)
			}
		}
	}
	if calls > chunks {
		t.Errorf("the source was read %d times for %d chunks", calls, chunks)
	}
}

// TestSharedChunk: a chunk that many read at once is opened once, and not again while it is among those used last.
func TestSharedChunk(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(64 * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	var calls atomic.Int64
	ra := openAt(t, readAtFunc(func(p []byte, off int64) (int, error) {
		calls.Add(1)
		return memFile(body).ReadAt(p, off)
	}), len(body), w)
	read := func(off int) {
		p := make([]byte, 10)
		if _, err := ra.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, plain[off:off+10]) {
			t.Errorf("ReadAt(%d) = %v", off, err)
		}
	}
	read(5)
	calls.Store(0)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				read((g*1000 + i) % (chunk - 10))
			}
		})
	}
	wg.Wait()
	if n := calls.Load(); n != 0 {
		t.Errorf("the source was read %d times for a chunk that was open", n)
	}
	for i := range 40 { // others come and go; this one is used again and again
		read((1 + i) * chunk)
		read(7)
	}
	if n := calls.Load(); n != 40 {
		t.Errorf("the source was read %d times for 40 chunks beside the one that was open", n)
	}
}

// TestCacheIsBounded: whatever is read, and by however many, a ReaderAt keeps about 1 MiB, or two chunks if they are more.
func TestCacheIsBounded(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools drop what they are given")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	w := newSealer(t, suite.AES256GCM, 1)
	for _, tt := range []struct{ chunk, most int }{
		{chunk, 1 << 20},
		{1 << 16, 3 << 19}, // 17 buffers, in whole pages
		{batch, 5 << 20},
	} {
		body := stream.Seal(nil, text(32<<20), w, tt.chunk, nil)
		ra, err := stream.NewReaderAt(memFile(body), 0, int64(len(body)), w, tt.chunk, nil)
		if err != nil {
			t.Fatal(err)
		}
		stream.DrainBuffers()
		rng := rand.New(rand.NewPCG(1, 2))
		p := make([]byte, 100)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 2000 {
			if _, err := ra.ReadAt(p, rng.Int64N(32<<20-100)); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if got := int(after.TotalAlloc - before.TotalAlloc); got > tt.most {
			t.Errorf("chunk %d: 2000 reads allocated %d bytes, want at most %d", tt.chunk, got, tt.most)
		}
	}
}

// TestReadForward: reads one behind the other take few buffers, however many chunks they go through.
func TestReadForward(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools drop what they are given")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	const chunk, chunks, most = 1 << 16, 64, 5
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(chunks * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for _, step := range []int{512, 1000, 4096, 3 << 15} {
		ra, err := stream.NewReaderAt(memFile(body), 0, int64(len(body)), w, chunk, nil)
		if err != nil {
			t.Fatal(err)
		}
		stream.DrainBuffers()
		p := make([]byte, step)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for off := 0; off < len(plain); off += step {
			if n, _ := ra.ReadAt(p, int64(off)); !bytes.Equal(p[:n], plain[off:min(off+step, len(plain))]) {
				t.Fatalf("ReadAt(%d, %d) gave other bytes", off, step)
			}
		}
		runtime.ReadMemStats(&after)
		// A run of several chunks takes one more, of twice the size.
		if got := after.TotalAlloc - before.TotalAlloc; got > (most+2)*chunk*5/4 {
			t.Errorf("reads of %d bytes through %d chunks allocated %d bytes, want at most those of %d chunks", step, chunks, got, most)
		}
	}
}

// TestReadBackward: reads one before the other, at odd places, read every chunk once besides those they share with the one
// behind.
func TestReadBackward(t *testing.T) {
	const chunks, step = 64, 1000
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(chunks * chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	calls := 0
	ra := openAt(t, readAtFunc(func(p []byte, off int64) (int, error) {
		calls++
		return memFile(body).ReadAt(p, off)
	}), len(body), w)
	p := make([]byte, step)
	for off := len(plain) - step; off >= 0; off -= step {
		if _, err := ra.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, plain[off:off+step]) {
			t.Fatalf("ReadAt(%d) = %v", off, err)
		}
	}
	if calls > chunks {
		t.Errorf("the source was read %d times for %d chunks", calls, chunks)
	}
}

// TestCacheKeepsNoFailure: a chunk that was not authentic is read and opened again, and the space it took is used again.
func TestCacheKeepsNoFailure(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(40 * chunk)
	good := stream.Seal(nil, plain, w, chunk, nil)
	bad := bytes.Clone(good)
	for i := range 39 {
		bad[i*full] ^= 1
	}
	file := memFile(bad)
	ra := openAt(t, readAtFunc(func(p []byte, off int64) (int, error) { return file.ReadAt(p, off) }), len(good), w)
	p := make([]byte, 10)
	for round := range 3 {
		for i := range 39 {
			_, err := ra.ReadAt(p, int64(i*chunk+1))
			if bad := round < 2; errors.Is(err, suite.ErrAuthentication) != bad || !bad && !bytes.Equal(p, plain[i*chunk+1:i*chunk+11]) {
				t.Fatalf("round %d, chunk %d: ReadAt = %v", round, i, err)
			}
		}
		if round == 1 {
			file = memFile(good)
		}
	}
}

// TestSourceFailsLeavesNoPlaintext: the buffer of a chunk that was kept is taken for another, which its source does not give.
// What comes back to the pools then has nothing of the first.
func TestSourceFailsLeavesNoPlaintext(t *testing.T) {
	const chunks = 40
	w := newSealer(t, suite.AES256GCM, 1)
	plain := bytes.Repeat([]byte{0x55}, chunks*chunk)
	body := stream.Seal(nil, plain, w, chunk, nil)
	for name, failed := range map[string]error{"an error": errTest, "its end": io.EOF} {
		fails := false
		ra := openAt(t, readAtFunc(func(p []byte, off int64) (int, error) {
			if fails {
				return 0, failed
			}
			return memFile(body).ReadAt(p, off)
		}), len(body), w)
		p := make([]byte, 100)
		for i := range int64(20) { // more than are kept
			if _, err := ra.ReadAt(p, i*chunk+8); err != nil {
				t.Fatal(err)
			}
		}
		fails = true
		stream.DrainBuffers()
		want := failed
		if failed == io.EOF {
			want = suite.ErrAuthentication
		}
		for i := range int64(5) {
			if _, err := ra.ReadAt(p, (30+i)*chunk+8); !errors.Is(err, want) {
				t.Errorf("%s: ReadAt = %v, want %v", name, err, want)
			}
		}
		for _, b := range stream.DrainBuffers() {
			if bytes.Contains(b, plain[:8]) {
				t.Errorf("%s: plaintext came back to the pools", name)
			}
		}
	}
}
