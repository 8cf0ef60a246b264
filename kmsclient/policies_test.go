package kmsclient_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The policies in testdata/policies, which the README quotes, are the least: each service can do its part with its own,
// nothing with those of the others, and nothing under another CMK.
func TestLeastPolicies(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	own, err := w.direct.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: w.key})
	if err != nil {
		t.Fatal(err)
	}
	other, err := w.direct.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for alias, key := range map[string]string{"alias/own": own.KeyID, "alias/other": other.KeyID} {
		if err := w.direct.CreateAlias(t.Context(), alias, key); err != nil {
			t.Fatal(err)
		}
	}
	const exampleARN = "acs:kms:cn-hangzhou:1234567890123456:key/1234abcd-12ab-34cd-56ef-12345678abcd"
	services := map[string]*kmsclient.Client{}
	account := refkms.AccountConfig{ID: refkms.DefaultAccount}
	for _, name := range []string{"encrypt", "decrypt", "decrypt-by-alias", "rewrap"} {
		policy, err := os.ReadFile("testdata/policies/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(policy), exampleARN) != 1 {
			t.Fatalf("%s.json is not about %s", name, exampleARN)
		}
		account.Policies = append(account.Policies, refkms.PolicyConfig{Name: name, Document: json.RawMessage(strings.Replace(string(policy), exampleARN, own.ARN, 1))})
		account.Users = append(account.Users, refkms.UserConfig{Name: name, Policies: []string{name},
			AccessKeys: []refkms.AccessKeyConfig{{ID: "LTAI" + name, Secret: "none-to-copy"}}})
		services[name] = newClient(t, kmsclient.Options{Transport: w.server.Transport(), Credential: accessKey(t, "LTAI"+name, "none-to-copy")})
	}
	if err := w.server.Apply(&refkms.Config{Accounts: []refkms.AccountConfig{account}}); err != nil {
		t.Fatal(err)
	}
	ec := envelope.Context{"tenant": "42"}
	for _, cmk := range []struct {
		own            bool
		id, arn, alias string
	}{
		{true, own.KeyID, own.ARN, "alias/own"},
		{false, other.KeyID, other.ARN, "alias/other"},
	} {
		message, err := newEnvelope(t, newProvider(t, w.client, cmk.arn)).Encrypt(t.Context(), []byte("hello"), ec)
		if err != nil {
			t.Fatal(err)
		}
		for name, service := range services {
			for _, id := range []string{cmk.id, cmk.arn, cmk.alias} {
				client := newEnvelope(t, newProvider(t, service, id))
				_, encrypt := client.Encrypt(t.Context(), []byte("hello"), ec)
				_, decrypt := client.Decrypt(t.Context(), message, ec)
				_, rewrap := client.Rewrap(t.Context(), new(bytes.Buffer), bytes.NewReader(message), ec, nil)
				byAlias := id == cmk.alias
				for what, did := range map[string]struct {
					err error
					may bool
				}{
					"encrypt": {encrypt, name == "encrypt"},
					"decrypt": {decrypt, name == "decrypt" && !byAlias || name == "decrypt-by-alias"},
					"rewrap":  {rewrap, name == "rewrap" && !byAlias},
				} {
					if did.may && cmk.own && did.err != nil {
						t.Errorf("%s under %s with the policy to %s = %v", what, id, name, did.err)
					} else if !(did.may && cmk.own) && !errors.Is(did.err, kmsapi.ErrAccessDenied) {
						t.Errorf("%s under %s with the policy to %s = %v, want ErrAccessDenied", what, id, name, did.err)
					}
				}
			}
		}
	}
}
