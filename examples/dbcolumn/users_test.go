package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

var (
	li  = user{"u-1", "Li Lei", []byte("+8613800138000"), []byte("li@example.com")}
	han = user{"u-2", "Han Meimei", []byte("+8613900139000"), []byte("han@example.com")}
)

func insertUsers(t *testing.T, u *users, all ...user) {
	t.Helper()
	for i := range all {
		if err := u.insert(t.Context(), &all[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// checkFind checks who is found by a phone number.
func checkFind(t *testing.T, u *users, phone string, want ...user) {
	t.Helper()
	got, err := u.findByPhone(t.Context(), phone)
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

// checkCalls checks the calls of the service since the last check.
func checkCalls(t *testing.T, s *service, want map[string]int) {
	t.Helper()
	if got := s.take(); !maps.Equal(got, want) {
		t.Errorf("calls of the service: %v, want %v", got, want)
	}
}

// count returns the one number that a query gives.
func count(t *testing.T, db database, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), db.sql(query)).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// The guide for databases, step by step: a CMK for the purpose, columns for ciphertext and digest, and the logic that fills
// them; on a table that has users already.
func TestGuide(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		s := newService(t) // 1. the CMK
		create(t, db)
		exec(t, db, "INSERT INTO users VALUES ('u-1', 'Li Lei', '+8613800138000', 'li@example.com')")
		exec(t, db, "INSERT INTO users VALUES ('u-2', 'Han Meimei', '+8613900139000', 'han@example.com')")
		exec(t, db, "INSERT INTO users VALUES ('u-3', 'Nobody', NULL, NULL)")
		exec(t, db, "INSERT INTO users VALUES ('u-4', 'Empty', '', NULL)")

		// 2. the data model
		if err := migrate(t.Context(), db, s.provider(t)); err != nil {
			t.Fatal(err)
		}
		checkCalls(t, s, map[string]int{"GenerateDataKey": 1}) // that of the index

		// 3. the logic
		u := openUsers(t, db, s, nil)
		n, err := u.encryptOld(t.Context())
		if err != nil || n != 3 {
			t.Fatalf("encrypted %d rows, %v, want 3", n, err)
		}
		checkCalls(t, s, map[string]int{"Decrypt": 1, "GenerateDataKey": 2}) // the index, a key for each column
		checkFind(t, u, "+8613800138000", li)
		checkFind(t, u, "+8613900139000", han)
		checkFind(t, u, "", user{"u-4", "Empty", []byte{}, nil})
		checkFind(t, u, "+8613800138001")
		all, err := u.find(t.Context(), "id = ?", "u-3")
		if err != nil || len(all) != 1 {
			t.Fatalf("%d users, %v", len(all), err)
		}
		checkUser(t, all[0], user{"u-3", "Nobody", nil, nil})

		// A value costs 49 bytes, and its index 16.
		if n := count(t, db, "SELECT LENGTH(phone_cell) FROM users WHERE id = 'u-1'"); n != len(li.Phone)+49 {
			t.Errorf("the cell of %d bytes has %d", len(li.Phone), n)
		}
		if n := count(t, db, "SELECT LENGTH(phone_index) FROM users WHERE id = 'u-1'"); n != 16 {
			t.Errorf("the index has %d bytes", n)
		}
	})
}

// Nothing of a value is in the file of the database, once what was there in the clear is compacted away.
func TestNothingInClear(t *testing.T) {
	dir := t.TempDir()
	db, err := openSQLite(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := newService(t)
	create(t, db)
	exec(t, db, "INSERT INTO users VALUES ('u-1', 'Li Lei', '+8613800138000', 'li@example.com')")
	if err := migrate(t.Context(), db, s.provider(t)); err != nil {
		t.Fatal(err)
	}
	u := openUsers(t, db, s, nil)
	if _, err := u.encryptOld(t.Context()); err != nil {
		t.Fatal(err)
	}
	insertUsers(t, u, han)
	exec(t, db, "VACUUM")
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	file, err := os.ReadFile(filepath.Join(dir, "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte("Li Lei")) {
		t.Error("the file is not what it should be")
	}
	bare := sha256.Sum256(li.Phone)
	for _, value := range [][]byte{li.Phone, li.Email, han.Phone, han.Email, bare[:16]} {
		if bytes.Contains(file, value) {
			t.Errorf("the file has %q", value)
		}
	}
}

func TestInsertAndFind(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		u := newUsers(t, db, s, nil)
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
		if n := count(t, db, "SELECT COUNT(DISTINCT phone_index) FROM users"); n != 2 {
			t.Errorf("%d indexes, want 2", n)
		}
		if n := count(t, db, "SELECT COUNT(DISTINCT phone_cell) FROM users"); n != 3 {
			t.Errorf("%d cells, want 3", n)
		}

		// Errors of sealing come through the driver as they are.
		err = u.insert(t.Context(), &user{ID: "u-5", Phone: make([]byte, column.MaxValue+1)})
		if !errors.Is(err, column.ErrTooLarge) {
			t.Errorf("a value too large: %v, want ErrTooLarge", err)
		}
		err = u.insert(t.Context(), &user{ID: "u-\xff", Phone: []byte("1")})
		if !errors.Is(err, format.ErrInvalid) {
			t.Errorf("an id that is not UTF-8: %v, want format.ErrInvalid", err)
		}
		if n := count(t, db, "SELECT COUNT(*) FROM users"); n != 4 {
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
			onAll(t, func(t *testing.T, db database) {
				u := newUsers(t, db, newService(t), nil)
				insertUsers(t, u, li, han)
				var cell []byte
				if err := db.QueryRowContext(t.Context(), "SELECT phone_cell FROM users WHERE id = 'u-1'").Scan(&cell); err != nil {
					t.Fatal(err)
				}
				exec(t, db, tt.statement, cell)
				if got, err := u.find(t.Context(), "1 = 1"); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
					t.Errorf("find = %q, %v, want ErrAuthentication", got, err)
				}
			})
		})
	}
	t.Run("the row renamed", func(t *testing.T) {
		onAll(t, func(t *testing.T, db database) {
			u := newUsers(t, db, newService(t), nil)
			insertUsers(t, u, li)
			exec(t, db, "UPDATE users SET id = 'u-9'")
			if _, err := u.findByPhone(t.Context(), string(li.Phone)); !errors.Is(err, envelope.ErrAuthentication) {
				t.Errorf("findByPhone = %v, want ErrAuthentication", err)
			}
		})
	})
}

// What else can be wrong with a cell has its name, through the driver.
func TestSpoiltCells(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		u := newUsers(t, db, s, nil)
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
			exec(t, db, "UPDATE users SET phone_cell = ?", tt.cell)
			if _, err := u.find(t.Context(), "id = ?", li.ID); !errors.Is(err, tt.want) || strings.Contains(fmt.Sprint(err), "+86") {
				t.Errorf("%s: find = %v, want %v", tt.name, err, tt.want)
			}
		}
		// A key file of another column under the reference: what the database says is not believed.
		exec(t, db, "UPDATE users SET phone_cell = ?", cell)
		exec(t, db, "UPDATE data_keys SET key_file = (SELECT k FROM (SELECT key_file AS k FROM data_keys WHERE reference = ?) AS x) WHERE reference = ?", phoneIndex[:], cell[1:17])
		if _, err := openUsers(t, db, s, nil).find(t.Context(), "id = ?", li.ID); !errors.Is(err, envelope.ErrAuthentication) {
			t.Errorf("a key file exchanged: find = %v, want ErrAuthentication", err)
		}
	})
}

