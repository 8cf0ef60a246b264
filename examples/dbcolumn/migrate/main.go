// Migrate encrypts the phone numbers and e-mail addresses of a table of users that has them in the clear. It goes the three
// steps of KMS's guide for databases: a CMK for the purpose, new columns for ciphertext and digest, and the code that fills
// them. How the table is used from then on is shown by the example dbcolumn, in the folder above.
//
//	go run ./examples/dbcolumn/migrate
//
// The database is SQLite, in memory, and the KMS is in this process.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"

	_ "modernc.org/sqlite"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// before is the table as it was.
var before = []string{
	"CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, name VARCHAR(100), phone TEXT, email TEXT)",
	"INSERT INTO users VALUES ('u-1', 'Li Lei', '+8613800138000', 'li@example.com')",
	"INSERT INTO users VALUES ('u-2', 'Han Meimei', '+8613900139000', NULL)",
}

// newColumns has a cell for each value, which is 49 bytes longer, an index, and the table of wrapped data keys.
var newColumns = []string{
	"ALTER TABLE users ADD COLUMN phone_cell VARBINARY(100)",
	"ALTER TABLE users ADD COLUMN phone_index VARBINARY(16)",
	"ALTER TABLE users ADD COLUMN email_cell VARBINARY(400)",
	"CREATE INDEX users_by_phone ON users (phone_index)",
	"CREATE TABLE data_keys (reference VARBINARY(16) PRIMARY KEY, key_file MEDIUMBLOB NOT NULL)",
}

// phoneIndex names the key of the index: random when this was written, and the same ever after.
var phoneIndex = format.Reference{0xc6, 0x2b, 0x0e, 0x91, 0x5d, 0x3f, 0x47, 0x70, 0xa8, 0x19, 0xf2, 0x84, 0x36, 0xdb, 0x65, 0x0a}

// users is the table, with what its new columns need.
type users struct {
	db             *sql.DB
	phones, emails *column.Cells
	byPhone        *column.Index
}

// encrypt moves the values of one user after the other into the new columns, and returns how many users had some. Nobody
// writes to the old ones meanwhile. If it is interrupted, it goes on when it is called again.
func (u *users) encrypt(ctx context.Context) (n int, err error) {
	for id := ""; ; n++ {
		var phone, email []byte
		err = u.db.QueryRowContext(ctx, "SELECT id, phone, email FROM users WHERE id > ? AND (phone IS NOT NULL OR email IS NOT NULL) ORDER BY id LIMIT 1", id).
			Scan(&id, &phone, &email)
		if errors.Is(err, sql.ErrNoRows) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		row := envelope.Context{"id": id}
		_, err = u.db.ExecContext(ctx, "UPDATE users SET phone_cell = COALESCE(?, phone_cell), phone_index = COALESCE(?, phone_index), "+
			"email_cell = COALESCE(?, email_cell), phone = NULL, email = NULL WHERE id = ?", // what is encrypted already stays
			u.phones.Value(ctx, phone, row), u.byPhone.Value(phone), u.emails.Value(ctx, email, row), id)
		if err != nil {
			return n, err
		}
	}
}

// dropOld drops the old columns once nothing is left in them. What was there stays in backups, and in the files of the
// database until they are compacted (VACUUM).
func (u *users) dropOld(ctx context.Context) error {
	var left int
	err := u.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM users WHERE phone IS NOT NULL OR email IS NOT NULL").Scan(&left)
	if err != nil {
		return err
	}
	if left > 0 {
		return fmt.Errorf("users still in the clear: %d", left)
	}
	return execute(ctx, u.db, []string{"ALTER TABLE users DROP COLUMN phone", "ALTER TABLE users DROP COLUMN email"})
}

func execute(ctx context.Context, db *sql.DB, statements []string) error {
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:/users?vfs=memdb")
	check(err)
	defer db.Close()
	check(execute(ctx, db, before))

	// 1. The CMK.
	server, err := refkms.New(nil)
	check(err)
	cmk, err := server.Client(nil).CreateKey(ctx, nil)
	check(err)
	provider, err := keyring.NewKMS(server.Client(nil), cmk.ARN, nil)
	check(err)

	// 2. The columns, and the key of the index.
	check(execute(ctx, db, newColumns))
	keys, err := column.NewKeyTable(db, "data_keys", nil)
	check(err)
	byPhone, err := column.NewIndex(ctx, provider, keys, phoneIndex, envelope.Context{"table": "users", "index": "phone"}, nil)
	check(err)
	defer byPhone.Close()

	// 3. What fills them.
	phones, err := column.New(provider, keys, envelope.Context{"table": "users", "column": "phone"}, nil)
	check(err)
	defer phones.Close()
	emails, err := column.New(provider, keys, envelope.Context{"table": "users", "column": "email"}, nil)
	check(err)
	defer emails.Close()
	u := &users{db, phones, emails, byPhone}
	n, err := u.encrypt(ctx)
	check(err)
	check(u.dropOld(ctx))
	fmt.Printf("encrypted %d users\n", n)

	var id, name string
	var phone []byte
	row := db.QueryRowContext(ctx, "SELECT id, name, phone_cell FROM users WHERE phone_index = ?", byPhone.Value([]byte("+8613800138000")))
	check(row.Scan(&id, &name, phones.Scan(ctx, &phone, func() envelope.Context { return envelope.Context{"id": id} })))
	fmt.Printf("%s has %s\n", name, phone)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
