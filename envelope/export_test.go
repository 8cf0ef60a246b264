package envelope

import "testing"

// SetMaxRanges lowers the number of ranges that Salvage lists, for the length of a test, which is not to run in parallel
// with others.
func SetMaxRanges(t *testing.T, n int) {
	old := maxRanges
	maxRanges = n
	t.Cleanup(func() { maxRanges = old })
}