// New data keys by count and at will, the CMK rotated and the key table rewrapped: no cell changes, and all of them open.
func TestRotation(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		u := newUsers(t, db, s, &column.Options{MaxCells: 2})
		s.take()
		all := []user{li, han}
		for i := 3; i <= 5; i++ {
			all = append(all, user{fmt.Sprint("u-", i), "x", fmt.Appendf(nil, "+86%d", i), nil})
		}
		insertUsers(t, u, all...)
		checkCalls(t, s, map[string]int{"GenerateDataKey": 3 + 1}) // phones 2+2+1, mail 2
		last := user{"u-6", "x", []byte("+866"), nil}
		u.phones.Purge() // a new data key, whether the old one is full or not
		insertUsers(t, u, last)
		checkCalls(t, s, map[string]int{"GenerateDataKey": 1})
		all = append(all, last)
		if n := count(t, db, "SELECT COUNT(*) FROM data_keys"); n != 4+1+1 {
			t.Errorf("%d key files, want 6 with that of the index", n)
		}
		cells := func() (sum []byte) {
			h := sha256.New()
			rows, err := db.QueryContext(t.Context(), "SELECT id, phone_cell, phone_index, email_cell FROM users ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var id, phone, index, email []byte
				if err := rows.Scan(&id, &phone, &index, &email); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(h, "%q %q %q %q\n", id, phone, index, email)
			}
			return h.Sum(nil)
		}
		before := cells()

		s.server.Advance(366 * 24 * time.Hour)
		n, err := rewrap(t.Context(), db, s.provider(t))
		if err != nil || n != 6 {
			t.Fatalf("rewrapped %d key files, %v, want 6", n, err)
		}
		checkCalls(t, s, map[string]int{"ReEncrypt": 6})
		if !bytes.Equal(cells(), before) {
			t.Error("a cell has changed")
		}
		// Another process opens them by the new wrapped keys, this one by the keys it holds.
		for _, u := range []*users{openUsers(t, db, s, nil), u} {
			for _, v := range all {
				checkFind(t, u, string(v.Phone), v)
			}
		}
		insertUsers(t, u, user{"u-7", "x", []byte("+867"), nil})
		checkFind(t, u, "+867", user{"u-7", "x", []byte("+867"), nil})
	})
}

