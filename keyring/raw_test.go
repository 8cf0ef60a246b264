package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
)

func newRaw(t *testing.T, keyID string, fill byte) *keyring.RawAES {
	t.Helper()
	p, err := keyring.NewRawAES(keyID, bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRawAESConformance(t *testing.T) {
	keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
		return keyringtest.Harness{Provider: newRaw(t, "a", 1), Other: newRaw(t, "b", 2)}
	})
}

func TestNewRawAESRefuses(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := keyring.NewRawAES("k", make([]byte, n)); !errors.Is(err, keyring.ErrInvalidDataKey) {
			t.Errorf("key of %d bytes: %v, want ErrInvalidDataKey", n, err)
		}
	}
	for _, id := range []string{"", "a\nb", "ü", strings.Repeat("x", 513)} {
		if _, err := keyring.NewRawAES(id, make([]byte, 32)); !errors.Is(err, format.ErrInvalid) {
			t.Errorf("key id %.10q: %v, want format.ErrInvalid", id, err)
		}
	}
}

// A wrong key under the right name fails at the commitment, a name of another at the match.
func TestRawAESWrongKey(t *testing.T) {
	k := generate(t, newRaw(t, "a", 1), nil)
	if _, err := decrypt(t, newRaw(t, "a", 2), nil, k.Record()); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("another key of the same name: %v, want ErrAuthentication", err)
	}
	if _, err := decrypt(t, newRaw(t, "b", 1), nil, k.Record()); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("the same key of another name: %v, want ErrNoMatch", err)
	}
	renamed := k.Record().Clone()
	renamed[0].KeyID = "b"
	if _, err := decrypt(t, newRaw(t, "b", 1), nil, renamed); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("an entry renamed: %v, want ErrAuthentication", err)
	}
}

// The suite is part of the derivation: a wrap of one does not open under the other.
func TestRawAESSuites(t *testing.T) {
	p := newRaw(t, "a", 1)
	k := generate(t, p, nil)
	if _, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.SM4GCM, Record: k.Record()}); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("Decrypt for the other suite = %v, want ErrAuthentication", err)
	}
	for _, s := range []format.Suite{0, 3} {
		if _, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: s}); !errors.Is(err, format.ErrUnsupportedSuite) {
			t.Errorf("GenerateDataKey for %v = %v, want ErrUnsupportedSuite", s, err)
		}
		if _, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: s, Record: k.Record()}); !errors.Is(err, format.ErrUnsupportedSuite) {
			t.Errorf("Decrypt for %v = %v, want ErrUnsupportedSuite", s, err)
		}
	}
}

func TestRawAESWrap(t *testing.T) {
	p := newRaw(t, "a", 1)
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM}); !errors.Is(err, keyring.ErrNeedKey) {
		t.Errorf("Wrap without a key = %v, want ErrNeedKey", err)
	}
	k := newDataKey(t)
	k.Destroy()
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: k}); !errors.Is(err, keyring.ErrDestroyed) {
		t.Errorf("Wrap of a destroyed key = %v, want ErrDestroyed", err)
	}
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: 9, Key: newDataKey(t)}); !errors.Is(err, format.ErrUnsupportedSuite) {
		t.Errorf("Wrap for a suite that is none = %v, want ErrUnsupportedSuite", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Wrap(ctx, &keyring.WrapRequest{Suite: 1, Key: newDataKey(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Wrap cancelled = %v, want context.Canceled", err)
	}
}

func TestUnwrapError(t *testing.T) {
	e := &keyring.UnwrapError{Errs: []error{keyring.ErrNoMatch, errOutage}}
	if !errors.Is(e, keyring.ErrNoMatch) || !errors.Is(e, errOutage) || errors.Is(e, keyring.ErrNeedKey) {
		t.Error("errors.Is does not look through")
	}
	if got := e.Error(); got != "keyring: no wrapped key could be opened: no wrapped key for this provider; outage" {
		t.Errorf("Error = %s", got)
	}
}
