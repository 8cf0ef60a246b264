// Package bench measures the library beside what the machine allows. It is a module of its own, because it imports a peer.
//
//	go test -short -run '^$' -bench . -benchtime 21x -timeout 60m ./internal/bench
//
// prints one table, a row for each way to use the library, in about a minute; without -short it has streams and files
// of 1 GiB too, in about twenty. A row compares the library with a limit: the same work done by nothing but the cipher of
// the standard library and the copies that the caller's source and destination make. What is in one row runs by turns, 21
// of them, so that it meets the same mood of the machine: the column p10 compares the tenth percentiles of the times, the
// fast ends, and p50 the medians. A ratio of speeds above 1 is faster than the limit, one of times below 1 is. The column
// goal says which is meant, and what the library was made to reach.
//
// The limits are:
//
//   - limit-1core-io, limit-2core-io: read 256 KiB, seal or open in place, write; each core has its own part of source and
//     destination, and they never meet. A stream must keep the order of one source, so this is more than it can do;
//   - limit-1core, limit-2core: the same without reading and writing, for buffers;
//   - plain copy: a loop of reads and writes of 1 MiB between files, with the same preallocation, sync and rename;
//   - floor: what the format asks for one short message, a salt, two derivations from an HMAC that is kept, the key schedule,
//     the set-up of GCM, and Seal or Open;
//   - gmsm and sio-go: these libraries, given the same chunks.
//
// A part of the table: -bench 'Stream/size=64', -bench Message, -bench 'Header|CacheHit', and so on. Streams of 1 GiB need
// 5 GiB of memory, files 4 GiB of disk in the folder that TMPDIR names.
package bench
