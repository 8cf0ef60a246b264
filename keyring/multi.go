package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
)

// Multi is the [KeyProvider] of several others, for example of CMKs in two regions, or of a CMK and a recovery key. The
// first generates the data keys and the others wrap them, so that each message can be opened by any one of them.
//
// Writing is all or nothing: if one of the providers cannot wrap, there is no data key and no message. A message that
// silently lacks its recovery entry would be found out on the day it is needed. Whoever would rather write in one region
// than not at all has a second Multi for it. That a message opens says nothing about its other entries, which whoever can
// edit it can spoil: try a recovery key by itself.
//
// Reading asks the providers in the order given, never the message's, until one opens, so it goes on when a region is
// lost. At most every provider is asked once: the calls that a message can cause are the sum of theirs.
//
// A provider that proves no sender ([UnauthenticatedSender]) is written to like any other and not asked when reading,
// unless [MultiOptions] says so in words: anyone who knows a public key can make a message with an entry for it, and
// would have it opened beside those of people who hold a key. So one Multi writes for the CMK and the recovery key, and
// reads by the CMK alone; the recovery tool reads by the recovery key.
//
// A cache belongs around a Multi, not inside: one inside spares the first provider's call and none of the others'.
//
// It is safe for concurrent use if its providers are.
type Multi struct {
	providers []KeyProvider
	readers   []int   // of the providers that Decrypt asks
	unasked   []error // by provider: why Decrypt does not ask it, nil if it does

	hedge                       time.Duration
	percentile                  int        // 0 if the delay is always hedge
	histories                   []*history // by provider, nil without a percentile
	decrypts, hedges, hedgesWon atomic.Int64
}

var (
	_ KeyProvider = (*Multi)(nil)
	_ Wrapper     = (*Multi)(nil)
)

// MultiOptions are the options of [NewMulti].
type MultiOptions struct {
	// Hedge is how long Decrypt waits for a provider before it asks the next one besides. The first good answer wins and
	// the others are cancelled. Set to what nearly every answer stays below, it costs few calls more, and a region that
	// hangs costs this time instead of a timeout. Default 0: the next one is asked when the one before has failed.
	// Negative is refused. [Multi.Stats] counts. With HedgePercentile it is the longest delay there is, by default a second.
	Hedge time.Duration

	// HedgePercentile, 1 to 99, has the delay follow each provider by itself: the next one is asked when it takes longer
	// than this percentage of its last 128 answers, but at least 1 ms. 95 makes five calls of a hundred twice. Answers
	// that lost to a hedge count with the time that they were waited for; failures do not count. Until a provider has
	// answered 32 times the delay is Hedge. [Multi.HedgeDelays] tells what has come of it. Default 0: the delay is Hedge.
	// Other numbers are refused.
	HedgePercentile int

	// InsecureAllowUnauthenticatedSenders has Decrypt also ask providers that prove no sender. Anyone who can write where
	// messages lie and knows the public key can then have a message of his own opened; [DataKey.OpenedBy], or Info of
	// package envelope, tells by which provider a message was opened. Default false.
	InsecureAllowUnauthenticatedSenders bool
}

// NewMulti returns a provider of providers, 1 to 16. The first generates; each of the others must have the method of
// [Wrapper], else the error matches errors.ErrUnsupported. One that answers errors.ErrUnsupported when asked to wrap is
// for reading only, and GenerateDataKey then fails likewise. opts may be nil. It makes no call.
func NewMulti(providers []KeyProvider, opts *MultiOptions) (*Multi, error) {
	if len(providers) == 0 || len(providers) > format.MaxWrappedKeys {
		return nil, fmt.Errorf("keyring: multi: %d providers, want 1 to %d", len(providers), format.MaxWrappedKeys)
	}
	if opts == nil {
		opts = &MultiOptions{}
	}
	if opts.Hedge < 0 {
		return nil, fmt.Errorf("keyring: multi: hedge after %v, want 0 or more", opts.Hedge)
	}
	if opts.HedgePercentile < 0 || opts.HedgePercentile > 99 {
		return nil, fmt.Errorf("keyring: multi: hedge by percentile %d, want 1 to 99", opts.HedgePercentile)
	}
	m := &Multi{
		providers:  slices.Clone(providers),
		unasked:    make([]error, len(providers)),
		hedge:      opts.Hedge,
		percentile: opts.HedgePercentile,
	}
	if m.percentile > 0 {
		m.hedge = cmp.Or(m.hedge, maxHedge)
		for range providers {
			m.histories = append(m.histories, new(history))
		}
	}
	for i, p := range m.providers {
		if p == nil {
			return nil, fmt.Errorf("keyring: multi: %s is nil", m.name(i))
		}
		if _, ok := p.(Wrapper); !ok && i > 0 {
			return nil, fmt.Errorf("keyring: multi: %s cannot wrap a data key of another: %w", m.name(i), errors.ErrUnsupported)
		}
		if !opts.InsecureAllowUnauthenticatedSenders && provesNoSender(p) {
			m.unasked[i] = fmt.Errorf("keyring: multi: %s was not asked, InsecureAllowUnauthenticatedSenders allows it: %w: %w",
				m.name(i), ErrUnauthenticatedSender, ErrNoMatch)
			continue
		}
		m.readers = append(m.readers, i)
	}
	return m, nil
}

// name tells a provider in the text of errors. Its own errors say which key it is of.
func (m *Multi) name(i int) string { return fmt.Sprintf("provider %d of %d", i+1, len(m.providers)) }

// Unwrap returns the providers that Decrypt asks, in order. A Multi counts as an [UnauthenticatedSender] if one of these
// does, so a Multi inside another that was told to read by such a provider is not asked unless the outer one was told so,
// too; one that only writes to it is.
func (m *Multi) Unwrap() []KeyProvider {
	readers := make([]KeyProvider, len(m.readers))
	for n, i := range m.readers {
		readers[n] = m.providers[i]
	}
	return readers
}

