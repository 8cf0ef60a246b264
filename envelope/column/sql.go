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
	return &argument{value: value, replace: func() ([]byte, error) { return c.Seal(ctx, nil, value, row) }}
}

// Value returns an argument for a statement of package database/sql: the index of value, or NULL if value is nil. It is
// for INSERT, and for the WHERE of a query, where NULL finds no row.
//
// The argument is for one execution of a statement, and keeps value until then, which may not be modified before. It prints
// as a fixed text.
func (x *Index) Value(value []byte) driver.Valuer {
	return &argument{value: value, replace: func() ([]byte, error) { return x.Sum(nil, value) }}
}

// An argument is a value that is replaced when a statement is executed.
type argument struct {
	value    []byte
	replace  func() ([]byte, error)
	replaced []byte
}

// Value is what database/sql calls: again when a connection was lost, and twice for every statement if the driver executes
// none with arguments that was not prepared, as that of MySQL does. It is one value all the same, sealed and counted once.
func (a *argument) Value() (_ driver.Value, err error) {
	if a.value == nil {
		return nil, nil
	}
	if a.replaced == nil {
		if a.replaced, err = a.replace(); err != nil {
			return nil, err
		}
	}
	return a.replaced, nil
}

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
	return &destination{ctx, c, value, row}
}

// A destination is where the value of a column goes. It lives as long as the reading of a row, and its context with it.
type destination struct {
	ctx   context.Context
	cells *Cells
	value *[]byte
	row   func() envelope.Context
}

// Scan is what database/sql calls. src belongs to the driver, and nothing of it is kept.
func (d *destination) Scan(src any) (err error) {
	*d.value = nil
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
	var row envelope.Context
	if d.row != nil {
		row = d.row()
	}
	*d.value, err = d.cells.Open(d.ctx, []byte{}, cell, row)
	return err
}
