package aliyunesdk_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

func vector(t testing.TB, name string) *aliyunesdk.Vector {
	t.Helper()
	all := aliyunesdk.ReadVectors(t)
	i := slices.IndexFunc(all, func(v *aliyunesdk.Vector) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("no vector %s", name)
	}
	return all[i]
}

// refused checks that no way of reading opens a message, that nothing is returned, and that the error is one of want.
func refused(t *testing.T, what string, c *aliyunesdk.Client, message []byte, ec aliyunesdk.Context, want ...error) {
	t.Helper()
	for name, read := range readings {
		got, err := read(c, t.Context(), message, ec)
		if got != nil || !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
			t.Errorf("%s: %s = %q, %v, want one of %v", what, name, got, err, want)
		}
	}
}

// Every bit of header, wrapped key, context, IV, ciphertext and tag counts, in both encodings.
func TestEveryBitFlipped(t *testing.T) {
	for _, name := range []string{"J1", "J2", "J5", "J6", "J7", "S1", "S3", "S4", "S6"} {
		v := vector(t, name)
		// Unauthenticated algorithms are allowed, so that a changed algorithm has to be found by the header tag. The client
		// accepts any context, so that a changed one has to be, too.
		c := plant(t, &kmskeytest.KMS{}, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure, AcceptUnseen: []string{"*"}})
		for i := range v.Message {
			for bit := range 8 {
				message := bytes.Clone(v.Message)
				message[i] ^= 1 << bit
				got, err := c.Decrypt(t.Context(), message, nil)
				if err == nil || got != nil {
					t.Errorf("%s: bit %d of byte %d flipped: Decrypt = %q, %v", name, bit, i, got, err)
				}
				for _, known := range []error{
					aliyunesdk.ErrAuthentication, aliyunesdk.ErrMalformed, aliyunesdk.ErrTooLarge, aliyunesdk.ErrUnsupportedAlgorithm,
					aliyunesdk.ErrUnsupportedVersion, aliyunesdk.ErrNoMatch, aliyunesdk.ErrInvalidDataKey, io.ErrUnexpectedEOF, nil,
				} {
					if known == nil {
						t.Errorf("%s: bit %d of byte %d flipped: unnamed error %v", name, bit, i, err)
					} else if errors.Is(err, known) {
						break
					}
				}
			}
		}
	}
}

func TestEveryTruncation(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		if !v.Algorithm.Authenticated() {
			continue
		}
		c := plant(t, &kmskeytest.KMS{}, v.Message, v.DataKeyText(), nil)
		for n := range v.Message {
			// The stream encoding does not say where it ends: what is cut there is not authentic.
			refused(t, v.Name, c, v.Message[:n], v.Context, io.ErrUnexpectedEOF, aliyunesdk.ErrAuthentication)
			if _, err := c.Decrypt(t.Context(), v.Message[:n], v.Context); v.Encoding == aliyunesdk.OneShot && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: first %d bytes: %v, want ErrUnexpectedEOF", v.Name, n, err)
			}
		}
	}
}

// The last 16 bytes removed make the tag of ciphertext; a stream message without a body has no room for a tag.
func TestLastBytesRemoved(t *testing.T) {
	for _, name := range []string{"J2", "S3"} {
		v := vector(t, name)
		c := plant(t, &kmskeytest.KMS{}, v.Message, v.DataKeyText(), nil)
		for _, n := range []int{1, 16} {
			refused(t, name, c, v.Message[:len(v.Message)-n], v.Context, io.ErrUnexpectedEOF, aliyunesdk.ErrAuthentication)
		}
	}
}

func TestBytesBehindTheEnd(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		if !v.Algorithm.Authenticated() && v.Encoding == aliyunesdk.Stream {
			continue // where the end is nobody knows
		}
		api := &kmskeytest.KMS{}
		c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		for _, tail := range [][]byte{{0}, v.Message, make([]byte, 16)} {
			want := aliyunesdk.ErrMalformed
			if v.Encoding == aliyunesdk.Stream {
				want = aliyunesdk.ErrAuthentication
			}
			refused(t, v.Name, c, slices.Concat(v.Message, tail), v.Context, want)
		}
		if n := api.Calls(""); v.Encoding == aliyunesdk.OneShot && n != 0 {
			t.Errorf("%s: %d calls for messages with something behind", v.Name, n)
		}
	}
}

