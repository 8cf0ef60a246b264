// Package keyringtest has the suite that any [keyring.KeyProvider] must pass, those of the library and those of its
// users.
//
//	func TestConformance(t *testing.T) {
//		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
//			return keyringtest.Harness{Provider: newMine(t, "a"), Other: newMine(t, "b")}
//		})
//	}
//
// It proves nothing about the strength of a provider's cryptography, only that it keeps the promises of the interface:
// what it opens, what it refuses and with which error, and that it leaves its arguments alone.
package keyringtest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A Harness is a provider under test and what the suite needs to know of it. What a provider cannot do is declared
// here; nothing is skipped silently.
type Harness struct {
	// Provider is the provider under test.
	Provider keyring.KeyProvider
	// Other is a provider of the same kind with another key: neither may open what the other made.
	Other keyring.KeyProvider
	// Writer makes the data keys that Provider opens; default Provider itself. A provider that only decrypts needs one,
	// and its GenerateDataKey must then answer an error that matches errors.ErrUnsupported.
	Writer keyring.KeyProvider
	// OpensAllOfItsKind says that the provider is not bound to one key: it may open what Other made.
	OpensAllOfItsKind bool
	// ReusesDataKeys says that a data key serves several messages of one suite and context, as that of a cache does. The
	// suite then wants one data key for two messages of unknown size, one after the other.
	ReusesDataKeys bool
	// UnauthenticatedSender says that the provider has the marker of that name, itself or in what it is around.
	UnauthenticatedSender bool
}

func (h Harness) writer() keyring.KeyProvider {
	if h.Writer != nil {
		return h.Writer
	}
	return h.Provider
}

var suites = []format.Suite{format.AES256GCM, format.SM4GCM}

// Run runs the suite. newHarness is called once for each test and may use t.Cleanup.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"RoundTrip", testRoundTrip},
		{"TwoDataKeysDiffer", testTwoDataKeysDiffer},
		{"WrongContext", testWrongContext},
		{"OtherKeyIsNoMatch", testOtherKey},
		{"ForeignEntriesAreNoMatch", testForeignEntries},
		{"ForeignEntriesAreIgnored", testAmongForeignEntries},
		{"RelabelledEntryDoesNotOpen", testRelabelled},
		{"DamagedEntryDoesNotOpen", testDamaged},
		{"DoneContext", testDoneContext},
		{"ArgumentsAreLeftAlone", testArguments},
		{"ConcurrentUse", testConcurrent},
		{"Wrap", testWrap},
		{"Markers", testMarkers},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newHarness(t)) })
	}
}

func pairs(t *testing.T, m map[string]string) format.Pairs {
	t.Helper()
	b, err := format.AppendPairs(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	p, err := format.ParsePairs(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func generate(t *testing.T, p keyring.KeyProvider, s format.Suite, ec format.Pairs) *keyring.DataKey {
	t.Helper()
	k, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: s, Context: ec, Size: -1})
	if err != nil {
		t.Fatalf("GenerateDataKey = %v", err)
	}
	t.Cleanup(k.Destroy)
	return k
}

// open decrypts, checks that an error shows nothing of the data key want, and that a key is want.
func open(t *testing.T, p keyring.KeyProvider, s format.Suite, ec format.Pairs, r format.Record, want *keyring.DataKey) error {
	t.Helper()
	k, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: s, Context: ec, Record: r})
	if err != nil {
		if k != nil {
			t.Errorf("Decrypt returned a key and %v", err)
		}
		checkSecretFree(t, err, want)
		return err
	}
	defer k.Destroy()
	if !k.Equal(want) {
		t.Errorf("Decrypt returned another data key than was wrapped")
	}
	if k.Suite() != s {
		t.Errorf("Suite = %v, want %v", k.Suite(), s)
	}
	provider, id := k.OpenedBy()
	if !slices.ContainsFunc(r, func(w format.WrappedKey) bool { return w.Provider == provider && w.KeyID == id }) {
		t.Errorf("OpenedBy = %q, %q, which is no entry of the record", provider, id)
	}
	return nil
}

