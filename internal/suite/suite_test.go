package suite_test

import (
	"bytes"
	"crypto/hkdf"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// knownAnswers are those of format/SPEC.md, Section 10: data key 00..1f, salt 32 × a5, e = 16, stored {tenant: 42},
// withheld {row: 9}, plaintext "hello", reference 16 × 11, cell salt 16 × 5a.
var knownAnswers = []struct {
	id                               uint16
	prk, tag, bodyKey, mask, body    string
	commit, cellForm, cell, indexHex string
}{
	{
		id:       suite.AES256GCM,
		prk:      "4e7fe3d1656df537b47dfd0e9f6f0e43dc0f26f75b743c2c8f4cf6c2131e1d79",
		tag:      "80e9cdc8ea94f1c013175325e71764bba440c87708f060cb8470d9f3234c25ac",
		bodyKey:  "9e81825f74ca627a57bb0c9b2dae584770eba69b534aaa300ee9c69abd6617eb",
		mask:     "000000000000000000000000",
		body:     "74081b4c5138c804e880555f735a1976de408299f1",
		commit:   "60dee59298837f15007e9e321a7a0443714070af0a2d068afde1c5d1b80f4c86",
		cellForm: "f9",
		cell:     "3338c1103e135b5b06627fbd8a00b36d35e8361f3c",
		indexHex: "c11f84ba8bc44efa",
	},
	{
		id:       suite.SM4GCM,
		prk:      "30d58dcf1ae6f1cee57f38f20683f99ed66f0fb7489a1a52f740b24febac7567",
		tag:      "0cc16f023df0aa06e608bbb330a04f1d66a11e2568d840cf825c30e77ccfc4c0",
		bodyKey:  "17df9e4fc7fed6951384d83e893f0b8c",
		mask:     "69334683c922f4a5dc1aadbb",
		body:     "9022ffcee3c1ffebd8a0d8471ff0861a79792dad17",
		commit:   "ff3012ae22e50a9298fee0aef10f2f316622c510ffff51c7ed3d6241e7c45d08",
		cellForm: "fa",
		cell:     "c908be97ffa3ea51bc5afe163a8d11de478e176e53",
		indexHex: "eac98fee4cc7e482",
	},
}

func dataKey() []byte {
	k := make([]byte, suite.DataKeySize)
	for i := range k {
		k[i] = byte(i)
	}
	return k
}

func TestKnownAnswers(t *testing.T) {
	for _, ka := range knownAnswers {
		t.Run(fmt.Sprintf("suite=%d", ka.id), func(t *testing.T) {
			s := suite.Lookup(ka.id)
			prk, err := hkdf.Extract(s.NewHash, dataKey(), append([]byte("xinfeng/1 prk"), 0, byte(ka.id)))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(prk); got != ka.prk {
				t.Errorf("prk = %s, want %s", got, ka.prk)
			}
			st, err := s.Extract(dataKey())
			if err != nil {
				t.Fatal(err)
			}
			context := unhex(t, "000674656e616e7400023432")
			withheld := unhex(t, "0003726f77000139")
			head := unhex(t, "8e584645 01 01 000"+fmt.Sprint(ka.id)+" 10 00 000c"+strings.Repeat("a5", 32))
			head = append(head, context...)

			tag, err := s.Tag(st, head, withheld)
			if got := hex.EncodeToString(tag[:]); err != nil || got != ka.tag {
				t.Errorf("Tag = %s, %v, want %s", got, err, ka.tag)
			}
			w, err := s.Body(st, &tag)
			if err != nil {
				t.Fatal(err)
			}
			var again [suite.CommitSize]byte
			both, err := s.Message(new(suite.Scratch), st, head, withheld, &again)
			if err != nil || again != tag || both.Mask != w.Mask {
				t.Errorf("Message = %x, mask %x, %v, want those of Tag and Body: %x, %x", again, both.Mask, err, tag, w.Mask)
			}
			var nonce [suite.NonceSize]byte
			if w.Nonce(&nonce, 0, false); hex.EncodeToString(nonce[:]) != ka.mask {
				t.Errorf("mask = %x, want %s", nonce, ka.mask)
			}
			w.Nonce(&nonce, 0, true)
			if got := hex.EncodeToString(w.AEAD.Seal(nil, nonce[:], []byte("hello"), nil)); got != ka.body {
				t.Errorf("body = %s, want %s", got, ka.body)
			}
			if got := hex.EncodeToString(both.AEAD.Seal(nil, nonce[:], []byte("hello"), nil)); got != ka.body {
				t.Errorf("body under the sealer of Message = %s, want %s", got, ka.body)
			}
			direct, err := s.NewAEAD(unhex(t, ka.bodyKey))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(direct.Seal(nil, nonce[:], []byte("hello"), nil)); got != ka.body {
				t.Errorf("body under bodyKey = %s, want %s", got, ka.body)
			}

			ref := bytes.Repeat([]byte{0x11}, 16)
			file := unhex(t, "8e58464b 01 00 000"+fmt.Sprint(ka.id)+" 0000 000c")
			file = append(append(file, ref...), context...)
			commit, err := s.Commit(st, file)
			if got := hex.EncodeToString(commit[:]); err != nil || got != ka.commit {
				t.Errorf("Commit = %s, %v, want %s", got, err, ka.commit)
			}
			prefix := append(unhex(t, ka.cellForm), ref...)
			prefix = append(prefix, bytes.Repeat([]byte{0x5a}, 16)...)
			c, err := s.Cell(new(suite.Scratch), st, &commit, prefix, withheld)
			if err != nil {
				t.Fatal(err)
			}
			c.Nonce(&nonce, 0, true)
			if got := hex.EncodeToString(c.AEAD.Seal(nil, nonce[:], []byte("hello"), nil)); got != ka.cell {
				t.Errorf("cell = %s, want %s", got, ka.cell)
			}
			sum, err := s.Index(st, &commit, []byte("hello"))
			if got := hex.EncodeToString(sum[:8]); err != nil || got != ka.indexHex {
				t.Errorf("Index = %s, %v, want %s", got, err, ka.indexHex)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	for _, id := range []uint16{0, 3, 0xffff} {
		if s := suite.Lookup(id); s != nil {
			t.Errorf("Lookup(%d) = %v, want nil", id, s)
		}
	}
	for id, name := range map[uint16]string{1: "AES256GCM", 2: "SM4GCM"} {
		if s := suite.Lookup(id); s == nil || s.ID() != id || s.String() != name {
			t.Errorf("Lookup(%d) = %v, want %s", id, s, name)
		}
	}
}

func TestKeySizes(t *testing.T) {
	for _, id := range []uint16{suite.AES256GCM, suite.SM4GCM} {
		s := suite.Lookup(id)
		for _, n := range []int{0, 16, 31, 33, 64} {
			if _, err := s.Extract(make([]byte, n)); err == nil {
				t.Errorf("%v: Extract(%d bytes) succeeded", s, n)
			}
		}
		for _, n := range []int{0, 15, 17, 24, 33} {
			if _, err := s.NewAEAD(make([]byte, n)); err == nil {
				t.Errorf("%v: NewAEAD(%d bytes) succeeded", s, n)
			}
		}
	}
}

// A wrap commits to the wrapping key and separates provider, key id and context: moving a byte over a border changes it.
func TestWrapIsInjective(t *testing.T) {
	s := suite.Lookup(suite.AES256GCM)
	st, err := s.Extract(dataKey())
	if err != nil {
		t.Fatal(err)
	}
	var salt [suite.SaltSize]byte
	seen := map[[suite.CommitSize]byte]string{}
	for _, in := range [][3]string{{"raw", "a", ""}, {"ra", "wa", ""}, {"rawa", "", ""}, {"raw", "", "a"}, {"raw", "a", "\x00"}} {
		_, wc, err := s.Wrap(st, &salt, in[0], in[1], []byte(in[2]))
		if err != nil {
			t.Fatal(err)
		}
		if was, dup := seen[wc]; dup {
			t.Errorf("Wrap(%q) and Wrap(%s) have one commitment", in, was)
		}
		seen[wc] = fmt.Sprintf("%q", in)
	}
}

// One scratch serves both suites, by turns.
func TestScratchOfAllSuites(t *testing.T) {
	sc := new(suite.Scratch)
	for _, ka := range append(knownAnswers, knownAnswers...) {
		s := suite.Lookup(ka.id)
		st, err := s.Extract(dataKey())
		if err != nil {
			t.Fatal(err)
		}
		var tag, want [suite.CommitSize]byte
		head, withheld := []byte("head"), []byte("withheld")
		a, err := s.Message(sc, st, head, withheld, &tag)
		b, err2 := s.Message(new(suite.Scratch), st, head, withheld, &want)
		if err != nil || err2 != nil || tag != want || a.Mask != b.Mask {
			t.Errorf("suite %d: Message in a used scratch = %x, %v, want %x, %v", ka.id, tag, err, want, err2)
		}
		a, err = s.Cell(sc, st, &tag, head, withheld)
		b, err2 = s.Cell(new(suite.Scratch), st, &tag, head, withheld)
		if err != nil || err2 != nil || a.Mask != b.Mask {
			t.Fatalf("suite %d: Cell in a used scratch: %v, %v", ka.id, err, err2)
		}
		var nonce [suite.NonceSize]byte
		a.Nonce(&nonce, 0, true)
		if got, want := a.AEAD.Seal(nil, nonce[:], head, nil), b.AEAD.Seal(nil, nonce[:], head, nil); !bytes.Equal(got, want) {
			t.Errorf("suite %d: Cell in a used scratch seals %x, want %x", ka.id, got, want)
		}
	}
}

func TestEqualTags(t *testing.T) {
	a := [suite.CommitSize]byte(dataKey())
	b := a
	if !suite.EqualTags(&a, &b) || !suite.EqualTags(&a, &a) {
		t.Error("equal tags are not")
	}
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		if suite.EqualTags(&a, &b) {
			t.Errorf("tags that differ in bit %d are equal", i)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

func TestExpandSizes(t *testing.T) {
	st, err := suite.Lookup(suite.SM4GCM).Extract(dataKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 65} {
		if err := st.Expand(make([]byte, n), nil); err == nil {
			t.Errorf("Expand(%d bytes) succeeded", n)
		}
	}
}

func TestExpandAllocatesNothing(t *testing.T) {
	for _, id := range []uint16{suite.AES256GCM, suite.SM4GCM} {
		st, err := suite.Lookup(id).Extract(dataKey())
		if err != nil {
			t.Fatal(err)
		}
		out, info := make([]byte, 32), make([]byte, 100)
		if n := testing.AllocsPerRun(100, func() { st.Expand(out, info) }); n > 0 && !raceEnabled {
			t.Errorf("suite %d: Expand allocates %v times, want 0", id, n)
		}
	}
}

// A cleared state must never derive: it would do so under a key that everyone knows.
func TestClearedStatePanics(t *testing.T) {
	st, err := suite.Lookup(suite.AES256GCM).Extract(dataKey())
	if err != nil {
		t.Fatal(err)
	}
	st.Clear()
	defer func() {
		if recover() == nil {
			t.Error("Expand of a cleared state returned")
		}
	}()
	st.Expand(make([]byte, 32), nil)
}

// Expand is checked against the standard library's HKDF, whose one implementation it replaces for speed.
func FuzzExpand(f *testing.F) {
	f.Add(dataKey(), []byte("xinfeng/1 tag"), 32)
	f.Add(dataKey(), []byte{}, 64)
	f.Add(bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte("x"), 9000), 28)
	f.Fuzz(func(t *testing.T, key, info []byte, n int) {
		if len(key) != suite.DataKeySize || n < 1 || n > 64 {
			t.Skip()
		}
		for _, id := range []uint16{suite.AES256GCM, suite.SM4GCM} {
			s := suite.Lookup(id)
			st, err := s.Extract(key)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, n)
			if err := st.Expand(got, info); err != nil {
				t.Fatal(err)
			}
			want, err := hkdf.Key(s.NewHash, key, append([]byte("xinfeng/1 prk"), 0, byte(id)), string(info), n)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("suite %d: Expand(%x, %d) = %x, want %x", id, info, n, got, want)
			}
		}
	})
}

func TestNonce(t *testing.T) {
	w := suite.Sealer{}
	var n [suite.NonceSize]byte
	for _, tt := range []struct {
		i    uint64
		last bool
		want string
	}{
		{0, false, "000000000000000000000000"},
		{0, true, "000000000000000000000001"},
		{1, false, "000000000000000000000100"},
		{1 << 33, true, "000000000000020000000001"},
	} {
		if w.Nonce(&n, tt.i, tt.last); hex.EncodeToString(n[:]) != tt.want {
			t.Errorf("Nonce(%d, %v) = %x, want %s", tt.i, tt.last, n, tt.want)
		}
	}
	w.Mask = suite.MaskOf(&[suite.NonceSize]byte{0: 0xf0, 11: 0x0f})
	if w.Nonce(&n, 1, true); hex.EncodeToString(n[:]) != "f0000000000000000000010e" {
		t.Errorf("masked nonce = %x", n)
	}
}

func TestChunkBits(t *testing.T) {
	for size, want := range map[int]uint8{1 << 12: 12, 1 << 16: 16, 1 << 22: 22} {
		if e, ok := suite.ChunkBits(size); !ok || e != want {
			t.Errorf("ChunkBits(%d) = %d, %v, want %d", size, e, ok, want)
		}
	}
	for _, size := range []int{-1, 0, 1, 1 << 11, 1<<12 + 1, 1 << 23} {
		if e, ok := suite.ChunkBits(size); ok {
			t.Errorf("ChunkBits(%d) = %d, want none", size, e)
		}
	}
}

func TestBodySizes(t *testing.T) {
	const c = 4096
	for _, tt := range []struct{ plaintext, body int64 }{
		{0, 16}, {1, 17}, {c - 1, c + 15}, {c, c + 16}, {c + 1, c + 33}, {2 * c, 2*c + 32}, {2*c + 1, 2*c + 49},
		{suite.MaxPlaintext, suite.MaxPlaintext + suite.MaxPlaintext/c*16},
	} {
		if b, err := suite.BodySize(tt.plaintext, c); err != nil || b != tt.body {
			t.Errorf("BodySize(%d) = %d, %v, want %d", tt.plaintext, b, err, tt.body)
		}
		if p, err := suite.PlaintextSize(tt.body, c); err != nil || p != tt.plaintext {
			t.Errorf("PlaintextSize(%d) = %d, %v, want %d", tt.body, p, err, tt.plaintext)
		}
	}
	for _, p := range []int64{-1, suite.MaxPlaintext + 1, 1<<63 - 1} {
		if b, err := suite.BodySize(p, c); !errors.Is(err, suite.ErrSize) {
			t.Errorf("BodySize(%d) = %d, %v, want ErrSize", p, b, err)
		}
	}
	const full = c + 16
	largest, _ := suite.BodySize(suite.MaxPlaintext, c)
	for _, b := range []int64{-1, 0, 15, full + 1, full + 16, 2*full + 15, largest + 1, largest + 17, 1<<63 - 1} {
		if p, err := suite.PlaintextSize(b, c); !errors.Is(err, suite.ErrSize) {
			t.Errorf("PlaintextSize(%d) = %d, %v, want ErrSize", b, p, err)
		}
	}
}

func BenchmarkExpand(b *testing.B) {
	for _, id := range []uint16{suite.AES256GCM, suite.SM4GCM} {
		s := suite.Lookup(id)
		b.Run(s.String(), func(b *testing.B) {
			st, err := s.Extract(dataKey())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			out, info := make([]byte, 32), make([]byte, 45)
			for b.Loop() {
				st.Expand(out, info)
			}
		})
	}
}
