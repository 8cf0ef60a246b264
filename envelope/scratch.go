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
// Whatever of the last message is used for this one was found to be the same before. No key is in a scratch.
type scratch struct {
	header format.Header
	wire   []byte // the header in bytes, as Marshal wrote or Parse read it; empty if header holds none

	// The pairs of the context in their encoding. If split is true they are those of a whole context that a message can
	// have, divided by the client's options.
	stored, withheld []byte
	split            bool

	// What the provider is asked. It keeps neither, as [keyring.KeyProvider] has it.
	generate keyring.GenerateDataKeyRequest
	decrypt  keyring.DecryptRequest

	told format.Pairs // what Info.Stored was last

	tag [suite.CommitSize]byte // that a message to be opened should have
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
		for k, v := range pairs.All() {
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

// saltOf returns where the salt stands in b, which begins with a head like that of h: it ends where the stored pairs begin.
func saltOf(h *format.Header, b []byte) []byte {
	end := h.HeadSize() - len(h.Stored)
	return b[end-suite.SaltSize : end]
}

// parse parses the header at the beginning of message, which is as long as wire then.
func (sc *scratch) parse(message []byte) error {
	h := &sc.header
	if sc.parsed(message) {
		copy(h.Salt[:], saltOf(h, message))
		copy(h.Tag[:], message[h.HeadSize():])
		return nil
	}
	sc.wire = sc.wire[:0]
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
	head, keys := h.HeadSize(), h.KeysOffset()
	end := head - len(h.Stored)
	return bytes.Equal(message[keys:len(wire)], wire[keys:]) &&
		bytes.Equal(message[end:head], wire[end:head]) &&
		bytes.Equal(message[:end-suite.SaltSize], wire[:end-suite.SaltSize])
}

// tell returns a copy of stored for an [Info]. Messages with the same pairs get the same copy, and nothing here ever uses
// it: somebody who changes it deceives himself.
func (sc *scratch) tell(stored format.Pairs) format.Pairs {
	if !bytes.Equal(sc.told, stored) {
		sc.told = bytes.Clone(stored)
	}
	return sc.told
}
