//go:build !race

package aliyunesdk_test

// See race_test.go.
const raceEnabled = false