// Algorithm 2 changed to 8 takes the tag for ciphertext, unless the header tag is looked at.
func TestAlgorithmChanged(t *testing.T) {
	for name, at := range map[string]int{"J2": 13, "S3": 7} {
		v := vector(t, name)
		c := plant(t, &kmskeytest.KMS{}, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		message := bytes.Clone(v.Message)
		if message[at] != 2 {
			t.Fatalf("%s: byte %d is %d, want the algorithm", name, at, message[at])
		}
		message[at] = 8
		refused(t, name, c, message, v.Context, aliyunesdk.ErrMalformed) // the IV of 8 is longer

		// With an IV and a tag that fit, the header tag finds it.
		h, err := aliyunesdk.Inspect(bytes.NewReader(v.Message))
		if err != nil {
			t.Fatal(err)
		}
		if h.Encoding == aliyunesdk.Stream {
			body := bytes.Index(message, []byte{0x0c, 0, 0, 0, 0xa2})
			message = slices.Concat(message[:body], []byte{16, 0, 0, 0}, make([]byte, 4), message[body+4:])
			refused(t, name, c, message, v.Context, aliyunesdk.ErrAuthentication)
		}
		message[at] = 13
		refused(t, name, c, message, v.Context, aliyunesdk.ErrUnsupportedAlgorithm)
		message[at] = 0
		refused(t, name, c, message, v.Context, aliyunesdk.ErrUnsupportedAlgorithm)
	}
}

// A wrapped key added or removed is found by the header tag, when the one that is left still opens.
func TestWrappedKeyAddedOrRemoved(t *testing.T) {
	v := vector(t, "S3")
	api := &kmskeytest.KMS{}
	c := plant(t, api, v.Message, v.DataKeyText(), nil)
	count := bytes.Index(v.Message, []byte("\x00\x00\x00\x02\x00\x00\x00\x4c"))
	entryB := v.Message[count+4 : count+4+4+0x4c+4+0x24]
	entryA := v.Message[count+4+len(entryB) : count+4+len(entryB)+4+0x4d+4+0x24]
	before, after := v.Message[:count], v.Message[count+4+len(entryB)+len(entryA):]
	with := func(n byte, entries ...[]byte) []byte {
		return slices.Concat(before, []byte{0, 0, 0, n}, slices.Concat(entries...), after)
	}
	if !bytes.Equal(with(2, entryB, entryA), v.Message) {
		t.Fatal("S3 is not laid out as thought")
	}
	entryC := bytes.Replace(entryA, []byte("1234567890123456"), []byte("6543210987654321"), 1)
	refused(t, "B removed", c, with(1, entryA), v.Context, aliyunesdk.ErrAuthentication)
	refused(t, "A removed", c, with(1, entryB), v.Context, aliyunesdk.ErrAuthentication)
	refused(t, "C added", c, with(3, entryB, entryA, entryC), v.Context, aliyunesdk.ErrAuthentication)
	calls := api.Calls("")
	refused(t, "both removed", c, with(0), v.Context, aliyunesdk.ErrMalformed)
	refused(t, "A twice", c, with(3, entryB, entryA, entryA), v.Context, aliyunesdk.ErrMalformed)
	refused(t, "other order", c, with(2, entryA, entryB), v.Context, aliyunesdk.ErrMalformed)
	refused(t, "one announced too many", c, with(3, entryB, entryA), v.Context, aliyunesdk.ErrMalformed, aliyunesdk.ErrTooLarge, io.ErrUnexpectedEOF)
	refused(t, "one announced too few", c, with(1, entryB, entryA), v.Context, aliyunesdk.ErrMalformed)
	if n := api.Calls(""); n != calls {
		t.Errorf("%d calls for malformed messages", n-calls)
	}

	// The same in DER, where a SET with two of one key id and different blobs is in order.
	one := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: api})
	message, err := one.Encrypt(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := aliyunesdk.Inspect(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	der := parseDER(t, message)
	keys := der.child(0).child(2)
	second := node{tag: 0x30, children: []node{{tag: 4, content: []byte(keyA)}, {tag: 4, content: bytes.Repeat([]byte{0xff}, 108)}}}
	keys.children = append(keys.children, second)
	refused(t, "two blobs of one key id", one, der.marshal(), h.Context, aliyunesdk.ErrMalformed)
	second.children[0].content = []byte(strings.Replace(keyA, "1234567890123456", "9999999999999999", 1))
	keys.children[1] = second
	refused(t, "wrapped key added", one, der.marshal(), h.Context, aliyunesdk.ErrAuthentication)
}

// A node is an element of DER, or of something that is nearly that.
type node struct {
	tag      byte
	content  []byte
	children []node
	head     func(n int) []byte // how tag and length are spelt; nil is right
}

func (n *node) child(i int) *node { return &n.children[i] }

func (n *node) marshal() []byte {
	content := n.content
	for _, c := range n.children {
		content = append(content, c.marshal()...)
	}
	if n.head != nil {
		return append(n.head(len(content)), content...)
	}
	switch l := len(content); {
	case l < 0x80:
		return append([]byte{n.tag, byte(l)}, content...)
	case l < 0x100:
		return append([]byte{n.tag, 0x81, byte(l)}, content...)
	case l < 0x10000:
		return append([]byte{n.tag, 0x82, byte(l >> 8), byte(l)}, content...)
	default:
		return append([]byte{n.tag, 0x83, byte(l >> 16), byte(l >> 8), byte(l)}, content...)
	}
}

// parseDER parses a message that is known to be good.
func parseDER(t *testing.T, b []byte) *node {
	t.Helper()
	var parse func(b []byte) ([]node, error)
	parse = func(b []byte) (nodes []node, err error) {
		for len(b) > 0 {
			n, size, head := node{tag: b[0]}, int(b[1]), 2
			if size > 0x80 {
				head += size - 0x80
				size = 0
				for _, l := range b[2:head] {
					size = size<<8 | int(l)
				}
			}
			content := b[head : head+size]
			if n.tag&0x20 != 0 {
				if n.children, err = parse(content); err != nil {
					return nil, err
				}
			} else {
				n.content = bytes.Clone(content)
			}
			nodes, b = append(nodes, n), b[head+size:]
		}
		return nodes, nil
	}
	nodes, err := parse(b)
	if err != nil || len(nodes) != 1 {
		t.Fatalf("parseDER: %d nodes, %v", len(nodes), err)
	}
	if got := nodes[0].marshal(); !bytes.Equal(got, b) {
		t.Fatalf("DER comes back as %x, want %x", got, b)
	}
	return &nodes[0]
}

// What DER forbids, and what this format does, is refused before any call.
func TestStrictDER(t *testing.T) {
	v := vector(t, "J2")
	indefinite := func(tag byte) func(int) []byte { return func(int) []byte { return []byte{tag, 0x80} } }
	long := func(tag byte) func(int) []byte {
		return func(n int) []byte { return []byte{tag, 0x83, 0, byte(n >> 8), byte(n)} }
	}
	for name, mutate := range map[string]func(m *node){
		"indefinite message":      func(m *node) { m.head = indefinite(0x30); m.children = append(m.children, node{}) },
		"indefinite string":       func(m *node) { m.child(1).child(1).head = indefinite(0x24) },
		"constructed string":      func(m *node) { m.child(1).child(1).tag = 0x24 },
		"long length of message":  func(m *node) { m.head = long(0x30) },
		"long length of header":   func(m *node) { m.child(0).head = long(0x30) },
		"long length of keys":     func(m *node) { m.child(0).child(2).head = long(0x31) },
		"long length of a key id": func(m *node) { m.child(0).child(2).child(0).child(0).head = long(4) },
		"long length, two bytes":  func(m *node) { m.child(0).child(4).head = func(n int) []byte { return []byte{4, 0x81, byte(n)} } },
		"length of seven bytes": func(m *node) {
			m.head = func(n int) []byte { return []byte{0x30, 0x87, 1, 0, 0, 0, 0, byte(n >> 8), byte(n)} }
		},
		"reserved length":        func(m *node) { m.head = func(int) []byte { return []byte{0x30, 0xff} } },
		"keys unsorted":          func(m *node) { slices.Reverse(m.child(0).child(2).children) },
		"context unsorted":       func(m *node) { slices.Reverse(m.child(0).child(3).children) },
		"key twice":              func(m *node) { k := m.child(0).child(2); k.children = append(k.children[:1:1], k.children[0]) },
		"pair twice":             func(m *node) { k := m.child(0).child(3); k.children = append(k.children[:1:1], k.children[0]) },
		"two values of a key":    func(m *node) { m.child(0).child(3).child(1).child(0).content = []byte("one") },
		"version 0":              func(m *node) { m.child(0).child(0).content = []byte{0} },
		"version 2":              func(m *node) { m.child(0).child(0).content = []byte{2} },
		"version of two bytes":   func(m *node) { m.child(0).child(0).content = []byte{0, 1} },
		"version of no byte":     func(m *node) { m.child(0).child(0).content = nil },
		"version negative":       func(m *node) { m.child(0).child(0).content = []byte{0xff} },
		"version a string":       func(m *node) { m.child(0).child(0).tag = 4 },
		"algorithm of two bytes": func(m *node) { m.child(0).child(1).content = []byte{0, 2} },
		"algorithm unknown":      func(m *node) { m.child(0).child(1).content = []byte{99} },
		"keys a sequence":        func(m *node) { m.child(0).child(2).tag = 0x30 },
		"no keys":                func(m *node) { m.child(0).child(2).children = nil },
		"key a set":              func(m *node) { m.child(0).child(2).child(0).tag = 0x31 },
		"key of three fields":    func(m *node) { k := m.child(0).child(2).child(0); k.children = append(k.children, node{tag: 4}) },
		"key of one field":       func(m *node) { k := m.child(0).child(2).child(0); k.children = k.children[:1] },
		"empty key id":           func(m *node) { m.child(0).child(2).child(0).child(0).content = nil },
		"key id not UTF-8":       func(m *node) { m.child(0).child(2).child(0).child(0).content = []byte{0xff} },
		"key id too long":        func(m *node) { m.child(0).child(2).child(0).child(0).content = make([]byte, aliyunesdk.MaxKeyIDSize+1) },
		"empty blob":             func(m *node) { m.child(0).child(2).child(0).child(1).content = nil },
		"blob too long": func(m *node) {
			m.child(0).child(2).child(0).child(1).content = make([]byte, aliyunesdk.MaxWrappedKeySize/4*3+1)
		},
		"context not UTF-8":       func(m *node) { m.child(0).child(3).child(0).child(1).content = []byte{0xff} },
		"context too long":        func(m *node) { m.child(0).child(3).child(0).child(1).content = make([]byte, 32800) },
		"context too long in all": func(m *node) { m.child(0).child(3).child(0).child(1).content = make([]byte, 32760) },
		"header IV short":         func(m *node) { h := m.child(0).child(4); h.content = h.content[:11] },
		"header IV long":          func(m *node) { h := m.child(0).child(4); h.content = append(h.content, 0) },
		"header tag short":        func(m *node) { h := m.child(0).child(5); h.content = h.content[:12] },
		"header tag long":         func(m *node) { h := m.child(0).child(5); h.content = append(h.content, 0) },
		"header of seven fields":  func(m *node) { h := m.child(0); h.children = append(h.children, node{tag: 4}) },
		"header of five fields":   func(m *node) { h := m.child(0); h.children = h.children[:5] },
		"header too long":         func(m *node) { m.child(0).head = func(int) []byte { return []byte{0x30, 0x83, 0xff, 0xff, 0xff} } },
		"body IV short":           func(m *node) { b := m.child(1).child(0); b.content = b.content[:11] },
		"body IV long":            func(m *node) { b := m.child(1).child(0); b.content = make([]byte, 16) },
		"body tag short":          func(m *node) { b := m.child(1).child(2); b.content = b.content[:15] },
		"body tag long":           func(m *node) { b := m.child(1).child(2); b.content = append(b.content, 0) },
		"body tag empty":          func(m *node) { m.child(1).child(2).content = nil },
		"body tag no string":      func(m *node) { m.child(1).child(2).tag = 5 },
		"body tag cut and filled": func(m *node) {
			b := m.child(1)
			b.child(2).content = b.child(2).content[:14]
			b.children = append(b.children, node{tag: 4})
		},
		"body of four fields":      func(m *node) { b := m.child(1); b.children = append(b.children, node{tag: 4}) },
		"body of two fields":       func(m *node) { b := m.child(1); b.children = b.children[:2] },
		"body missing":             func(m *node) { m.children = m.children[:1] },
		"message of three fields":  func(m *node) { m.children = append(m.children, node{tag: 4}) },
		"body of a message alone":  func(m *node) { *m = *m.child(1) },
		"header of a message only": func(m *node) { *m = *m.child(0) },
	} {
		api := &kmskeytest.KMS{}
		c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{AcceptUnseen: []string{"*"}})
		m := parseDER(t, v.Message)
		mutate(m)
		refused(t, name, c, m.marshal(), nil, aliyunesdk.ErrMalformed, aliyunesdk.ErrTooLarge, aliyunesdk.ErrUnsupportedVersion,
			aliyunesdk.ErrUnsupportedAlgorithm, io.ErrUnexpectedEOF)
		if n := api.Calls(""); n != 0 {
			t.Errorf("%s: %d calls", name, n)
		}
		var parse *aliyunesdk.ParseError
		if _, err := c.Decrypt(t.Context(), m.marshal(), nil); !errors.As(err, &parse) || parse.Field == "" {
			t.Errorf("%s: %v is no ParseError", name, err)
		}
	}
}

