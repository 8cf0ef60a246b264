package material_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

// A text that is read as a blob holds 65 to 6208 bytes, which open under no key but by chance, and re-encoding them
// gives the same blob.
func FuzzBlob(f *testing.F) {
	f.Add("")
	f.Add("ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLL2e6d6rFtXT/LfMFMBxWQ34jd7mO85YcJxko")
	f.Add("ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJm\nAAECAwQFBgcICQoLL2e6d6rFtXT/LfMFMBxWQ34jd7mO85YcJxko ")
	f.Add(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0}, 65)))
	aead, err := new(material.Cache).AEAD(material.SM4GCM, version, bytes.Repeat([]byte{0x5a}, 16))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b material.Blob
		if err := b.SetParam(text); err != nil {
			return
		}
		if n := len(b.VersionID()); n != 36 {
			t.Fatalf("a version id of %d bytes", n)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(text))
		if err != nil || len(raw) < 65 || len(raw) > 6208 {
			t.Fatalf("a blob of %d bytes was accepted, %v", len(raw), err)
		}
		again := material.Blob{Text: base64.StdEncoding.EncodeToString(raw)}
		if err := again.CheckParam(); err != nil || again.VersionID() != b.VersionID() {
			t.Fatalf("re-encoded: %v", err)
		}
		if got, err := b.Open(aead, nil, material.InjectiveAAD); err == nil {
			t.Fatalf("opened as %q", got)
		}
	})
}

// A context that is read is what an independent reading of the JSON gives, and survives its own JSON.
func FuzzContext(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"a":"b"}`, `{"a":"1","\u0061":"\ud83d\ude00"}`, `{"a":{"b":[1]}}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":"\\ud800"} `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c material.Context
		if err := c.SetParam(text); err != nil {
			if c != nil {
				t.Fatalf("refused, and set to %v", c)
			}
			return
		}
		if utf8.RuneCountInString(text) > 8192 {
			t.Fatal("accepted with more than 8192 characters")
		}
		var want map[string]string
		if err := json.Unmarshal([]byte(text), &want); err != nil || !maps.Equal(want, c) {
			t.Fatalf("SetParam(%q) set %q, json says %q, %v", text, c, want, err)
		}
		if err := c.CheckParam(); err != nil {
			t.Fatalf("CheckParam refuses what SetParam made of %q: %v", text, err)
		}
		doc, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again material.Context
		if utf8.RuneCount(doc) <= 8192 { // json.Marshal escapes more than it must
			if err := again.SetParam(string(doc)); err != nil || !maps.Equal(again, c) {
				t.Fatalf("from its own JSON %s: %v, %v", doc, again, err)
			}
		}
	})
}
