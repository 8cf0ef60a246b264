package keyring

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A DataKey is the key of one or more messages: 32 bytes that never show, and the wrapped keys that lead to them. It
// derives ([DataKey.Expand]) and is compared, and a provider that must wrap the bytes borrows them ([DataKey.Lend]).
//
// A cache lends one *DataKey to many. Each borrower calls [DataKey.Destroy] exactly once, and the last call wipes the
// key. From then on every method answers [ErrDestroyed], and none a wrong key: a derivation that has begun holds a share
// of its own until it is done, so not even a borrower who destroys twice can wipe a key under it.
//
// All methods may be called concurrently. Package fmt under every verb, log/slog and encoding/json show nothing of a
// DataKey or of whatever holds one. Wiping is best effort: the runtime may have copied the bytes, and the expanded keys
// of ciphers already made cannot be reached. The zero value is a destroyed key.
type DataKey struct {
	_     [0]func()       // not comparable with ==
	inner func() *dataKey // a func, because fmt prints no more than its address, also in unexported fields
}

type dataKey struct {
	suite  format.Suite
	record format.Record
	opener int

	_ [64]byte // so that what is only read does not share a line of the processor's cache with what two cores write to

	// holds counts borrowers and running calls in one word: borrowers in units of borrower, calls in units of call. key
	// and state are read only within a call, and wiped by whoever brings it to zero. Calls begin only while there are
	// borrowers, so it never rises from zero.
	holds atomic.Int64
	_     [64]byte

	key   [suite.DataKeySize]byte
	state *suite.State
}

// NewDataKey returns a DataKey with one borrower, the caller. key is 32 bytes and is copied; the caller clears his own.
// record has the wrapped keys, 1 to 16 in their order, and is copied; opener is the index of the entry that opened or,
// for a new key, was generated.
//
// A key of another length is [ErrInvalidDataKey]; a suite or record that the format does not have is the format's error.
func NewDataKey(s format.Suite, key []byte, record format.Record, opener int) (*DataKey, error) {
	algorithms := suite.Lookup(uint16(s))
	if algorithms == nil {
		return nil, fmt.Errorf("keyring: %v: %w", s, format.ErrUnsupportedSuite)
	}
	if len(key) != suite.DataKeySize {
		return nil, fmt.Errorf("keyring: data key of %d bytes, want %d: %w", len(key), suite.DataKeySize, ErrInvalidDataKey)
	}
	if err := record.Check(); err != nil {
		return nil, fmt.Errorf("keyring: wrapped keys: %w", err)
	}
	if opener < 0 || opener >= len(record) {
		return nil, fmt.Errorf("keyring: entry %d of %d opened the data key", opener, len(record))
	}
	state, err := algorithms.Extract(key)
	if err != nil {
		return nil, err // unreachable: the length was checked
	}
	k := &dataKey{suite: s, record: record.Clone(), opener: opener, key: [suite.DataKeySize]byte(key), state: state}
	k.holds.Store(borrower)
	return &DataKey{inner: func() *dataKey { return k }}, nil
}

const (
	call     int64 = 1
	borrower int64 = 1 << 32
)

// hold adds a borrower or a call, and reports whether there was a borrower left to share with.
func (k *DataKey) hold(unit int64) bool {
	if k == nil || k.inner == nil {
		return false
	}
	return k.inner().hold(unit)
}

func (d *dataKey) hold(unit int64) bool {
	for {
		n := d.holds.Load()
		if n < borrower {
			return false
		}
		if d.holds.CompareAndSwap(n, n+unit) {
			return true
		}
	}
}

// exchange gives back a borrower's share for one of a call, and reports whether there was one to give.
func (d *dataKey) exchange() bool {
	for {
		n := d.holds.Load()
		if n < borrower {
			return false
		}
		if d.holds.CompareAndSwap(n, n-borrower+call) {
			return true
		}
	}
}

// release takes back what hold added. Of borrowers that are not there it takes none.
func (d *dataKey) release(unit int64) {
	for {
		n := d.holds.Load()
		if n < unit {
			return
		}
		if !d.holds.CompareAndSwap(n, n-unit) {
			continue
		}
		if n == unit {
			clear(d.key[:])
			d.state.Clear()
		}
		return
	}
}

