package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// renewing is a provider that renews its own entry without the data key, as KMS does by ReEncrypt. It counts calls.
type renewing struct {
	*keyring.RawAES
	name           string
	renewed        int
	wrapped        int
	opened         int
	beforeAnswer   func()
	withoutRenewal bool
}

func newRenewing(t *testing.T, name string, fill byte) *renewing {
	t.Helper()
	p, err := keyring.NewRawAES(name, bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &renewing{RawAES: p, name: name}
}

func (p *renewing) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	p.opened++
	return p.RawAES.Decrypt(ctx, req)
}

func (p *renewing) Wrap(ctx context.Context, req *keyring.WrapRequest) (format.Record, error) {
	if p.beforeAnswer != nil {
		defer p.beforeAnswer()
	}
	if req.Key != nil {
		p.wrapped++
		return p.RawAES.Wrap(ctx, req)
	}
	if p.withoutRenewal {
		return nil, keyring.ErrNeedKey
	}
	key, err := p.RawAES.Decrypt(ctx, &keyring.DecryptRequest{Suite: req.Suite, Context: req.Context, Record: req.Record})
	if errors.Is(err, keyring.ErrNoMatch) {
		return nil, keyring.ErrNeedKey
	}
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	p.renewed++
	return p.RawAES.Wrap(ctx, &keyring.WrapRequest{Suite: req.Suite, Context: req.Context, Key: key})
}

var rewrapContext = envelope.Context{"tenant": "42", "row": "9"}

func header(t *testing.T, m []byte) *format.Header {
	t.Helper()
	h, err := format.ReadHeader(bytes.NewReader(m))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ids(r format.Record) (ids []string) {
	for _, w := range r {
		ids = append(ids, w.KeyID)
	}
	return ids
}

func checkOpens(t *testing.T, p keyring.KeyProvider, store envelope.KeyStore, m, want []byte) {
	t.Helper()
	got, err := newClient(t, p, &envelope.Options{KeyStore: store}).Decrypt(t.Context(), m, rewrapContext)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Decrypt = %d bytes, %v, want %d", len(got), err, len(want))
	}
}

func options(t *testing.T, kind format.Kind, store envelope.KeyStore) *envelope.Options {
	t.Helper()
	return &envelope.Options{Keys: kind, KeyStore: store, Withhold: []string{"row"}, ChunkSize: chunk}
}

var kinds = []format.Kind{format.Attached, format.Slots, format.Detached}

// A message of any kind opens, and only the detached one needs its key store.
func TestKinds(t *testing.T) {
	store := envelope.KeyDir(t.TempDir())
	p := newProvider(t)
	for _, kind := range kinds {
		for _, n := range []int{0, 1, chunk + 1} {
			m := encrypt(t, newClient(t, p, options(t, kind, store)), text(n), rewrapContext)
			if h := header(t, m); h.Kind != kind {
				t.Errorf("kind %v, want %v", h.Kind, kind)
			}
			checkOpens(t, p, store, m, text(n))
			_, err := newClient(t, p, nil).Decrypt(t.Context(), m, rewrapContext)
			if kind != format.Detached && err != nil || kind == format.Detached && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v without a key store: %v", kind, err)
			}
		}
	}
}

func TestNewRefusesKinds(t *testing.T) {
	p := newProvider(t)
	if _, err := envelope.New(p, &envelope.Options{Keys: format.Detached}); err == nil || !strings.Contains(err.Error(), "need a key store") {
		t.Errorf("detached without a store: %v", err)
	}
	if _, err := envelope.New(p, &envelope.Options{Keys: 4}); !errors.Is(err, format.ErrUnsupportedKind) {
		t.Errorf("kind 4: %v, want ErrUnsupportedKind", err)
	}
}

