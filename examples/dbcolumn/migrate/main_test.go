package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/examples/dbcolumn/internal/dbtest"
)

func open(t *testing.T, db *sql.DB, keys *column.KeyTable, kms *dbtest.KMS) *users {
	t.Helper()
	phones, emails, byPhone := dbtest.Open(t, keys, kms, phoneIndex, nil)
	return &users{db, phones, emails, byPhone}
}

// A user is a row as it comes back.
type user struct {
	id, name     string
	phone, email []byte // nil is NULL
}

// checkFind checks who is found by a condition.
func checkFind(t *testing.T, u *users, want []user, where string, arguments ...any) {
	t.Helper()
	rows, err := u.db.QueryContext(t.Context(), "SELECT id, name, phone_cell, email_cell FROM users WHERE "+where+" ORDER BY id", arguments...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []user
	for rows.Next() {
		var v user
		row := func() envelope.Context { return envelope.Context{"id": v.id} }
		if err := rows.Scan(&v.id, &v.name, u.phones.Scan(t.Context(), &v.phone, row), u.emails.Scan(t.Context(), &v.email, row)); err != nil {
			t.Fatal(err)
		}
		found = append(found, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("%s finds %q, want %q", where, found, want)
	}
}

// The guide for databases, step by step: a CMK for the purpose, columns for ciphertext and digest, and the logic that fills
// them; on a table that has users already.
func TestGuide(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		dbtest.Exec(t, db, before[0])
		dbtest.Exec(t, db, "INSERT INTO users VALUES ('u-1', 'Li Lei', '+8613800138000', 'li@example.com')")
		dbtest.Exec(t, db, "INSERT INTO users VALUES ('u-2', 'Han Meimei', '+8613900139000', 'han@example.com')")
		dbtest.Exec(t, db, "INSERT INTO users VALUES ('u-3', 'Nobody', NULL, NULL)")
		dbtest.Exec(t, db, "INSERT INTO users VALUES ('u-4', 'Empty', '', NULL)")
		kms := dbtest.NewKMS(t) // 1. the CMK

		// 2. the data model
		if err := execute(t.Context(), db, newColumns); err != nil {
			t.Fatal(err)
		}
		dbtest.NewIndex(t, keys, kms, phoneIndex)
		kms.CheckCalls(t, map[string]int{"GenerateDataKey": 1}) // that of the index

		// 3. the logic
		u := open(t, db, keys, kms)
		n, err := u.encrypt(t.Context())
		if err != nil || n != 3 {
			t.Fatalf("encrypted %d users, %v, want 3", n, err)
		}
		kms.CheckCalls(t, map[string]int{"Decrypt": 1, "GenerateDataKey": 2}) // the index, a key for each column
		if err := u.dropOld(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"phone", "email"} {
			if _, err := db.ExecContext(t.Context(), "SELECT "+name+" FROM users"); err == nil {
				t.Errorf("the column %s is still there", name)
			}
		}
		byPhone := func(phone string, want ...user) {
			t.Helper()
			checkFind(t, u, want, "phone_index = ?", u.byPhone.Value([]byte(phone)))
		}
		byPhone("+8613800138000", user{"u-1", "Li Lei", []byte("+8613800138000"), []byte("li@example.com")})
		byPhone("+8613900139000", user{"u-2", "Han Meimei", []byte("+8613900139000"), []byte("han@example.com")})
		byPhone("", user{"u-4", "Empty", []byte{}, nil})
		byPhone("+8613800138001")
		checkFind(t, u, []user{{"u-3", "Nobody", nil, nil}}, "id = ?", "u-3")

		// A value costs 49 bytes, and its index 16.
		if n := dbtest.Count(t, db, "SELECT LENGTH(phone_cell) FROM users WHERE id = 'u-1'"); n != len("+8613800138000")+49 {
			t.Errorf("the cell of %d bytes has %d", len("+8613800138000"), n)
		}
		if n := dbtest.Count(t, db, "SELECT LENGTH(phone_index) FROM users WHERE id = 'u-1'"); n != 16 {
			t.Errorf("the index has %d bytes", n)
		}
	})
}

