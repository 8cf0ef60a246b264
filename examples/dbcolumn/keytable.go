package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// A database is one of SQLite or MySQL, whose SQL is what is written here, or PostgreSQL.
type database struct {
	*sql.DB
	postgres bool
}

var varbinary = regexp.MustCompile(`VARBINARY\(\d+\)`)

// sql returns a statement as the database wants it.
func (db database) sql(statement string) string {
	if !db.postgres {
		return statement
	}
	for i := 1; strings.Contains(statement, "?"); i++ {
		statement = strings.Replace(statement, "?", "$"+strconv.Itoa(i), 1)
	}
	return varbinary.ReplaceAllString(statement, "BYTEA")
}

// A keyTable is an envelope.KeyStore in the database itself. One CMK makes key files of about 300 bytes.
type keyTable struct{ db database }

var _ envelope.KeyStore = keyTable{}

const createKeyTable = "CREATE TABLE data_keys (reference VARBINARY(16) PRIMARY KEY, key_file VARBINARY(4096) NOT NULL)"

func (t keyTable) Get(ctx context.Context, ref format.Reference) (keyFile []byte, err error) {
	err = t.db.QueryRowContext(ctx, t.db.sql("SELECT key_file FROM data_keys WHERE reference = ?"), ref[:]).Scan(&keyFile)
	if errors.Is(err, sql.ErrNoRows) {
		err = fs.ErrNotExist
	}
	return keyFile, err
}

// Put inserts a row, which is committed when it returns. What a duplicate is called differs from database to database.
func (t keyTable) Put(ctx context.Context, ref format.Reference, keyFile []byte) error {
	_, err := t.db.ExecContext(ctx, t.db.sql("INSERT INTO data_keys (reference, key_file) VALUES (?, ?)"), ref[:], keyFile)
	if err != nil {
		if _, missing := t.Get(ctx, ref); missing == nil {
			err = fmt.Errorf("%w: %w", fs.ErrExist, err)
		}
	}
	return err
}

// Swap compares and replaces in one statement, so that of two workers one wins and the other is told.
func (t keyTable) Swap(ctx context.Context, ref format.Reference, old, new []byte) error {
	result, err := t.db.ExecContext(ctx, t.db.sql("UPDATE data_keys SET key_file = ? WHERE reference = ? AND key_file = ?"), new, ref[:], old)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, envelope.ErrChanged)
	}
	return nil
}
