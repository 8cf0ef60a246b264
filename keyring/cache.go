package keyring

import (
	"bytes"
	"container/list"
	"context"
	"encoding/binary"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
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

// is reports whether id is what appendID would append.
func (q *query) is(id string) bool {
	if side(id[0]) != q.side || format.Suite(id[1])<<8|format.Suite(id[2]) != q.suite {
		return false
	}
	id, ok := cutPart(id[3:], q.context)
	for i := 0; ok && i < len(q.record); i++ {
		w := &q.record[i]
		if id, ok = cutPart(id, w.Provider); !ok {
			return false
		}
		if id, ok = cutPart(id, w.KeyID); !ok {
			return false
		}
		id, ok = cutPart(id, w.Ciphertext)
	}
	return ok && id == ""
}

// cutPart cuts from an id what appendPart would have begun it with.
func cutPart[T ~string | ~[]byte](id string, part T) (rest string, ok bool) {
	n := len(part)
	if len(id) < 4+n || uint32(n) != uint32(id[0])<<24|uint32(id[1])<<16|uint32(id[2])<<8|uint32(id[3]) || id[4:4+n] != string(part) {
		return "", false
	}
	return id[4+n:], true
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

// usage is what was encrypted under a data key, and stays zero for opening.
type usage struct{ messages, bytes int64 }

// room reports whether the message of q may be encrypted under a data key with this usage.
func (u *usage) room(q *query, o *CachingOptions) bool {
	return u.messages < o.MaxMessages && q.size <= o.MaxBytes-u.bytes
}

// count counts the message of q, which there is room for.
func (u *usage) count(q *query) {
	if q.side == sealing {
		u.messages++
		u.bytes += q.size
	}
}

// full reports whether there is no room left for anything.
func (u *usage) full(o *CachingOptions) bool {
	return u.messages >= o.MaxMessages || u.bytes >= o.MaxBytes
}

// A cachedKey is a data key in the cache, which holds one share of it.
type cachedKey struct {
	key     *DataKey
	id      string
	sum     uint64 // of id
	side    side
	usage   usage
	expires time.Duration // from then on the provider is asked first
	gone    time.Duration // from then on it is not used whatever happens
	refresh time.Duration // a hit after this fetches it anew
	outage  bool          // it has expired and the provider was asked, but not reached
	age     *list.Element // in byAge
}

// maxSweep bounds the keys of one side that one call wipes because of their age: all of a cache of the default size are
// gone after four calls, and a call takes some 10 µs longer at most.
const maxSweep = 256

// enter begins every call under mu: a closed cache refuses, any other wipes what is too old.
//
// Ages count from the beginning of a fetch and byAge has the order of the ends, so an old key may stand behind a younger
// one for as long as a fetch takes. It is not lent in that time, only wiped later.
func (c *Caching) enter(now time.Duration) error {
	if c.closed {
		return errClosed
	}
	for side := range c.byAge {
		for range maxSweep {
			front := c.byAge[side].Front()
			if front == nil || now < front.Value.(*cachedKey).gone {
				break
			}
			c.evict(front.Value.(*cachedKey), &c.stats.Evictions.Age)
		}
	}
	return nil
}

// A search is what looking for one key leaves for the next.
type search struct {
	recent *cachedKey // that of Caching.keys which was used last, or nil
	id     []byte     // room
}

// find returns the key for q, or nil, and marks it as used; and the id and hash that it is found by or would be. The hash only
// finds the place, the bytes decide. Who asks for the same key again and again, as a loop over messages does, finds it
// without both.
func (c *Caching) find(q *query) (k *cachedKey, id string, sum uint64) {
	s := c.search()
	if k := s.recent; k != nil && q.is(k.id) {
		return k, k.id, k.sum
	}
	s.id = q.appendID(s.id[:0])
	sum = c.hash(s.id)
	if k, ok := c.keys.Get(sum); ok && k.id == string(s.id) {
		s.recent = k
		return k, k.id, sum
	}
	s.recent = nil // another id with the same hash may be the one that was used last now
	return nil, string(s.id), sum
}

// lend returns k, which was found for q, with a share for the caller, or nil. The message is counted before. If the key is
// due, it begins to fetch it anew. A message that fits under no key gets none.
func (c *Caching) lend(ctx context.Context, q *query, k *cachedKey, now time.Duration) *DataKey {
	if k == nil || q.size > c.opts.MaxBytes {
		return nil
	}
	switch {
	case now >= k.gone:
		c.evict(k, &c.stats.Evictions.Age)
		return nil
	case now >= k.expires && !k.outage:
		return nil
	case !k.usage.room(q, &c.opts):
		c.evict(k, &c.stats.Evictions.Bytes) // full ones leave at once, so it is the size that does not fit
		return nil
	case !k.key.hold(borrower):
		c.evict(k, &c.stats.Evictions.Destroyed)
		return nil
	}
	k.usage.count(q)
	if now >= k.expires {
		c.stats.Expired++
	}
	switch {
	case k.usage.full(&c.opts):
		cause := &c.stats.Evictions.Messages
		if k.usage.messages < c.opts.MaxMessages {
			cause = &c.stats.Evictions.Bytes
		}
		c.evict(k, cause)
	case now >= k.refresh && c.fetches[k.id] == nil:
		k.refresh = now + max((k.expires-now)/2, retryAfter)
		c.start(ctx, q, k.id, k.sum, now, true)
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
	k := &cachedKey{key: f.key, id: f.id, sum: f.sum, side: f.side, usage: f.usage, expires: expires, gone: expires}
	k.refresh = expires - c.opts.RefreshAhead
	if k.side == opening {
		k.gone += c.opts.InsecureAllowExpired
	}
	if other, ok := c.keys.Peek(k.sum); ok && other.id == k.id {
		c.evict(other, &c.stats.Evictions.Age)
	} else if ok {
		c.evict(other, &c.stats.Evictions.Capacity) // another id with the same hash
	} else if c.keys.Len() == c.opts.MaxEntries {
		_, oldest, _ := c.keys.GetOldest()
		c.evict(oldest, &c.stats.Evictions.Capacity)
	}
	k.age = c.byAge[k.side].PushBack(k)
	c.keys.Add(k.sum, k)
	c.search().recent = k
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
	if s := c.search(); s.recent == k {
		s.recent = nil
	}
	c.byAge[k.side].Remove(k.age)
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
