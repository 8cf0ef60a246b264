//go:build !race

package format_test

// See race_test.go.
const raceEnabled = false
