package envelope

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// errNotAuthentic is what every local failure of authentication looks like, whether context, key or header is wrong.
func errNotAuthentic() error { return fmt.Errorf("envelope: message is %w", ErrAuthentication) }

// seal makes the header of a new message: one GenerateDataKey of the provider. It leaves the header in sc, in bytes too, and
// returns what the body is sealed under. size is the length of the plaintext in bytes, -1 if unknown.
//
// It follows SPEC.md, Section 5, "Writing".
func (c *Client) seal(ctx context.Context, sc *scratch, ec Context, size int64) (w suite.Sealer, err error) {
	if err := c.splitContext(sc, ec); err != nil {
		return w, err
	}
	if err := ctx.Err(); err != nil {
		return w, fmt.Errorf("envelope: %w", err)
	}
	sc.generate = keyring.GenerateDataKeyRequest{Suite: c.opts.Suite, Context: sc.stored, Size: size}
	key, err := c.provider.GenerateDataKey(ctx, &sc.generate)
	if err != nil {
		return w, err
	}
	if err := checkKey(ctx, key, c.opts.Suite); err != nil {
		key.Destroy()
		return w, err
	}
	h := &sc.header
	rand.Read(h.Salt[:])
	if sc.fits(key.Record()) {
		*saltIn(sc.wire) = h.Salt
	} else if err := c.newHeader(ctx, sc, key); err != nil {
		return w, err
	}
	head := sc.wire[:h.HeadSize()]
	if w, err = c.suite.Message(&sc.room, key.Spent(), head, sc.withheld, &h.Tag); err != nil {
		return w, err
	}
	*tagIn(sc.wire, h) = h.Tag
	return w, nil
}

// newHeader makes the header of a message under key, whose salt is there and whose tag is yet to be computed. If it cannot,
// it destroys key.
func (c *Client) newHeader(ctx context.Context, sc *scratch, key *keyring.DataKey) (err error) {
	made := false
	defer func() {
		if !made {
			key.Destroy()
		}
	}()
	sc.wire = sc.wire[:0]
	h := &sc.header
	h.Suite, h.ChunkSize, h.Stored = c.opts.Suite, c.opts.ChunkSize, sc.stored
	h.Withheld = format.Pairs(sc.withheld).Len()
	if err := c.placeKey(ctx, h, c.opts.Keys, key.Record(), key); err != nil {
		return err
	}
	sc.wire, err = h.Marshal(sc.wire)
	made = err == nil
	return err
}

// splitContext encodes the pairs of a new message, stored and withheld, unless they are those of the message before.
func (c *Client) splitContext(sc *scratch, ec Context) (err error) {
	if sc.holds(ec) {
		return nil
	}
	sc.split, sc.wire = false, sc.wire[:0]
	for _, name := range c.opts.Require {
		if _, ok := ec[name]; !ok {
			return fmt.Errorf("envelope: %q: %w", name, ErrMissingPair)
		}
	}
	if len(c.opts.Withhold) == 0 {
		sc.withheld = sc.withheld[:0]
		sc.stored, err = format.AppendPairs(sc.stored[:0], ec)
		sc.split = err == nil
		return err
	}
	withheld := func(k string) bool { return slices.Contains(c.opts.Withhold, k) }
	if sc.stored, err = format.AppendPairsFunc(sc.stored[:0], ec, func(k string) bool { return !withheld(k) }); err != nil {
		return err
	}
	sc.withheld, err = format.AppendPairsFunc(sc.withheld[:0], ec, withheld)
	sc.split = err == nil
	return err
}

