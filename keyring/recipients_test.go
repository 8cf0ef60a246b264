package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
)

var bothKEMs = []keyring.KEM{keyring.X25519, keyring.MLKEM768X25519}

func newPrivateKey(t testing.TB, kem keyring.KEM) *keyring.PrivateKey {
	t.Helper()
	k, err := keyring.GeneratePrivateKey(kem)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newRecipients(t testing.TB, to []*keyring.PublicKey, opens ...*keyring.PrivateKey) *keyring.Recipients {
	t.Helper()
	p, err := keyring.NewRecipients(to, opens)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A recipient is a provider of one key, which writes and opens.
type recipient struct {
	*keyring.Recipients
	key *keyring.PrivateKey
}

func newRecipient(t testing.TB) recipient {
	t.Helper()
	key := newPrivateKey(t, keyring.X25519)
	return recipient{newRecipients(t, []*keyring.PublicKey{key.PublicKey()}, key), key}
}

// writing is what everybody can make of the public key.
func (r recipient) writing(t testing.TB) *keyring.Recipients {
	return newRecipients(t, []*keyring.PublicKey{r.key.PublicKey()})
}

func TestRecipientsConformance(t *testing.T) {
	for _, kem := range bothKEMs {
		t.Run(kem.String(), func(t *testing.T) {
			keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
				a, b := newPrivateKey(t, kem), newPrivateKey(t, kem)
				return keyringtest.Harness{
					Provider:              newRecipients(t, []*keyring.PublicKey{a.PublicKey()}, a),
					Other:                 newRecipients(t, []*keyring.PublicKey{b.PublicKey()}, b),
					UnauthenticatedSender: true,
				}
			})
		})
	}
	t.Run("several keys", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			a, b, c := newPrivateKey(t, keyring.X25519), newPrivateKey(t, keyring.MLKEM768X25519), newPrivateKey(t, keyring.X25519)
			return keyringtest.Harness{
				Provider:              newRecipients(t, []*keyring.PublicKey{a.PublicKey(), b.PublicKey()}, c, b, a),
				Other:                 newRecipient(t),
				UnauthenticatedSender: true,
			}
		})
	})
	t.Run("only opens", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			r := newRecipient(t)
			return keyringtest.Harness{Provider: newRecipients(t, nil, r.key), Writer: r.writing(t), Other: newRecipient(t), UnauthenticatedSender: true}
		})
	})
}

func TestNewRecipientsRefuses(t *testing.T) {
	a, b := newPrivateKey(t, keyring.X25519), newPrivateKey(t, keyring.MLKEM768X25519)
	var many []*keyring.PublicKey
	var manyPrivate []*keyring.PrivateKey
	for range format.MaxWrappedKeys + 1 {
		k := newPrivateKey(t, keyring.X25519)
		many, manyPrivate = append(many, k.PublicKey()), append(manyPrivate, k)
	}
	for _, tt := range []struct {
		name  string
		to    []*keyring.PublicKey
		opens []*keyring.PrivateKey
		want  error
	}{
		{"no key", nil, nil, keyring.ErrInvalidKey},
		{"nil public key", []*keyring.PublicKey{a.PublicKey(), nil}, nil, keyring.ErrInvalidKey},
		{"zero public key", []*keyring.PublicKey{{}}, nil, keyring.ErrInvalidKey},
		{"nil private key", nil, []*keyring.PrivateKey{nil}, keyring.ErrInvalidKey},
		{"zero private key", nil, []*keyring.PrivateKey{{}}, keyring.ErrInvalidKey},
		{"17 public keys", many, nil, keyring.ErrInvalidKey},
		{"17 private keys", nil, manyPrivate, keyring.ErrInvalidKey},
		{"a public key twice", []*keyring.PublicKey{a.PublicKey(), b.PublicKey(), a.PublicKey()}, nil, keyring.ErrDuplicateKey},
		{"a private key twice", nil, []*keyring.PrivateKey{b, b}, keyring.ErrDuplicateKey},
		{"16 keys", many[1:], manyPrivate[1:], nil},
	} {
		if p, err := keyring.NewRecipients(tt.to, tt.opens); !errors.Is(err, tt.want) || (p == nil) != (err != nil) {
			t.Errorf("%s: NewRecipients = %v, %v, want %v", tt.name, p, err, tt.want)
		}
	}
}

