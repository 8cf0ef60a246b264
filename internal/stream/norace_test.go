//go:build !race

package stream_test

// See race_test.go.
const raceEnabled = false
