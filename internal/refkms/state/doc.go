// Package state is what the reference KMS knows: its records, the tables they lie in, and the store that keeps the
// tables. Everything an operation reads or writes goes through a transaction of [Store]; nothing else in the reference
// KMS keeps state that outlives a call.
//
// A record is never changed in place. Whoever changes one copies it, changes the copy and puts that; the memory store
// hands out the very pointers it was given, to any number of readers at once.
//
// # Compatibility
//
// Internal. The names of tables, the keys of records and the numbers of kinds and states are what a durable store
// writes to its file: they are added to and never given a new meaning.
package state
