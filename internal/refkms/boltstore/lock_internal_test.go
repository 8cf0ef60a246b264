package boltstore

import (
	"errors"
	"testing"
)

// FuzzOpenRoot finds that a closed root key opens as it was closed, and that no other bytes do or cost anything. It is
// white-box, and has the cheap lock alone.
func FuzzOpenRoot(f *testing.F) {
	l, err := Key(make([]byte, KeySize))
	if err != nil {
		f.Fatal(err)
	}
	closed, err := closeRoot(newRoot(), l, true)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := openRoot(closed, l); err != nil {
		f.Fatalf("openRoot = %v", err)
	}
	f.Add(closed)
	f.Add(closed[:50])
	f.Add(append([]byte{2}, closed[1:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := openRoot(b, l)
		if err == nil && string(b) != string(closed) || err != nil && !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrDamaged) {
			t.Errorf("openRoot(%x) = %x, %v", b, root, err)
		}
	})
}
