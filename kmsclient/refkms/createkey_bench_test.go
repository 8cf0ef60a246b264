package refkms_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// BenchmarkCreateKey shows how long clients wait for a key pair that is slow to make: one after the other without a pause,
// so that no stock lasts. Clients of the service give up after 3 s: the target is that 99 of 100 wait less, for one caller,
// for whom two cores race, and for two at a time, who have one each. Run it with -benchtime=100x.
func BenchmarkCreateKey(b *testing.B) {
	for _, spec := range []string{"RSA_2048", "RSA_3072", "RSA_4096"} {
		for _, callers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/callers=%d", spec, callers), func(b *testing.B) {
				s, err := refkms.New(&refkms.Options{Quotas: &refkms.Quotas{None: true}})
				if err != nil {
					b.Fatal(err)
				}
				c := s.Client(nil)
				var mu sync.Mutex
				var waits []time.Duration
				b.ResetTimer()
				for done := 0; done < b.N; done += callers {
					var round sync.WaitGroup
					for range callers {
						round.Go(func() {
							begin := time.Now()
							if _, err := c.CreateKey(b.Context(), &refkms.CreateKeyRequest{KeySpec: spec}); err != nil {
								b.Error(err)
							}
							mu.Lock()
							waits = append(waits, time.Since(begin))
							mu.Unlock()
						})
					}
					round.Wait()
				}
				slices.Sort(waits)
				b.ReportMetric(waits[len(waits)/2].Seconds(), "s/p50")
				b.ReportMetric(waits[(len(waits)*99+99)/100-1].Seconds(), "s/p99")
				b.ReportMetric(waits[len(waits)-1].Seconds(), "s/max")
			})
		}
	}
}
