// Package format turns the bytes of Xinfeng's messages, key files and cells into structs and back. It knows no key, no
// clock and no network; what it returns is well formed and nothing more.
//
// Most callers want package envelope, which encrypts and decrypts. This package is for those who look at a message
// without opening it: [Inspect] tells all that a header says, [ReadHeader] and [Header.Parse] give it as a struct,
// [Header.Range] says which bytes of a stored object hold a range of its plaintext. [Armor] and [Dearmor] turn a message into
// text and back, for places that take nothing else.
//
// Nothing that this package parses is verified. Whoever can write a message can put anything into its header, and the
// section with the wrapped keys may be exchanged by anyone even afterwards; only a reader that holds the data key and
// has compared the tag may rely on the rest.
//
// # Compatibility
//
// The bytes of version 1 will not change; another layout gets another version number, which this package refuses by
// name. Before the first release of the module its Go API may still change, with a note in CHANGELOG.md.
//
// # Specification
//
// SPEC.md beside this file. Types name the sections they follow.
package format
