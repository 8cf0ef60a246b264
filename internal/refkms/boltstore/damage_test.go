package boltstore_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
	bolt "go.etcd.io/bbolt"
)

var world = state.In("1", "cn-hangzhou")

// sample makes a file with two aliases and a key, and returns its path.
func sample(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store")
	s := open(t, path)
	update(t, s, func(tx state.Tx) {
		for _, name := range []string{"alias/a", "alias/b"} {
			state.Aliases.Put(tx, world, name, &state.Alias{Name: name, KeyID: "k" + name})
		}
		state.Versions.Put(tx, world, "v", &state.Version{ID: "v", KeyID: "k", Number: 1, Material: state.NewMaterial([]byte("material"))})
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// edit changes a file behind its store's back.
func edit(t *testing.T, path string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// replace replaces what is under a key of a bucket.
func replace(bucket, key string, fn func([]byte) []byte) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		return b.Put([]byte(key), fn(slices.Clone(b.Get([]byte(key)))))
	}
}

func constant(b []byte) func([]byte) []byte { return func([]byte) []byte { return b } }

// Whoever can write to the file makes no record say what it did not say.
func TestTamperedRecords(t *testing.T) {
	const alias = "1/cn-hangzhou/alias/a"
	path := sample(t)
	var sealed, other, version []byte
	edit(t, path, func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("aliases"))
		sealed, other = slices.Clone(b.Get([]byte(alias))), slices.Clone(b.Get([]byte("1/cn-hangzhou/alias/b")))
		version = slices.Clone(tx.Bucket([]byte("versions")).Get([]byte("1/cn-hangzhou/v")))
		return nil
	})
	check := func(name string, value []byte) {
		t.Helper()
		edit(t, path, replace("aliases", alias, constant(value)))
		s := open(t, path)
		defer s.Close()
		err := s.View(func(tx state.Tx) error {
			if a := state.Aliases.Get(tx, world, "alias/a"); a != nil {
				t.Errorf("%s: Get = %+v", name, a)
			}
			if a := state.Aliases.Get(tx, world, "alias/b"); a != nil {
				t.Errorf("%s: after an error Get = %+v, want nothing", name, a)
			}
			return errors.New("of fn")
		})
		if !errors.Is(err, boltstore.ErrDamaged) {
			t.Errorf("%s: View = %v, want ErrDamaged", name, err)
		}
		if err := s.Check(); !errors.Is(err, boltstore.ErrDamaged) {
			t.Errorf("%s: Check = %v, want ErrDamaged", name, err)
		}
	}
	for i := range sealed {
		value := slices.Clone(sealed)
		value[i] ^= 0x40
		check("a byte flipped", value)
	}
	for n := range 14 {
		check("cut", sealed[:n*len(sealed)/14])
	}
	check("that of another alias", other)
	check("that of another table", version)

	edit(t, path, replace("aliases", alias, constant(sealed)))
	s := open(t, path)
	if err := s.Check(); err != nil {
		t.Errorf("Check of the record as it was = %v", err)
	}
}

// An Update that meets a damaged record writes nothing, and the next one does.
func TestUpdateMeetsDamage(t *testing.T) {
	path := sample(t)
	edit(t, path, replace("aliases", "1/cn-hangzhou/alias/a", constant([]byte("x"))))
	s := open(t, path)
	put := func(tx state.Tx) { state.Accounts.Put(tx, state.Everywhere, "1", &state.Account{ID: "1"}) }
	if err := s.Update(func(tx state.Tx) error {
		put(tx)
		state.Aliases.Get(tx, world, "alias/a")
		put(tx)
		state.Accounts.Delete(tx, state.Everywhere, "1")
		return nil
	}); !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("Update = %v, want ErrDamaged", err)
	}
	has := func() (has bool) {
		s.View(func(tx state.Tx) error { has = state.Accounts.Get(tx, state.Everywhere, "1") != nil; return nil })
		return has
	}
	if has() {
		t.Error("a failed Update left a record")
	}
	update(t, s, put)
	if !has() {
		t.Error("the next Update left none")
	}
}

