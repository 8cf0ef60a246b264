package material_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func TestSparesTake(t *testing.T) {
	s := material.NewSpares(0)
	defer s.Close()
	seen := map[string]bool{}
	for _, spec := range []material.PairSpec{material.RSA2048, material.RSA2048, material.RSA3072, material.ECP256, material.ECP256K, material.ECSM2} {
		k, err := s.Take(t.Context(), spec)
		if err != nil || k.Spec() != spec || seen[k.Public().PEM()] {
			t.Fatalf("Take(%v) = %v, %v", spec, k, err)
		}
		seen[k.Public().PEM()] = true
		a := spec.Algorithms(material.SignVerify)[0]
		sig, err := k.Sign(a, digest)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := k.Public().Verify(a, digest, sig); !ok || err != nil {
			t.Errorf("Verify = %v, %v", ok, err)
		}
	}
	if k, err := s.Take(t.Context(), 0); k != nil || !errors.Is(err, material.ErrAlgorithm) {
		t.Errorf("Take(0) = %v, %v, want ErrAlgorithm", k, err)
	}
}

func BenchmarkGeneratePair(b *testing.B) {
	for _, spec := range allPairSpecs {
		b.Run(spec.String(), func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				before := time.Now()
				if _, err := material.GeneratePair(spec); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(before))
			}
			reportQuantiles(b, took)
		})
	}
}

// BenchmarkSparesTake measures the wait of a caller, not the work: "first" finds nothing in stock and nothing begun,
// "next" comes as soon as the one before has his pair.
func BenchmarkSparesTake(b *testing.B) {
	for _, spec := range []material.PairSpec{material.RSA3072, material.RSA4096} {
		b.Run(spec.String()+"/first", func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				s := material.NewSpares(2)
				before := time.Now()
				if _, err := s.Take(b.Context(), spec); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(before))
				b.StopTimer()
				s.Close()
				b.StartTimer()
			}
			reportQuantiles(b, took)
		})
		b.Run(spec.String()+"/next", func(b *testing.B) {
			s := material.NewSpares(2)
			defer s.Close()
			var took []time.Duration
			for b.Loop() {
				before := time.Now()
				if _, err := s.Take(b.Context(), spec); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(before))
			}
			reportQuantiles(b, took)
		})
	}
}

func reportQuantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	ms := func(i int) float64 { return took[min(i, len(took)-1)].Seconds() * 1000 }
	b.ReportMetric(ms(len(took)/2), "p50-ms")
	b.ReportMetric(ms(len(took)*99/100), "p99-ms")
	b.ReportMetric(ms(len(took)-1), "max-ms")
}
