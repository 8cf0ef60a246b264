// Package column encrypts the values of database columns, each into a cell of its own that is 49 bytes longer, and makes
// blind indexes, by which encrypted values are looked up.
//
// Most programs need a [Cells] for each column, and two calls:
//
//	phones, err := column.New(provider, store, envelope.Context{"table": "users", "column": "phone"}, nil)
//	cell, err := phones.Seal(ctx, nil, []byte("13800138000"), envelope.Context{"id": id})
//	phone, err := phones.Open(ctx, nil, cell, envelope.Context{"id": id})
//
// or, with package database/sql, [Cells.Value] among the arguments of a statement and [Cells.Scan] among the destinations
// of a row. A cell is binary: its column is a BLOB, BYTEA or VARBINARY.
//
// # Data keys
//
// A cell does not carry its wrapped key but the reference of a key file, which lies in an [envelope.KeyStore]: a
// [KeyTable] of the same database, or one of your own. Whoever seals makes a key file before his first cell and again after
// a day, a million cells or 2^40 bytes ([Options]), so the service is called once for many cells, and a row of the key table
// is added. Whoever opens calls it once for each key file, and holds the key for five minutes. Each Cells seals under data
// keys of its own and knows how many cells they have; processes share nothing but the store. So make a Cells when the
// program starts, not for every request.
//
// The key table belongs to the data: without it no cell opens, so both are backed up together. Its wrapped keys are
// renewed by envelope.Client.RewrapKey, a few hundred bytes for each key file, while no cell is touched. A key file may be
// removed when no cell has its reference, bytes 1 to 17, any more.
//
// The store is asked while a statement is being prepared or a row is being read. If it lies in the same database, it needs
// a connection beside the one that is in use, or both wait for each other; and in a transaction that keeps all others from
// writing, as those of SQLite do, it cannot be written to: there, seal first, then begin.
//
// # Rows
//
// The context given to [New] names the column, and its tenant if tenants have keys of their own: these pairs stand in the
// key files and go to the key service. The context given with each value names its row, by the primary key. It is written
// nowhere and costs no byte and no call, but a cell opens only with the very same pairs, so that it can be moved neither
// to another row nor to another column. Hence the primary key of a row must be known before it is inserted: a UUID, say,
// and not a number that the database chooses.
//
// # What it protects
//
// Whoever reads or writes the database without a right to decrypt learns of a value its length and whether it is NULL,
// and with an [Index] which values are equal; nothing can be changed, exchanged or moved unnoticed. But a cell can be
// replaced by NULL or by an older one of the same row and column, a row can be removed or doubled under its primary key,
// and key files can be destroyed. Whoever may decrypt can also write cells, under the same data keys.
//
// # Compatibility
//
// Before version 1 the API may change with a note in CHANGELOG.md. What is written stays readable: the bytes change only
// with another form of cells or another version of key files.
//
// # Specification
//
// format/SPEC.md: Sections 3.5 and 3.6 (key files and cells), 4.1 (derivations) and 5.4 (writing and reading them).
package column

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

const (
	// MaxValue is the longest value of a cell or an index in bytes, 1 MiB: a cell is opened as a whole, in memory. What is
	// longer is a message.
	MaxValue = format.MaxCellValue
	// Overhead is what a cell has beside its value, in bytes.
	Overhead = format.CellOverhead
)

var (
	// ErrTooLarge: a value is longer than [MaxValue].
	ErrTooLarge = errors.New("value is too large")

	// ErrClosed: a [Cells] or an [Index] was used after Close.
	ErrClosed = errors.New("closed")
)

const (
	defaultMaxAge    = 24 * time.Hour
	defaultMaxCells  = 1 << 20
	defaultMaxBytes  = 1 << 40
	defaultMaxOpen   = 4096
	defaultOpenedAge = 5 * time.Minute

	// maxAge bounds both ages, so that no time overflows.
	maxAge = 365 * 24 * time.Hour
	// maxCells is the format's limit: with more cells under one data key two salts may be equal (SPEC.md, Section 1).
	maxCells = 1 << 32
)

// Options are the policy of a [Cells]. Nil means all defaults, as does every zero field; values out of range are refused.
type Options struct {
	// Suite is what cells are sealed with; cells of any suite are opened. Default format.AES256GCM.
	Suite format.Suite

	// MaxAge is how long cells are sealed under one data key, counted from the moment the provider was asked for it.
	// Default 24 hours, at most a year. Every data key is a row more in the key table, and a call for whoever opens. A timer
	// ends it, which on a machine without an idle core may come some milliseconds late.
	MaxAge time.Duration

	// MaxCells is how many cells are sealed under one data key. Default 2^20, at most 2^32.
	MaxCells int64

	// MaxBytes is how many bytes of values are sealed under one data key. Default 2^40, at least [MaxValue].
	MaxBytes int64

	// MaxOpen is how many data keys are held for opening. Default 4096; the one that was not asked for the longest leaves
	// for a new one. One takes about 1 KiB, and up to 150 KiB if record and pairs are as long as key files can have them.
	MaxOpen int

	// MaxOpenAge is how long a data key is held for opening, counted from the moment the provider was asked to open it.
	// Default 5 minutes, at most a year. It is how long a revoked right to decrypt may go on working. A timer ends it, too.
	MaxOpenAge time.Duration

	// InsecureAllowNoRow allows an empty row. The price: such cells can be exchanged with each other unnoticed.
	InsecureAllowNoRow bool
}

