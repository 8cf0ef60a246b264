// Package bench measures the library beside what the machine allows. It is a module of its own, because it imports a peer.
//
//	go test -run '^$' -bench . -benchtime 21x -timeout 60m ./internal/bench
//
// prints one table, a row for each way to use the library. A row compares it with a limit: the same work done by nothing
// but the cipher of the standard library and the copies that the caller's source and destination make. All that is in one
// row runs by turns, so that it meets the same mood of the machine: the ratio p10 compares the tenth percentiles of the
// times, the fast ends, and p50 the medians. A ratio of speed above 1 is faster than the limit, which is met or missed as
// the column "goal" says.
//
// A part of the table: -bench /stream, -bench /message, and so on. Streams of 1 GiB need 5 GiB of memory, files 3 GiB of
// disk in the folder that TMPDIR names.
package bench
