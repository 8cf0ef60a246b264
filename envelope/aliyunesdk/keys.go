package aliyunesdk

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// newHeader makes the header of a new message and the cipher of its body: one GenerateDataKey under the first key, and
// one Encrypt under each further one. Encrypt does for any region and at instance gateways, where the vendor's SDK uses
// ReEncrypt within a region; the message is the same.
func (c *Client) newHeader(ctx context.Context, e Encoding, ec Context) (*Header, *bodyCipher, error) {
	if err := checkContext(ec); err != nil {
		return nil, nil, fmt.Errorf("aliyunesdk: encrypt: %w", err)
	}
	h := &Header{Encoding: e, Algorithm: c.alg}
	if len(ec) > 0 { // none is no parameter
		h.Context = maps.Clone(ec)
	}
	key, blob, err := c.keys[0].Generate(ctx, algorithms[c.alg].keySize, h.Context)
	if err != nil {
		return nil, nil, fmt.Errorf("aliyunesdk: encrypt: %w", err)
	}
	defer clear(key)
	h.Keys = []WrappedKey{{c.keys[0].Name().String(), blob}}
	for _, k := range c.keys[1:] {
		blob, err := k.Wrap(ctx, key, h.Context)
		if err != nil {
			return nil, nil, fmt.Errorf("aliyunesdk: encrypt: %w", err)
		}
		h.Keys = append(h.Keys, WrappedKey{k.Name().String(), blob})
	}
	b, err := newBodyCipher(h, key)
	if err != nil {
		return nil, nil, err
	}
	rand.Read(h.iv[:])
	h.tag = b.headerTag(h)
	return h, b, nil
}

// checkContext checks that a context can stand in a message and goes to KMS.
func checkContext(ec Context) error {
	if err := kmskey.CheckContext(ec); err != nil {
		return err
	}
	if n := len(appendContext(nil, ec)); n > MaxContextSize {
		return fmt.Errorf("%d bytes, limit %d: %w", n, MaxContextSize, ErrInvalidContext)
	}
	return nil
}

// openHeader finds the data key of a message and verifies its header: what is wrong with algorithm, context or key ids is
// found before KMS is asked. Wrapped keys of the client's CMKs are tried in the order of the message until one opens; one
// that opens and does not fit the header tag ends the search, since the format does not say which key it is under.
func (c *Client) openHeader(ctx context.Context, h *Header, ec Context) (*bodyCipher, error) {
	if err := c.accept(h, ec); err != nil {
		return nil, err
	}
	var errs []error
	for _, w := range h.Keys {
		i := slices.IndexFunc(c.keys, func(k *kmskey.Key) bool { return k.Name().String() == w.KeyID })
		if i < 0 {
			continue
		}
		key, err := c.keys[i].Unwrap(ctx, w.Blob, h.Context, func(n int) bool { return n == algorithms[h.Algorithm].keySize })
		if err == nil {
			defer clear(key)
			return verifyHeader(h, key, w.KeyID)
		}
		if errors.Is(err, kmsapi.ErrInvalidCiphertext) {
			err = fmt.Errorf("wrapped key is %w: %w", ErrAuthentication, err)
		}
		errs = append(errs, fmt.Errorf("aliyunesdk: %w", err))
		if ctx.Err() != nil {
			break
		}
	}
	switch len(errs) {
	case 0:
		return nil, fmt.Errorf("aliyunesdk: none of %d key ids: %w", len(h.Keys), ErrNoMatch)
	case 1:
		return nil, errs[0]
	}
	return nil, &UnwrapError{errs}
}

// accept checks a header against the client's policy and the given context.
func (c *Client) accept(h *Header, ec Context) error {
	if !h.Algorithm.Authenticated() && !slices.Contains(c.allow, h.Algorithm) {
		return fmt.Errorf("aliyunesdk: %v: %w", h.Algorithm, ErrUnauthenticatedAlgorithm)
	}
	// Equality is the rule: what is given is stored, what is stored is given unless it may remain unseen.
	seen := 0
	for k, v := range h.Context {
		given, ok := ec[k]
		switch {
		case ok && given == v:
			seen++
		case ok, !slices.Contains(c.unseen, k) && !slices.Contains(c.unseen, "*"):
			return errNotAuthentic()
		}
	}
	if seen != len(ec) {
		return errNotAuthentic()
	}
	if err := kmskey.CheckContext(h.Context); err != nil {
		return fmt.Errorf("aliyunesdk: %w", err)
	}
	return nil
}

// verifyHeader compares the header tag, in constant time, before anything is done with the body.
func verifyHeader(h *Header, key []byte, keyID string) (*bodyCipher, error) {
	b, err := newBodyCipher(h, key)
	if err != nil {
		return nil, err
	}
	if tag := b.headerTag(h); subtle.ConstantTimeCompare(tag[:], h.tag[:]) != 1 {
		return nil, errNotAuthentic()
	}
	b.info.KeyID = keyID
	return b, nil
}
