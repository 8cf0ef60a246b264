package keyring_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// Every provider under every decorator; alone they pass in their own files.
func TestConformanceUnderDecorators(t *testing.T) {
	type pair struct{ provider, other, writer keyring.KeyProvider }
	providers := map[string]func(t *testing.T) pair{
		"raw": func(t *testing.T) pair { return pair{newRaw(t, "a", 1), newRaw(t, "b", 2), nil} },
		"passphrase": func(t *testing.T) pair {
			return pair{newPassphrase(t, "a", "one"), newPassphrase(t, "b", "two"), nil}
		},
		"kms": func(t *testing.T) pair {
			api := newFakeKMS(prod, dev)
			return pair{newKMS(t, api, prodARN), newKMS(t, api, dev), nil}
		},
		"multi": func(t *testing.T) pair {
			api := newFakeKMS(prod, dev)
			return pair{newMulti(t, nil, newKMS(t, api, prodARN), newRaw(t, "a", 1)), newMulti(t, nil, newKMS(t, api, dev), newRaw(t, "b", 2)), nil}
		},
		"discovery": func(t *testing.T) pair {
			api := newRegion("cn-hangzhou", account, prod)
			return pair{newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account), nil, newKMS(t, api, prodARN)}
		},
	}
	for name, newPair := range providers {
		for _, d := range []struct {
			name    string
			wrap    func(t *testing.T, p keyring.KeyProvider) keyring.KeyProvider
			reusing bool
		}{
			{"caching", func(t *testing.T, p keyring.KeyProvider) keyring.KeyProvider { return newCaching(t, p, nil) }, true},
			{"multi", func(t *testing.T, p keyring.KeyProvider) keyring.KeyProvider { return newMulti(t, nil, p) }, false},
			{"caching of multi", func(t *testing.T, p keyring.KeyProvider) keyring.KeyProvider {
				return newCaching(t, newMulti(t, nil, p), nil)
			}, true},
			{"multi of caching", func(t *testing.T, p keyring.KeyProvider) keyring.KeyProvider {
				return newMulti(t, nil, newCaching(t, p, nil))
			}, true},
		} {
			t.Run(name+" under "+d.name, func(t *testing.T) {
				keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
					p := newPair(t)
					h := keyringtest.Harness{Provider: d.wrap(t, p.provider), Writer: p.writer, ReusesDataKeys: d.reusing && p.writer == nil}
					if p.other == nil {
						h.OpensAllOfItsKind = true
					} else {
						h.Other = d.wrap(t, p.other)
					}
					return h
				})
			})
		}
	}
}
