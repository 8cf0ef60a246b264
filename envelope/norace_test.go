//go:build !race

package envelope_test

// See race_test.go.
const raceEnabled = false
