package column

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

// Value returns an argument for a statement of package database/sql: a cell of value, or NULL if value is nil. Empty is not
// nil. It is sealed when the statement is executed, by [Cells.Seal] with ctx and row; errors come with the statement's and
// match as they are.
//
// The argument is for one execution of a statement, and keeps what it was given until then: none of it may be modified
// before. It prints as a fixed text, for the sake of those who log arguments.
func (c *Cells) Value(ctx context.Context, value []byte, row envelope.Context) driver.Valuer {
	return newArgument(value, func() ([]byte, error) { return c.Seal(ctx, nil, value, row) })
}

// Value returns an argument for a statement of package database/sql: the index of value, or NULL if value is nil. It is
// for INSERT, and for the WHERE of a query, where NULL finds no row.
//
// The argument is for one execution of a statement, and keeps value until then, which may not be modified before. It prints
// as a fixed text.
func (x *Index) Value(value []byte) driver.Valuer {
	return newArgument(value, func() ([]byte, error) { return x.Sum(nil, value) })
}

// An argument is a value that is replaced when a statement is executed. It holds the value in a func, because package fmt
// shows no more of one than its address: of whatever holds an argument it follows the pointer under %s and %q.
type argument struct {
	replaced func() (driver.Value, error)
}

// newArgument returns an argument that replace makes of value, once: database/sql asks again when a connection was lost, and
// twice for every statement if the driver executes none with arguments that was not prepared, as that of MySQL does. It is
// one value all the same, sealed and counted once. An error is not kept.
func newArgument(value []byte, replace func() ([]byte, error)) *argument {
	if value == nil {
		return &argument{func() (driver.Value, error) { return nil, nil }}
	}
	var replaced []byte
	return &argument{func() (_ driver.Value, err error) {
		if replaced == nil {
			if replaced, err = replace(); err != nil {
				return nil, err
			}
		}
		return replaced, nil
	}}
}

// Value is what database/sql calls.
func (a *argument) Value() (driver.Value, error) { return a.replaced() }

// Format prints a fixed text, whatever the verb.
func (*argument) Format(f fmt.State, _ rune) { io.WriteString(f, "[value of a column]") }

// Scan returns a destination for a row of package database/sql, which sets *value to the value of a cell, by [Cells.Open]
// with ctx and the row, or to nil if the column is NULL. An empty value is not nil. Errors come with those of Scan and
// match as they are; *value is nil then.
//
// row is called when the turn of the cell has come, so that it can use what columns before have set: they are scanned in
// order. Nil is an empty row.
//
//	err := row.Scan(&id, phones.Scan(ctx, &phone, func() envelope.Context { return envelope.Context{"id": id} }))
func (c *Cells) Scan(ctx context.Context, value *[]byte, row func() envelope.Context) sql.Scanner {
	return &destination{func(src any) error { return c.scan(ctx, value, row, src) }}
}

// A destination is where the value of a column goes. It lives as long as the reading of a row, and its context with it. It
// holds where in a func, as arguments do.
type destination struct {
	scan func(src any) error
}

// Scan is what database/sql calls.
func (d *destination) Scan(src any) error { return d.scan(src) }

// Format prints a fixed text, whatever the verb.
func (*destination) Format(f fmt.State, _ rune) { io.WriteString(f, "[destination of a column]") }

// scan sets value to that of the cell in src, which belongs to the driver: nothing of it is kept.
func (c *Cells) scan(ctx context.Context, value *[]byte, row func() envelope.Context, src any) (err error) {
	*value = nil
	var cell []byte
	switch src := src.(type) {
	case nil:
		return nil
	case []byte:
		cell = src
	case string:
		cell = []byte(src)
	default:
		return fmt.Errorf("column: a cell of type %T: %w", src, errors.ErrUnsupported)
	}
	var pairs envelope.Context
	if row != nil {
		pairs = row()
	}
	*value, err = c.Open(ctx, []byte{}, cell, pairs)
	return err
}
