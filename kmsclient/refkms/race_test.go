//go:build race

package refkms_test

const raceEnabled = true
