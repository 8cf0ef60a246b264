package boltstore

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Whoever closes a store may open the file when Close returns, also if another closes it at the same time. It is
// white-box to know when the other has begun.
func TestCloseTwiceAtOnce(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store"), testLock(t), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	reading, end := make(chan struct{}), make(chan struct{})
	done := make(chan error, 3)
	go func() {
		done <- s.View(func(state.Tx) error { close(reading); <-end; return nil })
	}()
	<-reading
	go func() { done <- s.Close() }() // waits for the View
	for !s.closed.Load() {
		runtime.Gosched()
	}
	go func() {
		err := s.Close()
		select {
		case <-end:
		default:
			t.Error("Close returns while another still closes the file")
		}
		done <- err
	}()
	for range 1000 { // time for a Close that does not wait
		runtime.Gosched()
	}
	close(end)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
