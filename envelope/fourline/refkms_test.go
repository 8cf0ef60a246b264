package fourline_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The life of a file against the reference KMS: written under an alias, the alias re-pointed, the key disabled.
func TestAgainstReferenceKMS(t *testing.T) {
	ctx := t.Context()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	kms := server.Client(nil)
	first, err := kms.CreateKey(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := kms.CreateKey(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := kms.CreateAlias(ctx, alias, first.KeyID); err != nil {
		t.Fatal(err)
	}
	plaintext := bytes.Repeat([]byte("华东1\n"), 1000)
	file, err := client(t, kms, alias, nil).Encrypt(ctx, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string, opens ...string) error {
		got, err := client(t, kms, name, &fourline.Options{Opens: opens}).Decrypt(ctx, file)
		if err == nil && !bytes.Equal(got, plaintext) {
			t.Errorf("Decrypt under %s = %d bytes", name, len(got))
		}
		return err
	}
	for _, name := range []string{alias, first.KeyID, first.ARN} {
		if err := open(name); err != nil {
			t.Errorf("under %s: %v", name, err)
		}
	}
	if err := open(second.ARN); !errors.Is(err, fourline.ErrWrongKey) {
		t.Errorf("under another key: %v, want ErrWrongKey", err)
	}
	if err := kms.Do(ctx, "UpdateAlias", map[string]string{"AliasName": alias, "KeyId": second.KeyID}, nil); err != nil {
		t.Fatal(err)
	}
	if err := open(alias); !errors.Is(err, fourline.ErrWrongKey) {
		t.Errorf("alias re-pointed: %v, want ErrWrongKey", err)
	}
	if err := open(alias, first.ARN); err != nil {
		t.Errorf("alias re-pointed, the old key listed: %v", err)
	}
	if err := kms.Do(ctx, "DisableKey", map[string]string{"KeyId": first.KeyID}, nil); err != nil {
		t.Fatal(err)
	}
	if err := open(first.KeyID); !errors.Is(err, kmsapi.ErrDisabled) {
		t.Errorf("key disabled: %v, want ErrDisabled", err)
	}
	if _, err := client(t, kms, first.KeyID, nil).Encrypt(ctx, nil); !errors.Is(err, kmsapi.ErrDisabled) {
		t.Errorf("key disabled: Encrypt = %v, want ErrDisabled", err)
	}
	// A wrapped key that looks like one of a key which is not there, and one that was changed.
	if _, err := client(t, kms, second.KeyID, nil).Decrypt(ctx, read(t, "sales.csv.cipher")); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("wrapped key of another KMS: %v, want ErrKeyNotFound", err)
	}
	if file, err = client(t, kms, second.KeyID, nil).Encrypt(ctx, plaintext); err != nil {
		t.Fatal(err)
	}
	end := bytes.IndexByte(file, '\n')
	if file[end-8] == 'A' {
		file[end-8] = 'B'
	} else {
		file[end-8] = 'A'
	}
	if err := open(second.KeyID); !errors.Is(err, fourline.ErrAuthentication) || !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
		t.Errorf("wrapped key changed: %v, want ErrAuthentication and its cause", err)
	}
}
