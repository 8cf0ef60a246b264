package main

import (
	"context"
	"database/sql"
	"os"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// onAll runs a test on each database, empty at its beginning: SQLite always, the others where they are given.
func onAll(t *testing.T, f func(t *testing.T, db database)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := openSQLite(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		f(t, db)
	})
	for _, server := range []struct{ name, driver, variable string }{
		{"postgresql", "pgx", "DBCOLUMN_POSTGRES"},
		{"mysql", "mysql", "DBCOLUMN_MYSQL"},
	} {
		t.Run(server.name, func(t *testing.T) {
			dsn := os.Getenv(server.variable)
			if dsn == "" {
				t.Skipf("%s names no database", server.variable)
			}
			db, err := sql.Open(server.driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			f(t, database{DB: db, postgres: server.name == "postgresql"})
		})
	}
}

// exec executes a statement that must succeed.
func exec(t *testing.T, db database, statement string, arguments ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), db.sql(statement), arguments...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// create makes the table as it was before anything was encrypted. It must not be there: who names a database that has
// users of his own gets them back untouched.
func create(t *testing.T, db database) {
	t.Helper()
	exec(t, db, "CREATE TABLE users (id VARCHAR(36) PRIMARY KEY, name VARCHAR(100), phone TEXT, email TEXT)")
	t.Cleanup(func() {
		for _, name := range []string{"users", "data_keys"} {
			if _, err := db.ExecContext(context.Background(), "DROP TABLE IF EXISTS "+name); err != nil {
				t.Error(err)
			}
		}
	})
}

// A service is a KMS with one CMK that rotates every year, and counts the calls that go to it.
type service struct {
	kmsapi.API
	server *refkms.Server
	kms    *refkms.Client
	cmk    *refkms.KeyMetadata

	mu    sync.Mutex
	calls map[string]int
}

func newService(t *testing.T) *service {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{server: server, kms: server.Client(nil), calls: map[string]int{}}
	s.API = s.kms
	if s.cmk, err = s.kms.CreateKey(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.kms.UpdateRotationPolicy(t.Context(), s.cmk.KeyID, 365*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	return s
}

// provider returns a provider of the CMK, as a process of its own would have it.
func (s *service) provider(t *testing.T) keyring.KeyProvider {
	t.Helper()
	p, err := keyring.NewKMS(s, s.cmk.ARN, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *service) count(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
}

// take returns the calls since the last take.
func (s *service) take() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = map[string]int{}
	return calls
}

func (s *service) GenerateDataKey(ctx context.Context, req *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	s.count("GenerateDataKey")
	return s.API.GenerateDataKey(ctx, req)
}

func (s *service) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	s.count("Decrypt")
	return s.API.Decrypt(ctx, req)
}

func (s *service) ReEncrypt(ctx context.Context, req *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	s.count("ReEncrypt")
	return s.API.ReEncrypt(ctx, req)
}

// newUsers returns a migrated table without rows.
func newUsers(t *testing.T, db database, s *service, opts *column.Options) *users {
	t.Helper()
	create(t, db)
	if err := migrate(t.Context(), db, s.provider(t)); err != nil {
		t.Fatal(err)
	}
	return openUsers(t, db, s, opts)
}

// openUsers opens a table, as a process of its own would.
func openUsers(t *testing.T, db database, s *service, opts *column.Options) *users {
	t.Helper()
	u, err := open(t.Context(), db, s.provider(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.close)
	return u
}