func checkSecretFree(t *testing.T, err error, k *keyring.DataKey) {
	t.Helper()
	k.Lend(func(key []byte) error {
		for _, bad := range []string{
			string(key), hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), fmt.Sprint(key),
		} {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), bad) {
				t.Errorf("an error shows the data key")
			}
		}
		return nil
	})
}

func testRoundTrip(t *testing.T, h Harness) {
	for _, s := range suites {
		for _, m := range []map[string]string{nil, {"tenant": "42"}, {"a": "", "b": "<>&\u2028", "信": "封"}} {
			ec := pairs(t, m)
			if h.Writer != nil {
				if _, err := h.Provider.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: s, Context: ec, Size: -1}); !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("GenerateDataKey of a provider with a Writer = %v, want errors.ErrUnsupported", err)
				}
			}
			k := generate(t, h.writer(), s, ec)
			if err := k.Record().Check(); err != nil {
				t.Errorf("record of a new data key: %v", err)
			}
			if k.Suite() != s {
				t.Errorf("Suite = %v, want %v", k.Suite(), s)
			}
			if err := open(t, h.Provider, s, ec, k.Record(), k); err != nil {
				t.Errorf("%v, context %v: Decrypt = %v", s, m, err)
			}
		}
	}
}

// Data keys differ, those of one suite and context too unless the harness declares that they are reused.
func testTwoDataKeysDiffer(t *testing.T, h Harness) {
	ec := pairs(t, map[string]string{"tenant": "42"})
	a := generate(t, h.writer(), format.AES256GCM, nil)
	for _, tt := range []struct {
		name string
		key  *keyring.DataKey
		same bool
	}{
		{"equal suite and context", generate(t, h.writer(), format.AES256GCM, nil), h.ReusesDataKeys},
		{"another context", generate(t, h.writer(), format.AES256GCM, ec), false},
		{"another suite", generate(t, h.writer(), format.SM4GCM, nil), false},
	} {
		if a.Equal(tt.key) != tt.same {
			t.Errorf("%s: two data keys are equal: %v, want %v", tt.name, !tt.same, tt.same)
		}
		same := slices.EqualFunc(a.Record(), tt.key.Record(), func(x, y format.WrappedKey) bool { return bytes.Equal(x.Ciphertext, y.Ciphertext) })
		if same != tt.same {
			t.Errorf("%s: two data keys have the same wrapped keys: %v, want %v", tt.name, same, tt.same)
		}
	}
}

func testWrongContext(t *testing.T, h Harness) {
	made := map[string]string{"tenant": "42"}
	k := generate(t, h.writer(), format.AES256GCM, pairs(t, made))
	for _, m := range []map[string]string{nil, {"tenant": "43"}, {"Tenant": "42"}, {"tenant": "42", "x": ""}} {
		if err := open(t, h.Provider, format.AES256GCM, pairs(t, m), k.Record(), k); !errors.Is(err, keyring.ErrAuthentication) {
			t.Errorf("Decrypt under %v of a key for %v = %v, want ErrAuthentication", m, made, err)
		}
	}
}

func testOtherKey(t *testing.T, h Harness) {
	if h.OpensAllOfItsKind {
		return // declared by the harness
	}
	k := generate(t, h.Other, format.AES256GCM, nil)
	if err := open(t, h.Provider, format.AES256GCM, nil, k.Record(), k); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt of another's key = %v, want ErrNoMatch", err)
	}
}

// foreign are entries of a provider that nobody has, one before and one after all others.
var foreign = format.Record{
	{Provider: "0.example", KeyID: "x", Ciphertext: []byte{1, 2, 3}},
	{Provider: "zz.example", KeyID: "x", Ciphertext: []byte{1, 2, 3}},
}

func testForeignEntries(t *testing.T, h Harness) {
	k := generate(t, h.writer(), format.AES256GCM, nil)
	if err := open(t, h.Provider, format.AES256GCM, nil, foreign, k); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt of foreign entries = %v, want ErrNoMatch", err)
	}
}

