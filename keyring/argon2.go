package keyring

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A cost is what Argon2id is asked to spend (RFC 9106, Section 3.1).
type cost struct {
	memoryKiB     uint32
	passes, lanes uint8
}

func (c cost) String() string {
	return fmt.Sprintf("%d KiB of memory, %d passes, %d lanes", c.memoryKiB, c.passes, c.lanes)
}

// laneKiB is the least memory that Argon2id has for a lane, in KiB.
const laneKiB = 8

// check refuses, with [ErrCost], what Argon2id does not have and what is over a ceiling. Nothing has been allocated then.
func (c cost) check(most cost) error {
	switch {
	case c.passes == 0 || c.lanes == 0 || c.memoryKiB < laneKiB*uint32(c.lanes):
		return fmt.Errorf("%v: Argon2id wants 1 pass, 1 lane and %d KiB for each lane or more: %w", c, laneKiB, ErrCost)
	case c.memoryKiB > most.memoryKiB || c.passes > most.passes || c.lanes > most.lanes:
		return fmt.Errorf("%v: the most allowed is %v: %w", c, most, ErrCost)
	}
	return nil
}

const argonSaltSize = 16

// A stretch is one derivation of a wrapping key from the passphrase: its cost and its salt.
type stretch struct {
	cost cost
	salt [argonSaltSize]byte
}

// append appends the 22 bytes that stand before the local wrap (SPEC.md, Section 4.3).
func (s *stretch) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, s.cost.memoryKiB)
	return append(append(dst, s.cost.passes, s.cost.lanes), s.salt[:]...)
}

// parseStretch splits a ciphertext into what append wrote and the local wrap. It judges no cost.
func parseStretch(c []byte) (s stretch, wrap []byte, ok bool) {
	if len(c) != format.PassphraseWrapSize {
		return s, nil, false
	}
	s.cost = cost{binary.BigEndian.Uint32(c), c[4], c[5]}
	n := 6 + copy(s.salt[:], c[6:])
	return s, c[n:], true
}

// keptStretches is how many wrapping keys a stretcher keeps: each spares a second of somebody's time and costs 100 bytes.
const keptStretches = 64

type wrappingKey [suite.DataKeySize]byte

// A stretcher derives wrapping keys from one passphrase. It keeps those that have proved to be right, so that a salt costs
// one derivation however many messages bear it and however many ask at once, and messages that somebody made up push
// nothing out. All derivations at once take no more memory than the costliest one may: the rest wait.
type stretcher struct {
	memory *semaphore.Weighted // in KiB

	mu         sync.Mutex // guards all below, but for what is in a running derivation
	passphrase []byte
	closed     bool
	known      *simplelru.LRU[stretch, *wrappingKey]
	running    map[stretch]*derivation
}

// A derivation is one run of Argon2id, on a goroutine of its own because it cannot be interrupted and its callers can.
type derivation struct {
	callers int // guarded by mu of the stretcher, as key and err are
	cancel  context.CancelFunc
	done    chan struct{} // closed when key or err is set
	key     wrappingKey
	err     error
}

func newStretcher(passphrase []byte, memoryKiB uint32) (*stretcher, error) {
	known, err := simplelru.NewLRU(keptStretches, func(_ stretch, k *wrappingKey) { clear(k[:]) })
	if err != nil {
		return nil, err // unreachable: the size is positive
	}
	return &stretcher{
		memory:     semaphore.NewWeighted(int64(memoryKiB)),
		passphrase: append([]byte(nil), passphrase...),
		known:      known,
		running:    map[stretch]*derivation{},
	}, nil
}

// key returns the wrapping key of s, whose cost was checked; the caller clears it. It returns as soon as ctx is done; a
// derivation that nobody waits for any more ends when it has ended, or before it has begun.
func (t *stretcher) key(ctx context.Context, s stretch) (key wrappingKey, err error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return key, ErrClosed
	}
	if k, ok := t.known.Get(s); ok {
		key = *k
		t.mu.Unlock()
		return key, nil
	}
	d := t.running[s]
	if d == nil {
		d = t.start(ctx, s)
	}
	d.callers++
	t.mu.Unlock()

	select {
	case <-d.done:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d.callers--
	select {
	case <-d.done:
		key, err = d.key, d.err
	default:
		err = ctx.Err()
	}
	if d.callers == 0 {
		t.forget(s, d)
		clear(d.key[:])
	}
	return key, err
}

// start starts a derivation; mu is held. It has the values of the first caller's context and ends with none of them.
func (t *stretcher) start(ctx context.Context, s stretch) *derivation {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &derivation{cancel: cancel, done: make(chan struct{})}
	t.running[s] = d
	passphrase := append([]byte(nil), t.passphrase...)
	go func() {
		defer clear(passphrase)
		key, err := t.derive(ctx, passphrase, s)
		defer clear(key[:])
		t.mu.Lock()
		defer t.mu.Unlock()
		if d.err = err; d.callers > 0 {
			d.key = key
		}
		close(d.done)
		t.forget(s, d)
	}()
	return d
}

// derive waits for the memory that a derivation needs, and runs it.
func (t *stretcher) derive(ctx context.Context, passphrase []byte, s stretch) (key wrappingKey, err error) {
	if err := t.memory.Acquire(ctx, int64(s.cost.memoryKiB)); err != nil {
		return key, ErrClosed // who has gone away hears nothing, and nobody else cancels
	}
	defer t.memory.Release(int64(s.cost.memoryKiB))
	b := argon2.IDKey(passphrase, s.salt[:], uint32(s.cost.passes), s.cost.memoryKiB, s.cost.lanes, suite.DataKeySize)
	defer clear(b)
	return wrappingKey(b), nil
}

// forget ends what d need not do any more, and has the next caller start another; mu is held.
func (t *stretcher) forget(s stretch, d *derivation) {
	d.cancel()
	if t.running[s] == d {
		delete(t.running, s)
	}
}

// keep keeps a key that has proved to be right, for the next time.
func (t *stretcher) keep(s stretch, key *wrappingKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && !t.known.Contains(s) {
		k := *key
		t.known.Add(s, &k)
	}
}

// close wipes all.
func (t *stretcher) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.known.Purge()
	clear(t.passphrase)
	for s, d := range t.running {
		t.forget(s, d)
	}
}
