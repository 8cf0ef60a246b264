package main

import (
	"context"
	"database/sql/driver"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A user is a row of the table. Its id is made by us, before the row is inserted: the cells are bound to it.
type user struct {
	ID, Name     string
	Phone, Email []byte // nil is NULL
}

// users is the table, with what its encrypted columns need.
type users struct {
	db             database
	phones, emails *column.Cells
	byPhone        *column.Index
}

// phoneIndex is the key file of the index, random when this was written and the same ever after.
var phoneIndex = format.Reference{0xc6, 0x2b, 0x0e, 0x91, 0x5d, 0x3f, 0x47, 0x70, 0xa8, 0x19, 0xf2, 0x84, 0x36, 0xdb, 0x65, 0x0a}

func named(kind, name string) envelope.Context { return envelope.Context{"table": "users", kind: name} }

// open returns the table for use. It costs one call of the service, for the index.
func open(ctx context.Context, db database, provider keyring.KeyProvider, opts *column.Options) (u *users, err error) {
	u = &users{db: db}
	if u.phones, err = column.New(provider, keyTable{db}, named("column", "phone"), opts); err != nil {
		return nil, err
	}
	if u.emails, err = column.New(provider, keyTable{db}, named("column", "email"), opts); err != nil {
		return nil, err
	}
	u.byPhone, err = column.OpenIndex(ctx, provider, keyTable{db}, phoneIndex, named("index", "phone"), nil)
	return u, err
}

func (u *users) close() {
	u.phones.Close()
	u.emails.Close()
	u.byPhone.Close()
}

const insert = "INSERT INTO users (id, name, phone_cell, phone_index, email_cell) VALUES (?, ?, ?, ?, ?)"

// arguments are those of insert. What is encrypted is sealed when the statement is executed.
func (u *users) arguments(ctx context.Context, v *user) []any {
	row := envelope.Context{"id": v.ID}
	return []any{v.ID, v.Name, u.phones.Value(ctx, v.Phone, row), u.byPhone.Value(v.Phone), u.emails.Value(ctx, v.Email, row)}
}

func (u *users) insert(ctx context.Context, v *user) error {
	_, err := u.db.ExecContext(ctx, u.db.sql(insert), u.arguments(ctx, v)...)
	return err
}

// insertAll inserts many users in one transaction. All are sealed before it begins: a new data key is a new row of the key
// table, on another connection, and for that one SQLite would wait until the transaction ends.
func (u *users) insertAll(ctx context.Context, all []user) (err error) {
	rows := make([][]any, len(all))
	for i := range all {
		rows[i] = u.arguments(ctx, &all[i])
		for j, argument := range rows[i] {
			if v, ok := argument.(driver.Valuer); ok {
				if rows[i][j], err = v.Value(); err != nil {
					return err
				}
			}
		}
	}
	tx, err := u.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	statement, err := tx.PrepareContext(ctx, u.db.sql(insert))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// find returns the users that a condition selects. The id is scanned before the cells, which are opened with it.
func (u *users) find(ctx context.Context, where string, arguments ...any) (found []user, err error) {
	rows, err := u.db.QueryContext(ctx, u.db.sql("SELECT id, name, phone_cell, email_cell FROM users WHERE "+where), arguments...)
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

func (u *users) findByPhone(ctx context.Context, phone string) ([]user, error) {
	return u.find(ctx, "phone_index = ?", u.byPhone.Value([]byte(phone)))
}
