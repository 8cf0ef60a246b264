package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

func hexString(b []byte) string { return hex.EncodeToString(b) }

// badAnswer makes a scenario of a sound message for whose wrapped key KMS answers a text that is no data key.
func badAnswer(name, comment string, text func(dataKey []byte) string) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.v.KMSDecrypt[0].Plaintext = text(s.m.dataKey)
		s.unopened(vectors.InvalidDataKey, s.m.bytes())
	}}
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// noMatch makes a scenario of a sound message whose entry bears another name; KMS would open it, and is not asked.
func noMatch(name, comment, keyID string) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		e := entry{"kms", keyID, random("blob of "+s.v.Name, 108)}
		s.m.keys = attached(e)
		s.unopened(vectors.NoMatch, s.m.bytes())
		s.v.KMSCalls = 0
	}}
}

// twoKeys sets the scene of two-entries-two-keys-one-chunk: two raw keys wrap different data keys, the tag is of the
// first, and one chunk opens under the body keys of both. other is the second data key.
func twoKeys(s *scene) (keys [2][]byte, other []byte) {
	other = random("second data key of "+s.v.Name, 32)
	var entries [2]entry
	for i, dataKey := range [][]byte{s.m.dataKey, other} {
		keys[i] = random(fmt.Sprintf("raw key %d of %s", i, s.v.Name), 32)
		salt := random(fmt.Sprintf("wrap salt %d of %s", i, s.v.Name), 32)
		entries[i] = wrapRaw(s.m.suite, keys[i], salt, fmt.Sprintf("key-%d", i), s.m.stored, dataKey)
	}
	s.m.keys = attached(entries[:]...)
	s.v.KMSDecrypt = nil
	a, b := s.m.bodyKey(), newBodyKey(s.m.suite, other, s.m.tag())
	chunk := collide(a, a.nonce(0, true), b, b.nonce(0, true), random("ciphertext of "+s.v.Name, 64))
	s.v.Data = s.m.with(chunk)
	nonce := a.nonce(0, true)
	var err error
	if s.m.plaintext, err = a.gcm().Open(nil, nonce[:], chunk, nil); err != nil {
		panic(err)
	}
	return keys, other
}

// collidingWrap sets the scene of local-wrap-multi-collision: the sealed data key of one entry opens under the wrapping
// keys of two raw keys, with the salt, and commits to the first.
func collidingWrap(s *scene) (keys [2][]byte) {
	salt := random("wrap salt of "+s.v.Name, 32)
	var wrap [2]gcmKey
	var commitment [2][]byte
	for i := range keys {
		keys[i] = random(fmt.Sprintf("raw key %d of %s", i, s.v.Name), 32)
		wrap[i], commitment[i] = wrapKey(s.m.suite, keys[i], salt, "raw", knownRawID, s.m.stored)
	}
	sealed := collide(wrap[0], wrap[0].mask, wrap[1], wrap[1].mask, random("ciphertext of "+s.v.Name, 16))
	var err error
	if s.m.dataKey, err = wrap[0].gcm().Open(nil, wrap[0].mask[:], sealed, nil); err != nil {
		panic(err)
	}
	s.v.DataKey = s.m.dataKey
	s.m.keys = attached(entry{"raw", knownRawID, join(salt, commitment[0], sealed)})
	s.v.KMSDecrypt = nil
	return keys
}

func rawProvider(keyID string, key []byte) []vectors.Provider {
	return []vectors.Provider{{Type: "raw", KeyID: keyID, Key: hexString(key)}}
}

// spoiltWrap makes a scenario of a message whose wrapped key of the provider raw has one bit flipped in the byte at i.
func spoiltWrap(name, comment string, i int) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		e := wrapRaw(s.m.suite, knownRawKey, random("wrap salt of "+s.v.Name, 32), knownRawID, s.m.stored, s.m.dataKey)
		e.ciphertext = edited(e.ciphertext, i, 1)
		s.m.keys = attached(e)
		s.useRaw()
		s.unopened(vectors.Authentication, s.m.bytes())
	}}
}

// passphraseEntry returns an entry of the provider passphrase that asks for the given cost. What it seals is arbitrary:
// nobody may get as far as hashing for it.
func passphraseEntry(s *scene, keyID string, memoryKiB uint32, passes, lanes byte) entry {
	c := append(binary.BigEndian.AppendUint32(nil, memoryKiB), passes, lanes)
	return entry{"passphrase", keyID, append(c, random("passphrase entry "+keyID+" of "+s.v.Name, 16+112)...)}
}

