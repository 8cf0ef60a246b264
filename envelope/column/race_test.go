//go:build race

package column_test

// sync.Pool drops items at random under the race detector, so allocations through one are not counted there.
const raceEnabled = true
