// Package dbtest has what the tests of dbcolumn and of its migration need: databases, and a KMS whose calls are counted.
package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/xinfeng-kms/xinfeng/envelope/column"
)

// OnAll runs a test on each database, empty at its beginning, and on its key table, which the test makes: on SQLite always, on
// PostgreSQL and MySQL if DBCOLUMN_POSTGRES and DBCOLUMN_MYSQL name one. Statements are those of SQLite and MySQL.
func OnAll(t *testing.T, f func(t *testing.T, db *sql.DB, keys *column.KeyTable)) {
	t.Run("sqlite", func(t *testing.T) {
		db := SQLite(t, t.TempDir())
		f(t, db, KeyTable(t, db, nil))
	})
	t.Run("postgresql", func(t *testing.T) {
		db := server(t, "DBCOLUMN_POSTGRES", "SELECT pg_advisory_lock(8412)", func(dsn string) (driver.Connector, error) {
			connector, err := stdlib.GetDefaultDriver().(driver.DriverContext).OpenConnector(dsn)
			return postgres{connector}, err
		})
		f(t, db, KeyTable(t, db, &column.KeyTableOptions{NumberedArguments: true}))
	})
	t.Run("mysql", func(t *testing.T) {
		db := server(t, "DBCOLUMN_MYSQL", "SELECT GET_LOCK('dbcolumn', 600)", func(dsn string) (driver.Connector, error) {
			return new(mysql.MySQLDriver).OpenConnector(dsn)
		})
		f(t, db, KeyTable(t, db, nil))
	})
}

// SQLite opens a database in the file users.db of dir, with a write-ahead log: one may be written to while it is read.
func SQLite(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "users.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// KeyTable returns the key table data_keys.
func KeyTable(t *testing.T, db *sql.DB, opts *column.KeyTableOptions) *column.KeyTable {
	t.Helper()
	keys, err := column.NewKeyTable(db, "data_keys", opts)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// server opens the database that an environment variable names. It is locked, since the tests of several packages may run at
// once. The tables must not be there: who names a database that has users of his own gets them back untouched.
func server(t *testing.T, variable, lock string, open func(dsn string) (driver.Connector, error)) *sql.DB {
	t.Helper()
	dsn := os.Getenv(variable)
	if dsn == "" {
		t.Skipf("%s names no database", variable)
	}
	connector, err := open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	locked, db := sql.OpenDB(connector), sql.OpenDB(connector)
	t.Cleanup(func() { locked.Close() })
	t.Cleanup(func() { db.Close() })
	locked.SetMaxOpenConns(1) // the one that holds the lock, until it is closed
	Exec(t, locked, lock)
	for _, table := range []string{"users", "data_keys"} {
		_, err := db.ExecContext(t.Context(), "SELECT 1 FROM "+table)
		var pg *pgconn.PgError
		var my *mysql.MySQLError
		if none := errors.As(err, &pg) && pg.Code == "42P01" || errors.As(err, &my) && my.Number == 1146; !none {
			t.Fatalf("table %s: %v, want that it is not there", table, err)
		}
	}
	t.Cleanup(func() {
		for _, table := range []string{"users", "data_keys"} {
			if _, err := db.ExecContext(context.Background(), "DROP TABLE IF EXISTS "+table); err != nil {
				t.Error(err)
			}
		}
	})
	return db
}

// Exec executes a statement that must succeed.
func Exec(t *testing.T, db *sql.DB, statement string, arguments ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, arguments...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Count returns the one number that a query gives.
func Count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// postgres has the driver of PostgreSQL take the statements of the others.
type postgres struct{ driver.Connector }

func (p postgres) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return postgresConn{conn.(*stdlib.Conn)}, nil
}

type postgresConn struct{ *stdlib.Conn }

func (c postgresConn) PrepareContext(ctx context.Context, statement string) (driver.Stmt, error) {
	return c.Conn.PrepareContext(ctx, inPostgres(statement))
}

func (c postgresConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, inPostgres(statement), args)
}

func (c postgresConn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, inPostgres(statement), args)
}

var bytesType = regexp.MustCompile(`VARBINARY\(\d+\)|MEDIUMBLOB`)

// inPostgres returns a statement as PostgreSQL wants it.
func inPostgres(statement string) string {
	for i := 1; strings.Contains(statement, "?"); i++ {
		statement = strings.Replace(statement, "?", "$"+strconv.Itoa(i), 1)
	}
	return bytesType.ReplaceAllString(statement, "BYTEA")
}
