package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A service is a KMS: the one on this machine, or the cloud's.
type service interface {
	// api returns a client that speaks to the region of a key: a key id, an alias, or the ARN of either.
	api(key string) (kmsapi.API, error)
	// writeTo returns the keys that new messages are wrapped under if none is named.
	writeTo(ctx context.Context) ([]string, error)
	// resolve returns the name under which a provider of the key is configured.
	resolve(ctx context.Context, key string) (string, error)
	// opensAny returns the provider that opens messages if no key is named.
	opensAny() (keyring.KeyProvider, error)
	// do calls any operation of the service by its name, as refkms.Client.Do does. key, which may be an ARN, becomes the
	// parameter KeyId and says in which region; "" is none.
	do(ctx context.Context, key, action string, params map[string]string, out any) error
}

// serviceFlags say which KMS is meant.
type serviceFlags struct {
	kms, region, endpoint, dir string
}

func (s *serviceFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.kms, "kms", "", "key `service`: local or cloud (default $XINFENG_KMS, or local)")
	flags.StringVar(&s.dir, "dir", "", "`folder` of the local key service (default $XINFENG_DIR, or xinfeng in the folder of your configuration)")
	flags.StringVar(&s.region, "region", "", "`region` of cloud keys that are not named by ARN (default $XINFENG_REGION)")
	flags.StringVar(&s.endpoint, "endpoint", "", "`host` of the cloud's KMS, with <region> where it belongs (default $XINFENG_ENDPOINT, or the public one)")
}

// or returns the value of a flag, or that of an environment variable if the flag was not given.
func (t *tool) or(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return t.env(variable)
}

// service returns the KMS that the flags and the environment name.
func (s *serviceFlags) service(t *tool) (service, error) {
	switch kms := t.or(s.kms, "XINFENG_KMS"); kms {
	case "cloud":
		return newCloud(t.or(s.region, "XINFENG_REGION"), t.or(s.endpoint, "XINFENG_ENDPOINT"))
	case "", "local":
		return newLocal(t, t.or(s.dir, "XINFENG_DIR"))
	default:
		return nil, usagef("--kms %q: want local or cloud", kms)
	}
}

// check refuses flags of a service that nothing uses. Uses has an entry for each use of a service: what names it instead of
// --kms, or "". If --kms would be none of them, it is because of the flag keyless.
func (s *serviceFlags) check(t *tool, keyless string, uses ...string) error {
	local, cloud := false, false
	for _, kms := range uses {
		if t.or(cmp.Or(kms, s.kms), "XINFENG_KMS") == "cloud" {
			cloud = true
		} else {
			local = true
		}
	}
	for _, f := range []struct {
		name, value string
		used        bool
	}{
		{"--kms", s.kms, slices.Contains(uses, "")}, {"--dir", s.dir, local}, {"--region", s.region, cloud}, {"--endpoint", s.endpoint, cloud},
	} {
		switch {
		case f.value == "" || f.used:
		case len(uses) == 0 || f.name == "--kms":
			return usagef("%s and %s do not go together without --key: the latter needs no key service", f.name, keyless)
		case local:
			return usagef("%s is for --kms cloud, and the key service is the local one", f.name)
		default:
			return usagef("%s is for --kms local, and the key service is the cloud's", f.name)
		}
	}
	return nil
}

// folder returns the folder of the key service if it is the local one, "" otherwise.
func (s *serviceFlags) folder(t *tool) string {
	if t.or(s.kms, "XINFENG_KMS") == "cloud" {
		return ""
	}
	dir, err := localFolder(t.or(s.dir, "XINFENG_DIR"))
	if err != nil {
		return "" // which whoever opens the service is told
	}
	return dir
}

// keysOf returns the keys of --key or of XINFENG_KEY, where commas separate several.
func (t *tool) keysOf(flags []string) []string {
	if len(flags) > 0 {
		return flags
	}
	var keys []string
	for _, k := range strings.Split(t.env("XINFENG_KEY"), ",") {
		if k = strings.TrimSpace(k); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

var errNoKey = usageError{errors.New("want --key: the id, alias or ARN of a key")}
