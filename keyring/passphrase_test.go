package keyring_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
)

// cheap is a cost that a test can pay for every wrapped key.
func cheap() *keyring.PassphraseOptions {
	return &keyring.PassphraseOptions{MemoryKiB: 64, Passes: 1, Lanes: 1, MaxMemoryKiB: 256, MaxPasses: 2, MaxLanes: 2}
}

func newPassphrase(t testing.TB, keyID, passphrase string) *keyring.Passphrase {
	t.Helper()
	keyring.AllowCheapPassphrases(t)
	p, err := keyring.NewPassphrase(keyID, []byte(passphrase), cheap())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPassphraseConformance(t *testing.T) {
	keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
		return keyringtest.Harness{Provider: newPassphrase(t, "a", "one"), Other: newPassphrase(t, "b", "two")}
	})
}

func TestNewPassphraseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, keyID, passphrase string
		opts                    *keyring.PassphraseOptions
		want                    error
	}{
		{"empty", "k", "", nil, keyring.ErrPassphrase},
		{"too long", "k", strings.Repeat("x", keyring.MaxPassphraseSize+1), nil, keyring.ErrPassphrase},
		{"not UTF-8", "k", "\xff", nil, keyring.ErrPassphrase},
		{"no name", "", "x", nil, format.ErrInvalid},
		{"name of two lines", "a\nb", "x", nil, format.ErrInvalid},
		{"long name", strings.Repeat("x", 513), "x", nil, format.ErrInvalid},
		{"negative memory", "k", "x", &keyring.PassphraseOptions{MemoryKiB: -1}, keyring.ErrCost},
		{"negative passes", "k", "x", &keyring.PassphraseOptions{Passes: -1}, keyring.ErrCost},
		{"negative lanes", "k", "x", &keyring.PassphraseOptions{Lanes: -1}, keyring.ErrCost},
		{"256 passes", "k", "x", &keyring.PassphraseOptions{Passes: 256, MaxPasses: 255}, keyring.ErrCost},
		{"ceiling of 256 lanes", "k", "x", &keyring.PassphraseOptions{MaxLanes: 256}, keyring.ErrCost},
		{"ceiling above 4 GiB", "k", "x", &keyring.PassphraseOptions{MaxMemoryKiB: 4<<20 + 1}, keyring.ErrCost},
		{"ceiling below the lanes", "k", "x", &keyring.PassphraseOptions{MaxMemoryKiB: 63}, keyring.ErrCost},
		{"memory above its ceiling", "k", "x", &keyring.PassphraseOptions{MemoryKiB: 65 << 10, MaxMemoryKiB: 64 << 10}, keyring.ErrCost},
		{"passes above their ceiling", "k", "x", &keyring.PassphraseOptions{Passes: 9}, keyring.ErrCost},
		{"lanes above their ceiling", "k", "x", &keyring.PassphraseOptions{Lanes: 9}, keyring.ErrCost},
		{"too little memory", "k", "x", &keyring.PassphraseOptions{MemoryKiB: 8191, Passes: 8}, keyring.ErrCost},
		{"too little work", "k", "x", &keyring.PassphraseOptions{MemoryKiB: 36863, Passes: 1}, keyring.ErrCost},
		{"a ceiling with too little work", "k", "x", &keyring.PassphraseOptions{MaxMemoryKiB: 8192, MaxPasses: 4}, keyring.ErrCost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := keyring.NewPassphrase(tt.keyID, []byte(tt.passphrase), tt.opts); p != nil || !errors.Is(err, tt.want) {
				t.Errorf("NewPassphrase = %v, %v, want %v", p, err, tt.want)
			}
		})
	}
	for _, opts := range []*keyring.PassphraseOptions{
		nil, {}, {MemoryKiB: 36 << 10, Passes: 1, Lanes: 1}, {MemoryKiB: 8 << 10, Passes: 5}, {MaxMemoryKiB: 12 << 10, MaxPasses: 3, MaxLanes: 1},
		{MemoryKiB: 4 << 20, MaxMemoryKiB: 4 << 20, Passes: 255, MaxPasses: 255, Lanes: 255, MaxLanes: 255},
	} {
		if _, err := keyring.NewPassphrase("k", []byte(strings.Repeat("x", keyring.MaxPassphraseSize)), opts); err != nil {
			t.Errorf("NewPassphrase with %+v = %v", opts, err)
		}
	}
}