// The same for the stream encoding, whose lengths are four bytes each.
func TestStrictStream(t *testing.T) {
	v := vector(t, "S3")
	u32 := func(b []byte, at int, n uint32) { binary.BigEndian.PutUint32(b[at:], n) }
	keys := bytes.Index(v.Message, []byte("\x00\x00\x00\x02\x00\x00\x00\x4c"))
	iv := bytes.Index(v.Message, []byte{0, 0, 0, 12, 0xa1})
	bodyIV := bytes.Index(v.Message, []byte{12, 0, 0, 0, 0xa2})
	const context = 8
	for name, mutate := range map[string]func(b []byte) []byte{
		"version 0":                  func(b []byte) []byte { u32(b, 0, 0); return b },
		"version 2":                  func(b []byte) []byte { u32(b, 0, 2); return b },
		"neither DER nor stream":     func(b []byte) []byte { b[0] = 0x31; return b },
		"algorithm 0":                func(b []byte) []byte { u32(b, 4, 0); return b },
		"algorithm 13":               func(b []byte) []byte { u32(b, 4, 13); return b },
		"algorithm enormous":         func(b []byte) []byte { u32(b, 4, 1<<31+2); return b },
		"context too long":           func(b []byte) []byte { u32(b, context, aliyunesdk.MaxContextSize+1); return b },
		"context of 4 GiB":           func(b []byte) []byte { u32(b, context, 1<<32-1); return b },
		"context shorter than it is": func(b []byte) []byte { u32(b, context, 13); return b },
		"context longer than it is":  func(b []byte) []byte { u32(b, context, 15); return b },
		"no pairs, four bytes": func(b []byte) []byte {
			return slices.Concat(b[:context], []byte{0, 0, 0, 4, 0, 0, 0, 0}, b[keys:])
		},
		"one pair too many":   func(b []byte) []byte { u32(b, context+4, 2); return b },
		"one pair too few":    func(b []byte) []byte { u32(b, context+4, 0); return b },
		"pairs beyond memory": func(b []byte) []byte { u32(b, context+4, 1<<32-1); return b },
		"pair's key too long": func(b []byte) []byte { u32(b, context+8, 100); return b },
		"pair's value too long": func(b []byte) []byte {
			u32(b, context+13, 1<<31)
			return b
		},
		"context not UTF-8": func(b []byte) []byte { b[context+12] = 0xff; return b },
		"context unsorted": func(b []byte) []byte {
			two := []byte("\x00\x00\x00\x18\x00\x00\x00\x02\x00\x00\x00\x01b\x00\x00\x00\x01v\x00\x00\x00\x01a\x00\x00\x00\x01v")
			return slices.Concat(b[:context], two, b[keys:])
		},
		"pair twice": func(b []byte) []byte {
			two := []byte("\x00\x00\x00\x18\x00\x00\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x01v\x00\x00\x00\x01a\x00\x00\x00\x01w")
			return slices.Concat(b[:context], two, b[keys:])
		},
		"keys beyond the limit": func(b []byte) []byte { u32(b, keys, aliyunesdk.MaxWrappedKeys+1); return b },
		"keys beyond memory":    func(b []byte) []byte { u32(b, keys, 1<<32-1); return b },
		"key id empty":          func(b []byte) []byte { return slices.Concat(b[:keys+4], make([]byte, 4), b[keys+8+0x4c:]) },
		"key id too long":       func(b []byte) []byte { u32(b, keys+4, aliyunesdk.MaxKeyIDSize+1); return b },
		"key id of 4 GiB":       func(b []byte) []byte { u32(b, keys+4, 1<<32-1); return b },
		"key id not UTF-8":      func(b []byte) []byte { b[keys+8] = 0xff; return b },
		"blob too long":         func(b []byte) []byte { u32(b, keys+8+0x4c, aliyunesdk.MaxWrappedKeySize+1); return b },
		"blob empty": func(b []byte) []byte {
			return slices.Concat(b[:keys+8+0x4c], make([]byte, 4), b[keys+8+0x4c+4+0x24:])
		},
		"blob no base64":          func(b []byte) []byte { b[keys+8+0x4c+4] = '?'; return b },
		"blob spelt otherwise":    func(b []byte) []byte { b[keys+8+0x4c+4+0x22]++; return b },
		"header IV short":         func(b []byte) []byte { u32(b, iv, 11); return slices.Delete(b, iv+4, iv+5) },
		"header IV long":          func(b []byte) []byte { u32(b, iv, 16); return slices.Insert(b, iv+4, 0, 0, 0, 0) },
		"header tag short":        func(b []byte) []byte { u32(b, iv+16, 12); return slices.Delete(b, iv+20, iv+24) },
		"header tag of 4 GiB":     func(b []byte) []byte { u32(b, iv+16, 1<<32-1); return b },
		"body IV short":           func(b []byte) []byte { b[bodyIV] = 11; return b },
		"body IV long":            func(b []byte) []byte { b[bodyIV] = 16; return b },
		"body IV of 4 GiB":        func(b []byte) []byte { copy(b[bodyIV:], "\xff\xff\xff\xff"); return b },
		"body IV length reversed": func(b []byte) []byte { u32(b, bodyIV, 12); return b },
		"no room for the tag":     func(b []byte) []byte { return b[:bodyIV+16+15] },
	} {
		api := &kmskeytest.KMS{}
		c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{AcceptUnseen: []string{"*"}})
		message := mutate(bytes.Clone(v.Message))
		refused(t, name, c, message, nil, aliyunesdk.ErrMalformed, aliyunesdk.ErrTooLarge, aliyunesdk.ErrUnsupportedVersion,
			aliyunesdk.ErrUnsupportedAlgorithm, io.ErrUnexpectedEOF)
		if n := api.Calls(""); n != 0 {
			t.Errorf("%s: %d calls", name, n)
		}
	}
}

