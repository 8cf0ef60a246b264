package main

import (
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// c is the chunk size of the messages here, the smallest there is.
const c = 4096

// sized makes a scenario of a sound message of size bytes.
func sized(name string, size int) scenario {
	return scenario{name: "size-" + name, comment: "a message of " + name + " bytes, c the chunk size", build: func(s *scene) {
		s.fill(size)
		s.opens()
	}}
}

// fill gives the message of the scene a plaintext of size bytes.
func (s *scene) fill(size int) { s.m.plaintext = random("plaintext", size) }

// damaged makes a scenario of a message of size bytes whose body is not as its writer made it; released bytes of it are
// given away before that is found.
func damaged(name, comment string, size, released int, expect vectors.Outcome, body func(m *message, chunks [][]byte) []byte) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.fill(size)
		chunks := s.m.chunks()
		s.fails(expect, append(s.m.header(), body(s.m, chunks)...), s.m.plaintext[:released])
	}}
}

// lied makes a scenario of random access to a sound message of which a wrong size is declared.
func lied(name, comment string, size int, less int64) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.fill(size)
		s.fails(vectors.AuthenticationAtEnd, s.m.bytes(), nil)
		s.v.HasSize, s.v.Size = true, int64(len(s.v.Data))-less
	}}
}

// cutBody returns a body without its last n bytes.
func cutBody(n int) func(m *message, chunks [][]byte) []byte {
	return func(_ *message, chunks [][]byte) []byte {
		b := join(chunks...)
		return b[:len(b)-n]
	}
}