// The default cost stands in the wrapped key, and is paid once.
func TestPassphraseDefaultCost(t *testing.T) {
	p, err := keyring.NewPassphrase("k", []byte("five words drawn by lot"), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := generate(t, p, nil), generate(t, p, nil)
	for _, k := range []*keyring.DataKey{a, b} {
		c := k.Record()[0].Ciphertext
		if binary.BigEndian.Uint32(c) != 64<<10 || c[4] != 3 || c[5] != 4 {
			t.Errorf("cost %x, want 64 MiB, 3 passes, 4 lanes", c[:6])
		}
	}
	if !bytes.Equal(a.Record()[0].Ciphertext[:22], b.Record()[0].Ciphertext[:22]) || bytes.Equal(a.Record()[0].Ciphertext[22:54], b.Record()[0].Ciphertext[22:54]) {
		t.Error("want one salt of Argon2id for a provider, and one of the wrap for each wrapped key")
	}
	other, err := keyring.NewPassphrase("k", []byte("five words drawn by lot"), nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := decrypt(t, other, nil, a.Record())
	if err != nil || !k.Equal(a) {
		t.Errorf("Decrypt by another provider of the passphrase = %v", err)
	}
}

func TestPassphraseWrong(t *testing.T) {
	p := newPassphrase(t, "a", "one")
	k := generate(t, p, nil)
	if _, err := decrypt(t, newPassphrase(t, "a", "two"), nil, k.Record()); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("another passphrase of the same name: %v, want ErrAuthentication", err)
	}
	if _, err := decrypt(t, newPassphrase(t, "b", "one"), nil, k.Record()); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("the same passphrase of another name: %v, want ErrNoMatch", err)
	}
	for _, s := range []format.Suite{0, 3} {
		if _, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: s}); !errors.Is(err, format.ErrUnsupportedSuite) {
			t.Errorf("GenerateDataKey for %v = %v, want ErrUnsupportedSuite", s, err)
		}
		if _, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: s, Record: k.Record()}); !errors.Is(err, format.ErrUnsupportedSuite) {
			t.Errorf("Decrypt for %v = %v, want ErrUnsupportedSuite", s, err)
		}
	}
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM}); !errors.Is(err, keyring.ErrNeedKey) {
		t.Errorf("Wrap without a key = %v, want ErrNeedKey", err)
	}
}

// What a message asks for is compared with the ceilings before it is spent: a TiB would not come back.
func TestPassphraseCeilings(t *testing.T) {
	p := newPassphrase(t, "a", "one")
	k := generate(t, p, nil)
	for _, tt := range []struct {
		name          string
		memoryKiB     uint32
		passes, lanes byte
		want          error
	}{
		{"as made", 64, 1, 1, nil},
		{"other cost within the ceilings", 256, 2, 2, keyring.ErrAuthentication},
		{"memory of 4 TiB", 1<<32 - 1, 1, 1, keyring.ErrCost},
		{"memory above the ceiling", 257, 1, 1, keyring.ErrCost},
		{"passes above the ceiling", 64, 3, 1, keyring.ErrCost},
		{"lanes above the ceiling", 64, 1, 3, keyring.ErrCost},
		{"no memory", 0, 1, 1, keyring.ErrCost},
		{"memory below that of a lane", 7, 1, 1, keyring.ErrCost},
		{"memory below that of two lanes", 15, 1, 2, keyring.ErrCost},
		{"no pass", 64, 0, 1, keyring.ErrCost},
		{"no lane", 64, 1, 0, keyring.ErrCost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := k.Record().Clone()
			binary.BigEndian.PutUint32(r[0].Ciphertext, tt.memoryKiB)
			r[0].Ciphertext[4], r[0].Ciphertext[5] = tt.passes, tt.lanes
			if _, err := decrypt(t, p, nil, r); !errors.Is(err, tt.want) {
				t.Errorf("Decrypt = %v, want %v", err, tt.want)
			}
		})
	}
}

// A record has one passphrase at most, so a Multi of two has no record to write.
func TestPassphrasesOfMulti(t *testing.T) {
	m := newMulti(t, nil, newPassphrase(t, "a", "one"), newPassphrase(t, "b", "two"))
	if _, err := m.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); !errors.Is(err, format.ErrInvalid) {
		t.Errorf("GenerateDataKey = %v, want format.ErrInvalid", err)
	}
	recovery := newPassphrase(t, "safe", "five words")
	k := generate(t, newMulti(t, nil, newRaw(t, "a", 1), recovery), nil)
	if got, err := decrypt(t, recovery, nil, k.Record()); err != nil || !got.Equal(k) {
		t.Errorf("Decrypt by the passphrase beside a raw key = %v", err)
	}
}

