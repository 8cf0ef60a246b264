package suite

import (
	"crypto/cipher"
	"crypto/hkdf"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"sync"
)

// The labels of the derivations, ASCII without terminator. Those of Expand differ in their 11th byte, and what follows
// a label is self-delimiting, so no two infos coincide.
const (
	labelExtract = "xinfeng/1 prk"
	labelTag     = "xinfeng/1 tag"
	labelBody    = "xinfeng/1 body"
	labelCommit  = "xinfeng/1 key"
	labelCell    = "xinfeng/1 cell"
	labelWrap    = "xinfeng/1 wrap"
	labelIndex   = "xinfeng/1 index"
)

// maxExpand bounds the output of one Expand, in bytes: the longest of the format is a local wrap, 32 + 32.
const maxExpand = 2 * HashSize

// An Expander has the [State] of a data key, and lends it for one derivation at a time. A State is one; a data key that
// may be destroyed is another, which is why it can fail.
type Expander interface {
	// Derive calls the method of the state, which nobody clears until that returns, or returns an error and does not.
	Derive(sc *Scratch) error
}

// A State is the pseudorandom key of one data key, kept as the two hash states of HMAC after the padded key. They are
// bytes and not a hash.Hash because bytes can be cleared, and because restoring them into a pooled hash makes an
// Expand that allocates nothing. A State is safe for concurrent use until it is cleared.
type State struct {
	suite        *Suite
	inner, outer []byte
}

// Extract returns the derivation state of a data key: HKDF-Extract (RFC 5869, Section 2.2) under a constant salt that
// names the format and the suite. The secret is the message of this one HMAC and the key of all later ones, so salts
// and heads, which an attacker chooses, are only ever input to a keyed function (SPEC.md, Section 9).
//
// The key must be [DataKeySize] bytes; it is neither kept nor modified.
func (s *Suite) Extract(key []byte) (*State, error) {
	if len(key) != DataKeySize {
		return nil, fmt.Errorf("suite: key of %d bytes, want %d", len(key), DataKeySize)
	}
	salt := binary.BigEndian.AppendUint16([]byte(labelExtract), s.id)
	prk, err := hkdf.Extract(s.newHash, key, salt)
	if err != nil {
		return nil, fmt.Errorf("suite: extract: %w", err)
	}
	st := &State{suite: s, inner: s.padded(prk, 0x36), outer: s.padded(prk, 0x5c)}
	clear(prk)
	return st, nil
}

// padded returns the state of the hash after prk, padded with zeros to a block and XORed with pad: one half of HMAC.
func (s *Suite) padded(prk []byte, pad byte) []byte {
	h := s.newHash()
	block := make([]byte, h.BlockSize())
	copy(block, prk)
	for i := range block {
		block[i] ^= pad
	}
	h.Write(block)
	clear(block)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("suite: internal error: " + err.Error()) // unreachable: both hashes marshal
	}
	h.Reset()
	return state
}

// Expand fills out, 1 to 64 bytes, with HKDF-Expand of info (RFC 5869, Section 2.3). It allocates nothing but room for a
// longer info than those before.
func (st *State) Expand(out, info []byte) error {
	if len(out) == 0 || len(out) > maxExpand {
		return fmt.Errorf("suite: expand: %d bytes asked, want 1 to %d", len(out), maxExpand)
	}
	sc := scratches.Get().(*Scratch)
	defer sc.free(st.suite)
	sc.info = append(sc.info[:0], info...)
	st.expand(sc.out[:len(out)], sc)
	copy(out, sc.out[:]) // what goes to a hash escapes, and the caller's shall not
	return nil
}

// Derive does the derivation that is prepared in sc.
func (st *State) Derive(sc *Scratch) error {
	if sc.tag != nil {
		st.expand(sc.tag[:], sc)
		sc.setInfo(labelBody, sc.tag)
	}
	st.expand(sc.out[:sc.n], sc)
	return nil
}

// expand is Expand of sc.info, which it spoils.
func (st *State) expand(out []byte, sc *Scratch) {
	h := sc.hash(st.suite)
	sc.info = append(sc.info, 0)
	var last []byte // T(i-1)
	for i := byte(1); len(out) > 0; i++ {
		h.restore(st.inner)
		if i > 1 {
			h.Write(last)
		}
		sc.info[len(sc.info)-1] = i
		h.Write(sc.info)
		sum := h.Sum(sc.sum[:0])
		h.restore(st.outer)
		h.Write(sum)
		if len(out) < HashSize {
			copy(out, h.Sum(sc.sum[:0]))
			return
		}
		last, out = h.Sum(out[:0]), out[HashSize:]
	}
}

