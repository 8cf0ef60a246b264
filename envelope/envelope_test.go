package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// counting counts the calls of a provider, and lets a test edit what goes in and out.
type counting struct {
	keyring.KeyProvider
	mu                sync.Mutex
	generate, decrypt int
	lastContext       format.Pairs
	lastSize          int64
	onGenerate        func(*keyring.DataKey, error) (*keyring.DataKey, error)
	onDecrypt         func(*keyring.DataKey, error) (*keyring.DataKey, error)
}

func (p *counting) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	p.mu.Lock()
	p.generate++
	p.lastContext, p.lastSize = bytes.Clone(req.Context), req.Size
	p.mu.Unlock()
	k, err := p.KeyProvider.GenerateDataKey(ctx, req)
	if p.onGenerate != nil {
		return p.onGenerate(k, err)
	}
	return k, err
}

func (p *counting) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	p.mu.Lock()
	p.decrypt++
	p.lastContext = bytes.Clone(req.Context)
	p.mu.Unlock()
	k, err := p.KeyProvider.Decrypt(ctx, req)
	if p.onDecrypt != nil {
		return p.onDecrypt(k, err)
	}
	return k, err
}

func newRaw(t testing.TB) *keyring.RawAES {
	t.Helper()
	p, err := keyring.NewRawAES("test", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newProvider(t testing.TB) *counting { return &counting{KeyProvider: newRaw(t)} }

func newClient(t testing.TB, p keyring.KeyProvider, opts *envelope.Options) *envelope.Client {
	t.Helper()
	c, err := envelope.New(p, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func encrypt(t testing.TB, c *envelope.Client, plaintext []byte, ec envelope.Context) []byte {
	t.Helper()
	m, err := c.Encrypt(t.Context(), plaintext, ec)
	if err != nil {
		t.Fatalf("Encrypt = %v", err)
	}
	return m
}

const chunk = 4096

var sizes = []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1}

// Every way to write opens in every way to read, to the same plaintext, and sizes are as computed.
func TestRoundTrip(t *testing.T) {
	ec := envelope.Context{"tenant": "42", "row": "9"}
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		c := newClient(t, newProvider(t), &envelope.Options{Suite: s, ChunkSize: chunk, Withhold: []string{"row"}})
		for _, n := range sizes {
			want := text(n)
			messages := map[string][]byte{"Encrypt": encrypt(t, c, want, ec)}
			var buf bytes.Buffer
			w, err := c.NewWriter(t.Context(), &buf, ec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(w, bytes.NewReader(want)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			messages["NewWriter"] = buf.Bytes()
			if size, err := w.EncryptedSize(int64(n)); err != nil || size != int64(buf.Len()) {
				t.Errorf("%v, %d bytes: EncryptedSize = %d, %v, want %d", s, n, size, err, buf.Len())
			}
			for how, m := range messages {
				name := fmt.Sprintf("%v, %d bytes, %s", s, n, how)
				got, info, err := c.AppendDecrypt(t.Context(), []byte("before"), m, ec)
				if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
					t.Errorf("%s: AppendDecrypt = %d bytes, %v", name, len(got), err)
				}
				if info.Provider != "raw" || info.KeyID != "test" || info.Suite != s || fmt.Sprint(info.Stored.Map()) != "map[tenant:42]" {
					t.Errorf("%s: Info = %v", name, info)
				}
				r, err := c.NewReader(t.Context(), bytes.NewReader(m), ec)
				if err != nil {
					t.Fatalf("%s: NewReader = %v", name, err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: ReadAll = %d bytes, %v", name, len(got), err)
				}
				if r.Info().KeyID != "test" {
					t.Errorf("%s: Info = %v", name, r.Info())
				}
				ra, err := c.NewReaderAt(t.Context(), bytes.NewReader(m), int64(len(m)), ec)
				if err != nil {
					t.Fatalf("%s: NewReaderAt = %v", name, err)
				}
				if got, err := io.ReadAll(io.NewSectionReader(ra, 0, ra.Size())); err != nil || !bytes.Equal(got, want) || ra.Size() != int64(n) {
					t.Errorf("%s: ReaderAt = %d bytes of %d, %v", name, len(got), ra.Size(), err)
				}
				if ra.Info().KeyID != "test" {
					t.Errorf("%s: Info = %v", name, ra.Info())
				}
				if info, err := c.Verify(t.Context(), bytes.NewReader(m), ec); err != nil || info.KeyID != "test" {
					t.Errorf("%s: Verify = %v, %v", name, info, err)
				}
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	p := newProvider(t)
	for name, tt := range map[string]struct {
		opts envelope.Options
		want string
	}{
		"suite":          {envelope.Options{Suite: 3}, "unsupported suite"},
		"accepted suite": {envelope.Options{AcceptSuites: []format.Suite{1, 0}}, "unsupported suite"},
		"small chunk":    {envelope.Options{ChunkSize: 2048}, "chunk size of 2048 bytes"},
		"large chunk":    {envelope.Options{ChunkSize: 8 << 20}, "chunk size"},
		"odd chunk":      {envelope.Options{ChunkSize: 5000}, "chunk size"},
		"negative chunk": {envelope.Options{ChunkSize: -1}, "chunk size"},
		"buffer":         {envelope.Options{MaxBuffer: -1}, "buffer of -1 bytes"},
		"parallelism":    {envelope.Options{Parallelism: -1}, "parallelism of -1"},
		"empty name":     {envelope.Options{Withhold: []string{""}}, "no name of a context pair"},
		"name not UTF-8": {envelope.Options{Require: []string{"\xff"}}, "no name of a context pair"},
		"unseen":         {envelope.Options{AcceptUnseen: []string{""}}, "no name of a context pair"},
	} {
		if c, err := envelope.New(p, &tt.opts); c != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: New = %v, %v, want %q", name, c, err, tt.want)
		}
	}
	if _, err := envelope.New(nil, nil); err == nil || !strings.Contains(err.Error(), "no key provider") {
		t.Errorf("New(nil) = %v", err)
	}
}

// Options are copied: what the caller does with his slices later changes nothing.
func TestOptionsAreCopied(t *testing.T) {
	opts := &envelope.Options{Withhold: []string{"row"}, Require: []string{"row"}}
	p := newProvider(t)
	c := newClient(t, p, opts)
	opts.Withhold[0], opts.Require[0], opts.Suite = "x", "x", format.SM4GCM
	m := encrypt(t, c, nil, envelope.Context{"row": "9"})
	if len(p.lastContext) != 0 {
		t.Errorf("a withheld pair reached the provider: %q", p.lastContext)
	}
	if h, err := format.ReadHeader(bytes.NewReader(m)); err != nil || h.Suite != format.AES256GCM || h.Withheld != 1 {
		t.Errorf("header %+v, %v", h, err)
	}
}

// What a reader may give for a message of stored {tenant: 42, kind: a} and withheld {row: 9}, and how often it asks.
func TestContext(t *testing.T) {
	p := newProvider(t)
	m := encrypt(t, newClient(t, p, &envelope.Options{Withhold: []string{"row"}}), []byte("hello"),
		envelope.Context{"tenant": "42", "kind": "a", "row": "9"})
	for _, tt := range []struct {
		name  string
		given envelope.Context
		opts  envelope.Options
		calls int
		want  error
	}{
		{"all", envelope.Context{"tenant": "42", "kind": "a", "row": "9"}, envelope.Options{}, 1, nil},
		{"none", nil, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"stored missing", envelope.Context{"tenant": "42", "row": "9"}, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"stored wrong", envelope.Context{"tenant": "43", "kind": "a", "row": "9"}, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"stored value empty", envelope.Context{"tenant": "", "kind": "a", "row": "9"}, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"withheld missing", envelope.Context{"tenant": "42", "kind": "a"}, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"withheld wrong value", envelope.Context{"tenant": "42", "kind": "a", "row": "8"}, envelope.Options{}, 1, envelope.ErrAuthentication},
		{"withheld wrong name", envelope.Context{"tenant": "42", "kind": "a", "Row": "9"}, envelope.Options{}, 1, envelope.ErrAuthentication},
		{"one too many", envelope.Context{"tenant": "42", "kind": "a", "row": "9", "x": ""}, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"stored missing, one too many", envelope.Context{"tenant": "42", "x": "a", "row": "9"}, envelope.Options{}, 0, envelope.ErrAuthentication},
		{"unseen by name", envelope.Context{"tenant": "42", "row": "9"}, envelope.Options{AcceptUnseen: []string{"kind"}}, 1, nil},
		{"unseen by another name", envelope.Context{"tenant": "42", "row": "9"}, envelope.Options{AcceptUnseen: []string{"tenant"}}, 0, envelope.ErrAuthentication},
		{"unseen, given wrong", envelope.Context{"tenant": "42", "kind": "b", "row": "9"}, envelope.Options{AcceptUnseen: []string{"*"}}, 0, envelope.ErrAuthentication},
		{"all unseen", envelope.Context{"row": "9"}, envelope.Options{AcceptUnseen: []string{"*"}}, 1, nil},
		{"withheld is never unseen", nil, envelope.Options{AcceptUnseen: []string{"*", "row"}}, 0, envelope.ErrAuthentication},
		{"required and there", envelope.Context{"tenant": "42", "kind": "a", "row": "9"}, envelope.Options{Require: []string{"tenant", "row"}}, 1, nil},
		{"required, unseen, there", envelope.Context{"row": "9"}, envelope.Options{Require: []string{"tenant"}, AcceptUnseen: []string{"*"}}, 1, nil},
		{"required and not there", envelope.Context{"tenant": "42", "kind": "a", "row": "9"}, envelope.Options{Require: []string{"user"}}, 0, envelope.ErrAuthentication},
		{"given pair is no UTF-8", envelope.Context{"tenant": "42", "kind": "a", "row": "\xff"}, envelope.Options{}, 0, format.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			got, err := newClient(t, p, &tt.opts).Decrypt(t.Context(), m, tt.given)
			if !errors.Is(err, tt.want) || (err == nil) != (string(got) == "hello") {
				t.Errorf("Decrypt = %q, %v, want %v", got, err, tt.want)
			}
			if p.decrypt != tt.calls {
				t.Errorf("%d calls of the provider, want %d", p.decrypt, tt.calls)
			}
			for _, v := range []string{"42", "43"} {
				if err != nil && strings.Contains(err.Error(), v) {
					t.Errorf("the error shows a value: %v", err)
				}
			}
		})
	}
}

// KMS gets exactly the stored pairs.
func TestWithheldPairsStay(t *testing.T) {
	p := newProvider(t)
	c := newClient(t, p, &envelope.Options{Withhold: []string{"row", "absent"}})
	ec := envelope.Context{"tenant": "42", "row": "9"}
	m := encrypt(t, c, []byte("x"), ec)
	if got := fmt.Sprint(p.lastContext.Map()); got != "map[tenant:42]" {
		t.Errorf("provider got %s to generate", got)
	}
	p.lastContext = nil
	if _, err := c.Decrypt(t.Context(), m, ec); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.lastContext.Map()); got != "map[tenant:42]" {
		t.Errorf("provider got %s to decrypt", got)
	}
	if bytes.Contains(m, []byte("row")) {
		t.Error("a withheld pair stands in the message")
	}
}

func TestWriterContext(t *testing.T) {
	many := envelope.Context{}
	for i := range 300 {
		many[fmt.Sprintf("k%d", i)] = ""
	}
	var names []string
	for k := range many {
		names = append(names, k)
	}
	for _, tt := range []struct {
		name string
		ec   envelope.Context
		opts envelope.Options
		want error
	}{
		{"required missing", envelope.Context{"a": ""}, envelope.Options{Require: []string{"b"}}, envelope.ErrMissingPair},
		{"key empty", envelope.Context{"": "x"}, envelope.Options{}, format.ErrInvalid},
		{"key reserved", envelope.Context{"xinfeng:x": "x"}, envelope.Options{}, format.ErrInvalid},
		{"key not UTF-8", envelope.Context{"\xff": "x"}, envelope.Options{}, format.ErrInvalid},
		{"value not UTF-8", envelope.Context{"x": "\xff"}, envelope.Options{}, format.ErrInvalid},
		{"too long", envelope.Context{"x": strings.Repeat("y", 8192)}, envelope.Options{}, format.ErrInvalid},
		{"withheld too long", envelope.Context{"x": strings.Repeat("y", 8192)}, envelope.Options{Withhold: []string{"x"}}, format.ErrInvalid},
		{"withheld key empty", envelope.Context{"x": "\xff"}, envelope.Options{Withhold: []string{"x"}}, format.ErrInvalid},
		{"too many withheld", many, envelope.Options{Withhold: names}, format.ErrInvalid},
	} {
		p := newProvider(t)
		c := newClient(t, p, &tt.opts)
		var buf bytes.Buffer
		m, err := c.Encrypt(t.Context(), nil, tt.ec)
		if !errors.Is(err, tt.want) || m != nil {
			t.Errorf("%s: Encrypt = %v, want %v", tt.name, err, tt.want)
		}
		if w, err := c.NewWriter(t.Context(), &buf, tt.ec); !errors.Is(err, tt.want) || w != nil || buf.Len() > 0 {
			t.Errorf("%s: NewWriter = %v, want %v; %d bytes written", tt.name, err, tt.want, buf.Len())
		}
		if p.generate > 0 && tt.name != "too many withheld" {
			t.Errorf("%s: the provider was asked", tt.name)
		}
	}
}

func TestAcceptSuites(t *testing.T) {
	m := encrypt(t, newClient(t, newProvider(t), &envelope.Options{Suite: format.SM4GCM}), []byte("x"), nil)
	p := newProvider(t)
	c := newClient(t, p, &envelope.Options{AcceptSuites: []format.Suite{format.AES256GCM}})
	if _, err := c.Decrypt(t.Context(), m, nil); !errors.Is(err, format.ErrUnsupportedSuite) || p.decrypt != 0 {
		t.Errorf("Decrypt = %v after %d calls, want ErrUnsupportedSuite after none", err, p.decrypt)
	}
}

// Every flipped byte and every truncation of a small message, in every way to read.
func TestTampering(t *testing.T) {
	ec := envelope.Context{"tenant": "42"}
	want := text(chunk + 10)
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		c := newClient(t, newProvider(t), &envelope.Options{Suite: s, ChunkSize: chunk})
		m := encrypt(t, c, want, ec)
		h, err := format.ReadHeader(bytes.NewReader(m))
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, bad []byte, truncated bool) {
			t.Helper()
			got, err := c.Decrypt(t.Context(), bad, ec)
			if !named(err) || got != nil {
				t.Errorf("%s: Decrypt = %d bytes, %v", what, len(got), err)
			}
			if truncated && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: Decrypt = %v, want io.ErrUnexpectedEOF", what, err)
			}
			var out bytes.Buffer
			r, err := c.NewReader(t.Context(), bytes.NewReader(bad), ec)
			if err == nil {
				_, err = r.WriteTo(&out)
			}
			if !named(err) || !bytes.HasPrefix(want, out.Bytes()) {
				t.Errorf("%s: Reader = %d bytes, %v", what, out.Len(), err)
			}
			if truncated && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: Reader = %v, want io.ErrUnexpectedEOF", what, err)
			}
			ra, err := c.NewReaderAt(t.Context(), bytes.NewReader(bad), int64(len(bad)), ec)
			if err == nil {
				_, err = ra.ReadAt(make([]byte, len(want)), 0)
			}
			if !named(err) {
				t.Errorf("%s: ReaderAt = %v", what, err)
			}
		}
		step := 1
		if testing.Short() {
			step = 17
		}
		for i := 0; i < len(m); i += step {
			if i > h.Size()+40 && i < len(m)-40 && i%61 != 0 {
				continue // inside a chunk one byte is like another
			}
			bad := bytes.Clone(m)
			bad[i] ^= 0x10
			check(fmt.Sprintf("%v, byte %d flipped", s, i), bad, false)
			check(fmt.Sprintf("%v, cut to %d bytes", s, i), m[:i], true)
		}
		check("trailing byte", append(bytes.Clone(m), 0), false)
		check("twice", append(bytes.Clone(m), m...), false)
		check("empty", nil, true)
		check("text", []byte("this is no message at all, but long enough to look like one"), false)
	}
}