// checkKey refuses an answer of a provider that is no key for the message, and one that came too late.
func checkKey(ctx context.Context, key *keyring.DataKey, s format.Suite) error {
	if key.Suite() != s {
		return fmt.Errorf("envelope: provider answered with a key for %v, want %v: %w", key.Suite(), s, keyring.ErrInvalidDataKey)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	return nil
}

// openHeader is open of a header that was read from a stream.
func (c *Client) openHeader(ctx context.Context, h *format.Header, ec Context) (w suite.Sealer, info Info, err error) {
	head, err := h.AppendHead(nil)
	if err != nil {
		return w, info, err // unreachable: what was parsed marshals
	}
	w, err = c.open(ctx, &scratch{header: *h}, head, ec, &info)
	return w, info, err
}

// open checks the header in sc against the given context, asks the provider for the data key, and verifies the tag. head
// is the head in bytes, as it was read. It returns what the body is opened under. What is wrong with suite or context is
// found before the provider is asked.
//
// It follows SPEC.md, Section 5, "Reading", steps 4 to 6; the caller has done 1 to 3.
func (c *Client) open(ctx context.Context, sc *scratch, head []byte, ec Context, info *Info) (w suite.Sealer, err error) {
	h := &sc.header
	if len(c.opts.AcceptSuites) > 0 {
		if err := c.acceptSuite(h.Suite); err != nil {
			return w, err
		}
	}
	stored := format.Pairs(head[len(head)-len(h.Stored):]) // of this message, whatever became of those in sc
	if err := c.matchContext(sc, stored, ec, h.Withheld); err != nil {
		return w, err
	}
	if err := ctx.Err(); err != nil {
		return w, fmt.Errorf("envelope: %w", err)
	}
	var kf *format.KeyFile
	if len(sc.decrypt.Record) == 0 || h.Kind == format.Detached {
		sc.decrypt = keyring.DecryptRequest{Suite: h.Suite, Context: h.Stored}
		if sc.decrypt.Record, kf, err = c.findRecord(ctx, h); err != nil {
			return w, err
		}
	}
	key, err := c.provider.Decrypt(ctx, &sc.decrypt)
	if err != nil {
		return w, err
	}
	if kf != nil || !sc.knows(key) {
		err = checkKey(ctx, key, h.Suite)
		if kf != nil && err == nil {
			err = verifyCommit(kf, key)
		}
		if err == nil {
			sc.learn(key)
		}
	} else if err = ctx.Err(); err != nil {
		err = fmt.Errorf("envelope: %w", err)
	}
	if err != nil {
		key.Destroy()
		return w, err
	}
	w, err = suite.Lookup(uint16(h.Suite)).Message(&sc.room, key.Spent(), head, sc.withheld, &sc.tag)
	if err != nil {
		return suite.Sealer{}, err
	}
	if err := compareTag(h, &sc.tag); err != nil {
		return suite.Sealer{}, err
	}
	*info = sc.tell(stored)
	return w, nil
}

// compareTag compares the tag of the header with the one that follows from the data key. It holds the head, the withheld
// pairs and the data key together, and is what makes a message open under one key only.
func compareTag(h *format.Header, tag *[suite.CommitSize]byte) error {
	if !suite.EqualTags(tag, &h.Tag) {
		return errNotAuthentic()
	}
	return nil
}

func (c *Client) acceptSuite(s format.Suite) error {
	if len(c.opts.AcceptSuites) > 0 && !slices.Contains(c.opts.AcceptSuites, s) {
		return fmt.Errorf("envelope: %v is not accepted: %w", s, format.ErrUnsupportedSuite)
	}
	return nil
}

// matchContext compares the given pairs with those of a message, and encodes those that remain as the withheld ones into
// sc. Equality is the rule: a given pair that is stored has the same value, a stored one is given unless it may remain
// unseen, and exactly as many as the message says are left. What remains unseen is named by the caller's options, never
// by the message.
func (c *Client) matchContext(sc *scratch, stored format.Pairs, ec Context, withheld int) error {
	if len(c.opts.Require) > 0 && !c.hasRequired(stored, ec) {
		return errNotAuthentic()
	}
	return c.comparePairs(sc, stored, ec, withheld)
}

// hasRequired reports whether every pair that the options require is given or stored.
func (c *Client) hasRequired(stored format.Pairs, ec Context) bool {
	for _, name := range c.opts.Require {
		if _, ok := ec[name]; !ok && !hasKey(stored, name) {
			return false
		}
	}
	return true
}

// comparePairs is matchContext without the pairs that every message must have: a key file has the stored ones only.
func (c *Client) comparePairs(sc *scratch, stored format.Pairs, ec Context, withheld int) (err error) {
	seen := 0
	for rest := stored; len(rest) > 0; {
		var k, v []byte
		k, v, rest = rest.Cut()
		given, ok := ec[string(k)]
		if ok && given == string(v) {
			seen++
			continue
		}
		if ok || !c.acceptsUnseen(k) {
			return errNotAuthentic()
		}
	}
	if len(ec)-seen != withheld {
		return errNotAuthentic()
	}
	sc.withheld = sc.withheld[:0]
	if withheld > 0 {
		sc.withheld, err = format.AppendPairsFunc(sc.withheld, ec, func(k string) bool { return !hasKey(stored, k) })
	}
	return err
}

func (c *Client) acceptsUnseen(key []byte) bool {
	for _, name := range c.opts.AcceptUnseen {
		if name == string(key) || name == "*" {
			return true
		}
	}
	return false
}

func hasKey(p format.Pairs, key string) bool {
	for k := range p.All() {
		if string(k) == key {
			return true
		}
	}
	return false
}

// checkSize applies the length formula to a message whose length is known (SPEC.md, Section 6).
func checkSize(h *format.Header, total int64) (plaintext int64, err error) {
	return checkBody(h, total-int64(h.Size()))
}

// checkBody is checkSize for who knows how many bytes follow the header. A message that was cut has a length that no
// message has or fails at the chunk where it ends, so both say the same.
func checkBody(h *format.Header, size int64) (plaintext int64, err error) {
	plaintext, err = suite.PlaintextSize(size, h.ChunkSize)
	if err != nil {
		return 0, fmt.Errorf("%w: %w: %w", errNotAuthentic(), io.ErrUnexpectedEOF, err)
	}
	return plaintext, nil
}
