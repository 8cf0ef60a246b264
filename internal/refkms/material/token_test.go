package material_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

var tokenSecret = bytes.Repeat([]byte{0x5e}, material.ImportSecretSize)

const tokenKey = "1234abcd-12ab-34cd-56ef-12345678abcd"

func sealToken(t testing.TB, w material.Wrapping) string {
	t.Helper()
	token, err := material.SealToken(tokenSecret, tokenKey, w)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestToken(t *testing.T) {
	for _, spec := range allPairSpecs {
		for _, a := range spec.Algorithms(material.Import) {
			t.Run(spec.String()+"/"+a.String(), func(t *testing.T) {
				pair := sharedPairs[spec]()
				token := sealToken(t, material.Wrapping{Pair: pair, Algorithm: a, Expires: 1<<40 + 7})
				if again := sealToken(t, material.Wrapping{Pair: pair, Algorithm: a, Expires: 1<<40 + 7}); again == token {
					t.Error("two tokens are the same")
				}
				for _, text := range []string{token, token[:7] + "\r\n " + token[7:] + "\n"} {
					w, err := material.OpenToken(tokenSecret, tokenKey, text)
					if err != nil {
						t.Fatal(err)
					}
					if w.Pair.Spec() != spec || !bytes.Equal(w.Pair.Public().DER(), pair.Public().DER()) || w.Algorithm != a || w.Expires != 1<<40+7 {
						t.Errorf("OpenToken = %+v, want what was sealed", w)
					}
				}
			})
		}
	}
}

func TestNoToken(t *testing.T) {
	token := sealToken(t, material.Wrapping{Pair: sharedPairs[material.ECSM2](), Algorithm: material.SM2PKE, Expires: 1})
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, secret []byte, key, token string) {
		t.Helper()
		if w, err := material.OpenToken(secret, key, token); !errors.Is(err, material.ErrToken) || w.Pair != nil {
			t.Errorf("%s: OpenToken = %+v, %v, want ErrToken", name, w, err)
		}
	}
	refused("another key", tokenSecret, strings.ToUpper(tokenKey), token)
	refused("another secret", bytes.Repeat([]byte{0x5f}, 32), tokenKey, token)
	refused("empty", tokenSecret, tokenKey, "")
	refused("not base64", tokenSecret, tokenKey, "token!")
	refused("far too long", tokenSecret, tokenKey, strings.Repeat("A", 1<<20))
	for i := range raw {
		damaged := bytes.Clone(raw)
		damaged[i] ^= 1
		refused("a byte changed", tokenSecret, tokenKey, base64.StdEncoding.EncodeToString(damaged))
		refused("cut", tokenSecret, tokenKey, base64.StdEncoding.EncodeToString(raw[:i]))
	}
	refused("longer", tokenSecret, tokenKey, base64.StdEncoding.EncodeToString(append(raw, 0)))
}

func TestMark(t *testing.T) {
	mark := func(secret, imported []byte) string {
		m, err := material.Mark(secret, imported)
		if err != nil || len(m) != 32 {
			t.Fatalf("Mark = %x, %v, want 32 bytes", m, err)
		}
		return string(m)
	}
	key := bytes.Repeat([]byte{1}, 32)
	if mark(tokenSecret, key) != mark(bytes.Clone(tokenSecret), bytes.Clone(key)) {
		t.Error("the same material has two marks")
	}
	if mark(tokenSecret, key) == mark(tokenSecret, key[:31]) || mark(tokenSecret, key) == mark(key, key) {
		t.Error("other material, or that of another key, has the same mark")
	}
}

// Whatever a caller sends as a token and as wrapped material is refused by name.
func FuzzImport(f *testing.F) {
	wrapping := material.Wrapping{Pair: sharedPairs[material.RSA2048](), Algorithm: material.OAEPSHA256, Expires: 1}
	wrapped, err := wrapping.Pair.Public().Wrap(wrapping.Algorithm, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	token := sealToken(f, wrapping)
	f.Add(token, wrapped)
	f.Add(token[:40], []byte{})
	f.Add("", wrapped[1:])
	f.Fuzz(func(t *testing.T, text string, wrapped []byte) {
		w, err := material.OpenToken(tokenSecret, tokenKey, text)
		if err != nil {
			if !errors.Is(err, material.ErrToken) {
				t.Fatalf("OpenToken = %v, want ErrToken", err)
			}
			return
		}
		imported, err := w.Pair.Unwrap(w.Algorithm, wrapped, 32)
		if err != nil && !errors.Is(err, material.ErrCiphertext) || err == nil && len(imported) != 32 {
			t.Fatalf("Unwrap = %d bytes, %v", len(imported), err)
		}
	})
}
