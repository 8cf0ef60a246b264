package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// exampleDatabase returns a database with the tables of users and keys, in which the key of the index is, and a provider.
func exampleDatabase() (*sql.DB, keyring.KeyProvider) {
	ctx := context.Background()
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	cmk, err := server.Client(nil).CreateKey(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewKMS(server.Client(nil), cmk.ARN, nil)
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:/example?vfs=memdb")
	if err != nil {
		log.Fatal(err)
	}
	for _, statement := range schema {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			log.Fatal(err)
		}
	}
	keys, err := column.NewKeyTable(db, "data_keys", nil)
	if err != nil {
		log.Fatal(err)
	}
	index, err := column.NewIndex(ctx, provider, keys, phoneIndex, envelope.Context{"table": "users", "index": "phone"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	index.Close()
	return db, provider
}

// A phone number that is encrypted, and looked up by its index.
func Example() {
	ctx := context.Background()
	db, provider := exampleDatabase()
	defer db.Close()
	keys, err := column.NewKeyTable(db, "data_keys", nil) // in the same database
	if err != nil {
		log.Fatal(err)
	}
	phones, err := column.New(provider, keys, envelope.Context{"table": "users", "column": "phone"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer phones.Close() // wipes the data keys
	index, err := column.OpenIndex(ctx, provider, keys, phoneIndex, envelope.Context{"table": "users", "index": "phone"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer index.Close()

	id, phone := "7d0d", []byte("+8613800138000") // the id is known before: the cell is bound to it
	_, err = db.ExecContext(ctx, "INSERT INTO users (id, phone_cell, phone_index) VALUES (?, ?, ?)",
		id, phones.Value(ctx, phone, envelope.Context{"id": id}), index.Value(phone))
	if err != nil {
		log.Fatal(err)
	}

	row := db.QueryRowContext(ctx, "SELECT id, phone_cell FROM users WHERE phone_index = ?", index.Value(phone))
	err = row.Scan(&id, phones.Scan(ctx, &phone, func() envelope.Context { return envelope.Context{"id": id} }))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s has %s\n", id, phone)
	// Output: 7d0d has +8613800138000
}

// The program itself.
func Example_story() {
	main()
	// Output:
	// Li Lei has +8613800138000 and li@example.com
	// rewrapped 3 key files, and no user
	// a cell in another row is refused: true
}