// CBC: lengths that are no whole blocks are refused before any call, and a wrong padding looks like any other wrong body.
func TestInsecureBodies(t *testing.T) {
	for _, name := range []string{"J3", "S2"} {
		v := vector(t, name)
		api := &kmskeytest.KMS{}
		c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		broken := bytes.Clone(v.Message)
		if v.Encoding == aliyunesdk.OneShot {
			broken[len(broken)-3] ^= 0x40 // the last byte of ciphertext, before 04 00
		} else {
			broken[len(broken)-1] ^= 0x40
			refused(t, "no whole blocks", c, v.Message[:len(v.Message)-1], v.Context, aliyunesdk.ErrMalformed)
			refused(t, "no block", c, v.Message[:len(v.Message)-16], v.Context, aliyunesdk.ErrMalformed)
			if n := api.Calls(""); n != 0 {
				t.Errorf("%s: %d calls", name, n)
			}
		}
		refused(t, name, c, broken, v.Context, aliyunesdk.ErrAuthentication)
	}
}

func TestInspectErrors(t *testing.T) {
	boom := errors.New("boom")
	var parse *aliyunesdk.ParseError
	for _, v := range aliyunesdk.ReadVectors(t) {
		_, err := aliyunesdk.Inspect(io.MultiReader(bytes.NewReader(v.Message[:20]), errReader{boom}))
		if !errors.Is(err, boom) || errors.As(err, &parse) {
			t.Errorf("%s: Inspect over a reader that fails = %v", v.Name, err)
		}
	}
	if _, err := aliyunesdk.Inspect(bytes.NewReader(nil)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Inspect of nothing = %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// sortDER puts the elements of a SET in order.
func sortDER(n *node) {
	slices.SortFunc(n.children, func(a, b node) int { return bytes.Compare(a.marshal(), b.marshal()) })
}
