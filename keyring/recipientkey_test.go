package keyring_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring"
)

// The private keys of the vectors, and what their public keys are.
const (
	knownX25519       = "xinfeng-private-x25519:YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn-obs3D"
	knownHybrid       = "xinfeng-private-mlkem768-x25519:gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp9oRPXh"
	knownX25519Public = "xinfeng-public-x25519:Z13VdO13iTELPS52gfN5C0ZsdzsVIf7PNld5WDcepS9VQ5Xm"
	knownX25519ID     = "x25519:554395e616c322df1e47397b58b4a517"
	knownHybridID     = "mlkem768-x25519:e50de0a3b3afc287952ecb6718d712f7"
)

// keyText makes the text of a key as SPEC.md, Section 4.5, has it.
func keyText(prefix string, key []byte) string {
	sum := sha256.Sum256(append([]byte(prefix), key...))
	return prefix + base64.RawURLEncoding.EncodeToString(append(bytes.Clone(key), sum[:4]...))
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeyTexts(t *testing.T) {
	for _, tt := range []struct {
		private, id string
		kem         keyring.KEM
		public      int // characters
	}{
		{knownX25519, knownX25519ID, keyring.X25519, len("xinfeng-public-x25519:") + 48},
		{knownHybrid, knownHybridID, keyring.MLKEM768X25519, len("xinfeng-public-mlkem768-x25519:") + 1627},
	} {
		private, err := keyring.ParsePrivateKey([]byte(tt.private))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := private.Text(); err != nil || string(got) != tt.private {
			t.Errorf("Text = %s, %v, want %s", got, err, tt.private)
		}
		public := private.PublicKey()
		if public.ID() != tt.id || public.KEM() != tt.kem || len(public.String()) != tt.public {
			t.Errorf("public key %s of %v, %d characters, want %s, %v, %d", public.ID(), public.KEM(), len(public.String()), tt.id, tt.kem, tt.public)
		}
		again, err := keyring.ParsePublicKey(public.String())
		if err != nil || !again.Equal(public) || again.ID() != public.ID() {
			t.Errorf("ParsePublicKey(String) = %v, %v", again, err)
		}
		if b, err := json.Marshal(public); err != nil || string(b) != `"`+public.String()+`"` {
			t.Errorf("json.Marshal = %s, %v", b, err)
		}
	}
	public, err := keyring.ParsePublicKey(knownX25519Public)
	if err != nil || public.ID() != knownX25519ID {
		t.Errorf("ParsePublicKey = %v, %v, want %s", public, err, knownX25519ID)
	}
	other := newPrivateKey(t, keyring.X25519).PublicKey()
	if public.Equal(other) || public.Equal(nil) || (*keyring.PublicKey)(nil).Equal(public) || public.Equal(newPrivateKey(t, keyring.MLKEM768X25519).PublicKey()) {
		t.Error("Equal of keys that differ")
	}
}

// GeneratePrivateKey makes keys that differ and whose texts are read.
func TestGeneratePrivateKey(t *testing.T) {
	for _, kem := range bothKEMs {
		a, b := newPrivateKey(t, kem), newPrivateKey(t, kem)
		if a.PublicKey().Equal(b.PublicKey()) || a.PublicKey().ID() == b.PublicKey().ID() {
			t.Errorf("%v: two keys are equal", kem)
		}
		text, err := a.Text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := keyring.ParsePrivateKey(text)
		if err != nil || !again.PublicKey().Equal(a.PublicKey()) {
			t.Errorf("%v: ParsePrivateKey(Text) = %v, %v", kem, again, err)
		}
	}
	for _, kem := range []keyring.KEM{0, 0x0010, 0xffff} {
		if k, err := keyring.GeneratePrivateKey(kem); k != nil || !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("GeneratePrivateKey(%v) = %v, %v, want ErrInvalidKey", kem, k, err)
		}
	}
	if got := keyring.KEM(7).String(); got != "KEM(0x0007)" {
		t.Errorf("String = %s", got)
	}
}

