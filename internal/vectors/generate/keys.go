package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// own returns the entry of the scene's CMK.
func (s *scene) own() entry { return entry{"kms", arn, random("blob of "+s.v.Name, 108)} }

// badRecord makes a scenario of an attached record that a parser must refuse. It is made from the scene's own entry.
func badRecord(name, comment string, record func(own entry) []byte) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		r := record(s.own())
		s.m.keys = append(binary.BigEndian.AppendUint16([]byte{1}, uint16(len(r))), r...)
		s.malformed(vectors.ParseFault, s.m.bytes())
	}}
}

// badEntry makes a scenario of one entry that a parser must refuse.
func badEntry(name, comment string, edit func(e *entry)) scenario {
	return badRecord(name, comment, func(own entry) []byte {
		edit(&own)
		return record(own)
	})
}

// announced makes a scenario of an attached record whose length is announced as off by less.
func announced(name, comment string, off int, expect vectors.Outcome) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		keys := slices.Clone(s.m.keys)
		binary.BigEndian.PutUint16(keys[1:], uint16(len(keys)-3+off))
		s.m.keys = keys
		s.malformed(expect, s.m.bytes())
	}}
}

const slotSize = 256

// slots makes a scenario of a message with two slots, the older first: of generation 1 with a wrapped key that nobody
// opens any more, and of generation 2 with the scene's own. place puts them, or what has become of them, into the message.
func slots(name, comment string, place func(s *scene, old, young []byte)) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		stale := entry{"kms", arn, random("stale blob of "+s.v.Name, 108)}
		place(s, s.slot(1, stale), s.slot(2, s.own()))
	}}
}

func (s *scene) slot(generation uint32, e entry) []byte {
	return slot(s.m.suite, s.m.salt[:], generation, record(e), slotSize)
}

// recheck gives an edited slot the check that is right for it, so that the edit is the only fault.
func (s *scene) recheck(b []byte, edit func(b []byte)) []byte {
	b = slices.Clone(b[:len(b)-32])
	edit(b)
	return check(s.m.suite, s.m.salt[:], b)
}

// torn makes scenarios of a rewrap whose power failed: the slot that was idle holds so many bytes of the new slot, and the
// old one is in force.
func torn(cuts ...int) (list []scenario) {
	for _, at := range cuts {
		list = append(list, slots(fmt.Sprintf("torn-new-slot-%d", at), fmt.Sprintf("%d bytes of a new slot were written over an older one; the other is in force", at),
			func(s *scene, old, young []byte) {
				next := s.slot(3, entry{"kms", arn, random("next blob of "+s.v.Name, 108)})
				s.m.keys = slotted(append(next[:at:at], old[at:]...), young)
				s.opens()
			}))
	}
	return list
}

