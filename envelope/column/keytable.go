package column

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// A KeyTable is an [envelope.KeyStore] in a table of a database, best of the one that has the cells: one backup holds both,
// and a database that loses its last commits, as a replica may, loses no key file without the cells that came after it.
// Whoever makes the tables makes this one with them:
//
//	CREATE TABLE data_keys (reference BLOB PRIMARY KEY, key_file BLOB NOT NULL)                  SQLite
//	CREATE TABLE data_keys (reference BYTEA PRIMARY KEY, key_file BYTEA NOT NULL)                PostgreSQL
//	CREATE TABLE data_keys (reference VARBINARY(16) PRIMARY KEY, key_file MEDIUMBLOB NOT NULL)   MySQL
//
// A key file has about 300 bytes under one CMK, and [format.MaxKeyFileSize] at most.
//
// Each call is statements of their own on a connection of the pool. So a key file stays when the transaction is rolled back
// whose cell it was made for: others were sealed under it meanwhile. What that asks of the pool is said above, where the
// package speaks of data keys.
//
// It is safe for concurrent use, by several processes as well. The zero value is not usable.
type KeyTable struct {
	db                     *sql.DB
	name                   string
	get, put, update, list string // statements
}

var _ envelope.KeyStore = (*KeyTable)(nil)

// KeyTableOptions are the options of a [KeyTable]. Nil means all defaults, as does every zero field.
type KeyTableOptions struct {
	// NumberedArguments has statements with $1 and $2 for their arguments, which PostgreSQL wants. Default ?, which MySQL
	// wants; SQLite takes both.
	NumberedArguments bool
}

// NewKeyTable returns the key table of a database by its name: letters of ASCII, digits and underscores, after the name of a
// schema and a dot if need be. It makes no call, so that the table may be made later. opts is copied; db is closed by the
// caller, when nobody needs the table any more.
func NewKeyTable(db *sql.DB, name string, opts *KeyTableOptions) (*KeyTable, error) {
	if db == nil {
		return nil, errors.New("column: no database")
	}
	// The name becomes a part of statements, as it is.
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") != "" {
		return nil, fmt.Errorf("column: key table %.80q, want letters, digits, underscores and dots", name)
	}
	first, second, third := "?", "?", "?"
	if opts != nil && opts.NumberedArguments {
		first, second, third = "$1", "$2", "$3"
	}
	// Whoever can write to the database makes us read no more than a byte beside the longest that may be.
	upTo := func(column string, size int) string { return "SUBSTR(" + column + ", 1, " + strconv.Itoa(size+1) + ")" }
	return &KeyTable{
		db:     db,
		name:   name,
		get:    "SELECT " + upTo("key_file", format.MaxKeyFileSize) + " FROM " + name + " WHERE reference = " + first,
		put:    "INSERT INTO " + name + " (reference, key_file) VALUES (" + first + ", " + second + ")",
		update: "UPDATE " + name + " SET key_file = " + first + " WHERE reference = " + second + " AND key_file = " + third,
		list:   "SELECT " + upTo("reference", len(format.Reference{})) + " FROM " + name,
	}, nil
}

// Get reads a key file: one statement. One that is longer than any key file is format.ErrSize.
func (t *KeyTable) Get(ctx context.Context, ref format.Reference) ([]byte, error) {
	var keyFile []byte
	err := t.db.QueryRowContext(ctx, t.get, ref[:]).Scan(&keyFile)
	if errors.Is(err, sql.ErrNoRows) {
		err = fs.ErrNotExist
	}
	if err == nil && len(keyFile) > format.MaxKeyFileSize {
		err = fmt.Errorf("more than %d bytes: %w", format.MaxKeyFileSize, format.ErrSize)
	}
	if err != nil {
		return nil, t.fail(ref, err)
	}
	return keyFile, nil
}

// Put adds a key file: one statement, and one more if it fails. It is committed when Put returns, and as durable as that is.
func (t *KeyTable) Put(ctx context.Context, ref format.Reference, keyFile []byte) error {
	_, err := t.db.ExecContext(ctx, t.put, ref[:], keyFile)
	if err == nil {
		return nil
	}
	// Every driver has an error of its own for a row that is there already.
	if _, missing := t.Get(ctx, ref); missing == nil {
		err = fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	return t.fail(ref, err)
}

// Swap replaces a key file by one statement, which compares it, so that one of several callers replaces it and the others get
// envelope.ErrChanged. So does who names one that is not there.
func (t *KeyTable) Swap(ctx context.Context, ref format.Reference, old, new []byte) error {
	result, err := t.db.ExecContext(ctx, t.update, new, ref[:], old)
	if err != nil {
		return t.fail(ref, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return t.fail(ref, err)
	}
	if n == 0 && bytes.Equal(old, new) {
		// MySQL does not count a row that is replaced by itself.
		now, err := t.Get(ctx, ref)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && bytes.Equal(now, old) {
			return nil
		}
	}
	if n == 0 {
		return t.fail(ref, envelope.ErrChanged)
	}
	return nil
}

// References returns the references of all key files, in no order: one statement. They are for envelope.Client.RewrapKey,
// one after the other. A row whose reference is none is format.ErrInvalid; only others can have put it there.
func (t *KeyTable) References(ctx context.Context) ([]format.Reference, error) {
	refs, err := t.references(ctx)
	if err != nil {
		return nil, fmt.Errorf("column: key table %s: %w", t.name, err)
	}
	return refs, nil
}

func (t *KeyTable) references(ctx context.Context) (refs []format.Reference, err error) {
	rows, err := t.db.QueryContext(ctx, t.list)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var ref []byte
		if err := rows.Scan(&ref); err != nil {
			return nil, err
		}
		if len(ref) != len(format.Reference{}) {
			return nil, fmt.Errorf("a reference that has not %d bytes: %w", len(format.Reference{}), format.ErrInvalid)
		}
		refs = append(refs, format.Reference(ref))
	}
	return refs, rows.Err()
}

// fail returns the error of a call for one key file.
func (t *KeyTable) fail(ref format.Reference, err error) error {
	return fmt.Errorf("column: key table %s: key file %v: %w", t.name, ref, err)
}
