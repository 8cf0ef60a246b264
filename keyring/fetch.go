package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	errClosed = fmt.Errorf("keyring: caching: %w", ErrClosed)

	// errNoAnswer is of a provider that neither answered nor panicked: it ended its goroutine.
	errNoAnswer = errors.New("keyring: caching: the provider did not return")
)

// A fetch is one call of the provider, and those who wait for it.
//
// It is in Caching.fetches as long as callers may join it and its key is to be kept. It leaves there when it ends, when
// all have gone, when no further message fits under its key, and at Purge and Close.
type fetch struct {
	id     string
	sum    uint64
	side   side
	began  time.Duration // the age of the key counts from here: rights were looked at later
	cancel context.CancelFunc

	waiters int   // guarded by Caching.mu
	usage   usage // guarded by Caching.mu; messages count when they begin to wait

	done chan struct{} // closed when key and err are set
	key  *DataKey      // with a share for every waiter
	err  error
}

// get answers one query.
func (c *Caching) get(ctx context.Context, q *query) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: caching: %w", err)
	}
	id, sum := c.identify(q)
	defer c.ids.Put(id)
	key, f, err := c.begin(ctx, q, *id, sum)
	if f == nil {
		return key, err
	}
	select {
	case <-f.done:
		return f.key, f.err
	case <-ctx.Done():
		c.leave(f)
		return nil, fmt.Errorf("keyring: caching: %w", ctx.Err())
	}
}

// begin returns a key at hand, or the fetch to wait for, which the caller has joined.
func (c *Caching) begin(ctx context.Context, q *query, id []byte, sum uint64) (*DataKey, *fetch, error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.enter(now); err != nil {
		return nil, nil, err
	}
	if q.size > c.opts.MaxBytes { // a key of its own
		c.stats.Misses++
		return nil, c.start(ctx, q, id, sum, now), nil
	}
	if key := c.lend(q, id, sum, now); key != nil {
		c.stats.Hits++
		return key, nil, nil
	}
	c.stats.Misses++
	f := c.fetches[string(id)]
	if f == nil || !f.usage.room(q, &c.opts) {
		f = c.start(ctx, q, id, sum, now)
		c.fetches[f.id] = f
	} else {
		f.waiters++
		f.usage.count(q)
	}
	return nil, f, nil
}

// start begins a fetch with one waiter.
func (c *Caching) start(ctx context.Context, q *query, id []byte, sum uint64, now time.Duration) *fetch {
	f := &fetch{id: string(id), sum: sum, side: q.side, began: now, waiters: 1, done: make(chan struct{})}
	f.usage.count(q)
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.stats.Fetches++
	go c.run(ctx, f, q.clone())
	return f
}

// leave is of a waiter whose context is done. The last one ends the fetch; one that comes after the end gives back the
// share that was taken for it. Its message stays counted, which is the safe side.
func (c *Caching) leave(f *fetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-f.done:
		f.key.Destroy()
		return
	default:
	}
	f.waiters--
	if f.waiters == 0 {
		c.detach(f)
		f.cancel()
	}
}

// detach lets nobody join f any more, and has its key not kept.
func (c *Caching) detach(f *fetch) {
	if c.fetches[f.id] == f {
		delete(c.fetches, f.id)
	}
}

// run asks the provider. It is the one goroutine of a cache, and lives as long as the call.
func (c *Caching) run(ctx context.Context, f *fetch, q *query) {
	var key *DataKey
	err := errNoAnswer
	defer func() {
		c.finish(f, key, err)
		f.cancel()
	}()
	key, err = q.ask(ctx, c.provider)
}

// finish hands out shares to all waiters, and keeps the provider's own or gives it up.
func (c *Caching) finish(f *fetch, key *DataKey, err error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	kept := c.fetches[f.id] == f
	c.detach(f)
	if err == nil && !key.hold(int64(f.waiters)*borrower) {
		err = fmt.Errorf("keyring: caching: the provider's answer: %w", ErrDestroyed)
	}
	if err != nil {
		key.Destroy() // a provider that answers both has made a mistake, and no use of the key
		c.stats.FetchErrors++
		f.err = err
		return
	}
	f.key = key
	if kept {
		c.keep(f, now)
	} else {
		key.Destroy()
	}
}