// setInfo sets info to a label and a tag or commit. It is quicker than to append both.
func (sc *Scratch) setInfo(label string, tag *[CommitSize]byte) {
	n := len(label)
	sc.info = slices.Grow(sc.info[:0], n+CommitSize+1)[:n+CommitSize]
	copy(sc.info, label)
	*(*[CommitSize]byte)(sc.info[n:]) = *tag
}

// Clear wipes the state; a later Expand would derive from zeros, so the owner must not call it again.
func (st *State) Clear() {
	clear(st.inner)
	clear(st.outer)
	runtime.KeepAlive(st)
}

// A Scratch is what a derivation needs beside the state: a hash to restore into, and room that does not escape. Whoever
// derives for every message has one with what else he needs for a message; for the others this package has some. The zero
// value is ready. One goroutine uses it at a time. What its hash has left leads to the key that was derived last, and to no
// other: whoever derives a key leaves its expansion behind as well, which nobody can wipe.
type Scratch struct {
	hashes [SM4GCM]restorable // by the number of the suite, less one; made when it is needed
	sum    [HashSize]byte
	info   []byte
	out    [maxExpand]byte
	n      int // how much of out is asked

	// Of a message, where the tag goes, which is derived first and is then the info of the other; else nil.
	tag *[CommitSize]byte
}

var scratches = sync.Pool{New: func() any { return new(Scratch) }}

// keepInfo is the largest info buffer that is kept, in bytes: label, head and withheld pairs of a message with both
// contexts full.
const keepInfo = 32 << 10

// free wipes sc after a derivation of s and gives it back to the pool.
func (sc *Scratch) free(s *Suite) {
	sc.wipe()
	sc.hash(s).Reset()
	scratches.Put(sc)
}

// wipe wipes all but the hash.
func (sc *Scratch) wipe() {
	clear(sc.sum[:])
	clear(sc.out[:])
	sc.tag = nil
	if cap(sc.info) > keepInfo {
		sc.info = nil
	}
}

// A restorable is a hash that takes the states of [State].
type restorable struct {
	hash.Hash
	encoding.BinaryUnmarshaler
}

func (sc *Scratch) hash(s *Suite) *restorable {
	h := &sc.hashes[s.id-1]
	if h.Hash == nil {
		h.Hash = s.newHash()
		h.BinaryUnmarshaler = h.Hash.(encoding.BinaryUnmarshaler)
	}
	return h
}

func (h *restorable) restore(state []byte) {
	if err := h.UnmarshalBinary(state); err != nil {
		// Cleared states have lost their magic number; using one is a broken invariant of the owner.
		panic("suite: internal error: a cleared derivation state was used")
	}
}

// expand sets the first n bytes of sc.out to what x derives from sc.info.
func (sc *Scratch) expand(x Expander, n int) error {
	sc.n = n
	return x.Derive(sc)
}

// EqualTags reports in constant time whether two tags, or commits, are the same. It compares words: subtle.ConstantTimeCompare
// goes byte by byte, which is a fiftieth of what a short message takes.
func EqualTags(a, b *[CommitSize]byte) bool {
	var differ uint64
	for i := 0; i < CommitSize; i += 8 {
		differ |= binary.NativeEndian.Uint64(a[i:]) ^ binary.NativeEndian.Uint64(b[i:])
	}
	return differ == 0
}

// Tag computes the tag of a message: a MAC over its head and withheld pairs, and a commitment to both and to the data
// key. head is bytes 0 to 44+n of the message, withheld the withheld pairs in their encoding.
func (s *Suite) Tag(x Expander, head, withheld []byte) (tag [CommitSize]byte, err error) {
	return s.commitment(x, labelTag, head, withheld)
}

// Commit computes the commit of a key file from its bytes 0 to 28+n.
func (s *Suite) Commit(x Expander, prefix []byte) (commit [CommitSize]byte, err error) {
	return s.commitment(x, labelCommit, prefix, nil)
}

func (s *Suite) commitment(x Expander, label string, a, b []byte) (c [CommitSize]byte, err error) {
	sc := scratches.Get().(*Scratch)
	defer sc.free(s)
	sc.info = append(append(append(sc.info[:0], label...), a...), b...)
	err = sc.expand(x, CommitSize)
	copy(c[:], sc.out[:])
	return c, err
}

