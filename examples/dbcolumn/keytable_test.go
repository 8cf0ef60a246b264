package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/examples/dbcolumn/internal/dbtest"
	"github.com/xinfeng-kms/xinfeng/format"
)

// The contract of envelope.KeyStore. Of two workers who rewrap at once, one wins each key file, and the other is told.
func TestKeyTable(t *testing.T) {
	dbtest.OnAll(t, testKeyTable)
	t.Run("sqlite with numbered arguments", func(t *testing.T) {
		db := dbtest.SQLite(t, t.TempDir())
		testKeyTable(t, db, dbtest.KeyTable(t, db, &column.KeyTableOptions{NumberedArguments: true}))
	})
}

func testKeyTable(t *testing.T, db *sql.DB, keys *column.KeyTable) {
	dbtest.Exec(t, db, schema[len(schema)-1])
	ref := format.Reference{1, 0, 0xff}
	if _, err := keys.Get(t.Context(), ref); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get = %v, want fs.ErrNotExist", err)
	}
	if err := keys.Swap(t.Context(), ref, []byte("x"), []byte("x")); !errors.Is(err, envelope.ErrChanged) {
		t.Errorf("Swap without a row = %v, want ErrChanged", err)
	}
	if err := keys.Put(t.Context(), ref, []byte("a\x00b")); err != nil {
		t.Fatal(err)
	}
	if err := keys.Put(t.Context(), ref, []byte("c")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Put again = %v, want fs.ErrExist", err)
	}
	if err := keys.Swap(t.Context(), ref, []byte("x"), []byte("y")); !errors.Is(err, envelope.ErrChanged) {
		t.Errorf("Swap of what is not there = %v, want ErrChanged", err)
	}
	if err := keys.Swap(t.Context(), ref, []byte("a\x00b"), []byte("a\x00b")); err != nil {
		t.Errorf("Swap by itself = %v", err)
	}
	if err := keys.Swap(t.Context(), ref, []byte("a\x00b"), []byte("y")); err != nil {
		t.Error(err)
	}
	if got, err := keys.Get(t.Context(), ref); err != nil || string(got) != "y" {
		t.Errorf("Get = %q, %v", got, err)
	}
	longest := bytes.Repeat([]byte{0xff}, format.MaxKeyFileSize)
	if err := keys.Put(t.Context(), format.Reference{2}, longest); err != nil {
		t.Fatal(err)
	}
	if got, err := keys.Get(t.Context(), format.Reference{2}); err != nil || !bytes.Equal(got, longest) {
		t.Errorf("Get of the longest = %d bytes, %v", len(got), err)
	}
	dbtest.Exec(t, db, "INSERT INTO data_keys (reference, key_file) VALUES (?, ?)", make([]byte, 16), append(longest, 0))
	if got, err := keys.Get(t.Context(), format.Reference{}); got != nil || !errors.Is(err, format.ErrSize) {
		t.Errorf("Get of a longer one = %d bytes, %v, want format.ErrSize", len(got), err)
	}
	refs, err := keys.References(t.Context())
	slices.SortFunc(refs, func(a, b format.Reference) int { return bytes.Compare(a[:], b[:]) })
	if err != nil || !slices.Equal(refs, []format.Reference{{}, ref, {2}}) {
		t.Errorf("References = %v, %v", refs, err)
	}
}

// rewrap renews all key files, as a worker of its own would, and returns how many.
func rewrap(t *testing.T, keys *column.KeyTable, kms *dbtest.KMS) (n int, err error) {
	t.Helper()
	worker, err := envelope.New(kms.Provider(t), &envelope.Options{KeyStore: keys, AcceptUnseen: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	refs, err := keys.References(t.Context())
	for _, ref := range refs {
		if _, err := worker.RewrapKey(t.Context(), ref, nil, nil); err != nil {
			return n, err
		}
		n++
	}
	return n, err
}

// New data keys by count and at will, the CMK rotated and the key table rewrapped: no cell changes, and all of them open.
func TestRotation(t *testing.T) {
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		u := newUsers(t, db, keys, kms, &column.Options{MaxCells: 2})
		kms.Calls()
		all := []user{li, han}
		for i := 3; i <= 5; i++ {
			all = append(all, user{fmt.Sprint("u-", i), "x", fmt.Appendf(nil, "+86%d", i), nil})
		}
		insertUsers(t, u, all...)
		kms.CheckCalls(t, map[string]int{"GenerateDataKey": 3 + 1}) // phones 2+2+1, mail 2
		last := user{"u-6", "x", []byte("+866"), nil}
		u.phones.Purge() // a new data key, whether the old one is full or not
		insertUsers(t, u, last)
		kms.CheckCalls(t, map[string]int{"GenerateDataKey": 1})
		all = append(all, last)
		if n := dbtest.Count(t, db, "SELECT COUNT(*) FROM data_keys"); n != 4+1+1 {
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

		kms.Server.Advance(dbtest.Year)
		n, err := rewrap(t, keys, kms)
		if err != nil || n != 6 {
			t.Fatalf("rewrapped %d key files, %v, want 6", n, err)
		}
		kms.CheckCalls(t, map[string]int{"ReEncrypt": 6})
		if !bytes.Equal(cells(), before) {
			t.Error("a cell has changed")
		}
		// Another process opens them by the new wrapped keys, this one by the keys it holds.
		for _, u := range []*users{openUsers(t, db, keys, kms, nil), u} {
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
	dbtest.OnAll(t, func(t *testing.T, db *sql.DB, keys *column.KeyTable) {
		kms := dbtest.NewKMS(t)
		newUsers(t, db, keys, kms, nil)
		dbtest.Exec(t, db, "INSERT INTO data_keys (reference, key_file) VALUES (?, ?)", []byte("abc"), []byte("x"))
		if n, err := rewrap(t, keys, kms); n != 0 || !errors.Is(err, format.ErrInvalid) {
			t.Errorf("rewrap = %d, %v, want format.ErrInvalid", n, err)
		}
	})
}
