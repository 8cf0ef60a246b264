package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	// aliasAge is how long the answer to "what does the alias point at" is not asked for again.
	aliasAge = time.Minute
	// maxOpens bounds KMSOptions.Opens, and with it the calls that one message can cause.
	maxOpens = 64
)

// KMS is the [KeyProvider] of one customer master key (CMK). Data keys are generated and wrapped by GenerateDataKey and
// opened by Decrypt of KMS, with the stored pairs of the message as encryption context.
//
// KMS takes no key id when it decrypts, so the label of a wrapped key proves nothing. The provider compares the key that
// answered with its own after every call, and wipes the answer if they differ.
//
// Configured by an alias, it writes under what the alias points at, and opens messages of the key that the alias points
// at now and of the keys in [KMSOptions.Opens]. Whoever re-points an alias lists the old key there until all its messages
// are rewrapped. What the alias points at is asked by DescribeKey when the first message is opened, and again when a
// message names a key that is not known, at most once a minute.
//
// It is safe for concurrent use.
type KMS struct {
	api   kmsapi.API
	key   keyName   // as configured: key or alias
	opens []keyName // further keys

	// asking is held by the one caller who asks for the alias; a channel, so that others can wait with their context.
	asking chan struct{}
	mu     sync.Mutex
	target keyName   // guarded by mu; what the alias pointed at when last asked, empty before
	asked  time.Time // guarded by mu; when, zero before
	last   error     // guarded by mu; of the last time, if target is older than that
}

var (
	_ KeyProvider = (*KMS)(nil)
	_ Wrapper     = (*KMS)(nil)
)

// KMSOptions are the options of [NewKMS].
type KMSOptions struct {
	// Opens lists further CMKs, by id or key ARN, whose messages may be opened: those that the alias pointed at before.
	// They are not written under. At most 64; default none.
	Opens []string
}

// NewKMS returns the provider of a CMK, named by its key id, an alias ("alias/Apollo/WorkKey"), or the ARN of either. An
// ARN tells region and account, and makes the wrapped keys carry the ARN of their CMK; api must speak to that region, for
// requests carry the bare id or alias only. It makes no call.
func NewKMS(api kmsapi.API, keyID string, opts *KMSOptions) (*KMS, error) {
	if api == nil {
		return nil, errors.New("keyring: kms: no API")
	}
	key, err := parseKeyName(keyID)
	if err != nil {
		return nil, fmt.Errorf("keyring: kms: %s: %w", quote(keyID), err)
	}
	if opts == nil {
		opts = &KMSOptions{}
	}
	if len(opts.Opens) > maxOpens {
		return nil, fmt.Errorf("keyring: kms: %d further keys, limit %d", len(opts.Opens), maxOpens)
	}
	p := &KMS{api: api, key: key, asking: make(chan struct{}, 1)}
	for _, id := range opts.Opens {
		k, err := parseKeyName(id)
		if err != nil || k.isAlias() {
			return nil, fmt.Errorf("keyring: kms: further key %s: %w", quote(id), errKeyName)
		}
		p.opens = append(p.opens, k)
	}
	return p, nil
}

// GenerateDataKey asks KMS for a data key of 32 bytes: one GenerateDataKey call.
//
// Errors: the causes of package kmsapi; [ErrContextTooLong] before any call; [ErrWrongKey] and [ErrInvalidDataKey] if the
// service answers with another key or not with 32 bytes.
func (p *KMS) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	ec, err := encryptionContext(req.Context)
	if err != nil {
		return nil, err
	}
	resp, err := p.api.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{
		KeyID: p.key.name, NumberOfBytes: suite.DataKeySize, EncryptionContext: ec,
	})
	if err != nil {
		return nil, fmt.Errorf("keyring: kms: generate data key under %v: %w", p.key, err)
	}
	defer resp.Plaintext.Clear()
	entry, err := p.entry(resp.KeyID, resp.CiphertextBlob)
	if err != nil {
		return nil, fmt.Errorf("keyring: kms: generate data key under %v: %w", p.key, err)
	}
	return textKey(req.Suite, resp.Plaintext, format.Record{entry}, 0)
}

