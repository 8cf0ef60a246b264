package foreign_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/examples/internal/foreign"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A source that changes between writing and comparing is found.
func TestCompare(t *testing.T) {
	provider, err := keyring.NewRawAES("test", bytes.Repeat([]byte{7}, 32)) // a key for tests only
	if err != nil {
		t.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "x")
	plaintext := bytes.Repeat([]byte("华东1,1234.50\n"), 20_000)
	for name, second := range map[string][]byte{
		"changed": append(bytes.Clone(plaintext[:len(plaintext)-1]), 'x'), "shorter": plaintext[:len(plaintext)-1],
		"longer": append(bytes.Clone(plaintext), 'x'), "empty": nil, "whole buffers": bytes.Repeat([]byte{1}, 1<<16),
	} {
		calls := 0
		old := &foreign.Source{Read: func() (io.Reader, error) {
			if calls++; calls == 1 {
				return bytes.NewReader(plaintext), nil
			}
			return bytes.NewReader(second), nil
		}}
		if _, _, err := foreign.Convert(t.Context(), client, dst, old, nil); !errors.Is(err, foreign.ErrDiffers) {
			t.Errorf("%s: %v, want foreign.ErrDiffers", name, err)
		}
	}
	for size := range map[int]bool{0: true, 1: true, 1<<16 - 1: true, 1 << 16: true, 1<<16 + 1: true, 1 << 17: true} {
		b := bytes.Repeat([]byte{1}, size)
		if err := foreign.Compare(bytes.NewReader(b), bytes.NewReader(b)); err != nil {
			t.Errorf("%d equal bytes: %v", size, err)
		}
	}
	boom := errors.New("boom")
	fails := func() (io.Reader, error) { return nil, boom }
	if _, _, err := foreign.Convert(context.Background(), client, dst, &foreign.Source{Read: fails}, nil); !errors.Is(err, boom) {
		t.Errorf("source fails: %v", err)
	}
	broken := io.MultiReader(bytes.NewReader(plaintext), readerFunc(func([]byte) (int, error) { return 0, boom }))
	if _, _, err := foreign.Convert(context.Background(), client, dst, &foreign.Source{Read: func() (io.Reader, error) { return broken, nil }}, nil); !errors.Is(err, boom) {
		t.Errorf("source fails at its end: %v", err)
	}
	for _, err := range []error{foreign.Compare(readerFunc(func([]byte) (int, error) { return 0, boom }), bytes.NewReader(nil)), foreign.Compare(bytes.NewReader(nil), readerFunc(func([]byte) (int, error) { return 0, boom }))} {
		if !errors.Is(err, boom) {
			t.Errorf("compare: %v", err)
		}
	}
	if _, err := os.Lstat(dst); !os.IsNotExist(err) {
		t.Errorf("DST is there: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Files that never end are no metadata, and no key.
func TestLongFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string, size int) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Repeat([]byte(" "), size), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	metadata := filepath.Join(dir, "metadata")
	if err := os.WriteFile(metadata, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]foreign.Opener{
		"metadata": {Format: "osscse", Metadata: path("long", 64<<10+1)}, "key": {Format: "osscse", Metadata: metadata, RSA: path("key", 64<<10+1)},
	} {
		if _, err := o.Open(t.Context(), nil); !errors.Is(err, foreign.ErrTooLong) {
			t.Errorf("%s: %v, want foreign.ErrTooLong", name, err)
		}
	}
}