// Rewrap from any kind to any other: same head, tag and body, same plaintext, new wrapped keys.
func TestRewrapKinds(t *testing.T) {
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				store := envelope.KeyDir(t.TempDir())
				p := newRenewing(t, "a", 1)
				m := encrypt(t, newClient(t, p, options(t, from, store)), text(chunk+1), rewrapContext)
				h := header(t, m)
				var before []byte
				if from == format.Detached {
					var err error
					if before, err = store.Get(t.Context(), h.Reference); err != nil {
						t.Fatal(err)
					}
				}
				var out bytes.Buffer
				info, err := newClient(t, p, options(t, to, store)).Rewrap(t.Context(), &out, bytes.NewReader(m), rewrapContext, nil)
				if err != nil || info.KeyID != "a" || info.Provider != "raw" {
					t.Fatalf("Rewrap = %v, %v", info, err)
				}
				o := header(t, out.Bytes())
				if !bytes.Equal(m[:h.KeysOffset()], out.Bytes()[:o.KeysOffset()]) || !bytes.Equal(m[h.Size():], out.Bytes()[o.Size():]) {
					t.Error("head, tag or body changed")
				}
				checkOpens(t, p, store, out.Bytes(), text(chunk+1))
				checkOpens(t, p, store, m, text(chunk+1)) // rewrapping revokes nothing
				want := to
				if from == format.Detached {
					want = format.Detached
					after, err := store.Get(t.Context(), h.Reference)
					if err != nil || bytes.Equal(before, after) {
						t.Errorf("the key file was not renewed: %v", err)
					}
				} else if to != format.Detached && bytes.Equal(h.Record[0].Ciphertext, o.Record[0].Ciphertext) {
					t.Error("the wrapped key is the same")
				}
				if o.Kind != want {
					t.Errorf("kind %v, want %v", o.Kind, want)
				}
				if needed := from != format.Detached && to == format.Detached; (p.renewed == 1) == needed || (p.wrapped == 1) != needed {
					t.Errorf("%d renewed, %d wrapped; the data key is needed: %v", p.renewed, p.wrapped, needed)
				}
			})
		}
	}
}

// From key a to key b: the data key is opened by a, verified and wrapped by b; a's entry stays until it is dropped by
// name, and never the new one.
func TestRewrapMoves(t *testing.T) {
	a, b := newRenewing(t, "a", 1), newRenewing(t, "b", 2)
	m := encrypt(t, newClient(t, a, options(t, format.Attached, nil)), text(100), rewrapContext)
	client := newClient(t, b, nil)
	for _, tt := range []struct {
		drop func(format.WrappedKey) bool
		want string
	}{
		{nil, "[a b]"},
		{func(w format.WrappedKey) bool { return w.KeyID == "a" }, "[b]"},
		{func(format.WrappedKey) bool { return true }, "[b]"},
	} {
		var out bytes.Buffer
		info, err := client.Rewrap(t.Context(), &out, bytes.NewReader(m), rewrapContext, &envelope.RewrapOptions{Open: a, Drop: tt.drop})
		if err != nil || info.KeyID != "b" {
			t.Fatalf("Rewrap = %v, %v", info, err)
		}
		if got := fmt.Sprint(ids(header(t, out.Bytes()).Record)); got != tt.want {
			t.Errorf("entries %s, want %s", got, tt.want)
		}
		checkOpens(t, b, nil, out.Bytes(), text(100))
	}
	if _, err := client.Rewrap(t.Context(), io.Discard, bytes.NewReader(m), rewrapContext, nil); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Rewrap without the old provider = %v, want ErrNoMatch", err)
	}
}

