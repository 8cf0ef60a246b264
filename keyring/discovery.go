package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	// maxDiscoveryCalls bounds the Decrypt calls that one message can cause. Its entries are for anyone to edit and the
	// quota is everybody's, so sixteen of them must not cost sixteen calls.
	maxDiscoveryCalls = 3
	// maxConfirmed bounds the keys whose account is remembered. An account has fewer, and a key is some 150 bytes.
	maxConfirmed = 1024
)

// Discovery is a [KeyProvider] that opens the wrapped keys of any CMK of the accounts and regions that it was given, for
// tools that read what many have written: an audit, a migration, a restore. It only decrypts.
//
// It is the most trusting of the providers of CMKs: whoever may encrypt under any key there, a test key too, can write
// messages that it opens. Where the keys are known, [KMS] or a [Multi] of several is the better choice.
//
// A wrapped key is tried if its key id is the ARN of a key in one of the regions and one of the accounts; a bare id, an
// alias, and an ARN that is malformed are not. Of the message, the region serves to find the client that was configured
// for it, and nothing becomes part of an address. A message costs at most three Decrypt calls, however many wrapped keys
// it has. They are tried in the order of their ARNs, that is by region, account and key id: an order that neither the
// message nor the iteration of a map decides, so that the same message has the same outcome each time. Whoever prefers
// one region to another has a Multi of one Discovery for each.
//
// KMS says which key has answered by its bare id, which must be that of the entry. The region is that of the client. The
// account follows from neither: a client with credentials of an account that is not on the list opens what that account
// has, and where accounts can share keys also what a stranger shares with it, and either would pass under a label of an
// account that is. So when a key answers for the first time, KMS is asked for its ARN by one more call, DescribeKey, at
// most one a message, and the answer is taken if the ARN is that of the entry. A key keeps its account, so this is
// remembered, for up to 1024 keys. Readers need the rights to kms:Decrypt and kms:DescribeKey.
//
// It is safe for concurrent use.
type Discovery struct {
	regions  map[string]kmsapi.API
	accounts []string

	mu        sync.Mutex
	confirmed map[keyName]struct{} // guarded by mu; keys that are where their ARN says
}

var (
	_ KeyProvider = (*Discovery)(nil)
	_ Wrapper     = (*Discovery)(nil)
)

// NewDiscovery returns a provider that decrypts under any key of these regions and accounts, at least one of each.
// regions has a client for each region, by its name, 1 to 32 characters of a-z, 0-9 and hyphen; each must speak to the
// region that it stands for. accounts are decimal digits. Both are copied. It makes no call.
func NewDiscovery(regions map[string]kmsapi.API, accounts []string) (*Discovery, error) {
	if len(regions) == 0 {
		return nil, errors.New("keyring: discovery: no region")
	}
	if len(accounts) == 0 {
		return nil, errors.New("keyring: discovery: no account")
	}
	for name, api := range regions {
		if !only(name, maxRegion, isRegion) {
			return nil, fmt.Errorf("keyring: discovery: region %s is not 1 to %d characters of a-z, 0-9 and hyphen", quote(name), maxRegion)
		}
		if api == nil {
			return nil, fmt.Errorf("keyring: discovery: region %s: no API", name)
		}
	}
	for _, account := range accounts {
		if !only(account, maxAccount, isDigit) {
			return nil, fmt.Errorf("keyring: discovery: account %s is not 1 to %d digits", quote(account), maxAccount)
		}
	}
	return &Discovery{regions: maps.Clone(regions), accounts: slices.Clone(accounts), confirmed: map[keyName]struct{}{}}, nil
}

// GenerateDataKey answers errors.ErrUnsupported: there is no one key to write under.
func (d *Discovery) GenerateDataKey(context.Context, *GenerateDataKeyRequest) (*DataKey, error) {
	return nil, fmt.Errorf("keyring: discovery: it only decrypts: %w", errors.ErrUnsupported)
}

