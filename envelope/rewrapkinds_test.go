package envelope_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// With RewrapOptions.Keys any kind becomes any other, as a copy and in a file; a key file that is left stays as it is.
func TestRewrapChangesKind(t *testing.T) {
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) {
				dir, store := t.TempDir(), envelope.KeyDir(t.TempDir())
				p := newRenewing(t, "a", 1)
				m := encrypt(t, newClient(t, p, options(t, from, store)), text(2*chunk+1), rewrapContext)
				h := header(t, m)
				path := filepath.Join(dir, "m")
				writeFile(t, path, m, 0o640)
				var before []byte
				if from == format.Detached {
					var err error
					if before, err = store.Get(t.Context(), h.Reference); err != nil {
						t.Fatal(err)
					}
				}
				// Where the client itself would put them is another place.
				c := newClient(t, p, options(t, map[format.Kind]format.Kind{format.Attached: format.Slots, format.Slots: format.Detached, format.Detached: format.Attached}[to], store))
				opts := &envelope.RewrapOptions{Keys: to}
				check := func(how string, now []byte) {
					t.Helper()
					o := header(t, now)
					if o.Kind != to {
						t.Errorf("%s: kind %v, want %v", how, o.Kind, to)
					}
					if !bytes.Equal(m[:h.KeysOffset()], now[:o.KeysOffset()]) || !bytes.Equal(m[h.Size():], now[o.Size():]) {
						t.Errorf("%s: head, tag or body changed", how)
					}
					checkOpens(t, p.RawAES, store, now, text(2*chunk+1))
					needed := 0
					if (from == format.Detached) != (to == format.Detached) {
						needed = 1
					}
					if p.opened != needed || p.wrapped != needed || p.renewed != 1-needed {
						t.Errorf("%s: %d opened, %d wrapped, %d renewed; the data key is needed: %d", how, p.opened, p.wrapped, p.renewed, needed)
					}
					p.opened, p.wrapped, p.renewed = 0, 0, 0
					if from != format.Detached {
						return
					}
					if after, err := store.Get(t.Context(), h.Reference); err != nil || bytes.Equal(before, after) != (to != format.Detached) {
						t.Errorf("%s: the key file is as before: %v, %v", how, bytes.Equal(before, after), err)
					} else {
						before = after
					}
				}
				var out bytes.Buffer
				if info, err := c.Rewrap(t.Context(), &out, bytes.NewReader(m), rewrapContext, opts); err != nil || info.KeyID != "a" {
					t.Fatalf("Rewrap = %v, %v", info, err)
				}
				check("Rewrap", out.Bytes())
				if info, err := c.RewrapFile(t.Context(), path, rewrapContext, opts); err != nil || info.KeyID != "a" {
					t.Fatalf("RewrapFile = %v, %v", info, err)
				}
				now, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				check("RewrapFile", now)
				if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
					t.Errorf("mode %v, %v", info.Mode(), err)
				}
				namesAre(t, dir, "m")
			})
		}
	}
}

// Taking wrapped keys out of a key file opens and verifies them: what somebody put there would make a message that does not
// open, and the key file might be gone by then.
func TestRewrapFromDamagedKeyFile(t *testing.T) {
	p := newRenewing(t, "a", 1)
	store := envelope.KeyDir(t.TempDir())
	c := newClient(t, p, options(t, format.Detached, store))
	m := encrypt(t, c, text(10), rewrapContext)
	other := encrypt(t, c, text(10), rewrapContext)
	ref := header(t, m).Reference
	var file, planted format.KeyFile
	old, err := store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.Get(t.Context(), header(t, other).Reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Parse(old), planted.Parse(b)); err != nil {
		t.Fatal(err)
	}
	whole := file
	for name, edit := range map[string]func(){
		"wrapped keys of another message":            func() { file.Record = planted.Record },
		"wrapped keys and commit of another message": func() { file.Record, file.Commit = planted.Record, planted.Commit },
		"another commit":                             func() { file.Commit[0] ^= 1 },
		"other stored pairs":                         func() { file.Stored = nil },
	} {
		file = whole
		edit()
		bad, err := file.Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Swap(t.Context(), ref, old, bad); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "m")
		writeFile(t, path, m, 0o600)
		for _, to := range []format.Kind{format.Attached, format.Slots} {
			opts := &envelope.RewrapOptions{Keys: to}
			var out bytes.Buffer
			if _, err := c.Rewrap(t.Context(), &out, bytes.NewReader(m), rewrapContext, opts); !errors.Is(err, envelope.ErrAuthentication) || out.Len() > 0 {
				t.Errorf("%s: Rewrap = %v, %d bytes written, want ErrAuthentication and none", name, err, out.Len())
			}
			if _, err := c.RewrapFile(t.Context(), path, rewrapContext, opts); !errors.Is(err, envelope.ErrAuthentication) {
				t.Errorf("%s: RewrapFile = %v, want ErrAuthentication", name, err)
			}
		}
		fileIs(t, path, m)
		if err := store.Swap(t.Context(), ref, bad, old); err != nil {
			t.Fatal(err)
		}
	}
	if p.wrapped+p.renewed > 0 {
		t.Errorf("%d wrapped, %d renewed", p.wrapped, p.renewed)
	}
}

func TestRewrapRefusesKinds(t *testing.T) {
	p := newRenewing(t, "a", 1)
	store := envelope.KeyDir(t.TempDir())
	m := encrypt(t, newClient(t, p, options(t, format.Attached, store)), text(10), rewrapContext)
	path := filepath.Join(t.TempDir(), "m")
	writeFile(t, path, m, 0o600)
	c := newClient(t, p, options(t, format.Attached, nil))
	for _, tt := range []struct {
		name    string
		kind    format.Kind
		context envelope.Context
		want    error
	}{
		{"kind 4", 4, rewrapContext, format.ErrUnsupportedKind},
		{"detached without a key store", format.Detached, rewrapContext, fs.ErrNotExist},
		{"another context", format.Slots, envelope.Context{"tenant": "43", "row": "9"}, envelope.ErrAuthentication},
	} {
		opts := &envelope.RewrapOptions{Keys: tt.kind}
		if _, err := c.Rewrap(t.Context(), io.Discard, bytes.NewReader(m), tt.context, opts); !errors.Is(err, tt.want) {
			t.Errorf("%s: Rewrap = %v, want %v", tt.name, err, tt.want)
		}
		if _, err := c.RewrapFile(t.Context(), path, tt.context, opts); !errors.Is(err, tt.want) {
			t.Errorf("%s: RewrapFile = %v, want %v", tt.name, err, tt.want)
		}
	}
	fileIs(t, path, m)
	if p.opened+p.wrapped+p.renewed > 0 {
		t.Errorf("%d opened, %d wrapped, %d renewed, want no call", p.opened, p.wrapped, p.renewed)
	}
	// A detached message whose key file is not there.
	m = encrypt(t, newClient(t, p, options(t, format.Detached, store)), text(10), rewrapContext)
	if _, err := c.Rewrap(t.Context(), io.Discard, bytes.NewReader(m), rewrapContext, &envelope.RewrapOptions{Keys: format.Attached}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Rewrap of a message without its key file = %v, want fs.ErrNotExist", err)
	}
}