// Every recipient opens, by whichever key he has, and the message says to whom it goes.
func TestRecipientsEachOpens(t *testing.T) {
	var keys []*keyring.PrivateKey
	var to []*keyring.PublicKey
	for i := range format.MaxWrappedKeys {
		k := newPrivateKey(t, bothKEMs[i%2])
		keys, to = append(keys, k), append(to, k.PublicKey())
	}
	writer := newRecipients(t, to)
	to[0] = nil // the provider keeps no slice
	ec := pairs(t, map[string]string{"tenant": "42"})
	k, err := writer.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.SM4GCM, Context: ec})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Destroy()
	if provider, id := k.OpenedBy(); provider != format.ProviderHPKE || id != keys[0].PublicKey().ID() {
		t.Errorf("OpenedBy = %s, %s, want the first recipient", provider, id)
	}
	if n := len(k.Record()); n != format.MaxWrappedKeys {
		t.Fatalf("%d wrapped keys", n)
	}
	for i, key := range keys {
		opened, err := newRecipients(t, nil, newPrivateKey(t, keyring.X25519), key).Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.SM4GCM, Context: ec, Record: k.Record()})
		if err != nil {
			t.Fatalf("recipient %d: %v", i, err)
		}
		if _, id := opened.OpenedBy(); !opened.Equal(k) || id != key.PublicKey().ID() {
			t.Errorf("recipient %d: another data key, or opened by %s", i, id)
		}
		opened.Destroy()
	}
	w := k.Record()[slices.IndexFunc(k.Record(), func(w format.WrappedKey) bool { return w.KeyID == keys[1].PublicKey().ID() })]
	if len(w.Ciphertext) != 1168 {
		t.Errorf("a wrapped key of %v has %d bytes, want 1168", keyring.MLKEM768X25519, len(w.Ciphertext))
	}
	if w = k.Record()[slices.IndexFunc(k.Record(), func(w format.WrappedKey) bool { return w.KeyID == keys[0].PublicKey().ID() })]; len(w.Ciphertext) != 80 {
		t.Errorf("a wrapped key of %v has %d bytes, want 80", keyring.X25519, len(w.Ciphertext))
	}
}

func TestRecipientsErrors(t *testing.T) {
	a, b := newRecipient(t), newRecipient(t)
	k := generate(t, newRecipients(t, []*keyring.PublicKey{a.key.PublicKey(), b.key.PublicKey()}), nil)
	both := newRecipients(t, nil, a.key, b.key)

	if _, err := both.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("GenerateDataKey without a public key = %v, want ErrUnsupported", err)
	}
	if _, err := both.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: k}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Wrap without a public key = %v, want ErrUnsupported", err)
	}
	if _, err := a.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM}); !errors.Is(err, keyring.ErrNeedKey) {
		t.Errorf("Wrap without a data key = %v, want ErrNeedKey", err)
	}
	gone := newDataKey(t)
	gone.Destroy()
	if _, err := a.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: gone}); !errors.Is(err, keyring.ErrDestroyed) {
		t.Errorf("Wrap of a destroyed key = %v, want ErrDestroyed", err)
	}
	if _, err := decrypt(t, a.writing(t), nil, k.Record()); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt without a private key = %v, want ErrNoMatch", err)
	}
	for _, s := range []format.Suite{0, 3} {
		if _, err := a.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: s}); !errors.Is(err, format.ErrUnsupportedSuite) {
			t.Errorf("GenerateDataKey for %v = %v, want ErrUnsupportedSuite", s, err)
		}
		if _, err := a.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: s, Record: k.Record()}); !errors.Is(err, format.ErrUnsupportedSuite) {
			t.Errorf("Decrypt for %v = %v, want ErrUnsupportedSuite", s, err)
		}
	}
	if _, err := a.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.SM4GCM, Record: k.Record()}); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("Decrypt for the other suite = %v, want ErrAuthentication", err)
	}

	// The first entry of the reader's is spoilt: the other opens. Both spoilt: both are told.
	spoil := func(r format.Record, id string) format.Record {
		r = r.Clone()
		r[slices.IndexFunc(r, func(w format.WrappedKey) bool { return w.KeyID == id })].Ciphertext[0] ^= 1
		return r
	}
	one := spoil(k.Record(), a.key.PublicKey().ID())
	if got, err := decrypt(t, both, nil, one); err != nil || !got.Equal(k) {
		t.Errorf("Decrypt with one entry spoilt = %v", err)
	}
	_, err := decrypt(t, both, nil, spoil(one, b.key.PublicKey().ID()))
	var unwrap *keyring.UnwrapError
	if !errors.As(err, &unwrap) || len(unwrap.Errs) != 2 || !errors.Is(err, keyring.ErrAuthentication) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt with both entries spoilt = %v, want an UnwrapError of two", err)
	}
}