func TestOpenDamaged(t *testing.T) {
	u32 := func(n uint32) func([]byte) []byte { return constant(binary.BigEndian.AppendUint32(nil, n)) }
	lock := func(offset int, b ...byte) func(*bolt.Tx) error {
		return replace("xinfeng-refkms", "root", func(root []byte) []byte { copy(root[offset:], b); return root })
	}
	for _, tt := range []struct {
		name string
		edit func(*bolt.Tx) error
		want error
	}{
		{"of a newer version", replace("xinfeng-refkms", "version", u32(boltstore.Version+1)), boltstore.ErrNewer},
		{"of the newest version there can be", replace("xinfeng-refkms", "version", u32(1<<32-1)), boltstore.ErrNewer},
		{"of version 0", replace("xinfeng-refkms", "version", u32(0)), boltstore.ErrNotStore},
		{"a version of 3 bytes", replace("xinfeng-refkms", "version", constant([]byte("abc"))), boltstore.ErrDamaged},
		{"of another program", func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("xinfeng-refkms")) }, boltstore.ErrNotStore},
		{"no root key", replace("xinfeng-refkms", "root", constant([]byte{})), boltstore.ErrDamaged},
		{"a root key that is cut", replace("xinfeng-refkms", "root", func(b []byte) []byte { return b[:50] }), boltstore.ErrDamaged},
		{"a lock of no kind", lock(0, 0), boltstore.ErrDamaged},
		{"a lock of an unknown kind", lock(0, 3), boltstore.ErrDamaged},
		{"a lock that asks for a passphrase", lock(0, 2, 0, 1, 0, 0, 0, 0, 0, 3, 4), boltstore.ErrWrongKey},
		{"a lock with another salt", lock(20, 1, 2, 3), boltstore.ErrWrongKey},
		{"no epochs", func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("epochs")) }, boltstore.ErrDamaged},
		{"an epoch of no number", replace("epochs", "abc", constant(make([]byte, 32))), boltstore.ErrDamaged},
		{"an epoch without salt", replace("epochs", "\x00\x00\x00\x01", constant([]byte{})), boltstore.ErrDamaged},
		{"no epoch after the last", replace("epochs", "\xff\xff\xff\xff", constant(make([]byte, 32))), boltstore.ErrDamaged},
	} {
		path := sample(t)
		edit(t, path, tt.edit)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := boltstore.Open(path, key(t, 1), boltstore.Options{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: Open = %v, %v, want %v", tt.name, s, err, tt.want)
		}
		if after, err := os.ReadFile(path); err != nil || !slices.Equal(before, after) {
			t.Errorf("%s: Open has changed the file, or %v", tt.name, err)
		}
	}
}

