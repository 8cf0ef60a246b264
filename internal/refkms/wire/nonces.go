package wire

import (
	"hash/maphash"
	"sync"
	"time"
)

// The memory of nonces.
const (
	// nonceTime is how long a nonce is remembered: a request dated a window ahead is fresh for two.
	nonceTime = 2 * window
	// maxNonces is how many are remembered: 580 requests a second over nonceTime. Beyond, the oldest is forgotten and
	// could be used again. They take 90 MB when there are as many.
	maxNonces = 1 << 20
)

// A nonceKey stands for an access key and a nonce: two hashes under secret seeds, so that no client can make two of
// them equal, in a fixed number of bytes whatever the client sends.
type nonceKey [2]uint64

// nonces remembers the nonces of proven requests. It is safe for concurrent use.
type nonces struct {
	seeds [2]maphash.Seed
	max   int

	mu    sync.Mutex
	known map[nonceKey]struct{}
	queue []remembered // a ring in the order of use: its first is at head, and it holds len(known)
	head  int
}

type remembered struct {
	key   nonceKey
	until int64 // Unix seconds
}

func newNonces(limit int) *nonces {
	return &nonces{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, max: limit, known: map[nonceKey]struct{}{}}
}

// first remembers a nonce of an access key and reports whether it was not known.
func (n *nonces) first(accessKeyID, nonce string, now time.Time) bool {
	var key nonceKey
	for i, seed := range n.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		h.WriteString(accessKeyID)
		h.WriteByte(0) // no access key of ours holds one
		h.WriteString(nonce)
		key[i] = h.Sum64()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.known) > 0 && n.queue[n.head].until < now.Unix() {
		n.forget()
	}
	if _, used := n.known[key]; used {
		return false
	}
	if len(n.known) == n.max {
		n.forget()
	}
	n.push(remembered{key, now.Add(nonceTime).Unix()})
	n.known[key] = struct{}{}
	return true
}

// forget removes the oldest.
func (n *nonces) forget() {
	delete(n.known, n.queue[n.head].key)
	n.head = (n.head + 1) % len(n.queue)
}

// push adds to the ring, which doubles when it is full.
func (n *nonces) push(r remembered) {
	size := len(n.known)
	if size == len(n.queue) {
		ring := make([]remembered, max(64, min(2*size, n.max)))
		copied := copy(ring, n.queue[n.head:])
		copy(ring[copied:], n.queue[:n.head])
		n.queue, n.head = ring, 0
	}
	n.queue[(n.head+size)%len(n.queue)] = r
}
