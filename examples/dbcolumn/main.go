// Dbcolumn keeps the phone numbers and e-mail addresses of a table of users encrypted, and finds users by phone number. KMS is
// asked once for many values, not for each; a value is bound to its row and column; and the digest to find it by is a keyed
// one, since a bare SHA-256 is undone by whoever hashes all phone numbers.
//
//	go run ./examples/dbcolumn
//
// The database is SQLite, in memory, and the KMS is in this process. On MySQL the statements are the same; PostgreSQL has $1
// where they have ?, and BYTEA for both types of bytes. The folder migrate comes here from a table in the clear.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"time"

	_ "modernc.org/sqlite"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// schema is the table of users, with cells that are 49 bytes longer than the values in them, and that of wrapped data keys.
var schema = []string{
	"CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, name VARCHAR(100), phone_cell VARBINARY(100), phone_index VARBINARY(16), email_cell VARBINARY(400))",
	"CREATE INDEX users_by_phone ON users (phone_index)",
	"CREATE TABLE data_keys (reference VARBINARY(16) PRIMARY KEY, key_file MEDIUMBLOB NOT NULL)",
}

// phoneIndex names the key of the index: random when this was written, and the same ever after.
var phoneIndex = format.Reference{0xc6, 0x2b, 0x0e, 0x91, 0x5d, 0x3f, 0x47, 0x70, 0xa8, 0x19, 0xf2, 0x84, 0x36, 0xdb, 0x65, 0x0a}

// A user is a row. We make its id, before the row is there: the cells are bound to it.
type user struct {
	ID, Name     string
	Phone, Email []byte // nil is NULL
}

// users is the table, with what its encrypted columns need.
type users struct {
	db             *sql.DB
	phones, emails *column.Cells
	byPhone        *column.Index
}

// insert seals the values when the statement is executed.
func (u *users) insert(ctx context.Context, v user) error {
	row := envelope.Context{"id": v.ID}
	_, err := u.db.ExecContext(ctx, "INSERT INTO users (id, name, phone_cell, phone_index, email_cell) VALUES (?, ?, ?, ?, ?)",
		v.ID, v.Name, u.phones.Value(ctx, v.Phone, row), u.byPhone.Value(v.Phone), u.emails.Value(ctx, v.Email, row))
	return err
}

// find returns the users that a condition selects. The id is scanned before the cells, which are opened with it.
func (u *users) find(ctx context.Context, where string, arguments ...any) (found []user, err error) {
	rows, err := u.db.QueryContext(ctx, "SELECT id, name, phone_cell, email_cell FROM users WHERE "+where, arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v user
		row := func() envelope.Context { return envelope.Context{"id": v.ID} }
		if err := rows.Scan(&v.ID, &v.Name, u.phones.Scan(ctx, &v.Phone, row), u.emails.Scan(ctx, &v.Email, row)); err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, rows.Err()
}

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	server, err := refkms.New(nil)
	check(err)
	const year = 365 * 24 * time.Hour
	cmk, err := server.Client(nil).CreateKey(ctx, &refkms.CreateKeyRequest{RotationInterval: year}) // for this database alone
	check(err)
	provider, err := keyring.NewKMS(server.Client(nil), cmk.ARN, nil)
	check(err)
	db, err := sql.Open("sqlite", "file:/users?vfs=memdb")
	check(err)
	defer db.Close()
	for _, statement := range schema {
		_, err := db.ExecContext(ctx, statement)
		check(err)
	}

	// A data key seals up to a million cells for a day. Its wrapped key is a row of the key table, which the cells refer to.
	keys, err := column.NewKeyTable(db, "data_keys", nil)
	check(err)
	phones, err := column.New(provider, keys, envelope.Context{"table": "users", "column": "phone"}, nil)
	check(err)
	defer phones.Close() // wipes its data keys
	emails, err := column.New(provider, keys, envelope.Context{"table": "users", "column": "email"}, nil)
	check(err)
	defer emails.Close()
	// The key of an index is made with the table. Whenever the program starts after that, it is column.OpenIndex.
	byPhone, err := column.NewIndex(ctx, provider, keys, phoneIndex, envelope.Context{"table": "users", "index": "phone"}, nil)
	check(err)
	defer byPhone.Close()
	u := &users{db, phones, emails, byPhone}

	li := user{rand.Text(), "Li Lei", []byte("+8613800138000"), []byte("li@example.com")}
	han := user{rand.Text(), "Han Meimei", []byte("+8613900139000"), nil}
	check(u.insert(ctx, li))
	check(u.insert(ctx, han))
	found, err := u.find(ctx, "phone_index = ?", byPhone.Value([]byte("+8613800138000")))
	check(err)
	for _, v := range found {
		fmt.Printf("%s has %s and %s\n", v.Name, v.Phone, v.Email)
	}

	// After a year the CMK has rotated. A worker renews the wrapped keys of all columns, by one ReEncrypt each: he needs no
	// right to decrypt, touches no user, and takes the key files as they are, since nobody gains by that under one CMK.
	server.Advance(year)
	worker, err := envelope.New(provider, &envelope.Options{KeyStore: keys, AcceptUnseen: []string{"*"}})
	check(err)
	refs, err := keys.References(ctx)
	check(err)
	for _, ref := range refs {
		_, err := worker.RewrapKey(ctx, ref, nil, nil)
		check(err)
	}
	fmt.Printf("rewrapped %d key files, and no user\n", len(refs))

	// Whoever can write to the database gives a phone number to somebody else.
	var cell []byte
	check(db.QueryRowContext(ctx, "SELECT phone_cell FROM users WHERE id = ?", li.ID).Scan(&cell))
	_, err = db.ExecContext(ctx, "UPDATE users SET phone_cell = ? WHERE id = ?", cell, han.ID)
	check(err)
	_, err = u.find(ctx, "id = ?", han.ID)
	fmt.Println("a cell in another row is refused:", errors.Is(err, envelope.ErrAuthentication))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