// What argon2id is to cost is read from the file, and no more is paid than a new file of this program may ask for, four
// times over.
func TestPassphraseCosts(t *testing.T) {
	passphrase, err := boltstore.Passphrase([]byte("a passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	cost := func(memory, passes uint32, lanes byte) func(*bolt.Tx) error {
		b := binary.BigEndian.AppendUint32([]byte{2}, memory)
		b = binary.BigEndian.AppendUint32(b, passes)
		return replace("xinfeng-refkms", "root", constant(append(append(b, lanes), make([]byte, 92)...)))
	}
	for _, tt := range []struct {
		name string
		edit func(*bolt.Tx) error
		want error
	}{
		{"the least", cost(64<<10, 1, 1), boltstore.ErrWrongKey},
		{"too little memory", cost(64<<10-1, 1, 1), boltstore.ErrDamaged},
		{"too much memory", cost(2<<20+1, 1, 1), boltstore.ErrDamaged},
		{"all memory", cost(1<<32-1, 1, 1), boltstore.ErrDamaged},
		{"no passes", cost(64<<10, 0, 1), boltstore.ErrDamaged},
		{"too many passes", cost(64<<10, 17, 1), boltstore.ErrDamaged},
		{"no lanes", cost(64<<10, 1, 0), boltstore.ErrDamaged},
		{"too many lanes", cost(64<<10, 1, 65), boltstore.ErrDamaged},
	} {
		path := sample(t)
		edit(t, path, tt.edit)
		if s, err := boltstore.Open(path, passphrase, boltstore.Options{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: Open = %v, %v, want %v", tt.name, s, err, tt.want)
		}
	}
}

// A file that ends early is no crash of the program.
func TestTruncated(t *testing.T) {
	path := sample(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 2048 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := boltstore.Open(path, key(t, 1), boltstore.Options{})
		if err != nil {
			if !errors.Is(err, boltstore.ErrNotStore) && !errors.Is(err, boltstore.ErrDamaged) {
				t.Errorf("%d bytes: Open = %v, want ErrNotStore or ErrDamaged", n, err)
			}
			continue
		}
		// The end of a file may be pages that nothing uses.
		err = s.Check()
		v := s.View(func(tx state.Tx) error {
			for range state.Aliases.All(tx, world) {
			}
			state.Versions.Get(tx, world, "v")
			return nil
		})
		if (v != nil) && err == nil || err != nil && !errors.Is(err, boltstore.ErrDamaged) || v != nil && !errors.Is(v, boltstore.ErrDamaged) {
			t.Errorf("%d bytes: Check = %v, View = %v", n, err, v)
		}
		s.Close()
	}
}

// A file that is cut while it is open is no crash of the program either, and no lock that stays.
func TestTruncatedWhileOpen(t *testing.T) {
	path := sample(t)
	s := open(t, path)
	put := func(tx state.Tx) error {
		state.Aliases.Put(tx, world, "alias/c", &state.Alias{Name: "alias/c", KeyID: "c"})
		return nil
	}
	restore := s.Snapshot()
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"View": s.View(func(tx state.Tx) error { state.Aliases.Get(tx, world, "alias/a"); return nil }),
		"View of all": s.View(func(tx state.Tx) error {
			for range state.Aliases.All(tx, world) {
			}
			return nil
		}),
		"Update":   s.Update(put),
		"restore":  restore(),
		"Snapshot": s.Snapshot()(),
		"SetAhead": s.SetAhead(1),
		"SetLock":  s.SetLock(key(t, 2)),
		"Check":    s.Check(),
	} {
		if !errors.Is(err, boltstore.ErrDamaged) {
			t.Errorf("%s = %v, want ErrDamaged", name, err)
		}
	}
	if err := s.Log().Append(&trail.Record{Scope: world}); err != nil {
		t.Errorf("Append = %v", err)
	}
	if n := records(s.Log(), world, 0); n != 0 {
		t.Errorf("the trail has %d records, want none where the file cannot be read", n)
	}
	if err := s.Close(); !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("Close = %v, want ErrDamaged: a record is lost", err)
	}
	if s, err := boltstore.Open(path, key(t, 1), boltstore.Options{}); !errors.Is(err, boltstore.ErrDamaged) {
		t.Errorf("Open = %v, %v, want ErrDamaged", s, err)
	}
}

func TestCheckFinds(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*bolt.Tx) error
	}{
		{"a table that there is not", func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("more")); return err }},
		{"a record of the trail that is none", replace("trail", "x", constant(make([]byte, 100)))},
		{"a record of the trail that is not there", replace("trail-order", "12345678", constant([]byte("1/a/............12345678")))},
		{"many", func(tx *bolt.Tx) error {
			for i := range 100 {
				if err := tx.Bucket([]byte("aliases")).Put([]byte{byte(i), 1}, []byte("x")); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		path := sample(t)
		edit(t, path, func(tx *bolt.Tx) error {
			for _, name := range []string{"trail", "trail-order"} {
				if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
			}
			return tt.edit(tx)
		})
		s := open(t, path)
		if err := s.Check(); !errors.Is(err, boltstore.ErrDamaged) {
			t.Errorf("%s: Check = %v, want ErrDamaged", tt.name, err)
		}
		s.Close()
		if err := s.Check(); !errors.Is(err, state.ErrClosed) {
			t.Errorf("Check of a closed store = %v, want ErrClosed", err)
		}
	}
}

// What a file says of itself may be damaged after it was opened, or be what Open has no use for.
func TestCheckHead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(*bolt.Tx) error
	}{
		{"clock", replace("xinfeng-refkms", "ahead", func(b []byte) []byte { b[20] ^= 1; return b })},
		{"clock cut", replace("xinfeng-refkms", "ahead", constant([]byte("x")))},
		{"size of the trail", replace("xinfeng-refkms", "trail", constant([]byte("x")))},
		{"something else", replace("xinfeng-refkms", "else", constant([]byte("x")))},
	} {
		path := sample(t)
		s := open(t, path)
		if err := errors.Join(s.SetAhead(1), s.Check(), s.Close()); err != nil {
			t.Fatal(err)
		}
		edit(t, path, tt.damage)
		s = open(t, path)
		if err := s.Check(); !errors.Is(err, boltstore.ErrDamaged) {
			t.Errorf("%s: Check = %v, want ErrDamaged", tt.name, err)
		}
	}
}