func TestParsePublicKeyRefuses(t *testing.T) {
	hybrid := newPrivateKey(t, keyring.MLKEM768X25519).PublicKey().String()
	hybridKey, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(hybrid, "xinfeng-public-mlkem768-x25519:"))
	if err != nil {
		t.Fatal(err)
	}
	const prefix, hybridPrefix = "xinfeng-public-x25519:", "xinfeng-public-mlkem768-x25519:"
	edit := func(i int, to byte) string {
		b := []byte(knownX25519Public)
		b[(i+len(b))%len(b)] = to
		return string(b)
	}
	hybridWith := func(at int, b ...byte) string {
		k := bytes.Clone(hybridKey[:1216])
		copy(k[at:], b)
		return keyText(hybridPrefix, k)
	}
	point := func(first, middle, last byte) []byte {
		return append(append([]byte{first}, bytes.Repeat([]byte{middle}, 30)...), last)
	}
	for name, text := range map[string]string{
		"empty":                              "",
		"the prefix alone":                   prefix,
		"another prefix":                     "age1" + knownX25519Public,
		"another kind":                       strings.Replace(knownX25519Public, "x25519", "p256", 1),
		"the other kind":                     strings.Replace(knownX25519Public, "x25519", "mlkem768-x25519", 1),
		"capitals":                           strings.ToUpper(knownX25519Public),
		"a private key":                      knownX25519,
		"a space before":                     " " + knownX25519Public,
		"a space behind":                     knownX25519Public + " ",
		"a line end behind":                  knownX25519Public + "\n",
		"a line end for a character":         edit(-1, '\n'),
		"a character too few":                knownX25519Public[:len(knownX25519Public)-1],
		"a character too many":               knownX25519Public + "A",
		"padding":                            knownX25519Public + "=",
		"another character":                  edit(len(prefix), '-'),
		"another character of the check":     edit(-1, 'A'),
		"no character of base64":             edit(-1, '!'),
		"standard base64":                    edit(-2, '/'),
		"zero":                               keyText(prefix, make([]byte, 32)),
		"one":                                keyText(prefix, point(1, 0, 0)),
		"another point of small order":       keyText(prefix, unhex(t, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
		"minus one":                          keyText(prefix, point(0xec, 0xff, 0x7f)),
		"the prime":                          keyText(prefix, point(0xed, 0xff, 0x7f)),
		"the highest bit":                    keyText(prefix, point(9, 0, 0x80)),
		"all bits":                           keyText(prefix, point(0xff, 0xff, 0xff)),
		"31 bytes":                           keyText(prefix, make([]byte, 31)),
		"33 bytes":                           keyText(prefix, make([]byte, 33)),
		"a hybrid key, zero for the point":   hybridWith(1184, make([]byte, 32)...),
		"a hybrid key, highest bit":          hybridWith(1215, 0x80),
		"a hybrid key, ML-KEM not reduced":   hybridWith(0, 0xff, 0xff),
		"a hybrid key with a byte too few":   keyText(hybridPrefix, hybridKey[:1215]),
		"a hybrid key with the prefix alone": hybridPrefix,
	} {
		k, err := keyring.ParsePublicKey(text)
		if k != nil || !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("%s: ParsePublicKey = %v, %v, want ErrInvalidKey", name, k, err)
		}
	}
	// 2^255 - 21 is the largest number below the prime that is a point, and not of small order.
	for _, b := range [][]byte{point(0xeb, 0xff, 0x7f), point(9, 0, 0), point(0xff, 0xff, 0x7e)} {
		if _, err := keyring.ParsePublicKey(keyText(prefix, b)); err != nil {
			t.Errorf("ParsePublicKey of the point %x = %v", b, err)
		}
	}
}

func TestParsePrivateKeyRefuses(t *testing.T) {
	const prefix = "xinfeng-private-x25519:"
	clamped := bytes.Repeat([]byte{0x48}, 32)
	if _, err := keyring.ParsePrivateKey([]byte(keyText(prefix, clamped))); err != nil {
		t.Fatal(err)
	}
	scalar := func(i int, b byte) string {
		k := bytes.Clone(clamped)
		k[i] = b
		return keyText(prefix, k)
	}
	for name, text := range map[string]string{
		"empty":                     "",
		"a public key":              knownX25519Public,
		"a space behind":            knownX25519 + " ",
		"a line end behind":         knownX25519 + "\n",
		"another character":         strings.Replace(knownX25519, "YGFi", "YGFj", 1),
		"the other kind":            strings.Replace(knownX25519, "x25519", "mlkem768-x25519", 1),
		"a low bit of the scalar":   scalar(0, 0x49),
		"the highest bit":           scalar(31, 0xc8),
		"without the bit before it": scalar(31, 0x08),
		"31 bytes":                  keyText(prefix, clamped[1:]),
		"a hybrid of 64 bytes":      keyText("xinfeng-private-mlkem768-x25519:", make([]byte, 64)),
	} {
		k, err := keyring.ParsePrivateKey([]byte(text))
		if k != nil || !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("%s: ParsePrivateKey = %v, %v, want ErrInvalidKey", name, k, err)
		}
	}
}