// F2: Mallory may write to storage and may decrypt under b, not under a. She plants the wrapped key and context of a
// secret message of a in a message that a worker moves from a to b. The worker must not wrap what it cannot verify.
func TestRewrapIsNoOracle(t *testing.T) {
	a, b := newRenewing(t, "a", 1), newRenewing(t, "b", 2)
	secret := encrypt(t, newClient(t, a, options(t, format.Attached, nil)), []byte("secret"), rewrapContext)
	harmless := encrypt(t, newClient(t, b, options(t, format.Attached, nil)), []byte("harmless"), rewrapContext)
	planted := header(t, harmless)
	planted.Record = header(t, secret).Record
	m, err := planted.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	m = append(m, harmless[header(t, harmless).Size():]...)
	var out bytes.Buffer
	_, err = newClient(t, b, nil).Rewrap(t.Context(), &out, bytes.NewReader(m), rewrapContext, &envelope.RewrapOptions{Open: a})
	if !errors.Is(err, envelope.ErrAuthentication) || out.Len() > 0 || b.wrapped > 0 {
		t.Errorf("Rewrap = %v, %d bytes written, %d keys wrapped, want ErrAuthentication and nothing", err, out.Len(), b.wrapped)
	}
	// The same in a key file: the commit refuses.
	store := envelope.KeyDir(t.TempDir())
	detached := encrypt(t, newClient(t, b, options(t, format.Detached, store)), []byte("harmless"), rewrapContext)
	ref := header(t, detached).Reference
	old, err := store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	var kf format.KeyFile
	if err := kf.Parse(old); err != nil {
		t.Fatal(err)
	}
	kf.Record = header(t, secret).Record
	edited, err := kf.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Swap(t.Context(), ref, old, edited); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, b, &envelope.Options{KeyStore: store})
	if _, err := client.RewrapKey(t.Context(), ref, envelope.Context{"tenant": "42"}, &envelope.RewrapOptions{Open: a}); !errors.Is(err, envelope.ErrAuthentication) || b.wrapped > 0 {
		t.Errorf("RewrapKey = %v, %d keys wrapped, want ErrAuthentication and none", err, b.wrapped)
	}
	if now, err := store.Get(t.Context(), ref); err != nil || !bytes.Equal(now, edited) {
		t.Errorf("the key file changed, %v", err)
	}
}

// The expected context is compared as in Decrypt, before anybody is asked.
func TestRewrapContext(t *testing.T) {
	p := newRenewing(t, "a", 1)
	store := envelope.KeyDir(t.TempDir())
	for _, kind := range kinds {
		m := encrypt(t, newClient(t, p, options(t, kind, store)), text(10), rewrapContext)
		c := newClient(t, p, &envelope.Options{KeyStore: store})
		for _, ec := range []envelope.Context{nil, {"tenant": "42"}, {"tenant": "43", "row": "9"}, {"tenant": "42", "row": "9", "x": ""}} {
			var out bytes.Buffer
			if _, err := c.Rewrap(t.Context(), &out, bytes.NewReader(m), ec, nil); !errors.Is(err, envelope.ErrAuthentication) || out.Len() > 0 {
				t.Errorf("%v: Rewrap with %v = %v, %d bytes written", kind, ec, err, out.Len())
			}
		}
		if kind == format.Detached {
			for _, ec := range []envelope.Context{nil, {"tenant": "43"}, {"tenant": "42", "row": "9"}} {
				if _, err := c.RewrapKey(t.Context(), header(t, m).Reference, ec, nil); !errors.Is(err, envelope.ErrAuthentication) {
					t.Errorf("RewrapKey with %v = %v", ec, err)
				}
			}
		}
	}
	if p.renewed+p.wrapped+p.opened > 0 {
		t.Error("the provider was asked")
	}
	// Where the data key is seen, the value of a withheld pair is verified.
	p.withoutRenewal = true
	m := encrypt(t, newClient(t, p, options(t, format.Attached, nil)), text(10), rewrapContext)
	if _, err := newClient(t, p, nil).Rewrap(t.Context(), io.Discard, bytes.NewReader(m), envelope.Context{"tenant": "42", "row": "8"}, nil); !errors.Is(err, envelope.ErrAuthentication) || p.wrapped > 0 {
		t.Errorf("Rewrap of another row = %v, %d wrapped", err, p.wrapped)
	}
}

