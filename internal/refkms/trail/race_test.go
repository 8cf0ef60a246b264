//go:build race

package trail_test

const raceEnabled = true