// Whoever can write to the key table stops no worker but with an error.
func TestRewrapForeignRow(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		newUsers(t, db, s, nil)
		exec(t, db, "INSERT INTO data_keys (reference, key_file) VALUES (?, ?)", []byte("abc"), []byte("x"))
		if n, err := rewrap(t.Context(), db, s.provider(t)); n != 0 || err == nil || err.Error() != "a key file with a reference of 3 bytes" {
			t.Errorf("rewrap = %d, %v, want the reference refused", n, err)
		}
	})
}

// Of two workers who rewrap at once, one wins each key file, and the other is told.
func TestStore(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		exec(t, db, createKeyTable)
		t.Cleanup(func() { db.Exec("DROP TABLE data_keys") })
		store, ref := keyTable{db}, format.Reference{1, 0, 0xff}
		if _, err := store.Get(t.Context(), ref); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get = %v, want fs.ErrNotExist", err)
		}
		if err := store.Put(t.Context(), ref, []byte("a\x00b")); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), ref, []byte("c")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Put again = %v, want fs.ErrExist", err)
		}
		if err := store.Swap(t.Context(), ref, []byte("x"), []byte("y")); !errors.Is(err, envelope.ErrChanged) {
			t.Errorf("Swap of what is not there = %v, want ErrChanged", err)
		}
		if err := store.Swap(t.Context(), ref, []byte("a\x00b"), []byte("y")); err != nil {
			t.Error(err)
		}
		if got, err := store.Get(t.Context(), ref); err != nil || string(got) != "y" {
			t.Errorf("Get = %q, %v", got, err)
		}
	})
}

