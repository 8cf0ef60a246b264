package column_test

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
)

// A database is a driver of one table, which understands the statements of a KeyTable and no others. Those of
// examples/dbcolumn are real ones.
type database struct {
	numbered    bool // arguments are $1, else ?
	changedOnly bool // rows are counted that change, as MySQL does, and not those that match

	mu       sync.Mutex
	files    map[string][]byte
	failures map[string]error // by the first word of the statement; ROWS at the end of those of a query, COUNT of those that were replaced
}

func openDatabase(t *testing.T, d *database) *sql.DB {
	t.Helper()
	d.files, d.failures = map[string][]byte{}, map[string]error{}
	db := sql.OpenDB(d)
	t.Cleanup(func() { db.Close() })
	return db
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return connection{d}, nil }
func (d *database) Driver() driver.Driver                        { return nil }

// begin locks the table for a statement, whose failure it returns.
func (d *database) begin(ctx context.Context, statement string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	verb, _, _ := strings.Cut(statement, " ")
	d.mu.Lock()
	if err := d.failures[verb]; err != nil {
		d.mu.Unlock()
		return nil, err
	}
	return d.mu.Unlock, nil
}

// is compares a statement with one that is written with question marks.
func (d *database) is(statement, want string) bool {
	for i := 1; d.numbered && strings.Contains(want, "?"); i++ {
		want = strings.Replace(want, "?", fmt.Sprint("$", i), 1)
	}
	return statement == want
}

type connection struct{ *database }

func (connection) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (connection) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (connection) Close() error                        { return nil }

func (c connection) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	unlock, err := c.begin(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer unlock()
	result := &rows{failure: c.failures["ROWS"]}
	switch {
	case c.is(statement, fmt.Sprintf("SELECT SUBSTR(key_file, 1, %d) FROM data_keys WHERE reference = ?", format.MaxKeyFileSize+1)):
		if b, ok := c.files[string(args[0].Value.([]byte))]; ok {
			result.values = [][]byte{b[:min(len(b), format.MaxKeyFileSize+1)]}
		}
	case statement == "SELECT SUBSTR(reference, 1, 17) FROM data_keys":
		for ref := range c.files {
			result.values = append(result.values, []byte(ref[:min(len(ref), 17)]))
		}
	default:
		return nil, fmt.Errorf("no such query: %s", statement)
	}
	return result, nil
}

func (c connection) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	unlock, err := c.begin(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer unlock()
	value := func(i int) []byte { return bytes.Clone(args[i].Value.([]byte)) }
	switch {
	case c.is(statement, "INSERT INTO data_keys (reference, key_file) VALUES (?, ?)"):
		if _, ok := c.files[string(value(0))]; ok {
			return nil, errDuplicate
		}
		c.files[string(value(0))] = value(1)
		return driver.RowsAffected(1), nil
	case c.is(statement, "UPDATE data_keys SET key_file = ? WHERE reference = ? AND key_file = ?"):
		if c.failures["COUNT"] != nil {
			return driver.ResultNoRows, nil
		}
		old, ok := c.files[string(value(1))]
		if !ok || !bytes.Equal(old, value(2)) || c.changedOnly && bytes.Equal(old, value(0)) {
			return driver.RowsAffected(0), nil
		}
		c.files[string(value(1))] = value(0)
		return driver.RowsAffected(1), nil
	}
	return nil, fmt.Errorf("no such statement: %s", statement)
}

// rows are those of one column, with failure at their end if it is not nil.
type rows struct {
	values  [][]byte
	failure error
}

func (*rows) Columns() []string { return []string{"value"} }
func (*rows) Close() error      { return nil }

func (r *rows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		return cmp.Or(r.failure, io.EOF)
	}
	dest[0], r.values = r.values[0], r.values[1:]
	return nil
}

var (
	errDuplicate = errors.New("UNIQUE constraint failed")
	errGone      = errors.New("the server is gone")
)

