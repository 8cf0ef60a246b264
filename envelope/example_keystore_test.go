package envelope_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
)

// Key files in a table: a message names the row, and rewrapping updates it.
func ExampleKeyStore() {
	ctx := context.Background()
	db := sql.OpenDB(oneTable{}) // a database of the test; yours comes from sql.Open
	defer db.Close()
	keys, err := column.NewKeyTable(db, "data_keys", nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(exampleProvider(), &envelope.Options{Keys: format.Detached, KeyStore: keys})
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
	err = keys.Swap(ctx, header.Reference, []byte("old"), []byte("new"))
	fmt.Println(errors.Is(err, envelope.ErrChanged))
	// Output:
	// hello
	// true
}
