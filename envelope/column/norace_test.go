//go:build !race

package column_test

// See race_test.go.
const raceEnabled = false