var keyScenarios = slices.Concat([]scenario{
	{name: "kind-0", comment: "a key section of kind 00", build: func(s *scene) {
		s.m.keys = edited(s.m.keys, 0, 0x01)
		s.malformed(vectors.UnsupportedKind, s.m.bytes())
	}},
	{name: "kind-4", comment: "a key section of kind 04", build: func(s *scene) {
		s.m.keys = edited(s.m.keys, 0, 0x05)
		s.malformed(vectors.UnsupportedKind, s.m.bytes())
	}},
	badRecord("count-0", "a record of no wrapped keys", func(entry) []byte { return record() }),
	badRecord("count-17", "a record of 17 wrapped keys", func(own entry) []byte {
		var many []entry
		for i := range 17 {
			many = append(many, entry{"kms", fmt.Sprintf("%s-%02d", bareID, i), own.ciphertext})
		}
		return record(many...)
	}),
	badEntry("entry-empty-provider", "the name of a provider is empty", func(e *entry) { e.provider = "" }),
	badEntry("entry-empty-key-id", "a key id is empty", func(e *entry) { e.keyID = "" }),
	badEntry("entry-empty-ciphertext", "a ciphertext is empty", func(e *entry) { e.ciphertext = nil }),
	badEntry("provider-33", "the name of a provider has 33 bytes", func(e *entry) { e.provider = strings.Repeat("x", 32) + "." }),
	badEntry("key-id-513", "a key id has 513 bytes", func(e *entry) { e.keyID = strings.Repeat("x", 513) }),
	badEntry("ciphertext-4097", "a ciphertext has 4097 bytes", func(e *entry) { e.ciphertext = random("long", 4097) }),
	badEntry("provider-upper-case", "the name of a provider has a letter in upper case", func(e *entry) { e.provider = "Kms" }),
	badEntry("key-id-newline", "a key id has a newline", func(e *entry) { e.keyID = bareID + "\n" }),
	badEntry("key-id-not-ascii", "a key id has a byte above 7E", func(e *entry) { e.keyID = bareID + "\x7f" }),
	badRecord("entries-equal-key", "two entries name the same key", func(own entry) []byte { return record(own, own) }),
	badRecord("entries-descending", "the second entry is below the first", func(own entry) []byte {
		return record(own, entry{"kms", "a", own.ciphertext})
	}),
	badRecord("providers-descending", "the second provider is below the first", func(own entry) []byte {
		return record(own, entry{"a.example", "x", own.ciphertext})
	}),
	badRecord("record-trailing", "a byte behind the last entry, inside the record", func(own entry) []byte { return append(record(own), 0) }),
	badRecord("record-short", "two wrapped keys are announced, one is there", func(own entry) []byte {
		r := record(own)
		r[0] = 2
		return r
	}),
	{name: "r-0", comment: "a record of no bytes", build: func(s *scene) {
		s.m.keys = []byte{1, 0, 0}
		s.malformed(vectors.ParseFault, s.m.bytes())
	}},
	announced("r-one-short", "the record is announced a byte shorter than it is", -1, vectors.ParseFault),
	announced("r-swallows-body", "the record is announced so long that it takes in the body", 21, vectors.ParseFault),
	announced("r-over-input", "the record is announced longer than all that is left", 22, vectors.Truncated),
	{name: "entries-added", comment: "somebody has added entries of other keys before and behind: same plaintext", build: func(s *scene) {
		s.m.keys = attached(entry{"hsm.example", "x", []byte{1}}, entry{"kms", bareID + "-x", random("other blob", 108)}, s.own(), entry{"raw", "y", make([]byte, 112)})
		s.opens()
	}},
	{name: "sixteen-entries", comment: "the largest number of wrapped keys, all but one of other keys", build: func(s *scene) {
		entries := []entry{s.own()}
		for i := range 15 {
			entries = append(entries, entry{"zz.example", fmt.Sprintf("%02d", i), random("foreign", 4096)})
		}
		s.m.keys = attached(entries...)
		s.opens()
	}},
	{name: "kind-1-to-2", comment: "the wrapped keys were moved to slots: same plaintext", build: func(s *scene) {
		s.m.keys = slotted(s.slot(1, s.own()), make([]byte, slotSize))
		s.opens()
	}},
	{name: "kind-1-to-3", comment: "the wrapped keys were moved to a key file: same plaintext", build: func(s *scene) {
		reference := random("reference", 16)
		s.m.keys = detached(reference)
		s.v.KeyFiles = [][]byte{keyFile(s.m.suite, s.m.dataKey, reference, s.m.stored, s.own())}
		s.opens()
	}},
	{name: "rewrapped", comment: "the CMK has wrapped the data key anew: another wrapped key, same plaintext", build: func(s *scene) {
		e := entry{"kms", arn, random("rewrapped blob of "+s.v.Name, 108)}
		s.m.keys = attached(e)
		s.v.KMSDecrypt = nil
		s.answer(e, s.m.dataKey, map[string]string{"tenant": "42"})
		s.opens()
	}},

	slots("newer-in-a", "the slot in force is the first", func(s *scene, old, young []byte) {
		s.m.keys = slotted(young, old)
		s.opens()
	}),
	slots("newer-in-b", "the slot in force is the second", func(s *scene, old, young []byte) {
		s.m.keys = slotted(old, young)
		s.opens()
	}),
	slots("only-a", "only the first slot was ever written", func(s *scene, _, young []byte) {
		s.m.keys = slotted(young, make([]byte, slotSize))
		s.opens()
	}),
	slots("only-b", "the first slot is garbage", func(s *scene, _, young []byte) {
		s.m.keys = slotted(random("garbage", slotSize), young)
		s.opens()
	}),
	slots("generation-largest", "the generation in force is 2^32 - 1", func(s *scene, old, _ []byte) {
		s.m.keys = slotted(s.slot(1<<32-1, s.own()), old)
		s.opens()
	}),
	slots("both-invalid", "neither slot is valid", func(s *scene, old, young []byte) {
		s.m.keys = slotted(edited(old, -1, 1), edited(young, -1, 1))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("never-written", "both slots are zero", func(s *scene, _, _ []byte) {
		s.m.keys = slotted(make([]byte, slotSize), make([]byte, slotSize))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("equal-generation", "two valid slots have one generation", func(s *scene, old, _ []byte) {
		s.m.keys = slotted(old, s.slot(1, s.own()))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("fill-not-zero", "a byte of the fill is not zero, and the check is right", func(s *scene, old, young []byte) {
		s.m.keys = slotted(old, s.recheck(young, func(b []byte) { b[len(b)-1] = 1 }))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("generation-0", "a slot of generation 0 whose check is right", func(s *scene, _, young []byte) {
		s.m.keys = slotted(s.slot(0, s.own()), young)
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("slot-record-over", "the record of a valid slot is announced longer than the slot", func(s *scene, old, young []byte) {
		s.m.keys = slotted(old, s.recheck(young, func(b []byte) { binary.BigEndian.PutUint16(b[4:], uint16(slotSize-38+1)) }))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("slot-record-bad", "the record of the slot that is not in force is malformed, and its check is right", func(s *scene, old, young []byte) {
		s.m.keys = slotted(s.recheck(old, func(b []byte) { b[6] = 0 }), young)
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("slot-of-other-salt", "both slots were made for a message with another salt", func(s *scene, _, _ []byte) {
		other := random("other salt", 32)
		s.m.keys = slotted(slot(s.m.suite, other, 1, record(s.own()), slotSize), slot(s.m.suite, other, 2, record(s.own()), slotSize))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("slot-size-255", "slots of 255 bytes", func(s *scene, _, _ []byte) {
		s.m.keys = slotted(slot(s.m.suite, s.m.salt[:], 1, record(s.own()), 255), make([]byte, 255))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}),
	slots("slots-over-input", "the input ends within the second slot", func(s *scene, old, young []byte) {
		s.m.keys = slotted(young, old)
		s.malformed(vectors.Truncated, s.m.header()[:len(s.m.header())-1])
	}),
}, torn(0, 1, 4, 6, 100, slotSize-33, slotSize-32, slotSize-1))
