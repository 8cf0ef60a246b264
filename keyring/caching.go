package keyring

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/expiry"
)

const (
	defaultMaxEntries  = 1000
	defaultMaxAge      = 5 * time.Minute
	defaultMaxMessages = 1 << 20
	defaultMaxBytes    = 1 << 40

	// maxMaxAge bounds MaxAge, so that no time overflows.
	maxMaxAge = 365 * 24 * time.Hour

	// maxExpired bounds InsecureAllowExpired: who has not reached KMS for a day has no outage to bridge.
	maxExpired = 24 * time.Hour

	// unknownSize is what a message counts whose size is not known when it asks for its key.
	unknownSize = 1 << 30
)

// Caching is a [KeyProvider] that keeps the data keys of another: new messages of one suite and with the same stored pairs
// share a data key, and a message whose wrapped keys were opened before costs no call. A hit asks nobody, so a right that
// is revoked, or a CMK that is disabled, takes effect when the keys at hand have reached [CachingOptions.MaxAge], or at
// [Caching.Purge]; [CachingOptions.InsecureAllowExpired], off by default, can delay that.
//
// A data key is found by suite and stored pairs, to open also by the whole record of the message; only what this provider
// generated or opened is ever there. A cache belongs to one provider and must not be put before others as well: which CMKs
// may open, and with whose credentials, is the provider's, and no part of what a key is found by. Messages that share a
// data key show it, since they have the same wrapped keys. Errors are not kept.
//
// A new message is counted before it gets its key: as one, and with its size, or 1 GiB where that is not known. A key
// leaves the cache before a limit of [CachingOptions] is passed, and a message larger than MaxBytes gets a key of its own.
// Whatever removed a key, it is wiped when the last borrower has destroyed it. Those that are too old a timer wipes,
// whether anybody calls or not; until then it keeps the cache itself from being collected, which [Caching.Close] ends. A test
// that uses testing/synctest makes its cache inside the bubble and uses it nowhere else, as everything that has a timer.
//
// Any number of callers who miss the same key make one call of the provider, which has the values of the first caller's
// context and ends early only when all of them have gone. It runs on a goroutine of its own; beside it a cache has one only
// while the timer wipes. A refresh is such a call that nobody waits for, and ends after 5 s.
//
// It is safe for concurrent use. Package fmt shows nothing of what it holds. The zero value is not usable.
type Caching struct {
	provider KeyProvider
	opts     CachingOptions // as validated, without zeros
	epoch    time.Time      // all times are since then
	hash     func(id []byte) uint64

	recent [2]atomic.Pointer[cachedKey] // by side, that of keys which was used last, or nil
	used   atomic.Pointer[cachedKey]    // of keys, the one that was used last; nil if it is not known

	_    [64]byte // what follows is written to by every hit: see usage
	hits atomic.Int64
	_    [64]byte

	mu      sync.Mutex                         // guards what follows, and writing recent and used; not held while the provider is asked
	keys    *simplelru.LRU[uint64, *cachedKey] // by hash of the id
	room    func() *[]byte                     // for ids; a func, because fmt prints no more than its address
	ages    [2]*expiry.Queue[*cachedKey]       // by side
	fetches map[uint64]*fetch                  // by hash of the id, those whose key will be kept and whom callers may join
	stats   CachingStats                       // but for Hits
	closed  bool
}

var (
	_ KeyProvider                       = (*Caching)(nil)
	_ Wrapper                           = (*Caching)(nil)
	_ interface{ Unwrap() KeyProvider } = (*Caching)(nil)
	_ io.Closer                         = (*Caching)(nil)
)

// CachingOptions are the options of [NewCaching]. Zero fields are defaults, all of them finite; values out of range are
// refused.
type CachingOptions struct {
	// MaxEntries is how many data keys are held, for both directions together; default 1000. The one that was not asked
	// for the longest leaves for a new one. One takes about 1 KiB, and up to 150 KiB if record and pairs are as long as
	// messages can have them.
	MaxEntries int

	// MaxAge is how long a data key is used, counted from the moment the provider was asked for it; default 5 minutes,
	// at most a year. It is how long a revoked right may go on working. A timer ends it, which on a machine without an idle
	// core may come some milliseconds late. Time for which the machine sleeps may not count.
	MaxAge time.Duration

	// MaxMessages is how many messages are encrypted under one data key; default 2^20.
	MaxMessages int64

	// MaxBytes is how many bytes are encrypted under one data key; default 2^40. A message of unknown size counts 1 GiB.
	MaxBytes int64

	// RefreshAhead is how long before its age a data key is fetched anew in the background, if somebody asks for it then,
	// so that nobody has to wait; below MaxAge, default 0: never. The old key serves until the new one is there. If the
	// provider cannot be reached within 5 s, a later hit tries again, half of the time that is left later and at most
	// every 10 s; if it refuses, the old key leaves at once.
	RefreshAhead time.Duration

	// InsecureAllowExpired is how long after its age a data key may still open messages while the provider cannot be
	// reached; at most 24 hours, default 0: never. The cost: who can cut this process off from KMS keeps a right that was
	// revoked alive so much longer. New messages never get an expired key.
	//
	// The provider is asked first, for 5 s. Only errors that match kmsapi.ErrUnavailable, kmsapi.ErrThrottled or
	// context.DeadlineExceeded, or the end of the 5 s, make the old key serve, and then without another wait: the provider
	// is asked again in the background, by a hit, at most every 10 s. Any answer that refuses ends it, and the old key
	// leaves at once. Keys for opening stay in memory for that time even if nobody asks for them.
	InsecureAllowExpired time.Duration
}