// No error shows what it was given: it may be a private key in the wrong place, or one with a slip in it.
func TestKeyErrorsShowNothing(t *testing.T) {
	_, err := keyring.ParsePublicKey(knownX25519)
	_, err2 := keyring.ParsePrivateKey([]byte(knownX25519[:len(knownX25519)-1] + "A"))
	_, err3 := keyring.ParsePrivateKey([]byte(knownX25519 + "\n"))
	_, err4 := keyring.ParsePrivateKey([]byte(strings.ToUpper(knownX25519)))
	for _, err := range []error{err, err2, err3, err4} {
		if err == nil || strings.Contains(strings.ToUpper(err.Error()), "YGFIY2") {
			t.Errorf("error %v", err)
		}
	}
}

func TestPrivateKeyDoesNotShow(t *testing.T) {
	for _, kem := range bothKEMs {
		k := newPrivateKey(t, kem)
		text, err := k.Text()
		if err != nil {
			t.Fatal(err)
		}
		_, encoded, _ := strings.Cut(string(text), ":")
		secret, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		holder := struct {
			hidden *keyring.PrivateKey
			value  keyring.PrivateKey
			r      *keyring.Recipients
		}{k, *k, newRecipients(t, nil, k)}
		var b strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
			fmt.Fprintf(&b, verb+verb+verb+verb+"\n", k, *k, holder, holder.r)
		}
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "k", k, "holder", holder, "public", k.PublicKey())
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "k", k, "holder", holder)
		for _, bad := range []string{encoded[:16], fmt.Sprintf("%x", secret[:8]), strings.Trim(fmt.Sprint(secret[:8]), "[]")} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("%v: the private key shows", kem)
			}
		}
		if got := k.String(); got != "[private key of "+k.PublicKey().ID()+"]" {
			t.Errorf("String = %s", got)
		}
		if b, err := json.Marshal(k); b != nil || err == nil {
			t.Errorf("json.Marshal = %s, %v, want an error", b, err)
		}
	}
	if got := fmt.Sprint(keyring.PrivateKey{}); got != "[private key]" {
		t.Errorf("the zero value prints as %s", got)
	}
}

// FuzzParseKeys holds that a key has one text.
func FuzzParseKeys(f *testing.F) {
	for _, text := range []string{knownX25519, knownHybrid, knownX25519Public, "", "xinfeng-public-x25519:", "xinfeng-private-"} {
		f.Add(text)
	}
	private, err := keyring.ParsePrivateKey([]byte(knownHybrid))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(private.PublicKey().String())
	f.Fuzz(func(t *testing.T, text string) {
		// The check is made right, or no mutation would pass it.
		if prefix, rest, ok := strings.Cut(text, ":"); ok {
			if b, err := base64.RawURLEncoding.DecodeString(rest); err == nil && len(b) > 4 {
				text = keyText(prefix+":", b[:len(b)-4])
			}
		}
		if k, err := keyring.ParsePublicKey(text); err == nil {
			if k.String() != text {
				t.Errorf("%q parses as %q", text, k)
			}
			newRecipients(t, []*keyring.PublicKey{k})
		} else if k != nil || !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("ParsePublicKey = %v, %v", k, err)
		}
		if k, err := keyring.ParsePrivateKey([]byte(text)); err == nil {
			if again, err := k.Text(); err != nil || string(again) != text {
				t.Errorf("%q parses as %q, %v", text, again, err)
			}
		} else if k != nil || !errors.Is(err, keyring.ErrInvalidKey) {
			t.Errorf("ParsePrivateKey = %v, %v", k, err)
		}
	})
}