// A client that requires a withheld pair of every message renews key files, which have none.
func TestRewrapRequired(t *testing.T) {
	store := envelope.KeyDir(t.TempDir())
	p := newRenewing(t, "a", 1)
	opts := options(t, format.Detached, store)
	opts.Require = []string{"row", "tenant"}
	c := newClient(t, p, opts)
	m := encrypt(t, c, text(10), rewrapContext)
	if _, err := c.Rewrap(t.Context(), io.Discard, bytes.NewReader(m), rewrapContext, nil); err != nil {
		t.Errorf("Rewrap of a detached message = %v", err)
	}
	if _, err := c.RewrapKey(t.Context(), header(t, m).Reference, envelope.Context{"tenant": "42"}, nil); err != nil {
		t.Errorf("RewrapKey = %v", err)
	}
	opts.Require = []string{"user"}
	for _, kind := range kinds {
		m := encrypt(t, newClient(t, p, options(t, kind, store)), text(10), rewrapContext)
		if _, err := newClient(t, p, opts).Rewrap(t.Context(), io.Discard, bytes.NewReader(m), rewrapContext, nil); !errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("%v: Rewrap of a message without a required pair = %v, want ErrAuthentication", kind, err)
		}
	}
}

// onlyProvider hides the optional methods of a provider.
type onlyProvider struct{ keyring.KeyProvider }

func TestRewrapRefuses(t *testing.T) {
	p := newRenewing(t, "a", 1)
	m := encrypt(t, newClient(t, p, options(t, format.Attached, nil)), text(10), rewrapContext)
	c := newClient(t, p, nil)
	for _, tt := range []struct {
		name   string
		client *envelope.Client
		dst    io.Writer
		src    []byte
		want   error
	}{
		{"no wrapper", newClient(t, onlyProvider{p}, nil), io.Discard, m, errors.ErrUnsupported},
		{"suite not accepted", newClient(t, p, &envelope.Options{AcceptSuites: []format.Suite{2}}), io.Discard, m, format.ErrUnsupportedSuite},
		{"destination fails", c, &failAfter{10}, m, errOutage},
		{"destination fails in the body", c, &failAfter{len(m) - 1}, m, errOutage},
		{"destination is short", c, &shortWriter{10}, m, io.ErrShortWrite},
		{"no message", c, io.Discard, []byte("text"), format.ErrNotMessage},
		{"header cut", c, io.Discard, m[:100], io.ErrUnexpectedEOF},
	} {
		if info, err := tt.client.Rewrap(t.Context(), tt.dst, bytes.NewReader(tt.src), rewrapContext, nil); !errors.Is(err, tt.want) || info.KeyID != "" {
			t.Errorf("%s: Rewrap = %v, %v, want %v", tt.name, info, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Rewrap(ctx, io.Discard, bytes.NewReader(m), rewrapContext, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Rewrap cancelled = %v", err)
	}
	if _, err := c.Rewrap(t.Context(), nil, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "no source or destination") {
		t.Errorf("Rewrap(nil) = %v", err)
	}
	if _, err := c.RewrapKey(t.Context(), format.Reference{}, nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("RewrapKey without a store = %v", err)
	}
}

// Entries of others survive any number of rewraps, and unknown providers among them.
func TestRewrapKeepsOthers(t *testing.T) {
	p := newRenewing(t, "b", 1)
	m := encrypt(t, newClient(t, p, options(t, format.Attached, nil)), text(10), rewrapContext)
	h := header(t, m)
	body := m[h.Size():]
	h.Record = format.MergeRecords(h.Record, format.Record{
		{Provider: "hsm.example", KeyID: "x", Ciphertext: []byte{1}}, {Provider: "kms", KeyID: "z", Ciphertext: []byte{2}}})
	b, err := h.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	m = append(b, body...)
	for range 3 {
		var out bytes.Buffer
		if _, err := newClient(t, p, nil).Rewrap(t.Context(), &out, bytes.NewReader(m), rewrapContext, nil); err != nil {
			t.Fatal(err)
		}
		m = bytes.Clone(out.Bytes())
	}
	if got := fmt.Sprint(ids(header(t, m).Record)); got != "[x z b]" {
		t.Errorf("entries %s, want [x z b]", got)
	}
	checkOpens(t, p, nil, m, text(10))
}

func TestRewrapFile(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			dir := t.TempDir()
			store := envelope.KeyDir(t.TempDir())
			path := filepath.Join(dir, "m")
			p := newRenewing(t, "a", 1)
			m := encrypt(t, newClient(t, p, options(t, kind, store)), text(3*chunk), rewrapContext)
			writeFile(t, path, m, 0o640)
			if err := os.Symlink("m", filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			c := newClient(t, p, &envelope.Options{KeyStore: store})
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				info, err := c.RewrapFile(t.Context(), filepath.Join(dir, "link"), rewrapContext, nil)
				if err != nil || info.KeyID != "a" {
					t.Fatalf("RewrapFile = %v, %v", info, err)
				}
				now, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				checkOpens(t, p.RawAES, store, now, text(3*chunk))
				after, err := os.Stat(path)
				if err != nil || after.Mode() != 0o640 {
					t.Errorf("mode %v, %v", after.Mode(), err)
				}
				if inPlace := os.SameFile(before, after); inPlace != (kind != format.Attached) {
					t.Errorf("%v: the same file: %v", kind, inPlace)
				}
				if (kind == format.Detached) != bytes.Equal(now, m) {
					t.Errorf("%v: the file is unchanged: %v", kind, kind != format.Detached)
				}
				if h := header(t, now); kind == format.Slots {
					if h.Generation != uint32(3+2*i) {
						t.Errorf("generation %d, want %d", h.Generation, 3+2*i)
					}
					// No old wrapped key stays, in either slot.
					old := header(t, m).Record[0].Ciphertext
					if bytes.Contains(now, old) {
						t.Error("the old wrapped key is still in the file")
					}
				}
				m, before = now, after
			}
			if p.renewed != 3 || p.opened != 0 {
				t.Errorf("%d renewed, %d opened, want 3 and 0", p.renewed, p.opened)
			}
			namesAre(t, dir, "link", "m")
		})
	}
}

