package main

import (
	"encoding/binary"

	"golang.org/x/crypto/argon2"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// An argonCost is what stands before a local wrap of the provider passphrase, but for the salt (SPEC.md, Section 4.3).
type argonCost struct {
	memoryKiB     uint32
	passes, lanes byte
}

func (c argonCost) bytes() []byte {
	return append(binary.BigEndian.AppendUint32(nil, c.memoryKiB), c.passes, c.lanes)
}

// The passphrase of these vectors, which is not ASCII, and a cost that tests can pay. The memory is no multiple of 4 KiB for
// each lane: Argon2id rounds it down where it works, and not where it hashes its parameters.
const (
	knownPassphrase   = "correct horse battery, Prüfung"
	knownPassphraseID = "paper"
)

var (
	knownCost     = argonCost{67, 2, 2}
	knownCeilings = argonCost{8 << 10, 5, 3}
)

// wrapPassphrase is an entry of the provider passphrase.
func wrapPassphrase(id uint16, passphrase string, c argonCost, argonSalt, salt []byte, keyID string, stored, dataKey []byte) entry {
	key := argon2.IDKey([]byte(passphrase), argonSalt, uint32(c.passes), c.memoryKiB, c.lanes, 32)
	k, commitment := wrapKey(id, key, salt, "passphrase", keyID, stored)
	return entry{"passphrase", keyID, join(c.bytes(), argonSalt, salt, commitment, k.sealAt(k.mask, dataKey))}
}

// usePassphrase has the reader of the scene ask for the passphrase given, with small ceilings.
func (s *scene) usePassphrase(passphrase string) {
	s.v.KMSDecrypt = nil
	s.v.Providers = []vectors.Provider{{
		Type: "passphrase", KeyID: knownPassphraseID, Passphrase: passphrase,
		MaxMemoryKiB: int(knownCeilings.memoryKiB), MaxPasses: int(knownCeilings.passes), MaxLanes: int(knownCeilings.lanes),
	}}
}

// underPassphrase sets the scene of a message under the known passphrase, and returns its entry.
func underPassphrase(s *scene, c argonCost) entry {
	s.usePassphrase(knownPassphrase)
	e := wrapPassphrase(s.m.suite, knownPassphrase, c, random("argon2 salt of "+s.v.Name, 16), random("wrap salt of "+s.v.Name, 32),
		knownPassphraseID, s.m.stored, s.m.dataKey)
	s.m.keys = attached(e)
	return e
}

// passphraseOpens makes a scenario of a sound message that asks for a cost.
func passphraseOpens(name, comment string, c argonCost) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		underPassphrase(s, c)
		s.opens()
	}}
}

// passphraseCost makes a scenario of a message whose entry asks for a cost that the reader refuses. It asks for it in the
// place of the one that it was made with, so that nobody opens it who does not look.
func passphraseCost(name, comment string, c argonCost) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		e := underPassphrase(s, knownCost)
		copy(e.ciphertext, c.bytes())
		s.m.keys = attached(e)
		s.unopened(vectors.Cost, s.m.bytes())
	}}
}

// spoiltPassphrase makes a scenario of a message whose entry has one bit flipped in the byte at i.
func spoiltPassphrase(name, comment string, i int) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		e := underPassphrase(s, knownCost)
		e.ciphertext = edited(e.ciphertext, i, 1)
		s.m.keys = attached(e)
		s.unopened(vectors.Authentication, s.m.bytes())
	}}
}