// Wrap answers errors.ErrUnsupported, so that a [Multi] for reading can be made with a Discovery.
func (d *Discovery) Wrap(context.Context, *WrapRequest) (format.Record, error) {
	return nil, fmt.Errorf("keyring: discovery: it only decrypts: %w", errors.ErrUnsupported)
}

// Decrypt opens a wrapped key of an allowed region and account: at most three Decrypt calls, and one DescribeKey if the
// key that answers has not done so before.
//
// Errors: [ErrNoMatch] if no wrapped key names such a key, or other keys answered than were named ([ErrWrongKey]);
// [ErrCallLimit] if there are wrapped keys that were not tried; [ErrAuthentication] and the causes of package kmsapi as for
// [KMS]. If several keys were tried, an [UnwrapError] has them all.
func (d *Discovery) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	ec, err := encryptionContext(req.Context)
	if err != nil {
		return nil, err
	}
	candidates := d.candidates(req.Record)
	if len(candidates) == 0 {
		return nil, fmt.Errorf("keyring: discovery: no key of an allowed region and account: %w", ErrNoMatch)
	}
	var errs []error
	described := false
	for i, m := range candidates {
		if i == maxDiscoveryCalls {
			errs = append(errs, fmt.Errorf("keyring: discovery: %d of %d wrapped keys not tried: %w", len(candidates)-i, len(candidates), ErrCallLimit))
			break
		}
		key, err := openBlob(ctx, d.regions[m.own.region], req, m, ec)
		if err == nil {
			if err = d.confirm(ctx, m.own, &described); err == nil {
				return key, nil
			}
			key.Destroy()
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			return nil, unwrapDone(ctx, errs)
		}
	}
	return nil, unwrapError(errs)
}

// candidates returns the wrapped keys that may be tried, in the order in which they are.
func (d *Discovery) candidates(record format.Record) []match {
	var c []match
	for i, e := range record {
		if e.Provider != format.ProviderKMS {
			continue
		}
		k, err := parseKeyName(e.KeyID)
		if err != nil || !k.isARN() || k.isAlias() || d.regions[k.region] == nil || !slices.Contains(d.accounts, k.account) {
			continue
		}
		c = append(c, match{i, k})
	}
	slices.SortStableFunc(c, func(a, b match) int {
		return cmp.Or(strings.Compare(a.own.region, b.own.region), strings.Compare(a.own.account, b.own.account), strings.Compare(a.own.name, b.own.name))
	})
	return c
}

// confirm returns nil if the key, which has answered by its bare id, is that of the account in its ARN. It asks at most
// once for as long as described is the same variable.
func (d *Discovery) confirm(ctx context.Context, key keyName, described *bool) error {
	d.mu.Lock()
	_, ok := d.confirmed[key]
	d.mu.Unlock()
	if ok {
		return nil
	}
	if *described {
		return fmt.Errorf("keyring: discovery: account of %v not asked for: %w", key, ErrCallLimit)
	}
	*described = true
	resp, err := d.regions[key.region].DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: key.name})
	if errors.Is(err, kmsapi.ErrKeyNotFound) {
		// It opened a blob a moment ago, so it exists, and not in the account that asked.
		return fmt.Errorf("keyring: discovery: describe %v: %w: %w: %w", key, ErrWrongKey, ErrNoMatch, err)
	}
	if err != nil {
		return fmt.Errorf("keyring: discovery: describe %v: %w", key, err)
	}
	if k, err := parseKeyName(resp.ARN); err != nil || k != key {
		return fmt.Errorf("keyring: discovery: describe %v: %s: %w: %w", key, quote(resp.ARN), ErrWrongKey, ErrNoMatch)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.confirmed) >= maxConfirmed {
		clear(d.confirmed) // they are asked for again, which is cheaper than to keep an order
	}
	d.confirmed[key] = struct{}{}
	return nil
}
