package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// exampleDatabase returns a database that was migrated, a provider, and what removes them.
func exampleDatabase() (database, keyring.KeyProvider, func()) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "dbcolumn")
	if err != nil {
		log.Fatal(err)
	}
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
	db, err := openSQLite(dir)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE users (id VARCHAR(36) PRIMARY KEY)"); err != nil {
		log.Fatal(err)
	}
	if err := migrate(ctx, db, provider); err != nil {
		log.Fatal(err)
	}
	return db, provider, func() {
		db.Close()
		os.RemoveAll(dir)
	}
}

// A phone number that is encrypted, and looked up by its index.
func Example() {
	ctx := context.Background()
	db, provider, remove := exampleDatabase()
	defer remove()
	phones, err := column.New(provider, keyTable{db}, envelope.Context{"table": "users", "column": "phone"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer phones.Close() // wipes the data keys
	index, err := column.OpenIndex(ctx, provider, keyTable{db}, phoneIndex, envelope.Context{"table": "users", "index": "phone"}, nil)
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