func newKeyTable(t *testing.T, d *database) *column.KeyTable {
	t.Helper()
	keys, err := column.NewKeyTable(openDatabase(t, d), "data_keys", &column.KeyTableOptions{NumberedArguments: d.numbered})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// The contract of envelope.KeyStore, on databases of each kind.
func TestKeyTable(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    *database
	}{
		{"SQLite", &database{}},
		{"MySQL", &database{changedOnly: true}},
		{"PostgreSQL", &database{numbered: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, keys, ref := t.Context(), newKeyTable(t, tt.d), format.Reference{1, 0, 0xff}
			if b, err := keys.Get(ctx, ref); b != nil || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Get of what is not there = %q, %v, want fs.ErrNotExist", b, err)
			}
			if err := keys.Swap(ctx, ref, []byte("a"), []byte("a")); !errors.Is(err, envelope.ErrChanged) {
				t.Errorf("Swap of what is not there = %v, want ErrChanged", err)
			}
			if err := keys.Put(ctx, ref, []byte("a\x00b")); err != nil {
				t.Fatal(err)
			}
			if err := keys.Put(ctx, ref, []byte("c")); !errors.Is(err, fs.ErrExist) || !errors.Is(err, errDuplicate) {
				t.Errorf("Put again = %v, want fs.ErrExist with the cause", err)
			}
			for _, s := range []struct {
				name, old, new, after string
				want                  error
			}{
				{"of another", "x", "y", "a\x00b", envelope.ErrChanged},
				{"of another by itself", "x", "x", "a\x00b", envelope.ErrChanged},
				{"by itself", "a\x00b", "a\x00b", "a\x00b", nil},
				{"by another", "a\x00b", "y", "y", nil},
				{"of what it was", "a\x00b", "z", "y", envelope.ErrChanged},
			} {
				if err := keys.Swap(ctx, ref, []byte(s.old), []byte(s.new)); !errors.Is(err, s.want) {
					t.Errorf("Swap %s = %v, want %v", s.name, err, s.want)
				}
				if b, err := keys.Get(ctx, ref); err != nil || string(b) != s.after {
					t.Errorf("after Swap %s: %q, %v, want %q", s.name, b, err, s.after)
				}
			}
			if err := keys.Put(ctx, format.Reference{2}, nil); err != nil {
				t.Fatal(err)
			}
			refs, err := keys.References(ctx)
			slices.SortFunc(refs, func(a, b format.Reference) int { return bytes.Compare(a[:], b[:]) })
			if err != nil || !slices.Equal(refs, []format.Reference{ref, {2}}) {
				t.Errorf("References = %v, %v, want both", refs, err)
			}
		})
	}
}

// Cells and an index live on a key table.
func TestKeyTableOfCells(t *testing.T) {
	keys, p := newKeyTable(t, &database{}), newProvider(t)
	c := newCells(t, p, keys, nil)
	if value, err := c.Open(t.Context(), nil, seal(t, c, "hello", row9), row9); err != nil || string(value) != "hello" {
		t.Errorf("Open = %q, %v", value, err)
	}
	names := envelope.Context{"table": "users", "index": "phone"}
	for _, want := range []error{nil, fs.ErrExist} {
		index, err := column.NewIndex(t.Context(), p, keys, format.Reference{7}, names, nil)
		if !errors.Is(err, want) {
			t.Errorf("NewIndex = %v, want %v", err, want)
		}
		if err == nil {
			index.Close()
		}
	}
}

