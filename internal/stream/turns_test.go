package stream_test

import (
	"bytes"
	"crypto/cipher"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A slowAEAD calls wait before it seals under one of the nonces.
type slowAEAD struct {
	cipher.AEAD
	nonce [suite.NonceSize]byte
	wait  func()
}

func (a slowAEAD) Seal(dst, nonce, plain, data []byte) []byte {
	if bytes.Equal(nonce, a.nonce[:]) {
		a.wait()
	}
	return a.AEAD.Seal(dst, nonce, plain, data)
}

// TestTurnsAreNotWaitedFor: while one worker is at a batch, the other takes what comes behind it, until all batches that
// may be in hand are, and no more. They come out in their order.
func TestTurnsAreNotWaitedFor(t *testing.T) {
	const slow, n = 20, 60*chunk + 5 // slow is a chunk that another waits for, of a batch of two
	const all = 4 * 2                // chunks of two batches for each of two workers
	stream.SetSmallBatches(t, 2*chunk)
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(n)
	want := stream.Seal(nil, plain, w, chunk, nil)

	var mu sync.Mutex
	more := sync.NewCond(&mu)
	read := 0
	src := (&memSource{b: plain}).rewind()
	var given atomic.Int64
	wait := func() {
		mu.Lock()
		for read < (slow-1+all)*chunk {
			more.Wait()
		}
		mu.Unlock()
		// It cannot be seen that nobody reads any more, only that nobody does.
		for range 1000 {
			runtime.Gosched()
		}
		mu.Lock()
		defer mu.Unlock()
		if read > (slow+all)*chunk+64 {
			t.Errorf("the source is at %d while chunk %d is not sealed", read, slow)
		}
		if given.Load() > slow*full {
			t.Errorf("the destination has %d bytes while chunk %d is not sealed", given.Load(), slow)
		}
	}
	late := slowAEAD{AEAD: w.AEAD, wait: wait}
	w.Nonce(&late.nonce, slow, false)
	sealer := *w
	sealer.AEAD = late
	var dst bytes.Buffer
	ww := stream.NewWriter(writeFunc(func(p []byte) (int, error) {
		given.Add(int64(len(p)))
		return dst.Write(p)
	}), &sealer, chunk, &stream.Options{Parallelism: 2})
	if _, err := ww.ReadFrom(readFunc(func(p []byte) (int, error) {
		k, err := src.Read(p)
		mu.Lock()
		defer mu.Unlock()
		read += k
		more.Broadcast()
		return k, err
	})); err != nil {
		t.Fatal(err)
	}
	err := ww.Close()
	check(t, "ReadFrom", dst.Bytes(), err, want)
}

// TestSoon: what is so at once, after some tries or never; and never ends although the clock stands still.
func TestSoon(t *testing.T) {
	for _, at := range []int{1, 2, 5} {
		calls := 0
		if !stream.Soon(func() bool { calls++; return calls == at }) || calls != at {
			t.Errorf("true at call %d: it ended after %d", at, calls)
		}
	}
	never := func() bool { return false }
	if stream.Soon(never) {
		t.Error("what is never true was true soon")
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if stream.Soon(never) || !time.Now().Equal(start) {
			t.Errorf("it ended after %v", time.Since(start))
		}
	})
}

// TestSleepingEnds: a source and a destination that sleep by a clock that stands still while anybody works, as that of
// synctest does, are waited for.
func TestSleepingEnds(t *testing.T) {
	stream.SetSmallBatches(t, 2*chunk)
	w := newSealer(t, suite.AES256GCM, 1)
	plain := text(20*chunk + 5)
	want := stream.Seal(nil, plain, w, chunk, nil)
	synctest.Test(t, func(t *testing.T) {
		var dst bytes.Buffer
		ww := stream.NewWriter(writeFunc(func(p []byte) (int, error) {
			time.Sleep(time.Second)
			return dst.Write(p)
		}), w, chunk, &stream.Options{Parallelism: 2})
		n, err := ww.Write(plain)
		if n != len(plain) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		err = ww.Close()
		check(t, "Write", dst.Bytes(), err, want)
	})
}
