package keyring_test

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// errOutage is a cause that no package knows.
var errOutage = errors.New("outage")

func pairs(t *testing.T, m map[string]string) format.Pairs {
	t.Helper()
	b, err := format.AppendPairs(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return format.Pairs(b)
}

func generate(t *testing.T, p keyring.KeyProvider, ec format.Pairs) *keyring.DataKey {
	t.Helper()
	k, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec, Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Destroy)
	return k
}

func decrypt(t *testing.T, p keyring.KeyProvider, ec format.Pairs, r format.Record) (*keyring.DataKey, error) {
	t.Helper()
	k, err := p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.AES256GCM, Context: ec, Record: r})
	if (k == nil) == (err == nil) {
		t.Fatalf("Decrypt = %v, %v", k, err)
	}
	if k != nil {
		t.Cleanup(k.Destroy)
	}
	return k, err
}