// Many rows and few calls: 100,000 users with two values each, under data keys of 10,000 cells.
func TestManyRows(t *testing.T) {
	const perKey = 10
	rows := 100_000
	if testing.Short() {
		rows = 2000
	}
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		u := newUsers(t, db, s, &column.Options{MaxCells: int64(rows / perKey)})
		s.take()
		all := make([]user, rows)
		for i := range all {
			all[i] = user{fmt.Sprintf("u-%06d", i), "x", fmt.Appendf(nil, "+86138%08d", i), fmt.Appendf(nil, "%d@example.com", i)}
		}
		for batch := 0; batch < rows; batch += 1000 {
			if err := u.insertAll(t.Context(), all[batch:min(batch+1000, rows)]); err != nil {
				t.Fatal(err)
			}
		}
		checkCalls(t, s, map[string]int{"GenerateDataKey": 2 * perKey})
		if n := count(t, db, "SELECT COUNT(*) FROM data_keys"); n != 2*perKey+1 {
			t.Errorf("%d key files, want %d", n, 2*perKey+1)
		}

		reader := openUsers(t, db, s, nil)
		s.take()
		got, err := reader.find(t.Context(), "1 = 1 ORDER BY id")
		if err != nil || len(got) != rows {
			t.Fatalf("read %d users, %v, want %d", len(got), err, rows)
		}
		for i := range all {
			checkUser(t, got[i], all[i])
		}
		checkCalls(t, s, map[string]int{"Decrypt": 2 * perKey})
		for i := 0; i < rows; i += rows / 100 {
			checkFind(t, reader, string(all[i].Phone), all[i])
		}
		checkCalls(t, s, map[string]int{})
	})
}

// Whoever seals before the transaction needs one connection, even for the first row.
func TestOneConnection(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		db.SetMaxOpenConns(1)
		u := newUsers(t, db, newService(t), &column.Options{MaxCells: 1})
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
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		a := newUsers(t, db, s, &column.Options{MaxCells: perKey})
		b := openUsers(t, db, s, &column.Options{MaxCells: perKey})
		s.take()
		var wg sync.WaitGroup
		for p, u := range []*users{a, b} {
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						v := user{fmt.Sprintf("%d-%d-%d", p, w, i), "x", fmt.Appendf(nil, "+86%d%d%d", p, w, i), nil}
						if err := u.insert(t.Context(), &v); err != nil {
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
				if _, err := rewrap(t.Context(), db, s.provider(t)); err != nil {
					t.Errorf("rewrap: %v", err)
				}
			}
		})
		wg.Wait()
		calls := s.take()
		if n := calls["GenerateDataKey"]; n != 2*writers*each/perKey {
			t.Errorf("%d data keys for %d cells, want %d", n, 2*writers*each, 2*writers*each/perKey)
		}
		got, err := openUsers(t, db, s, nil).find(t.Context(), "1 = 1")
		if err != nil || len(got) != 2*writers*each {
			t.Errorf("read %d users, %v, want %d", len(got), err, 2*writers*each)
		}
	})
}

// Who may not decrypt finds nobody's number, nor any other thing but ids and names.
func TestWithoutRights(t *testing.T) {
	onAll(t, func(t *testing.T, db database) {
		s := newService(t)
		u := newUsers(t, db, s, nil)
		insertUsers(t, u, li)
		other := newService(t) // a KMS with a CMK of its own
		if _, err := open(t.Context(), db, other.provider(t), nil); !errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("open = %v, want keyring.ErrNoMatch", err)
		}
		stranger, err := column.New(other.provider(t), keyTable{db}, named("column", "phone"), nil)
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

func TestStory(t *testing.T) {
	var out bytes.Buffer
	if err := story(t.Context(), &out, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	want := `encrypted 1 row from before
Li Lei has +8613800138000
rewrapped 3 key files, and no user
a cell in another row is refused: true
`
	if out.String() != want {
		t.Errorf("the story went:\n%s\nwant:\n%s", &out, want)
	}
}