func TestPassphraseClose(t *testing.T) {
	p := newPassphrase(t, "a", "one")
	k := generate(t, p, nil)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if _, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); !errors.Is(err, keyring.ErrClosed) {
		t.Errorf("GenerateDataKey after Close = %v, want ErrClosed", err)
	}
	if _, err := decrypt(t, p, nil, k.Record()); !errors.Is(err, keyring.ErrClosed) {
		t.Errorf("Decrypt after Close = %v, want ErrClosed", err)
	}
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: k}); !errors.Is(err, keyring.ErrClosed) {
		t.Errorf("Wrap after Close = %v, want ErrClosed", err)
	}
}

// A provider and whatever holds one print no passphrase.
func TestPassphraseDoesNotShow(t *testing.T) {
	const passphrase = "open sesame"
	p := newPassphrase(t, "a", passphrase)
	generate(t, p, nil)
	holder := struct {
		hidden *keyring.Passphrase
		value  keyring.Passphrase
	}{p, *p}
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
		fmt.Fprintf(&b, verb+verb+verb+"\n", p, *p, holder)
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "p", p, "holder", holder)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "p", p, "holder", holder)
	for _, bad := range []string{passphrase, fmt.Sprintf("%x", passphrase), strings.Trim(fmt.Sprint([]byte(passphrase)), "[]")} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the passphrase shows: %s", b.String())
		}
	}
	if got := p.String(); got != `passphrase "a"` {
		t.Errorf("String = %s", got)
	}
	if b, err := p.MarshalText(); b != nil || err == nil {
		t.Errorf("MarshalText = %q, %v, want an error", b, err)
	}
}

// knownRecord returns the wrapped keys of a vector of package format, its stored pairs and its data key.
func knownRecord(t testing.TB, name string) (format.Record, format.Pairs, []byte) {
	t.Helper()
	b, err := os.ReadFile("../format/testdata/vectors/" + name + vectors.Extension)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vectors.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	var h format.Header
	if _, err := h.Parse(v.Data); err != nil {
		t.Fatal(err)
	}
	return h.Record, h.Stored, v.DataKey
}

// FuzzPassphraseDecrypt gives a reader wrapped keys that anyone may have made. What opens is the genuine one; nothing else
// costs more than the ceilings, and every error is one of those that are documented.
func FuzzPassphraseDecrypt(f *testing.F) {
	keyring.AllowCheapPassphrases(f)
	p, err := keyring.NewPassphrase("paper", []byte("correct horse battery, Prüfung"), &keyring.PassphraseOptions{MaxMemoryKiB: 128, MaxPasses: 2, MaxLanes: 2})
	if err != nil {
		f.Fatal(err)
	}
	record, stored, dataKey := knownRecord(f, "known-passphrase-0001")
	genuine := record[0].Ciphertext
	f.Add(genuine, uint16(1))
	f.Add(genuine, uint16(2))
	f.Add(genuine[:133], uint16(1))
	f.Add([]byte{}, uint16(1))
	f.Add(append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, genuine[6:]...), uint16(1))
	f.Add(append([]byte{0, 0, 0, 8, 1, 1}, genuine[6:]...), uint16(1))
	f.Fuzz(func(t *testing.T, c []byte, s uint16) {
		k, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{
			Suite: format.Suite(s), Context: stored, Record: format.Record{{Provider: format.ProviderPassphrase, KeyID: "paper", Ciphertext: c}},
		})
		if bytes.Equal(c, genuine) && s == 1 {
			if err != nil {
				t.Fatalf("Decrypt of the genuine one = %v", err)
			}
			defer k.Destroy()
			k.Lend(func(b []byte) error {
				if !bytes.Equal(b, dataKey) {
					t.Error("Decrypt returned another data key")
				}
				return nil
			})
			return
		}
		switch {
		case k != nil || err == nil:
			t.Errorf("%x opened", c)
		case s != 1 && s != 2:
			if !errors.Is(err, format.ErrUnsupportedSuite) {
				t.Errorf("suite %d: %v", s, err)
			}
		case !errors.Is(err, keyring.ErrAuthentication) && !errors.Is(err, keyring.ErrCost):
			t.Errorf("Decrypt = %v", err)
		}
	})
}
