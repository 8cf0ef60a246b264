//go:build !race

package suite_test

// See race_test.go.
const raceEnabled = false
