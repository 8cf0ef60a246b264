package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/examples/dbcolumn/internal/dbtest"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

var (
	li  = user{"u-1", "Li Lei", []byte("+8613800138000"), []byte("li@example.com")}
	han = user{"u-2", "Han Meimei", []byte("+8613900139000"), []byte("han@example.com")}
)

// newUsers makes the tables and the key of the index, and opens them.
func newUsers(t *testing.T, db *sql.DB, keys *column.KeyTable, kms *dbtest.KMS, opts *column.Options) *users {
	t.Helper()
	for _, statement := range schema {
		dbtest.Exec(t, db, statement)
	}
	dbtest.NewIndex(t, keys, kms, phoneIndex)
	return openUsers(t, db, keys, kms, opts)
}

// openUsers opens tables that are there, as a process of its own would.
func openUsers(t *testing.T, db *sql.DB, keys *column.KeyTable, kms *dbtest.KMS, opts *column.Options) *users {
	t.Helper()
	phones, emails, byPhone := dbtest.Open(t, keys, kms, phoneIndex, opts)
	return &users{db, phones, emails, byPhone}
}

func insertUsers(t *testing.T, u *users, all ...user) {
	t.Helper()
	for _, v := range all {
		if err := u.insert(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

// checkFind checks who is found by a phone number.
func checkFind(t *testing.T, u *users, phone string, want ...user) {
	t.Helper()
	got, err := u.find(t.Context(), "phone_index = ?", u.byPhone.Value([]byte(phone)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s finds %d users, want %d", phone, len(got), len(want))
	}
	for i := range want {
		checkUser(t, got[i], want[i])
	}
}

func checkUser(t *testing.T, got, want user) {
	t.Helper()
	if got.ID != want.ID || got.Name != want.Name || !bytes.Equal(got.Phone, want.Phone) || !bytes.Equal(got.Email, want.Email) ||
		(got.Phone == nil) != (want.Phone == nil) || (got.Email == nil) != (want.Email == nil) {
		t.Errorf("got %+q, want %+q", got, want)
	}
}

func TestInsertAndFind(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		u := newUsers(t, db, keys, kms, nil)
		noMail, noPhone := user{"u-3", "No mail", li.Phone, nil}, user{"u-4", "No phone", nil, []byte("")}
		insertUsers(t, u, li, han, noMail, noPhone)
		checkFind(t, u, "+8613900139000", han)
		checkFind(t, u, "8613900139000") // another form of a number is another value
		found, err := u.find(t.Context(), "phone_index = ? ORDER BY id", u.byPhone.Value(li.Phone))
		if err != nil || len(found) != 2 {
			t.Fatalf("%d users, %v, want both of one number", len(found), err)
		}
		checkUser(t, found[0], li)
		checkUser(t, found[1], noMail)
		if found, err = u.find(t.Context(), "phone_cell IS NULL"); err != nil || len(found) != 1 {
			t.Fatalf("%d users, %v", len(found), err)
		}
		checkUser(t, found[0], noPhone)

		// Equal values have equal indexes and different cells.
		if n := dbtest.Count(t, db, "SELECT COUNT(DISTINCT phone_index) FROM users"); n != 2 {
			t.Errorf("%d indexes, want 2", n)
		}
		if n := dbtest.Count(t, db, "SELECT COUNT(DISTINCT phone_cell) FROM users"); n != 3 {
			t.Errorf("%d cells, want 3", n)
		}

		// Errors of sealing come through the driver as they are.
		err = u.insert(t.Context(), user{ID: "u-5", Phone: make([]byte, column.MaxValue+1)})
		if !errors.Is(err, column.ErrTooLarge) {
			t.Errorf("a value too large: %v, want ErrTooLarge", err)
		}
		err = u.insert(t.Context(), user{ID: "u-\xff", Phone: []byte("1")})
		if !errors.Is(err, format.ErrInvalid) {
			t.Errorf("an id that is not UTF-8: %v, want format.ErrInvalid", err)
		}
		if n := dbtest.Count(t, db, "SELECT COUNT(*) FROM users"); n != 4 {
			t.Errorf("%d users, want 4", n)
		}
	})
}

// Whoever can write to the database moves cells about, and none opens where it does not belong.
func TestMovedCells(t *testing.T) {
	for _, tt := range []struct{ name, statement string }{
		{"to another row", "UPDATE users SET phone_cell = ? WHERE id = 'u-2'"},
		{"to another column", "UPDATE users SET email_cell = ? WHERE id = 'u-1'"},
		{"to another row and column", "UPDATE users SET email_cell = ? WHERE id = 'u-2'"},
		{"with the row's index", "UPDATE users SET phone_cell = ?, phone_index = (SELECT i FROM (SELECT phone_index AS i FROM users WHERE id = 'u-1') AS x) WHERE id = 'u-2'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
				u := newUsers(t, db, keys, dbtest.NewKMS(t), nil)
				insertUsers(t, u, li, han)
				var cell []byte
				if err := db.QueryRowContext(t.Context(), "SELECT phone_cell FROM users WHERE id = 'u-1'").Scan(&cell); err != nil {
					t.Fatal(err)
				}
				dbtest.Exec(t, db, tt.statement, cell)
				if got, err := u.find(t.Context(), "1 = 1"); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
					t.Errorf("find = %q, %v, want ErrAuthentication", got, err)
				}
			})
		})
	}
	t.Run("the row renamed", func(t *testing.T) {
		dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
			u := newUsers(t, db, keys, dbtest.NewKMS(t), nil)
			insertUsers(t, u, li)
			dbtest.Exec(t, db, "UPDATE users SET id = 'u-9'")
			_, err := u.find(t.Context(), "phone_index = ?", u.byPhone.Value(li.Phone))
			if !errors.Is(err, envelope.ErrAuthentication) {
				t.Errorf("find = %v, want ErrAuthentication", err)
			}
		})
	})
}

