package stream

import "sync"

const (
	// cacheSize is how much plaintext a ReaderAt keeps open, in bytes, unless two chunks are more.
	cacheSize = 1 << 20
	// maxOpened is how many chunks it keeps at most: a look-up compares with each, and reads at random have no use for any,
	// but pay for memory that is in no cache of the processor.
	maxOpened = 12
	// fewOpened is from how many on those whose end reads have come to make room for others.
	fewOpened = 4
)

// A cache keeps the chunks that a ReaderAt has opened last and given away in part, so that reads one behind the other open
// each chunk once, also those of several goroutines in several places. It is safe for concurrent use. The lock covers the
// search and the counts; nobody opens or copies under it.
type cache struct {
	mu   sync.Mutex
	max  int
	kept []*opened // the one used last first; at most max
}

// An opened is a chunk in a buffer of its own. What it holds does not change while anybody uses it.
type opened struct {
	index int64
	plain []byte
	buf   *buffer

	// Guarded by the lock of the cache:
	users int  // reads that copy from it now, and the cache that keeps it
	done  bool // reads have come to its end
}

// newCache returns a cache for chunks of chunk bytes.
func newCache(chunk int, opts *Options) cache {
	return cache{max: max(2, min(maxOpened, min(cacheSize, opts.maxBuffer()/2)/chunk))}
}

// get returns the chunk with the index, or nil. The caller gives it back by release.
func (c *cache) get(index int64) *opened {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, o := range c.kept {
		if o.index == index {
			copy(c.kept[1:k+1], c.kept[:k])
			c.kept[0] = o
			o.users++
			return o
		}
	}
	return nil
}

// room returns an empty one with a buffer of n bytes or more, for put.
func (c *cache) room(n int) *opened {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.spare(); k >= 0 {
		o := c.kept[k]
		c.kept = append(c.kept[:k], c.kept[k+1:]...)
		*o = opened{buf: resize(o.buf, n)}
		return o
	}
	return &opened{buf: getBuffer(classOf(n))}
}

// spare returns which one makes room, of those that nobody reads: one whose end reads have come to, unless there are few, or if
// the cache is full the one that was used least recently. It returns -1 if there is none.
func (c *cache) spare() int {
	oldest := -1
	for k := len(c.kept) - 1; k >= 0; k-- {
		switch o := c.kept[k]; {
		case o.users > 1:
		case o.done && len(c.kept) >= min(fewOpened, c.max):
			return k
		case oldest < 0 && len(c.kept) == c.max:
			oldest = k
		}
	}
	return oldest
}

// put keeps o, which the caller has filled and goes on using until he gives it back by release. Another of the same
// chunk, opened meanwhile, is as good and stays.
func (c *cache) put(o *opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.users++
	if len(c.kept) == c.max {
		return // there is no place: it is given up when nobody uses it any more
	}
	for _, other := range c.kept {
		if other.index == o.index {
			return
		}
	}
	o.users++
	c.kept = append(c.kept, nil)
	copy(c.kept[1:], c.kept)
	c.kept[0] = o
}

// release gives back what get returned or put was given; done says that reads have come to its end, one behind the other.
func (c *cache) release(o *opened, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.done = done
	if o.users--; o.users == 0 {
		wipeBuffer(o.buf)
		o.buf, o.plain = nil, nil
	}
}
