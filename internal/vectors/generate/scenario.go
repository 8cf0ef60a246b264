package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// A scenario makes one vector for each suite. build alters the message of the scene, says what a reader must make of it,
// and leaves the rest as it is.
type scenario struct {
	name, comment string
	only          uint16 // suite; 0: both
	build         func(s *scene)
}

// A scene is a sound message and a reader that can open it, for a scenario to alter.
type scene struct {
	m        *message
	v        *vectors.Vector
	released []byte // all plaintext that the reader releases
}

// The names of the base message's CMK.
const (
	region  = "cn-hangzhou"
	account = "1234567890123456"
	bareID  = "08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73"
	arn     = "acs:kms:" + region + ":" + account + ":key/" + bareID
)

func generate() []*vectors.Vector {
	var all []*vectors.Vector
	for _, list := range [][]scenario{knownScenarios, headScenarios, contextScenarios, keyScenarios, dataKeyScenarios, passphraseScenarios, recipientScenarios, bodyScenarios, keyFileScenarios, armorScenarios} {
		for _, sc := range list {
			for _, id := range []uint16{suite.AES256GCM, suite.SM4GCM} {
				if sc.only == 0 || sc.only == id {
					all = append(all, sc.vector(id))
				}
			}
		}
	}
	return all
}

func (sc *scenario) vector(id uint16) *vectors.Vector {
	name := fmt.Sprintf("%s-%04x", sc.name, id)
	m := &message{
		suite: id, bits: 12, withheldCount: 1,
		stored: pairs("tenant", "42"), withheld: pairs("row", "9"),
		salt: [32]byte(random("salt of "+name, 32)), dataKey: random("data key of "+name, 32),
		plaintext: []byte("hello"),
	}
	s := &scene{m: m, v: &vectors.Vector{
		Name: name, Comment: sc.comment, Structure: vectors.Message, Suite: id,
		Given:     map[string]string{"tenant": "42", "row": "9"},
		DataKey:   m.dataKey,
		Providers: []vectors.Provider{{Type: "kms", KeyID: arn}},
	}}
	e := entry{"kms", arn, random("blob of "+name, 108)}
	m.keys = attached(e)
	s.answer(e, m.dataKey, map[string]string{"tenant": "42"})
	sc.build(s)
	s.v.Released, s.v.Payload = int64(len(s.released)), sha256.Sum256(s.released)
	return s.v
}

// answer has the KMS of the scene open an entry to a data key.
func (s *scene) answer(e entry, dataKey []byte, context map[string]string) {
	s.v.KMSDecrypt = append(s.v.KMSDecrypt, vectors.DecryptAnswer{
		Ciphertext: base64.StdEncoding.EncodeToString(e.ciphertext), Context: context,
		Plaintext: base64.StdEncoding.EncodeToString(dataKey), KeyID: bareID,
	})
}

// opens: the message as it stands is sound.
func (s *scene) opens() {
	s.v.Parses, s.v.Expect, s.v.Calls, s.v.Data = true, vectors.Success, 1, s.m.bytes()
	s.countKMS()
	s.released = s.m.plaintext
}

// malformed: the parser refuses data, nobody is asked.
func (s *scene) malformed(expect vectors.Outcome, data []byte) {
	s.v.Expect, s.v.Data = expect, data
}

// unasked: the header is well formed, and refused before the provider is asked.
func (s *scene) unasked(expect vectors.Outcome, data []byte) {
	s.v.Parses, s.v.Expect, s.v.Data = true, expect, data
}

// fails: the provider is asked, and the reader stops after it has released some plaintext, or none.
func (s *scene) fails(expect vectors.Outcome, data, released []byte) {
	s.v.Parses, s.v.Expect, s.v.Calls, s.v.Data = true, expect, 1, data
	s.countKMS()
	s.released = released
}

// unopened: the provider is asked and has no data key to give.
func (s *scene) unopened(expect vectors.Outcome, data []byte) {
	s.fails(expect, data, nil)
	s.v.DataKey = nil
}

// countKMS has the one provider of most scenes ask KMS once.
func (s *scene) countKMS() {
	if s.v.Providers[0].Type == "kms" {
		s.v.KMSCalls = 1
	}
}

// random returns n bytes that look random and are the same in every run: SHA-256 of the label and a counter.
func random(label string, n int) []byte {
	var b []byte
	for i := uint32(0); len(b) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("xinfeng vectors: "+label), i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// edited returns a copy of b with the byte at i XORed with mask; a negative i counts from the end.
func edited(b []byte, i int, mask byte) []byte {
	b = slices.Clone(b)
	if i < 0 {
		i += len(b)
	}
	b[i] ^= mask
	return b
}