// Destroy gives back the caller's share; the last one wipes the key, once the calls that run have ended. Of a destroyed
// key it does nothing.
func (k *DataKey) Destroy() {
	if k != nil && k.inner != nil {
		k.inner().release(borrower)
	}
}

// Share adds a borrower, and reports whether there was one left to share with: a key that is wiped, the zero value and nil
// have none. For every true answer somebody calls Destroy once more. It is what a cache of one's own lends with.
func (k *DataKey) Share() bool { return k.hold(borrower) }

// Expand fills out, 1 to 64 bytes, with HKDF-Expand of info under the key: all that a message needs of it. It allocates
// nothing and keeps neither argument. After Destroy it is [ErrDestroyed], and out is not touched.
func (k *DataKey) Expand(out, info []byte) error {
	if !k.hold(call) {
		return ErrDestroyed
	}
	defer k.inner().release(call)
	return k.inner().state.Expand(out, info)
}

// Derive does the derivation that sc, which only the packages of this module have, is prepared for. After Destroy it is
// [ErrDestroyed], and nothing is derived. It is what a message uses instead of Expand, because it takes its share of the key
// once for all derivations.
func (k *DataKey) Derive(sc *suite.Scratch) error {
	if !k.hold(call) {
		return ErrDestroyed
	}
	defer k.inner().release(call)
	return k.inner().state.Derive(sc)
}

// Spent returns k for its last use: its Derive must be called exactly once, and whatever comes of it, k is destroyed then. It
// is quicker than Derive and Destroy, and like Derive only the packages of this module can use it.
func (k *DataKey) Spent() suite.Expander { return (*spentKey)(k) }

type spentKey DataKey

func (k *spentKey) Derive(sc *suite.Scratch) error {
	if k == nil || k.inner == nil {
		return ErrDestroyed
	}
	d := k.inner()
	if !d.exchange() {
		return ErrDestroyed
	}
	err := d.state.Derive(sc)
	d.release(call)
	return err
}

// Lend calls f with a copy of the 32 bytes, which is wiped when f returns, and returns what f returns. It is for
// providers that wrap the key; f must not keep the slice. After Destroy it is [ErrDestroyed], and f is not called.
func (k *DataKey) Lend(f func(key []byte) error) error {
	if !k.hold(call) {
		return ErrDestroyed
	}
	defer k.inner().release(call)
	key := k.inner().key
	defer clear(key[:])
	return f(key[:])
}

// Suite returns the suite that the key derives for.
func (k *DataKey) Suite() format.Suite {
	if k == nil || k.inner == nil {
		return 0
	}
	return k.inner().suite
}

// Record returns the wrapped keys. They are shared and must not be modified. They remain after Destroy. No other data key has
// them in the same memory, so they tell one data key from another.
func (k *DataKey) Record() format.Record {
	if k == nil || k.inner == nil {
		return nil
	}
	return k.inner().record
}

// OpenedBy returns the provider and key id of the wrapped key that was opened or, for a new data key, generated. They
// remain after Destroy.
func (k *DataKey) OpenedBy() (provider, keyID string) {
	if k == nil || k.inner == nil {
		return "", ""
	}
	d := k.inner()
	return d.record[d.opener].Provider, d.record[d.opener].KeyID
}

// Equal reports, in constant time, whether both keys have the same bytes. A destroyed key equals none.
func (k *DataKey) Equal(o *DataKey) bool {
	if !k.hold(call) {
		return false
	}
	defer k.inner().release(call)
	if !o.hold(call) {
		return false
	}
	defer o.inner().release(call)
	return subtle.ConstantTimeCompare(k.inner().key[:], o.inner().key[:]) == 1
}

const redactedKey = "[data key]"

// Format prints a fixed text, whatever the verb.
func (DataKey) Format(f fmt.State, _ rune) { io.WriteString(f, redactedKey) }

// String returns a fixed text.
func (DataKey) String() string { return redactedKey }

// LogValue returns a fixed text.
func (DataKey) LogValue() slog.Value { return slog.StringValue(redactedKey) }

// MarshalText fails: a data key leaves the process wrapped or not at all.
func (DataKey) MarshalText() ([]byte, error) {
	return nil, errors.New("keyring: a data key is not marshalled")
}

// MarshalJSON fails likewise.
func (k DataKey) MarshalJSON() ([]byte, error) { return k.MarshalText() }
