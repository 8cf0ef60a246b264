package state

import "errors"

// ErrClosed is the error of every transaction on a store that was closed.
var ErrClosed = errors.New("state: store is closed")

// A Store keeps the tables. It is safe for concurrent use.
//
// An error of the store itself (a disk, a record that does not decode) is not seen by fn, whose reads find nothing and
// whose writes are ignored from then on; View and Update return it, whatever fn returned.
type Store interface {
	// View calls fn with a transaction that reads one consistent state: that of the last Update which returned before
	// View was called, or a later one. It returns the error of fn. A View may be long and must not be nested in another
	// transaction of the same goroutine.
	View(fn func(Tx) error) error
	// Update calls fn with a transaction that reads and writes; no other Update runs meanwhile. If fn returns nil,
	// everything it wrote is kept, at once and for every View that starts after Update has returned; otherwise nothing
	// is. fn may be called again if keeping failed, so it has no effect outside its transaction.
	Update(fn func(Tx) error) error
	// NextDue returns the date of the first event in [Dues], [Never] if there is none. It costs one load, whatever the
	// number of records.
	NextDue() Time
	// Close releases what the store holds. Transactions that run are finished first.
	Close() error
}

// A Tx is a transaction: it is valid until the function it was given to returns, on that function's goroutine.
// Handlers use it through [Table].
//
// Within a table records lie by scope and id. A store that keeps both as one key orders it by scope, then id.
type Tx interface {
	// Get returns a record, nil if there is none. It must not be modified.
	Get(t TableID, s Scope, id string) any
	// Put sets a record. The store keeps record itself; it must not be modified from now on. Put panics in a
	// transaction that only reads.
	Put(t TableID, s Scope, id string, record any)
	// Delete removes a record, if there is one. It panics in a transaction that only reads.
	Delete(t TableID, s Scope, id string)
	// Scan calls yield with the records of a scope from id on, in ascending order of their ids as bytes, until yield
	// returns false. The table must not be changed meanwhile.
	Scan(t TableID, s Scope, id string, yield func(id string, record any) bool)
}