// It can be interrupted and called again, and what is not encrypted is not dropped.
func TestAgain(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		if err := errors.Join(execute(t.Context(), db, before), execute(t.Context(), db, newColumns)); err != nil {
			t.Fatal(err)
		}
		kms := dbtest.NewKMS(t)
		dbtest.NewIndex(t, keys, kms, phoneIndex)
		u := open(t, db, keys, kms)
		checkLeft := func(want string) {
			t.Helper()
			if err := u.dropOld(t.Context()); err == nil || err.Error() != want {
				t.Errorf("dropOld = %v, want %s", err, want)
			}
		}
		checkLeft("users still in the clear: 2")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := u.encrypt(ctx); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("encrypt without time = %d, %v, want context.Canceled", n, err)
		}
		if n, err := u.encrypt(t.Context()); err != nil || n != 2 {
			t.Fatalf("encrypted %d users, %v, want 2", n, err)
		}
		dbtest.Exec(t, db, "INSERT INTO users (id, name, phone) VALUES ('u-0', 'Late', '+8613700137000')")
		checkLeft("users still in the clear: 1")
		if n, err := u.encrypt(t.Context()); err != nil || n != 1 {
			t.Errorf("encrypted %d users, %v, want 1", n, err)
		}
		checkFind(t, u, []user{{"u-0", "Late", []byte("+8613700137000"), nil}}, "id = 'u-0'")
		dbtest.Exec(t, db, "UPDATE users SET email = 'late@example.com' WHERE id = 'u-0'") // which leaves the phone number in its cell
		if n, err := u.encrypt(t.Context()); err != nil || n != 1 {
			t.Errorf("encrypted %d users, %v, want 1", n, err)
		}
		checkFind(t, u, []user{{"u-0", "Late", []byte("+8613700137000"), []byte("late@example.com")}}, "phone_index = ?", u.byPhone.Value([]byte("+8613700137000")))
		dbtest.Exec(t, db, "INSERT INTO users (id, name, email) VALUES ('', 'No id', 'x@example.com')") // it comes after no id
		if n, err := u.encrypt(t.Context()); err != nil || n != 0 {
			t.Errorf("encrypted %d users, %v, want 0", n, err)
		}
		checkLeft("users still in the clear: 1")
	})
}

// Nothing of a value is in the file of the database, once what was there in the clear is compacted away.
func TestNothingInClear(t *testing.T) {
	dir := t.TempDir()
	db := dbtest.SQLite(t, dir)
	keys, kms := dbtest.KeyTable(t, db, nil), dbtest.NewKMS(t)
	if err := errors.Join(execute(t.Context(), db, before), execute(t.Context(), db, newColumns)); err != nil {
		t.Fatal(err)
	}
	dbtest.NewIndex(t, keys, kms, phoneIndex)
	u := open(t, db, keys, kms)
	if _, err := u.encrypt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := u.dropOld(t.Context()); err != nil {
		t.Fatal(err)
	}
	late, row := user{"u-3", "Lin Tao", []byte("+8613700137000"), []byte("lin@example.com")}, envelope.Context{"id": "u-3"}
	dbtest.Exec(t, db, "INSERT INTO users (id, name, phone_cell, phone_index, email_cell) VALUES (?, ?, ?, ?, ?)", late.id, late.name,
		u.phones.Value(t.Context(), late.phone, row), u.byPhone.Value(late.phone), u.emails.Value(t.Context(), late.email, row))
	dbtest.Exec(t, db, "VACUUM")
	dbtest.Exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	file, err := os.ReadFile(filepath.Join(dir, "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte("Li Lei")) || !bytes.Contains(file, []byte("Lin Tao")) {
		t.Error("the file is not what it should be")
	}
	bare := sha256.Sum256([]byte("+8613800138000"))
	for _, value := range [][]byte{[]byte("+8613800138000"), []byte("li@example.com"), []byte("+8613900139000"), late.phone, late.email, bare[:16]} {
		if bytes.Contains(file, value) {
			t.Errorf("the file has %q", value)
		}
	}
}

// The program itself.
func Example() {
	main()
	// Output:
	// encrypted 2 users
	// Li Lei has +8613800138000
}