// Slots that have become too small, or whose generations are used up, make a new file.
func TestRewrapFileOutgrown(t *testing.T) {
	p := newRenewing(t, "a", 1)
	m := encrypt(t, newClient(t, p, options(t, format.Slots, nil)), text(10), rewrapContext)
	last := header(t, m)
	body := m[last.Size():]
	last.Generation = 1<<32 - 2
	outOfGenerations, err := last.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := make([]keyring.KeyProvider, 0)
	for i := range 6 {
		long = append(long, newRenewing(t, strings.Repeat("x", 200)+fmt.Sprint(i), byte(i)))
	}
	for name, tt := range map[string]struct {
		message []byte
		wrap    keyring.KeyProvider
	}{
		"generations": {append(outOfGenerations, body...), p},
		"size":        {m, wrapAll{p, long}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m")
			writeFile(t, path, tt.message, 0o600)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := newClient(t, tt.wrap, nil).RewrapFile(t.Context(), path, rewrapContext, nil); err != nil {
				t.Fatal(err)
			}
			after, err := os.Stat(path)
			if err != nil || os.SameFile(before, after) {
				t.Errorf("the same file, %v", err)
			}
			now, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if h := header(t, now); h.Kind != format.Slots || h.Generation != 1 {
				t.Errorf("kind %v, generation %d, want slots and 1", h.Kind, h.Generation)
			}
			checkOpens(t, p, nil, now, text(10))
		})
	}
}

// wrapAll opens with one provider and wraps with many.
type wrapAll struct {
	keyring.KeyProvider
	all []keyring.KeyProvider
}

func (p wrapAll) Wrap(ctx context.Context, req *keyring.WrapRequest) (r format.Record, err error) {
	if req.Key == nil {
		return nil, keyring.ErrNeedKey
	}
	for _, q := range p.all {
		e, err := q.(keyring.Wrapper).Wrap(ctx, req)
		if err != nil {
			return nil, err
		}
		r = append(r, e...)
	}
	return format.MergeRecords(r), nil
}