func testAmongForeignEntries(t *testing.T, h Harness) {
	k := generate(t, h.writer(), format.AES256GCM, nil)
	r := slices.Concat(foreign[:1], k.Record(), foreign[1:])
	if err := open(t, h.Provider, format.AES256GCM, nil, r, k); err != nil {
		t.Errorf("Decrypt among foreign entries = %v", err)
	}
}

// A wrapped key made under Other, labelled as one of Provider's: the label proves nothing.
func testRelabelled(t *testing.T, h Harness) {
	if h.OpensAllOfItsKind {
		return // declared by the harness
	}
	own, other := generate(t, h.writer(), format.AES256GCM, nil), generate(t, h.Other, format.AES256GCM, nil)
	r := own.Record().Clone()
	for i := range r {
		r[i].Ciphertext = other.Record()[i%len(other.Record())].Ciphertext
	}
	k, err := h.Provider.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.AES256GCM, Record: r})
	if err == nil {
		k.Destroy()
		t.Fatal("a wrapped key of another key opened under this one's label")
	}
	if !errors.Is(err, keyring.ErrNoMatch) && !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("Decrypt of a relabelled entry = %v, want ErrNoMatch or ErrAuthentication", err)
	}
	checkSecretFree(t, err, other)
}

func testDamaged(t *testing.T, h Harness) {
	k := generate(t, h.writer(), format.AES256GCM, nil)
	whole := k.Record()
	try := func(name string, edit func(c []byte) []byte) {
		t.Helper()
		r := whole.Clone()
		for i := range r {
			r[i].Ciphertext = edit(r[i].Ciphertext)
		}
		err := open(t, h.Provider, format.AES256GCM, nil, r, k)
		// A service may find that the damaged part named a key, which does not exist, and a reader of passphrases that it
		// asks for more than he spends.
		if !errors.Is(err, keyring.ErrAuthentication) && !errors.Is(err, kmsapi.ErrKeyNotFound) && !errors.Is(err, keyring.ErrCost) {
			t.Errorf("Decrypt of an entry %s = %v, want ErrAuthentication", name, err)
		}
	}
	least := len(whole[0].Ciphertext)
	for _, w := range whole {
		least = min(least, len(w.Ciphertext))
	}
	for at := range least {
		try(fmt.Sprintf("with byte %d flipped", at), func(c []byte) []byte { c[at] ^= 0x01; return c })
	}
	try("without its last byte", func(c []byte) []byte { return c[:len(c)-1] })
	try("of no bytes", func(c []byte) []byte { return c[:0] })
	try("of one byte", func(c []byte) []byte { return c[:1] })
	try("with a byte more", func(c []byte) []byte { return append(slices.Clip(c), 0) })
	try("of the largest size", func(c []byte) []byte { return append(c, make([]byte, format.MaxCiphertextSize-len(c))...) })
	try("over the largest size", func(c []byte) []byte { return append(c, make([]byte, format.MaxCiphertextSize+1-len(c))...) })
	try("of nothing but zeros", func(c []byte) []byte { clear(c); return c })
}

func testDoneContext(t *testing.T, h Harness) {
	k := generate(t, h.writer(), format.AES256GCM, nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: expired} {
		if _, err := h.Provider.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: k.Record()}); !errors.Is(err, want) {
			t.Errorf("Decrypt = %v, want %v", err, want)
		}
		if h.Writer != nil {
			continue // GenerateDataKey is unsupported, whatever the context
		}
		if _, err := h.Provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1}); !errors.Is(err, want) {
			t.Errorf("GenerateDataKey = %v, want %v", err, want)
		}
	}
}

// padded returns a copy of b with capacity beyond its length, filled with a pattern that appending would destroy.
func padded(b []byte) []byte {
	p := append(bytes.Clone(b), bytes.Repeat([]byte{0xaa}, 32)...)
	return p[:len(b)]
}