// A context that is done is seen between two keys, each of which takes its time.
func TestRecipientsDone(t *testing.T) {
	a, b := newRecipient(t), newRecipient(t)
	k := generate(t, a.writing(t), nil)
	r := k.Record().Clone()
	r[0].Ciphertext[0] ^= 1
	for _, tt := range []struct {
		name string
		p    keyring.KeyProvider
	}{{"after the only key", a}, {"without a key of the message's", b}, {"before the second key", newRecipients(t, nil, b.key, a.key)}} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := tt.p.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: r}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Decrypt = %v, want context.Canceled", tt.name, err)
		}
	}
}

// Rewrapping moves a message from a raw key to recipients.
func TestRecipientsRewrap(t *testing.T) {
	raw, r := newRaw(t, "a", 1), newRecipient(t)
	client := func(p keyring.KeyProvider) *envelope.Client {
		t.Helper()
		c, err := envelope.New(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	message, err := client(raw).Encrypt(t.Context(), []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var moved bytes.Buffer
	if _, err := client(r.writing(t)).Rewrap(t.Context(), &moved, bytes.NewReader(message), nil, &envelope.RewrapOptions{
		Open: raw, Drop: func(w format.WrappedKey) bool { return w.Provider == format.ProviderRaw },
	}); err != nil {
		t.Fatal(err)
	}
	got, info, err := client(r).AppendDecrypt(t.Context(), nil, moved.Bytes(), nil)
	if err != nil || string(got) != "hello" || info.Provider != format.ProviderHPKE || info.KeyID != r.key.PublicKey().ID() {
		t.Errorf("AppendDecrypt = %q, %+v, %v", got, info, err)
	}
	if _, err := client(raw).Decrypt(t.Context(), moved.Bytes(), nil); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt by the raw key that was dropped = %v, want ErrNoMatch", err)
	}
}

// FuzzRecipientsDecrypt gives a reader wrapped keys that anyone may have made. Opening proves no sender, but of what the
// genuine writer made nothing can be changed.
func FuzzRecipientsDecrypt(f *testing.F) {
	var readers []*keyring.Recipients
	var genuine []format.WrappedKey
	var stored format.Pairs
	for _, tt := range []struct{ vector, key string }{
		{"hpke-x25519-0001", knownX25519}, {"hpke-mlkem768-x25519-0001", knownHybrid},
	} {
		key, err := keyring.ParsePrivateKey([]byte(tt.key))
		if err != nil {
			f.Fatal(err)
		}
		record, pairs, _ := knownRecord(f, tt.vector)
		readers, genuine, stored = append(readers, newRecipients(f, nil, key)), append(genuine, record[0]), pairs
		f.Add(record[0].Ciphertext, uint16(1))
		f.Add(record[0].Ciphertext, uint16(2))
		f.Add(record[0].Ciphertext[1:], uint16(1))
	}
	f.Add([]byte{}, uint16(1))
	f.Add(make([]byte, 80), uint16(1))
	f.Add(make([]byte, 1168), uint16(1))
	f.Fuzz(func(t *testing.T, c []byte, s uint16) {
		for i, p := range readers {
			k, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{
				Suite: format.Suite(s), Context: stored, Record: format.Record{{Provider: format.ProviderHPKE, KeyID: genuine[i].KeyID, Ciphertext: c}},
			})
			want := keyring.ErrAuthentication
			switch {
			case s != 1 && s != 2:
				want = format.ErrUnsupportedSuite
			case s == 1 && bytes.Equal(c, genuine[i].Ciphertext):
				want = nil
			}
			if !errors.Is(err, want) || (k == nil) != (err != nil) {
				t.Errorf("key %d: Decrypt = %v, want %v", i, err, want)
			}
			k.Destroy()
		}
	})
}
