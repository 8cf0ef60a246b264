package main

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/examples/dbcolumn/internal/dbtest"
)

// insertAll inserts many users in one transaction. All are sealed before it begins: a new data key is a new row of the key
// table, on another connection, and for that one SQLite would wait until the transaction ends.
func (u *users) insertAll(ctx context.Context, all []user) (err error) {
	type arguments struct{ phone, index, email driver.Value }
	sealed := make([]arguments, len(all))
	for i, v := range all {
		row := envelope.Context{"id": v.ID}
		var errPhone, errIndex, errEmail error
		sealed[i].phone, errPhone = u.phones.Value(ctx, v.Phone, row).Value()
		sealed[i].index, errIndex = u.byPhone.Value(v.Phone).Value()
		sealed[i].email, errEmail = u.emails.Value(ctx, v.Email, row).Value()
		if err := errors.Join(errPhone, errIndex, errEmail); err != nil {
			return err
		}
	}
	tx, err := u.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO users (id, name, phone_cell, phone_index, email_cell) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	for i, v := range all {
		if _, err := insert.ExecContext(ctx, v.ID, v.Name, sealed[i].phone, sealed[i].index, sealed[i].email); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Many rows and few calls: 100,000 users with two values each, under data keys of 10,000 cells.
func TestManyRows(t *testing.T) {
	const perKey = 10
	rows := 100_000
	if testing.Short() {
		rows = 2000
	}
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		u := newUsers(t, db, keys, kms, &column.Options{MaxCells: int64(rows / perKey)})
		kms.Calls()
		all := make([]user, rows)
		for i := range all {
			all[i] = user{fmt.Sprintf("u-%06d", i), "x", fmt.Appendf(nil, "+86138%08d", i), fmt.Appendf(nil, "%d@example.com", i)}
		}
		for batch := 0; batch < rows; batch += 1000 {
			if err := u.insertAll(t.Context(), all[batch:min(batch+1000, rows)]); err != nil {
				t.Fatal(err)
			}
		}
		kms.CheckCalls(t, map[string]int{"GenerateDataKey": 2 * perKey})
		if n := dbtest.Count(t, db, "SELECT COUNT(*) FROM data_keys"); n != 2*perKey+1 {
			t.Errorf("%d key files, want %d", n, 2*perKey+1)
		}

		reader := openUsers(t, db, keys, kms, nil)
		kms.Calls()
		got, err := reader.find(t.Context(), "1 = 1 ORDER BY id")
		if err != nil || len(got) != rows {
			t.Fatalf("read %d users, %v, want %d", len(got), err, rows)
		}
		for i := range all {
			checkUser(t, got[i], all[i])
		}
		kms.CheckCalls(t, map[string]int{"Decrypt": 2 * perKey})
		for i := 0; i < rows; i += rows / 100 {
			checkFind(t, reader, string(all[i].Phone), all[i])
		}
		kms.CheckCalls(t, map[string]int{})
	})
}

// Whoever seals before the transaction needs one connection, even for the first row.
func TestOneConnection(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		db.SetMaxOpenConns(1)
		u := newUsers(t, db, keys, dbtest.NewKMS(t), &column.Options{MaxCells: 1})
		if err := u.insertAll(t.Context(), []user{li, han}); err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(2) // to find, one for the row and one for its key file
		checkFind(t, u, string(han.Phone), han)
		checkFind(t, u, string(li.Phone), li)
	})
}

// Two processes with several writers each, who need new data keys all the time, while somebody reads and somebody rewraps.
func TestConcurrentWriters(t *testing.T) {
	const writers, each, perKey = 4, 40, 20
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		a := newUsers(t, db, keys, kms, &column.Options{MaxCells: perKey})
		b := openUsers(t, db, keys, kms, &column.Options{MaxCells: perKey})
		kms.Calls()
		var wg sync.WaitGroup
		for p, u := range []*users{a, b} {
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						v := user{fmt.Sprintf("%d-%d-%d", p, w, i), "x", fmt.Appendf(nil, "+86%d%d%d", p, w, i), nil}
						if err := u.insert(t.Context(), v); err != nil {
							t.Errorf("insert: %v", err)
							return
						}
						if got, err := u.find(t.Context(), "id = ?", v.ID); err != nil || len(got) != 1 || !bytes.Equal(got[0].Phone, v.Phone) {
							t.Errorf("find: %q, %v", got, err)
							return
						}
					}
				})
			}
		}
		wg.Go(func() {
			for range 3 {
				if _, err := rewrap(t, keys, kms); err != nil {
					t.Errorf("rewrap: %v", err)
				}
			}
		})
		wg.Wait()
		calls := kms.Calls()
		if n := calls["GenerateDataKey"]; n != 2*writers*each/perKey {
			t.Errorf("%d data keys for %d cells, want %d", n, 2*writers*each, 2*writers*each/perKey)
		}
		got, err := openUsers(t, db, keys, kms, nil).find(t.Context(), "1 = 1")
		if err != nil || len(got) != 2*writers*each {
			t.Errorf("read %d users, %v, want %d", len(got), err, 2*writers*each)
		}
	})
}
