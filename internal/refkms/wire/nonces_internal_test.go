package wire

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The Handler's own memory is too large to be filled in a test.
func TestNoncesAreBounded(t *testing.T) {
	now := time.Date(2021, 7, 1, 0, 0, 0, 0, time.UTC)
	n := newNonces(100)
	for i := range 1000 {
		if !n.first("id", fmt.Sprint(i), now) {
			t.Fatalf("nonce %d was known", i)
		}
	}
	if len(n.known) != 100 || len(n.queue) != 100 {
		t.Errorf("%d are remembered in a ring of %d, want 100", len(n.known), len(n.queue))
	}
	for i := 900; i < 1000; i++ {
		if n.first("id", fmt.Sprint(i), now) {
			t.Errorf("nonce %d of the last hundred was forgotten", i)
		}
	}
	if !n.first("id", "0", now) {
		t.Error("the oldest was not forgotten")
	}
}

func TestNoncesAreForgottenInTime(t *testing.T) {
	now := time.Date(2021, 7, 1, 0, 0, 0, 0, time.UTC)
	n := newNonces(1 << 20)
	for i := range 1000 {
		at := now.Add(time.Duration(i) * time.Second)
		if !n.first("id", fmt.Sprint(i), at) {
			t.Fatalf("nonce %d was known", i)
		}
	}
	later := now.Add(nonceTime + 500*time.Second)
	if n.first("id", "500", later) {
		t.Error("nonce 500 is forgotten too early")
	}
	if len(n.known) != 500 {
		t.Errorf("%d are remembered, want 500", len(n.known))
	}
	if !n.first("id", "499", later) {
		t.Error("nonce 499 is remembered too long")
	}
}

func TestNoncesOfOneAtATime(t *testing.T) {
	n := newNonces(1 << 10)
	var firsts atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				if n.first("id", fmt.Sprint(i), time.Unix(1e9, 0)) {
					firsts.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 100 {
		t.Errorf("%d were the first of 100 nonces", firsts.Load())
	}
}