// named reports whether err is one of those that a reader of hostile bytes may see.
func named(err error) bool {
	for _, target := range []error{
		envelope.ErrAuthentication, io.ErrUnexpectedEOF, keyring.ErrNoMatch, fs.ErrNotExist,
		format.ErrNotMessage, format.ErrUnsupportedVersion, format.ErrUnsupportedSuite, format.ErrUnsupportedKind,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	var parse *format.ParseError
	return errors.As(err, &parse)
}

var errOutage = errors.New("outage")

// A provider that fails, answers too late, or answers nonsense.
func TestProviderAnswers(t *testing.T) {
	m := encrypt(t, newClient(t, newProvider(t), nil), []byte("x"), nil)
	wrongSuite := func(k *keyring.DataKey, _ error) (*keyring.DataKey, error) {
		k.Destroy()
		return keyring.NewDataKey(format.SM4GCM, make([]byte, 32), k.Record(), 0)
	}
	otherKey := func(k *keyring.DataKey, err error) (*keyring.DataKey, error) {
		k.Destroy()
		return keyring.NewDataKey(format.AES256GCM, make([]byte, 32), k.Record(), 0)
	}
	destroyed := func(k *keyring.DataKey, err error) (*keyring.DataKey, error) { k.Destroy(); return k, err }
	fails := func(k *keyring.DataKey, err error) (*keyring.DataKey, error) { k.Destroy(); return nil, errOutage }
	none := func(k *keyring.DataKey, err error) (*keyring.DataKey, error) { k.Destroy(); return nil, nil }
	for _, tt := range []struct {
		name          string
		edit          func(*keyring.DataKey, error) (*keyring.DataKey, error)
		writer, reads error
	}{
		{"fails", fails, errOutage, errOutage},
		{"answers nothing", none, keyring.ErrInvalidDataKey, keyring.ErrInvalidDataKey},
		{"wrong suite", wrongSuite, keyring.ErrInvalidDataKey, keyring.ErrInvalidDataKey},
		{"destroyed", destroyed, keyring.ErrDestroyed, keyring.ErrDestroyed},
		{"another data key", otherKey, nil, envelope.ErrAuthentication},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			p.onGenerate, p.onDecrypt = tt.edit, tt.edit
			c := newClient(t, p, nil)
			if got, err := c.Encrypt(t.Context(), nil, nil); !errors.Is(err, tt.writer) || (err != nil) != (got == nil) {
				t.Errorf("Encrypt = %v, want %v", err, tt.writer)
			}
			if got, err := c.Decrypt(t.Context(), m, nil); !errors.Is(err, tt.reads) || got != nil {
				t.Errorf("Decrypt = %v, want %v", err, tt.reads)
			}
			var buf bytes.Buffer
			if _, err := c.NewWriter(t.Context(), &buf, nil); !errors.Is(err, tt.writer) || err != nil && buf.Len() > 0 {
				t.Errorf("NewWriter = %v, %d bytes, want %v and none", err, buf.Len(), tt.writer)
			}
			if _, err := c.NewReader(t.Context(), bytes.NewReader(m), nil); !errors.Is(err, tt.reads) {
				t.Errorf("NewReader = %v, want %v", err, tt.reads)
			}
		})
	}
}

