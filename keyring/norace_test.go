//go:build !race

package keyring_test

// See race_test.go.
const raceEnabled = false
