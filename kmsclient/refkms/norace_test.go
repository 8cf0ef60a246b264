//go:build !race

package refkms_test

const raceEnabled = false