// Decrypt opens the wrapped key of the provider's own CMK: at most one Decrypt call for each configured key that the
// message names, and for a provider configured by alias at most one DescribeKey. Its own order decides, not the message's.
//
// Errors: [ErrNoMatch] if no wrapped key is of a configured CMK, or another CMK answered; [ErrAuthentication] if KMS finds
// ciphertext or encryption context invalid, or what it opened is no data key; else the causes of package kmsapi. If several
// keys were tried, an [UnwrapError] has them all.
func (p *KMS) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	ec, err := encryptionContext(req.Context)
	if err != nil {
		return nil, err
	}
	matches, err := p.match(ctx, req.Record)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, m := range matches {
		key, err := openBlob(ctx, p.api, req, m, ec)
		if err == nil {
			return key, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			return nil, unwrapDone(ctx, errs)
		}
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("keyring: kms: %v: %w", p.key, ErrNoMatch)
	}
	return nil, unwrapError(errs)
}

// A match is a wrapped key in a record that bears the name of one of the provider's keys.
type match struct {
	index int
	own   keyName
}

// match returns at most one wrapped key for each of the provider's keys, in the provider's order. If it is configured by
// an alias and the record names a key it does not know, it asks what the alias points at.
func (p *KMS) match(ctx context.Context, record format.Record) ([]match, error) {
	named := names(record)
	own := p.opens
	if !p.key.isAlias() {
		own = slices.Concat([]keyName{p.key}, own)
	} else if target, ok := p.pointsAt(); ok {
		own = slices.Concat([]keyName{target}, own)
	}
	matches := matchNames(record, named, own)
	if len(matches) > 0 || !p.key.isAlias() || !slices.ContainsFunc(named, func(k keyName) bool { return k.name != "" }) {
		return matches, nil
	}
	target, err := p.ask(ctx)
	if err != nil {
		return nil, err
	}
	return matchNames(record, named, []keyName{target}), nil
}

// names returns the keys that the entries of a record name, zero where an entry is of another provider, names an alias, or
// is malformed.
func names(record format.Record) []keyName {
	named := make([]keyName, len(record))
	for i, e := range record {
		if e.Provider != format.ProviderKMS {
			continue
		}
		if k, err := parseKeyName(e.KeyID); err == nil && !k.isAlias() {
			named[i] = k
		}
	}
	return named
}

// matchNames returns at most one entry for each key in own, in the order of own.
func matchNames(record format.Record, named, own []keyName) []match {
	var matches []match
	taken := make([]bool, len(named))
	for _, o := range own {
		found := -1
		for i, n := range named {
			if n.name == "" || taken[i] || !n.same(o) {
				continue
			}
			// Of two names of one key only the one spelt as configured is tried, so that an entry more buys no call more.
			if found < 0 || record[i].KeyID == o.String() {
				found = i
			}
		}
		if found >= 0 {
			taken[found] = true
			matches = append(matches, match{found, o})
		}
	}
	return matches
}

// pointsAt returns what the alias pointed at when it was last asked.
func (p *KMS) pointsAt() (keyName, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target, p.target.name != ""
}

// ask asks KMS what the alias points at: one DescribeKey, unless somebody asked less than a minute ago or is asking now.
// As long as nobody has had an answer, everybody may ask.
func (p *KMS) ask(ctx context.Context) (keyName, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return keyName{}, fmt.Errorf("keyring: kms: %v: %w", p.key, ctx.Err())
	}
	p.mu.Lock()
	target, last := p.target, p.last
	fresh := target.name != "" && time.Since(p.asked) < aliasAge
	p.mu.Unlock()
	if fresh {
		return target, last
	}
	answer, err := p.describe(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.target = answer
	}
	if ctx.Err() == nil { // a caller who gave up has not asked
		p.asked, p.last = time.Now(), err
	}
	return answer, err
}

func (p *KMS) describe(ctx context.Context) (keyName, error) {
	resp, err := p.api.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: p.key.name})
	if err != nil {
		return keyName{}, fmt.Errorf("keyring: kms: describe %v: %w", p.key, err)
	}
	k, err := parseKeyName(resp.KeyID)
	if err != nil || k.isAlias() {
		return keyName{}, fmt.Errorf("keyring: kms: describe %v: %s: %w", p.key, quote(resp.KeyID), ErrWrongKey)
	}
	return p.key.with(k.name), nil
}