// What else can be wrong with a cell has its name, through the driver.
func TestSpoiltCells(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		u := newUsers(t, db, keys, kms, nil)
		insertUsers(t, u, li)
		var cell []byte
		if err := db.QueryRowContext(t.Context(), "SELECT phone_cell FROM users").Scan(&cell); err != nil {
			t.Fatal(err)
		}
		unknown := bytes.Clone(cell)
		unknown[5] ^= 1
		flipped := bytes.Clone(cell)
		flipped[40] ^= 1
		for _, tt := range []struct {
			name string
			cell []byte
			want error
		}{
			{"unknown reference", unknown, fs.ErrNotExist},
			{"flipped", flipped, envelope.ErrAuthentication},
			{"in the clear", []byte("+8613800138000"), format.ErrNotMessage},
		} {
			dbtest.Exec(t, db, "UPDATE users SET phone_cell = ?", tt.cell)
			if _, err := u.find(t.Context(), "id = ?", li.ID); !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "+86") {
				t.Errorf("%s: find = %v, want %v", tt.name, err, tt.want)
			}
		}
		// A key file of another column under the reference: what the database says is not believed.
		dbtest.Exec(t, db, "UPDATE users SET phone_cell = ?", cell)
		dbtest.Exec(t, db, "UPDATE data_keys SET key_file = (SELECT k FROM (SELECT key_file AS k FROM data_keys WHERE reference = ?) AS x) WHERE reference = ?", phoneIndex[:], cell[1:17])
		if _, err := openUsers(t, db, keys, kms, nil).find(t.Context(), "id = ?", li.ID); !errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("a key file exchanged: find = %v, want ErrAuthentication", err)
		}
	})
}

// Who may not decrypt finds nobody's number, nor any other thing but ids and names.
func TestWithoutRights(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		u := newUsers(t, db, keys, kms, nil)
		insertUsers(t, u, li)
		other := dbtest.NewKMS(t) // a KMS with a CMK of its own
		_, err := column.OpenIndex(t.Context(), other.Provider(t), keys, phoneIndex, dbtest.ByPhone, nil)
		if !errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("OpenIndex = %v, want keyring.ErrNoMatch", err)
		}
		stranger, err := column.New(other.Provider(t), keys, dbtest.Phones, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		_, err = (&users{db: db, phones: stranger, emails: stranger, byPhone: u.byPhone}).find(t.Context(), "id = ?", li.ID)
		if !errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("find = %v, want keyring.ErrNoMatch", err)
		}
	})
}
