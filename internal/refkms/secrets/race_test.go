//go:build race

package secrets_test

const raceEnabled = true // the detector makes a million records take a minute
