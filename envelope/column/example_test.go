package column_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// exampleProvider returns a provider of a CMK in a reference KMS of this process.
func exampleProvider() *keyring.KMS {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewKMS(kms, cmk.ARN, nil)
	if err != nil {
		log.Fatal(err)
	}
	return provider
}

// exampleStore returns key files in a folder, and what removes it; beside a database they are in a KeyTable.
func exampleStore() (envelope.KeyDir, func()) {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	return envelope.KeyDir(dir), func() { os.RemoveAll(dir) }
}

// A value in its cell, bound to its row.
func Example() {
	ctx := context.Background()
	store, remove := exampleStore()
	defer remove()

	phones, err := column.New(exampleProvider(), store, envelope.Context{"table": "users", "column": "phone"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer phones.Close() // wipes the data keys

	cell, err := phones.Seal(ctx, nil, []byte("13800138000"), envelope.Context{"id": "7d0d"})
	if err != nil {
		log.Fatal(err)
	}
	phone, err := phones.Open(ctx, nil, cell, envelope.Context{"id": "7d0d"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %d bytes more\n", phone, len(cell)-len(phone))

	_, err = phones.Open(ctx, nil, cell, envelope.Context{"id": "another"})
	fmt.Println("in another row:", errors.Is(err, envelope.ErrAuthentication))
	// Output:
	// 13800138000, 49 bytes more
	// in another row: true
}

// An index is made once and opened whenever the program starts.
func ExampleIndex() {
	ctx := context.Background()
	provider := exampleProvider()
	store, remove := exampleStore()
	defer remove()

	// A constant of the program, from a random generator.
	ref := format.Reference{0x5e, 0x0b, 0x1c, 0x5d, 0x9a, 0x44, 0x4f, 0x52, 0x8e, 0x02, 0x3b, 0x8c, 0xd1, 0x77, 0x60, 0xf4}
	names := envelope.Context{"table": "users", "index": "phone"}

	// With the migration that adds the column:
	made, err := column.NewIndex(ctx, provider, store, ref, names, nil)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := made.Sum(nil, []byte("13800138000"))
	if err != nil {
		log.Fatal(err)
	}
	made.Close()

	// Whenever the program starts:
	phoneIndex, err := column.OpenIndex(ctx, provider, store, ref, names, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer phoneIndex.Close()
	wanted, err := phoneIndex.Sum(nil, []byte("13800138000"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(stored), "bytes, equal:", string(wanted) == string(stored))
	// Output: 16 bytes, equal: true
}

// New wrapped keys for all cells of a column, after the CMK has rotated: a few hundred bytes are replaced for each key
// file, and no cell. The worker needs no right to decrypt.
func Example_rewrap() {
	ctx := context.Background()
	provider := exampleProvider()
	store, remove := exampleStore()
	defer remove()
	users := envelope.Context{"table": "users", "column": "phone"}
	phones, err := column.New(provider, store, users, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer phones.Close()
	cell, err := phones.Seal(ctx, nil, []byte("13800138000"), envelope.Context{"id": "7d0d"})
	if err != nil {
		log.Fatal(err)
	}

	worker, err := envelope.New(provider, &envelope.Options{KeyStore: store})
	if err != nil {
		log.Fatal(err)
	}
	ref := format.Reference(cell[1:17]) // or every reference in the key table
	if _, err := worker.RewrapKey(ctx, ref, users, nil); err != nil {
		log.Fatal(err)
	}

	phone, err := phones.Open(ctx, nil, cell, envelope.Context{"id": "7d0d"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", phone)
	// Output: 13800138000
}
