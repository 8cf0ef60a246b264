package envelope

import (
	"bytes"
	"sync"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A scratch is what one message needs while its header is made or opened. A client keeps some for the messages after, and
// with each the header that was in it last: under one data key and with one context, headers differ in salt and tag only,
// and to copy or compare one costs a quarter of making or parsing it.
//
// Whatever of the last message is used for this one was found to be the same before. No data key is in a scratch; what the
// hash in room has left leads to the key of the last message ([suite.Scratch]).
type scratch struct {
	header format.Header
	wire   []byte // the header in bytes, as Marshal wrote or Parse read it; empty if header holds none

	// The pairs of the context in their encoding. If split is true they are those of a whole context that a message can
	// have, divided by the client's options.
	stored, withheld []byte
	split            bool

	// What the provider is asked. It keeps neither, as [keyring.KeyProvider] has it. If decrypt has a record, it is what
	// header asks for.
	generate keyring.GenerateDataKeyRequest
	decrypt  keyring.DecryptRequest

	info Info // what is told of messages that the data key opened which was learned last

	tag  [suite.CommitSize]byte // that a message to be opened should have
	room suite.Scratch
}

// keepWire is the longest header that is kept, in bytes: usual ones have a few hundred.
const keepWire = 16 << 10

// put gives sc back to its pool.
func (sc *scratch) put(pool *sync.Pool) {
	if cap(sc.wire) > keepWire {
		sc.wire = nil
	}
	pool.Put(sc)
}

// holds reports whether stored and withheld are the pairs of ec, all of them and no others. Both are valid encodings
// without a name in common, so if each of their pairs is one of ec and there are as many, they are the same.
func (sc *scratch) holds(ec Context) bool {
	if !sc.split {
		return false
	}
	n := 0
	for _, pairs := range [...]format.Pairs{sc.stored, sc.withheld} {
		for len(pairs) > 0 {
			var k, v []byte
			k, v, pairs = pairs.Cut()
			if given, ok := ec[string(k)]; !ok || given != string(v) {
				return false
			}
			n++
		}
	}
	return n == len(ec)
}

// fits reports whether wire is a header of these wrapped keys and of the context in sc, so that it needs but another salt
// and tag. The record of a data key never changes ([keyring.DataKey.Record]), and header keeps the one that wire has from
// being collected: so one in the same place is the same.
func (sc *scratch) fits(record format.Record) bool {
	h := &sc.header
	return len(sc.wire) > 0 && h.Kind == format.Attached && len(record) == len(h.Record) && &record[0] == &h.Record[0]
}

// saltIn returns where the salt stands in b, which begins with a head.
func saltIn(b []byte) *[suite.SaltSize]byte {
	return (*[suite.SaltSize]byte)(b[format.SaltOffset:])
}

// tagIn returns where the tag stands in b, which begins with a header that is as long as h.
func tagIn(b []byte, h *format.Header) *[suite.CommitSize]byte {
	return (*[suite.CommitSize]byte)(b[h.HeadSize():])
}

// parse parses the header at the beginning of message, which is as long as wire then.
func (sc *scratch) parse(message []byte) error {
	if !sc.parsed(message) {
		return sc.parseAnew(message)
	}
	h := &sc.header
	h.Salt, h.Tag = *saltIn(message), *tagIn(message, h)
	return nil
}

// parseAnew is parse of a header that is not that of the last message.
func (sc *scratch) parseAnew(message []byte) error {
	h := &sc.header
	sc.wire, sc.decrypt = sc.wire[:0], keyring.DecryptRequest{}
	n, err := h.Parse(message)
	if err != nil {
		return err
	}
	sc.wire = append(sc.wire, message[:n]...)
	return nil
}

// parsed reports whether message begins with a header that differs in nothing but salt and tag from wire, which was
// parsed. Neither has a part in whether or how the rest is parsed, but for slots: their check covers the salt.
func (sc *scratch) parsed(message []byte) bool {
	h, wire := &sc.header, sc.wire
	if len(wire) == 0 || len(message) < len(wire) || h.Kind == format.Slots {
		return false
	}
	const pairs = format.SaltOffset + suite.SaltSize
	head, keys := h.HeadSize(), h.KeysOffset()
	return [format.SaltOffset]byte(message) == [format.SaltOffset]byte(wire) &&
		bytes.Equal(message[pairs:head], wire[pairs:head]) &&
		bytes.Equal(message[keys:len(wire)], wire[keys:])
}

// knows reports whether key is the one that was learned last, and for this header. If its record is another than that of the
// header, it is never known.
func (sc *scratch) knows(key *keyring.DataKey) bool {
	known, record := sc.decrypt.Record, key.Record()
	return len(record) > 0 && len(record) == len(known) && &record[0] == &known[0]
}

// learn keeps what is told of messages that key opens.
//
// From then on the provider is asked with the record as the data key has it. A record is that of one data key alone, so an
// answer with it is that key; and a cache that holds the key knows it at a glance.
func (sc *scratch) learn(key *keyring.DataKey) {
	sc.info.Suite = key.Suite()
	sc.info.Provider, sc.info.KeyID = key.OpenedBy()
	if sc.decrypt.Record.Equal(key.Record()) {
		sc.decrypt.Record = key.Record()
	} else {
		sc.decrypt.Record = nil
	}
}

// tell returns the Info of a message that the data key opened which was learned last. Messages with the same stored pairs get
// the same copy of them, and nothing here ever uses it: somebody who changes it deceives himself.
func (sc *scratch) tell(stored format.Pairs) Info {
	if !bytes.Equal(sc.info.Stored, stored) {
		sc.info.Stored = bytes.Clone(stored)
	}
	return sc.info
}
