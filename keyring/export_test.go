package keyring

import "testing"

// AllowCheapPassphrases lets a test write under a passphrase at a cost that it can pay often.
func AllowCheapPassphrases(t testing.TB) {
	memory, work := leastMemoryKiB, leastWork
	leastMemoryKiB, leastWork = laneKiB, laneKiB
	t.Cleanup(func() { leastMemoryKiB, leastWork = memory, work })
}
