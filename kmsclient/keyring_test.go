package kmsclient_test

import (
	"os"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func newProvider(t testing.TB, c *kmsclient.Client, keyID string) *keyring.KMS {
	t.Helper()
	p, err := keyring.NewKMS(c, keyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The suite of providers, through this package, the SDK and the wire, to the reference KMS.
func TestKeyringConformance(t *testing.T) {
	for transport, newWorld := range map[string]func(testing.TB, kmsclient.Options) *world{
		"transport": newWorld,
		"socket":    newSocketWorld,
	} {
		for name, configured := range map[string]func(*refkms.KeyMetadata) string{
			"id":        func(k *refkms.KeyMetadata) string { return k.KeyID },
			"arn":       func(k *refkms.KeyMetadata) string { return k.ARN },
			"alias":     func(*refkms.KeyMetadata) string { return "alias/work" },
			"alias ARN": func(*refkms.KeyMetadata) string { return "acs:kms:cn-hangzhou:1234567890123456:alias/work" },
		} {
			t.Run(transport+"/"+name, func(t *testing.T) {
				keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
					w := newWorld(t, kmsclient.Options{})
					own, err := w.direct.CreateKey(t.Context(), nil)
					if err != nil {
						t.Fatal(err)
					}
					if err := w.direct.CreateAlias(t.Context(), "alias/work", own.KeyID); err != nil {
						t.Fatal(err)
					}
					return keyringtest.Harness{Provider: newProvider(t, w.client, configured(own)), Other: newProvider(t, w.client, w.key)}
				})
			})
		}
	}
}

// The same against the service itself: with two symmetric CMKs of one region for this, by their key ARNs, and credentials
// of the default chain that may use them. It costs some hundreds of calls.
//
//	XINFENG_KMS_KEY=acs:kms:… XINFENG_KMS_OTHER_KEY=acs:kms:… go test ./kmsclient -run RealService
func TestKeyringConformanceRealService(t *testing.T) {
	key, other := os.Getenv("XINFENG_KMS_KEY"), os.Getenv("XINFENG_KMS_OTHER_KEY")
	if key == "" || other == "" {
		t.Skip("XINFENG_KMS_KEY and XINFENG_KMS_OTHER_KEY name no CMKs of the real service")
	}
	regions, err := kmsclient.NewRegions(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := regions.ForARN(key)
	if err != nil {
		t.Fatal(err)
	}
	keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
		return keyringtest.Harness{Provider: newProvider(t, c, key), Other: newProvider(t, c, other)}
	})
}
