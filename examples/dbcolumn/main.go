// Dbcolumn keeps the phone numbers and e-mail addresses of a table of users encrypted, and finds users by phone number. It
// goes the way of KMS's guide for databases, from a table in the clear: a CMK of its own, new columns for ciphertext and
// digest, and the code that fills and reads them. Instead of a call of KMS for every value there is one data key for many,
// instead of a bare SHA-256, which anybody finds by hashing all phone numbers, a keyed index, and each value is bound to its
// row and column.
//
//	go run ./examples/dbcolumn
//
// tells the story on SQLite, in a folder that is removed, with a reference KMS in this process. The tests tell the whole of
// it, on PostgreSQL and MySQL as well if DBCOLUMN_POSTGRES and DBCOLUMN_MYSQL name empty databases.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "dbcolumn")
	if err != nil {
		log.Fatal(err)
	}
	err = story(context.Background(), os.Stdout, dir)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

// openSQLite opens a database with a write-ahead log, so that the key table can be read on one connection while a row is
// written on another.
func openSQLite(dir string) (database, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "users.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	return database{DB: db}, err
}

// story plays the scenario in dir.
func story(ctx context.Context, out io.Writer, dir string) error {
	server, err := refkms.New(nil)
	if err != nil {
		return err
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(ctx, nil) // a CMK for this database alone
	if err != nil {
		return err
	}
	if err := kms.UpdateRotationPolicy(ctx, cmk.KeyID, 365*24*time.Hour); err != nil {
		return err
	}
	provider, err := keyring.NewKMS(kms, cmk.ARN, nil)
	if err != nil {
		return err
	}

	db, err := openSQLite(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, name VARCHAR(100), phone TEXT, email TEXT)",
		"INSERT INTO users VALUES ('1', 'Li Lei', '+8613800138000', NULL)", // from before
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if err := migrate(ctx, db, provider); err != nil {
		return err
	}
	u, err := open(ctx, db, provider, nil)
	if err != nil {
		return err
	}
	defer u.close()
	n, err := u.encryptOld(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "encrypted %d row from before\n", n)
	han := user{ID: rand.Text(), Name: "Han Meimei", Phone: []byte("+8613900139000"), Email: []byte("han@example.com")}
	if err := u.insert(ctx, &han); err != nil {
		return err
	}

	found, err := u.findByPhone(ctx, "+8613800138000")
	if err != nil {
		return err
	}
	for _, v := range found {
		fmt.Fprintf(out, "%s has %s\n", v.Name, v.Phone)
	}

	server.Advance(366 * 24 * time.Hour) // the CMK rotates
	if n, err = rewrap(ctx, db, provider); err != nil {
		return err
	}
	fmt.Fprintf(out, "rewrapped %d key files, and no user\n", n)

	// Whoever can write to the database gives a phone number to somebody else.
	if _, err := db.ExecContext(ctx, "UPDATE users SET phone_cell = (SELECT phone_cell FROM users WHERE id = '1')"); err != nil {
		return err
	}
	_, err = u.find(ctx, "id = ?", han.ID)
	fmt.Fprintf(out, "a cell in another row is refused: %v\n", errors.Is(err, envelope.ErrAuthentication))
	return nil
}
