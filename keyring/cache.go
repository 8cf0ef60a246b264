package keyring

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/expiry"
)

// A side is a direction in which data keys are used. Keys of one side are never found from the other: only what the
// provider opened itself opens messages.
type side uint8

const (
	sealing side = iota // new messages, by GenerateDataKey
	opening             // old ones, by Decrypt
)

// A query is what a caller of a [Caching] asks for.
type query struct {
	side    side
	suite   format.Suite
	context format.Pairs
	record  format.Record // opening only
	size    int64         // sealing only, in bytes
}

// appendID appends what the data key is found by: side, suite, stored pairs and, for opening, every entry of the record.
// Each part has its length before it, so that no two queries have one id.
func (q *query) appendID(b []byte) []byte {
	b = append(b, byte(q.side))
	b = binary.BigEndian.AppendUint16(b, uint16(q.suite))
	b = appendPart(b, q.context)
	for i := range q.record {
		w := &q.record[i]
		b = appendPart(b, w.Provider)
		b = appendPart(b, w.KeyID)
		b = appendPart(b, w.Ciphertext)
	}
	return b
}

func appendPart[T ~string | ~[]byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

// same reports whether both queries have one id, without making it. Who asks with the record that the data key has is
// answered at a glance: nobody may modify that ([DataKey.Record]).
func (q *query) same(o *query) bool {
	return q.side == o.side && q.suite == o.suite && bytes.Equal(q.context, o.context) && q.record.Equal(o.record)
}

// clone returns a copy that shares nothing with the caller's slices.
func (q *query) clone() *query {
	return &query{side: q.side, suite: q.suite, context: bytes.Clone(q.context), record: q.record.Clone(), size: q.size}
}

// ask makes the call of the provider. A new data key serves more messages than the one that asks, so no size is given.
func (q *query) ask(ctx context.Context, p KeyProvider) (*DataKey, error) {
	if q.side == sealing {
		return p.GenerateDataKey(ctx, &GenerateDataKeyRequest{Suite: q.suite, Context: q.context, Size: -1})
	}
	return p.Decrypt(ctx, &DecryptRequest{Suite: q.suite, Context: q.context, Record: q.record})
}

// usage is what was encrypted under a data key, and stays zero for opening. Nobody else's read-only fields share its line of
// the processor's cache: two cores that seal under one key pass it to and fro.
type usage struct {
	_               [64]byte
	messages, bytes atomic.Int64
	_               [64]byte
}

// room reports whether the message of q may be encrypted under a data key with this usage.
func (u *usage) room(q *query, o *CachingOptions) bool {
	return u.messages.Load() < o.MaxMessages && q.size <= o.MaxBytes-u.bytes.Load()
}

// count counts the message of q, whether there is room or not: those who wait for a fetch are never sent away.
func (u *usage) count(q *query) {
	if q.side == sealing {
		u.messages.Add(1)
		u.bytes.Add(q.size)
	}
}

// take counts the message of q if there is room for it, and for spare messages and bytes behind it, and reports whether there
// was. Others may be counted at the same time.
func (u *usage) take(q *query, o *CachingOptions, spare int64) bool {
	if q.side == opening {
		return true
	}
	if q.size > o.MaxBytes-spare-u.bytes.Load() { // so that nobody sees a message that is not
		return false
	}
	if !add(&u.messages, 1, o.MaxMessages-spare) {
		return false
	}
	if !add(&u.bytes, q.size, o.MaxBytes-spare) {
		u.messages.Add(-1)
		return false
	}
	return true
}

// add adds more to n, neither of which is negative, unless the sum is above limit.
func add(n *atomic.Int64, more, limit int64) bool {
	for {
		old := n.Load()
		if more > limit-old {
			return false
		}
		if n.CompareAndSwap(old, old+more) {
			return true
		}
	}
}

// full reports whether there is no room left for anything.
func (u *usage) full(o *CachingOptions) bool {
	return u.messages.Load() >= o.MaxMessages || u.bytes.Load() >= o.MaxBytes
}

// A cachedKey is a data key in the cache, which holds one share of it.
type cachedKey struct {
	key     *DataKey
	data    *dataKey // of key
	query   *query   // of the fetch that it came from
	sum     uint64   // of the id of query
	usage   usage
	expires time.Duration // from then on the provider is asked first
	gone    time.Duration // from then on it is not used whatever happens
	refresh time.Duration // a hit after this fetches it anew
	outage  bool          // it has expired and the provider was asked, but not reached
	age     expiry.Place  // in Caching.ages
}

// sweep wipes the keys of one side that are too old. It runs on a timer, so what is old goes whether anybody calls or not,
// and who asks for the same key again need not look at the clock, which takes a thirtieth of a short message.
func (c *Caching) sweep(s side) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ages[s].Sweep(c.now(), func(k *cachedKey) { c.evict(k, &c.stats.Evictions.Age) })
}

// again lends the key that was lent last on the side of q, if that is the one for q and there is nothing else to do or to
// decide. Who asks for the same key again and again, as a loop over messages does, gets it here without the hash, the LRU, the
// clock and the lock, which on two cores costs more than what it guards.
//
// The key may leave the cache at the same time, as if that had been a moment later.
//
// With options by which a key changes while it is held, every hit has to look at the clock, and none is for again.
func (c *Caching) again(q *query) *DataKey {
	if c.opts.RefreshAhead > 0 || c.opts.InsecureAllowExpired > 0 {
		return nil
	}
	k := c.recent[q.side].Load()
	if k == nil || !k.query.same(q) || !k.usage.take(q, &c.opts, 1) || !k.data.hold(borrower) {
		return nil
	}
	c.hits.Add(1)
	if c.used.Load() != k {
		c.touch(k)
	}
	return k.key
}