// NewCaching returns a cache before p; nil options are defaults. It makes no call.
func NewCaching(p KeyProvider, opts *CachingOptions) (*Caching, error) {
	if p == nil {
		return nil, errors.New("keyring: caching: no provider")
	}
	o, err := opts.normalize()
	if err != nil {
		return nil, fmt.Errorf("keyring: caching: %w", err)
	}
	keys, err := simplelru.NewLRU[uint64, *cachedKey](o.MaxEntries, nil)
	if err != nil {
		return nil, err // unreachable: the size is positive
	}
	seed, room := maphash.MakeSeed(), new([]byte)
	c := &Caching{
		provider: p, opts: o, epoch: time.Now(), keys: keys, fetches: map[uint64]*fetch{},
		hash: func(id []byte) uint64 { return maphash.Bytes(seed, id) }, room: func() *[]byte { return room },
	}
	for _, s := range []side{sealing, opening} {
		c.ages[s] = expiry.NewQueue[*cachedKey](func() { c.sweep(s) })
	}
	return c, nil
}

// normalize returns a copy with the defaults filled in.
func (opts *CachingOptions) normalize() (CachingOptions, error) {
	var o CachingOptions
	if opts != nil {
		o = *opts
	}
	switch {
	case o.MaxEntries < 0:
		return o, fmt.Errorf("MaxEntries %d, want 1 or more", o.MaxEntries)
	case o.MaxAge < 0 || o.MaxAge > maxMaxAge:
		return o, fmt.Errorf("MaxAge %v, want above 0, at most %v", o.MaxAge, maxMaxAge)
	case o.MaxMessages < 0:
		return o, fmt.Errorf("MaxMessages %d, want 1 or more", o.MaxMessages)
	case o.MaxBytes < 0:
		return o, fmt.Errorf("MaxBytes %d, want 1 or more", o.MaxBytes)
	}
	setDefault(&o.MaxEntries, defaultMaxEntries)
	setDefault(&o.MaxAge, defaultMaxAge)
	setDefault(&o.MaxMessages, defaultMaxMessages)
	setDefault(&o.MaxBytes, defaultMaxBytes)
	if o.RefreshAhead < 0 || o.RefreshAhead >= o.MaxAge {
		return o, fmt.Errorf("RefreshAhead %v, want at least 0, below MaxAge %v", o.RefreshAhead, o.MaxAge)
	}
	if o.InsecureAllowExpired < 0 || o.InsecureAllowExpired > maxExpired {
		return o, fmt.Errorf("InsecureAllowExpired %v, want at least 0, at most %v", o.InsecureAllowExpired, maxExpired)
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// GenerateDataKey lends the data key at hand for the suite and stored pairs of the request, if the message fits under its
// limits, or else asks the provider for one, which is then at hand for others.
//
// Errors are those of the provider, the same for all who waited for it; [ErrClosed] after Close. A context that is done is
// an error on a hit as well. A hit makes no KMS call and allocates nothing.
func (c *Caching) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	size := req.Size
	if size < 0 {
		size = unknownSize
	}
	return c.get(ctx, &query{side: sealing, suite: req.Suite, context: req.Context, size: size})
}

// Decrypt lends the data key that was opened before from the same record, for the same suite and stored pairs, or else
// asks the provider to open it. Errors are as for GenerateDataKey.
func (c *Caching) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	return c.get(ctx, &query{side: opening, suite: req.Suite, context: req.Context, record: req.Record})
}

// Wrap asks the provider, around the cache: nothing of it is kept. errors.ErrUnsupported if the provider is no [Wrapper];
// [ErrClosed] after Close.
func (c *Caching) Wrap(ctx context.Context, req *WrapRequest) (format.Record, error) {
	if c.isClosed() {
		return nil, errClosed
	}
	w, ok := c.provider.(Wrapper)
	if !ok {
		return nil, fmt.Errorf("keyring: caching: wrap: %w", errors.ErrUnsupported)
	}
	return w.Wrap(ctx, req)
}

// Unwrap returns the provider inside.
func (c *Caching) Unwrap() KeyProvider { return c.provider }

// Purge removes all data keys, for example when a right was revoked. Those in use are wiped when their borrowers are
// done. A fetch that runs goes on for those who wait for it; its key is not kept, and later callers do not wait for it.
func (c *Caching) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.purge()
}

// Close removes all data keys like Purge, and later calls answer [ErrClosed]. It waits for nobody: calls in flight get
// their keys, and borrowers keep theirs until they are done. It does not close the provider and returns nil always;
// closing again does nothing.
func (c *Caching) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.purge()
	return nil
}

// Stats returns the counts so far.
func (c *Caching) Stats() CachingStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Hits, s.Held = c.hits.Load(), c.keys.Len()
	s.CallsSaved = max(0, s.Hits+s.Misses-s.Fetches)
	return s
}

// now is the cache's clock. Since is the cheapest look at a clock that there is, and a monotonic one: setting the
// machine's clock makes no key older or younger.
func (c *Caching) now() time.Duration { return time.Since(c.epoch) }

func (c *Caching) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Format prints a fixed text, whatever the verb: what is inside has encryption contexts, and changes while it is printed.
func (*Caching) Format(f fmt.State, _ rune) { io.WriteString(f, "[data key cache]") }
