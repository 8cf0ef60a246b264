package keyring_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

var oneEntry = format.Record{{Provider: "kms", KeyID: "k", Ciphertext: []byte{1, 2, 3}}}

func secretKey() []byte { return bytes.Repeat([]byte("0sEcReT!"), 4) }

func newDataKey(t *testing.T) *keyring.DataKey {
	t.Helper()
	k, err := keyring.NewDataKey(format.AES256GCM, secretKey(), oneEntry, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNewDataKeyRefuses(t *testing.T) {
	many := func(n int) format.Record {
		r := make(format.Record, n)
		for i := range r {
			r[i] = format.WrappedKey{Provider: "kms", KeyID: fmt.Sprintf("k%05d", i), Ciphertext: []byte{1}}
		}
		return r
	}
	for _, tt := range []struct {
		name   string
		suite  format.Suite
		key    []byte
		record format.Record
		opener int
		want   error
	}{
		{"suite 0", 0, secretKey(), oneEntry, 0, format.ErrUnsupportedSuite},
		{"suite 3", 3, secretKey(), oneEntry, 0, format.ErrUnsupportedSuite},
		{"16 bytes", 1, secretKey()[:16], oneEntry, 0, keyring.ErrInvalidDataKey},
		{"33 bytes", 2, append(secretKey(), 0), oneEntry, 0, keyring.ErrInvalidDataKey},
		{"no bytes", 1, nil, oneEntry, 0, keyring.ErrInvalidDataKey},
		{"no entry", 1, secretKey(), nil, 0, format.ErrInvalid},
		{"17 entries", 1, secretKey(), many(17), 0, format.ErrInvalid},
		{"10,000 entries", 1, secretKey(), many(10_000), 0, format.ErrInvalid},
		{"two of one key", 1, secretKey(), append(oneEntry.Clone(), oneEntry...), 0, format.ErrInvalid},
	} {
		k, err := keyring.NewDataKey(tt.suite, tt.key, tt.record, tt.opener)
		if !errors.Is(err, tt.want) || k != nil {
			t.Errorf("%s: NewDataKey = %v, %v, want %v", tt.name, k, err, tt.want)
		}
	}
	for _, opener := range []int{-1, 1} {
		if _, err := keyring.NewDataKey(1, secretKey(), oneEntry, opener); err == nil || !strings.Contains(err.Error(), "opened the data key") {
			t.Errorf("opener %d: %v", opener, err)
		}
	}
}

func TestDataKeyExpand(t *testing.T) {
	k := newDataKey(t)
	defer k.Destroy()
	got := make([]byte, 40)
	if err := k.Expand(got, []byte("info")); err != nil {
		t.Fatal(err)
	}
	want, err := hkdf.Key(sha256.New, secretKey(), []byte("xinfeng/1 prk\x00\x01"), "info", 40)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("Expand = %x, want %x", got, want)
	}
}

func TestDataKeyLend(t *testing.T) {
	k := newDataKey(t)
	var kept []byte
	sentinel := errors.New("from f")
	if err := k.Lend(func(key []byte) error {
		if !bytes.Equal(key, secretKey()) {
			t.Error("Lend shows other bytes")
		}
		clear(key) // a copy: does not harm the key
		copy(key, "xyz")
		kept = key
		return sentinel
	}); err != sentinel {
		t.Errorf("Lend = %v, want what f returned", err)
	}
	if !bytes.Equal(kept, make([]byte, 32)) {
		t.Error("what was lent was not wiped")
	}
	k.Lend(func(key []byte) error {
		if !bytes.Equal(key, secretKey()) {
			t.Error("the borrower changed the key")
		}
		return nil
	})
}

func TestDataKeyEqual(t *testing.T) {
	a, b := newDataKey(t), newDataKey(t)
	c, err := keyring.NewDataKey(format.AES256GCM, append(secretKey()[:31], 'x'), oneEntry, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !a.Equal(b) || a.Equal(c) || a.Equal(nil) || (*keyring.DataKey)(nil).Equal(a) || a.Equal(&keyring.DataKey{}) {
		t.Error("Equal is wrong")
	}
	b.Destroy()
	if a.Equal(b) || b.Equal(b) {
		t.Error("a destroyed key equals another")
	}
}

func TestDataKeyDestroyed(t *testing.T) {
	k := newDataKey(t)
	k.Destroy()
	k.Destroy() // once too often
	for name, d := range map[string]*keyring.DataKey{"destroyed": k, "zero": {}, "nil": nil} {
		out := []byte("untouched")
		if err := d.Expand(out, nil); err != keyring.ErrDestroyed || string(out) != "untouched" {
			t.Errorf("%s: Expand = %v, %q, want ErrDestroyed", name, err, out)
		}
		if err := d.Lend(func([]byte) error { t.Error("f was called"); return nil }); err != keyring.ErrDestroyed {
			t.Errorf("%s: Lend = %v, want ErrDestroyed", name, err)
		}
		var tag [32]byte
		w, err := suite.Lookup(1).Message(new(suite.Scratch), d, []byte("head"), nil, &tag)
		if err != keyring.ErrDestroyed || w.AEAD != nil || tag != [32]byte{} {
			t.Errorf("%s: Message = %x, %v, %v, want ErrDestroyed", name, tag, w, err)
		}
		d.Destroy()
	}
	if p, id := k.OpenedBy(); p != "kms" || id != "k" || len(k.Record()) != 1 || k.Suite() != 1 {
		t.Error("what is no secret is gone too")
	}
	if p, id := (&keyring.DataKey{}).OpenedBy(); p != "" || id != "" {
		t.Error("the zero value was opened by somebody")
	}
	if (&keyring.DataKey{}).Record() != nil || (*keyring.DataKey)(nil).Suite() != 0 {
		t.Error("the zero value has a record or suite")
	}
}

// A spent key gives back one share, whatever becomes of the derivation.
func TestDataKeySpent(t *testing.T) {
	k := newDataKey(t)
	var want, got [32]byte
	if _, err := suite.Lookup(1).Message(new(suite.Scratch), k, []byte("head"), nil, &want); err != nil {
		t.Fatal(err)
	}
	if _, err := suite.Lookup(1).Message(new(suite.Scratch), k.Spent(), []byte("head"), nil, &got); err != nil || got != want {
		t.Errorf("the spent key derives %x, %v, want %x", got, err, want)
	}
	for name, d := range map[string]*keyring.DataKey{"spent": k, "zero": {}, "nil": nil} {
		got = [32]byte{}
		w, err := suite.Lookup(1).Message(new(suite.Scratch), d.Spent(), []byte("head"), nil, &got)
		if err != keyring.ErrDestroyed || w.AEAD != nil || got != [32]byte{} {
			t.Errorf("%s: the spent key derives %x, %v, want ErrDestroyed", name, got, err)
		}
		if err := d.Expand(make([]byte, 1), nil); err != keyring.ErrDestroyed {
			t.Errorf("%s: Expand = %v, want ErrDestroyed", name, err)
		}
	}

	raw, err := keyring.NewRawAES("a", secretKey())
	if err != nil {
		t.Fatal(err)
	}
	cache := newCaching(t, raw, nil)
	one, two := seal(t, cache, nil, 1), seal(t, cache, nil, 1) // the same key, and the cache's own share
	if _, err := suite.Lookup(1).Message(new(suite.Scratch), one.Spent(), []byte("head"), nil, &got); err != nil {
		t.Errorf("Derive: %v", err)
	}
	cache.Purge()
	if err := two.Expand(make([]byte, 1), nil); err != nil {
		t.Errorf("the other borrower's share is gone: %v", err)
	}
	if !two.Share() {
		t.Error("no share of a key that is borrowed")
	}
	two.Destroy()
	if err := two.Expand(make([]byte, 1), nil); err != nil {
		t.Errorf("the share of a share is gone: %v", err)
	}
	two.Destroy()
	if two.Share() || (*keyring.DataKey)(nil).Share() || new(keyring.DataKey).Share() {
		t.Error("a share of a key that is wiped")
	}
	if err := two.Expand(make([]byte, 1), nil); err != keyring.ErrDestroyed {
		t.Errorf("Expand after all shares were given back = %v, want ErrDestroyed", err)
	}
}

// Destroying while others derive gives the right bytes or ErrDestroyed, never others.
func TestDataKeyDestroyRace(t *testing.T) {
	want := make([]byte, 32)
	k := newDataKey(t)
	if err := k.Expand(want, []byte("x")); err != nil {
		t.Fatal(err)
	}
	var wantTag [32]byte
	if _, err := suite.Lookup(1).Message(new(suite.Scratch), k, []byte("head"), nil, &wantTag); err != nil {
		t.Fatal(err)
	}
	k.Destroy()
	for range 200 {
		k := newDataKey(t)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				var out, tag [32]byte
				for range 20 {
					switch err := k.Expand(out[:], []byte("x")); {
					case err == keyring.ErrDestroyed:
					case err != nil || !bytes.Equal(out[:], want):
						t.Errorf("Expand = %x, %v", out, err)
					}
					switch _, err := suite.Lookup(1).Message(new(suite.Scratch), k, []byte("head"), nil, &tag); {
					case err == keyring.ErrDestroyed:
					case err != nil || tag != wantTag:
						t.Errorf("Message = %x, %v", tag, err)
					}
					k.Lend(func(key []byte) error {
						if !bytes.Equal(key, secretKey()) {
							t.Errorf("Lend shows %x", key)
						}
						return nil
					})
				}
			})
		}
		for range 2 { // once too often, and at the worst time
			wg.Go(k.Destroy)
			wg.Go(func() {
				var tag [32]byte
				switch _, err := suite.Lookup(1).Message(new(suite.Scratch), k.Spent(), []byte("head"), nil, &tag); {
				case err == keyring.ErrDestroyed:
				case err != nil || tag != wantTag:
					t.Errorf("Message of a spent key = %x, %v", tag, err)
				}
			})
		}
		wg.Wait()
	}
}