// touch marks k as used, if it is still there.
func (c *Caching) touch(k *cachedKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in, ok := c.keys.Peek(k.sum); ok && in == k {
		c.keys.Get(k.sum)
		c.used.Store(k)
	}
}

// find returns the key for q, or nil, and marks it as used; and the hash of the id that it is found by or would be. The hash
// only finds the place, the query decides.
func (c *Caching) find(q *query) (k *cachedKey, sum uint64) {
	if k = c.recent[q.side].Load(); k == nil || !k.query.same(q) {
		room := c.room()
		*room = q.appendID((*room)[:0])
		sum = c.hash(*room)
		var ok bool
		if k, ok = c.keys.Peek(sum); !ok || !k.query.same(q) {
			return nil, sum
		}
	}
	if c.used.Load() != k {
		c.keys.Get(k.sum)
	}
	c.mark(k)
	return k, k.sum
}

// mark notes that k is the key that was used last.
func (c *Caching) mark(k *cachedKey) {
	c.used.Store(k)
	c.recent[k.query.side].Store(k)
}

// lend returns k, which was found for q, with a share for the caller, or nil. The message is counted before. If the key is
// due, it begins to fetch it anew. A message that fits under no key gets none.
func (c *Caching) lend(ctx context.Context, q *query, k *cachedKey) *DataKey {
	if k == nil || q.size > c.opts.MaxBytes {
		return nil
	}
	now := c.now()
	switch {
	case now >= k.gone:
		c.evict(k, &c.stats.Evictions.Age)
		return nil
	case now >= k.expires && !k.outage:
		return nil
	case !k.usage.take(q, &c.opts, 0):
		c.evict(k, &c.stats.Evictions.Bytes) // full ones leave at once, so it is the size that does not fit
		return nil
	case !k.key.hold(borrower):
		c.evict(k, &c.stats.Evictions.Destroyed)
		return nil
	}
	if now >= k.expires {
		c.stats.Expired++
	}
	switch {
	case k.usage.full(&c.opts):
		cause := &c.stats.Evictions.Messages
		if k.usage.messages.Load() < c.opts.MaxMessages {
			cause = &c.stats.Evictions.Bytes
		}
		c.evict(k, cause)
	case now >= k.refresh && c.fetches[k.sum] == nil:
		k.refresh = now + max((k.expires-now)/2, retryAfter)
		c.start(ctx, q, k.sum, now, true)
	}
	return k.key
}

// keep puts the key of a fetch into the cache, with the share that the provider gave.
func (c *Caching) keep(f *fetch, now time.Duration) {
	expires := f.began + c.opts.MaxAge
	if now >= expires || f.usage.full(&c.opts) {
		f.key.Destroy()
		return
	}
	k := &cachedKey{key: f.key, data: f.key.inner(), query: f.query, sum: f.sum, expires: expires, gone: expires}
	k.usage.messages.Store(f.usage.messages.Load())
	k.usage.bytes.Store(f.usage.bytes.Load())
	k.refresh = expires - c.opts.RefreshAhead
	if k.query.side == opening {
		if k.query.record.Equal(k.key.Record()) {
			k.query.record = k.key.Record()
		}
		k.gone += c.opts.InsecureAllowExpired
	}
	if other, ok := c.keys.Peek(k.sum); ok && other.query.same(k.query) {
		c.evict(other, &c.stats.Evictions.Age)
	} else if ok {
		c.evict(other, &c.stats.Evictions.Capacity) // another query with the same hash
	} else if c.keys.Len() == c.opts.MaxEntries {
		_, oldest, _ := c.keys.GetOldest()
		c.evict(oldest, &c.stats.Evictions.Capacity)
	}
	k.age = c.ages[k.query.side].Add(k, k.gone, now)
	c.keys.Add(k.sum, k)
	c.mark(k)
}

// bridge answers those who wait for f, which could not reach the provider, with the expired key k, and from now on
// others as well.
func (c *Caching) bridge(f *fetch, k *cachedKey, now time.Duration) {
	if !k.key.hold(int64(f.waiters) * borrower) {
		c.evict(k, &c.stats.Evictions.Destroyed)
		return
	}
	k.outage = true
	k.refresh = now + retryAfter
	f.key, f.err, f.late = k.key, nil, false
	c.stats.Expired += int64(f.waiters)
}

// evict removes a key and gives up the cache's share of it.
func (c *Caching) evict(k *cachedKey, cause *int64) {
	c.keys.Remove(k.sum)
	c.recent[k.query.side].CompareAndSwap(k, nil)
	c.used.CompareAndSwap(k, nil)
	c.ages[k.query.side].Remove(k.age)
	k.key.Destroy()
	*cause++
}

// purge removes all keys, and all fetches from where they can be joined.
func (c *Caching) purge() {
	for _, k := range c.keys.Values() {
		c.evict(k, &c.stats.Evictions.Purge)
	}
	for _, f := range c.fetches {
		c.detach(f)
	}
}
