package material_test

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func TestPairCache(t *testing.T) {
	c := new(material.PairCache)
	private, err := sharedPairs[material.ECP256]().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.Pair(material.ECP256, version, private)
	if err != nil || string(pair.Public().DER()) != string(sharedPairs[material.ECP256]().Public().DER()) {
		t.Fatalf("Pair = %v, %v, want the pair that was marshalled", pair, err)
	}
	if again, err := c.Pair(material.ECP256, version, append([]byte{}, private...)); again != pair || err != nil {
		t.Errorf("an equal key of the same version is parsed anew, %v", err)
	}
	// The same 32 bytes are a scalar of another curve, and another key.
	if k, err := c.Pair(material.ECP256K, version, private); err != nil || k.Spec() != material.ECP256K {
		t.Errorf("Pair = %v, %v, want a pair on the other curve", k, err)
	}
	other := append([]byte{}, private...)
	other[31] ^= 1
	if k, err := c.Pair(material.ECP256, version, other); err != nil || k.Public() == pair.Public() {
		t.Errorf("Pair = %v, %v, want that of the other key", k, err)
	}
	if k, err := c.Pair(material.ECP256, version, nil); k != nil || !errors.Is(err, material.ErrPrivateKey) {
		t.Errorf("Pair of no key = %v, %v, want ErrPrivateKey", k, err)
	}
}

// BenchmarkPair is what the cache of pairs saves.
func BenchmarkPair(b *testing.B) {
	for _, spec := range allPairSpecs {
		private, err := sharedPairs[spec]().Marshal()
		if err != nil {
			b.Fatal(err)
		}
		b.Run("parse/"+spec.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := material.ParsePair(spec, private); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("cached/"+spec.String(), func(b *testing.B) {
			c := new(material.PairCache)
			for b.Loop() {
				if _, err := c.Pair(spec, version, private); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
