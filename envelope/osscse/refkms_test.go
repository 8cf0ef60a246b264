package osscse_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Objects against the reference KMS, whose blobs look like those of the service, with a passphrase and without.
func TestAgainstReferenceKMS(t *testing.T) {
	ctx := t.Context()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := kms.CreateKey(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := func(id string, opts *osscse.KMSOptions) *osscse.Client {
		k, err := osscse.NewKMSKey(kms, id, nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		return newClient(t, k)
	}
	plaintext := random(1000)
	for _, opts := range []*osscse.KMSOptions{nil, {Passphrase: `with "quotes"`}} {
		metadata, body := put(t, key(cmk.ARN, opts), plaintext, nil)
		for _, double := range []bool{false, true} {
			if double { // as the Python SDK stores the same blobs
				for _, name := range []string{"client-side-encryption-key", "client-side-encryption-start"} {
					metadata[name] = text([]byte(metadata[name]))
				}
			}
			o, err := key(cmk.KeyID, opts).OpenUnauthenticated(ctx, metadata)
			if err != nil {
				t.Fatalf("encoded twice %v: %v", double, err)
			}
			if got, err := io.ReadAll(o.NewReader(bytes.NewReader(body))); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("encoded twice %v: %d bytes, %v", double, len(got), err)
			}
		}
		if _, err := key(other.KeyID, opts).OpenUnauthenticated(ctx, metadata); !errors.Is(err, osscse.ErrWrongKey) {
			t.Errorf("other key: %v, want ErrWrongKey", err)
		}
		if _, err := key(cmk.KeyID, &osscse.KMSOptions{Passphrase: "wrong"}).OpenUnauthenticated(ctx, metadata); !errors.Is(err, osscse.ErrUnwrap) {
			t.Errorf("wrong passphrase: %v, want ErrUnwrap", err)
		}
	}
	if err := kms.Do(ctx, "DisableKey", map[string]string{"KeyId": cmk.KeyID}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := key(cmk.KeyID, nil).NewUnauthenticatedUpload(ctx, 1, nil); !errors.Is(err, kmsapi.ErrDisabled) {
		t.Errorf("key disabled: %v, want ErrDisabled", err)
	}
}