// GenerateDataKey asks the first provider for a data key and all others, at the same time, to wrap it; it returns when
// the last has answered. The calls are those of a GenerateDataKey of the first and a Wrap of each other.
//
// Errors: those of the providers, all that failed; [ErrDuplicateKey] if two of them wrap under one key;
// errors.ErrUnsupported if one cannot wrap; format.ErrInvalid if the wrapped keys together are more than 16 or too long
// for a record, or a provider answers without one. Whatever was generated is then wiped.
func (m *Multi) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	key, err := m.providers[0].GenerateDataKey(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("keyring: multi: %s: %w", m.name(0), err)
	}
	if len(m.providers) == 1 {
		return key, nil
	}
	defer key.Destroy()
	if key.Suite() != req.Suite {
		return nil, fmt.Errorf("keyring: multi: %s: data key for %v, want %v: %w", m.name(0), key.Suite(), req.Suite, ErrInvalidDataKey)
	}
	records, err := m.wrap(ctx, &WrapRequest{Suite: req.Suite, Context: req.Context, Key: key}, 1)
	if err != nil {
		return nil, err
	}
	records[0] = key.Record()
	record, err := m.merge(records)
	if err != nil {
		return nil, err
	}
	provider, id := key.OpenedBy()
	opener := slices.IndexFunc(record, func(w format.WrappedKey) bool { return w.Provider == provider && w.KeyID == id })
	var all *DataKey
	err = key.Lend(func(b []byte) (err error) {
		all, err = NewDataKey(req.Suite, b, record, opener)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keyring: multi: %w", err)
	}
	return all, nil
}

// Wrap asks all providers, the first too, to wrap the data key, at the same time, and merges what they answer; it returns
// when the last has answered. Without a data key each renews its own entries of the record; if one answers [ErrNeedKey]
// then that is the result, and with the data key each makes its entries anew.
//
// Errors: as of GenerateDataKey; errors.ErrUnsupported if any provider cannot wrap.
func (m *Multi) Wrap(ctx context.Context, req *WrapRequest) (format.Record, error) {
	records, err := m.wrap(ctx, req, 0)
	if err != nil {
		return nil, err
	}
	return m.merge(records)
}

// wrap asks the providers from first on, each in a goroutine that ends within the call. Records are by provider. None is
// stopped because another failed: so the errors, and whether ErrNeedKey is among them, are the same each time.
func (m *Multi) wrap(ctx context.Context, req *WrapRequest, first int) ([]format.Record, error) {
	records, errs := make([]format.Record, len(m.providers)), make([]error, len(m.providers))
	var wg sync.WaitGroup
	for i := first; i < len(m.providers); i++ {
		wg.Go(func() {
			if records[i], errs[i] = wrapBy(ctx, m.providers[i], req); errs[i] != nil {
				errs[i] = fmt.Errorf("keyring: multi: %s: %w", m.name(i), errs[i])
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if errors.Is(err, ErrNeedKey) {
			return nil, err
		}
	}
	errs = said(errs)
	switch len(errs) {
	case 0:
		return records, nil
	case 1:
		return nil, errs[0]
	}
	return nil, errors.Join(errs...)
}

func wrapBy(ctx context.Context, p KeyProvider, req *WrapRequest) (format.Record, error) {
	w, ok := p.(Wrapper)
	if !ok {
		return nil, fmt.Errorf("it cannot wrap a data key: %w", errors.ErrUnsupported)
	}
	record, err := w.Wrap(ctx, req)
	if err != nil {
		return nil, err
	}
	return record, record.Check() // an empty one among them: nobody is left out in silence
}

// merge makes one record of those of all providers.
func (m *Multi) merge(records []format.Record) (format.Record, error) {
	for i, r := range records {
		for _, e := range r {
			for _, before := range records[:i] {
				if slices.ContainsFunc(before, func(o format.WrappedKey) bool { return o.Provider == e.Provider && o.KeyID == e.KeyID }) {
					return nil, fmt.Errorf("keyring: multi: %s: %s %s: %w", m.name(i), e.Provider, quote(e.KeyID), ErrDuplicateKey)
				}
			}
		}
	}
	record := format.MergeRecords(records...)
	if err := record.Check(); err != nil {
		return nil, fmt.Errorf("keyring: multi: wrapped keys of all providers: %w", err)
	}
	return record, nil
}

// Decrypt asks one provider after the other, in the order given, until one opens a wrapped key. [DataKey.OpenedBy] says
// which that was.
//
// Errors: [ErrNoMatch] if no provider found a wrapped key of its own; what a provider says if it is the only one that was
// asked; else an [UnwrapError] with what all of them say, in order. A provider that is not asked because it proves no
// sender is among them with [ErrUnauthenticatedSender]. Once the context is done nobody is asked any more.
//
// With [MultiOptions.Hedge] it does not wait for a provider that it gave up: a call of that provider may still be on its
// way back, with a context that is done, when Decrypt returns. What it brings is wiped.
func (m *Multi) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: multi: %w", err)
	}
	if m.hedge > 0 && len(m.readers) > 1 {
		return m.decryptHedged(ctx, req)
	}
	errs := slices.Clone(m.unasked)
	for _, i := range m.readers {
		key, err := m.providers[i].Decrypt(ctx, req)
		if err == nil {
			return key, nil
		}
		errs[i] = err
		if ctx.Err() != nil {
			return nil, unwrapDone(ctx, said(errs))
		}
	}
	return nil, unwrapError(said(errs))
}

// said returns what the providers said, without the nil of those that had no turn. It modifies errs.
func said(errs []error) []error {
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
