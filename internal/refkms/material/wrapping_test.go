package material_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func TestImport(t *testing.T) {
	forEachAlgorithm(t, material.Import, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		// The caller has the public key in the form that GetParametersForImport hands out.
		public, err := material.ParsePublicKey(k.Spec(), k.Public().DER())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{16, 32} {
			key := bytes.Repeat([]byte{0x5a}, n)
			wrapped, err := public.Wrap(a, key)
			if err != nil {
				t.Fatal(err)
			}
			want := 256
			if a == material.SM2PKE {
				want = 97 + n
			}
			if len(wrapped) != want {
				t.Errorf("%d bytes wrap to %d, want %d", n, len(wrapped), want)
			}
			if got, err := k.Unwrap(a, wrapped, n); err != nil || !bytes.Equal(got, key) {
				t.Errorf("Unwrap = %x, %v, want %x", got, err, key)
			}
			for _, size := range []int{0, n - 1, n + 1, 48 - n} {
				if got, err := k.Unwrap(a, wrapped, size); got != nil || err != material.ErrCiphertext {
					t.Errorf("Unwrap of %d bytes as %d = %x, %v, want ErrCiphertext", n, size, got, err)
				}
			}
			for _, bad := range [][]byte{nil, wrapped[1:], append(bytes.Clone(wrapped), 0), make([]byte, len(wrapped)), bytes.Repeat([]byte{0xff}, len(wrapped))} {
				if got, err := k.Unwrap(a, bad, n); got != nil || err != material.ErrCiphertext {
					t.Errorf("Unwrap of %d bytes = %x, %v, want ErrCiphertext", len(bad), got, err)
				}
			}
			for _, other := range k.Spec().Algorithms(material.Import) {
				if other == a {
					continue
				}
				if got, err := k.Unwrap(other, wrapped, n); got != nil || err != material.ErrCiphertext {
					t.Errorf("wrapped by %v, Unwrap by %v = %x, %v, want ErrCiphertext", a, other, got, err)
				}
			}
		}
	})
}

func TestExport(t *testing.T) {
	forEachAlgorithm(t, material.Export, func(t *testing.T, k *material.KeyPair, a material.Algorithm) {
		limit := k.Spec().MaxPlaintext(a)
		for _, n := range []int{1, 16, 32, limit} {
			key := bytes.Repeat([]byte{0xa5}, n)
			wrapped, err := k.Public().Wrap(a, key)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Decrypt(a, wrapped); err != nil || !bytes.Equal(got, key) {
				t.Errorf("Decrypt = %x, %v, want %x", got, err, key)
			}
		}
		for _, n := range []int{0, limit + 1, 1 << 16} {
			if got, err := k.Public().Wrap(a, make([]byte, n)); got != nil || !errors.Is(err, material.ErrPlaintextSize) {
				t.Errorf("Wrap of %d bytes = %x, %v, want ErrPlaintextSize", n, got, err)
			}
		}
	})
}
