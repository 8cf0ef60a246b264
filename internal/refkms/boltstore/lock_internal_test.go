package boltstore

import (
	"errors"
	"testing"
)

// FuzzOpenRoot finds that bytes which are no closed root key are refused by name, and cost nothing. It is white-box, and
// has the cheap lock alone.
func FuzzOpenRoot(f *testing.F) {
	l, err := Key(make([]byte, KeySize))
	if err != nil {
		f.Fatal(err)
	}
	closed, err := closeRoot(newRoot(), l, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(closed)
	f.Add(closed[:50])
	f.Add(append([]byte{2}, closed[1:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := openRoot(b, l)
		switch {
		case err == nil && len(root) == keySize: // each process of the fuzzer closes another root key
		case err == nil, !errors.Is(err, ErrWrongKey) && !errors.Is(err, ErrDamaged):
			t.Errorf("openRoot(%x) = %x, %v", b, root, err)
		}
	})
}
