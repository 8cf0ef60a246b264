package boltstore

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// A store that takes no Updates any more keeps nobody waiting for room among the records. It is white-box because no test
// can have a sync fail. Where it fails it hangs.
func TestLogInDoubt(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store"), testLock(t), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.doubt = ErrInDoubt
	if err := s.flush(); !errors.Is(err, ErrInDoubt) {
		t.Fatalf("flush = %v, want ErrInDoubt", err)
	}
	for range maxPending + 1 {
		if err := s.log.Append(&trail.Record{Scope: "1/a/"}); err != nil {
			t.Fatalf("Append = %v", err)
		}
	}
	if n := len(s.log.pending); n > maxPending {
		t.Errorf("%d records wait, want %d at most", n, maxPending)
	}
}