func testArguments(t *testing.T, h Harness) {
	ec := format.Pairs(padded(pairs(t, map[string]string{"tenant": "42"})))
	wasEC := bytes.Clone(ec[:cap(ec)])
	k := generate(t, h.writer(), format.AES256GCM, ec)
	r := k.Record().Clone()
	for i := range r {
		r[i].Ciphertext = padded(r[i].Ciphertext)
	}
	was := r.Clone()
	req := &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: r}
	opened, err := h.Provider.Decrypt(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Destroy()
	if !r.Equal(was) {
		t.Error("Decrypt modified the record")
	}
	for i := range r {
		if spare := r[i].Ciphertext[len(r[i].Ciphertext):cap(r[i].Ciphertext)]; bytes.Trim(spare[:32], "\xaa") != nil && len(bytes.Trim(spare[:32], "\xaa")) > 0 {
			t.Error("Decrypt wrote behind a ciphertext")
		}
	}
	if !bytes.Equal(ec[:cap(ec)], wasEC) {
		t.Error("the stored pairs were modified")
	}
	// What the caller does with his slices afterwards is his business.
	for i := range r {
		clear(r[i].Ciphertext)
	}
	clear(ec)
	if !opened.Equal(k) || !opened.Record().Equal(was) {
		t.Error("the data key changed with the caller's slices: it keeps them")
	}
}

func testConcurrent(t *testing.T, h Harness) {
	k := generate(t, h.writer(), format.AES256GCM, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 8 {
				if err := open(t, h.Provider, format.AES256GCM, nil, k.Record(), k); err != nil {
					t.Errorf("Decrypt = %v", err)
				}
				n, err := h.writer().GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: 1})
				if err != nil {
					t.Errorf("GenerateDataKey = %v", err)
					continue
				}
				if err := n.Expand(make([]byte, 32), []byte("x")); err != nil {
					t.Errorf("Expand = %v", err)
				}
				n.Destroy()
			}
		})
	}
	wg.Wait()
}

func testWrap(t *testing.T, h Harness) {
	w, ok := h.Provider.(keyring.Wrapper)
	if !ok {
		return
	}
	ec := pairs(t, map[string]string{"tenant": "42"})
	k := generate(t, h.writer(), format.AES256GCM, ec)
	for _, tt := range []struct {
		name string
		req  keyring.WrapRequest
		may  error // besides ErrUnsupported
	}{
		{"with the key", keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Key: k}, nil},
		{"with key and record", keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Key: k, Record: k.Record()}, nil},
		{"without the key", keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: k.Record()}, keyring.ErrNeedKey},
		{"without the key, of nothing but foreign entries", keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: foreign}, keyring.ErrNeedKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := w.Wrap(t.Context(), &tt.req)
			if errors.Is(err, errors.ErrUnsupported) || tt.may != nil && errors.Is(err, tt.may) {
				return
			}
			if err != nil {
				t.Fatalf("Wrap = %v", err)
			}
			if err := r.Check(); err != nil {
				t.Fatalf("record of Wrap: %v", err)
			}
			if err := open(t, h.Provider, format.AES256GCM, ec, r, k); err != nil {
				t.Errorf("Decrypt of what Wrap made = %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Wrap(ctx, &keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Key: k}); !errors.Is(err, context.Canceled) && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Wrap under a cancelled context = %v, want context.Canceled", err)
	}
}

func testMarkers(t *testing.T, h Harness) {
	if marked(h.Provider) != h.UnauthenticatedSender {
		t.Errorf("provider is an UnauthenticatedSender: %v, the harness says %v", !h.UnauthenticatedSender, h.UnauthenticatedSender)
	}
}

// marked looks for the marker through decorators, as keyring.UnauthenticatedSender says they must let one.
func marked(p keyring.KeyProvider) bool {
	if _, ok := p.(keyring.UnauthenticatedSender); ok {
		return true
	}
	if d, ok := p.(interface{ Unwrap() keyring.KeyProvider }); ok {
		return marked(d.Unwrap())
	}
	d, ok := p.(interface{ Unwrap() []keyring.KeyProvider })
	return ok && slices.ContainsFunc(d.Unwrap(), marked)
}
