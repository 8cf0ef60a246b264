package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// wrapsTo is a provider whose Wrap answers a record of its own choice.
type wrapsTo struct {
	keyring.KeyProvider
	record format.Record
}

func (p wrapsTo) Wrap(context.Context, *keyring.WrapRequest) (format.Record, error) {
	return p.record, nil
}

// A provider that wraps to more keys than a message can have, to none, or to what is no wrapped key, is refused, and
// nothing is lost.
func TestRewrapToNonsense(t *testing.T) {
	raw := newRaw(t)
	many := func(n int) (r format.Record) {
		for i := range n {
			r = append(r, format.WrappedKey{Provider: "x.example", KeyID: fmt.Sprintf("%05d", i), Ciphertext: []byte{1}})
		}
		return r
	}
	for name, record := range map[string]format.Record{
		"none": nil, "17": many(17), "10,000": many(10_000), "16 beside the old one": many(16),
		"no provider":       {{KeyID: "x", Ciphertext: []byte{1}}},
		"provider not text": {{Provider: "x\n", KeyID: "x", Ciphertext: []byte{1}}},
		"no key id":         {{Provider: "x.example", Ciphertext: []byte{1}}},
		"no ciphertext":     {{Provider: "x.example", KeyID: "x"}},
		"4097 bytes":        {{Provider: "x.example", KeyID: "x", Ciphertext: make([]byte, 4097)}},
	} {
		for _, kind := range kinds {
			t.Run(fmt.Sprintf("%s, %v", name, kind), func(t *testing.T) {
				dir, store := t.TempDir(), envelope.KeyDir(t.TempDir())
				path := filepath.Join(dir, "m")
				m := encrypt(t, newClient(t, raw, options(t, kind, store)), text(10), rewrapContext)
				writeFile(t, path, m, 0o600)
				c := newClient(t, wrapsTo{raw, record}, &envelope.Options{KeyStore: store})
				if _, err := c.RewrapFile(t.Context(), path, rewrapContext, nil); !errors.Is(err, format.ErrInvalid) {
					t.Errorf("RewrapFile = %v, want format.ErrInvalid", err)
				}
				if _, err := c.Rewrap(t.Context(), io.Discard, bytes.NewReader(m), rewrapContext, nil); !errors.Is(err, format.ErrInvalid) {
					t.Errorf("Rewrap = %v, want format.ErrInvalid", err)
				}
				fileIs(t, path, m)
				namesAre(t, dir, "m")
				if kind == format.Detached {
					namesAre(t, string(store), header(t, m).Reference.String()+".xfk")
				}
				checkOpens(t, raw, store, m, text(10))
			})
		}
	}
}