func TestDataKeyNeverShows(t *testing.T) {
	k := newDataKey(t)
	raw, err := keyring.NewRawAES("recovery", secretKey())
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct {
		k   *keyring.DataKey
		v   keyring.DataKey
		raw keyring.RawAES
		p   any
	}
	holders := []any{
		k, *k, &k, []*keyring.DataKey{k}, map[string]keyring.DataKey{"x": *k}, struct{ K any }{*k},
		hidden{k, *k, *raw, *k}, &hidden{k, *k, *raw, k}, []hidden{{v: *k}}, raw, *raw, struct{ P any }{*raw},
	}
	key := secretKey()
	bad := []string{string(key[:8]), hex.EncodeToString(key[:8]), strings.Trim(fmt.Sprint(key[:8]), "[]"),
		strings.Trim(fmt.Sprintf("%#v", key[:8]), "[]byte{}"), base64.StdEncoding.EncodeToString(key)[:10], fmt.Sprintf("% x", key[:8])}
	check := func(how, out string) {
		t.Helper()
		for _, b := range bad {
			if strings.Contains(strings.ToLower(out), strings.ToLower(b)) {
				t.Errorf("%s shows the key: %s", how, out)
			}
		}
	}
	for _, h := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%T", "%p", "%t", "%e"} {
			check(fmt.Sprintf("%T under %s", h, verb), fmt.Sprintf(verb, h))
		}
		var buf bytes.Buffer
		slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "v", h)
		slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "v", h)
		check(fmt.Sprintf("%T in slog", h), buf.String())
		b, _ := json.Marshal(h)
		check(fmt.Sprintf("%T in JSON", h), string(b))
	}
	for _, h := range []any{k, *k, raw, *raw, []any{k}} {
		if b, err := json.Marshal(h); err == nil {
			t.Errorf("json.Marshal(%T) = %s, want an error", h, b)
		}
	}
	if k.String() != "[data key]" || raw.String() != `raw "recovery"` {
		t.Errorf("String = %s, %s", k, raw)
	}
}

func TestDataKeyCopies(t *testing.T) {
	key, r := secretKey(), oneEntry.Clone()
	k, err := keyring.NewDataKey(format.SM4GCM, key, r, 0)
	if err != nil {
		t.Fatal(err)
	}
	clear(key)
	clear(r[0].Ciphertext)
	k.Lend(func(b []byte) error {
		if !bytes.Equal(b, secretKey()) {
			t.Error("NewDataKey keeps the caller's key")
		}
		return nil
	})
	if !bytes.Equal(k.Record()[0].Ciphertext, []byte{1, 2, 3}) {
		t.Error("NewDataKey keeps the caller's record")
	}
}
