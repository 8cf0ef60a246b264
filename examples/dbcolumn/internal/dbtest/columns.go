package dbtest

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
)

// The names of the encrypted columns, and of the index.
var (
	Phones  = envelope.Context{"table": "users", "column": "phone"}
	Emails  = envelope.Context{"table": "users", "column": "email"}
	ByPhone = envelope.Context{"table": "users", "index": "phone"}
)

// NewIndex makes the key of the index.
func NewIndex(t *testing.T, keys *column.KeyTable, kms *KMS, ref format.Reference) {
	t.Helper()
	index, err := column.NewIndex(t.Context(), kms.Provider(t), keys, ref, ByPhone, nil)
	if err != nil {
		t.Fatal(err)
	}
	index.Close()
}

// Open opens the columns and the index, as a process of its own would.
func Open(t *testing.T, keys *column.KeyTable, kms *KMS, ref format.Reference, opts *column.Options) (phones, emails *column.Cells, byPhone *column.Index) {
	t.Helper()
	provider := kms.Provider(t)
	phones, errPhones := column.New(provider, keys, Phones, opts)
	emails, errEmails := column.New(provider, keys, Emails, opts)
	byPhone, errIndex := column.OpenIndex(t.Context(), provider, keys, ref, ByPhone, nil)
	if err := errors.Join(errPhones, errEmails, errIndex); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		phones.Close()
		emails.Close()
		byPhone.Close()
	})
	return phones, emails, byPhone
}
