package refkms_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The provider of a CMK over the reference KMS: what package keyring is tested with elsewhere is a service of its own
// making, this one is the documentation's.

func newWorld(t *testing.T, opts *refkms.Options) (*refkms.Server, *refkms.Client) {
	t.Helper()
	server, err := newServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	return server, server.Client(nil)
}

func newCMK(t *testing.T, c *refkms.Client) *refkms.KeyMetadata {
	t.Helper()
	k, err := c.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newProvider(t *testing.T, c kmsapi.API, keyID string) *keyring.KMS {
	t.Helper()
	p, err := keyring.NewKMS(c, keyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newEnvelope(t *testing.T, p keyring.KeyProvider, opts *envelope.Options) *envelope.Client {
	t.Helper()
	c, err := envelope.New(p, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeyringConformance(t *testing.T) {
	for name, configured := range map[string]func(*refkms.KeyMetadata) string{
		"id":        func(k *refkms.KeyMetadata) string { return k.KeyID },
		"arn":       func(k *refkms.KeyMetadata) string { return k.ARN },
		"alias":     func(*refkms.KeyMetadata) string { return "alias/work" },
		"alias ARN": func(*refkms.KeyMetadata) string { return "acs:kms:cn-hangzhou:1234567890123456:alias/work" },
	} {
		t.Run(name, func(t *testing.T) {
			keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
				_, c := newWorld(t, nil)
				own, other := newCMK(t, c), newCMK(t, c)
				if err := c.CreateAlias(t.Context(), "alias/work", own.KeyID); err != nil {
					t.Fatal(err)
				}
				return keyringtest.Harness{Provider: newProvider(t, c, configured(own)), Other: newProvider(t, c, other.ARN)}
			})
		})
	}
}

// What an envelope answers in each state of its CMK.
func TestStatesOfTheCMK(t *testing.T) {
	server, c := newWorld(t, nil)
	cmk := newCMK(t, c)
	client := newEnvelope(t, newProvider(t, c, cmk.ARN), nil)
	message, err := client.Encrypt(t.Context(), []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(state string, want error) {
		t.Helper()
		if _, err := client.Decrypt(t.Context(), message, nil); !errors.Is(err, want) || errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("%s: Decrypt = %v, want %v", state, err, want)
		}
		if _, err := client.Encrypt(t.Context(), nil, nil); !errors.Is(err, want) {
			t.Errorf("%s: Encrypt = %v, want %v", state, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check("enabled", nil)
	must(c.DisableKey(t.Context(), cmk.KeyID))
	check("disabled", kmsapi.ErrDisabled)
	must(c.EnableKey(t.Context(), cmk.KeyID))
	check("enabled again", nil)
	must(c.ScheduleKeyDeletion(t.Context(), cmk.KeyID, 7))
	check("pending deletion", kmsapi.ErrPendingDeletion)
	must(c.CancelKeyDeletion(t.Context(), cmk.KeyID))
	check("deletion cancelled", nil)
	must(c.ScheduleKeyDeletion(t.Context(), cmk.KeyID, 7))
	server.Advance(7*24*time.Hour + time.Second)
	check("destroyed", kmsapi.ErrKeyNotFound)
}

// The service's own binding of the context may collide, as that of the vendor's layer does: it then opens the wrapped
// key, and the tag of the message refuses (SPEC.md, Section 8).
func TestCollidingContext(t *testing.T) {
	_, c := newWorld(t, &refkms.Options{InsecureCollidingContext: true})
	p := newProvider(t, c, newCMK(t, c).ARN)
	client := newEnvelope(t, p, nil)
	message, err := client.Encrypt(t.Context(), []byte("hello"), envelope.Context{"a": "1", "b": "2"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := format.ReadHeader(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	colliding, err := format.AppendPairs(nil, map[string]string{"a": "1&b=2"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: h.Suite, Context: colliding, Record: h.Record})
	if err != nil {
		t.Fatalf("the service tells the contexts apart, so this test shows nothing: %v", err)
	}
	key.Destroy()
	forged := *h
	forged.Stored = colliding
	b, err := forged.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, message[h.Size():]...)
	if _, err := client.Decrypt(t.Context(), b, envelope.Context{"a": "1&b=2"}); !errors.Is(err, envelope.ErrAuthentication) {
		t.Errorf("Decrypt under a colliding context = %v, want ErrAuthentication", err)
	}
}

// After a rotation, rewrapping moves a message to the newest version of its CMK without its data key being seen.
func TestRewrapAfterRotation(t *testing.T) {
	server, c := newWorld(t, nil)
	cmk := newCMK(t, c)
	client := newEnvelope(t, newProvider(t, c, cmk.ARN), nil)
	ec := envelope.Context{"tenant": "42"}
	message, err := client.Encrypt(t.Context(), []byte("hello"), ec)
	if err != nil {
		t.Fatal(err)
	}
	version := func(m []byte) string {
		t.Helper()
		h, err := format.ReadHeader(bytes.NewReader(m))
		if err != nil || len(h.Record) != 1 {
			t.Fatalf("%v, %d entries", err, len(h.Record))
		}
		return string(h.Record[0].Ciphertext[:36])
	}
	if err := c.UpdateRotationPolicy(t.Context(), cmk.KeyID, 7*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	server.Advance(8 * 24 * time.Hour)
	var out bytes.Buffer
	if _, err := client.Rewrap(t.Context(), &out, bytes.NewReader(message), ec, nil); err != nil {
		t.Fatal(err)
	}
	now, err := c.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: cmk.KeyID})
	if err != nil {
		t.Fatal(err)
	}
	if version(message) != cmk.PrimaryKeyVersion || version(out.Bytes()) != now.PrimaryKeyVersion || now.PrimaryKeyVersion == cmk.PrimaryKeyVersion {
		t.Errorf("wrapped under %s, then %s; the key had %s and has %s", version(message), version(out.Bytes()), cmk.PrimaryKeyVersion, now.PrimaryKeyVersion)
	}
	for _, m := range [][]byte{message, out.Bytes()} {
		r, err := client.NewReader(t.Context(), bytes.NewReader(m), ec)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "hello" {
			t.Errorf("ReadAll = %q, %v", got, err)
		}
	}
}

// A provider of another region's CMK, and one of another account's, open nothing of this one's.
func TestWorldsApart(t *testing.T) {
	server, c := newWorld(t, nil)
	cmk := newCMK(t, c)
	message, err := newEnvelope(t, newProvider(t, c, cmk.KeyID), nil).Encrypt(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, opts := range []*refkms.ClientOptions{{Region: "cn-beijing"}, {Account: "42"}} {
		client := newEnvelope(t, newProvider(t, server.Client(opts), cmk.KeyID), nil)
		if _, err := client.Decrypt(t.Context(), message, nil); !errors.Is(err, kmsapi.ErrKeyNotFound) {
			t.Errorf("Decrypt in %+v = %v, want ErrKeyNotFound", *opts, err)
		}
	}
}
