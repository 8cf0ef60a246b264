package envelope_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// A keyTable is an envelope.KeyStore in a table of a database:
//
//	CREATE TABLE keys (reference BLOB PRIMARY KEY, record BLOB NOT NULL)
//
// Placeholders are those of SQLite and MySQL; PostgreSQL wants $1.
type keyTable struct{ db *sql.DB }

func (t keyTable) Get(ctx context.Context, ref format.Reference) (keyFile []byte, err error) {
	err = t.db.QueryRowContext(ctx, "SELECT record FROM keys WHERE reference = ?", ref[:]).Scan(&keyFile)
	if errors.Is(err, sql.ErrNoRows) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("key %v: %w", ref, err)
	}
	return keyFile, nil
}

// Put must not return before the row is committed: the message that names it is written next.
func (t keyTable) Put(ctx context.Context, ref format.Reference, keyFile []byte) error {
	return t.one(t.db.ExecContext(ctx, "INSERT INTO keys SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM keys WHERE reference = ?)",
		ref[:], keyFile, ref[:]))(ref, fs.ErrExist)
}

// Swap compares and replaces in one statement, so two workers cannot both win.
func (t keyTable) Swap(ctx context.Context, ref format.Reference, old, new []byte) error {
	return t.one(t.db.ExecContext(ctx, "UPDATE keys SET record = ? WHERE reference = ? AND record = ?", new, ref[:], old))(ref, envelope.ErrChanged)
}

// one says none if the statement changed no row.
func (keyTable) one(result sql.Result, err error) func(ref format.Reference, none error) error {
	return func(ref format.Reference, none error) error {
		if err != nil {
			return fmt.Errorf("key %v: %w", ref, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return fmt.Errorf("key %v: %w", ref, errors.Join(err, none))
		}
		return nil
	}
}

// Key files in a table: a message names the row, and rewrapping updates it.
func ExampleKeyStore() {
	ctx := context.Background()
	db := sql.OpenDB(oneTable{}) // a database of the test; yours comes from sql.Open
	defer db.Close()
	client, err := envelope.New(exampleProvider(), &envelope.Options{Keys: format.Detached, KeyStore: keyTable{db}})
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("hello"), nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)

	var header format.Header
	if _, err := header.Parse(message); err != nil {
		log.Fatal(err)
	}
	if _, err := client.RewrapKey(ctx, header.Reference, nil, nil); err != nil {
		log.Fatal(err)
	}
	// Whoever comes with the old row is told.
	err = keyTable{db}.Swap(ctx, header.Reference, []byte("old"), []byte("new"))
	fmt.Println(errors.Is(err, envelope.ErrChanged))
	// Output:
	// hello
	// true
}