var bodyScenarios = []scenario{
	sized("0", 0), sized("1", 1), sized("c-minus-1", c-1), sized("c", c), sized("c-plus-1", c+1), sized("2c", 2*c), sized("2c-plus-1", 2*c+1),
	damaged("empty-final-chunk-after-full", "an authentic last chunk without plaintext, behind a full one", c, c, vectors.AuthenticationAtEnd,
		func(m *message, _ [][]byte) []byte {
			k := m.bodyKey()
			return join(k.seal(0, false, m.plaintext), k.seal(1, true, nil))
		}),
	damaged("two-empty-chunks", "an empty message in two chunks", 0, 0, vectors.AuthenticationAtEnd,
		func(m *message, _ [][]byte) []byte {
			k := m.bodyKey()
			return join(k.seal(0, false, nil), k.seal(1, true, nil))
		}),
	damaged("body-0-bytes", "no body", c, 0, vectors.AuthenticationAtEnd, func(*message, [][]byte) []byte { return nil }),
	damaged("body-15-bytes", "an empty message without the last byte of its chunk", 0, 0, vectors.AuthenticationAtEnd, cutBody(1)),
	damaged("final-flag-on-inner-chunk", "the first of two chunks was sealed as the last", c+1, 0, vectors.Authentication,
		func(m *message, chunks [][]byte) []byte {
			return join(m.bodyKey().seal(0, true, m.plaintext[:c]), chunks[1])
		}),
	damaged("final-chunk-without-flag", "the last chunk was sealed as an inner one", c+1, c, vectors.AuthenticationAtEnd,
		func(m *message, chunks [][]byte) []byte {
			return join(chunks[0], m.bodyKey().seal(1, false, m.plaintext[c:]))
		}),
	damaged("truncated-at-chunk", "cut before the last of three chunks", 2*c+100, c, vectors.AuthenticationAtEnd, cutBody(100+16)),
	damaged("truncated-in-chunk", "cut in the last of three chunks", 2*c+100, 2*c, vectors.AuthenticationAtEnd, cutBody(16+50)),
	damaged("truncated-in-gcm-tag", "cut in the GCM tag of the last of three chunks", 2*c+100, 2*c, vectors.AuthenticationAtEnd, cutBody(5)),
	damaged("truncated-in-inner-chunk", "cut in the second of three chunks", 2*c+100, c, vectors.AuthenticationAtEnd, cutBody(100+16+16+1000)),
	damaged("chunk-flipped", "one bit of the second of three chunks", 2*c+100, c, vectors.Authentication,
		func(_ *message, chunks [][]byte) []byte { return edited(join(chunks...), c+16+77, 0x10) }),
	damaged("chunks-swapped", "the first two of four chunks exchanged", 3*c+100, 0, vectors.Authentication,
		func(_ *message, chunks [][]byte) []byte { return join(chunks[1], chunks[0], chunks[2], chunks[3]) }),
	damaged("chunk-dropped", "the second of four chunks left out", 3*c+100, c, vectors.Authentication,
		func(_ *message, chunks [][]byte) []byte { return join(chunks[0], chunks[2], chunks[3]) }),
	damaged("chunk-repeated", "the first of three chunks twice", 2*c+100, c, vectors.Authentication,
		func(_ *message, chunks [][]byte) []byte { return join(chunks[0], chunks[0], chunks[1], chunks[2]) }),
	damaged("chunk-of-other-message-same-data-key", "the second chunk is of a message with another context and salt under the same data key", 2*c+100, c, vectors.Authentication,
		func(m *message, chunks [][]byte) []byte {
			other := *m
			other.stored = pairs("tenant", "43")
			other.salt = [32]byte(random("other salt", 32))
			other.plaintext = random("other plaintext", 2*c+100)
			return join(chunks[0], other.chunks()[1], chunks[2])
		}),
	damaged("chunk-of-same-index-other-salt", "the second chunk is that of the same message written again, with a salt of its own", 2*c+100, c, vectors.Authentication,
		func(m *message, chunks [][]byte) []byte {
			other := *m
			other.salt = [32]byte(random("other salt", 32))
			return join(chunks[0], other.chunks()[1], chunks[2])
		}),
	damaged("trailing-byte", "a byte after the message", 2*c+100, 2*c, vectors.AuthenticationAtEnd,
		func(_ *message, chunks [][]byte) []byte { return append(join(chunks...), 0) }),
	damaged("trailing-byte-after-full", "a byte after a message whose last chunk is full", 2*c, c, vectors.Authentication,
		func(_ *message, chunks [][]byte) []byte { return append(join(chunks...), 0) }),
	damaged("trailing-chunk", "the last chunk, a full one, twice", 2*c, c, vectors.Authentication,
		func(_ *message, chunks [][]byte) []byte { return join(chunks[0], chunks[1], chunks[1]) }),
	{name: "concatenated-twice", comment: "a message of one full chunk twice", build: func(s *scene) {
		s.fill(c)
		s.fails(vectors.Authentication, slices.Repeat(s.m.bytes(), 2), nil)
	}},
	damaged("inner-chunk-short", "the first of two chunks holds one byte less than a full one", 2*c-1, 0, vectors.Authentication,
		func(m *message, _ [][]byte) []byte {
			k := m.bodyKey()
			return join(k.seal(0, false, m.plaintext[:c-1]), k.seal(1, true, m.plaintext[c-1:]))
		}),
	{name: "nonce-without-mask", comment: "chunks sealed as in suite 0001, with nonces that are the bare counter", only: suite.SM4GCM, build: func(s *scene) {
		s.fill(c + 1)
		k := s.m.bodyKey()
		k.mask = [12]byte{}
		s.fails(vectors.Authentication, s.m.with(k.seal(0, false, s.m.plaintext[:c]), k.seal(1, true, s.m.plaintext[c:])), nil)
	}},
	damaged("counter-from-1", "chunks counted from 1", c+1, 0, vectors.Authentication,
		func(m *message, _ [][]byte) []byte {
			k := m.bodyKey()
			return join(k.seal(1, false, m.plaintext[:c]), k.seal(2, true, m.plaintext[c:]))
		}),
	lied("size-lies-minus-1", "random access, and the declared size is one byte less than there is", 2*c+100, 1),
	lied("size-lies-minus-chunk", "random access, and the declared size is one full chunk less than there is", 3*c, c+16),
	{name: "size-2-46-plus-1", comment: "random access, and the declared size is that of 2^46 + 1 bytes of plaintext", build: func(s *scene) {
		s.unasked(vectors.SizeFault, s.m.bytes())
		const plaintext = 1<<46 + 1
		s.v.HasSize, s.v.Size = true, int64(len(s.m.header()))+plaintext+16*(plaintext/c+1)
	}},
	{name: "size-true", comment: "random access, and the declared size is true", build: func(s *scene) {
		s.fill(2*c + 100)
		s.opens()
		s.v.HasSize, s.v.Size = true, int64(len(s.v.Data))
	}},
	{name: "last-chunk-flipped", comment: "random access, and one bit of the last chunk is flipped: the size is not known then", build: func(s *scene) {
		s.fill(2*c + 100)
		s.fails(vectors.AuthenticationAtEnd, edited(s.m.bytes(), -1, 0x80), nil)
		s.v.HasSize, s.v.Size = true, int64(len(s.v.Data))
	}},
}
