package column

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/xinfeng-kms/xinfeng/internal/expiry"
)

// errNoAnswer is of a provider or store that neither answered nor returned: it panicked or ended its goroutine.
var errNoAnswer = errors.New("column: the provider did not return")

// A keyCache holds the data keys of a [Cells]: the one for sealing, and those that were opened. They are kept apart: only
// what the provider has opened opens cells, so that who may not decrypt opens nothing, not even his own cells.
type keyCache struct {
	files *keyFiles
	opts  Options // as validated, without zeros
	epoch time.Time

	mu      sync.Mutex                       // guards what follows; not held while anybody is asked
	sealing *tableKey                        // nil if there is none with room
	opened  *simplelru.LRU[keyID, *tableKey] // lets go of what leaves it
	recent  *tableKey                        // of opened, the one that was asked for last; nil if it is not known
	ages    *expiry.Queue[*tableKey]         // sealing and opened
	flights map[keyID]*flight                // by what is fetched; that for sealing has the zero id
	purges  int                              // a key that was fetched before one is not kept after it
	closed  bool
}

// A flight is one fetch of a key, by the caller who began it. Others who need the same key wait for it and look again.
type flight struct {
	done   chan struct{} // closed when it has ended
	purges int           // of the cache, when it began
	err    error         // nil: look again, the key is there
	again  bool          // err is no answer to others: the caller who began it had gone
}

func newKeyCache(files *keyFiles, opts Options) *keyCache {
	c := &keyCache{files: files, opts: opts, epoch: time.Now(), flights: map[keyID]*flight{}}
	opened, err := simplelru.NewLRU(opts.MaxOpen, func(_ keyID, k *tableKey) { c.letGo(k) })
	if err != nil {
		panic("column: internal error: " + err.Error()) // unreachable: the size is positive
	}
	c.opened, c.ages = opened, expiry.NewQueue[*tableKey](c.sweep)
	return c
}

// now is the clock of the cache, a monotonic one: setting the machine's clock makes no key older or younger.
func (c *keyCache) now() time.Duration { return time.Since(c.epoch) }

// forSealing returns the key for a new cell, whose value has size bytes and is counted. The caller destroys its data key.
func (c *keyCache) forSealing(ctx context.Context, size int64) (*tableKey, error) {
	return c.get(ctx, keyID{}, size)
}

// forOpening returns the key that opens cells of id. The caller destroys its data key.
func (c *keyCache) forOpening(ctx context.Context, id keyID) (*tableKey, error) {
	return c.get(ctx, id, 0)
}

// get returns a key at hand, or fetches it, or waits for who does. The zero id is the key for sealing.
func (c *keyCache) get(ctx context.Context, id keyID, size int64) (*tableKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("column: %w", err)
	}
	c.mu.Lock() // no defer, which would take as long as the lock
	key := c.lend(id, size)
	c.mu.Unlock()
	if key != nil {
		return key, nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("column: %w", err)
		}
		key, f, begun, err := c.find(id, size)
		switch {
		case f == nil:
			return key, err
		case begun:
			return c.fetch(ctx, f, id, size)
		}
		select {
		case <-f.done:
			if f.err != nil && !f.again {
				return nil, f.err
			}
		case <-ctx.Done():
		}
	}
}

// find returns the key if it is at hand, or else the flight that fetches it, which the caller may have begun.
func (c *keyCache) find(id keyID, size int64) (_ *tableKey, _ *flight, begun bool, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, false, fmt.Errorf("column: %w", ErrClosed)
	}
	if k := c.lend(id, size); k != nil {
		return k, nil, false, nil
	}
	f := c.flights[id]
	if f == nil {
		f, begun = &flight{done: make(chan struct{}), purges: c.purges}, true
		c.flights[id] = f
	}
	return nil, f, begun, nil
}

// lend returns the key if it is at hand, with a share for the caller, or nil.
func (c *keyCache) lend(id keyID, size int64) *tableKey {
	if id == (keyID{}) {
		return c.lendSealing(size)
	}
	k := c.recent
	if k == nil || k.id != id {
		var ok bool
		if k, ok = c.opened.Get(id); !ok {
			return nil
		}
		c.recent = k
	}
	if !k.data.Share() {
		c.opened.Remove(id)
		return nil
	}
	return k
}

func (c *keyCache) lendSealing(size int64) *tableKey {
	k := c.sealing
	if k == nil {
		return nil
	}
	if k.bytes+size > c.opts.MaxBytes || !k.data.Share() {
		c.dropSealing()
		return nil
	}
	if k.cells, k.bytes = k.cells+1, k.bytes+size; c.full(k) {
		c.dropSealing()
	}
	return k
}

// full reports whether no further cell is sealed under k.
func (c *keyCache) full(k *tableKey) bool {
	return k.cells >= c.opts.MaxCells || k.bytes >= c.opts.MaxBytes
}

func (c *keyCache) dropSealing() {
	if c.sealing != nil {
		c.letGo(c.sealing)
		c.sealing = nil
	}
}

// letGo gives back the cache's share of a key that leaves it.
func (c *keyCache) letGo(k *tableKey) {
	if c.recent == k {
		c.recent = nil
	}
	c.ages.Remove(k.age)
	k.data.Destroy()
}

// fetch is the flight f: it makes or opens a key, for the caller and, if it can be kept, for others.
func (c *keyCache) fetch(ctx context.Context, f *flight, id keyID, size int64) (key *tableKey, err error) {
	began := c.now()
	err = errNoAnswer
	defer func() { c.land(f, id, key, err, ctx.Err() != nil || err == errNoAnswer) }()
	if id == (keyID{}) {
		key, err = c.files.make(ctx, keyID{c.opts.Suite, newReference()})
		if err == nil {
			key.expires, key.cells, key.bytes = began+c.opts.MaxAge, 1, size
		}
		return key, err
	}
	key, err = c.files.open(ctx, id)
	if err == nil {
		key.expires = began + c.opts.MaxOpenAge
	}
	return key, err
}

// land ends a flight. The cache takes a share of its own of a key that it keeps.
func (c *keyCache) land(f *flight, id keyID, key *tableKey, err error, again bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	delete(c.flights, id)
	if f.err, f.again = err, again; err != nil || f.purges != c.purges || now >= key.expires {
		return
	}
	if id == (keyID{}) && c.full(key) || !key.data.Share() {
		return
	}
	key.age = c.ages.Add(key, key.expires, now)
	if id == (keyID{}) {
		c.sealing = key
	} else {
		c.opened.Add(id, key)
		c.recent = key
	}
}

// sweep wipes keys that are too old. It runs on a timer: who has a key lent need not look at the clock.
func (c *keyCache) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ages.Sweep(c.now(), func(k *tableKey) {
		if k == c.sealing {
			c.dropSealing()
		} else {
			c.opened.Remove(k.id)
		}
	})
}

// purge lets go of all keys, those that are being fetched as well.
func (c *keyCache) purge(closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.purges++
	c.closed = c.closed || closed
	c.dropSealing()
	c.opened.Purge()
}
