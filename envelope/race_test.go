//go:build race

package envelope_test

// sync.Pool drops items at random under the race detector, so allocations are not counted there.
const raceEnabled = true
