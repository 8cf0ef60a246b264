package main

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

var (
	knownX25519 = newX25519(counting(0x60, 32))
	knownHybrid = newHybrid(counting(0x80, 32))
	otherX25519 = newX25519(counting(0xa0, 32))
)

// wrapHPKE is an entry of the provider hpke, which is bound to a suite, a key id and stored pairs (SPEC.md, Section 4.5).
func wrapHPKE(s *scene, r *recipient, suite uint16, keyID string, stored []byte) entry {
	info := binary.BigEndian.AppendUint16([]byte("xinfeng/1 hpke"), suite)
	info = append(info, pairs(keyID)...)
	info = append(binary.BigEndian.AppendUint16(info, uint16(len(stored))), stored...)
	label := r.name + " of " + s.v.Name
	return entry{"hpke", r.keyID(), r.seal(random("scalar for "+label, 32), random("ML-KEM for "+label, 32), info, s.m.dataKey)}
}

// wrapFor is the entry that a writer makes.
func wrapFor(s *scene, r *recipient) entry { return wrapHPKE(s, r, s.m.suite, r.keyID(), s.m.stored) }

// useRecipients gives the reader of the scene private keys.
func (s *scene) useRecipients(keys ...*recipient) {
	s.v.KMSDecrypt = nil
	var texts []string
	for _, k := range keys {
		texts = append(texts, k.text())
	}
	s.v.Providers = []vectors.Provider{{Type: "recipients", PrivateKeys: texts}}
}

// hpkeOpens makes a scenario of a message for recipients, which the reader opens by his keys.
func hpkeOpens(name, comment string, to []*recipient, keys ...*recipient) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		var entries []entry
		for _, r := range to {
			entries = append(entries, wrapFor(s, r))
		}
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.keyID, b.keyID) })
		s.m.keys = attached(entries...)
		s.useRecipients(keys...)
		s.opens()
	}}
}

// hpkeFails makes a scenario of a message for one recipient, whose entry spoil has altered.
func hpkeFails(name, comment string, r *recipient, expect vectors.Outcome, spoil func(s *scene, e *entry)) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		e := wrapFor(s, r)
		spoil(s, &e)
		s.m.keys = attached(e)
		s.useRecipients(r)
		s.unopened(expect, s.m.bytes())
	}}
}

func spoiltBy(i int, mask byte) func(*scene, *entry) {
	return func(_ *scene, e *entry) { e.ciphertext = edited(e.ciphertext, i, mask) }
}

var recipientScenarios = []scenario{
	hpkeOpens("hpke-x25519", "one recipient, X25519", []*recipient{knownX25519}, knownX25519),
	hpkeOpens("hpke-mlkem768-x25519", "one recipient, ML-KEM-768 and X25519", []*recipient{knownHybrid}, knownHybrid),
	hpkeOpens("hpke-three-recipients", "three recipients, the reader is one of them", []*recipient{knownX25519, otherX25519, knownHybrid}, otherX25519),
	hpkeOpens("hpke-second-key", "the message is for the second of the reader's keys", []*recipient{knownX25519}, knownHybrid, knownX25519),
	hpkeFails("hpke-other-recipient", "the message is for another key", otherX25519, vectors.NoMatch, func(s *scene, e *entry) {
		*e = wrapFor(s, knownX25519)
	}),
	hpkeFails("hpke-relabelled", "the entry was made for another key, and bears the id of the reader's", knownX25519, vectors.Authentication, func(s *scene, e *entry) {
		e.ciphertext = wrapFor(s, otherX25519).ciphertext
	}),
	hpkeFails("hpke-key-id-upper-case", "the entry bears the id of the reader's key in capitals, which names no key", knownX25519, vectors.NoMatch, func(_ *scene, e *entry) {
		kind, id, _ := strings.Cut(e.keyID, ":")
		e.keyID = kind + ":" + strings.ToUpper(id)
	}),
	hpkeFails("hpke-other-suite", "the entry was made for the other suite", knownX25519, vectors.Authentication, func(s *scene, e *entry) {
		*e = wrapHPKE(s, knownX25519, 3-s.m.suite, e.keyID, s.m.stored)
	}),
	hpkeFails("hpke-other-context", "the entry was made for other stored pairs", knownX25519, vectors.Authentication, func(s *scene, e *entry) {
		*e = wrapHPKE(s, knownX25519, s.m.suite, e.keyID, pairs("tenant", "43"))
	}),
	hpkeFails("hpke-other-key-id", "the entry was made for another key id than it bears", knownX25519, vectors.Authentication, func(s *scene, e *entry) {
		*e = wrapHPKE(s, knownX25519, s.m.suite, otherX25519.keyID(), s.m.stored)
	}),
	hpkeFails("hpke-short", "an entry of X25519 that is one byte short", knownX25519, vectors.Authentication, func(_ *scene, e *entry) {
		e.ciphertext = e.ciphertext[:79]
	}),
	hpkeFails("hpke-long", "an entry of X25519 that is one byte long", knownX25519, vectors.Authentication, func(_ *scene, e *entry) {
		e.ciphertext = append(e.ciphertext, 0)
	}),
	hpkeFails("hpke-short-data-key", "a sealed data key of 31 bytes, and one byte behind it", knownX25519, vectors.Authentication, func(s *scene, e *entry) {
		whole := s.m.dataKey
		s.m.dataKey = whole[:31]
		e.ciphertext = append(wrapFor(s, knownX25519).ciphertext, 0)
		s.m.dataKey = whole
	}),
	hpkeFails("hpke-point-of-small-order", "the encapsulated key of X25519 is zero, under which all secrets are one", knownX25519, vectors.Authentication, func(_ *scene, e *entry) {
		clear(e.ciphertext[:32])
	}),
	hpkeFails("hpke-point-not-canonical", "the highest bit of the encapsulated key, which X25519 does not look at", knownX25519, vectors.Authentication, spoiltBy(31, 0x80)),
	hpkeFails("hpke-encapsulated-flipped", "one bit of the encapsulated key of X25519", knownX25519, vectors.Authentication, spoiltBy(0, 1)),
	hpkeFails("hpke-mlkem-flipped", "one bit of the ciphertext of ML-KEM", knownHybrid, vectors.Authentication, spoiltBy(0, 1)),
	hpkeFails("hpke-mlkem-point-flipped", "one bit of the encapsulated key of X25519 beside ML-KEM", knownHybrid, vectors.Authentication, spoiltBy(1088, 1)),
	hpkeFails("hpke-sealed-flipped", "one bit of the sealed data key", knownX25519, vectors.Authentication, spoiltBy(32, 1)),
	hpkeFails("hpke-tag-flipped", "one bit of the tag of the sealed data key", knownX25519, vectors.Authentication, spoiltBy(79, 1)),
	{name: "hpke-no-private-key-for-raw", comment: "the message is for a raw key, the reader has a private key", build: func(s *scene) {
		s.m.keys = attached(wrapRaw(s.m.suite, knownRawKey, random("wrap salt of "+s.v.Name, 32), knownX25519.keyID(), s.m.stored, s.m.dataKey))
		s.useRecipients(knownX25519)
		s.unopened(vectors.NoMatch, s.m.bytes())
	}},
}
