package kmsclient

import (
	"testing"
	"time"
)

// Waits are spread over the whole of an interval that doubles up to its cap. White-box, since the waits of a call can
// only be seen together.
func TestWait(t *testing.T) {
	for n, longest := range map[int]time.Duration{
		1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 3: 800 * time.Millisecond, 4: 1600 * time.Millisecond,
		5: 3200 * time.Millisecond, 6: 5 * time.Second, 20: 5 * time.Second,
	} {
		const rounds = 1000
		var sum, low, high time.Duration
		low = longest
		for range rounds {
			d := wait(n)
			sum, low, high = sum+d, min(low, d), max(high, d)
		}
		// The mean of 1000 lies within a tenth of the middle in all but one of 10^27 runs: ten standard deviations.
		if mean := sum / rounds; low < 0 || high >= longest || mean < longest*4/10 || mean > longest*6/10 || low > longest/20 || high < longest*19/20 {
			t.Errorf("wait(%d) is %v to %v, on average %v; want 0 to %v", n, low, high, mean, longest)
		}
	}
}