// Index computes the blind index of value under the key file with the given commit.
func (s *Suite) Index(x Expander, commit *[CommitSize]byte, value []byte) (sum [HashSize]byte, err error) {
	return s.commitment(x, labelIndex, commit[:], value)
}

// A Sealer is a derived AEAD with the mask of its nonces. Suite 1 has a mask of zeros.
type Sealer struct {
	AEAD cipher.AEAD
	Mask Mask
}

// A Mask is the mask of nonces as two big-endian numbers, which unlike an array travel in registers.
type Mask struct {
	head uint64
	tail uint32
}

// Body derives the sealer of a message's body from its tag, hence from everything the tag covers.
func (s *Suite) Body(x Expander, tag *[CommitSize]byte) (Sealer, error) {
	sc := scratches.Get().(*Scratch)
	defer sc.free(s)
	sc.setInfo(labelBody, tag)
	return s.sealer(x, sc, nil)
}

// Message is [Suite.Tag], which it writes into tag, and [Suite.Body] in one step, which is quicker. Whoever reads a message
// compares the tag with that in its header ([EqualTags]) before he uses the sealer. It calls x.Derive exactly once.
func (s *Suite) Message(sc *Scratch, x Expander, head, withheld []byte, tag *[CommitSize]byte) (Sealer, error) {
	sc.info = append(append(sc.info[:0], labelTag...), head...)
	if len(withheld) > 0 {
		sc.info = append(sc.info, withheld...)
	}
	sc.tag = tag
	w, err := s.sealer(x, sc, nil)
	sc.wipe()
	return w, err
}

// Cell derives the sealer of one cell from the commit of its key file, the first 33 bytes of the cell (form, reference
// and salt) and the withheld pairs. It calls x.Derive exactly once.
func (s *Suite) Cell(sc *Scratch, x Expander, commit *[CommitSize]byte, prefix, withheld []byte) (Sealer, error) {
	sc.setInfo(labelCell, commit)
	sc.info = append(append(sc.info, prefix...), withheld...)
	w, err := s.sealer(x, sc, nil)
	sc.wipe()
	return w, err
}

// Wrap derives what a local provider wraps a data key with, and the commitment to the wrapping key that is compared
// before anything is opened: a bare GCM ciphertext could be made to open under many passphrases at once. provider is
// 1 to 32 bytes, keyID 1 to 512, stored at most 8192; format checks that.
func (s *Suite) Wrap(x Expander, salt *[SaltSize]byte, provider, keyID string, stored []byte) (w Sealer, wc [CommitSize]byte, err error) {
	sc := scratches.Get().(*Scratch)
	defer sc.free(s)
	b := append(append(sc.info[:0], labelWrap...), salt[:]...)
	b = append(append(b, byte(len(provider))), provider...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(keyID))), keyID...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(stored))), stored...)
	sc.info = b
	w, err = s.sealer(x, sc, wc[:])
	return w, wc, err
}

// sealer expands sc.info to key, mask and, if more is not empty, that many bytes more.
func (s *Suite) sealer(x Expander, sc *Scratch, more []byte) (w Sealer, err error) {
	out := sc.out[:s.keySize+s.maskSize+len(more)]
	if err := sc.expand(x, len(out)); err != nil {
		return Sealer{}, err
	}
	if s.maskSize > 0 {
		w.Mask = MaskOf((*[NonceSize]byte)(out[s.keySize:]))
	}
	copy(more, out[s.keySize+s.maskSize:])
	w.AEAD, err = s.NewAEAD(out[:s.keySize])
	return w, err
}

// MaskOf returns b as a mask.
func MaskOf(b *[NonceSize]byte) Mask {
	return Mask{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint32(b[8:])}
}

// Plain reports whether the mask is of zeros.
func (w *Sealer) Plain() bool { return w.Mask == Mask{} }

// Nonce sets dst to the nonce of chunk i: mask XOR (i as 11 bytes big-endian || 00), and || 01 for the last chunk.
func (w *Sealer) Nonce(dst *[NonceSize]byte, i uint64, last bool) {
	m := w.Mask
	m.head ^= i >> 24
	m.tail ^= uint32(i) << 8
	if last {
		m.tail ^= 1
	}
	binary.BigEndian.PutUint64(dst[:], m.head)
	binary.BigEndian.PutUint32(dst[8:], m.tail)
}
