package envelope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// White-box: which scratch a call gets from its pool is the pool's affair, and what is at stake here is what a scratch takes
// over from the message before.

// newTestClient returns a client over a cache, so that messages with one context share a data key.
func newTestClient(t *testing.T, provider keyring.KeyProvider, opts *Options) *Client {
	t.Helper()
	c, err := New(provider, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newTestCache(t *testing.T) *keyring.Caching {
	t.Helper()
	cache, err := keyring.NewCaching(newTestRaw(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return cache
}

func newTestRaw(t *testing.T) *keyring.RawAES {
	t.Helper()
	raw, err := keyring.NewRawAES("a", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A header is parsed as if none had been before it: whatever was, and whatever byte of it differs from that.
func TestScratchParse(t *testing.T) {
	cache := newTestCache(t)
	ec := Context{"tenant": "42", "row": "9"}
	message := func(opts Options) []byte {
		t.Helper()
		m, err := newTestClient(t, cache, &opts).Encrypt(t.Context(), []byte("hello"), ec)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := message(Options{})
	messages := map[string][]byte{
		"another salt":       message(Options{}),
		"another chunk size": message(Options{ChunkSize: 4096}),
		"another suite":      message(Options{Suite: format.SM4GCM}),
		"a pair withheld":    message(Options{Withhold: []string{"row"}}),
		"all withheld":       message(Options{Withhold: []string{"row", "tenant"}}),
		"slots":              message(Options{Keys: format.Slots}),
		"detached":           message(Options{Keys: format.Detached, KeyStore: deafStore{}}),
		"longer":             append(bytes.Clone(first), "more"...),
		"empty":              nil,
	}
	for i := range first {
		messages[fmt.Sprintf("cut to %d bytes", i)] = first[:i]
		flipped := bytes.Clone(first)
		flipped[i] ^= 1
		messages[fmt.Sprintf("byte %d flipped", i)] = flipped
	}
	same := 0
	check := func(name string, sc *scratch, m []byte) {
		t.Helper()
		before := bytes.Clone(m)
		var want format.Header
		n, wantErr := want.Parse(m)
		if sc.parsed(m) {
			same++
		}
		err := sc.parse(m)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%s: parse = %v, want %v", name, err, wantErr)
		}
		got := sc.header
		if len(got.Stored) == 0 {
			got.Stored, want.Stored = nil, nil // an empty one is as good as none
		}
		if err == nil && (!reflect.DeepEqual(got, want) || len(sc.wire) != n) {
			t.Fatalf("%s: parse gives %+v of %d bytes, want %+v of %d", name, got, len(sc.wire), want, n)
		}
		if !bytes.Equal(m, before) {
			t.Fatalf("%s: parse changed the message", name)
		}
	}
	sc := new(scratch)
	for name, m := range messages {
		for other, o := range messages {
			if strings.Contains(name, "byte") && strings.Contains(other, "byte") {
				continue // the square of all single bytes adds nothing but time
			}
			check("first", sc, first)
			check(name, sc, m)
			check(other+" behind "+name, sc, o)
		}
	}
	if same == 0 {
		t.Error("no header was taken for one like that before it")
	}

	// Two messages with slots of one record differ in more than salt and tag, and are never taken for alike.
	a, b := message(Options{Keys: format.Slots}), message(Options{Keys: format.Slots})
	check("slots", sc, a)
	if sc.parsed(a) || sc.parsed(b) {
		t.Error("a header with slots was taken for the one before")
	}
	check("other slots", sc, b)
}

// deafStore takes key files and gives none back.
type deafStore struct{ noKeyStore }

func (deafStore) Put(context.Context, format.Reference, []byte) error { return nil }

func TestScratchHolds(t *testing.T) {
	cache := newTestCache(t)
	all := []Context{
		nil, {}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"}, {"a": "1", "b": "2"}, {"a": "2", "b": "1"},
		{"a": "1", "w": "1"}, {"a": "1", "w": "2"}, {"a": "1", "w": ""}, {"w": "1"}, {"w": "a"}, {"a": ""}, {"aa": ""}, {"a": "a"},
		{"a": "1", "b": "1", "w": "1"}, {"a": "1\x001", "b": ""}, {"a": "", "b": "", "w": ""},
	}
	invalid := []Context{{"": "1"}, {"a": "\xff"}, {"a": "1", "\xff": "1"}, {"a": strings.Repeat("x", 1<<16)}, {"w": "\xff"}, {"a": "1", "w": "\xff"}}
	for _, withhold := range [][]string{nil, {"w"}, {"w", "b"}} {
		c := newTestClient(t, cache, &Options{Withhold: withhold})
		for _, before := range append(all, invalid...) {
			for _, ec := range append(all, invalid...) {
				sc := new(scratch)
				wantErr := c.splitContext(sc, before)
				if got, want := sc.holds(ec), wantErr == nil && mapsEqual(before, ec); got != want {
					t.Fatalf("withholding %q: %v holds %v = %v, want %v", withhold, before, ec, got, want)
				}
				fresh := new(scratch)
				freshErr := c.splitContext(fresh, ec)
				err := c.splitContext(sc, ec)
				if fmt.Sprint(err) != fmt.Sprint(freshErr) {
					t.Fatalf("%v behind %v: splitContext = %v, want %v", ec, before, err, freshErr)
				}
				if err == nil && (!bytes.Equal(sc.stored, fresh.stored) || !bytes.Equal(sc.withheld, fresh.withheld)) {
					t.Fatalf("%v behind %v: stored %q, withheld %q, want %q, %q", ec, before, sc.stored, sc.withheld, fresh.stored, fresh.withheld)
				}
			}
		}
	}
}

func mapsEqual(a, b Context) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

// A header is made anew unless the record lies in the same place.
func TestScratchFits(t *testing.T) {
	record := format.Record{{Provider: "raw", KeyID: "a", Ciphertext: make([]byte, format.LocalWrapSize)}}
	two := append(record.Clone(), format.WrappedKey{Provider: "raw", KeyID: "b", Ciphertext: make([]byte, format.LocalWrapSize)})
	for _, tt := range []struct {
		name   string
		kind   format.Kind
		wire   []byte
		before format.Record
		want   bool
	}{
		{"the same", format.Attached, []byte{1}, record, true},
		{"an equal one in another place", format.Attached, []byte{1}, record.Clone(), false},
		{"one with more entries", format.Attached, []byte{1}, two, false},
		{"none", format.Attached, nil, nil, false},
		{"slots", format.Slots, []byte{1}, record, false},
		{"detached", format.Detached, []byte{1}, record, false},
		{"no header", format.Attached, nil, record, false},
	} {
		sc := &scratch{header: format.Header{Kind: tt.kind, Record: tt.before}, wire: tt.wire}
		if got := sc.fits(record); got != tt.want {
			t.Errorf("%s: fits = %v, want %v", tt.name, got, tt.want)
		}
	}
	longer := &scratch{header: format.Header{Kind: format.Attached, Record: two}, wire: []byte{1}}
	if longer.fits(two[:1]) {
		t.Error("the beginning of a record fits")
	}
}

// A scratch with a long header gives its room back.
func TestScratchKeepsNoLongHeader(t *testing.T) {
	c := newTestClient(t, newTestCache(t), nil)
	for _, n := range []int{100, keepWire} {
		sc := &scratch{wire: make([]byte, n, n+1)}
		sc.put(&c.opening)
		if kept := cap(sc.wire) > 0; kept != (n < keepWire) {
			t.Errorf("header of %d bytes: kept %v", n, kept)
		}
	}
}

// What an Info tells is never used again: a caller who changes it changes no later check and no later answer.
func TestScratchTell(t *testing.T) {
	c := newTestClient(t, newTestCache(t), nil)
	m, err := c.Encrypt(t.Context(), []byte("hello"), Context{"tenant": "42"})
	if err != nil {
		t.Fatal(err)
	}
	sc := new(scratch)
	open := func(ec Context) (Info, error) {
		if err := sc.parse(m); err != nil {
			t.Fatal(err)
		}
		var info Info
		_, err := c.open(t.Context(), sc, m[:sc.header.HeadSize()], ec, &info)
		return info, err
	}
	info, err := open(Context{"tenant": "42"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := open(Context{"tenant": "42"})
	if err != nil || &again.Stored[0] != &info.Stored[0] {
		t.Errorf("the same pairs were copied again: %v", err)
	}
	copy(info.Stored, bytes.Replace(info.Stored, []byte("42"), []byte("66"), 1))
	if _, err := open(Context{"tenant": "66"}); err == nil {
		t.Error("the message opens with what the caller wrote into an Info")
	}
	info, err = open(Context{"tenant": "42"})
	if err != nil || info.Stored.Map()["tenant"] != "42" {
		t.Errorf("open = %v, %v, want the message's own pairs", info.Stored.Map(), err)
	}
}

// What an Info tells is of the data key that opened this message, however often another opened one with the same header:
// keys are compared by their records, and a provider may answer as it likes.
func TestScratchLearn(t *testing.T) {
	raw := newTestRaw(t)
	p := &renamer{KeyProvider: raw}
	c := newTestClient(t, p, nil)
	m, err := c.Encrypt(t.Context(), []byte("hello"), Context{"tenant": "42"})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"", "", "b", "b", "c", "", "c", "kms/1"} {
		p.id = id
		want := id
		if id == "" {
			want = "a"
		}
		_, info, err := c.AppendDecrypt(t.Context(), nil, m, Context{"tenant": "42"})
		if err != nil || info.KeyID != want || info.Suite != format.AES256GCM || info.Stored.Map()["tenant"] != "42" {
			t.Errorf("message %d: opened by %q, %v, want %q", i, info.KeyID, err, want)
		}
	}

	// Nor does one answer of another suite pass because the ones before it did not have it.
	p.suite = format.SM4GCM
	if _, err := c.Decrypt(t.Context(), m, Context{"tenant": "42"}); !errors.Is(err, keyring.ErrInvalidDataKey) {
		t.Errorf("Decrypt with a key of another suite = %v, want ErrInvalidDataKey", err)
	}
}

// A renamer answers with the data key of another provider, under another id and for another suite if they are given.
type renamer struct {
	keyring.KeyProvider
	id    string
	suite format.Suite
}

func (p *renamer) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (key *keyring.DataKey, err error) {
	inner, err := p.KeyProvider.Decrypt(ctx, req)
	if err != nil || p.id == "" {
		return inner, err
	}
	defer inner.Destroy()
	record := inner.Record().Clone()
	record[0].KeyID = p.id
	s := max(p.suite, inner.Suite())
	inner.Lend(func(b []byte) error { key, err = keyring.NewDataKey(s, b, record, 0); return err })
	return key, err
}

// A data key that comes back is known for what it is, though another one opened a message in between.
func TestScratchLearnsAnew(t *testing.T) {
	raw := newTestRaw(t)
	p := &holder{KeyProvider: raw}
	c := newTestClient(t, p, nil)
	ec := Context{"tenant": "42"}
	m, err := c.Encrypt(t.Context(), []byte("hello"), ec)
	if err != nil {
		t.Fatal(err)
	}
	var h format.Header
	if _, err := h.Parse(m); err != nil {
		t.Fatal(err)
	}
	keys := map[string]*keyring.DataKey{}
	for _, id := range []string{"a", "b"} {
		from := &renamer{KeyProvider: raw, id: id}
		if keys[id], err = from.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: h.Suite, Context: h.Stored, Record: h.Record}); err != nil {
			t.Fatal(err)
		}
		defer keys[id].Destroy()
	}
	sc := new(scratch)
	for i, id := range []string{"a", "b", "a", "a", "b", "b", "a"} {
		p.held = keys[id]
		if err := sc.parse(m); err != nil {
			t.Fatal(err)
		}
		var info Info
		if _, err := c.open(t.Context(), sc, m[:sc.header.HeadSize()], ec, &info); err != nil || info.KeyID != id {
			t.Errorf("message %d: opened by %q, %v, want %q", i, info.KeyID, err, id)
		}
	}
}

// A holder answers with one data key, and notes all that others gave.
type holder struct {
	keyring.KeyProvider
	held  *keyring.DataKey
	after func() // called before it answers
	given []*keyring.DataKey
}

func (p *holder) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	if p.held != nil {
		p.held.Share()
		return p.held, nil
	}
	return p.give(p.KeyProvider.Decrypt(ctx, req))
}

func (p *holder) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return p.give(p.KeyProvider.GenerateDataKey(ctx, req))
}

func (p *holder) give(k *keyring.DataKey, err error) (*keyring.DataKey, error) {
	p.given = append(p.given, k)
	if p.after != nil {
		p.after()
	}
	return k, err
}

// live returns how many of the data keys were not destroyed.
func (p *holder) live() (n int) {
	for _, k := range p.given {
		if k.Expand(make([]byte, 1), nil) != keyring.ErrDestroyed {
			n++
		}
	}
	return n
}

// Every data key is destroyed once the message is made or opened, or cannot be.
func TestDataKeysAreDestroyed(t *testing.T) {
	raw := newTestRaw(t)
	ec := Context{"tenant": "42"}
	store := KeyDir(t.TempDir())
	attached, err := newTestClient(t, raw, nil).Encrypt(t.Context(), []byte("hello"), ec)
	if err != nil {
		t.Fatal(err)
	}
	detached, err := newTestClient(t, raw, &Options{Keys: format.Detached, KeyStore: store}).Encrypt(t.Context(), []byte("hello"), ec)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(attached)
	forged[len(forged)-1] ^= 1
	tagged := bytes.Clone(attached)
	tagged[format.SaltOffset] ^= 1
	errPut := errors.New("put")
	for _, tt := range []struct {
		name  string
		opts  Options
		inner keyring.KeyProvider
		late  bool   // the context is done when the provider answers
		open  []byte // nil: a message is made
		want  error
	}{
		{name: "made"},
		{name: "opened", open: attached},
		{name: "opened, detached", opts: Options{KeyStore: store}, open: detached},
		{name: "another body", open: forged, want: ErrAuthentication},
		{name: "another tag", open: tagged, want: ErrAuthentication},
		{name: "made too late", late: true, want: context.Canceled},
		{name: "opened too late", late: true, open: attached, want: context.Canceled},
		{name: "opened too late, detached", opts: Options{KeyStore: store}, late: true, open: detached, want: context.Canceled},
		{name: "opened for another suite", inner: &renamer{KeyProvider: raw, id: "a", suite: format.SM4GCM}, open: attached, want: keyring.ErrInvalidDataKey},
		{name: "made for another suite", inner: &generator{raw}, want: keyring.ErrInvalidDataKey},
		{name: "no key file", opts: Options{Keys: format.Detached, KeyStore: failingStore{err: errPut}}, want: errPut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := &holder{KeyProvider: raw}
			if tt.inner != nil {
				p.KeyProvider = tt.inner
			}
			c := newTestClient(t, p, &tt.opts)
			for i := range 3 { // the later ones with what the first has left
				if tt.late && i == 2 {
					p.after = cancel
				}
				var err error
				if tt.open == nil {
					_, err = c.Encrypt(ctx, []byte("hello"), ec)
				} else {
					_, err = c.Decrypt(ctx, tt.open, ec)
				}
				if want := tt.want; tt.late && i < 2 {
					if err != nil {
						t.Errorf("call %d: %v", i, err)
					}
				} else if !errors.Is(err, want) {
					t.Errorf("call %d: %v, want %v", i, err, want)
				}
			}
			if len(p.given) == 0 || p.live() > 0 {
				t.Errorf("%d of %d data keys live", p.live(), len(p.given))
			}
		})
	}
}

// A generator answers with a data key of the other suite.
type generator struct{ keyring.KeyProvider }

func (p *generator) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return p.KeyProvider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.SM4GCM, Context: req.Context, Size: req.Size})
}

// A failingStore takes no key file.
type failingStore struct {
	noKeyStore
	err error
}

func (s failingStore) Put(context.Context, format.Reference, []byte) error { return s.err }

// A message with detached keys asks for its key file every time: once that is deleted, nobody opens it.
func TestDetachedAfterItsKeyIsGone(t *testing.T) {
	dir := t.TempDir()
	c := newTestClient(t, newTestCache(t), &Options{Keys: format.Detached, KeyStore: KeyDir(dir)})
	ec := Context{"tenant": "42"}
	m, err := c.Encrypt(t.Context(), []byte("hello"), ec)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Decrypt(t.Context(), m, ec); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Decrypt(t.Context(), m, ec); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Decrypt without the key file = %q, %v, want fs.ErrNotExist", got, err)
	}
}
