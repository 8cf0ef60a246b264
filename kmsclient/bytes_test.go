package kmsclient_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// What KMS would not take is refused before the wire.
func TestLimits(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	sent := 0
	c := newClient(t, kmsclient.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		sent++
		return always(400, "{}")(r)
	})})
	ctx := t.Context()
	encrypt := func(text string, ec map[string]string) func(*kmsclient.Client) error {
		return func(c *kmsclient.Client) error {
			_, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: w.key, Plaintext: kmsapi.NewPlaintext([]byte(text)), EncryptionContext: ec})
			return err
		}
	}
	encryptBytes := func(n int) func(*kmsclient.Client) error {
		return func(c *kmsclient.Client) error {
			_, err := c.EncryptBytes(ctx, w.key, make([]byte, n), nil)
			return err
		}
	}
	decrypt := func(n int, ec map[string]string) func(*kmsclient.Client) error {
		return func(c *kmsclient.Client) error {
			_, err := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: strings.Repeat("A", n), EncryptionContext: ec})
			return err
		}
	}
	reencrypt := func(source, destination map[string]string) func(*kmsclient.Client) error {
		return func(c *kmsclient.Client) error {
			_, err := c.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{SourceEncryptionContext: source, DestinationEncryptionContext: destination})
			return err
		}
	}
	generate := func(ec map[string]string) func(*kmsclient.Client) error {
		return func(c *kmsclient.Client) error {
			_, err := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: w.key, EncryptionContext: ec})
			return err
		}
	}
	long := func(n int) map[string]string { return map[string]string{"k": strings.Repeat("信", n-8)} } // {"k":""}
	notText := map[string]string{"k": "\xff"}
	for _, tt := range []struct {
		name string
		call func(*kmsclient.Client) error
		want error
		text string
	}{
		{"text too long", encrypt(strings.Repeat("x", 6145), nil), kmsclient.ErrTooLarge, "plaintext of 6145 bytes, limit 6144"},
		{"bytes too long", encryptBytes(4609), kmsclient.ErrTooLarge, "4609 bytes, limit 4608"},
		{"bytes of twice the limit", encryptBytes(10_000), kmsclient.ErrTooLarge, "use an envelope"},
		{"no text", encrypt("", nil), kmsapi.ErrInvalidParameter, "plaintext is empty"},
		{"no bytes", encryptBytes(0), kmsapi.ErrInvalidParameter, "plaintext is empty"},
		{"text that is none", encrypt("\xff", nil), kmsapi.ErrInvalidParameter, "bytes are for EncryptBytes"},
		{"blob too long", decrypt(1<<16+1, nil), kmsapi.ErrInvalidParameter, "ciphertext blob of 65537 bytes, limit 65536"},
		{"context too long", encrypt("x", long(8193)), kmsclient.ErrTooLarge, "encryption context of 8193 characters of JSON, limit 8192"},
		{"context too long to decrypt", decrypt(1, long(8193)), kmsclient.ErrTooLarge, "put a hash"},
		{"context that is no text", generate(notText), kmsapi.ErrInvalidParameter, "encryption context is not UTF-8"},
		{"source context that is no text", reencrypt(notText, nil), kmsapi.ErrInvalidParameter, "encryption context is not UTF-8"},
		{"destination context that is no text", reencrypt(nil, notText), kmsapi.ErrInvalidParameter, "encryption context is not UTF-8"},
		{"key of a context that is no text", generate(map[string]string{"\xff": ""}), kmsapi.ErrInvalidParameter, "encryption context is not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call(c)
			if e := asError(t, err); !errors.Is(err, tt.want) || !errors.Is(err, kmsapi.ErrInvalidParameter) || e.Attempts != 0 || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
	if sent != 0 {
		t.Errorf("%d requests were sent", sent)
	}
	// What is within the limits the service takes.
	for name, call := range map[string]func(*kmsclient.Client) error{
		"text": encrypt(strings.Repeat("x", 6144), nil), "bytes": encryptBytes(4608), "one byte": encryptBytes(1), "context": encrypt("x", long(8192)),
	} {
		if err := call(w.client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBytes(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	ctx, ec := t.Context(), map[string]string{"tenant": "42"}
	for _, data := range [][]byte{{0}, []byte("\x00\xff\x80"), bytes.Repeat([]byte{0xaa}, kmsclient.MaxBytes)} {
		was := bytes.Clone(data)
		blob, err := w.client.EncryptBytes(ctx, w.key, data, ec)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.client.DecryptBytes(ctx, blob, ec); err != nil || !bytes.Equal(got, was) || !bytes.Equal(data, was) {
			t.Errorf("DecryptBytes = %d bytes, %v", len(got), err)
		}
		if _, err := w.client.DecryptBytes(ctx, blob, nil); !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
			t.Errorf("DecryptBytes without the context = %v, want ErrInvalidCiphertext", err)
		}
	}
	for _, text := range []string{"a text that is not base64", "YQ", "YR==", "YQ==\n"} {
		enc, err := w.client.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: w.key, Plaintext: kmsapi.NewPlaintext([]byte(text))})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.client.DecryptBytes(ctx, enc.CiphertextBlob, nil)
		if e := asError(t, err); got != nil || !errors.Is(err, kmsclient.ErrNotBytes) || strings.Contains(err.Error(), text) || e.RequestID == "" || !strings.Contains(err.Error(), "use Decrypt") {
			t.Errorf("DecryptBytes of %q = %q, %v, want ErrNotBytes", text, got, err)
		}
	}
}
