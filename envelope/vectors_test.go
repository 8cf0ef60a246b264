package envelope_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// memStore has the key files of a vector.
type memStore map[format.Reference][]byte

func (s memStore) Get(_ context.Context, ref format.Reference) ([]byte, error) {
	b, ok := s[ref]
	if !ok {
		return nil, fmt.Errorf("key file %v: %w", ref, fs.ErrNotExist)
	}
	return b, nil
}
func (memStore) Put(context.Context, format.Reference, []byte) error { return errors.ErrUnsupported }
func (memStore) Swap(context.Context, format.Reference, []byte, []byte) error {
	return errors.ErrUnsupported
}

// readerOf returns the provider that a vector asks for.
func readerOf(t *testing.T, v *vectors.Vector, kms *vectors.KMS) (p keyring.KeyProvider) {
	t.Helper()
	if len(v.Providers) != 1 {
		t.Fatalf("%d providers, want 1", len(v.Providers))
	}
	var err error
	switch c := v.Providers[0]; c.Type {
	case "kms":
		p, err = keyring.NewKMS(kms, c.KeyID, &keyring.KMSOptions{Opens: c.Opens})
	case "raw":
		var key []byte
		if key, err = hex.DecodeString(c.Key); err == nil {
			p, err = keyring.NewRawAES(c.KeyID, key)
		}
	case "passphrase":
		p, err = keyring.NewPassphrase(c.KeyID, []byte(c.Passphrase), &keyring.PassphraseOptions{
			MemoryKiB: c.MaxMemoryKiB, Passes: c.MaxPasses, // of a writer, which this is not
			MaxMemoryKiB: c.MaxMemoryKiB, MaxPasses: c.MaxPasses, MaxLanes: c.MaxLanes,
		})
	case "recipients":
		var keys []*keyring.PrivateKey
		for _, text := range c.PrivateKeys {
			var k *keyring.PrivateKey
			if k, err = keyring.ParsePrivateKey([]byte(text)); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
		p, err = keyring.NewRecipients(nil, keys)
	case "discovery":
		regions := map[string]kmsapi.API{}
		for _, r := range c.Regions {
			regions[r] = kms
		}
		p, err = keyring.NewDiscovery(regions, c.Accounts)
	default:
		t.Fatalf("no provider %s", c.Type)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// outcomes has the error that each outcome of a vector stands for.
var outcomes = map[vectors.Outcome][]error{
	vectors.NotMessage:          {format.ErrNotMessage},
	vectors.UnsupportedVersion:  {format.ErrUnsupportedVersion},
	vectors.UnsupportedSuite:    {format.ErrUnsupportedSuite},
	vectors.UnsupportedKind:     {format.ErrUnsupportedKind},
	vectors.Truncated:           {io.ErrUnexpectedEOF},
	vectors.SizeFault:           {format.ErrSize},
	vectors.NoKeyFile:           {fs.ErrNotExist},
	vectors.NoMatch:             {keyring.ErrNoMatch},
	vectors.InvalidDataKey:      {keyring.ErrInvalidDataKey},
	vectors.Cost:                {keyring.ErrCost},
	vectors.Authentication:      {envelope.ErrAuthentication},
	vectors.AuthenticationAtEnd: {envelope.ErrAuthentication, io.ErrUnexpectedEOF},
}

func checkOutcome(t *testing.T, how string, want vectors.Outcome, err error) {
	t.Helper()
	var parse *format.ParseError
	switch {
	case want == vectors.Success:
		if err != nil {
			t.Errorf("%s: %v, want success", how, err)
		}
	case want == vectors.ParseFault:
		if !errors.As(err, &parse) {
			t.Errorf("%s: %v, want a *format.ParseError", how, err)
		}
	default:
		targets, ok := outcomes[want]
		if !ok {
			t.Fatalf("no error stands for %s", want)
		}
		for _, target := range targets {
			if !errors.Is(err, target) {
				t.Errorf("%s: %v, want %s", how, err, want)
			}
		}
	}
	// Only a message that was cut says so.
	if want == vectors.Authentication && errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%s: %v matches io.ErrUnexpectedEOF, want %s", how, err, want)
	}
}

func TestVectors(t *testing.T) {
	all, err := vectors.ReadAll("../format/testdata/vectors")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, v := range all {
		if v.Structure != vectors.Message && v.Structure != vectors.Armor {
			continue // parsed in package format, opened in package column
		}
		t.Run(v.Name, func(t *testing.T) {
			if v.Structure == vectors.Armor {
				message, err := format.Dearmor(v.Data)
				if err != nil {
					checkOutcome(t, "Dearmor", v.Expect, err)
					return
				}
				v.Data = message
			}
			kms := vectors.NewKMS(v)
			opened := readerOf(t, v, kms)
			ran++
			store := memStore{}
			for _, b := range v.KeyFiles {
				var kf format.KeyFile
				if err := kf.Parse(b); err != nil {
					t.Fatal(err)
				}
				store[kf.Reference] = b
			}
			opts := &envelope.Options{AcceptUnseen: v.AcceptUnseen, KeyStore: store}
			for _, s := range v.AcceptSuites {
				opts.AcceptSuites = append(opts.AcceptSuites, format.Suite(s))
			}
			p := &counting{KeyProvider: opened}
			c := newClient(t, p, opts)

			var released bytes.Buffer
			var readErr error
			how := "Reader"
			if v.HasSize {
				how = "ReaderAt"
				var ra *envelope.ReaderAt
				if ra, readErr = c.NewReaderAt(t.Context(), bytes.NewReader(v.Data), v.Size, v.Given); readErr == nil {
					_, readErr = io.Copy(&released, io.NewSectionReader(ra, 0, ra.Size()))
				}
			} else {
				var r *envelope.Reader
				if r, readErr = c.NewReader(t.Context(), bytes.NewReader(v.Data), v.Given); readErr == nil {
					_, readErr = r.WriteTo(&released)
				}
			}
			checkOutcome(t, how, v.Expect, readErr)
			if p.decrypt != v.Calls || kms.Decrypts() != v.KMSCalls {
				t.Errorf("%s: %d calls of the provider, %d of KMS, want %d and %d", how, p.decrypt, kms.Decrypts(), v.Calls, v.KMSCalls)
			}
			if int64(released.Len()) != v.Released || sha256.Sum256(released.Bytes()) != v.Payload {
				t.Errorf("%s released %d bytes, want %d, or other ones", how, released.Len(), v.Released)
			}
			if v.HasSize {
				return
			}
			if len(v.OpenedBefore) > 0 {
				readAfter(t, v, opened, opts)
			}
			got, err := c.Decrypt(t.Context(), v.Data, v.Given)
			want := v.Expect
			if want == vectors.Authentication && errors.Is(err, format.ErrSize) {
				want = vectors.AuthenticationAtEnd // Decrypt knows the length, and that a message of it may have been cut
			}
			checkOutcome(t, "Decrypt", want, err)
			if v.Expect == vectors.Success && !bytes.Equal(got, released.Bytes()) || v.Expect != vectors.Success && got != nil {
				t.Errorf("Decrypt returned %d bytes", len(got))
			}
		})
	}
	if ran < 150 {
		t.Errorf("%d vectors were run: the files are not there", ran)
	}
}

// readAfter reads a vector by a reader with a cache that has opened another message just before.
func readAfter(t *testing.T, v *vectors.Vector, p keyring.KeyProvider, opts *envelope.Options) {
	t.Helper()
	cache, err := keyring.NewCaching(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	c := newClient(t, cache, opts)
	if _, err := c.Decrypt(t.Context(), v.OpenedBefore, v.Given); err != nil {
		t.Errorf("the message before: %v", err)
	}
	got, err := c.Decrypt(t.Context(), v.Data, v.Given)
	checkOutcome(t, "Decrypt with a warm cache", v.Expect, err)
	if v.Expect != vectors.Success && got != nil {
		t.Errorf("Decrypt with a warm cache returned %d bytes", len(got))
	}
}
