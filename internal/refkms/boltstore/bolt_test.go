package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state/statetest"
)

// key is the lock of the tests' files.
func key(t testing.TB, b byte) boltstore.Lock {
	t.Helper()
	k := make([]byte, boltstore.KeySize)
	k[0] = b
	l, err := boltstore.Key(k)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// open opens a store without syncs, which is closed with the test.
func open(t testing.TB, path string) *boltstore.Store {
	t.Helper()
	s, err := boltstore.Open(path, key(t, 1), boltstore.Options{NoSync: true})
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	statetest.Run(t, func(t *testing.T) state.Store { return open(t, filepath.Join(t.TempDir(), "store")) })
}
