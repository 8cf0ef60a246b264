package stream

import "testing"

// SetMaxPlaintext lowers the limit of a message for the length of a test, which is not to run in parallel with others.
func SetMaxPlaintext(t *testing.T, n int64) {
	old := maxPlaintext
	maxPlaintext = n
	t.Cleanup(func() { maxPlaintext = old })
}

// SetSmallBatches makes batches of n bytes and has several workers work on whatever is longer, for the length of a test,
// which is not to run in parallel with others.
func SetSmallBatches(t testing.TB, n int) {
	t.Helper()
	start, split, batch, turn, small, unit := startAfter, splitFrom, batchSize, turnSize, smallBatchSize, unitSize
	startAfter, splitFrom, batchSize, turnSize, smallBatchSize, unitSize = 1, n, n, n, n, n
	t.Cleanup(func() {
		startAfter, splitFrom, batchSize, turnSize, smallBatchSize, unitSize = start, split, batch, turn, small, unit
	})
}

// DrainBuffers empties the pools and returns what was in them.
func DrainBuffers() (drained [][]byte) {
	for class := range buffers {
		for {
			b, ok := buffers[class].Get().(*buffer)
			if !ok {
				break
			}
			drained = append(drained, b.b)
		}
	}
	return drained
}

// Soon is soon.
var Soon = soon
