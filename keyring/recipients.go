package keyring

import (
	"context"
	"crypto/hpke"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// Recipients is the [KeyProvider] of public keys: it encrypts to those who hold the private keys and cannot itself open
// what it wrote, and opens what was encrypted to private keys that it holds. It is for people without a right in KMS, and
// for recovery: beside a CMK in a [Multi], with the private key in a safe. It calls nobody.
//
// Opening proves nothing of the sender: anyone can encrypt to a public key, with any content and any context. So it is an
// [UnauthenticatedSender]. A Multi writes by it and does not read by it unless told so, and a program that reads by it alone
// takes what it gets as one takes a letter without a signature.
//
// A wrapped key is what HPKE (RFC 9180, base mode) makes of the data key, with the kind of encapsulation of the key,
// HKDF-SHA256 and AES-256-GCM whatever the suite of the message, bound to suite, key id and stored pairs (SPEC.md, Section
// 4.5). It bears the id of the public key, so everybody sees for which keys a message is, and whoever knows a key, for whom.
//
// It is safe for concurrent use. The zero value neither writes nor opens.
type Recipients struct {
	to    []*PublicKey
	opens []*PrivateKey
}

var (
	_ Wrapper               = (*Recipients)(nil)
	_ UnauthenticatedSender = (*Recipients)(nil)
)

// NewRecipients returns a provider that writes to the public keys, at most 16, each of which can open the message, and
// opens by the private keys, in their order, at most 16. Either may be none: then it cannot write, or cannot open. Who wants
// to read what he writes gives his public key, too. A nil key, more keys, or no key at all is [ErrInvalidKey], one that is
// there twice [ErrDuplicateKey]. Neither slice is kept.
func NewRecipients(to []*PublicKey, opens []*PrivateKey) (*Recipients, error) {
	if n := max(len(to), len(opens)); n == 0 || n > format.MaxWrappedKeys {
		return nil, fmt.Errorf("keyring: recipients: %d public and %d private keys, want 1 to %d: %w", len(to), len(opens), format.MaxWrappedKeys, ErrInvalidKey)
	}
	for i, k := range to {
		if k == nil || k.alg == nil {
			return nil, fmt.Errorf("keyring: recipients: public key %d is none: %w", i, ErrInvalidKey)
		}
		if slices.ContainsFunc(to[:i], func(o *PublicKey) bool { return o.id == k.id }) {
			return nil, fmt.Errorf("keyring: recipients: public key %s: %w", k.id, ErrDuplicateKey)
		}
	}
	for i, k := range opens {
		if k == nil || k.public == nil {
			return nil, fmt.Errorf("keyring: recipients: private key %d is none: %w", i, ErrInvalidKey)
		}
		if slices.ContainsFunc(opens[:i], func(o *PrivateKey) bool { return o.public.id == k.public.id }) {
			return nil, fmt.Errorf("keyring: recipients: private key of %s: %w", k.public.id, ErrDuplicateKey)
		}
	}
	return &Recipients{slices.Clone(to), slices.Clone(opens)}, nil
}

// UnauthenticatedSender marks the provider: whoever has a public key can write what it opens.
func (*Recipients) UnauthenticatedSender() {}

// GenerateDataKey makes a data key from the system's random source and wraps it for every public key. Without one it is
// errors.ErrUnsupported; a suite that the format does not have is format.ErrUnsupportedSuite.
func (p *Recipients) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	var key [suite.DataKeySize]byte
	defer clear(key[:])
	rand.Read(key[:])
	record, err := p.seal(ctx, req.Suite, req.Context, key[:])
	if err != nil {
		return nil, err
	}
	return NewDataKey(req.Suite, key[:], record, slices.IndexFunc(record, func(w format.WrappedKey) bool { return w.KeyID == p.to[0].id }))
}

// Wrap wraps the data key of the request for every public key. Without a data key it is [ErrNeedKey], with one that is
// destroyed [ErrDestroyed]; otherwise errors are those of GenerateDataKey.
func (p *Recipients) Wrap(ctx context.Context, req *WrapRequest) (record format.Record, err error) {
	if req.Key == nil {
		return nil, fmt.Errorf("keyring: recipients: %w", ErrNeedKey)
	}
	err = req.Key.Lend(func(key []byte) (err error) {
		record, err = p.seal(ctx, req.Suite, req.Context, key)
		return err
	})
	return record, err
}

func (p *Recipients) seal(ctx context.Context, s format.Suite, pairs format.Pairs, key []byte) (format.Record, error) {
	if len(p.to) == 0 {
		return nil, fmt.Errorf("keyring: recipients: no public key to write to: %w", errors.ErrUnsupported)
	}
	if !s.Supported() {
		return nil, fmt.Errorf("keyring: recipients: %v: %w", s, format.ErrUnsupportedSuite)
	}
	record := make(format.Record, len(p.to))
	for i, k := range p.to {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("keyring: recipients: %w", err)
		}
		c, err := hpke.Seal(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), hpkeInfo(s, k.id, pairs), key)
		if err != nil {
			return nil, fmt.Errorf("keyring: recipients: %s: %w", k.id, err) // unreachable: a secret was made with it before
		}
		record[i] = format.WrappedKey{Provider: format.ProviderHPKE, KeyID: k.id, Ciphertext: c}
	}
	return format.MergeRecords(record), nil
}

// Decrypt opens a wrapped key under one of the private keys, in their order, until one opens. Errors: [ErrNoMatch] if none
// of the wrapped keys is for one of them, or there are none; [ErrAuthentication] if one was made for other pairs or another
// suite, or is damaged; an [UnwrapError] if several were tried.
func (p *Recipients) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	if !req.Suite.Supported() {
		return nil, fmt.Errorf("keyring: recipients: %v: %w", req.Suite, format.ErrUnsupportedSuite)
	}
	var errs []error
	for _, k := range p.opens {
		i := slices.IndexFunc(req.Record, func(w format.WrappedKey) bool {
			return w.Provider == format.ProviderHPKE && w.KeyID == k.public.id
		})
		if i < 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("keyring: recipients: %w", err)
		}
		key, err := k.open(req, i)
		if err == nil {
			return key, nil
		}
		errs = append(errs, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: recipients: %w", err)
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("keyring: recipients: none of %d private keys: %w", len(p.opens), ErrNoMatch)
	}
	return nil, unwrapError(errs)
}

// open opens the wrapped key with the index i. Its length is compared first, so that what HPKE opens is 32 bytes.
func (k *PrivateKey) open(req *DecryptRequest, i int) (*DataKey, error) {
	c := req.Record[i].Ciphertext
	if len(c) != k.public.alg.encapsulated+suite.DataKeySize+suite.TagSize {
		return nil, fmt.Errorf("keyring: recipients: %s: %w", k.public.id, ErrAuthentication)
	}
	key, err := hpke.Open(k.key(), hpke.HKDFSHA256(), hpke.AES256GCM(), hpkeInfo(req.Suite, k.public.id, req.Context), c)
	if err != nil {
		return nil, fmt.Errorf("keyring: recipients: %s: %w", k.public.id, ErrAuthentication)
	}
	defer clear(key)
	return NewDataKey(req.Suite, key, req.Record, i)
}

// hpkeInfo is what a wrapped key is bound to besides the keys (SPEC.md, Section 4.5). pairs are at most 8192 bytes, which
// the format checks.
func hpkeInfo(s format.Suite, keyID string, pairs format.Pairs) []byte {
	b := binary.BigEndian.AppendUint16([]byte("xinfeng/1 hpke"), uint16(s))
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(keyID))), keyID...)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(pairs))), pairs...)
}
