package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/keyring"
)

// keyFlags say under whose keys messages are written, and by whose they are opened.
type keyFlags struct {
	serviceFlags
	keys []string
}

func (k *keyFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&k.keys, "key", "k", nil, "`key` of the service: id, alias or ARN; any one of several opens (may be repeated; default $XINFENG_KEY)")
	k.serviceFlags.register(flags)
}

// writer returns the provider of new messages, behind a cache, so that a batch of messages costs one call.
func (k *keyFlags) writer(ctx context.Context, t *tool) (*keyring.Caching, error) {
	p, err := k.provider(ctx, t, true)
	if err != nil {
		return nil, err
	}
	return keyring.NewCaching(p, nil)
}

// reader returns the provider that opens messages, behind a cache.
func (k *keyFlags) reader(ctx context.Context, t *tool) (*keyring.Caching, error) {
	p, err := k.provider(ctx, t, false)
	if err != nil {
		return nil, err
	}
	return keyring.NewCaching(p, nil)
}

// provider returns the provider, to write or to read.
func (k *keyFlags) provider(ctx context.Context, t *tool, write bool) (keyring.KeyProvider, error) {
	s, err := k.service(t)
	if err != nil {
		return nil, err
	}
	keys := t.keysOf(k.keys)
	if len(keys) == 0 {
		if !write {
			return s.opensAny()
		}
		if keys, err = s.writeTo(ctx); err != nil {
			return nil, err
		}
	}
	return kmsProvider(ctx, s, keys)
}
