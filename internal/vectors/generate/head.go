package main

import (
	"encoding/binary"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// resealed returns the message of the scene with edit applied to its head and a tag that is right for it, so that the
// edit is the only fault.
func (s *scene) resealed(edit func(head []byte)) []byte {
	head := s.m.head()
	edit(head)
	tag := s.m.tagOf(slices.Clone(head))
	k := newBodyKey(s.m.suite, s.m.dataKey, tag)
	return join(head, tag, s.m.keys, k.seal(0, true, s.m.plaintext))
}

// headByte makes a scenario of a head with one byte set to a value that a reader must refuse.
func headByte(name, comment string, at int, value byte, expect vectors.Outcome) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.malformed(expect, s.resealed(func(head []byte) { head[at] = value }))
	}}
}

// flipped makes a scenario of a sound message with one bit flipped at an offset behind the fixed part of the head.
func flipped(name, comment string, at int) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.fails(vectors.Authentication, edited(s.m.bytes(), at, 0x01), nil)
	}}
}

// cut makes a scenario of a sound message that ends early, after as many bytes as keep says.
func cut(name, comment string, keep func(m *message) int) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.malformed(vectors.Truncated, s.m.bytes()[:keep(s.m)])
	}}
}

const headEnd = 44 + 12 // of a head with the stored pairs of the base message

var headScenarios = []scenario{
	{name: "magic-flipped", comment: "the first byte is 8F", build: func(s *scene) {
		s.malformed(vectors.NotMessage, s.resealed(func(head []byte) { head[0] ^= 1 }))
	}},
	headByte("version-0", "version 0", 4, 0, vectors.UnsupportedVersion),
	headByte("version-2", "version 2", 4, 2, vectors.UnsupportedVersion),
	headByte("suite-0", "suite 0000 is never valid", 7, 0, vectors.UnsupportedSuite),
	headByte("suite-3", "suite 0003 is not known", 7, 3, vectors.UnsupportedSuite),
	{name: "suite-exchanged", comment: "the head names the other suite; the tag is of another hash then", build: func(s *scene) {
		s.fails(vectors.Authentication, edited(s.m.bytes(), 7, 0x03), nil)
	}},
	{name: "suite-not-allowed", comment: "the reader was told to accept the other suite only; the provider is not asked", build: func(s *scene) {
		s.v.AcceptSuites = []uint16{suite.AES256GCM + suite.SM4GCM - s.m.suite}
		s.unasked(vectors.UnsupportedSuite, s.m.bytes())
	}},
	headByte("chunk-11", "chunks of 2^11 bytes", 8, 11, vectors.ParseFault),
	headByte("chunk-23", "chunks of 2^23 bytes", 8, 23, vectors.ParseFault),
	headByte("reserved-1", "the reserved byte is 01", 9, 1, vectors.ParseFault),
	{name: "n-8193", comment: "a context of 8193 bytes, and they are there", build: func(s *scene) {
		s.m.stored = pairs("a", string(make([]byte, 8193-5)))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}},
	{name: "n-over-input", comment: "a context of 8192 bytes is announced, the input ends before", build: func(s *scene) {
		s.malformed(vectors.Truncated, s.resealed(func(head []byte) { binary.BigEndian.PutUint16(head[10:], 8192) }))
	}},
	flipped("salt-flipped", "one bit of the salt", 12),
	flipped("tag-flipped-first", "one bit of the tag's first byte", headEnd),
	flipped("tag-flipped-last", "one bit of the tag's last byte", headEnd+31),
	{name: "tag-of-other-message", comment: "the tag of a message with another salt under the same data key", build: func(s *scene) {
		other := *s.m
		other.salt = [32]byte(random("other salt", 32))
		s.fails(vectors.Authentication, join(s.m.head(), other.tag(), s.m.keys, join(s.m.chunks()...)), nil)
	}},
	cut("head-only", "the input ends after the head", func(m *message) int { return len(m.head()) }),
	cut("head-and-tag-only", "the input ends after the tag", func(m *message) int { return len(m.head()) + 32 }),
	{name: "head-and-keys-only", comment: "the input ends after the key section: a body of 0 bytes is none", build: func(s *scene) {
		s.fails(vectors.AuthenticationAtEnd, s.m.header(), nil)
	}},
}
