package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"encoding/binary"
	"hash"

	"github.com/emmansun/gmsm/sm4"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A message is what a writer knows. Its fields are written as they are, sound or not (SPEC.md, Section 3).
type message struct {
	suite            uint16
	bits             byte // e
	withheldCount    byte // w
	stored, withheld []byte
	salt             [32]byte
	dataKey          []byte
	keys             []byte // the key section
	plaintext        []byte
}

func (m *message) chunkSize() int { return 1 << m.bits }

// head is SPEC.md, Section 3.1.
func (m *message) head() []byte {
	b := []byte{0x8e, 0x58, 0x46, 0x45, 0x01, m.withheldCount}
	b = binary.BigEndian.AppendUint16(b, m.suite)
	b = append(b, m.bits, 0x00)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.stored)))
	b = append(b, m.salt[:]...)
	return append(b, m.stored...)
}

func (m *message) tag() []byte { return m.tagOf(m.head()) }

// tagOf is the tag of any head under the data key and withheld pairs of m.
func (m *message) tagOf(head []byte) []byte {
	return expand(m.suite, m.dataKey, "xinfeng/1 tag", append(head, m.withheld...), 32)
}

func (m *message) bodyKey() gcmKey { return newBodyKey(m.suite, m.dataKey, m.tag()) }

// chunks seals the plaintext.
func (m *message) chunks() [][]byte {
	k, rest := m.bodyKey(), m.plaintext
	var all [][]byte
	for i := uint64(0); ; i++ {
		last := len(rest) <= m.chunkSize()
		n := min(len(rest), m.chunkSize())
		all = append(all, k.seal(i, last, rest[:n]))
		if rest = rest[n:]; last {
			return all
		}
	}
}

func (m *message) header() []byte { return join(m.head(), m.tag(), m.keys) }

func (m *message) bytes() []byte { return m.with(m.chunks()...) }

// with is the message with another body.
func (m *message) with(chunks ...[]byte) []byte { return append(m.header(), join(chunks...)...) }

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// pairs writes keys and values in the order given (SPEC.md, Section 3.2).
func pairs(keysAndValues ...string) []byte {
	var b []byte
	for _, s := range keysAndValues {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	return b
}

// An entry is one wrapped key.
type entry struct {
	provider, keyID string
	ciphertext      []byte
}

// record writes entries in the order given (SPEC.md, Section 3.3).
func record(entries ...entry) []byte {
	b := []byte{byte(len(entries))}
	for _, e := range entries {
		b = append(append(b, byte(len(e.provider))), e.provider...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e.keyID))), e.keyID...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e.ciphertext))), e.ciphertext...)
	}
	return b
}

// attached is a key section of kind 01 (SPEC.md, Section 3.4).
func attached(entries ...entry) []byte {
	r := record(entries...)
	return append(binary.BigEndian.AppendUint16([]byte{1}, uint16(len(r))), r...)
}

// slotted is a key section of kind 02 from two slots of one size.
func slotted(a, b []byte) []byte {
	return join(binary.BigEndian.AppendUint16([]byte{2}, uint16(len(a))), a, b)
}

// slot is one slot of the given size.
func slot(id uint16, salt []byte, generation uint32, record []byte, size int) []byte {
	b := binary.BigEndian.AppendUint32(nil, generation)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(record))), record...)
	return check(id, salt, append(b, make([]byte, size-32-len(b))...))
}

// check appends its check to a slot.
func check(id uint16, salt, b []byte) []byte {
	h := suite.Lookup(id).NewHash()
	h.Write(join([]byte("xinfeng/1 slot"), salt, b))
	return h.Sum(b)
}

// detached is a key section of kind 03.
func detached(reference []byte) []byte { return append([]byte{3}, reference...) }

