package envelope_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
)

// oneTable is a driver for database/sql that knows three statements of column.KeyTable, so that ExampleKeyStore needs no
// database. The same store runs on real ones in the examples.
type oneTable struct{}

var (
	oneTableMu   sync.Mutex
	oneTableRows = map[string][]byte{}
)

func (oneTable) Connect(context.Context) (driver.Conn, error) { return oneTableConn{}, nil }
func (oneTable) Driver() driver.Driver                        { return nil }

type oneTableConn struct{}

func (oneTableConn) Prepare(query string) (driver.Stmt, error) { return oneTableStmt(query), nil }
func (oneTableConn) Close() error                              { return nil }
func (oneTableConn) Begin() (driver.Tx, error)                 { return nil, errors.ErrUnsupported }

type oneTableStmt string

func (oneTableStmt) Close() error    { return nil }
func (s oneTableStmt) NumInput() int { return strings.Count(string(s), "?") }

func (s oneTableStmt) Exec(args []driver.Value) (driver.Result, error) {
	oneTableMu.Lock()
	defer oneTableMu.Unlock()
	b := func(i int) []byte { return args[i].([]byte) }
	switch {
	case strings.HasPrefix(string(s), "INSERT"):
		if _, ok := oneTableRows[string(b(0))]; ok {
			return nil, errors.New("a row has this key")
		}
		oneTableRows[string(b(0))] = bytes.Clone(b(1))
	case strings.HasPrefix(string(s), "UPDATE"):
		if row, ok := oneTableRows[string(b(1))]; !ok || !bytes.Equal(row, b(2)) {
			return driver.RowsAffected(0), nil
		}
		oneTableRows[string(b(1))] = bytes.Clone(b(0))
	default:
		return nil, errors.ErrUnsupported
	}
	return driver.RowsAffected(1), nil
}

func (s oneTableStmt) Query(args []driver.Value) (driver.Rows, error) {
	oneTableMu.Lock()
	defer oneTableMu.Unlock()
	row, ok := oneTableRows[string(args[0].([]byte))]
	return &oneTableResult{row, ok}, nil
}

type oneTableResult struct {
	row []byte
	has bool
}

func (*oneTableResult) Columns() []string { return []string{"record"} }
func (*oneTableResult) Close() error      { return nil }

func (r *oneTableResult) Next(dest []driver.Value) error {
	if !r.has {
		return io.EOF
	}
	dest[0], r.has = r.row, false
	return nil
}
