package material_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

const version = "86a9efd9-3d16-4894-bd4f-1fc43f3f2abf"

// key is the 32 bytes 00 01 … 1f.
var key = func() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

func parse(t *testing.T, text string) *material.Blob {
	t.Helper()
	b := new(material.Blob)
	if err := b.SetParam(text); err != nil {
		t.Fatalf("SetParam(%.40q…) = %v", text, err)
	}
	return b
}

// Blobs that the vendor's own layer made, under the key above.
func TestOpenVendorBlobs(t *testing.T) {
	aead, err := new(material.Cache).AEAD(material.AES256GCM, version, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, blob, text string
		ec               material.Context
	}{
		{"no context", "ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLL2e6d6rFtXT/LfMFMBxWQ34jd7mO85YcJxko", "hello world", nil},
		{"context", "ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLL2e6d6rFtXT/LfMMU2yPZhmC8o2RFs+YBx8t", "hello world", material.Context{"Example": "Example"}},
		{"data key", "ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLBkOTWISSk13PJvTC8rgXIceXt3u0Ax4ufQ+o0Fs7WepGUsWd6Lll/DzMR9A4HX4LaH5lekMRu4RzXey1", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := parse(t, tt.blob)
			if got := b.VersionID(); got != version {
				t.Errorf("VersionID = %s, want %s", got, version)
			}
			if got, err := b.Open(aead, tt.ec, material.CollidingAAD); err != nil || string(got) != tt.text {
				t.Errorf("Open = %q, %v, want %q", got, err, tt.text)
			}
			if _, err := b.Open(aead, tt.ec, material.InjectiveAAD); !errors.Is(err, material.ErrOpen) {
				t.Errorf("Open with other associated data = %v, want ErrOpen", err)
			}
		})
	}
}

// A published answer of SM4-GCM: RFC 8998, Appendix A.1.
func TestSM4GCM(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	aead, err := new(material.Cache).AEAD(material.SM4GCM, version, unhex("0123456789abcdeffedcba9876543210"))
	if err != nil {
		t.Fatal(err)
	}
	got := aead.Seal(nil, unhex("00001234567800000000abcd"),
		unhex("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"),
		unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
	want := unhex("17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d" +
		"83de3541e4c2b58177e065a9bf7b62ec")
	if !bytes.Equal(got, want) {
		t.Errorf("Seal = %x, want %x", got, want)
	}
}

func TestSealOpen(t *testing.T) {
	cache := new(material.Cache)
	for _, tt := range []struct {
		name   string
		cipher material.Cipher
		key    []byte
	}{
		{"AES-256", material.AES256GCM, key},
		{"SM4", material.SM4GCM, key[:16]},
	} {
		for _, mode := range []material.AAD{material.InjectiveAAD, material.CollidingAAD} {
			for _, size := range []int{1, 44, material.MaxPlaintext} {
				aead, err := cache.AEAD(tt.cipher, version, tt.key)
				if err != nil {
					t.Fatal(err)
				}
				text := bytes.Repeat([]byte{0xAA}, size)
				ec := material.Context{"b": "2", "a": "1"}
				one, two := material.Seal(aead, version, text, ec, mode), material.Seal(aead, version, text, ec, mode)
				if one == two {
					t.Errorf("%s: two blobs of one text are equal", tt.name)
				}
				raw, err := base64.StdEncoding.DecodeString(one)
				if err != nil || len(raw) != 64+size || !bytes.HasPrefix(raw, []byte(version)) || bytes.Contains(raw, text[:min(size, 8)]) && size > 1 {
					t.Errorf("%s: the blob of %d bytes is %d bytes, want 64 more and %s first: %v", tt.name, size, len(raw), version, err)
				}
				if got, err := parse(t, one).Open(aead, material.Context{"a": "1", "b": "2"}, mode); err != nil || !bytes.Equal(got, text) {
					t.Errorf("%s: Open = %d bytes, %v", tt.name, len(got), err)
				}
			}
		}
	}
}

// A data key is random, of the size that was asked for, and in the blob is the text that was given. The sizes are on both
// sides of what stays on the stack.
func TestNewDataKey(t *testing.T) {
	aead, err := new(material.Cache).AEAD(material.AES256GCM, version, key)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, size := range []int{8, 16, 32, 63, 64, 65, 1024} {
		for range 100 {
			text, blob := material.NewDataKey(aead, version, size, material.Context{"a": "1"}, material.InjectiveAAD)
			made, err := base64.StdEncoding.Strict().DecodeString(string(text))
			if err != nil || len(made) != size || bytes.Count(made, []byte{0}) > size/2 {
				t.Fatalf("the text of a key of %d bytes is of %d: %v", size, len(made), err)
			}
			b := parse(t, blob)
			if got, err := b.Open(aead, material.Context{"a": "1"}, material.InjectiveAAD); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("Open = %d bytes, %v, want the text of the key", len(got), err)
			}
			iv := string(b.Bytes()[36:48])
			if seen[string(text)] || seen[iv] || bytes.Contains(made, []byte(iv)) {
				t.Fatalf("a key of %d bytes or its IV is not new", size)
			}
			seen[string(text)], seen[iv] = true, true
		}
	}
}