// What the database says comes through, and is taken for nothing else.
func TestKeyTableFailures(t *testing.T) {
	ref := format.Reference{1}
	for _, tt := range []struct {
		name, failing string
		call          func(context.Context, *column.KeyTable) error
	}{
		{"Get", "SELECT", func(ctx context.Context, keys *column.KeyTable) error { _, err := keys.Get(ctx, ref); return err }},
		{"Get, in the rows", "ROWS", func(ctx context.Context, keys *column.KeyTable) error {
			_, err := keys.Get(ctx, format.Reference{2})
			return err
		}},
		{"Put", "INSERT", func(ctx context.Context, keys *column.KeyTable) error {
			return keys.Put(ctx, format.Reference{2}, []byte("b"))
		}},
		{"Swap", "UPDATE", func(ctx context.Context, keys *column.KeyTable) error {
			return keys.Swap(ctx, ref, []byte("a"), []byte("b"))
		}},
		{"Swap, read after it", "SELECT", func(ctx context.Context, keys *column.KeyTable) error {
			return keys.Swap(ctx, ref, []byte("x"), []byte("x"))
		}},
		{"References", "SELECT", func(ctx context.Context, keys *column.KeyTable) error { _, err := keys.References(ctx); return err }},
		{"References, in the rows", "ROWS", func(ctx context.Context, keys *column.KeyTable) error { _, err := keys.References(ctx); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &database{}
			keys := newKeyTable(t, d)
			if err := keys.Put(t.Context(), ref, []byte("a")); err != nil {
				t.Fatal(err)
			}
			d.failures[tt.failing] = errGone
			err := tt.call(t.Context(), keys)
			if !errors.Is(err, errGone) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, envelope.ErrChanged) {
				t.Errorf("got %v, want what the database says", err)
			}
			if !strings.HasPrefix(err.Error(), "column: key table data_keys: ") {
				t.Errorf("got %q, without the table", err)
			}
			clear(d.failures)
			if b, err := keys.Get(t.Context(), ref); err != nil || string(b) != "a" {
				t.Errorf("afterwards there is %q, %v", b, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := tt.call(ctx, keys); !errors.Is(err, context.Canceled) {
				t.Errorf("without time: %v, want context.Canceled", err)
			}
		})
	}
	t.Run("Swap, a driver that does not count", func(t *testing.T) {
		d := &database{}
		keys := newKeyTable(t, d)
		d.failures["COUNT"] = errGone
		if err := keys.Swap(t.Context(), ref, []byte("a"), []byte("b")); err == nil || !strings.Contains(err.Error(), "no RowsAffected") {
			t.Errorf("Swap = %v, want the driver's error", err)
		}
	})
}

// Whoever can write to the table adds rows of any length.
func TestKeyTableForeignRows(t *testing.T) {
	d := &database{}
	keys := newKeyTable(t, d)
	ref := format.Reference{1}
	d.files[string(ref[:])] = make([]byte, format.MaxKeyFileSize)
	if b, err := keys.Get(t.Context(), ref); err != nil || len(b) != format.MaxKeyFileSize {
		t.Errorf("the longest key file: %d bytes, %v", len(b), err)
	}
	d.files[string(ref[:])] = make([]byte, format.MaxKeyFileSize+1)
	if b, err := keys.Get(t.Context(), ref); b != nil || !errors.Is(err, format.ErrSize) {
		t.Errorf("a byte more: %d bytes, %v, want format.ErrSize", len(b), err)
	}
	for _, size := range []int{0, 15, 17, 1000} {
		foreign := string(make([]byte, size))
		d.files[foreign] = nil
		if refs, err := keys.References(t.Context()); refs != nil || !errors.Is(err, format.ErrInvalid) {
			t.Errorf("a reference of %d bytes: %v, %v, want format.ErrInvalid", size, refs, err)
		}
		delete(d.files, foreign)
	}
}

func TestNewKeyTable(t *testing.T) {
	db := openDatabase(t, &database{})
	for _, name := range []string{"data_keys", "Keys2", "crm.data_keys"} {
		if _, err := column.NewKeyTable(db, name, nil); err != nil {
			t.Errorf("NewKeyTable(%q): %v", name, err)
		}
	}
	for _, name := range []string{"", "data keys", "data-keys", "keys;DROP TABLE users", `"keys"`, "`keys`", "keys--", "schlüssel", "keys\x00", "$1", strings.Repeat("é", 1000)} {
		keys, err := column.NewKeyTable(db, name, nil)
		if keys != nil || err == nil || !strings.HasSuffix(err.Error(), ", want letters, digits, underscores and dots") || len(err.Error()) > 400 {
			t.Errorf("NewKeyTable(%q) = %v, %v, want the name refused", name, keys, err)
		}
	}
	if keys, err := column.NewKeyTable(nil, "data_keys", nil); keys != nil || err == nil || err.Error() != "column: no database" {
		t.Errorf("NewKeyTable without a database = %v, %v", keys, err)
	}
}
