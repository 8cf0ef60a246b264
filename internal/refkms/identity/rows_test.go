package identity_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity/identitytest"
)

// Every operation needs exactly the rights of its row: with them it is not denied, without one of them it is, on the
// resource of that one. An operation without a row fails the test.
func TestRows(t *testing.T) {
	tested := map[string]bool{}
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&pair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicKey := base64.StdEncoding.EncodeToString(der)
	for _, row := range identitytest.Rows {
		t.Run(row.Action+" "+row.Params, func(t *testing.T) {
			w := newWorld(t)
			if w.table.Lookup(row.Action) == nil {
				t.Skip("the service does not have it")
			}
			tested[row.Action] = true
			k1, k2 := w.newKey(), w.newKey()
			w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k1)
			w.ok("CreateSecret", "SecretName", "s", "VersionId", "v", "SecretData", "x", "EncryptionKeyId", k1)
			w.ok("CreateSecret", "SecretName", "d", "VersionId", "v", "SecretData", "x")
			fill := strings.NewReplacer("$1", k1, "$2", k2, "$none", "11111111-1111-4111-8111-111111111111", "$R:", arns,
				"$blob", w.ok("Encrypt", "KeyId", k1, "Plaintext", "x").str("CiphertextBlob"),
				"$digest", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "$rsa", publicKey)
			params, pairs := row.Fill(fill)
			grant := func(pairs [][2]string) (policies []string) {
				for _, p := range pairs {
					policies = append(policies, allow([]string{p[0]}, []string{p[1]}))
				}
				return policies
			}
			denied := func(who, want string, policies ...string) {
				t.Helper()
				if want == "*" {
					want = "" // what has no resource is not named
				}
				if missing, ok := w.user(who, policies...).may(row.Action, params...); ok || w.table.Lookup(row.Action).Product == 0 && missing != want {
					t.Errorf("denied on %q, allowed %v, want denied on %q", missing, ok, want)
				}
			}
			for i, p := range pairs {
				denied("without-"+string(rune('a'+i)), p[1], grant(slices.Delete(slices.Clone(pairs), i, i+1))...)
				// One statement that denies is stronger than rights to everything.
				denied("denied-"+string(rune('a'+i)), p[1], allow(all, all), deny([]string{p[0]}, []string{p[1]}))
			}
			if missing, ok := w.user("with-all", grant(pairs)...).may(row.Action, params...); !ok {
				t.Errorf("with all rights it is denied on %q", missing)
			}
		})
	}
	for _, name := range newWorld(t).table.Names() {
		// The operations of certificates find none, whoever asks.
		if !tested[name] && !strings.Contains(name, "Certificate") {
			t.Errorf("%s has no row", name)
		}
	}
}
