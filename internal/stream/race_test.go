//go:build race

package stream_test

// sync.Pool drops items at random under the race detector, and memory costs several times as much, so neither
// allocations nor memory are counted there.
const raceEnabled = true
