package main

import (
	"context"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// migrate adds the encrypted columns to a table (id, name, phone, email) and makes the key of the index.
func migrate(ctx context.Context, db database, provider keyring.KeyProvider) error {
	for _, statement := range []string{
		"ALTER TABLE users ADD COLUMN phone_cell VARBINARY(100)", // 49 bytes and a phone number
		"ALTER TABLE users ADD COLUMN phone_index VARBINARY(16)",
		"ALTER TABLE users ADD COLUMN email_cell VARBINARY(400)",
		"CREATE INDEX users_by_phone ON users (phone_index)",
		createKeyTable,
	} {
		if _, err := db.ExecContext(ctx, db.sql(statement)); err != nil {
			return err
		}
	}
	index, err := column.NewIndex(ctx, provider, keyTable{db}, phoneIndex, named("index", "phone"), nil)
	if err != nil {
		return err
	}
	return index.Close()
}

// encryptOld seals the values that stand in the clear and drops their columns. Nobody writes to these meanwhile. What was in
// the clear stays in backups, and in the file of the database until that is compacted (VACUUM).
func (u *users) encryptOld(ctx context.Context) (n int, err error) {
	for {
		old, err := u.inClear(ctx, 1000)
		if err != nil {
			return n, err
		}
		if len(old) == 0 {
			break
		}
		for _, v := range old {
			row := envelope.Context{"id": v.ID}
			_, err := u.db.ExecContext(ctx, u.db.sql("UPDATE users SET phone_cell = ?, phone_index = ?, email_cell = ?, phone = NULL, email = NULL WHERE id = ?"),
				u.phones.Value(ctx, v.Phone, row), u.byPhone.Value(v.Phone), u.emails.Value(ctx, v.Email, row), v.ID)
			if err != nil {
				return n, err
			}
			n++
		}
	}
	for _, name := range []string{"phone", "email"} {
		if _, err := u.db.ExecContext(ctx, "ALTER TABLE users DROP COLUMN "+name); err != nil {
			return n, err
		}
	}
	return n, nil
}

// inClear returns rows that are not encrypted yet.
func (u *users) inClear(ctx context.Context, limit int) (old []user, err error) {
	rows, err := u.db.QueryContext(ctx, u.db.sql("SELECT id, phone, email FROM users WHERE phone IS NOT NULL OR email IS NOT NULL LIMIT ?"), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v user
		if err := rows.Scan(&v.ID, &v.Phone, &v.Email); err != nil {
			return nil, err
		}
		old = append(old, v)
	}
	return old, rows.Err()
}

// rewrap gives all key files wrapped keys of the newest version of the CMK, and touches no user. It costs one ReEncrypt of
// the service each, and needs no right to decrypt. The worker takes the key files of every column as they are: under one
// and the same CMK nobody gains a right by that.
func rewrap(ctx context.Context, db database, provider keyring.KeyProvider) (n int, err error) {
	client, err := envelope.New(provider, &envelope.Options{KeyStore: keyTable{db}, AcceptUnseen: []string{"*"}})
	if err != nil {
		return 0, err
	}
	refs, err := references(ctx, db)
	if err != nil {
		return 0, err
	}
	for _, ref := range refs {
		if _, err := client.RewrapKey(ctx, ref, nil, nil); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// references returns those of all key files.
func references(ctx context.Context, db database) (refs []format.Reference, err error) {
	rows, err := db.QueryContext(ctx, "SELECT reference FROM data_keys")
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
			return nil, fmt.Errorf("a key file with a reference of %d bytes", len(ref)) // nobody of ours has put it there
		}
		refs = append(refs, format.Reference(ref))
	}
	return refs, rows.Err()
}