var dataKeyScenarios = []scenario{
	{name: "two-entries-two-keys-one-chunk-first", comment: "two entries hold two data keys, one chunk opens under both; the tag is of the first, so its reader sees what was written", build: func(s *scene) {
		keys, _ := twoKeys(s)
		s.v.Providers = rawProvider("key-0", keys[0])
		s.fails(vectors.Success, s.v.Data, s.m.plaintext)
	}},
	{name: "two-entries-two-keys-one-chunk-second", comment: "two entries hold two data keys, one chunk opens under both; the tag is of the first, so the reader of the second sees nothing", build: func(s *scene) {
		keys, other := twoKeys(s)
		s.v.Providers, s.v.DataKey = rawProvider("key-1", keys[1]), other
		s.fails(vectors.Authentication, s.v.Data, nil)
	}},
	badAnswer("data-key-16", "KMS answers a data key of 16 bytes", func(k []byte) string { return base64Of(k[:16]) }),
	badAnswer("data-key-33", "KMS answers a data key of 33 bytes", func(k []byte) string { return base64Of(append(k[:32:32], 0)) }),
	{name: "data-key-16-zero-padded", comment: "KMS answers 16 bytes; the message was written under them and 16 zero bytes, which is another key", build: func(s *scene) {
		copy(s.m.dataKey[16:], make([]byte, 16))
		s.v.KMSDecrypt[0].Plaintext = base64Of(s.m.dataKey[:16])
		s.unopened(vectors.InvalidDataKey, s.m.bytes())
	}},
	badAnswer("plaintext-not-base64", "KMS answers 44 characters that are not base64", func(k []byte) string { return "!" + base64Of(k)[1:] }),
	badAnswer("plaintext-raw", "KMS answers 32 bytes that are no text", func(k []byte) string { return hexString(k)[:32] }),
	badAnswer("plaintext-base64-newline", "KMS answers base64 with a newline after it", func(k []byte) string { return base64Of(k) + "\n" }),
	badAnswer("plaintext-base64-newline-within", "KMS answers base64 with a newline in it", func(k []byte) string {
		t := base64Of(k)
		return t[:22] + "\n" + t[22:]
	}),
	badAnswer("plaintext-base64-newline-for-padding", "KMS answers 44 characters, of which the last is a newline in place of =", func(k []byte) string {
		return base64Of(k)[:43] + "\n"
	}),
	badAnswer("plaintext-base64-spare-bits", "KMS answers base64 whose spare bits are not zero", func(k []byte) string {
		t := []byte(base64Of(k))
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		for i := range alphabet {
			if alphabet[i] == t[42] {
				t[42] = alphabet[i+1] // i is a multiple of 4: 32 bytes leave two bits spare
				break
			}
		}
		return string(t)
	}),
	{name: "answer-by-other-key", comment: "the entry bears the reader's key, but another key answers: as if the entry were not there", build: func(s *scene) {
		s.v.KMSDecrypt[0].KeyID = "99999999-4e0a-4a1b-a3fa-7ddfa1d4fb73"
		s.unopened(vectors.NoMatch, s.m.bytes())
	}},
	{name: "alias-repointed", comment: "the reader is configured by an alias, which points at another key now", build: func(s *scene) {
		aliased(s, "99999999-4e0a-4a1b-a3fa-7ddfa1d4fb73")
		s.unopened(vectors.NoMatch, s.m.bytes())
		s.v.KMSCalls = 0
	}},
	{name: "alias", comment: "the reader is configured by an alias that points at the entry's key", build: func(s *scene) {
		aliased(s, bareID)
		s.opens()
	}},
	{name: "alias-repointed-opens", comment: "the alias points at another key now, and the reader was told to open the old one besides", build: func(s *scene) {
		aliased(s, "99999999-4e0a-4a1b-a3fa-7ddfa1d4fb73")
		s.v.Providers[0].Opens = []string{arn}
		s.opens()
	}},
	noMatch("arn-region-with-at-sign", "an entry whose region would become a host of the attacker's",
		"acs:kms:x@127.0.0.1#:"+account+":key/"+bareID),
	noMatch("arn-other-account", "the same key id in another account", "acs:kms:"+region+":9999999999999999:key/"+bareID),
	noMatch("arn-other-region", "the same key id in another region", "acs:kms:cn-beijing:"+account+":key/"+bareID),
	{name: "bare-id-for-arn", comment: "the entry has the bare id, the reader's key is configured by its ARN: one key", build: func(s *scene) {
		s.m.keys = attached(entry{"kms", bareID, random("blob of "+s.v.Name, 108)})
		s.opens()
	}},
	{name: "bare-id-beside-arn", comment: "two entries name the reader's key; only the one spelt as configured is tried, the other would open", build: func(s *scene) {
		sound := entry{"kms", bareID, random("blob of "+s.v.Name, 108)}
		s.m.keys = attached(entry{"kms", bareID, sound.ciphertext}, entry{"kms", arn, random("spoilt", 108)})
		if bareID > arn {
			panic("entries descend")
		}
		s.unopened(vectors.Authentication, s.m.bytes())
	}},
	{name: "discovery-4-entries", comment: "four entries of allowed accounts: three are tried, the fourth would open", build: func(s *scene) {
		var entries []entry
		for i := range 4 {
			id := fmt.Sprintf("acs:kms:%s:%s:key/%d8c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73", region, account, i)
			entries = append(entries, entry{"kms", id, random(fmt.Sprintf("blob %d of %s", i, s.v.Name), 108)})
		}
		s.m.keys = attached(entries...)
		s.v.KMSDecrypt = nil
		s.answer(entries[3], s.m.dataKey, map[string]string{"tenant": "42"})
		s.v.KMSDecrypt[0].KeyID = "38c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73"
		s.v.Providers = []vectors.Provider{{Type: "discovery", Accounts: []string{account}, Regions: []string{region}}}
		s.unopened(vectors.Authentication, s.m.bytes())
		s.v.KMSCalls = 3
	}},
	{name: "two-passphrase-entries", comment: "a record with two entries of the provider passphrase", build: func(s *scene) {
		s.m.keys = attached(passphraseEntry(s, "a", 1<<16, 3, 4), passphraseEntry(s, "b", 1<<16, 3, 4))
		s.malformed(vectors.ParseFault, s.m.bytes())
	}},
	{name: "argon2-cost-above-ceiling", comment: "a passphrase entry that asks for 1 GiB and 1 KiB of memory; the reader allows 1 GiB", build: func(s *scene) {
		s.m.keys = attached(passphraseEntry(s, "a", 1<<20+1, 3, 4))
		s.v.KMSDecrypt = nil
		s.v.Providers = []vectors.Provider{{Type: "passphrase", KeyID: "a", Passphrase: "correct horse", MaxMemoryKiB: 1 << 20, MaxPasses: 8, MaxLanes: 8}}
		s.unopened(vectors.Cost, s.m.bytes())
	}},
	{name: "local-wrap-length-111", comment: "a wrapped key of the provider raw that is one byte short", build: func(s *scene) {
		e := wrapRaw(s.m.suite, knownRawKey, random("wrap salt", 32), knownRawID, s.m.stored, s.m.dataKey)
		e.ciphertext = e.ciphertext[:111]
		s.m.keys = attached(e)
		s.useRaw()
		s.malformed(vectors.ParseFault, s.m.bytes())
	}},
	{name: "local-wrap-branch-length-113", comment: "a wrapped key of the provider branch that is one byte long", build: func(s *scene) {
		s.m.keys = attached(entry{"branch", "a", random("branch entry of "+s.v.Name, 113)})
		s.malformed(vectors.ParseFault, s.m.bytes())
	}},
	{name: "local-wrap-passphrase-length-133", comment: "a wrapped key of the provider passphrase that is one byte short", build: func(s *scene) {
		e := passphraseEntry(s, "a", 1<<16, 3, 4)
		e.ciphertext = e.ciphertext[:133]
		s.m.keys = attached(e)
		s.malformed(vectors.ParseFault, s.m.bytes())
	}},
	spoiltWrap("local-wrap-salt-flipped", "one bit of the salt of a wrapped key of the provider raw", 0),
	spoiltWrap("local-wrap-commitment-flipped", "one bit of the commitment of a wrapped key of the provider raw; the data key would open", 63),
	spoiltWrap("local-wrap-sealed-flipped", "one bit of the sealed data key of the provider raw; the commitment is right", 64),
	spoiltWrap("local-wrap-tag-flipped", "one bit of the GCM tag of the sealed data key of the provider raw; the commitment is right", 111),
	{name: "local-wrap-multi-collision-first", comment: "the sealed data key opens under the wrapping keys of two raw keys; the reader has the one it commits to", build: func(s *scene) {
		keys := collidingWrap(s)
		s.v.Providers = rawProvider(knownRawID, keys[0])
		s.opens()
	}},
	{name: "local-wrap-multi-collision-second", comment: "the sealed data key opens under the wrapping keys of two raw keys; the reader has the one it does not commit to", build: func(s *scene) {
		keys := collidingWrap(s)
		s.v.Providers = rawProvider(knownRawID, keys[1])
		s.unopened(vectors.Authentication, s.m.bytes())
	}},
	{name: "entry-of-other-message-cached", comment: "the entry of a message that was opened before, with the same context: it opens, from a cache too, and the tag is not its", build: func(s *scene) {
		other := *s.m
		other.salt = [32]byte(random("other salt of "+s.v.Name, 32))
		other.dataKey = random("other data key of "+s.v.Name, 32)
		e := entry{"kms", arn, random("other blob of "+s.v.Name, 108)}
		other.keys = attached(e)
		s.answer(e, other.dataKey, map[string]string{"tenant": "42"})
		s.v.OpenedBefore = other.bytes()
		s.m.keys, s.v.DataKey = other.keys, other.dataKey
		s.fails(vectors.Authentication, s.m.bytes(), nil)
	}},
}

// aliased configures the reader by an alias that points at target.
func aliased(s *scene, target string) {
	const alias = "alias/Apollo/WorkKey"
	s.v.Providers[0].KeyID = "acs:kms:" + region + ":" + account + ":" + alias
	s.v.KMSDescribe = []vectors.DescribeAnswer{{Alias: alias, KeyID: target}}
}