// F23: while the key service is asked, another message is renamed over the file, or another worker rewraps it.
func TestRewrapFileRaces(t *testing.T) {
	for _, kind := range []format.Kind{format.Attached, format.Slots} {
		for name, meanwhile := range map[string]func(t *testing.T, path string, other []byte){
			"replaced": func(t *testing.T, path string, other []byte) {
				writeFile(t, path+".new", other, 0o600)
				if err := os.Rename(path+".new", path); err != nil {
					t.Fatal(err)
				}
			},
			"overwritten": func(t *testing.T, path string, other []byte) { writeFile(t, path, other, 0o600) },
			"removed": func(t *testing.T, path string, _ []byte) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			},
			"rewrapped": func(t *testing.T, path string, _ []byte) {
				if _, err := newClient(t, newRenewing(t, "a", 1), nil).RewrapFile(t.Context(), path, rewrapContext, nil); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(fmt.Sprintf("%v %s", kind, name), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "m")
				p := newRenewing(t, "a", 1)
				c := newClient(t, p, options(t, kind, nil))
				writeFile(t, path, encrypt(t, c, text(10), rewrapContext), 0o600)
				other := encrypt(t, c, text(20), rewrapContext)
				var is []byte
				p.beforeAnswer = func() {
					p.beforeAnswer = nil
					meanwhile(t, path, other)
					is, _ = os.ReadFile(path)
				}
				if _, err := c.RewrapFile(t.Context(), path, rewrapContext, nil); !errors.Is(err, envelope.ErrChanged) {
					t.Errorf("RewrapFile = %v, want ErrChanged", err)
				}
				if now, _ := os.ReadFile(path); !bytes.Equal(now, is) {
					t.Error("what came meanwhile was overwritten")
				}
			})
		}
	}
}

// Two workers on one key file: one wins, the other is told.
func TestRewrapKeyRace(t *testing.T) {
	store := envelope.KeyDir(t.TempDir())
	p := newRenewing(t, "a", 1)
	c := newClient(t, p, options(t, format.Detached, store))
	m := encrypt(t, c, text(10), rewrapContext)
	ref, ec := header(t, m).Reference, envelope.Context{"tenant": "42"}
	p.beforeAnswer = func() {
		p.beforeAnswer = nil
		if _, err := newClient(t, newRenewing(t, "a", 1), &envelope.Options{KeyStore: store}).RewrapKey(t.Context(), ref, ec, nil); err != nil {
			t.Errorf("the other worker: %v", err)
		}
	}
	if _, err := c.RewrapKey(t.Context(), ref, ec, nil); !errors.Is(err, envelope.ErrChanged) {
		t.Errorf("RewrapKey = %v, want ErrChanged", err)
	}
	checkOpens(t, p, store, m, text(10))
	if _, err := c.RewrapKey(t.Context(), ref, ec, nil); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestRewrapFileRefuses(t *testing.T) {
	p := newRenewing(t, "a", 1)
	dir := t.TempDir()
	c := newClient(t, p, options(t, format.Attached, nil))
	m := encrypt(t, c, text(10), rewrapContext)
	for name, tt := range map[string]struct {
		content []byte
		ec      envelope.Context
		want    error
	}{
		"text":    {[]byte("text"), rewrapContext, format.ErrNotMessage},
		"cut":     {m[:len(m)-11], rewrapContext, envelope.ErrAuthentication},
		"context": {m, nil, envelope.ErrAuthentication},
	} {
		path := filepath.Join(dir, name)
		writeFile(t, path, tt.content, 0o600)
		if _, err := c.RewrapFile(t.Context(), path, tt.ec, nil); !errors.Is(err, tt.want) {
			t.Errorf("%s: RewrapFile = %v, want %v", name, err, tt.want)
		}
		fileIs(t, path, tt.content)
	}
	if _, err := c.RewrapFile(t.Context(), filepath.Join(dir, "none"), nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("RewrapFile of nothing = %v", err)
	}
	namesAre(t, dir, slices.Sorted(slices.Values([]string{"text", "cut", "context"}))...)
}
