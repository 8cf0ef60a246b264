package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	// fetchTimeout ends a fetch that is to renew a key at hand: nobody's context does. A call of KMS takes some 10 ms.
	fetchTimeout = 5 * time.Second
	// retryAfter is how long a hit does not begin another for the same key.
	retryAfter = 10 * time.Second
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
	query  *query
	sum    uint64        // of the id of query
	began  time.Duration // the age of the key counts from here: rights were looked at later
	own    bool          // it is to renew a key at hand: it goes on without waiters, and ends after fetchTimeout
	cancel context.CancelFunc

	waiters int   // guarded by Caching.mu
	usage   usage // guarded by Caching.mu; messages count when they begin to wait

	done chan struct{} // closed when key and err are set
	key  *DataKey      // with a share for every waiter
	err  error
	late bool // err is because of fetchTimeout, no answer to those who joined
}

// get answers one query.
func (c *Caching) get(ctx context.Context, q *query) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: caching: %w", err)
	}
	if key := c.again(q); key != nil {
		return key, nil
	}
	for {
		key, f, err := c.begin(ctx, q)
		if f == nil {
			return key, err
		}
		select {
		case <-f.done:
			if !f.late {
				return f.key, f.err
			}
		case <-ctx.Done():
			c.leave(f)
			return nil, fmt.Errorf("keyring: caching: %w", ctx.Err())
		}
	}
}

// begin returns a key at hand, or the fetch to wait for, which the caller has joined.
func (c *Caching) begin(ctx context.Context, q *query) (*DataKey, *fetch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, errClosed
	}
	k, sum := c.find(q)
	if key := c.lend(ctx, q, k); key != nil {
		c.hits.Add(1)
		return key, nil, nil
	}
	c.stats.Misses++
	f := c.fetches[sum]
	if f == nil || !f.query.same(q) || !f.usage.room(q, &c.opts) {
		// An expired key that might serve instead is a reason not to wait for longer than fetchTimeout.
		expired := q.side == opening && k != nil && c.keys.Contains(sum)
		f = c.start(ctx, q, sum, c.now(), expired)
	}
	f.waiters++
	f.usage.count(q)
	return nil, f, nil
}

// start begins a fetch that nobody waits for yet, and lets callers join it in place of another, unless it is for a message
// so large that it gets a key of its own.
func (c *Caching) start(ctx context.Context, q *query, sum uint64, now time.Duration, own bool) *fetch {
	f := &fetch{query: q.clone(), sum: sum, began: now, own: own, done: make(chan struct{})}
	if q.size <= c.opts.MaxBytes {
		c.fetches[f.sum] = f
	}
	ctx = context.WithoutCancel(ctx)
	if own {
		ctx, f.cancel = context.WithTimeout(ctx, fetchTimeout)
	} else {
		ctx, f.cancel = context.WithCancel(ctx)
	}
	c.stats.Fetches++
	go c.run(ctx, f)
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
	if f.waiters == 0 && !(f.own && c.fetches[f.sum] == f) {
		c.detach(f)
	}
}

// detach lets nobody join f any more, and has its key not kept. If nobody waits for it either, it ends.
func (c *Caching) detach(f *fetch) {
	if c.fetches[f.sum] == f {
		delete(c.fetches, f.sum)
	}
	if f.waiters == 0 {
		f.cancel()
	}
}

// run asks the provider. Its goroutine lives as long as the call.
func (c *Caching) run(ctx context.Context, f *fetch) {
	var key *DataKey
	err := errNoAnswer
	defer func() {
		c.finish(f, key, err, ctx.Err() != nil)
		f.cancel()
	}()
	key, err = f.query.ask(ctx, c.provider)
}

// finish hands out shares to all waiters, and keeps the provider's own or gives it up. If the fetch was stopped, whatever
// error came of that is no answer.
func (c *Caching) finish(f *fetch, key *DataKey, err error, stopped bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	joinable := c.fetches[f.sum] == f
	if joinable {
		delete(c.fetches, f.sum)
	}
	if err == nil && !key.hold(int64(f.waiters)*borrower) {
		err = fmt.Errorf("keyring: caching: the provider's answer: %w", ErrDestroyed)
	}
	switch {
	case err != nil:
		key.Destroy() // a provider that answers both has made a mistake, and no use of the key
		c.stats.FetchErrors++
		c.fail(f, err, stopped, joinable, now)
	case joinable:
		f.key = key
		c.keep(f, now)
	default:
		f.key = key
		key.Destroy()
	}
}

// fail sets the error of a fetch. A key that was to be renewed leaves if the provider refused that, and serves on if it
// has expired and may.
func (c *Caching) fail(f *fetch, err error, stopped, joinable bool, now time.Duration) {
	f.err, f.late = err, stopped
	if k, ok := c.keys.Peek(f.sum); ok && k.query.same(f.query) && joinable {
		switch {
		case !unreachable(err, stopped):
			c.evict(k, &c.stats.Evictions.Refused)
		case now >= k.expires && now < k.gone:
			c.bridge(f, k, now)
		}
	}
	if f.late {
		c.stats.Misses -= int64(f.waiters) // they begin again, and count then
	}
}

// unreachable reports whether an error of the provider says that it could not be asked. If it has several causes and one
// of them is an answer, it was asked.
func unreachable(err error, stopped bool) bool {
	return (stopped || isAny(err, kmsapi.ErrUnavailable, kmsapi.ErrThrottled, context.DeadlineExceeded)) &&
		!isAny(err, ErrAuthentication, ErrWrongKey, kmsapi.ErrKeyNotFound, kmsapi.ErrDisabled, kmsapi.ErrPendingDeletion,
			kmsapi.ErrPendingImport, kmsapi.ErrKeyUnavailable, kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidParameter,
			kmsapi.ErrUnsupportedOperation, kmsapi.ErrAccessDenied, kmsapi.ErrUnauthenticated, kmsapi.ErrServiceNotEnabled)
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
