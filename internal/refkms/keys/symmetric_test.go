package keys_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// What Encrypt is given comes back from Decrypt exactly: it is text, not base64 of bytes.
func TestEncryptKeepsTheText(t *testing.T) {
	w := newWorld(t, keys.Options{})
	for _, spec := range [][]string{nil, {"KeySpec", "Aliyun_SM4", "ProtectionLevel", "HSM"}} {
		k := w.key(spec...)
		version := w.describe(k).str("PrimaryKeyVersion")
		for _, tt := range []struct{ name, text string }{
			{"not base64", "plaintext"},
			{"base64", "dGV4dA=="},
			{"a PEM file", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\r\n-----END RSA PRIVATE KEY-----\n"},
			{"blanks around", "  x\t\n"},
			{"other scripts and zero bytes", "信封\x00😀"},
			{"one byte", "x"},
			{"6144 bytes", strings.Repeat("x", 6144)},
			{"6144 bytes of other scripts", strings.Repeat("信", 2048)},
		} {
			enc := w.ok("Encrypt", "KeyId", k, "Plaintext", tt.text)
			if enc.str("KeyId") != k || enc.str("KeyVersionId") != version {
				t.Errorf("%s: Encrypt answers key %s, version %s", tt.name, enc.str("KeyId"), enc.str("KeyVersionId"))
			}
			blob := enc.str("CiphertextBlob")
			raw, err := base64.StdEncoding.DecodeString(blob)
			if err != nil || len(raw) != 64+len(tt.text) || string(raw[:36]) != version {
				t.Errorf("%s: the blob has %d bytes, want %d, the version first: %v", tt.name, len(raw), 64+len(tt.text), err)
			}
			dec := w.ok("Decrypt", "CiphertextBlob", blob, "KeyId", "ignored")
			if dec.str("Plaintext") != tt.text || dec.str("KeyId") != k || dec.str("KeyVersionId") != version {
				t.Errorf("%s: Decrypt answers %v", tt.name, dec)
			}
			if again := w.ok("Encrypt", "KeyId", k, "Plaintext", tt.text).str("CiphertextBlob"); again == blob {
				t.Errorf("%s: the same text twice gives the same blob", tt.name)
			}
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	for _, tt := range []struct {
		name   string
		params []string
		want   error
	}{
		{"no key", []string{"Plaintext", "x"}, call.Missing("KeyId")},
		{"no text", []string{"KeyId", k}, call.Missing("Plaintext")},
		{"empty text", []string{"KeyId", k, "Plaintext", ""}, call.Missing("Plaintext")},
		{"6145 bytes", []string{"KeyId", k, "Plaintext", strings.Repeat("x", 6145)}, call.Invalid("Plaintext")},
		{"not UTF-8", []string{"KeyId", k, "Plaintext", "\xff"}, call.Invalid("Plaintext")},
		{"bad context", []string{"KeyId", k, "Plaintext", "x", "EncryptionContext", `["a"]`}, call.Invalid("EncryptionContext")},
		{"unknown key", []string{"KeyId", "none", "Plaintext", "x"}, call.ErrKeyNotFound},
		{"unknown alias", []string{"KeyId", "alias/none", "Plaintext", "x"}, call.ErrAliasNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refused(tt.want, "Encrypt", tt.params...) })
	}
}

func TestDecryptAcceptsReencodings(t *testing.T) {
	w := newWorld(t, keys.Options{})
	blob := w.ok("Encrypt", "KeyId", w.key(), "Plaintext", "text").str("CiphertextBlob")
	for name, b := range map[string]string{
		"line end": blob + "\n", "folded": blob[:64] + "\r\n" + blob[64:], "blanks and tabs": " " + blob[:5] + "\t " + blob[5:],
	} {
		if got := w.ok("Decrypt", "CiphertextBlob", b).str("Plaintext"); got != "text" {
			t.Errorf("%s: Decrypt answers %q", name, got)
		}
	}
}

func TestDecryptRefuses(t *testing.T) {
	w := newWorld(t, keys.Options{})
	blob := w.ok("Encrypt", "KeyId", w.key(), "Plaintext", "text").str("CiphertextBlob")
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(i int) string {
		b := []byte(string(raw))
		b[i] ^= 1
		return base64.StdEncoding.EncodeToString(b)
	}
	other, err := base64.StdEncoding.DecodeString(w.ok("Encrypt", "KeyId", w.key(), "Plaintext", "text").str("CiphertextBlob"))
	if err != nil {
		t.Fatal(err)
	}
	invalid := call.Invalid("CiphertextBlob")
	for _, tt := range []struct {
		name, blob string
		want       error
	}{
		{"absent", "", call.Missing("CiphertextBlob")},
		{"not base64", "text", invalid},
		{"URL alphabet", strings.Repeat("_-", 50), invalid},
		{"48 bytes", base64.StdEncoding.EncodeToString(raw[:48]), invalid},
		{"64 bytes", base64.StdEncoding.EncodeToString(raw[:64]), invalid},
		{"one byte short", base64.StdEncoding.EncodeToString(raw[:len(raw)-1]), invalid},
		{"one byte long", base64.StdEncoding.EncodeToString(append(raw[:len(raw):len(raw)], 0)), invalid},
		{"IV changed", edit(36), invalid},
		{"ciphertext changed", edit(48), invalid},
		{"tag changed", edit(len(raw) - 1), invalid},
		{"unknown version", edit(0), call.ErrKeyNotFound},
		{"a version with slashes", base64.StdEncoding.EncodeToString(append([]byte(strings.Repeat("/", 36)), raw[36:]...)), call.ErrKeyNotFound},
		{"version of another key", base64.StdEncoding.EncodeToString(append(other[:36:36], raw[36:]...)), invalid},
	} {
		t.Run(tt.name, func(t *testing.T) { w.refused(tt.want, "Decrypt", "CiphertextBlob", tt.blob) })
	}
	// A blob opens in the region and account that made it, and nowhere else.
	w.in(account, "cn-beijing").refused(call.ErrKeyNotFound, "Decrypt", "CiphertextBlob", blob)
	w.in("42", region).refused(call.ErrKeyNotFound, "Decrypt", "CiphertextBlob", blob)
}

func TestEncryptionContext(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	const a, b, none = `{"a":"1","b":"2"}`, ` { "b" : "2", "\u0061":"1" } `, ""
	for _, tt := range []struct {
		name, with, open string
		ok               bool
	}{
		{"same", a, a, true},
		{"same, written otherwise", a, b, true},
		{"none", none, none, true},
		{"none and {}", none, `{}`, true},
		{"null and none", `null`, none, true},
		{"last of a repeated key", `{"a":"0","b":"2","a":"1"}`, a, true},
		{"missing at decryption", a, none, false},
		{"given for a blob without", none, a, false},
		{"other value", a, `{"a":"1","b":"3"}`, false},
		{"other case", a, `{"A":"1","b":"2"}`, false},
		{"part of it", a, `{"a":"1"}`, false},
		{"the collision of the vendor's layer", `{"a":"1&b=2"}`, a, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, action := range []string{"Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"} {
				blob := w.ok(action, "KeyId", k, "Plaintext", "text", "EncryptionContext", tt.with).str("CiphertextBlob")
				if tt.ok {
					w.ok("Decrypt", "CiphertextBlob", blob, "EncryptionContext", tt.open)
				} else {
					w.refused(call.Invalid("CiphertextBlob"), "Decrypt", "CiphertextBlob", blob, "EncryptionContext", tt.open)
				}
			}
		})
	}
	blob := w.ok("Encrypt", "KeyId", k, "Plaintext", "text").str("CiphertextBlob")
	for _, bad := range []string{`1`, `"a"`, `[]`, `{"a":1}`, `{"a":null}`, `{"a":"1"}x`, `{"a":"\ud800"}`, strings.Repeat(" ", 8193)} {
		w.refused(call.Invalid("EncryptionContext"), "Decrypt", "CiphertextBlob", blob, "EncryptionContext", bad)
		w.refused(call.Invalid("EncryptionContext"), "GenerateDataKey", "KeyId", k, "EncryptionContext", bad)
		w.refused(call.Invalid("SourceEncryptionContext"), "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k, "SourceEncryptionContext", bad)
		w.refused(call.Invalid("DestinationEncryptionContext"), "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k, "DestinationEncryptionContext", bad)
	}

	colliding := newWorld(t, keys.Options{AAD: material.CollidingAAD})
	blob = colliding.ok("Encrypt", "KeyId", colliding.key(), "Plaintext", "text", "EncryptionContext", `{"a":"1&b=2"}`).str("CiphertextBlob")
	colliding.ok("Decrypt", "CiphertextBlob", blob, "EncryptionContext", a)
}

func TestReEncrypt(t *testing.T) {
	w := newWorld(t, keys.Options{})
	src, dst := w.key(), w.key("ProtectionLevel", "HSM")
	w.ok("CreateAlias", "AliasName", "alias/dst", "KeyId", dst)
	version := w.describe(src).str("PrimaryKeyVersion")
	blob := w.ok("Encrypt", "KeyId", src, "Plaintext", "text", "EncryptionContext", `{"a":"1"}`).str("CiphertextBlob")

	moved := w.ok("ReEncrypt", "CiphertextBlob", blob, "SourceEncryptionContext", `{"a":"1"}`,
		"DestinationKeyId", "alias/dst", "DestinationEncryptionContext", `{"b":"2"}`)
	if moved.str("KeyId") != src || moved.str("KeyVersionId") != version || moved.at("Plaintext") != nil {
		t.Errorf("ReEncrypt answers %v, want the key and version that opened the source, and no text", moved)
	}
	opened := w.ok("Decrypt", "CiphertextBlob", moved.str("CiphertextBlob"), "EncryptionContext", `{"b":"2"}`)
	if opened.str("Plaintext") != "text" || opened.str("KeyId") != dst {
		t.Errorf("the new blob opens as %v, want by %s", opened, dst)
	}
	w.ok("ReEncrypt", "CiphertextBlob", blob, "SourceEncryptionContext", `{"a":"1"}`, "DestinationKeyId", src) // to itself

	w.refused(call.Missing("CiphertextBlob"), "ReEncrypt")
	w.refused(call.Missing("DestinationKeyId"), "ReEncrypt", "CiphertextBlob", blob)
	w.refused(call.Invalid("CiphertextBlob"), "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", dst)
	w.refused(call.ErrKeyNotFound, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", "none")
	w.refused(call.ErrAliasNotFound, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", "alias/none")
	w.in(account, "cn-beijing").refused(call.ErrKeyNotFound, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", "alias/none")

	// The source is told before the destination, kinds before states.
	disabled, _ := w.keyIn(state.Disabled)
	dying, dyingBlob := w.keyIn(state.PendingDeletion)
	w.refused(pd, "ReEncrypt", "CiphertextBlob", dyingBlob, "DestinationKeyId", disabled)
	w.refused(d, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", disabled)
	w.refused(pd, "ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", dying)
	w.change(disabled, func(k *state.Key) { k.Spec = "RSA_2048" })
	w.refused(call.ErrUnsupportedOperation, "ReEncrypt", "CiphertextBlob", dyingBlob, "DestinationKeyId", disabled)
}

// A symmetric operation on an asymmetric key is told by its kind, whatever its state.
func TestSymmetricOperationsOnAsymmetricKeys(t *testing.T) {
	for _, row := range matrix {
		switch row.name {
		case "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt, source", "ReEncrypt, destination":
		default:
			continue
		}
		for _, st := range []state.KeyState{state.Enabled, state.Disabled} {
			w := newWorld(t, keys.Options{})
			key, blob := w.keyIn(st)
			w.change(key, func(k *state.Key) { k.Spec = "RSA_2048" })
			action, params := row.call(w, key, blob)
			w.refused(call.ErrUnsupportedOperation, action, params...)
		}
	}
}

// Blobs that the vendor's own layer made, of the version and under the key that it names, open here where contexts are
// authenticated as that layer does it.
func TestDecryptVendorBlobs(t *testing.T) {
	const version = "86a9efd9-3d16-4894-bd4f-1fc43f3f2abf"
	w := newWorld(t, keys.Options{AAD: material.CollidingAAD})
	ordered := make([]byte, 32)
	for i := range ordered {
		ordered[i] = byte(i)
	}
	key := w.key()
	w.update(func(tx state.Tx) {
		state.Versions.Put(tx, w.scope, version, &state.Version{ID: version, KeyID: key, Number: 2, Created: state.At(start), Material: state.NewMaterial(ordered)})
	})
	for _, tt := range []struct{ name, context, blob, text string }{
		{"no context", "", "ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLL2e6d6rFtXT/LfMFMBxWQ34jd7mO85YcJxko", "hello world"},
		{"context", `{"Example":"Example"}`, "ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLL2e6d6rFtXT/LfMMU2yPZhmC8o2RFs+YBx8t", "hello world"},
		{"data key", "", "ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAECAwQFBgcICQoLBkOTWISSk13PJvTC8rgXIceXt3u0Ax4ufQ+o0Fs7WepGUsWd6Lll/DzMR9A4HX4LaH5lekMRu4RzXey1", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
	} {
		d := w.ok("Decrypt", "CiphertextBlob", tt.blob, "EncryptionContext", tt.context)
		if d.str("Plaintext") != tt.text || d.str("KeyId") != key || d.str("KeyVersionId") != version {
			t.Errorf("%s: Decrypt = %v, want %q", tt.name, d, tt.text)
		}
	}
}