// keyFile is SPEC.md, Section 3.5.
func keyFile(id uint16, dataKey, reference, stored []byte, entries ...entry) []byte {
	b := []byte{0x8e, 0x58, 0x46, 0x4b, 0x01, 0x00}
	b = binary.BigEndian.AppendUint16(b, id)
	b = append(b, 0x00, 0x00)
	b = binary.BigEndian.AppendUint16(b, uint16(len(stored)))
	b = join(b, reference, stored)
	b = append(b, expand(id, dataKey, "xinfeng/1 key", b, 32)...)
	r := record(entries...)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(r))), r...)
}

// cell is SPEC.md, Section 3.6.
func cell(id uint16, dataKey, commit, reference, salt, withheld, value []byte) []byte {
	b := join([]byte{0xf8 + byte(id)}, reference, salt)
	out := expand(id, dataKey, "xinfeng/1 cell", join(commit, b, withheld), sealSize(id))
	return append(b, newGCM(id, out).seal(0, true, value)...)
}

// wrapKey is the key that a local provider wraps with, and the commitment to it (SPEC.md, Section 4.3).
func wrapKey(id uint16, key, salt []byte, provider, keyID string, stored []byte) (k gcmKey, commitment []byte) {
	info := join(salt, []byte{byte(len(provider))}, []byte(provider))
	info = append(info, pairs(keyID)...)
	info = append(binary.BigEndian.AppendUint16(info, uint16(len(stored))), stored...)
	n := sealSize(id)
	out := expand(id, key, "xinfeng/1 wrap", info, n+32)
	return newGCM(id, out[:n]), out[n:]
}

// wrapRaw is an entry of the provider raw.
func wrapRaw(id uint16, key, salt []byte, keyID string, stored, dataKey []byte) entry {
	k, commitment := wrapKey(id, key, salt, "raw", keyID, stored)
	return entry{"raw", keyID, join(salt, commitment, k.sealAt(k.mask, dataKey))}
}

// expand is one derivation (SPEC.md, Section 4.1).
func expand(id uint16, key []byte, label string, info []byte, n int) []byte {
	h := func() hash.Hash { return suite.Lookup(id).NewHash() }
	salt := binary.BigEndian.AppendUint16([]byte("xinfeng/1 prk"), id)
	out, err := hkdf.Key(h, key, salt, label+string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

// A gcmKey is a derived key with the mask of its nonces, and the bare cipher for those who forge.
type gcmKey struct {
	block cipher.Block
	mask  [12]byte
}

// sealSize is how many bytes a suite derives for a key and its mask.
func sealSize(id uint16) int {
	if id == suite.SM4GCM {
		return 16 + 12
	}
	return 32
}

func newGCM(id uint16, derived []byte) (k gcmKey) {
	var err error
	if id == suite.SM4GCM {
		k.block, err = sm4.NewCipher(derived[:16])
		copy(k.mask[:], derived[16:])
	} else {
		k.block, err = aes.NewCipher(derived)
	}
	if err != nil {
		panic(err)
	}
	return k
}

func newBodyKey(id uint16, dataKey, tag []byte) gcmKey {
	return newGCM(id, expand(id, dataKey, "xinfeng/1 body", tag, sealSize(id)))
}

// nonce is SPEC.md, Section 4.2.
func (k gcmKey) nonce(i uint64, last bool) (n [12]byte) {
	binary.BigEndian.PutUint64(n[3:], i)
	if last {
		n[11] = 1
	}
	for j := range n {
		n[j] ^= k.mask[j]
	}
	return n
}

func (k gcmKey) seal(i uint64, last bool, plaintext []byte) []byte {
	return k.sealAt(k.nonce(i, last), plaintext)
}

func (k gcmKey) sealAt(nonce [12]byte, plaintext []byte) []byte {
	return k.gcm().Seal(nil, nonce[:], plaintext, nil)
}

func (k gcmKey) gcm() cipher.AEAD {
	aead, err := cipher.NewGCM(k.block)
	if err != nil {
		panic(err)
	}
	return aead
}
