package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/keyring"
)

// keyFlags say under whose keys messages are written, and by whose they are opened: those of a key service, a passphrase,
// or people's public and private keys.
type keyFlags struct {
	serviceFlags
	keys       []string
	passphrase passphraseFlags
	recipients recipientFlags
	identities []string
	old        bool // of what is there already, while $XINFENG_KEY is of what is written
}

// register adds the flags of commands that write messages, open them, or both.
func (k *keyFlags) register(flags *pflag.FlagSet, writes, reads bool) {
	flags.StringArrayVarP(&k.keys, "key", "k", nil, "`key` of the service: id, alias or ARN; any one of several opens (may be repeated; default $XINFENG_KEY)")
	k.serviceFlags.register(flags)
	k.passphrase.register(flags)
	if writes {
		k.recipients.register(flags)
	}
	if reads {
		flags.StringArrayVarP(&k.identities, "identity", "i", nil, "open with the private key in `file` (may be repeated)")
	}
}

// registerFrom adds the flags that say by whose keys old messages are opened, where that may be others than write new ones.
func (k *keyFlags) registerFrom(flags *pflag.FlagSet) {
	k.old = true
	flags.StringArrayVar(&k.keys, "from-key", nil, "`key` of the service that opens what is there (may be repeated)")
	flags.StringVar(&k.kms, "from-kms", "", "key `service` that opens what is there: local or cloud (local opens under any of its keys)")
	flags.StringVar(&k.passphrase.file, "from-passphrase-file", "", "`file` with the passphrase that opens what is there")
	flags.StringArrayVar(&k.identities, "from-identity", nil, "`file` with the private key that opens what is there (may be repeated)")
}

// given reports whether anything says by whose keys.
func (k *keyFlags) given() bool {
	return len(k.keys) > 0 || k.kms != "" || k.keyless() != ""
}

// keyless returns a flag that was given and whose keys are of no service, "" if there is none.
func (k *keyFlags) keyless() string {
	name := ""
	switch {
	case k.passphrase.ask:
		name = "passphrase"
	case k.passphrase.file != "":
		name = "passphrase-file"
	case len(k.recipients.texts) > 0:
		name = "recipient"
	case len(k.recipients.files) > 0:
		name = "recipients-file"
	case len(k.identities) > 0:
		name = "identity"
	default:
		return ""
	}
	if k.old {
		name = "from-" + name
	}
	return "--" + name
}

// ofNoService reports whether all keys that the flags name are of no service.
func (k *keyFlags) ofNoService() bool { return len(k.keys) == 0 && k.keyless() != "" }

// check refuses flags that contradict each other. More has an entry for each use of the service for other keys than these: the
// value of the flag that names it, "" if it is that of these.
func (k *keyFlags) check(t *tool, more ...string) error {
	if err := k.passphrase.check(); err != nil {
		return err
	}
	if !k.ofNoService() {
		more = append(more, "")
	}
	return k.serviceFlags.check(t, k.keyless(), more...)
}

// checkFrom refuses flags for what is there that contradict each other. Those of the service are not among them.
func (k *keyFlags) checkFrom() error {
	if k.kms != "" && k.ofNoService() {
		return usagef("--from-kms and %s do not go together without --from-key: the latter needs no key service", k.keyless())
	}
	return nil
}

// writer returns the provider of new messages, behind a cache, so that a batch of messages costs one call.
func (k *keyFlags) writer(ctx context.Context, t *tool) (*keyring.Caching, error) {
	return k.provider(ctx, t, true)
}

// reader returns the provider that opens messages, behind a cache.
func (k *keyFlags) reader(ctx context.Context, t *tool) (*keyring.Caching, error) {
	if len(k.identities) > 0 && (len(k.keys) > 0 || k.passphrase.given()) {
		from := ""
		if k.old {
			from = "from-"
		}
		return nil, usagef("what --%[1]sidentity opens anyone may have written, unlike what --%[1]skey and a passphrase open: use one or the other", from)
	}
	return k.provider(ctx, t, false)
}

// provider returns the provider of all keys that the flags name, to write or to read; where they name none it is that of
// the service.
func (k *keyFlags) provider(ctx context.Context, t *tool, write bool) (*keyring.Caching, error) {
	var providers []keyring.KeyProvider
	if !k.ofNoService() {
		ps, err := k.ofService(ctx, t, write)
		if err != nil {
			return nil, err
		}
		providers = append(providers, ps...)
	}
	if k.passphrase.given() {
		p, err := k.passphrase.provider(ctx, t, write)
		if err != nil {
			return nil, err
		}
		providers = append(providers, p)
	}
	if k.recipients.given() || len(k.identities) > 0 {
		p, err := k.people(ctx)
		if err != nil {
			return nil, err
		}
		providers = append(providers, p)
	}
	p := providers[0]
	if len(providers) > 1 {
		multi, err := keyring.NewMulti(providers, nil)
		if err != nil {
			return nil, usageError{err}
		}
		p = multi
	}
	return keyring.NewCaching(p, nil)
}

// ofService returns the providers of the keys of the service: of those named, else of its default.
func (k *keyFlags) ofService(ctx context.Context, t *tool, write bool) ([]keyring.KeyProvider, error) {
	s, err := k.service(t)
	if err != nil {
		return nil, err
	}
	keys := t.keysOf(k.keys)
	if k.old && k.kms == "local" {
		keys = k.keys // none is any
	}
	if len(keys) == 0 && !write {
		p, err := s.opensAny()
		return []keyring.KeyProvider{p}, err
	}
	if len(keys) == 0 {
		if keys, err = s.writeTo(ctx); err != nil {
			return nil, err
		}
	}
	var providers []keyring.KeyProvider
	for _, key := range keys {
		api, err := s.api(key)
		if err != nil {
			return nil, err
		}
		name, err := s.resolve(ctx, key)
		if err != nil {
			return nil, err
		}
		p, err := keyring.NewKMS(api, name, nil)
		if err != nil {
			return nil, usageError{err}
		}
		providers = append(providers, p)
	}
	return providers, nil
}

// people returns the provider of the public and private keys.
func (k *keyFlags) people(ctx context.Context) (keyring.KeyProvider, error) {
	to, err := k.recipients.keys(ctx)
	if err != nil {
		return nil, err
	}
	var opens []*keyring.PrivateKey
	for _, path := range k.identities {
		key, err := readIdentity(ctx, path)
		if err != nil {
			return nil, err
		}
		opens = append(opens, key)
	}
	p, err := keyring.NewRecipients(to, opens)
	if err != nil {
		return nil, usageError{err}
	}
	return p, nil
}
