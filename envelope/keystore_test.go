package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

func TestKeyDir(t *testing.T) {
	dir := t.TempDir()
	d := envelope.KeyDir(dir)
	ctx := t.Context()
	ref := format.Reference{0x0f, 1}
	if _, err := d.Get(ctx, ref); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of nothing = %v, want fs.ErrNotExist", err)
	}
	if err := d.Swap(ctx, ref, nil, []byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Swap of nothing = %v, want fs.ErrNotExist", err)
	}
	if err := d.Put(ctx, ref, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(ctx, ref, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Put = %v, want fs.ErrExist", err)
	}
	if err := d.Swap(ctx, ref, []byte("other"), []byte("two")); !errors.Is(err, envelope.ErrChanged) {
		t.Errorf("Swap of another = %v, want ErrChanged", err)
	}
	if b, err := d.Get(ctx, ref); err != nil || string(b) != "one" {
		t.Errorf("Get = %q, %v", b, err)
	}
	if err := d.Swap(ctx, ref, []byte("one"), []byte("two")); err != nil {
		t.Errorf("Swap = %v", err)
	}
	if b, err := d.Get(ctx, ref); err != nil || string(b) != "two" {
		t.Errorf("Get = %q, %v", b, err)
	}
	namesAre(t, dir, "0f010000000000000000000000000000.xfk")
	info, err := os.Stat(filepath.Join(dir, "0f010000000000000000000000000000.xfk"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, err := range map[string]error{
		"Put":  d.Put(cancelled, format.Reference{9}, nil),
		"Swap": d.Swap(cancelled, ref, []byte("two"), nil),
		"Get":  func() error { _, err := d.Get(cancelled, ref); return err }(),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s cancelled = %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, format.Reference{7}.String()+".xfk"), make([]byte, format.MaxKeyFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(ctx, format.Reference{7}); !errors.Is(err, format.ErrSize) {
		t.Errorf("Get of a file too long = %v, want format.ErrSize", err)
	}
	if err := envelope.KeyDir(filepath.Join(dir, "none")).Put(ctx, ref, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Put into no folder = %v, want fs.ErrNotExist", err)
	}
}

// Of many who swap the same bytes one wins; nothing is lost and nothing is left.
func TestKeyDirConcurrentSwap(t *testing.T) {
	dir := t.TempDir()
	d := envelope.KeyDir(dir)
	ref := format.Reference{1}
	if err := d.Put(t.Context(), ref, []byte("0")); err != nil {
		t.Fatal(err)
	}
	for round := range 10 {
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				err := d.Swap(t.Context(), ref, fmt.Append(nil, round), fmt.Appendf(nil, "won by %d", i))
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, envelope.ErrChanged) {
					t.Errorf("Swap = %v, want ErrChanged", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d swaps won, want 1", won.Load())
		}
		now, err := d.Get(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Swap(t.Context(), ref, now, fmt.Append(nil, round+1)); err != nil {
			t.Fatal(err)
		}
	}
	namesAre(t, dir, ref.String()+".xfk")
}

// spyStore notes when a key file is stored.
type spyStore struct {
	envelope.KeyStore
	put func()
}

func (s spyStore) Put(ctx context.Context, ref format.Reference, b []byte) error {
	s.put()
	return s.KeyStore.Put(ctx, ref, b)
}

// The key file is durable before the first byte of a message that names it; if it cannot be stored, no byte is written.
func TestKeyFileComesFirst(t *testing.T) {
	var buf bytes.Buffer
	stored := false
	store := spyStore{envelope.KeyDir(t.TempDir()), func() {
		stored = true
		if buf.Len() > 0 {
			t.Error("the message begins before its key file is stored")
		}
	}}
	p := newProvider(t)
	if _, err := newClient(t, p, options(t, format.Detached, store)).NewWriter(t.Context(), &buf, rewrapContext); err != nil || !stored || buf.Len() == 0 {
		t.Errorf("NewWriter = %v, stored %v, %d bytes", err, stored, buf.Len())
	}
	buf.Reset()
	bad := envelope.KeyDir(filepath.Join(t.TempDir(), "none"))
	if _, err := newClient(t, p, options(t, format.Detached, bad)).NewWriter(t.Context(), &buf, rewrapContext); !errors.Is(err, fs.ErrNotExist) || buf.Len() > 0 {
		t.Errorf("NewWriter = %v, %d bytes", err, buf.Len())
	}
}

// A key file that is not the message's own, or was edited, is refused; where the bytes are no key file, that is said.
func TestKeyFileTampering(t *testing.T) {
	p := newProvider(t)
	m := func(store envelope.KeyStore, tenant string) []byte {
		return encrypt(t, newClient(t, p, options(t, format.Detached, store)), []byte("x"), envelope.Context{"tenant": tenant, "row": "9"})
	}
	for name, edit := range map[string]func(kf *format.KeyFile, other *format.KeyFile){
		"commit flipped":      func(kf, _ *format.KeyFile) { kf.Commit[31] ^= 1 },
		"context edited":      func(kf, _ *format.KeyFile) { kf.Stored = bytes.Replace(kf.Stored, []byte("42"), []byte("43"), 1) },
		"suite edited":        func(kf, _ *format.KeyFile) { kf.Suite = format.SM4GCM },
		"reference exchanged": func(kf, _ *format.KeyFile) { kf.Reference[0] ^= 1 },
		"record of another":   func(kf, other *format.KeyFile) { kf.Record = other.Record },
		"all of another":      func(kf, other *format.KeyFile) { *kf = *other },
	} {
		t.Run(name, func(t *testing.T) {
			store := envelope.KeyDir(t.TempDir())
			message := m(store, "42")
			ref := header(t, message).Reference
			old, err := store.Get(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			var kf, other format.KeyFile
			if err := kf.Parse(old); err != nil {
				t.Fatal(err)
			}
			b, err := store.Get(t.Context(), header(t, m(store, "42")).Reference)
			if err != nil || other.Parse(b) != nil {
				t.Fatal(err)
			}
			edit(&kf, &other)
			bad, err := kf.Marshal(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Swap(t.Context(), ref, old, bad); err != nil {
				t.Fatal(err)
			}
			c := newClient(t, p, &envelope.Options{KeyStore: store})
			if _, err := c.Decrypt(t.Context(), message, rewrapContext); !errors.Is(err, envelope.ErrAuthentication) {
				t.Errorf("Decrypt = %v, want ErrAuthentication", err)
			}
		})
	}
	store := envelope.KeyDir(t.TempDir())
	message := m(store, "42")
	ref := header(t, message).Reference
	old, err := store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Swap(t.Context(), ref, old, append(bytes.Clone(old), 0)); err != nil {
		t.Fatal(err)
	}
	var parse *format.ParseError
	if _, err := newClient(t, p, &envelope.Options{KeyStore: store}).Decrypt(t.Context(), message, rewrapContext); !errors.As(err, &parse) || parse.Field != "end" {
		t.Errorf("Decrypt with a trailing byte in the key file = %v, want a ParseError of the end", err)
	}
}
