package stream

import "testing"

// SetMaxPlaintext lowers the limit of a message for the length of a test, which is not to run in parallel with others.
func SetMaxPlaintext(t *testing.T, n int64) {
	old := maxPlaintext
	maxPlaintext = n
	t.Cleanup(func() { maxPlaintext = old })
}
