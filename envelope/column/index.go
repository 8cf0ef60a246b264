package column

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// An Index makes blind indexes of values: the same bytes for the same value, which say nothing of it to who lacks the key.
// They stand in a column of their own, beside the cells, by which rows are looked up.
//
// Its data key comes from a key file that is used for nothing else and is never exchanged: cells may change their data
// keys, an index cannot, or it would have to be made again from all values. Its wrapped keys are renewed like those of any
// key file. The data key is opened once, by [NewIndex] or [OpenIndex], and held until [Index.Close].
//
// Who can read the column sees which rows have equal values, and how often. Unlike a bare hash, an index cannot be
// compared with a list of guesses, all phone numbers of a country, say, by who lacks the key. Who holds an Index can.
// Values are compared byte by byte: write them in one form (+8613800138000) before they come here.
//
// It is safe for concurrent use and makes no calls of its own. Package fmt shows nothing of what it holds. The zero value
// is not usable.
type Index struct {
	key    *tableKey
	size   int
	closed atomic.Bool // others, such as a cache before the provider, may hold the data key as well
}

// IndexOptions are the options of an [Index]. Nil means all defaults, as does every zero field; values out of range are
// refused.
type IndexOptions struct {
	// Suite is that of the key file, for [NewIndex]; [OpenIndex] takes what is there. Default format.AES256GCM.
	Suite format.Suite

	// Size is the length of the indexes in bytes, 1 to 32, the same for as long as the column lives. Default 16: among n
	// values, two different ones have one index with a chance of n^2 / 2^129. A shorter index hides in part which values
	// are equal: with 2 bytes every 65536th value has the same one. Then the rows that are found are candidates, whose
	// cells must be opened and compared.
	Size int
}

const defaultIndexSize = 16

// normalize returns a copy with the defaults filled in.
func (opts *IndexOptions) normalize() (IndexOptions, error) {
	var o IndexOptions
	if opts != nil {
		o = *opts
	}
	setDefault(&o.Suite, format.AES256GCM)
	setDefault(&o.Size, defaultIndexSize)
	switch {
	case !o.Suite.Supported():
		return o, fmt.Errorf("column: index: %v: %w", o.Suite, format.ErrUnsupportedSuite)
	case o.Size < 0 || o.Size > suite.HashSize:
		return o, fmt.Errorf("column: index of %d bytes, want 1 to %d", o.Size, suite.HashSize)
	}
	return o, nil
}

// NewIndex makes the key file of a new index, when its column is made. ref is a random constant of the program, ec the
// stored pairs that name table and column, not those of any Cells; opts is copied. It costs one GenerateDataKey of the
// provider and a Put of the store. Close it when done.
//
// Errors: those of [New] for its arguments; fs.ErrExist if there is a key file of that reference; those of provider and
// store.
func NewIndex(ctx context.Context, provider keyring.KeyProvider, store envelope.KeyStore, ref format.Reference, ec envelope.Context, opts *IndexOptions) (*Index, error) {
	return newIndex(provider, store, ec, opts, func(f *keyFiles, o IndexOptions) (*tableKey, error) {
		return f.make(ctx, keyID{o.Suite, ref})
	})
}

// OpenIndex opens an index that is there. Arguments are those it was made with. It costs a Get of the store and one
// Decrypt of the provider. Close it when done.
//
// Errors: those of [New] for its arguments; fs.ErrNotExist if there is no such key file: where a lost one would be made
// anew without a word, no row would be found any more; envelope.ErrAuthentication if it is of another column, or was
// changed; a *format.ParseError if it is none; those of provider and store.
func OpenIndex(ctx context.Context, provider keyring.KeyProvider, store envelope.KeyStore, ref format.Reference, ec envelope.Context, opts *IndexOptions) (*Index, error) {
	return newIndex(provider, store, ec, opts, func(f *keyFiles, _ IndexOptions) (*tableKey, error) {
		return f.open(ctx, keyID{ref: ref})
	})
}

func newIndex(provider keyring.KeyProvider, store envelope.KeyStore, ec envelope.Context, opts *IndexOptions, key func(*keyFiles, IndexOptions) (*tableKey, error)) (*Index, error) {
	stored, err := checkColumn(provider, store, ec)
	if err != nil {
		return nil, err
	}
	o, err := opts.normalize()
	if err != nil {
		return nil, err
	}
	x := &Index{size: o.Size}
	if x.key, err = key(&keyFiles{provider: provider, store: store, stored: stored}, o); err != nil {
		return nil, err
	}
	return x, nil
}

// Sum appends to dst the index of value, [IndexOptions.Size] bytes. Nil and empty value have one like any other. It makes
// no call. Safe for concurrent use.
//
// Errors: [ErrTooLarge] above [MaxValue]; [ErrClosed]. value is neither kept nor modified.
func (x *Index) Sum(dst, value []byte) ([]byte, error) {
	if len(value) > MaxValue {
		return nil, fmt.Errorf("column: value of %d bytes, limit %d: %w", len(value), MaxValue, ErrTooLarge)
	}
	if x.closed.Load() {
		return nil, fmt.Errorf("column: index: %w", ErrClosed)
	}
	sum, err := x.key.suite.Index(x.key.data, &x.key.commit, value)
	if errors.Is(err, keyring.ErrDestroyed) {
		return nil, fmt.Errorf("column: index: %w", ErrClosed)
	}
	if err != nil {
		return nil, err
	}
	return append(dst, sum[:x.size]...), nil
}

// Close wipes the data key; Sum answers [ErrClosed] from then on. It returns nil always; closing again does nothing.
func (x *Index) Close() error {
	if !x.closed.Swap(true) {
		x.key.data.Destroy()
	}
	return nil
}

// Format prints a fixed text, whatever the verb.
func (*Index) Format(f fmt.State, _ rune) { io.WriteString(f, "[blind index]") }