// entry makes the wrapped key of an answer. The key that answered must be the one configured or, for an alias, any key:
// then the service says what the alias points at.
func (p *KMS) entry(answeredBy, blob string) (format.WrappedKey, error) {
	answered, err := parseKeyName(answeredBy)
	if err != nil || answered.isAlias() || !p.key.isAlias() && !answered.same(p.key) {
		return format.WrappedKey{}, fmt.Errorf("%s: %w", quote(answeredBy), ErrWrongKey)
	}
	ciphertext, err := base64.StdEncoding.Strict().DecodeString(blob)
	if err != nil || len(ciphertext) == 0 || len(ciphertext) > format.MaxCiphertextSize {
		return format.WrappedKey{}, fmt.Errorf("ciphertext blob of %d characters is not base64 of 1 to %d bytes: %w",
			len(blob), format.MaxCiphertextSize, ErrInvalidDataKey)
	}
	return format.WrappedKey{Provider: format.ProviderKMS, KeyID: p.key.with(answered.name).String(), Ciphertext: ciphertext}, nil
}

// Wrap wraps a data key under the provider's CMK: one Encrypt call. Without a data key it renews its own wrapped key in
// the record under the newest version of the same CMK: one ReEncrypt call, and for a provider configured by alias at most
// one DescribeKey. A record without a wrapped key of that CMK, or a service without ReEncrypt, is [ErrNeedKey].
//
// Errors: the causes of package kmsapi; [ErrContextTooLong]; [ErrWrongKey] if another key answered. ReEncrypt moves no
// data key from one CMK to another, since it cannot see what it moves: readers of the other would become readers of
// whatever somebody put in the record.
func (p *KMS) Wrap(ctx context.Context, req *WrapRequest) (format.Record, error) {
	ec, err := encryptionContext(req.Context)
	if err != nil {
		return nil, err
	}
	if req.Key == nil {
		return p.renew(ctx, req, ec)
	}
	var resp *kmsapi.EncryptResponse
	err = req.Key.Lend(func(key []byte) error {
		text := kmsapi.NewPlaintext(base64.StdEncoding.AppendEncode(nil, key))
		defer text.Clear()
		resp, err = p.api.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: p.key.name, Plaintext: text, EncryptionContext: ec})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keyring: kms: encrypt under %v: %w", p.key, err)
	}
	entry, err := p.entry(resp.KeyID, resp.CiphertextBlob)
	if err != nil {
		return nil, fmt.Errorf("keyring: kms: encrypt under %v: %w", p.key, err)
	}
	// The entry takes the place of the one that the record has of this key, however that is spelt: beside it the old one
	// would stay in use.
	if own, err := parseKeyName(entry.KeyID); err == nil {
		if m := matchNames(req.Record, names(req.Record), []keyName{own}); len(m) > 0 {
			entry.KeyID = req.Record[m[0].index].KeyID
		}
	}
	return format.Record{entry}, nil
}

func (p *KMS) renew(ctx context.Context, req *WrapRequest, ec map[string]string) (format.Record, error) {
	own := p.key
	if own.isAlias() {
		var err error
		if own, err = p.ask(ctx); err != nil {
			return nil, err
		}
	}
	m := matchNames(req.Record, names(req.Record), []keyName{own})
	if len(m) == 0 {
		return nil, fmt.Errorf("keyring: kms: reencrypt under %v: %w", own, ErrNeedKey)
	}
	resp, err := p.api.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{
		CiphertextBlob:               base64.StdEncoding.EncodeToString(req.Record[m[0].index].Ciphertext),
		SourceEncryptionContext:      ec,
		DestinationKeyID:             own.name, // never the alias, which may be re-pointed between two calls
		DestinationEncryptionContext: ec,
	})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, fmt.Errorf("keyring: kms: reencrypt under %v: %w", own, ErrNeedKey)
	case errors.Is(err, kmsapi.ErrInvalidCiphertext):
		return nil, fmt.Errorf("keyring: kms: reencrypt under %v: %w: %w", own, ErrAuthentication, err)
	case err != nil:
		return nil, fmt.Errorf("keyring: kms: reencrypt under %v: %w", own, err)
	}
	// The answer names the key that opened the source.
	if source, err := parseKeyName(resp.KeyID); err != nil || !source.same(own) {
		return nil, fmt.Errorf("keyring: kms: reencrypt under %v: %s: %w", own, quote(resp.KeyID), ErrWrongKey)
	}
	entry, err := p.entry(own.name, resp.CiphertextBlob)
	if err != nil {
		return nil, fmt.Errorf("keyring: kms: reencrypt under %v: %w", own, err)
	}
	entry.KeyID = req.Record[m[0].index].KeyID // however it is spelt: it takes the place of the old one
	return format.Record{entry}, nil
}