// A context that is done before the call, or is done when the provider answers, is honoured; afterwards a stream does
// not need it.
func TestDoneContext(t *testing.T) {
	p := newProvider(t)
	c := newClient(t, p, nil)
	m := encrypt(t, c, []byte("x"), nil)
	calls := p.generate + p.decrypt
	check := func(ctx context.Context, want error) {
		t.Helper()
		if _, err := c.Encrypt(ctx, nil, nil); !errors.Is(err, want) {
			t.Errorf("Encrypt = %v, want %v", err, want)
		}
		if _, err := c.Decrypt(ctx, m, nil); !errors.Is(err, want) {
			t.Errorf("Decrypt = %v, want %v", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check(ctx, context.Canceled)
	if p.generate+p.decrypt != calls {
		t.Error("the provider was asked under a cancelled context")
	}
	late := func(k *keyring.DataKey, err error) (*keyring.DataKey, error) { cancel(); return k, err }
	p.onGenerate, p.onDecrypt = late, late
	for range 2 {
		ctx, cancel = context.WithCancel(t.Context())
		check(ctx, context.Canceled)
	}
	p.onGenerate, p.onDecrypt = nil, nil
	ctx, cancel = context.WithCancel(t.Context())
	var buf bytes.Buffer
	w, err := c.NewWriter(ctx, &buf, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Write([]byte("hello")); err != nil || w.Close() != nil {
		t.Errorf("Write after the context of the constructor: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	r, err := c.NewReader(ctx, &buf, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if got, err := io.ReadAll(r); err != nil || string(got) != "hello" {
		t.Errorf("ReadAll after the context of the constructor = %q, %v", got, err)
	}
}

// Sizes are hints for caches: the length where it is known, -1 where it is not.
func TestSizeHint(t *testing.T) {
	p := newProvider(t)
	c := newClient(t, p, nil)
	encrypt(t, c, make([]byte, 1000), nil)
	if p.lastSize != 1000 {
		t.Errorf("Encrypt gives a size of %d, want 1000", p.lastSize)
	}
	if _, err := c.NewWriter(t.Context(), io.Discard, nil); err != nil || p.lastSize != -1 {
		t.Errorf("NewWriter gives a size of %d, want -1", p.lastSize)
	}
}

// Data keys are given back when the header is done, whatever happens.
func TestDataKeysAreDestroyed(t *testing.T) {
	p := newProvider(t)
	var keys []*keyring.DataKey
	keep := func(k *keyring.DataKey, err error) (*keyring.DataKey, error) { keys = append(keys, k); return k, err }
	p.onGenerate, p.onDecrypt = keep, keep
	c := newClient(t, p, &envelope.Options{Withhold: []string{"row"}})
	m := encrypt(t, c, []byte("x"), envelope.Context{"row": "9"})
	c.Decrypt(t.Context(), m, envelope.Context{"row": "9"})
	c.Decrypt(t.Context(), m, envelope.Context{"row": "8"})
	c.NewWriter(t.Context(), io.Discard, nil)
	c.NewReader(t.Context(), bytes.NewReader(m), envelope.Context{"row": "9"})
	c.NewReaderAt(t.Context(), bytes.NewReader(m), int64(len(m)), envelope.Context{"row": "9"})
	if len(keys) != 6 {
		t.Fatalf("%d data keys, want 6", len(keys))
	}
	for i, k := range keys {
		if err := k.Expand(make([]byte, 32), nil); err != keyring.ErrDestroyed {
			t.Errorf("data key %d: Expand = %v, want ErrDestroyed", i, err)
		}
	}
}

// One client serves many, and messages made at the same time do not mix.
func TestConcurrentUse(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{Withhold: []string{"row"}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				ec := envelope.Context{"tenant": fmt.Sprint(g), "row": fmt.Sprint(i)}
				want := fmt.Sprintf("%d %d", g, i)
				m, err := c.Encrypt(t.Context(), []byte(want), ec)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := c.Decrypt(t.Context(), m, ec); err != nil || string(got) != want {
					t.Errorf("Decrypt = %q, %v, want %q", got, err, want)
				}
				ec["row"] = "other"
				if _, err := c.Decrypt(t.Context(), m, ec); !errors.Is(err, envelope.ErrAuthentication) {
					t.Errorf("Decrypt of another row = %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// Arguments are neither kept nor modified, and what stands before in dst stays.
func TestArgumentsAreLeftAlone(t *testing.T) {
	c := newClient(t, newProvider(t), nil)
	plaintext := text(100)
	was := bytes.Clone(plaintext)
	ec := envelope.Context{"a": "b"}
	dst := make([]byte, 5, 4096)
	copy(dst, "start")
	m, err := c.AppendEncrypt(t.Context(), dst, plaintext, ec)
	if err != nil || string(m[:5]) != "start" || &m[0] != &dst[0] {
		t.Fatalf("AppendEncrypt = %q, %v: not into the room of dst", m[:5], err)
	}
	message := m[5:]
	wasMessage := bytes.Clone(message)
	got, _, err := c.AppendDecrypt(t.Context(), make([]byte, 0, 100), message, ec)
	if err != nil || !bytes.Equal(got, was) || !bytes.Equal(plaintext, was) || !bytes.Equal(message, wasMessage) || len(ec) != 1 {
		t.Errorf("arguments changed, or %v", err)
	}
	spare := make([]byte, 0, 200)
	bad := bytes.Clone(message)
	bad[len(bad)-1] ^= 1
	if out, _, err := c.AppendDecrypt(t.Context(), spare, bad, ec); !errors.Is(err, envelope.ErrAuthentication) || out != nil {
		t.Errorf("AppendDecrypt = %v, %v", out, err)
	}
	if !bytes.Equal(spare[:200], make([]byte, 200)) {
		t.Error("a failed AppendDecrypt leaves something in dst")
	}
}