var passphraseScenarios = []scenario{
	{name: "known-passphrase", comment: "known answer: attached, one wrapped key of a passphrase", build: func(s *scene) {
		known(s)
		s.usePassphrase(knownPassphrase)
		s.m.keys = attached(wrapPassphrase(s.m.suite, knownPassphrase, knownCost, counting(0x40, 16), counting(0x50, 32), knownPassphraseID, s.m.stored, s.m.dataKey))
		s.opens()
	}},
	passphraseOpens("passphrase-cost-at-ceilings", "an entry that asks for exactly what the reader allows", knownCeilings),
	passphraseOpens("passphrase-cost-least", "an entry that asks for the least that Argon2id has", argonCost{8, 1, 1}),
	passphraseCost("passphrase-memory-above-ceiling", "an entry that asks for 1 KiB more than the reader allows", argonCost{8<<10 + 1, 2, 2}),
	passphraseCost("passphrase-passes-above-ceiling", "an entry that asks for one pass more than the reader allows", argonCost{67, 6, 2}),
	passphraseCost("passphrase-lanes-above-ceiling", "an entry that asks for one lane more than the reader allows", argonCost{67, 2, 4}),
	passphraseCost("passphrase-no-memory", "an entry that asks for no memory", argonCost{0, 2, 2}),
	passphraseCost("passphrase-memory-below-lanes", "an entry that asks for less than 8 KiB for each lane", argonCost{15, 2, 2}),
	passphraseCost("passphrase-no-pass", "an entry that asks for no pass", argonCost{67, 0, 2}),
	passphraseCost("passphrase-no-lane", "an entry that asks for no lane", argonCost{67, 2, 0}),
	spoiltPassphrase("passphrase-memory-flipped", "an entry that asks for less memory than it was made with; both round down to the same blocks", 3),
	spoiltPassphrase("passphrase-salt-flipped", "one bit of the salt of Argon2id", 21),
	spoiltPassphrase("passphrase-wrap-salt-flipped", "one bit of the salt of the wrap", 22),
	spoiltPassphrase("passphrase-commitment-flipped", "one bit of the commitment; the data key would open", 22+63),
	spoiltPassphrase("passphrase-tag-flipped", "one bit of the GCM tag of the sealed data key; the commitment is right", 133),
	{name: "passphrase-other", comment: "the reader has another passphrase", build: func(s *scene) {
		underPassphrase(s, knownCost)
		s.usePassphrase("correct horse battery, Prufung")
		s.unopened(vectors.Authentication, s.m.bytes())
	}},
	{name: "passphrase-decomposed", comment: "the reader has the same passphrase with the letters decomposed: passphrases are not normalised", build: func(s *scene) {
		underPassphrase(s, knownCost)
		s.usePassphrase("correct horse battery, Pru\u0308fung")
		s.unopened(vectors.Authentication, s.m.bytes())
	}},
	{name: "passphrase-other-name", comment: "the entry bears another name than the reader's passphrase, which would open it", build: func(s *scene) {
		underPassphrase(s, knownCost)
		s.v.Providers[0].KeyID = "safe"
		s.unopened(vectors.NoMatch, s.m.bytes())
	}},
	{name: "passphrase-renamed", comment: "the entry was made for another name than it bears", build: func(s *scene) {
		e := wrapPassphrase(s.m.suite, knownPassphrase, knownCost, random("argon2 salt of "+s.v.Name, 16), random("wrap salt of "+s.v.Name, 32),
			"safe", s.m.stored, s.m.dataKey)
		e.keyID = knownPassphraseID
		s.m.keys = attached(e)
		s.usePassphrase(knownPassphrase)
		s.unopened(vectors.Authentication, s.m.bytes())
	}},
	{name: "passphrase-for-raw", comment: "an entry of the provider raw with what Argon2id would make of the passphrase, labelled passphrase", build: func(s *scene) {
		argonSalt, salt := random("argon2 salt of "+s.v.Name, 16), random("wrap salt of "+s.v.Name, 32)
		key := argon2.IDKey([]byte(knownPassphrase), argonSalt, uint32(knownCost.passes), knownCost.memoryKiB, knownCost.lanes, 32)
		e := wrapRaw(s.m.suite, key, salt, knownPassphraseID, s.m.stored, s.m.dataKey)
		s.m.keys = attached(entry{"passphrase", knownPassphraseID, join(knownCost.bytes(), argonSalt, e.ciphertext)})
		s.usePassphrase(knownPassphrase)
		s.unopened(vectors.Authentication, s.m.bytes())
	}},
}
