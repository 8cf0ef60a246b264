package keyring

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

// FuzzQueryID holds that no two queries have one id, by reading the query back from the id. The target is inside the
// package because ids are.
func FuzzQueryID(f *testing.F) {
	f.Add(byte(0), uint16(1), []byte("a"), "", "", []byte(nil), "", "", []byte(nil), 0)
	f.Add(byte(1), uint16(2), []byte{}, "kms", "k", []byte{1, 2}, "raw", "", bytes.Repeat([]byte{3}, 300), 2)
	f.Add(byte(1), uint16(1), []byte("ab"), "\x01a", "b\x00", []byte("\x80"), "", "", []byte{}, 1)
	f.Fuzz(func(t *testing.T, s byte, suite uint16, ec []byte, p1, k1 string, c1 []byte, p2, k2 string, c2 []byte, entries int) {
		q := query{side: side(s), suite: format.Suite(suite), context: ec}
		all := format.Record{{Provider: p1, KeyID: k1, Ciphertext: c1}, {Provider: p2, KeyID: k2, Ciphertext: c2}}
		q.record = all[:min(max(0, entries), len(all))]

		id := q.appendID([]byte("what was there before"))
		id, ok := bytes.CutPrefix(id, []byte("what was there before"))
		if !ok {
			t.Fatal("appendID does not append")
		}
		part := func() []byte {
			n := binary.BigEndian.Uint32(id)
			p := id[4 : 4+n]
			id = id[4+n:]
			return p
		}
		got := query{side: side(id[0]), suite: format.Suite(binary.BigEndian.Uint16(id[1:]))}
		id = id[3:]
		got.context = part()
		for len(id) > 0 {
			got.record = append(got.record, format.WrappedKey{Provider: string(part()), KeyID: string(part()), Ciphertext: part()})
		}
		if !got.same(&q) {
			t.Errorf("the id of %+v reads as %+v", q, got)
		}
		other := q
		other.record = all[:(len(q.record)+1)%3]
		if other.same(&q) {
			t.Errorf("%+v is the same as %+v", q, other)
		}
	})
}