// normalize returns a copy with the defaults filled in.
func (opts *Options) normalize() (Options, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	setDefault(&o.Suite, format.AES256GCM)
	setDefault(&o.MaxAge, defaultMaxAge)
	setDefault(&o.MaxCells, defaultMaxCells)
	setDefault(&o.MaxBytes, defaultMaxBytes)
	setDefault(&o.MaxOpen, defaultMaxOpen)
	setDefault(&o.MaxOpenAge, defaultOpenedAge)
	switch {
	case !o.Suite.Supported():
		return o, fmt.Errorf("column: %v: %w", o.Suite, format.ErrUnsupportedSuite)
	case o.MaxAge < 0 || o.MaxAge > maxAge:
		return o, fmt.Errorf("column: MaxAge %v, want above 0, at most %v", o.MaxAge, maxAge)
	case o.MaxCells < 0 || o.MaxCells > maxCells:
		return o, fmt.Errorf("column: MaxCells %d, want 1 to 2^32", o.MaxCells)
	case o.MaxBytes < MaxValue:
		return o, fmt.Errorf("column: MaxBytes %d, want %d or more", o.MaxBytes, MaxValue)
	case o.MaxOpen < 0:
		return o, fmt.Errorf("column: MaxOpen %d, want 1 or more", o.MaxOpen)
	case o.MaxOpenAge < 0 || o.MaxOpenAge > maxAge:
		return o, fmt.Errorf("column: MaxOpenAge %v, want above 0, at most %v", o.MaxOpenAge, maxAge)
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Cells seals and opens the values of one column. It is safe for concurrent use. Data keys that are too old a timer wipes,
// whether anybody calls or not; until then it keeps the Cells itself from being collected, which [Cells.Close] ends. A test that
// uses testing/synctest makes its Cells inside the bubble and uses it nowhere else, as everything that has a timer.
// Package fmt shows nothing of what it holds. The zero value is not usable.
type Cells struct {
	keys    *keyCache             // a pointer, because of a struct that holds a Cells fmt shows the fields under %s
	shape   atomic.Pointer[shape] // of the first row; others may have another
	scratch sync.Pool             // of *scratch
}

// A scratch is what one cell needs while it is sealed or opened.
type scratch struct {
	cell     format.Cell
	prefix   []byte
	withheld []byte
	nonce    [suite.NonceSize]byte
	room     suite.Scratch
}

// New returns the cells of a column. ec is the stored pairs of its key files: one pair or more that name the column. It
// makes no call. ec and opts are copied.
//
// The provider needs no cache before it: a Cells holds its keys itself, and shares those for sealing with nobody.
//
// Errors: envelope.ErrMissingPair if ec is empty, format.ErrInvalid if it is not what a key file can have,
// format.ErrUnsupportedSuite.
func New(provider keyring.KeyProvider, store envelope.KeyStore, ec envelope.Context, opts *Options) (*Cells, error) {
	stored, err := checkColumn(provider, store, ec)
	if err != nil {
		return nil, err
	}
	o, err := opts.normalize()
	if err != nil {
		return nil, err
	}
	keys := newKeyCache(&keyFiles{provider: provider, store: store, stored: stored}, o)
	return &Cells{keys: keys, scratch: sync.Pool{New: func() any { return new(scratch) }}}, nil
}

// checkColumn returns the stored pairs of a column or an index.
func checkColumn(provider keyring.KeyProvider, store envelope.KeyStore, ec envelope.Context) (format.Pairs, error) {
	switch {
	case provider == nil:
		return nil, errors.New("column: no key provider")
	case store == nil:
		return nil, errors.New("column: no key store")
	case len(ec) == 0:
		return nil, fmt.Errorf("column: nothing names the column: %w", envelope.ErrMissingPair)
	}
	return format.AppendPairs(nil, ec)
}

// Seal appends to dst a cell of value, which is [Overhead] bytes longer. row names the row, by pairs that the column does
// not have; there must be one or more. Nil and empty value make a cell like any other; for NULL see [Cells.Value].
//
// The first cell, and the first after a limit of [Options], costs one GenerateDataKey of the provider and a Put of the
// store; those who need one at the same time wait for one of them. No other cell makes a call. Safe for concurrent use.
//
// Errors: [ErrTooLarge]; envelope.ErrMissingPair if row is empty; format.ErrInvalid if row is not what a cell can have;
// those of provider and store; [ErrClosed]. On error no slice is returned, and nothing but spare capacity of dst was
// written to. Neither value nor row is kept or modified. value must not overlap the spare capacity of dst, which may panic.
func (c *Cells) Seal(ctx context.Context, dst, value []byte, row envelope.Context) ([]byte, error) {
	if len(value) > MaxValue {
		return nil, fmt.Errorf("column: value of %d bytes, limit %d: %w", len(value), MaxValue, ErrTooLarge)
	}
	sc := c.scratch.Get().(*scratch) // on an error it is lost, which spares every cell a defer
	if err := c.encodeRow(sc, row); err != nil {
		return nil, err
	}
	key, err := c.keys.forSealing(ctx, int64(len(value)))
	if err != nil {
		return nil, err
	}
	sc.cell = format.Cell{Suite: key.id.suite, Reference: key.id.ref}
	rand.Read(sc.cell.Salt[:])
	if sc.prefix, err = sc.cell.AppendPrefix(sc.prefix[:0]); err != nil {
		key.data.Destroy()
		return nil, err // unreachable: the suite was checked
	}
	w, err := key.suite.Cell(&sc.room, key.data.Spent(), &key.commit, sc.prefix, sc.withheld)
	if err != nil {
		return nil, err
	}
	w.Nonce(&sc.nonce, 0, true)
	// The prefix is written last: were value where it goes, sealing has read it by then.
	n := len(dst)
	dst = slices.Grow(dst, len(value)+Overhead)
	dst = w.AEAD.Seal(dst[:n+len(sc.prefix)], sc.nonce[:], value, nil)
	copy(dst[n:], sc.prefix)
	c.scratch.Put(sc)
	return dst, nil
}

// Open appends to dst the value of a cell. row is the pairs that it was sealed with, all of them and no others.
//
// The first cell of each key file costs a Get of the store and one Decrypt of the provider, and again when its data key was
// held for [Options.MaxOpenAge] or has left for another; those who need the same at the same time wait for one of them. A
// cell or a key file of wrong shape, suite or column makes no call. Safe for concurrent use.
//
// Errors: a *format.ParseError if cell is none, which matches format.ErrNotMessage if its first byte is that of no cell
// and io.ErrUnexpectedEOF if it ends too early; envelope.ErrAuthentication if it was changed, or belongs to another row,
// column or tenant; envelope.ErrMissingPair and format.ErrInvalid as for [Cells.Seal]; fs.ErrNotExist if the store has no
// key file of its reference; those of provider and store; [ErrClosed]. On error no slice is returned, and what was written
// to spare capacity of dst is wiped. Neither cell nor row is kept or modified. cell must not overlap the spare capacity of
// dst, which may panic.
func (c *Cells) Open(ctx context.Context, dst, cell []byte, row envelope.Context) ([]byte, error) {
	sc := c.scratch.Get().(*scratch) // on an error it is lost, as in Seal
	if err := sc.cell.Parse(cell); err != nil {
		return nil, err
	}
	sealed := sc.cell.Sealed
	sc.cell.Sealed = nil // the pool keeps nothing of the caller's
	if err := c.encodeRow(sc, row); err != nil {
		return nil, err
	}
	key, err := c.keys.forOpening(ctx, keyID{sc.cell.Suite, sc.cell.Reference})
	if err != nil {
		return nil, err
	}
	w, err := key.suite.Cell(&sc.room, key.data.Spent(), &key.commit, cell[:len(cell)-len(sealed)], sc.withheld)
	if err != nil {
		return nil, err
	}
	w.Nonce(&sc.nonce, 0, true)
	dst, err = w.AEAD.Open(dst, sc.nonce[:], sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("column: cell is %w", envelope.ErrAuthentication)
	}
	c.scratch.Put(sc)
	return dst, nil
}

// Purge wipes all data keys, those in use as soon as they are not: the next cell is sealed under a new one, and keys are
// opened anew. It makes a revoked right take effect at once. Safe for concurrent use.
func (c *Cells) Purge() { c.keys.purge(false) }

// Close wipes all data keys like [Cells.Purge], and later calls answer [ErrClosed]. Calls that have
// their key by then come to their end. It closes neither provider nor store and returns nil always; closing again does nothing.
func (c *Cells) Close() error {
	c.keys.purge(true)
	return nil
}

// Format prints a fixed text, whatever the verb: what is inside has pairs, and changes while it is printed.
func (*Cells) Format(f fmt.State, _ rune) { io.WriteString(f, "[cells of a column]") }