// Every flipped byte, the version id among them, and every wrong context is refused alike.
func TestOpenRefuses(t *testing.T) {
	aead, err := new(material.Cache).AEAD(material.AES256GCM, version, key)
	if err != nil {
		t.Fatal(err)
	}
	ec := material.Context{"a": "1"}
	raw, err := base64.StdEncoding.DecodeString(material.Seal(aead, version, []byte("text"), ec, material.InjectiveAAD))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		b := parse(t, base64.StdEncoding.EncodeToString(raw))
		raw[i] ^= 1
		if got, err := b.Open(aead, ec, material.InjectiveAAD); got != nil || !errors.Is(err, material.ErrOpen) {
			t.Errorf("byte %d flipped: Open = %q, %v, want ErrOpen", i, got, err)
		}
	}
	b := parse(t, base64.StdEncoding.EncodeToString(raw))
	for name, wrong := range map[string]material.Context{
		"none": nil, "other value": {"a": "2"}, "other key": {"b": "1"}, "one more": {"a": "1", "b": ""}, "swapped": {"1": "a"},
	} {
		if _, err := b.Open(aead, wrong, material.InjectiveAAD); !errors.Is(err, material.ErrOpen) {
			t.Errorf("context %s: Open = %v, want ErrOpen", name, err)
		}
	}
	none := parse(t, material.Seal(aead, version, []byte("text"), nil, material.InjectiveAAD))
	if _, err := none.Open(aead, ec, material.InjectiveAAD); !errors.Is(err, material.ErrOpen) {
		t.Errorf("a context for a blob without: Open = %v, want ErrOpen", err)
	}
	if _, err := none.Open(aead, material.Context{}, material.InjectiveAAD); err != nil {
		t.Errorf("an empty context for a blob without: Open = %v", err)
	}
}

// Contexts that the vendor's layer takes for one are two, unless it is imitated.
func TestAADIsInjective(t *testing.T) {
	aead, err := new(material.Cache).AEAD(material.AES256GCM, version, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]material.Context{
		{{"a": "1&b=2"}, {"a": "1", "b": "2"}},
		{{"a=1&b": "2"}, {"a": "1", "b": "2"}},
		{{"a": "b=c"}, {"a=b": "c"}},
	} {
		for mode, want := range map[material.AAD]error{material.InjectiveAAD: material.ErrOpen, material.CollidingAAD: nil} {
			b := parse(t, material.Seal(aead, version, []byte("text"), pair[0], mode))
			if _, err := b.Open(aead, pair[1], mode); !errors.Is(err, want) {
				t.Errorf("mode %d: a blob made with %v opened with %v: %v, want %v", mode, pair[0], pair[1], err, want)
			}
		}
	}
}

func TestBlobSyntax(t *testing.T) {
	raw := bytes.Repeat([]byte{'x'}, 65)
	text := base64.StdEncoding.EncodeToString(raw)
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"the shortest", text, true},
		{"line end", text + "\n", true},
		{"folded, with blanks and tabs", " " + text[:20] + "\r\n\t" + text[20:], true},
		{"another encoding of the same bytes", strings.Replace(text, "eHg=", "eHh=", 1), true},
		{"the longest", base64.StdEncoding.EncodeToString(make([]byte, 64+6144)), true},
		{"one byte longer", base64.StdEncoding.EncodeToString(make([]byte, 65+6144)), false},
		{"64 bytes", base64.StdEncoding.EncodeToString(raw[:64]), false},
		{"48 bytes", base64.StdEncoding.EncodeToString(raw[:48]), false},
		{"nothing", "", false},
		{"without padding", strings.TrimRight(text, "="), false},
		{"URL alphabet", strings.Replace(base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 66)), "-", "_", 1), false},
		{"not base64", "?" + text[1:], false},
		{"far too long", strings.Repeat(" ", 1<<20) + text, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b material.Blob
			if err := b.SetParam(tt.text); (err == nil) != tt.ok {
				t.Errorf("SetParam = %v, want accepted: %v", err, tt.ok)
			}
			typed := material.Blob{Text: tt.text}
			if err := typed.CheckParam(); (err == nil) != tt.ok {
				t.Errorf("CheckParam = %v, want accepted: %v", err, tt.ok)
			}
			if tt.ok && typed.VersionID() != b.VersionID() {
				t.Errorf("VersionID = %q and %q", typed.VersionID(), b.VersionID())
			}
		})
	}
}

func TestCache(t *testing.T) {
	c := new(material.Cache)
	one, err := c.AEAD(material.AES256GCM, version, key)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := c.AEAD(material.AES256GCM, version, bytes.Clone(key))
	if one != again {
		t.Error("an equal key of the same version is expanded anew")
	}
	other := bytes.Repeat([]byte{7}, 32)
	two, _ := c.AEAD(material.AES256GCM, version, other)
	blob := parse(t, material.Seal(two, version, []byte("x"), nil, material.InjectiveAAD))
	if _, err := blob.Open(one, nil, material.InjectiveAAD); !errors.Is(err, material.ErrOpen) {
		t.Errorf("another key of the same version opens with the cipher of the first: %v", err)
	}
	if _, err := c.AEAD(material.SM4GCM, version, key); err == nil || err.Error() != "material: a key of 32 bytes, want 16" {
		t.Errorf("AEAD with a key of the wrong size = %v", err)
	}
}
