package main

import (
	"bytes"
	"maps"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// The fixed values of the known answers (SPEC.md, Section 10.2).
var (
	knownReference = bytes.Repeat([]byte{0x11}, 16)
	knownCellSalt  = bytes.Repeat([]byte{0x5a}, 16)
	knownRawKey    = counting(0x20, 32)
)

const knownRawID = "local"

// counting returns n bytes, each one more than the one before.
func counting(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// known sets the values of the scene and returns its two entries, of KMS and of the raw key.
func known(s *scene) (kms, raw entry) {
	s.m.bits = 16
	s.m.salt = [32]byte(bytes.Repeat([]byte{0xa5}, 32))
	s.m.dataKey = counting(0, 32)
	s.v.DataKey = s.m.dataKey
	s.v.KMSDecrypt = nil
	kms = entry{"kms", arn, bytes.Repeat([]byte{0xb7}, 108)}
	s.answer(kms, s.m.dataKey, map[string]string{"tenant": "42"})
	raw = wrapRaw(s.m.suite, knownRawKey, bytes.Repeat([]byte{0xc3}, 32), knownRawID, s.m.stored, s.m.dataKey)
	return kms, raw
}

func (s *scene) useRaw() {
	s.v.Providers = []vectors.Provider{{Type: "raw", KeyID: knownRawID, Key: hexString(knownRawKey)}}
	s.v.KMSDecrypt = nil
}

// commitOf returns the commit of a key file with the stored pairs of the scene.
func (s *scene) commitOf(file []byte) []byte { return file[28+len(s.m.stored):][:32] }

var knownScenarios = []scenario{
	{name: "known-raw", comment: "known answer: attached, one wrapped key of a raw key; the worked example of SPEC.md", build: func(s *scene) {
		_, raw := known(s)
		s.m.keys = attached(raw)
		s.useRaw()
		s.opens()
	}},
	{name: "known-attached", comment: "known answer: attached, wrapped under a CMK and a raw key; KMS opens it", build: func(s *scene) {
		kms, raw := known(s)
		s.m.keys = attached(kms, raw)
		s.opens()
	}},
	{name: "known-attached-raw", comment: "known answer: the same message, the raw key opens it", build: func(s *scene) {
		kms, raw := known(s)
		s.m.keys = attached(kms, raw)
		s.useRaw()
		s.opens()
	}},
	{name: "known-slots", comment: "known answer: two slots of 512 bytes, the one in force is the second", build: func(s *scene) {
		kms, raw := known(s)
		old := entry{"kms", arn, bytes.Repeat([]byte{0xb6}, 108)} // nobody opens it any more
		s.m.keys = slotted(slot(s.m.suite, s.m.salt[:], 1, record(old), 512), slot(s.m.suite, s.m.salt[:], 2, record(kms, raw), 512))
		s.opens()
	}},
	{name: "known-detached", comment: "known answer: the wrapped keys lie in a key file", build: func(s *scene) {
		kms, raw := known(s)
		s.m.keys = detached(knownReference)
		s.v.KeyFiles = [][]byte{keyFile(s.m.suite, s.m.dataKey, knownReference, s.m.stored, kms, raw)}
		s.opens()
	}},
	{name: "known-key-file", comment: "known answer: a key file; opening it is recovering the data key and comparing commit", build: func(s *scene) {
		kms, raw := known(s)
		s.v.Structure = vectors.KeyFile
		s.v.Given = maps.Clone(s.v.Given)
		delete(s.v.Given, "row")
		s.fails(vectors.Success, keyFile(s.m.suite, s.m.dataKey, knownReference, s.m.stored, kms, raw), nil)
	}},
	{name: "known-cell", comment: "known answer: a cell, its wrapped keys in a key file", build: func(s *scene) {
		kms, raw := known(s)
		file := keyFile(s.m.suite, s.m.dataKey, knownReference, s.m.stored, kms, raw)
		s.v.Structure = vectors.Cell
		s.v.KeyFiles = [][]byte{file}
		s.fails(vectors.Success, cell(s.m.suite, s.m.dataKey, s.commitOf(file), knownReference, knownCellSalt, s.m.withheld, s.m.plaintext), s.m.plaintext)
	}},
}
