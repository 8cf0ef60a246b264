package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// deaf is a provider that answers nothing until its context is done.
type deaf struct{ asked int }

func (p *deaf) wait(ctx context.Context) error {
	p.asked++
	<-ctx.Done()
	return fmt.Errorf("deaf: %w", ctx.Err())
}

func (p *deaf) GenerateDataKey(ctx context.Context, _ *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return nil, p.wait(ctx)
}

func (p *deaf) Decrypt(ctx context.Context, _ *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return nil, p.wait(ctx)
}

func (p *deaf) Wrap(ctx context.Context, _ *keyring.WrapRequest) (format.Record, error) {
	return nil, p.wait(ctx)
}

// A context that is cancelled, or expires, during the call of the key service ends every call of a client, with the
// context's error and without a trace: no byte is written, no file made, replaced or changed.
func TestDoneDuringTheCall(t *testing.T) {
	dir, keys := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	store := envelope.KeyDir(keys)
	raw := newRaw(t)
	attached := encrypt(t, newClient(t, raw, options(t, format.Attached, nil)), text(10), rewrapContext)
	slots := encrypt(t, newClient(t, raw, options(t, format.Slots, nil)), text(10), rewrapContext)
	detached := encrypt(t, newClient(t, raw, options(t, format.Detached, store)), text(10), rewrapContext)
	ref := header(t, detached).Reference
	keyFile, err := store.Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"attached": attached, "detached": detached, "precious": []byte("precious"), "slots": slots}
	for name, content := range files {
		writeFile(t, at(name), content, 0o600)
	}
	var out bytes.Buffer
	rewrapFile := func(name string) func(context.Context, *envelope.Client) error {
		return func(ctx context.Context, c *envelope.Client) error {
			_, err := c.RewrapFile(ctx, at(name), rewrapContext, nil)
			return err
		}
	}
	for name, call := range map[string]func(context.Context, *envelope.Client) error{
		"Encrypt": func(ctx context.Context, c *envelope.Client) error {
			m, err := c.Encrypt(ctx, nil, nil)
			if m != nil {
				t.Errorf("Encrypt returned %d bytes", len(m))
			}
			return err
		},
		"Decrypt": func(ctx context.Context, c *envelope.Client) error {
			_, err := c.Decrypt(ctx, attached, rewrapContext)
			return err
		},
		"NewWriter": func(ctx context.Context, c *envelope.Client) error { _, err := c.NewWriter(ctx, &out, nil); return err },
		"NewReader": func(ctx context.Context, c *envelope.Client) error {
			_, err := c.NewReader(ctx, bytes.NewReader(attached), rewrapContext)
			return err
		},
		"NewReaderAt": func(ctx context.Context, c *envelope.Client) error {
			_, err := c.NewReaderAt(ctx, bytes.NewReader(attached), int64(len(attached)), rewrapContext)
			return err
		},
		"EncryptFile": func(ctx context.Context, c *envelope.Client) error {
			return c.EncryptFile(ctx, at("precious"), at("attached"), nil, nil)
		},
		"DecryptFile": func(ctx context.Context, c *envelope.Client) error {
			_, err := c.DecryptFile(ctx, at("precious"), at("attached"), rewrapContext, nil)
			return err
		},
		"Rewrap": func(ctx context.Context, c *envelope.Client) error {
			_, err := c.Rewrap(ctx, &out, bytes.NewReader(attached), rewrapContext, nil)
			return err
		},
		"RewrapFile, attached": rewrapFile("attached"),
		"RewrapFile, slots":    rewrapFile("slots"),
		"RewrapFile, detached": rewrapFile("detached"),
		"RewrapKey": func(ctx context.Context, c *envelope.Client) error {
			_, err := c.RewrapKey(ctx, ref, envelope.Context{"tenant": "42"}, nil)
			return err
		},
	} {
		for cause, within := range map[error]func(context.Context) (context.Context, context.CancelFunc){
			context.DeadlineExceeded: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Minute)
			},
			context.Canceled: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Minute, cancel)
				return ctx, cancel
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := within(t.Context())
				defer cancel()
				p := &deaf{}
				err := call(ctx, newClient(t, p, &envelope.Options{KeyStore: store}))
				if !errors.Is(err, cause) || p.asked != 1 {
					t.Errorf("%s = %v after %d calls of the provider, want %v after 1", name, err, p.asked, cause)
				}
			})
		}
		if out.Len() > 0 {
			t.Errorf("%s wrote %d bytes", name, out.Len())
		}
		namesAre(t, dir, "attached", "detached", "precious", "slots")
		for name, content := range files {
			fileIs(t, at(name), content)
		}
	}
	if now, err := store.Get(t.Context(), ref); err != nil || !bytes.Equal(now, keyFile) {
		t.Errorf("the key file has changed, %v", err)
	}
}
